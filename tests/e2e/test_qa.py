"""Question answering: the same on any number of ranks and after a kill, formats, and as in PyTorch."""

import json
import os
import random
import unittest

from harness import DATA, Case, metrics_without_times, read_checkpoint, read_metrics, run, state_hash

try:
    import torch
    torch.set_num_threads(1) # small models, beside ranks that want the cores
except ImportError:
    torch = None

CONFIG = """
run: {name: r, dir: %(folder)s/runs}
task: {type: qa, attention: additive}
data: {train: %(text)s, split: [0.7, 0.15, 0.15], lowercase: true, split_punctuation: true}
model: {cell: lstm, embedding_size: 12, hidden_size: 10, num_layers: 2, bidirectional: true, dropout: 0.2,
        dropout_input: 0.1, dropout_output: 0.2}
train: {global_batch_size: 8, max_epochs: null, max_steps: 40, max_grad_norm: 1.0}
eval: {every: 20}
optim: {type: adam, lr: 0.01}
ckpt: {every_steps: 7, keep: 3}
log: {every_steps: 1, tensorboard: false}
"""


class Stories(Case):
    """Who is where: two people walk, and one of them is asked for after every other sentence."""

    def setUp(self):
        super().setUp()
        chance = random.Random(3)
        self.questions, lines = [], []
        for _ in range(60):
            story, where, number = [], {}, 0
            for _ in range(1 + chance.randrange(5)):
                name, place = chance.choice(("Ann", "Bob")), chance.choice(("park", "hall", "cellar"))
                where[name] = place
                story.append(f"{name} went to the {place}.")
                number += 1
                lines.append(f"{number} {story[-1]}")
            for name in sorted(where):
                number += 1
                lines.append(f"{number} Where is {name}? \t{where[name]}\t1")
                self.questions.append((" ".join(story), f"Where is {name}?", where[name]))
        self.text = self.write("stories.txt", "\n".join(lines) + "\n")
        self.config = self.write("q.yaml", CONFIG % {"folder": self.folder, "text": self.text})

    def losses(self, name):
        return [line["loss"] for line in read_metrics(self.path(name, "")) if line["split"] == "train"]


