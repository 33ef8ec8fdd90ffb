"""`ringrnn average`: the mean of checkpoints, which eval, predict and info take like any other."""

import array
import json
import os
import shutil
import unittest

from harness import Case, read_checkpoint, run


def floats(path):
    """Weights of a checkpoint by name, without the optimiser and carried state."""
    return {name: array.array("f", data) for name, (_, data) in read_checkpoint(path)[1].items()
            if not name.startswith("optimizer.") and name != "carry"}


class Average(Case):
    def setUp(self):
        super().setUp()
        self.train(train__max_steps=30)
        self.mean = os.path.join(self.run_folder, "average.safetensors")
        folder = os.path.join(self.run_folder, "checkpoints")
        self.steps = [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".safetensors")]
        self.assertGreaterEqual(len(self.steps), 3)

    def average(self, *arguments):
        result = run(["average", *arguments], cwd=self.folder)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def refused(self, arguments, *words):
        result = run(["average", *arguments], cwd=self.folder)
        self.assertEqual(result.returncode, 2, result.stdout + result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)

    def test_weights_are_the_mean_of_those_of_the_checkpoints(self):
        told = self.average(self.run_folder)
        for path in self.steps:
            self.assertIn(path, told)
        parts = [floats(path) for path in self.steps]
        mean = floats(self.mean)
        self.assertEqual(set(mean), set(parts[0]))
        differ = 0
        for name, values in mean.items():
            wanted = array.array("f", [sum(column) / len(parts) for column in zip(*(part[name] for part in parts))])
            self.assertEqual(values, wanted, name)
            differ += values != parts[-1][name]
        self.assertEqual(differ, len(mean), "training stood still")
        self.assertFalse([name for name in read_checkpoint(self.mean)[1] if name.startswith("optimizer.") or name == "carry"])
        self.average(self.run_folder, "--last", "2", "--out", "two.safetensors")
        two = floats(os.path.join(self.folder, "two.safetensors"))
        for name, values in two.items():
            wanted = array.array("f", [(a + b) / 2 for a, b in zip(parts[-2][name], parts[-1][name])])
            self.assertEqual(values, wanted, name)

    def test_of_equal_files_it_is_that_file(self):
        last = self.steps[-1]
        for count in (1, 3, 7):
            self.average(*[last] * count, "--out", "same.safetensors")
            self.assertEqual(floats(os.path.join(self.folder, "same.safetensors")), floats(last))

    def test_it_is_used_like_any_checkpoint(self):
        self.average(self.run_folder)
        losses = []
        for ranks in (None, 2):
            result = run(["eval", self.mean, "--json"], ranks)
            self.assertEqual(result.returncode, 0, result.stderr)
            losses.append(json.loads(result.stdout)["loss"])
        self.assertAlmostEqual(losses[0] / losses[1], 1, delta=1e-5)
        result = run(["generate", self.mean, "--prompt", "The ", "--tokens", "20", "--seed", "1"])
        self.assertEqual(result.returncode, 0, result.stderr)
        result = run(["info", self.mean])
        self.assertIn("averaged", result.stdout)
        for path in self.steps:
            self.assertIn(str(int(path[-20:-12])), result.stdout)
        self.assertEqual(run(["info", self.mean, "--hash"]).returncode, 0)
        # nothing goes on from it, and a run does not take it for its own
        result = self.train(expect=2, options=("--resume", self.mean), train__max_steps=40)
        self.assertIn("average", result.stderr)
        self.train(train__max_steps=31)
        self.train(name="further", options=("--init-from", self.mean), train__max_steps=3)

    def test_wrong_input_is_named(self):
        first, last = self.steps[0], self.steps[-1]
        self.train(name="wide", train__max_steps=8, model__hidden_size=21)
        self.train(name="gru", train__max_steps=8, model__cell="gru")
        other = self.write("other.txt", "entirely other letters: xyz\n" * 400)
        self.train(name="letters", train__max_steps=8, data__train=other, train__global_batch_size=2)
        wide, gru, letters = (self.path(name) for name in ("wide", "gru", "letters"))
        damaged = os.path.join(self.folder, "damaged.safetensors")
        shutil.copy(last, damaged)
        with open(damaged, "r+b") as file:
            file.seek(-5, os.SEEK_END)
            file.write(b"\xff\x00\xff")
        out = ("--out", "x.safetensors")
        self.refused([first, last], "--out")
        self.refused([first, wide, *out], first, "shape", wide)
        self.refused([first, gru, *out], first, gru)
        self.refused([first, letters, *out], first, "vocabulary", letters)
        self.refused([first, damaged, *out], damaged)
        self.refused([first, "absent.safetensors", *out], "absent.safetensors")
        self.refused(["runs/absent"], "runs/absent", "no such file or run folder")
        self.refused([self.run_folder, first, *out], self.run_folder, "one run folder, or files")
        self.refused([first, "--last", "2", *out], "--last")
        self.refused([self.run_folder, "--last", "99"], "--last 99", "ckpt.keep")
        self.refused([self.run_folder, "--last", "0"], "--last 0")
        self.refused([self.folder], self.folder, "no checkpoints")
        self.refused([], "argument")
        self.refused([first, "--set", "optim.lr=1", *out], "--set")
        self.assertFalse(os.path.exists(os.path.join(self.folder, "x.safetensors")))

    def test_an_output_that_cannot_be_written_is_said(self):
        result = run(["average", self.run_folder, "--out", os.path.join(self.folder, "absent", "x.safetensors")])
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertIn("absent/x.safetensors", result.stderr)
        for out in (self.steps[0], self.last):  # last is a second name of the newest
            self.refused([self.run_folder, "--out", out], out, "would be lost")


if __name__ == "__main__":
    unittest.main()
