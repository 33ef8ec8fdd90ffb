"""Every task with every part that it can be built of: on 1, 2 and 3 ranks the same losses, killed and resumed the same bits.

Cases are chosen so that every two options of a task meet in one of them; with RINGRNN_ALL_CASES, all meet all, in every cell."""

import itertools
import json
import os
import shutil
import unittest

from harness import Case, metrics_without_times, read_metrics, run, state_hash

STEPS, KILLED_AT = 12, 9
CELLS = ("lstm", "gru", "rnn_tanh", "rnn_relu")
POOLINGS = ("last", "mean", "max", "attention")

# Of each task: its options, each with what may be chosen. Cells and numbers of layers take turns.
OPTIONS = {
    "lm": {"unit": ("char", "word", "byte"), "tie_weights": (False, True), "optim": ("adam", "sgd"), "micro": (None, 2)},
    "classify": {"pooling": POOLINGS, "multi_label": (False, True), "bidirectional": (True, False), "unit": ("word", "char"),
                 "balance_classes": (False, True)},
    "tag": {"head": ("softmax", "crf"), "char_features": ("lstm", "none"), "sentence_label": (False, True),
            "pooling": POOLINGS, "bidirectional": (True, False)},
    "seq2seq": {"attention": ("additive", "general", "dot", "none"), "input_feeding": (True, False),
                "bidirectional": (True, False), "tokens": ("bpe", "char", "joint bpe")},
    "qa": {"attention": ("additive", "general", "dot", "none"), "attend": ("sentences", "words"),
           "condition": (True, False), "bidirectional": (True, False)},
    "forecast": {"head": ("point", "gaussian", "quantile"), "transform": ("none", "difference", "log_return"),
                 "normalise_window": ("none", "last", "mean_std"), "channel_independent": (False, True),
                 "linear_skip": (False, True), "pooling": POOLINGS, "segment": (1, 6), "loss": ("mse", "mae")},
}
MOST = 400  # cases of a task: of more, every so many-th


def allowed(task, case):
    """Whether a configuration may be so; what may not is tested with each task."""
    if task == "seq2seq":
        return ((case["attention"] != "none" or not case["input_feeding"])
                and (case["attention"] != "dot" or not case["bidirectional"]))
    if task == "classify":
        return not case["multi_label"] or not case["balance_classes"]
    if task == "tag":
        return case["sentence_label"] or case["pooling"] == "max"
    if task == "forecast":
        return case["head"] == "point" or case["loss"] == "mse"
    if task == "qa":
        return case["attention"] != "none" or case["attend"] == "words"
    return True


def pairs_of(case):
    return set(itertools.combinations(case.items(), 2))


