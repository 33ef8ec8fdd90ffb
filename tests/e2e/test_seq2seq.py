"""Sequence to sequence: the same on any number of ranks and after a kill, searches, BLEU, and as in PyTorch."""

import functools
import json
import os
import random
import subprocess
import unittest

from harness import DATA, PROGRAM, SOURCE, Case, metrics_without_times, read_checkpoint, read_metrics, run, state_hash

try:
    import torch
    torch.set_num_threads(1) # small models, beside ranks that want the cores
except ImportError:
    torch = None
try:
    import sacrebleu
except ImportError:
    sacrebleu = None

CONFIG = """
run: {name: r, dir: %(folder)s/runs}
task: {type: seq2seq, attention: additive, input_feeding: true, label_smoothing: 0.1}
data: {train: %(text)s, split: [0.7, 0.15, 0.15], lowercase: true, split_punctuation: true, vocab: {min_count: 2}}
model: {cell: lstm, embedding_size: 12, hidden_size: 10, num_layers: 2, bidirectional: true, dropout: 0.2,
        dropout_input: 0.1, dropout_output: 0.2}
train: {global_batch_size: 8, max_epochs: null, max_steps: 40, max_grad_norm: 1.0}
eval: {every: 20}
optim: {type: adam, lr: 0.01}
ckpt: {every_steps: 7, keep: 3}
log: {every_steps: 1, tensorboard: false}
"""


class Pairs(Case):
    """Lines of the project's documents, to be said backwards."""

    def setUp(self):
        super().setUp()
        with open(self.text, encoding="utf-8") as source:
            lines = [line.split() for line in source]
        self.pairs = [(words[:9], words[:9][::-1]) for words in lines if 2 <= len(words)][:150]
        self.text = self.write("pairs.tsv", "".join(f"{' '.join(a)}\t{' '.join(b)}\tmore\n" for a, b in self.pairs))
        self.config = self.write("s.yaml", CONFIG % {"folder": self.folder, "text": self.text})

    def losses(self, name):
        return [line["loss"] for line in read_metrics(self.path(name, "")) if line["split"] == "train"]


