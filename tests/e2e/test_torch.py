"""The whole program beside the same training written in PyTorch: data, loss, gradients, clipping, optimiser."""

import json
import os
import sys
import unittest

from harness import SOURCE, Case, read_checkpoint, read_metrics, run

try:
    import torch
    torch.set_num_threads(1) # small models, beside ranks that want the cores

    sys.path.insert(0, os.path.join(SOURCE, "tools"))
    import to_torch
except ImportError:
    torch = None

STEPS, ROWS, BPTT = 10, 8, 10


def encode(text, vocabulary, unit):
    index = {token: number for number, token in enumerate(vocabulary)}
    if unit == "char":
        return [index[token] for token in text]
    tokens = [word for line in text.splitlines() for word in [*line.split(), "<eos>"]]
    return [index.get(token, index["<unk>"]) for token in tokens]


@unittest.skipIf(torch is None, "no torch package")
class Parity(Case):
    def trained_in_torch(self, checkpoint, tokens, optimiser, clip, per_row):
        """Ten steps of truncated BPTT over the same windows; returns the module and its losses."""
        model = to_torch.load(checkpoint)
        model.train()
        optimiser = optimiser(model.parameters())
        length = (len(tokens) - 1) // ROWS
        data = torch.tensor(tokens)
        inputs = torch.stack([data[row * length:(row + 1) * length] for row in range(ROWS)], 1)
        targets = torch.stack([data[row * length + 1:(row + 1) * length + 1] for row in range(ROWS)], 1)
        state, losses = None, []
        for step in range(STEPS):
            window = slice(step * BPTT, (step + 1) * BPTT)
            logits, state = model(inputs[window], state)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets[window].flatten())
            losses.append(loss.item())
            optimiser.zero_grad()
            (loss * BPTT if per_row else loss).backward()
            # Our clipping leaves out the 1e-6 that clip_grad_norm_ adds to the norm.
            norm = torch.linalg.vector_norm(torch.stack([p.grad.double().norm() for p in model.parameters()]))
            for parameter in model.parameters():
                parameter.grad *= min(1.0, clip / norm.item())
            optimiser.step()
            state = tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()
        return model, losses

    def compare(self, name, ranks, optim, torch_optim, tolerance, clip=0.5, per_row=False, unit="char", **model):
        values = {"model": json.dumps({"num_layers": 2, "embedding_size": 12, "hidden_size": 20, **model}).replace('"', ""),
                  "task__unit": unit, "train__max_grad_norm": clip, "train__loss_scale": "row" if per_row else "token"}
        self.train(f"{name}-start", 1, train__max_steps=1, optim="{type: sgd, lr: 1.0e-37}", **values)
        start = self.path(f"{name}-start")
        self.train(name, ranks, train__max_steps=STEPS, optim=optim, options=["--init-from", start], **values)

        metadata, trained = read_checkpoint(self.path(name))
        vocabulary = json.loads(metadata["vocab"])["tokens"]
        with open(self.text, encoding="utf-8") as file:
            tokens = encode(file.read(), vocabulary, unit)
        tokens = tokens[: int(len(tokens) * 0.8)]
        reference, losses = self.trained_in_torch(start, tokens, torch_optim, clip, per_row)
        ours = [line["loss"] for line in read_metrics(self.path(name, "")) if line["split"] == "train"]
        for ours_loss, loss in zip(ours, losses, strict=True):
            self.assertAlmostEqual(ours_loss / loss, 1, delta=1e-5)
        worst = 0.0
        for key, tensor in reference.state_dict().items():
            if key not in trained:
                continue
            got = torch.frombuffer(bytearray(trained[key][1]), dtype=torch.float32).reshape(tensor.shape)
            worst = max(worst, ((got - tensor).abs().max() / tensor.abs().max()).item())
        print(f"{name}: largest relative difference of a tensor after {STEPS} steps {worst:.2e}", file=sys.stderr)
        self.assertLess(worst, tolerance)

    def test_ten_steps_with_sgd(self):
        for cell in ("lstm", "gru", "rnn_tanh", "rnn_relu"):
            self.compare(f"sgd-{cell}", 2, "{type: sgd, lr: 0.5}", lambda p: torch.optim.SGD(p, lr=0.5), 1e-5, cell=cell)

    def test_ten_steps_with_sgd_summed_over_time(self):
        self.compare("row", 3, "{type: sgd, lr: 0.1, momentum: 0.9}", lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9), 1e-5,
                     clip=5.0, per_row=True)

    def test_ten_steps_with_adam(self):
        for cell in ("lstm", "gru"):
            self.compare(f"adam-{cell}", 2, "{type: adam, lr: 0.002}", lambda p: torch.optim.Adam(p, lr=0.002), 1e-4, cell=cell)

    def test_ten_steps_with_adamw_and_tied_weights(self):
        self.compare("tied", 2, "{type: adamw, lr: 0.002, weight_decay: 0.01}",
                     lambda p: torch.optim.AdamW(p, lr=0.002, weight_decay=0.01), 1e-4, tie_weights=True, embedding_size=20)