def cases_of(task):
    """All allowed cases, or few in which every two choices that may meet do so: each the one that adds most."""
    options = OPTIONS[task]
    cases = [dict(zip(options, choice)) for choice in itertools.product(*options.values())]
    cases = [case for case in cases if allowed(task, case)]
    if os.environ.get("RINGRNN_ALL_CASES"):
        cases = [{**case, "cell": cell, "num_layers": 1 + i % 2} for i, case in enumerate(cases) for cell in CELLS]
        return cases[::len(cases) // MOST + 1]
    sets = [pairs_of(case) for case in cases]
    left, chosen = set().union(*sets), []
    while left:
        best = max(range(len(cases)), key=lambda i: len(sets[i] & left))
        left -= sets[best]
        chosen.append({**cases[best], "cell": CELLS[len(chosen) % 4], "num_layers": 1 + len(chosen) // 2 % 2})
    return chosen


class Contract(Case):
    def setUp(self):
        super().setUp()
        with open(self.text, encoding="utf-8") as source:
            lines = [line.split() for line in source]
        self.lines = [words[:9] for words in lines if len(words) >= 3][:130]

    def lines_of(self, name, rows):
        return self.write(name, "".join(row + "\n" for row in rows))

    # What each task reads, and what of a case stands in which section.

    def lm(self, case):
        sizes = {"embedding_size": 10} if case["tie_weights"] else {}
        return {"task": {"unit": case["unit"]}, "data": {"train": self.text}, "train": {"bptt": 7, "global_batch_size": 8},
                "model": {"tie_weights": case["tie_weights"], **sizes}}

    def classify(self, case):
        labels = [",".join(sorted({"abc"[len(words[0]) % 3], "abc"[len(words[1]) % 3]})) if case["multi_label"]
                  else "abc"[len(words[0]) % 3] for words in self.lines]
        file = self.lines_of("labels.tsv", (f"{label}\t{' '.join(words)}" for label, words in zip(labels, self.lines)))
        return {"task": {name: case[name] for name in ("pooling", "multi_label", "unit", "balance_classes")},
                "data": {"train": file}}

    def tag(self, case):
        tags = [" ".join(("O", "B-x", "I-x", "B-y")[len(word) % 4] for word in words) for words in self.lines]
        files = [self.lines_of("words", map(" ".join, self.lines)), self.lines_of("tags", tags)]
        if case["sentence_label"]:
            files.append(self.lines_of("labels", ("abc"[len(words[0]) % 3] for words in self.lines)))
        return {"task": {name: case[name] for name in ("head", "char_features", "sentence_label", "pooling")}
                        | {"char_embedding_size": 5, "char_hidden_size": 4},
                "data": {"train": files, "format": "parallel"}}

    def seq2seq(self, case):
        sides = [list(map(" ".join, self.lines)), [" ".join(words[::-1]) for words in self.lines]]
        file = self.lines_of("pairs.tsv", map("\t".join, zip(*sides)))
        task = {"attention": case["attention"], "attention_scaled": case["attention"] == "general",
                "input_feeding": case["input_feeding"], "max_output": 12, "unit": "char" if case["tokens"] == "char" else "word",
                "label_smoothing": 0.1}
        if "bpe" in case["tokens"]:
            codes = [self.write(f"codes{i}", run(["bpe", "learn", "--merges", 50 + 20 * i, self.lines_of(f"side{i}", side)]).stdout)
                     for i, side in enumerate(sides)]
            task["bpe"] = codes[:1] if case["tokens"] == "joint bpe" else codes
            task["share_vocab"] = case["tokens"] == "joint bpe"
        return {"task": task, "data": {"train": file}}

    def qa(self, case):
        rows = (f"{' '.join(words)} . {words[0]} stood before {words[1]} .\tWhat stood {words[len(words) % 2]} ?\t"
                f"{'abc'[len(words[0]) % 3]}" for words in self.lines)
        return {"task": {name: case[name] for name in ("attention", "attend", "condition")}
                        | {"attention_scaled": case["attention"] == "dot"},
                "data": {"train": self.lines_of("stories.tsv", rows)}}

    def forecast(self, case):
        rows = (f"2020-01-{1 + i // 24:02d} {i % 24:02d}:00,{20 + i * 7 % 24 + i * 7919 % 97 / 97},{9 + i % 12}"
                for i in range(240))
        names = ("head", "transform", "normalise_window", "channel_independent", "linear_skip", "pooling", "segment", "loss")
        # Quantiles of sums are no sums of quantiles.
        horizon = 1 if case["head"] == "quantile" and case["transform"] != "none" else 3
        return {"task": {name: case[name] for name in names} | {"window": 12, "horizon": horizon, "time_features": ["hour"]},
                "data": {"train": self.lines_of("hours.csv", ["date,a,b", *rows])}}

    def config_of(self, task, case):
        sections = getattr(self, task)(case)
        small = {"cell": case["cell"], "embedding_size": 8, "hidden_size": 10, "num_layers": case["num_layers"],
                 "dropout_input": 0.1, "dropout_output": 0.2, "bidirectional": case.get("bidirectional", False)}
        return {"run": {"name": "r", "dir": os.path.join(self.folder, "runs")},
                "task": {"type": task, **sections["task"]},
                "data": {"split": [0.7, 0.15, 0.15], **sections["data"]},
                "model": small | sections.get("model", {}),
                "train": {"global_batch_size": 13, "max_epochs": None, "max_steps": STEPS, "max_grad_norm": 1.0,
                          "micro_batch_size": case.get("micro")} | sections.get("train", {}),
                "optim": {"type": case.get("optim", "adam"), "lr": 0.01},
                "eval": {"every": 6},
                "ckpt": {"every_steps": 5},
                "log": {"every_steps": 1, "tensorboard": False}}

    def losses(self, name):
        return [line["loss"] for line in read_metrics(self.path(name, ""))]

    def hold(self, task):
        for case in cases_of(task):
            with self.subTest(task=task, **case):
                self.config = self.write("case.yaml", json.dumps(self.config_of(task, case)))
                for ranks in (1, 2, 3):
                    self.train(f"on{ranks}", ranks)
                for ranks in (2, 3):
                    for a, b in zip(self.losses("on1"), self.losses(f"on{ranks}"), strict=True):
                        self.assertLess(abs(a - b), 1e-4 * max(1, abs(a)), f"{ranks} ranks")
                self.assertEqual({line["split"] for line in read_metrics(self.path("on1", ""))}, {"train", "valid", "test"})
                killed = self.train("killed", 2, env={"RINGRNN_FAULT": f"kill:1:{KILLED_AT}"}, expect=None)
                self.assertNotEqual(killed.returncode, 0)
                self.train("killed", 2)
                self.assertEqual(state_hash(self.path("killed")), state_hash(self.path("on2")))
                self.assertEqual(metrics_without_times(self.path("killed", "")), metrics_without_times(self.path("on2", "")))
            shutil.rmtree(os.path.join(self.folder, "runs"), ignore_errors=True)

    def test_lm(self):
        self.hold("lm")

    def test_classify(self):
        self.hold("classify")

    def test_tag(self):
        self.hold("tag")

    def test_seq2seq(self):
        self.hold("seq2seq")

    def test_qa(self):
        self.hold("qa")

    def test_forecast(self):
        self.hold("forecast")


if __name__ == "__main__":
    unittest.main()
