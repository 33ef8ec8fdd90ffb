"""Predictions: every format, the same from any number of ranks as from one process without MPI."""

import csv
import io
import json
import subprocess
import unittest

from harness import PROGRAM, Case, environment, run

COLOURS = ("red", "green, or \"lime\"", "blue")
RANKS = (2, 5)


class Predict(Case):
    def setUp(self):
        super().setUp()
        rows = [(colour.split()[0].strip(","), f"the {colour} thing number {i} is here") for i in range(20) for colour in COLOURS]
        self.texts = [text for _, text in rows]
        labelled = self.write("rows.tsv", "".join(f"{label}\t{text}\n" for label, text in rows))
        self.few = {"data": f"{{train: {labelled}, split: [0.8, 0.1, 0.1]}}", "train__max_steps": 30, "eval__every": 30}

    def check(self, model, file, answer):
        """The JSON of one process, after comparing every format and number of ranks."""
        said = {}
        for form in ("json", "text", "csv"):
            alone = run(["predict", self.path(model), file, "--format", form])
            self.assertEqual(alone.returncode, 0, alone.stderr)
            for ranks in RANKS:
                together = run(["predict", self.path(model), file, "--format", form], ranks)
                self.assertEqual(together.returncode, 0, together.stderr)
                self.assertEqual(together.stdout, alone.stdout, f"{form} from {ranks} ranks")
            said[form] = alone.stdout
        lines = [json.loads(line) for line in said["json"].splitlines()]
        table = list(csv.DictReader(io.StringIO(said["csv"])))
        texts = said["text"].split("\n")[:-1]
        self.assertEqual([line["line"] for line in lines], list(range(1, len(lines) + 1)))
        for line, row, text in zip(lines, table, texts, strict=True):
            values = line[answer] if isinstance(line[answer], list) else [line[answer]]
            plain = " ".join("" if value is None else str(value) for value in values)
            if not isinstance(line[answer], float):
                self.assertEqual((row["line"], row[answer], text), (str(line["line"]), plain, plain))
            for key, value in line.get("probabilities", {}).items() if isinstance(line.get("probabilities"), dict) else ():
                self.assertAlmostEqual(float(row[f"probabilities.{key}"]), value)
        return lines

    def test_classes(self):
        self.train("c", task="{type: classify}", **self.few)
        file = self.write("lines", "\r\n".join([self.texts[0], "", *self.texts[1:9]]))  # the last has no line end
        lines = self.check("c", file, "label")
        self.assertEqual(len(lines), 10)
        self.assertIsNone(lines[1]["label"])
        with open(file, encoding="utf-8") as text:
            piped = subprocess.run([PROGRAM, "predict", self.path("c")], stdin=text, env=environment(), capture_output=True,
                                   text=True, check=True)
        self.assertEqual([json.loads(line) for line in piped.stdout.splitlines()], lines)
        self.assertEqual(self.check("c", self.write("none", ""), "label"), [])

    def test_more_lines_than_are_held_at_a_time(self):
        self.train("c", task="{type: classify}", **self.few)
        file = self.write("many", "".join(f"{self.texts[i % 60]} {i}\n" for i in range(9000)))
        outputs = [run(["predict", self.path("c"), file, "--format", "csv"], ranks).stdout for ranks in (None, 3)]
        self.assertEqual(outputs[0], outputs[1])
        self.assertEqual(len(list(csv.reader(io.StringIO(outputs[0])))), 9001)

    def test_tags_and_loss_of_a_language_model(self):
        sentences = self.write("s.txt", "".join("".join(f"{word} {word[0].upper()}\n" for word in text.split()) + "\n"
                                                for text in self.texts))
        self.train("t", task="{type: tag}", data=f"{{train: {sentences}, format: columns, split: [0.8, 0.1, 0.1]}}",
                   train__max_steps=20, eval__every=20)
        lines = self.check("t", self.write("lines", "the red thing\n\n\nhere\n"), "tags")
        self.assertEqual([len(line["tags"]) for line in lines], [3, 0, 0, 1])
        self.train("l", train__max_steps=10, task__unit="word", data__split="[0.8, 0.1, 0.1]")
        self.assertEqual([line["tokens"] for line in self.check("l", self.write("l.txt", "the ring\n\n"), "nll")], [3, 0])

    def test_pairs(self):
        pairs = self.write("p.tsv", "".join(f"{text}\t{text.split()[1]} {i % 3}\n" for i, text in enumerate(self.texts)))
        self.train("p", task="{type: seq2seq}", data=f"{{train: {pairs}, split: [0.8, 0.1, 0.1]}}", train__max_steps=20, eval__every=20)
        self.check("p", self.write("lines", "\n".join(self.texts[:7])), "text")

    def test_long_lines_and_many_bytes(self):
        """More bytes than are held at a time, the first line with a byte order mark; longer lines than training allowed."""
        few = {**self.few, "data": self.few["data"].replace("}", ", max_line_bytes: 300000}")}
        self.train("c", task="{type: classify}", **few)
        long = self.texts[0] + " " + "x" * 240000
        texts = [self.texts[0], *(long, self.texts[1]) * 20]
        file = self.write("long", "\ufeff" + "".join(f"{text}\n" for text in texts))
        lines = self.check("c", file, "label")
        self.assertEqual(len(lines), 41)
        self.assertEqual({**lines[1], "line": 0}, {**lines[39], "line": 0})
        plain = json.loads(run(["predict", self.path("c"), self.write("plain", self.texts[0])]).stdout)
        self.assertEqual(plain, lines[0])
        for ranks in (None, 2):
            result = run(["predict", self.path("c"), self.write("longer", "fine\n" + 360000 * "x" + "\n")], ranks)
            self.assertEqual(result.returncode, 2)
            self.assertIn("longer:2: the line has 360000 bytes; data.max_line_bytes", result.stderr)

    def test_what_is_wrong_is_named(self):
        self.train("c", task="{type: classify}", **self.few)
        for ranks in (None, 3):
            result = run(["predict", self.path("c"), self.config, "--format", "xml"], ranks)
            self.assertEqual(result.returncode, 2)
            self.assertIn("json, text or csv", result.stderr)
            with open(self.write("bad", ""), "wb") as file:
                file.write(b"fine\nfine\n\xff\n")
            result = run(["predict", self.path("c"), file.name], ranks)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertIn("bad:3", result.stderr)
            self.assertEqual(run(["predict", self.path("c"), self.path("absent")], ranks).returncode, 2)


if __name__ == "__main__":
    unittest.main()