CLASSIFY = """
run: {name: r, dir: %s/runs}
task: {type: classify, pooling: mean}
data: {train: %s, split: [0.8, 0.2, 0]}
model: {embedding_size: 12, hidden_size: 10, num_layers: 2, bidirectional: true}
train: {global_batch_size: 8, max_steps: 20}
"""


@unittest.skipIf(torch is None, "no torch package")
class Parts(Case):
    """Of tasks other than the language model to_torch.py gives the layers, to be put together by who uses them."""

    def setUp(self):
        super().setUp()
        with open(self.text, encoding="utf-8") as file:
            self.lines = [" ".join(line.split()) for line in file if line.strip()]
        self.words = sorted({word for line in self.lines for word in line.split()})

    def test_the_parts_of_a_classifier_predict_what_ringrnn_predicts(self):
        examples = self.write("lines.tsv", "".join(f"{'long' if len(line) > 60 else 'short'}\t{line}\n" for line in self.lines))
        self.config = self.write("classify.yaml", CLASSIFY % (self.folder, examples))
        asked = self.write("asked.txt", "".join(f"{line}\n" for line in self.lines[:20]))
        for cell in ("lstm", "gru", "rnn_tanh"):
            self.train(cell, model__cell=cell)
            model = to_torch.load(self.path(cell))
            numbers = {token: number for number, token in enumerate(model.vocab["tokens"]["tokens"])}
            answers = [json.loads(line) for line in run(["predict", self.path(cell), asked]).stdout.splitlines()]
            self.assertEqual(len(answers), 20)
            for line, answer in zip(self.lines[:20], answers, strict=True):
                tokens = torch.tensor([[numbers.get(word, numbers["<unk>"])] for word in line.split()])  # [T, 1]
                with torch.no_grad():
                    output, _ = model.rnn(model.embedding(tokens))
                    found = torch.softmax(model.head(output.mean(0)), -1)[0]
                for probability, label in zip(found, model.vocab["labels"], strict=True):
                    self.assertAlmostEqual(probability.item(), answer["probabilities"][label["name"]], delta=1e-5)

    def test_every_tensor_of_every_task_has_its_place(self):
        pairs = self.write("pairs.tsv", "".join(f"{word}\t{word[::-1]}\n" for word in self.words))
        tagged = [self.write(f"{name}.txt", "".join(f"{' '.join(kind(word) for word in line.split())}\n" for line in self.lines))
                  for name, kind in (("words", str), ("tags", lambda word: "B-long" if len(word) > 6 else "O"))]
        stories = self.write("stories.txt", "".join(f"1 Ann went to the {word}.\n2 Where is Ann? \t{word}\t1\n" for word in "abc"))
        numbers = self.write("numbers.csv", "date,x\n" + "".join(f"2020-01-01 {hour // 60:02}:{hour % 60:02},{hour % 17}\n"
                                                               for hour in range(600)))
        for name, task, data, model in (
            ("seq2seq", "{type: seq2seq, unit: char, attention: additive, input_feeding: true}", f"{{train: {pairs}}}", {"num_layers": 2}),
            ("tag", "{type: tag, head: crf, char_features: lstm}", f"{{train: [{', '.join(tagged)}], format: parallel}}", {}),
            ("qa", "{type: qa, attention: additive}", f"{{train: {stories}, format: babi}}", {"bidirectional": "true"}),
            ("pooled", "{type: classify, pooling: attention}", f"{{train: {pairs}}}", {"bias": "false"}),
            ("forecast", "{type: forecast, window: 24, horizon: 6, linear_skip: true}", f"{{train: {numbers}}}", {}),
        ):
            values = {f"model__{key}": value for key, value in model.items()}
            config = self.write(f"{name}.yaml", f"run: {{dir: {self.folder}/runs}}\ntask: {task}\ndata: {data}\n"
                                "model: {embedding_size: 8, hidden_size: 6, num_layers: 1}\n"
                                "train: {global_batch_size: 3, max_steps: 1}\n")
            result = run(["train", config, "--set", f"run.name={name}", *self.settings(**values)])
            self.assertEqual(result.returncode, 0, f"{name}: {result.stderr}")
            state = to_torch.load(self.path(name)).state_dict()
            _, tensors = read_checkpoint(self.path(name))
            weights = {key: tensor for key, tensor in tensors.items() if not key.startswith("optimizer.") and key != "carry"}
            self.assertEqual(sorted(state), sorted(weights), name)
            for key, (shape, content) in weights.items():
                self.assertEqual(list(state[key].shape), shape, f"{name}: {key}")
                self.assertEqual(state[key].numpy().tobytes(), content, f"{name}: {key}")


if __name__ == "__main__":
    unittest.main()
