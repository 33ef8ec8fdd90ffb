"""Classification of texts: the same on any number of ranks, after a kill, in every format, and as in PyTorch."""

import json
import math
import os
import re
import struct
import unittest

from harness import DATA, SOURCE, Case, metrics_without_times, read_checkpoint, read_metrics, run, state_hash

try:
    import torch
    torch.set_num_threads(1) # small models, beside ranks that want the cores
except ImportError:
    torch = None

CONFIG = """
run: {name: r, dir: %(folder)s/runs}
task: {type: classify}
data: {train: %(text)s, split: [0.7, 0.15, 0.15], lowercase: true, split_punctuation: true, vocab: {min_count: 2}}
model: {cell: lstm, embedding_size: 12, hidden_size: 10, num_layers: 2, bidirectional: true, dropout: 0.2,
        dropout_input: 0.1, dropout_output: 0.2}
train: {global_batch_size: 8, max_epochs: null, max_steps: 60, max_grad_norm: 1.0}
eval: {every: 20}
optim: {type: adam, lr: 0.01}
ckpt: {every_steps: 7, keep: 3}
log: {every_steps: 1, tensorboard: false}
"""


class Classify(Case):
    """Which of the project's documents a line is from: real text with three classes."""

    def setUp(self):
        super().setUp()
        self.examples = []
        for name in ("README.md", "CONTRIBUTING.md", "docs/architecture.md"):
            with open(os.path.join(SOURCE, name), encoding="utf-8") as source:
                label = os.path.basename(name)[:-3].lower()
                lines = [" ".join(line.split()) for line in source]
                self.examples += [(label, line) for line in lines if re.search(r"\w", line)]
        self.text = self.write("lines.tsv", "".join(f"{label}\t{text}\n" for label, text in self.examples))
        self.config = self.write("classify.yaml", CONFIG % {"folder": self.folder, "text": self.text})

    def losses(self, name, split="train"):
        return [line["loss"] for line in read_metrics(self.path(name, "")) if line["split"] == split]

    def assert_same_curve(self, name, other):
        """Of 60 steps: from some step on, which one depends on the text, rounding grows tenfold every few."""
        self.assertEqual(len(self.losses(name)), len(self.losses(other)))
        for a, b in zip(self.losses(name)[:60], self.losses(other)[:60]):
            self.assertLess(abs(a - b), 1e-4 * max(1, abs(a)), f"{name}, {other}")

    def test_any_number_of_ranks_and_parts_gives_the_same_curve(self):
        """13 rows on 3 ranks, rows in turns, and the short batch at the end of an epoch, which leaves ranks without rows."""
        for pooling in ("last", "attention"):
            values = {"task__pooling": pooling, "train__global_batch_size": 13, "train__max_steps": 45}
            self.train(f"{pooling}1", 1, **values)
            for ranks in (2, 3):
                self.train(f"{pooling}{ranks}", ranks, **values)
                self.assert_same_curve(f"{pooling}1", f"{pooling}{ranks}")
            self.train(f"{pooling}-micro", 2, train__micro_batch_size=3, **values)
            self.assert_same_curve(f"{pooling}1", f"{pooling}-micro")
        self.assertLess(sum(self.losses("last1")[-15:]), sum(self.losses("last1")[:15]))

    def test_threads_and_a_sharded_optimiser_give_the_same_bits(self):
        self.train("plain", 2)
        self.train("threads", 2, dist__threads_per_rank=2)
        self.train("sharded", 2, dist__shard_optimizer="true")
        self.assertEqual(state_hash(self.path("plain")), state_hash(self.path("threads")))
        self.assertEqual(state_hash(self.path("plain")), state_hash(self.path("sharded")))

    def test_killed_and_resumed_it_has_the_same_bits(self):
        for ranks, step in ((1, 23), (2, 41)):
            self.train(f"whole{ranks}", ranks)
            name = f"killed{ranks}"
            self.train(name, ranks, env={"RINGRNN_FAULT": f"kill:0:{step}"}, expect=None)
            self.train(name, ranks)
            self.assertEqual(state_hash(self.path(name)), state_hash(self.path(f"whole{ranks}")))
            self.assertEqual(metrics_without_times(self.path(name, "")), metrics_without_times(self.path(f"whole{ranks}", "")))

    def test_every_format_holds_the_same_examples(self):
        def quoted(text):
            return '"' + text.replace('"', '""') + '"'

        half = len(self.examples) // 2
        self.write("a.csv", "id,label,text\r\n" + "".join(f"{i},{label},{quoted(text)}\r\n"
                                                          for i, (label, text) in enumerate(self.examples[:half])))
        self.write("b.csv", "id,label,text\n" + "".join(f"{i},{label},{quoted(text)}\n"
                                                        for i, (label, text) in enumerate(self.examples[half:])))
        self.write("texts", "".join(f"{text}\n" for _, text in self.examples))
        self.write("labels", "".join(f"{label}\n" for label, _ in self.examples))
        for i, (label, text) in enumerate(sorted(self.examples)):
            os.makedirs(os.path.join(self.folder, "classes", label), exist_ok=True)
            self.write(f"classes/{label}/{i:04}.txt", text)
        self.train("tsv", 1, train__max_steps=1)
        expected = read_checkpoint(self.path("tsv"))[0]["fingerprint"]
        folder = self.folder
        self.train("csv", 1, train__max_steps=1, data__train=f"[{folder}/a.csv, {folder}/b.csv]")
        self.train("parallel", 1, train__max_steps=1, data__train=f"[{folder}/texts, {folder}/labels]", data__format="parallel")
        self.train("folders", 1, train__max_steps=1, data__train=f"{folder}/classes")
        for name in ("csv", "parallel"):
            self.assertEqual(read_checkpoint(self.path(name))[0]["fingerprint"], expected, name)
        # Folders give another order, so other parts; the vocabulary of all is the same.
        everything = {"train__max_steps": 1, "data__split": "null"}
        self.train("tsv-all", 1, **everything)
        self.train("folders-all", 1, data__train=f"{folder}/classes", **everything)
        self.assertEqual(read_checkpoint(self.path("tsv-all"))[0]["vocab"], read_checkpoint(self.path("folders-all"))[0]["vocab"])

    def test_vectors_of_words_are_taken_and_frozen(self):
        self.train("plain", 1, train__max_steps=1)
        words = [word for word in json.loads(read_checkpoint(self.path("plain"))[0]["vocab"])["tokens"]["tokens"] if len(word) > 4][:30]
        size = read_checkpoint(self.path("plain"))[1]["embedding.weight"][0][1]
        lines = [f"{word} " + " ".join(f"{(i * 7 + k) % 11 / 4 - 1}" for k in range(size)) for i, word in enumerate(words)]
        glove = self.write("glove.txt", "\n".join(["notthere " + "0.5 " * size] + lines) + "\n")
        word2vec = self.write("word2vec.txt", f"{len(lines)} {size}\n" + " \n".join(lines) + "\n")
        for name, path, frozen in (("glove", glove, "true"), ("word2vec", word2vec, "true"), ("trained", glove, "false")):
            result = self.train(name, 2, train__max_steps=15, model__vectors=path, model__freeze_vectors=frozen,
                                optim="{type: adamw, lr: 0.01, weight_decay: 0.1}")
            self.assertIn(f"30 of ", result.stdout + result.stderr)
            metadata, tensors = read_checkpoint(self.path(name))
            index = json.loads(metadata["vocab"])["tokens"]["tokens"].index(words[3])
            shape, data = tensors["embedding.weight"]
            row = struct.unpack(f"<{size}f", data[index * size * 4:(index + 1) * size * 4])
            same = list(row) == [(3 * 7 + k) % 11 / 4 - 1 for k in range(size)]
            self.assertEqual(same, frozen == "true", name)
        self.assertEqual(state_hash(self.path("glove")), state_hash(self.path("word2vec")))
        self.train("killed", 2, env={"RINGRNN_FAULT": "kill:1:9"}, expect=None, train__max_steps=15, model__vectors=glove,
                   model__freeze_vectors="true", optim="{type: adamw, lr: 0.01, weight_decay: 0.1}")
        self.train("killed", 2, train__max_steps=15, model__vectors=glove, model__freeze_vectors="true",
                   optim="{type: adamw, lr: 0.01, weight_decay: 0.1}")
        self.assertEqual(state_hash(self.path("killed")), state_hash(self.path("glove")))
        short = self.write("short.txt", "word 1 2\n")
        result = self.train("bad", 2, expect=2, model__vectors=short)
        self.assertIn("short.txt:1", result.stderr)
        self.assertIn(f"model.embedding_size is {size}", result.stderr)
        result = self.train("bad", 1, expect=2, model__freeze_vectors="true")
        self.assertIn("needs model.vectors", result.stderr)

    def test_many_lines_are_predicted_whatever_their_lengths(self):
        """Texts are taken some thousands at a time; the second time they need more memory than the first."""
        self.train("p", 1, train__max_steps=2)
        short, long = "a word", "a word " * 40
        texts = self.write("texts", long + "\n" + 4095 * (short + "\n") + 300 * (long + "\n"))
        result = run(["predict", self.path("p"), texts])
        self.assertEqual(result.returncode, 0, result.stderr)
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual(len(lines), 4396)
        self.assertEqual({**lines[0], "line": 0}, {**lines[-1], "line": 0})
        self.assertEqual({**lines[1], "line": 0}, {**lines[4095], "line": 0})

    def test_predictions_are_those_of_the_evaluation(self):
        self.train("p", 2, data__split="null", data__test=self.text, train__max_steps=300)
        result = run(["eval", self.path("p"), "--json"], 2)
        self.assertEqual(result.returncode, 0, result.stderr)
        metrics = json.loads(result.stdout)
        texts = self.write("texts", "".join(f"{text}\n" for _, text in self.examples) + "\n")
        lines = [json.loads(line) for line in run(["predict", self.path("p"), texts]).stdout.splitlines()]
        self.assertEqual([line["line"] for line in lines], list(range(1, len(self.examples) + 2)))
        self.assertIsNone(lines.pop()["label"])
        right = sum(line["label"] == label for line, (label, _) in zip(lines, self.examples, strict=True))
        self.assertAlmostEqual(right / len(lines), metrics["accuracy"], places=9)
        loss = -sum(math.log(line["probabilities"][label]) for line, (label, _) in zip(lines, self.examples, strict=True))
        self.assertAlmostEqual(loss / len(lines), metrics["loss"], places=4)
        for line in lines:
            self.assertAlmostEqual(sum(line["probabilities"].values()), 1, places=4)
        counts = {label: sum(other == label for other, _ in self.examples) for label, _ in self.examples}
        floor = next(floor for floor in metrics["floors"] if floor["metric"] == "accuracy")
        self.assertAlmostEqual(floor["value"], max(counts.values()) / len(self.examples), places=6)
        self.assertGreater(metrics["accuracy"], floor["value"])
        report = run(["eval", self.path("p")]).stdout
        self.assertIn("true \\ predicted", report)
        self.assertIn("majority class", report)

    def test_texts_may_have_several_labels_or_none(self):
        """What a line has of the words "the", "of" and "is", so that some have nothing; rules and metrics by hand."""
        words = ("the", "of", "is")
        rows = [([word for word in words if word in text.lower().split()], text) for _, text in self.examples]
        text = self.write("several.tsv", "".join(f"{'|'.join(labels)}\t{text}\n" for labels, text in rows))
        values = {"data__train": text, "data__test": text, "data__split": "null", "task__multi_label": "true",
                  "task__label_separator": '"|"', "task__pooling": "max", "train__max_steps": 120, "eval__every": 120}
        for ranks in (1, 3):
            self.train(f"m{ranks}", ranks, **values)
        self.assert_same_curve("m1", "m3")
        metrics = json.loads(run(["eval", self.path("m1"), "--json"], 2).stdout)
        texts = self.write("texts", "".join(f"{text}\n" for _, text in rows))
        said = [set(json.loads(line)["labels"]) for line in run(["predict", self.path("m1"), texts]).stdout.splitlines()]
        gold = [set(labels) for labels, _ in rows]

        def scores(said):
            f1 = {word: 2 * sum(word in a and word in b for a, b in zip(gold, said)) /
                  max(1, sum(word in a for a in gold) + sum(word in b for b in said)) for word in words}
            hits = sum(len(a & b) for a, b in zip(gold, said))
            return {"accuracy": sum(a == b for a, b in zip(gold, said)) / len(gold), "macro_f1": sum(f1.values()) / 3,
                    "micro_f1": 2 * hits / sum(len(a) + len(b) for a, b in zip(gold, said))}

        for name, value in scores(said).items():
            self.assertAlmostEqual(metrics[name], value, places=6)
        self.assertGreater(metrics["micro_f1"], 0.5)
        floors = {floor["metric"]: floor["value"] for floor in metrics["floors"]}
        most = {word for word in words if 2 * sum(word in a for a in gold) > len(gold)}
        self.assertAlmostEqual(floors["accuracy"], scores([most for _ in gold])["accuracy"], places=6)
        everything = scores([set(words) for _ in gold])
        self.assertAlmostEqual(floors["macro_f1"], everything["macro_f1"], places=6)
        self.assertAlmostEqual(floors["micro_f1"], everything["micro_f1"], places=6)
        parts = [(sum(word in a for a in gold) + 1) / (len(gold) + 2) for word in words]
        loss = -sum(math.log(p if word in a else 1 - p) for a in gold for word, p in zip(words, parts)) / len(gold) / 3
        self.assertAlmostEqual(floors["loss"], loss, places=6)
        self.assertLess(metrics["loss"], loss)

    def test_a_batch_whose_classes_weigh_nothing_changes_nothing(self):
        text = self.write("light.tsv", "light\ta b\n" * 7 + "heavy\tc\n")
        self.train("w", 2, data__train=text, data__split="null", task__class_weights="[1, 0]", train__global_batch_size=1,
                   train__max_steps=16)
        losses = self.losses("w")
        self.assertEqual(sum(loss > 0 for loss in losses), 2)
        self.assertTrue(all(math.isfinite(loss) for loss in losses))

    def refused(self, *words, **values):
        result = self.train("bad", 2, expect=2, **values)
        for word in words:
            self.assertIn(word, result.stderr)
        self.assertFalse(os.path.exists(self.path("bad")))

    def test_bad_input_is_named_with_file_and_line(self):
        unseen = self.write("unseen.tsv", "readme\tgood text\nnothing\tsome text\n")
        self.refused("unseen.tsv:2", 'label "nothing"', "training", data__split="null", data__valid=unseen)
        self.train("skipped", 1, data__split="null", data__valid=unseen, data__on_error="skip", train__max_steps=2)
        blank = self.write("blank.tsv", "readme\tgood text\n   \tno label\ncontributing\tother text\n")
        self.refused("blank.tsv:2", "the label is empty", data__split="null", data__train=blank)
        self.train("blank", 1, data__split="null", data__train=blank, data__on_error="skip", train__max_steps=2)
        one = self.write("one.tsv", "a\tx y\na\tz\n")
        self.refused("nothing to learn", data__train=one, data__split="null")
        self.refused("data.columns", "[text, label]", data__columns="[1]")
        self.refused("nowhere.tsv", data__train=os.path.join(self.folder, "nowhere.tsv"))
        self.refused("task.class_weights", "must be 3 numbers", task__class_weights="[1, 2]")
        self.refused("task.class_weights", "must not all be 0", task__class_weights="[0, 0, 0]")
        self.refused("task.class_weights", "multi_label", task__class_weights="[1, 2, 3]", task__multi_label="true")
        self.refused("model.tie_weights", model__tie_weights="true")
        self.refused("data.split", "leaves nothing", data__train=self.write("few.tsv", "a\tx\nb\ty\n"))

    @unittest.skipUnless(os.path.exists(os.path.join(DATA, "smsspam")), "no real data")
    def test_spam_is_found(self):
        """A cut of the training that configs/classify-sms.yaml does whole."""
        path = os.path.join(DATA, "smsspam", "SMSSpamCollection")
        result = run(["train", os.path.join(SOURCE, "configs", "classify-sms.yaml"), "--set", f"data.train={path}", "--set",
                      f"run.dir={self.folder}/runs", "--set", "train.max_epochs=4", "--set", "log.tensorboard=false"], 2)
        self.assertEqual(result.returncode, 0, result.stderr)
        test = [line for line in read_metrics(self.path("classify-sms", "")) if line["split"] == "test"][-1]
        self.assertGreater(test["accuracy"], 0.97)


