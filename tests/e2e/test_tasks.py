"""What every task of the registry has to keep, with a few lines of data for each: a new one needs a case here."""

import json
import os
import re
import subprocess
import unittest

from harness import PROGRAM, Case, environment, metrics_without_times, read_metrics, run, state_hash

CONFIG = """
run: {name: r, dir: %(folder)s/runs}
task: {type: %(task)s%(own)s}
data: {train: %(file)s, split: [0.6, 0.2, 0.2]}
model: {cell: gru, embedding_size: 6, hidden_size: 7, num_layers: 1, dropout_output: 0.1}
train: {global_batch_size: 5, bptt: 7, max_epochs: null, max_steps: 12, max_grad_norm: 1.0}
eval: {every: 6}
optim: {type: adam, lr: 0.01}
ckpt: {every_steps: 5, keep: 2}
log: {every_steps: 1, tensorboard: false}
"""
WORDS = "red green blue round flat old new big small".split()


def phrase(i):
    return " ".join(WORDS[(i * 7 + k * k) % 9] for k in range(2 + i % 5))


LINES = "".join(phrase(i) + "\n" for i in range(9)) + "\n"

# A file to train on, its name, and lines to predict of; None: the file itself.
CASES = {
    "lm": ("text.txt", "".join(phrase(i) + "\n" for i in range(80)), LINES, ", unit: word"),
    "classify": ("rows.tsv", "".join(f"{'ab'[i % 7 % 2]}\t{phrase(i)}\n" for i in range(60)), LINES, ", pooling: mean"),
    "tag": ("words.txt", "\n".join("".join(f"{word} {'BI'[k % 2]}-{word[0]}\n" for k, word in enumerate(phrase(i).split()))
                                   for i in range(60)), LINES, ", char_features: cnn"),
    "seq2seq": ("pairs.tsv", "".join(f"{phrase(i)}\t{phrase(i).upper()}\n" for i in range(60)), LINES, ", attention: dot"),
    "qa": ("asked.tsv", "".join(f"it is {phrase(i)}.\twhat is it?\t{phrase(i).split()[0]}\n" for i in range(60)),
           "".join(f"it is {phrase(i)}.\twhat is it?\n" for i in range(9)), ""),
    "forecast": ("series.csv", "a,b\n" + "".join(f"{i * 3 % 7},{i * 5 % 11}\n" for i in range(150)), None,
                 ", window: 10, horizon: 2"),
}


class Tasks(Case):
    def each(self):
        """Every task that the program has, with a configuration of its own."""
        refused = self.train("bad", expect=2, task__type="nothing").stderr
        names = re.findall(r"\w+", re.search(r"must be (.*), got", refused).group(1).replace(" or ", ", "))
        self.assertEqual(set(names), set(CASES))
        for task in names:
            name, content, lines, own = CASES[task]
            file = self.write(name, content)
            self.config = self.write(f"{task}.yaml", CONFIG % {"folder": self.folder, "task": task, "file": file, "own": own})
            yield task, file if lines is None else self.write(f"{task}.lines", lines)

    def test_ranks_change_nothing_and_a_kill_leaves_the_same_bits(self):
        for task, _ in self.each():
            for ranks in (1, 2, 3):
                self.train(f"{task}{ranks}", ranks)
            curves = [[line["loss"] for line in read_metrics(self.path(f"{task}{ranks}", ""))] for ranks in (1, 2, 3)]
            self.assertGreater(len(curves[0]), 12)
            for curve in curves[1:]:
                for a, b in zip(curves[0], curve, strict=True):
                    self.assertLess(abs(a - b), 1e-4 * max(1, abs(a)), task)
            self.train(f"{task}-killed", 2, env={"RINGRNN_FAULT": "kill:1:8"}, expect=None)
            self.train(f"{task}-killed", 2)
            self.assertEqual(state_hash(self.path(f"{task}-killed")), state_hash(self.path(f"{task}2")))
            self.assertEqual(metrics_without_times(self.path(f"{task}-killed", "")), metrics_without_times(self.path(f"{task}2", "")))

    def test_evaluations_stand_beside_simple_rules_and_predictions_are_in_order(self):
        for task, lines in self.each():
            result = self.train(task, 2)
            self.assertIn("simple rules reach", result.stdout + result.stderr, task)
            metrics = json.loads(run(["eval", self.path(task), "--json"], 2).stdout)
            self.assertTrue(metrics["floors"])
            self.assertLessEqual({floor["metric"] for floor in metrics["floors"]}, set(metrics), task)
            said = {run(["predict", self.path(task), lines], ranks).stdout for ranks in (None, 1, 2, 3)}
            with open(lines, encoding="utf-8") as text:
                piped = subprocess.run([PROGRAM, "predict", self.path(task), "-"], stdin=text, env=environment(),
                                       capture_output=True, text=True, check=True)
            self.assertEqual(said, {piped.stdout}, task)
            rows = piped.stdout.splitlines()
            if task == "forecast":
                self.assertEqual(len(rows), 3)
            else:
                with open(lines, encoding="utf-8") as text:
                    self.assertEqual([json.loads(row)["line"] for row in rows], [i + 1 for i, _ in enumerate(text)])

    def test_an_empty_file_or_one_that_is_not_there_ends_with_2(self):
        for task, _ in self.each():
            empty = self.write("empty" + os.path.splitext(CASES[task][0])[1], "")
            for path in (empty, os.path.join(self.folder, "nowhere.txt")):
                result = self.train("bad", 2, expect=2, data__train=path)
                self.assertIn(os.path.basename(path), result.stderr, task)


if __name__ == "__main__":
    unittest.main()
