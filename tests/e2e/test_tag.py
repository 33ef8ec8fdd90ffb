"""Tagging: the same on any number of ranks and after a kill, formats, spans, and as in PyTorch."""

import json
import os
import re
import unittest

from harness import DATA, SOURCE, Case, metrics_without_times, read_checkpoint, read_metrics, run, state_hash

try:
    import torch
    torch.set_num_threads(1) # small models, beside ranks that want the cores
except ImportError:
    torch = None

CONFIG = """
run: {name: r, dir: %(folder)s/runs}
task: {type: tag}
data: {train: %(text)s, split: [0.7, 0.15, 0.15], lowercase: true, vocab: {min_count: 2}}
model: {cell: lstm, embedding_size: 12, hidden_size: 10, num_layers: 2, bidirectional: true, dropout: 0.2,
        dropout_input: 0.1, dropout_output: 0.2}
train: {global_batch_size: 8, max_epochs: null, max_steps: 60, max_grad_norm: 1.0}
eval: {every: 20}
optim: {type: adam, lr: 0.01}
ckpt: {every_steps: 7, keep: 3}
log: {every_steps: 1, tensorboard: false}
"""


class Tag(Case):
    """What is code in the project's documents: words between backticks are spans."""

    def setUp(self):
        super().setUp()
        self.sentences = []
        for name in ("README.md", "CONTRIBUTING.md", "docs/architecture.md"):
            with open(os.path.join(SOURCE, name), encoding="utf-8") as source:
                for line in source:
                    sentence = []
                    for number, part in enumerate(line.split("`")):
                        kind = "FLAG" if part.startswith("-") else "CODE"
                        for place, word in enumerate(part.split()):
                            sentence.append((word, "O" if number % 2 == 0 else f"{'I' if place else 'B'}-{kind}"))
                    if sentence:
                        self.sentences.append(sentence)
        self.text = self.write("words.txt", "-DOCSTART- O\n\n" + "\n".join(
            "".join(f"{word} x {tag}\n" for word, tag in sentence) for sentence in self.sentences))
        self.config = self.write("tag.yaml", CONFIG % {"folder": self.folder, "text": self.text})

    def losses(self, name):
        return [line["loss"] for line in read_metrics(self.path(name, "")) if line["split"] == "train"]

    def test_any_number_of_ranks_and_parts_gives_the_same_curve(self):
        values = {"train__global_batch_size": 13, "train__max_steps": 45}
        self.train("one", 1, **values)
        for name, ranks, more in (("two", 2, {}), ("three", 3, {}), ("micro", 2, {"train__micro_batch_size": 3})):
            self.train(name, ranks, **values, **more)
            for a, b in zip(self.losses("one"), self.losses(name), strict=True):
                self.assertLess(abs(a - b), 1e-4 * max(1, abs(a)), name)
        self.assertLess(sum(self.losses("one")[-10:]), sum(self.losses("one")[:10]))

    def test_a_random_field_and_characters_on_any_number_of_ranks(self):
        for own in (self.FIELD, self.CNN):
            values = {"train__global_batch_size": 13, "train__max_steps": 30, **own}
            self.train("one", 1, **values, options=["--resume", "never"])
            for name, ranks, more in (("two", 2, {}), ("three", 3, {}), ("micro", 2, {"train__micro_batch_size": 3})):
                self.train(name, ranks, **values, **more, options=["--resume", "never"])
                for a, b in zip(self.losses("one"), self.losses(name), strict=True):
                    self.assertLess(abs(a - b), 1e-4 * max(1, abs(a)), name)

    def test_fewer_words_than_characters_in_a_step(self):
        text = self.write("short.txt", "Abcdefg X\nhi Y\n\nJklmnop Y\nqrs X\n")
        for own in (self.FIELD, self.CNN):
            few = {"data__train": text, "data__split": "null", "train__global_batch_size": 2, "train__max_steps": 3, **own}
            self.train("one", 1, **few, options=["--resume", "never"])
            self.train("three", 3, **few, options=["--resume", "never"])
            for a, b in zip(self.losses("one"), self.losses("three"), strict=True):
                self.assertLess(abs(a - b), 1e-4 * max(1, abs(a)))

    FIELD = {"task__head": "crf", "task__char_features": "lstm", "task__char_embedding_size": 5, "task__char_hidden_size": 6}
    CNN = {**FIELD, "task__char_features": "cnn", "task__char_kernel_size": 4}

    def test_killed_and_resumed_it_has_the_same_bits(self):
        for case, own in (("softmax", {}), ("crf", self.FIELD), ("cnn", self.CNN)):
            whole, killed = f"whole-{case}", f"killed-{case}"
            self.train(whole, 2, **own)
            self.train(killed, 2, env={"RINGRNN_FAULT": "kill:1:37"}, expect=None, **own)
            self.train(killed, 2, **own)
            self.assertEqual(state_hash(self.path(killed)), state_hash(self.path(whole)))
            self.assertEqual(metrics_without_times(self.path(killed, "")), metrics_without_times(self.path(whole, "")))

    def labelled(self):
        """Keys of a tagger whose sentences have labels: whether they hold code, in words with a blank."""
        text = self.write("labelled.tsv", "".join(
            f"{' '.join(word for word, _ in s)}\t{' '.join(tag for _, tag in s)}\t"
            f"{'with code' if any(tag != 'O' for _, tag in s) else 'plain'}\n" for s in self.sentences))
        return {"task__sentence_label": "true", "data__train": text, "data__format": "tsv", "task__pooling": "mean"}

    def test_labels_of_sentences_on_any_number_of_ranks_and_after_a_kill(self):
        values = {"train__global_batch_size": 13, "train__max_steps": 30, **self.labelled()}
        self.train("one", 1, **values)
        for name, ranks, more in (("two", 2, {}), ("three", 3, {}), ("micro", 2, {"train__micro_batch_size": 3})):
            self.train(name, ranks, **values, **more)
            for a, b in zip(self.losses("one"), self.losses(name), strict=True):
                self.assertLess(abs(a - b), 1e-4 * max(1, abs(a)), name)
        self.train("killed", 2, env={"RINGRNN_FAULT": "kill:1:23"}, expect=None, **values)
        self.train("killed", 2, **values)
        self.assertEqual(state_hash(self.path("killed")), state_hash(self.path("two")))

    def test_labels_of_sentences_are_predicted_as_they_are_evaluated(self):
        values = self.labelled()
        self.train("p", 2, data__split="null", data__test=values["data__train"], **values, **self.FIELD)
        metrics = json.loads(run(["eval", self.path("p"), "--json"], 2).stdout)
        texts = self.write("texts", "".join(" ".join(word for word, _ in s) + "\n" for s in self.sentences))
        lines = [json.loads(line) for line in run(["predict", self.path("p"), texts]).stdout.splitlines()]
        rights = [(line["label"] == ("with code" if any(tag != "O" for _, tag in s) else "plain"),
                   line["tags"] == [tag for _, tag in s]) for line, s in zip(lines, self.sentences, strict=True)]
        self.assertAlmostEqual(sum(label for label, _ in rights) / len(rights), metrics["label_accuracy"], places=9)
        self.assertAlmostEqual(sum(map(all, rights)) / len(rights), metrics["sentence_accuracy"], places=9)
        self.assertTrue(all(0.49 < line["label_probability"] <= 1 for line in lines))
        self.assertEqual({floor["metric"] for floor in metrics["floors"]}, {"accuracy", "f1", "label_accuracy"})
        result = self.train("bad", 2, expect=2, **{**values, "data__format": "columns"})
        self.assertIn("parallel, tsv or csv", result.stderr)
        blanks = self.write("blanks.tsv", "a b\tO X\tyes\nc\tX\t yes \nd\tO\tno \ne\tO\t \n")
        result = self.train("bad", 2, expect=2, **{**values, "data__split": "null", "data__train": blanks})
        self.assertIn("blanks.tsv:4: the label is empty", result.stderr)
        result = self.train("blanks", 1, **{**values, "data__split": "null", "data__train": blanks}, data__on_error="skip", train__max_steps=2)
        self.assertIn("2 classes of sentences", result.stdout)

    def test_every_format_holds_the_same_sentences(self):
        def column(word, tag, number):
            return f"{number}\t{word}\t_\t{tag}\t_\t_\t_\t_\t_\t_\n"

        self.write("a.conllu", "\n".join("".join(column(word, tag, i + 1) for i, (word, tag) in enumerate(sentence))
                                         for sentence in self.sentences))
        self.write("seq.in", "".join(" ".join(word for word, _ in s) + "\n" for s in self.sentences))
        self.write("seq.out", "".join(" ".join(tag for _, tag in s) + "\n" for s in self.sentences))
        self.train("columns", 1, train__max_steps=1)
        self.train("conllu", 1, train__max_steps=1, data__train=f"{self.folder}/a.conllu")
        self.train("parallel", 1, train__max_steps=1, data__train=f"[{self.folder}/seq.in, {self.folder}/seq.out]",
                   data__format="parallel")
        for name in ("conllu", "parallel"):
            self.assertEqual(read_checkpoint(self.path(name))[0]["fingerprint"],
                             read_checkpoint(self.path("columns"))[0]["fingerprint"], name)

    def test_predictions_are_those_of_the_evaluation(self):
        self.check_predictions()

    def test_predictions_of_a_random_field_with_characters(self):
        self.check_predictions(**self.FIELD)

    def test_predictions_with_a_convolution_over_characters(self):
        self.check_predictions(**self.CNN)

    def test_threads_and_a_sharded_optimiser_give_the_same_bits(self):
        self.train("plain", 2, **self.CNN)
        self.train("threads", 2, **self.CNN, dist__threads_per_rank=2)
        self.train("sharded", 2, **self.CNN, dist__shard_optimizer="true")
        self.assertEqual(state_hash(self.path("plain")), state_hash(self.path("threads")))
        self.assertEqual(state_hash(self.path("plain")), state_hash(self.path("sharded")))

    def check_predictions(self, **own):
        self.train("p", 2, data__split="null", data__test=self.text, **own)
        result = run(["eval", self.path("p"), "--json"], 2)
        self.assertEqual(result.returncode, 0, result.stderr)
        metrics = json.loads(result.stdout)
        texts = self.write("texts", "".join(" ".join(word for word, _ in s) + "\n" for s in self.sentences) + "\n")
        lines = [json.loads(line) for line in run(["predict", self.path("p"), texts]).stdout.splitlines()]
        self.assertEqual(lines.pop()["tags"], [])
        pairs = [(tag, said) for line, sentence in zip(lines, self.sentences, strict=True)
                 for said, (_, tag) in zip(line["tags"], sentence, strict=True)]
        self.assertAlmostEqual(sum(a == b for a, b in pairs) / len(pairs), metrics["accuracy"], places=9)
        self.assertEqual({floor["metric"] for floor in metrics["floors"]}, {"accuracy", "f1"})
        self.assertIn("CODE", run(["eval", self.path("p")]).stdout)

    def test_the_best_is_chosen_by_the_metric_asked_for(self):
        for metric, best in (("loss", min), ("f1", max), ("accuracy", max)):
            self.train(metric, 2, eval__metric=metric, eval__every=10)
            valid = {line["step"]: line[metric] for line in read_metrics(self.path(metric, "")) if line["split"] == "valid"}
            chosen = json.loads(read_checkpoint(self.path(metric, "best.safetensors"))[0]["state"])
            self.assertEqual(valid[int(chosen["step"])], best(valid.values()), metric)
        result = self.train("bad", 2, expect=2, eval__metric="bleu")
        self.assertIn("loss, accuracy, f1", result.stderr)

    def test_bad_input_is_named_with_file_and_line(self):
        def refused(*words, **values):
            result = self.train("bad", 2, expect=2, **values)
            for word in words:
                self.assertIn(word, result.stderr)

        short = self.write("tags", "".join("O\n" for _ in self.sentences))
        words = self.write("seq.in", "".join(" ".join(word for word, _ in s) + "\n" for s in self.sentences))
        refused("seq.in:", "tokens have 1 tags", data__train=f"[{words}, {short}]", data__format="parallel")
        unseen = self.write("unseen.txt", "the x O\n\nnew x B-NEW\n")
        refused("unseen.txt:3", 'tag "B-NEW"', data__split="null", data__valid=unseen)
        one = self.write("one.txt", "the O\nred O\n\nthing O\n")
        refused('words have the tag "O"', "nothing to learn", data__train=one, data__split="null")
        refused("data.split_punctuation", data__split_punctuation="true")

    @unittest.skipUnless(os.path.exists(os.path.join(DATA, "snips")), "no real data")
    def test_slots_are_found(self):
        folder = os.path.join(DATA, "snips")
        paths = {f"data__{ours}": f"[{folder}/{theirs}/seq.in, {folder}/{theirs}/seq.out]"
                 for ours, theirs in (("train", "train"), ("valid", "valid"), ("test", "test"))}
        self.train("snips", 2, **paths, data__split="null", data__format="parallel", data__on_error="skip",
                   model="{embedding_size: 64, hidden_size: 64, num_layers: 1, bidirectional: true}",
                   train__global_batch_size=32, train__max_steps=800, eval__every=400, optim__lr=0.004)
        test = [line for line in read_metrics(self.path("snips", "")) if line["split"] == "test"][-1]
        self.assertGreater(test["f1"], 0.7)
        self.assertLess(test["loss"], 0.5)