class Qa(Stories):
    def test_any_number_of_ranks_and_parts_gives_the_same_curve(self):
        for case, own in (("a", {}), ("s", {"task": "{type: qa, attend: sentences}"}), ("n", {"task__attention": "none", "model__bidirectional": "false"})):
            values = {"train__global_batch_size": 13, "train__max_steps": 30, **own}
            self.train(f"{case}-one", 1, **values)
            for name, ranks, more in (("two", 2, {}), ("three", 3, {}), ("micro", 2, {"train__micro_batch_size": 3})):
                self.train(f"{case}-{name}", ranks, **values, **more)
                for a, b in zip(self.losses(f"{case}-one"), self.losses(f"{case}-{name}"), strict=True):
                    self.assertLess(abs(a - b), 1e-4 * max(1, abs(a)), name)
            self.assertLess(sum(self.losses(f"{case}-one")[-10:]), sum(self.losses(f"{case}-one")[:10]))

    def test_killed_and_resumed_it_has_the_same_bits(self):
        self.train("whole", 2)
        self.train("killed", 2, env={"RINGRNN_FAULT": "kill:1:23"}, expect=None)
        self.train("killed", 2)
        self.assertEqual(state_hash(self.path("killed")), state_hash(self.path("whole")))
        self.assertEqual(metrics_without_times(self.path("killed", "")), metrics_without_times(self.path("whole", "")))

    def test_formats_and_predictions(self):
        values = {"data__split": "null", "train__max_steps": 250, "model__dropout": 0, "model__dropout_input": 0,
                  "model__dropout_output": 0}
        tsv = self.write("stories.tsv", "".join("\t".join(q) + "\n" for q in self.questions))
        self.train("babi", 2, data__test=self.text, **values)
        self.train("tsv", 2, data__train=tsv, data__test=tsv, **values)
        self.assertEqual(read_checkpoint(self.path("babi"))[0]["fingerprint"], read_checkpoint(self.path("tsv"))[0]["fingerprint"])
        metrics = json.loads(run(["eval", self.path("babi"), "--json"], 3).stdout)
        self.assertGreater(metrics["accuracy"], 0.9)
        answers = [answer for _, _, answer in self.questions]
        (floor,) = metrics["floors"]
        self.assertAlmostEqual(floor["value"], max(map(answers.count, answers)) / len(answers), places=9)
        asked = self.write("asked", "".join(f"{story}\t{question}\n" for story, question, _ in self.questions) + "\n")
        lines = [json.loads(line) for line in run(["predict", self.path("babi"), asked]).stdout.splitlines()]
        self.assertEqual(lines.pop()["answer"], None)
        right = [line["answer"] == answer for line, answer in zip(lines, answers, strict=True)]
        self.assertAlmostEqual(sum(right) / len(right), metrics["accuracy"], places=9)
        self.assertTrue(all(abs(sum(line["attention"]) - 1) < 0.02 for line in lines))
        known = self.write("known", "".join("\t".join(q) + "\n" for q in self.questions)) # the answers are not read
        self.assertEqual([json.loads(line) for line in run(["predict", self.path("babi"), known]).stdout.splitlines()], lines)
        alone = self.write("alone", f"{self.questions[33][0]}\t{self.questions[33][1]}\n")
        self.assertEqual({**json.loads(run(["predict", self.path("babi"), alone]).stdout), "line": 34}, lines[33])

    def test_bad_input_is_named_with_file_and_line(self):
        def refused(text, *words, **values):
            path = self.write("bad.txt", text)
            result = self.train("bad", 2, expect=2, **{"data__train": path, **values})
            for word in words:
                self.assertIn(word, result.stderr)

        good = "1 Ann went home.\n2 Where is Ann? \thome\t1\n"
        refused(good + "Bob left.\n", "bad.txt:3", "number")
        refused(good + "4 Bob left.\n", "bad.txt:3", "follows line 2")
        refused("1 Where is Ann? \thome\n" + good, "bad.txt:1", "context is empty")
        refused(good + "3 Who? \t\t1\n", "bad.txt:3", "answer is empty")
        refused("", "holds no example")
        unseen = self.write("unseen.txt", good)
        refused(open(self.text, encoding="utf-8").read(), "unseen.txt:2", 'answer "home"', data__split="null", data__valid=unseen)
        refused(good, "tie_weights", model__tie_weights="true")
        result = self.train("skips", 1, data__on_error="skip", data__split="null", data__valid=f"[{unseen}, {self.text}]",
                            train__max_steps=20)
        self.assertIn("1 answers that training has not: always wrong", result.stdout)
        with_it, without = ({**json.loads(run(["eval", self.path("skips"), "--json", "--split", "valid",
                                               *self.settings(data__valid=valid)], 2).stdout)}
                            for valid in (f"[{unseen}, {self.text}]", self.text))
        count = len(self.questions)
        self.assertAlmostEqual(with_it["accuracy"], without["accuracy"] * count / (count + 1))
        self.assertAlmostEqual(with_it["floors"][0]["value"], without["floors"][0]["value"] * count / (count + 1))
        self.assertAlmostEqual(with_it["loss"], without["loss"])
        self.assertIn("no answer", self.train("bad", 1, expect=2, data__on_error="skip", data__split="null", data__valid=unseen).stderr)
        crlf = self.write("crlf.txt", "\ufeff" + open(self.text, encoding="utf-8").read().replace("\n", "\r\n"))
        self.train("crlf", 1, data__train=crlf, train__max_steps=1)
        self.train("lf", 1, train__max_steps=1)
        self.assertEqual(self.losses("crlf"), self.losses("lf"))
        self.train("r", 1, train__max_steps=1)
        line = self.write("line", "no tab\n")
        result = run(["predict", self.path("r"), line])
        self.assertEqual(result.returncode, 2)
        self.assertIn("line:1", result.stderr)

    @unittest.skipUnless(os.path.exists(os.path.join(DATA, "babi")), "no real data")
    def test_it_answers_bAbI_1(self):
        folder = os.path.join(DATA, "babi", "en-valid")
        self.train("qa1", 2, data=f"{{train: {folder}/qa1_train.txt, valid: {folder}/qa1_valid.txt, test: {folder}/qa1_test.txt, "
                                  "lowercase: true, split_punctuation: true}",
                   model="{cell: gru, embedding_size: 50, hidden_size: 64, num_layers: 1, bidirectional: true}",
                   train__global_batch_size=32, train__max_steps=900, eval__every=300, optim__lr=0.005)
        test = [line for line in read_metrics(self.path("qa1", "")) if line["split"] == "test"][-1]
        self.assertGreater(test["accuracy"], 0.95)