class Reference(torch.nn.Module if torch is not None else object):
    """The same model in PyTorch."""

    def __init__(self, weights, cell, pooling, hidden, layers, both):
        super().__init__()
        kinds = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn_tanh": torch.nn.RNN}
        width = hidden * (2 if both else 1)
        self.pooling = pooling
        self.embedding = torch.nn.Embedding(*weights["embedding.weight"].shape)
        self.rnn = kinds[cell](self.embedding.embedding_dim, hidden, layers, bidirectional=both)
        self.head = torch.nn.Linear(width, weights["head.bias"].numel())
        if pooling == "attention":
            self.pooling_layers = torch.nn.ModuleDict({"hidden": torch.nn.Linear(width, width),
                                                       "score": torch.nn.Linear(width, 1, bias=False)})
            weights = {name.replace("pooling.", "pooling_layers."): value for name, value in weights.items()}
        self.load_state_dict(weights)

    def one(self, tokens):
        output, state = self.rnn(self.embedding(tokens))
        if self.pooling == "last":
            last = state[0] if isinstance(state, tuple) else state
            pooled = last[-2:].flatten() if self.rnn.bidirectional else last[-1]
        elif self.pooling == "mean":
            pooled = output.mean(0)
        elif self.pooling == "max":
            pooled = output.max(0).values
        else:
            layers = self.pooling_layers
            pooled = (layers["score"](torch.tanh(layers["hidden"](output))).softmax(0) * output).sum(0)
        return self.head(pooled)

    def forward(self, texts):
        return torch.stack([self.one(text) for text in texts])