class Seq2seq(Pairs):
    def test_any_number_of_ranks_and_parts_gives_the_same_curve(self):
        values = {"train__global_batch_size": 13, "train__max_steps": 30}
        self.train("one", 1, **values)
        for name, ranks, more in (("two", 2, {}), ("three", 3, {}), ("micro", 2, {"train__micro_batch_size": 3})):
            self.train(name, ranks, **values, **more)
            for a, b in zip(self.losses("one"), self.losses(name), strict=True):
                self.assertLess(abs(a - b), 1e-4 * max(1, abs(a)), name)
            valid = [[line for line in read_metrics(self.path(run_name, "")) if line["split"] == "valid"][-1]
                     for run_name in ("one", name)]
            self.assertAlmostEqual(valid[0]["chrf"], valid[1]["chrf"], delta=0.5)
        self.assertLess(sum(self.losses("one")[-10:]), sum(self.losses("one")[:10]))

    def test_killed_and_resumed_it_has_the_same_bits(self):
        for attention in ("additive", "none"):
            values = {"task__attention": attention, "task__input_feeding": "true" if attention != "none" else "false"}
            whole, killed = f"whole-{attention}", f"killed-{attention}"
            self.train(whole, 2, **values)
            self.train(killed, 2, env={"RINGRNN_FAULT": "kill:1:23"}, expect=None, **values)
            self.train(killed, 2, **values)
            self.assertEqual(state_hash(self.path(killed)), state_hash(self.path(whole)))
            self.assertEqual(metrics_without_times(self.path(killed, "")), metrics_without_times(self.path(whole, "")))

    def test_threads_and_a_sharded_optimiser_give_the_same_bits(self):
        self.train("plain", 2)
        self.train("sharded", 2, dist__shard_optimizer="true")
        self.train("threads", 2, dist__threads_per_rank=2)
        for name in ("sharded", "threads"):
            self.assertEqual(read_checkpoint(self.path(name))[1].keys(), read_checkpoint(self.path("plain"))[1].keys())
            self.assertEqual(self.losses(name), self.losses("plain"), name)

    def test_it_learns_to_add(self):
        text = self.write("add.tsv", subprocess.run([os.path.join(SOURCE, "tools", "make_addition"), "2", "4000"], text=True,
                                                    capture_output=True, check=True).stdout)
        self.train("add", 2, data__train=text, task="{type: seq2seq, unit: char}", data__vocab__min_count=1,
                   model="{embedding_size: 32, hidden_size: 96, num_layers: 1, bidirectional: true}",
                   train__global_batch_size=64, train__max_steps=700, eval__every=350, optim__lr=0.005)
        test = [line for line in read_metrics(self.path("add", "")) if line["split"] == "test"][-1]
        self.assertGreater(test["exact"], 0.6)
        asked = self.write("asked", "12+34\n\n5+5\n")
        lines = [json.loads(line) for line in run(["predict", self.path("add"), asked]).stdout.splitlines()]
        self.assertEqual([line["text"] for line in lines], ["46", "", "10"])

    def test_a_beam_is_at_least_as_likely_and_each_line_stands_by_itself(self):
        self.train("p", 2, data__split="null", data__test=self.text, train__max_steps=120, task__label_smoothing=0,
                   task__max_output=12)
        texts = self.write("texts", "".join(" ".join(a) + "\n" for a, _ in self.pairs[:70]))
        greedy = [json.loads(line) for line in run(["predict", self.path("p"), texts]).stdout.splitlines()]
        alone = self.write("alone", " ".join(self.pairs[41][0]) + "\tits target\n") # which is not read
        line = json.loads(run(["predict", self.path("p"), alone]).stdout)
        self.assertEqual({**line, "line": 42}, greedy[41])
        for beams in (1, 4):
            self.train(f"b{beams}", 1, data__split="null", data__test=self.text, train__max_steps=1,
                       task__label_smoothing=0, task__max_output=12, task__beam_size=beams, task__length_penalty=0,
                       optim="{type: sgd, lr: 1.0e-37}", options=["--init-from", self.path("p")])
        one, four = ([json.loads(line) for line in run(["predict", self.path(f"b{beams}"), texts]).stdout.splitlines()]
                     for beams in (1, 4))
        self.assertEqual([line["text"] for line in one], [line["text"] for line in greedy])
        better = [b["log_probability"] - a["log_probability"] for a, b in zip(one, four, strict=True)]
        self.assertGreater(sum(better), 0)

    @unittest.skipIf(sacrebleu is None, "no sacrebleu package")
    def test_bleu_and_chrf_are_those_of_sacrebleu(self):
        self.train("p", 2, data__split="null", data__test=self.text, train__max_steps=150, data__lowercase="false",
                   data__split_punctuation="false", data__vocab__min_count=1, task__label_smoothing=0)
        for ranks in (1, 3):
            result = run(["eval", self.path("p"), "--json"], ranks)
            self.assertEqual(result.returncode, 0, result.stderr)
            metrics = json.loads(result.stdout)
            texts = self.write("texts", "".join(" ".join(a) + "\n" for a, _ in self.pairs))
            said = [json.loads(line)["text"] for line in run(["predict", self.path("p"), texts]).stdout.splitlines()]
            references = [" ".join(b) for _, b in self.pairs]
            self.assertAlmostEqual(metrics["bleu"], sacrebleu.corpus_bleu(said, [references]).score, places=6)
            self.assertAlmostEqual(metrics["chrf"], sacrebleu.corpus_chrf(said, [references]).score, places=6)
            self.assertAlmostEqual(metrics["exact"], sum(a == b for a, b in zip(said, references)) / len(said), places=9)
            floors = {floor["metric"]: floor["value"] for floor in metrics["floors"]}
            copies = [" ".join(a) for a, _ in self.pairs]
            self.assertAlmostEqual(floors["bleu"], sacrebleu.corpus_bleu(copies, [references]).score, places=6)

    def test_lines_of_codes_end_where_subword_nmt_ends_them(self):
        """At what ends a line for Python: most of it stays a part of the word before; what is written ends as what was read."""
        text = os.path.join(self.folder, "breaks")
        with open(text, "wb") as out:
            out.write("ab\x85ab abab\u2028ab\r\nab ab\vab".encode())
        learnt = subprocess.run([PROGRAM, "bpe", "learn", "--merges", "10", text], capture_output=True, check=True).stdout.decode()
        self.assertEqual(learnt, "#version: 0.2\na b</w>\na b\n")  # subword-nmt 0.3.8
        applied = subprocess.run([PROGRAM, "bpe", "apply", self.write("codes", learnt), text], capture_output=True, check=True)
        self.assertEqual(applied.stdout.decode(), "ab@@ \x85ab ab@@ ab@@ \u2028ab\r\nab ab@@ \vab")

    def test_words_in_pieces(self):
        """Codes of both sides; a checkpoint keeps them, and texts come out in whole words."""
        codes = []
        for side in (0, 1):
            words = self.write(f"side{side}", "".join(" ".join(pair[side]) + "\n" for pair in self.pairs))
            codes.append(self.write(f"codes{side}", run(["bpe", "learn", "--merges", 40 + 60 * side, words]).stdout))
        values = {"task__bpe": f"[{', '.join(codes)}]", "task__max_output": 40, "train__global_batch_size": 13,
                  "data__lowercase": "false", "data__split_punctuation": "false"}
        self.train("one", 1, **values)
        self.train("two", 2, **values)
        for a, b in zip(self.losses("one"), self.losses("two"), strict=True):
            self.assertLess(abs(a - b), 1e-4 * max(1, abs(a)))
        self.train("killed", 2, env={"RINGRNN_FAULT": "kill:1:25"}, expect=None, **values)
        self.train("killed", 2, **values)
        self.assertEqual(state_hash(self.path("killed")), state_hash(self.path("two")))
        held = self.write("held.tsv", "".join(f"{' '.join(a)}\t{' '.join(b)}\n" for a, b in self.pairs[:40]))
        settings = self.settings(data__split="null", data__test=held)
        metrics = json.loads(run(["eval", self.path("two"), "--json", *settings], 2).stdout)
        for path in codes:
            os.remove(path)
        asked = self.write("asked", "".join(" ".join(a) + "\n" for a, _ in self.pairs[:40]))
        said = run(["predict", self.path("two"), asked, "--format", "text"])
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertNotIn("@@", said.stdout)
        if sacrebleu is not None:
            references = [" ".join(b) for _, b in self.pairs[:40]]
            self.assertAlmostEqual(sacrebleu.corpus_bleu(said.stdout.splitlines(), [references]).score, metrics["bleu"], places=6)
            self.assertAlmostEqual(sacrebleu.corpus_chrf(said.stdout.splitlines(), [references]).score, metrics["chrf"], places=6)
        for text, name, word in (("a b c\n", "task.bpe", "bad:1"), ("", "task.bpe", "no merges")):
            result = self.train("bad", 2, expect=2, task__bpe=self.write("bad", text))
            self.assertIn(name, result.stderr)
            self.assertIn(word, result.stderr)
        self.assertIn("word", self.train("bad", 2, expect=2, task__bpe=held, task__unit="char").stderr)

    def test_bad_input_is_named_with_file_and_line(self):
        def refused(*words, **values):
            result = self.train("bad", 2, expect=2, **values)
            for word in words:
                self.assertIn(word, result.stderr)

        refused("pairs.tsv:", "target has", "data.max_length is 3", data__max_length=3)
        refused("task.attention", "dot", task__attention="dot")
        refused("task.input_feeding", "task.attention", task__attention="none")
        refused("model.tie_weights", model__tie_weights="true")
        self.write("one", "a b\nc d\n")
        self.write("two", "a b\n")
        refused("1", "2", "parallel", data__train=f"[{self.folder}/one, {self.folder}/two]", data__format="parallel")
        refused("one:1", "data.format: parallel", data__train=f"[{self.folder}/one, {self.folder}/two]")
        bad = self.write("bad.tsv", "a b\tc\nonly a source\n")
        refused("bad.tsv:2", "column", data__train=bad)
        self.train("skips", 1, data__max_length=8, data__on_error="skip", train__max_steps=2)

    @unittest.skipUnless(os.path.exists(os.path.join(DATA, "tatoeba")), "no real data")
    def test_it_translates_short_sentences(self):
        with open(os.path.join(DATA, "tatoeba", "fra.txt"), encoding="utf-8") as source:
            text = self.write("fra.tsv", "".join(line for number, line in enumerate(source) if 2000 <= number < 22000))
        self.train("fra", 2, data__train=text, data__split="[0.96, 0.02, 0.02]",
                   task="{type: seq2seq, attention: general}",
                   model="{embedding_size: 96, hidden_size: 96, num_layers: 1, bidirectional: true}",
                   train__global_batch_size=64, train__max_steps=900, eval__every=900, optim__lr=0.004, timeout=300)
        test = [line for line in read_metrics(self.path("fra", "")) if line["split"] == "test"][-1]
        self.assertGreater(test["chrf"], 25)
        self.assertLess(test["loss"], 3.2)