@unittest.skipIf(torch is None, "no torch package")
class Parity(Stories):
    def compare(self, kind, cell, condition, directions, attend="words", scaled=False):
        nn, E, H = torch.nn, 12, 10
        W = directions * H
        chosen = self.questions[:40]
        full_stop = "" if attend == "words" else " ."
        text = self.write("chosen.tsv", "".join("\t".join(q).replace(".", full_stop).replace("?", "") + "\n" for q in chosen))
        name = f"{kind}-{cell}-{condition}-{directions}-{attend}-{scaled}"
        scale = W ** -0.5 if scaled else 1
        values = {"data": f"{{train: {text}}}", "eval__every": 100, "train__global_batch_size": len(chosen),
                  "train__max_grad_norm": "null", "task": f"{{type: qa, attention: {kind}, attend: {attend}, condition: {str(condition).lower()}"
                          f"{', attention_scaled: true' if scaled else ''}}}",
                  "model": f"{{cell: {cell}, embedding_size: {E}, hidden_size: {H}, num_layers: 2, "
                           f"bidirectional: {str(directions == 2).lower()}}}"}
        self.train(f"start-{name}", 1, train__max_steps=1, optim="{type: sgd, lr: 1.0e-37}", **values)
        self.train(name, 2, train__max_steps=10, options=["--init-from", self.path(f"start-{name}")], **values)
        metadata, start = read_checkpoint(self.path(f"start-{name}"))
        vocabulary = json.loads(metadata["vocab"])
        index = {token: i for i, token in enumerate(vocabulary["tokens"]["tokens"])}
        answers = [item["name"] for item in vocabulary["labels"]]
        layer = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn_tanh": nn.RNN}[cell]
        parts = {"head": nn.Linear(2 * W, len(answers)),
                 "story": nn.ModuleDict({"rnn": layer(E + condition * W, H, 2, bidirectional=directions == 2)}),
                 "question": nn.ModuleDict({"embedding": nn.Embedding(len(index), E),
                                            "rnn": layer(E, H, 2, bidirectional=directions == 2)})}
        if kind == "general":
            parts["attention"] = nn.ModuleDict({"memory": nn.Linear(W, W, bias=False)})
        if kind == "additive":
            parts["attention"] = nn.ModuleDict({"score": nn.Linear(W, 1, bias=False), "query": nn.Linear(W, W, bias=False),
                                                "memory": nn.Linear(W, W)})
        model = nn.ModuleDict(parts)
        model.load_state_dict({key: torch.frombuffer(bytearray(data), dtype=torch.float32).reshape(shape)
                               for key, (shape, data) in start.items() if not key.startswith("optimizer.")})

        def last_of(y):
            return torch.cat([y[-1, :H], y[0, H:]])

        def loss_of(story, question, answer):
            words = [torch.tensor([index[word] for word in part.replace(".", full_stop).replace("?", "").split()])
                     for part in (story, question)]
            embedding = model["question"]["embedding"]
            q = last_of(model["question"]["rnn"](embedding(words[1]))[0])
            x = embedding(words[0])
            if condition:
                x = torch.cat([x, q.expand(len(x), -1)], 1)
            y = model["story"]["rnn"](x)[0]
            if kind == "none":
                read = last_of(y)
            else:
                if attend == "sentences":
                    ends = [t + 1 for t, word in enumerate(words[0]) if word == index["."]]
                    y = torch.stack([y[a:b].mean(0) for a, b in zip([0, *ends], ends)])
                if kind == "dot":
                    scores = y @ q * scale
                elif kind == "general":
                    scores = model["attention"]["memory"](y) @ q * scale
                else:
                    a = model["attention"]
                    scores = a["score"](torch.tanh(a["memory"](y) + a["query"](q)))[:, 0]
                read = torch.softmax(scores, 0) @ y
            return nn.functional.cross_entropy(model["head"](torch.cat([read, q]))[None], torch.tensor([answers.index(answer)]))

        optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
        ours = self.losses(name)
        self.assertEqual(len(ours), 10)
        for loss_of_ours in ours:
            loss = sum(loss_of(*question) for question in chosen) / len(chosen)
            self.assertLess(abs(loss_of_ours - loss.item()), 1e-4 * loss.item(), name)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    def test_ten_steps_of_every_kind(self):
        for case in (("general", "lstm", True, 2, "sentences"), ("additive", "gru", False, 1, "sentences"), ("dot", "rnn_tanh", True, 1), ("none", "lstm", True, 2), ("dot", "gru", False, 1), ("general", "lstm", False, 2), ("additive", "gru", True, 2), ("general", "gru", True, 2, "words", True)):
            with self.subTest(case):
                self.compare(*case)


if __name__ == "__main__":
    unittest.main()