@unittest.skipIf(torch is None, "no torch package")
class Parity(Classify):
    """Training on all examples at once, so that their order does not matter; ten steps of Adam."""

    STEPS = 10

    def setUp(self):
        super().setUp()
        self.examples = self.examples[::3] # PyTorch takes them one by one

    def weights(self, name):
        return {key: torch.frombuffer(bytearray(data), dtype=torch.float32).reshape(shape)
                for key, (shape, data) in read_checkpoint(self.path(name))[1].items()
                if not key.startswith("optimizer.")}

    def compare(self, ranks, cell="lstm", pooling="last", both=True, multi=False, class_weights=None):
        name = f"{cell}-{pooling}-{both}-{multi}"
        texts = self.write("numbered.tsv", "".join(f"{label}{',' + other if multi and i % 3 == 0 else ''}\tw{i % 7} {text}\n"
                           for i, ((label, text), (other, _)) in enumerate(zip(self.examples, self.examples[::-1], strict=True))))
        model = {"cell": cell, "embedding_size": 12, "hidden_size": 10, "num_layers": 2, "bidirectional": str(both).lower()}
        values = {"model": json.dumps(model).replace('"', ""), "task__pooling": pooling, "task__multi_label": str(multi).lower(),
                  "data__train": texts, "data__split": "null", "data__lowercase": "false", "data__split_punctuation": "false",
                  "train__global_batch_size": len(self.examples), "train__max_grad_norm": "null"}
        if class_weights is not None:
            values["task__class_weights"] = class_weights
        self.train(f"{name}-start", 1, train__max_steps=1, optim="{type: sgd, lr: 1.0e-37}", **values)
        self.train(name, ranks, train__max_steps=self.STEPS, options=["--init-from", self.path(f"{name}-start")], **values)

        vocabulary = json.loads(read_checkpoint(self.path(name))[0]["vocab"])
        index = {token: i for i, token in enumerate(vocabulary["tokens"]["tokens"])}
        labels = [item["name"] for item in vocabulary["labels"]]
        inputs, targets = [], []
        with open(texts, encoding="utf-8") as file:
            for line in file:
                label, text = line.rstrip("\n").split("\t")
                inputs.append(torch.tensor([index.get(word, index["<unk>"]) for word in text.split()]))
                targets.append([float(one in label.split(",")) for one in labels] if multi else labels.index(label))
        targets = torch.tensor(targets)
        weight = None if class_weights is None else torch.tensor(class_weights)
        criterion = torch.nn.BCEWithLogitsLoss() if multi else torch.nn.CrossEntropyLoss(weight=weight)
        reference = Reference(self.weights(f"{name}-start"), cell, pooling, 10, 2, both)
        optimiser = torch.optim.Adam(reference.parameters(), lr=0.01)
        for ours in self.losses(name):
            loss = criterion(reference(inputs), targets)
            self.assertLess(abs(ours - loss.item()), 1e-4 * loss.item(), name)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        for key, value in self.weights(name).items():
            other = reference.state_dict()[key.replace("pooling.", "pooling_layers.")]
            difference = (value - other).abs().max() / other.abs().max()
            self.assertLess(difference, 1e-3, f"{name}: {key}")

    def test_poolings(self):
        for pooling in ("last", "mean", "max", "attention"):
            self.compare(2, pooling=pooling)

    def test_cells_directions_weights_and_several_labels(self):
        self.compare(1, cell="gru", both=False)
        self.compare(3, cell="rnn_tanh", pooling="mean", class_weights=[0.5, 2.0, 1.25])
        self.compare(2, pooling="max", multi=True)


for inherited in [name for name in dir(Classify) if name.startswith("test_")]:
    setattr(Parity, inherited, None)  # those ran above