@unittest.skipIf(torch is None, "no torch package")
class Parity(Case):
    def test_ten_steps_of_all_sentences_at_once(self):
        self.compare(False)

    def test_ten_steps_with_labels_of_sentences(self):
        self.compare(True)

    def compare(self, sentence_label):
        words = re.findall(r"\S+", open(self.text, encoding="utf-8").read())[:600]
        sentences = [words[i:i + 3 + i % 11] for i in range(0, len(words), 14)]
        tagged = [[(word, f"T{len(word) % 4}") for word in sentence] for sentence in sentences if sentence]
        classes = ["even" if len(s) % 2 == 0 else "odd" for s in tagged]
        text = self.write("tagged.tsv", "".join(f"{' '.join(word for word, _ in s)}\t{' '.join(tag for _, tag in s)}\t{label}\n"
                                                for s, label in zip(tagged, classes)))
        self.config = self.write("tag.yaml", CONFIG % {"folder": self.folder, "text": text})
        values = {"data__split": "null", "data__lowercase": "false", "train__max_grad_norm": "null", "data__format": "tsv",
                  "task__sentence_label": str(sentence_label).lower(), "task__pooling": "mean",
                  "train__global_batch_size": len(tagged), "eval__every": 100,
                  "model": "{cell: gru, embedding_size: 12, hidden_size: 10, num_layers: 2, bidirectional: true}"}
        self.train("start", 1, train__max_steps=1, optim="{type: sgd, lr: 1.0e-37}", **values)
        self.train("ours", 2, train__max_steps=10, options=["--init-from", self.path("start")], **values)
        metadata, start = read_checkpoint(self.path("start"))
        vocabulary = json.loads(metadata["vocab"])
        index = {token: i for i, token in enumerate(vocabulary["tokens"]["tokens"])}
        labels = [item["name"] for item in vocabulary["labels"]]
        modules = torch.nn.ModuleDict({"embedding": torch.nn.Embedding(len(index), 12),
                                       "rnn": torch.nn.GRU(12, 10, 2, bidirectional=True),
                                       "head": torch.nn.Linear(20, len(labels)),
                                       **({"sentence": torch.nn.Linear(20, 2)} if sentence_label else {})})
        modules.load_state_dict({name: torch.frombuffer(bytearray(data), dtype=torch.float32).reshape(shape)
                                 for name, (shape, data) in start.items() if not name.startswith("optimizer.")})
        optimiser = torch.optim.Adam(modules.parameters(), lr=0.01)
        ours = [line["loss"] for line in read_metrics(self.path("ours", "")) if line["split"] == "train"]
        for loss_of_ours in ours:
            outputs = [modules["rnn"](modules["embedding"](
                torch.tensor([index.get(word, index["<unk>"]) for word, _ in s])))[0] for s in tagged]
            logits = modules["head"](torch.cat(outputs))
            targets = torch.tensor([labels.index(tag) for s in tagged for _, tag in s])
            loss = torch.nn.functional.cross_entropy(logits, targets)
            if sentence_label:
                pooled = torch.stack([y.mean(0) for y in outputs])
                loss = loss + torch.nn.functional.cross_entropy(
                    modules["sentence"](pooled), torch.tensor([["even", "odd"].index(label) for label in classes]),
                    reduction="sum") / len(targets)
            self.assertLess(abs(loss_of_ours - loss.item()), 1e-4 * loss.item())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        self.assertEqual(len(ours), 10)

    def test_ten_steps_of_a_random_field_with_characters(self):
        self.compare_field(Tag.FIELD)

    def test_ten_steps_with_a_convolution_over_characters(self):
        self.compare_field(Tag.CNN)

    def compare_field(self, own):
        cnn = own["task__char_features"] == "cnn"
        words = re.findall(r"\S+", open(self.text, encoding="utf-8").read())[:300]
        sentences = [words[i:i + 2 + i % 9] for i in range(0, len(words), 11)]
        tagged = [[(word, f"T{len(word) % 4}") for word in sentence] for sentence in sentences if sentence]
        text = self.write("tagged.txt", "\n".join("".join(f"{word} {tag}\n" for word, tag in s) for s in tagged))
        self.config = self.write("tag.yaml", CONFIG % {"folder": self.folder, "text": text})
        values = {"data__split": "null", "train__max_grad_norm": "null", "train__global_batch_size": len(tagged),
                  "eval__every": 100, **own,
                  "model": "{cell: lstm, embedding_size: 12, hidden_size: 10, num_layers: 1, bidirectional: true}"}
        self.train("start", 1, train__max_steps=1, optim="{type: sgd, lr: 1.0e-37}", **values)
        self.train("ours", 2, train__max_steps=10, options=["--init-from", self.path("start")], **values)
        metadata, start = read_checkpoint(self.path("start"))
        vocabulary = json.loads(metadata["vocab"])
        index = {token: i for i, token in enumerate(vocabulary["tokens"]["tokens"])}
        characters = {token: i for i, token in enumerate(vocabulary["characters"]["tokens"])}
        labels = [item["name"] for item in vocabulary["labels"]]
        nn, tags = torch.nn, len(labels)
        reader = {"conv": nn.Conv1d(5, 6, 4, padding="same")} if cnn else {"rnn": nn.LSTM(5, 6, bidirectional=True)}
        modules = nn.ModuleDict({"embedding": nn.Embedding(len(index), 12),
                                 "rnn": nn.LSTM(12 + (6 if cnn else 12), 10, bidirectional=True),
                                 "characters": nn.ModuleDict({"embedding": nn.Embedding(len(characters), 5), **reader}),
                                 "head": nn.Linear(20, tags),
                                 "crf": nn.ParameterDict({"start_transitions": torch.zeros(tags), "end_transitions": torch.zeros(tags),
                                                          "transitions": torch.zeros(tags, tags)})})
        modules.load_state_dict({name: torch.frombuffer(bytearray(data), dtype=torch.float32).reshape(shape)
                                 for name, (shape, data) in start.items() if not name.startswith("optimizer.")})
        crf = modules["crf"]
        self.assertLessEqual(max(parameter.abs().max().item() for parameter in crf.values()), 0.1)

        def read(word):
            ids = torch.tensor([characters[c] for c in word[:64]])
            embedded = modules["characters"]["embedding"](ids)
            if cnn:
                return modules["characters"]["conv"](embedded.T[None])[0].max(1).values
            y = modules["characters"]["rnn"](embedded)[0]
            return torch.cat([y[-1, :6], y[0, 6:]])

        def nll(sentence):
            ids = torch.tensor([index.get(word.lower(), index["<unk>"]) for word, _ in sentence])
            x = torch.cat([modules["embedding"](ids), torch.stack([read(word) for word, _ in sentence])], 1)
            emissions = modules["head"](modules["rnn"](x)[0])
            gold = [labels.index(tag) for _, tag in sentence]
            alpha, score = crf["start_transitions"] + emissions[0], crf["start_transitions"][gold[0]] + emissions[0, gold[0]]
            for t in range(1, len(sentence)):
                alpha = torch.logsumexp(alpha[:, None] + crf["transitions"], 0) + emissions[t]
                score = score + crf["transitions"][gold[t - 1], gold[t]] + emissions[t, gold[t]]
            return torch.logsumexp(alpha + crf["end_transitions"], 0) - score - crf["end_transitions"][gold[-1]]

        optimiser = torch.optim.Adam(modules.parameters(), lr=0.01)
        ours = [line["loss"] for line in read_metrics(self.path("ours", "")) if line["split"] == "train"]
        self.assertEqual(len(ours), 10)
        for loss_of_ours in ours:
            loss = sum(nll(sentence) for sentence in tagged) / sum(map(len, tagged))
            self.assertLess(abs(loss_of_ours - loss.item()), 1e-4 * loss.item())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