@unittest.skipIf(torch is None, "no torch package")
class Parity(Pairs):
    """The same model in PyTorch, a sentence at a time."""

    def modules(self, kind, cell, feeding, directions, sources, targets):
        nn, E, H = torch.nn, 12, 10
        M = directions * H
        layer = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn_tanh": nn.RNN,
                 "rnn_relu": functools.partial(nn.RNN, nonlinearity="relu")}[cell]
        parts = {"head": nn.Linear(H, targets),
                 "decoder": nn.ModuleDict({"embedding": nn.Embedding(targets, E), "rnn": layer(E + feeding * H, H, 2)}),
                 "encoder": nn.ModuleDict({"embedding": nn.Embedding(sources, E),
                                           "rnn": layer(E, H, 2, bidirectional=directions == 2)})}
        if kind != "none":
            parts["decoder"]["combine"] = nn.Linear(M + H, H)
        if kind == "general":
            parts["decoder"]["attention"] = nn.ModuleDict({"memory": nn.Linear(M, H, bias=False)})
        if kind == "additive":
            parts["decoder"]["attention"] = nn.ModuleDict({
                "score": nn.Linear(H, 1, bias=False), "query": nn.Linear(H, H, bias=False), "memory": nn.Linear(M, H)})
        if directions == 2:
            parts["bridge"] = nn.ModuleDict({name: nn.Linear(2 * H, H) for name in ("h", "c")[:1 + (cell == "lstm")]})
        return nn.ModuleDict(parts)

    def loss(self, model, kind, scale, feeding, directions, source, target, smoothing):
        outputs, state = model["encoder"]["rnn"](model["encoder"]["embedding"](torch.tensor(source)))
        lstm = isinstance(state, tuple)
        parts = list(state) if lstm else [state]
        if directions == 2:
            parts = [model["bridge"][name](torch.cat([part[0::2], part[1::2]], -1))
                     for name, part in zip(("h", "c"), parts)]
        end, decoder = 1, model["decoder"]
        fed, losses = torch.zeros(10), []
        for read, wanted in zip([end] + target, target + [end]):
            x = decoder["embedding"](torch.tensor(read))
            if feeding:
                x = torch.cat([x, fed])
            y, state = decoder["rnn"](x[None], tuple(parts) if lstm else parts[0])
            parts = list(state) if lstm else [state]
            h = y[0]
            if kind != "none":
                attention = decoder["attention"] if kind != "dot" else None
                if kind == "dot":
                    scores = outputs @ h * scale
                elif kind == "general":
                    scores = attention["memory"](outputs) @ h * scale
                else:
                    scores = attention["score"](torch.tanh(attention["memory"](outputs) + attention["query"](h)))[:, 0]
                context = torch.softmax(scores, 0) @ outputs
                h = fed = torch.tanh(decoder["combine"](torch.cat([context, h])))
            losses.append(torch.nn.functional.cross_entropy(model["head"](h)[None], torch.tensor([wanted]),
                                                            label_smoothing=smoothing))
        return sum(losses), len(losses)

    def compare(self, kind, cell, feeding, directions, smoothing, scaled=False):
        chosen = random.Random(7).sample(self.pairs, 24)
        long = tuple(sum(texts, []) for texts in zip(*self.pairs[:20]))
        chosen = [long] + [(a, b[:2 + i % 7]) for i, (a, b) in enumerate(chosen)]
        text = self.write("chosen.tsv", "".join(f"{' '.join(a)}\t{' '.join(b)}\n" for a, b in chosen))
        values = {"data": f"{{train: {text}}}", "eval__every": 100, "train__global_batch_size": len(chosen),
                  "train__max_grad_norm": "null",
                  "task": f"{{type: seq2seq, attention: {kind}, input_feeding: {str(feeding).lower()}, label_smoothing: {smoothing}"
                          f"{', attention_scaled: true' if scaled else ''}}}",
                  "model": f"{{cell: {cell}, embedding_size: 12, hidden_size: 10, num_layers: 2, "
                           f"bidirectional: {str(directions == 2).lower()}}}"}
        name = f"{kind}-{cell}-{feeding}-{directions}-{scaled}"
        self.train(f"start-{name}", 1, train__max_steps=1, optim="{type: sgd, lr: 1.0e-37}", **values)
        self.train(name, 2, train__max_steps=10, options=["--init-from", self.path(f"start-{name}")], **values)
        metadata, start = read_checkpoint(self.path(f"start-{name}"))
        vocabulary = json.loads(metadata["vocab"])
        sources, targets = ({token: i for i, token in enumerate(vocabulary[side]["tokens"])} for side in ("source", "target"))
        model = self.modules(kind, cell, feeding, directions, len(sources), len(targets))
        model.load_state_dict({key: torch.frombuffer(bytearray(data), dtype=torch.float32).reshape(shape)
                               for key, (shape, data) in start.items() if not key.startswith("optimizer.")})
        optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
        ours = self.losses(name)
        self.assertEqual(len(ours), 10)
        for loss_of_ours in ours:
            results = [self.loss(model, kind, 10 ** -0.5 if scaled else 1, feeding, directions, [sources[w] for w in a], [targets[w] for w in b],
                                 smoothing) for a, b in chosen]
            loss = sum(result[0] for result in results) / sum(result[1] for result in results)
            self.assertLess(abs(loss_of_ours - loss.item()), 1e-4 * loss.item(), name)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    def test_ten_steps_of_every_kind(self):
        for case in (("none", "gru", False, 1, 0.0), ("none", "lstm", False, 2, 0.0), ("dot", "lstm", False, 1, 0.1),
                     ("dot", "gru", True, 1, 0.0), ("general", "lstm", True, 2, 0.1), ("general", "gru", False, 2, 0.0),
                     ("additive", "lstm", False, 2, 0.0), ("additive", "lstm", True, 2, 0.2),
                     ("additive", "rnn_tanh", True, 2, 0.0), ("general", "rnn_relu", False, 1, 0.1),
                     ("general", "lstm", False, 2, 0.0, True), ("dot", "gru", True, 1, 0.0, True)):
            with self.subTest(case):
                self.compare(*case)


if __name__ == "__main__":
    unittest.main()
