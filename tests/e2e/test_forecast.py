"""Forecasts: the same on any number of ranks and after a kill, floors, distributions, CSV, and as in PyTorch."""

import csv
import io
import json
import math
import os
import random
import unittest

from harness import DATA, Case, metrics_without_times, read_checkpoint, read_metrics, run, state_hash

try:
    import torch
except ImportError:
    torch = None

CONFIG = """
run: {name: r, dir: %(folder)s/runs}
task: {type: forecast, window: 12, horizon: 3, season: 6, window_norm: mean_std, linear_skip: true, time_features: true}
data: {train: %(text)s, split: [0.6, 0.2, 0.2]}
model: {cell: lstm, hidden_size: 10, num_layers: 2, dropout: 0.2, dropout_input: 0.1, dropout_output: 0.2}
train: {global_batch_size: 8, max_epochs: null, max_steps: 40, max_grad_norm: 1.0}
eval: {every: 20}
optim: {type: adam, lr: 0.01}
ckpt: {every_steps: 7, keep: 3}
log: {every_steps: 1, tensorboard: false}
"""


class Series(Case):
    """Two waves with noise, an hour a row."""

    def setUp(self):
        super().setUp()
        chance = random.Random(5)
        self.rows = [(f"2020-01-{1 + i // 24:02}T{i % 24:02}:00", 20 + 5 * math.sin(i * math.pi / 3) + chance.gauss(0, 1),
                      100 + 30 * math.cos(i * math.pi / 3) + 0.1 * i + chance.gauss(0, 3)) for i in range(300)]
        self.text = self.write("series.csv", self.table(self.rows))
        self.config = self.write("f.yaml", CONFIG % {"folder": self.folder, "text": self.text})

    def table(self, rows):
        return "when,a,b\n" + "".join(f"{when},{a:.6f},{b:.6f}\n" for when, a, b in rows)

    def losses(self, name):
        return [line["loss"] for line in read_metrics(self.path(name, "")) if line["split"] == "train"]

    def final(self, name, split="test"):
        return [line for line in read_metrics(self.path(name, "")) if line["split"] == split][-1]


class Forecast(Series):
    def test_any_number_of_ranks_and_parts_gives_the_same_curve(self):
        for case, own in (("plain", {}), ("own", {"task__independent": "true", "task__head": "gaussian"})):
            values = {"train__global_batch_size": 13, "train__max_steps": 30, **own}
            self.train(f"{case}-one", 1, **values)
            for name, ranks, more in (("two", 2, {}), ("three", 3, {}), ("micro", 2, {"train__micro_batch_size": 3})):
                self.train(f"{case}-{name}", ranks, **values, **more)
                for a, b in zip(self.losses(f"{case}-one"), self.losses(f"{case}-{name}"), strict=True):
                    self.assertLess(abs(a - b), 1e-4 * max(1, abs(a)), name)
            self.assertLess(self.losses(f"{case}-one")[-1], self.losses(f"{case}-one")[0])

    def test_killed_and_resumed_it_has_the_same_bits(self):
        self.train("whole", 2)
        self.train("killed", 2, env={"RINGRNN_FAULT": "kill:1:23"}, expect=None)
        self.train("killed", 2)
        self.assertEqual(state_hash(self.path("killed")), state_hash(self.path("whole")))
        self.assertEqual(metrics_without_times(self.path("killed", "")), metrics_without_times(self.path("whole", "")))

    def test_floors_are_what_they_say(self):
        self.train("p", 2, data__split="null", task__split_rows="[180, 60, 60]")
        metrics = json.loads(run(["eval", self.path("p"), "--json"]).stdout)
        floors = {(floor["name"], floor["metric"]): floor["value"] for floor in metrics["floors"]}
        columns = [[row[c] for row in self.rows] for c in (1, 2)]
        squares = {"the last value": [], "a season before": [], "the mean of the same phase": []}
        for values in columns:
            values = [float(f"{value:.6f}") for value in values]
            mean = sum(values[:180]) / 180
            deviation = math.sqrt(sum((value - mean) ** 2 for value in values[:180]) / 180)
            for row in range(240, 298):
                for h in range(3):
                    truth = values[row + h]
                    said = {"the last value": values[row - 1], "a season before": values[row + h - 6],
                            "the mean of the same phase": (values[row + h - 6] + values[row + h - 12]) / 2}
                    for name, value in said.items():
                        squares[name].append(((value - truth) / deviation) ** 2)
        for name, errors in squares.items():
            self.assertAlmostEqual(floors[name, "mse"], sum(errors) / len(errors), places=7, msg=name)
        self.assertLess(floors["a linear map of the window", "mse"], floors["a season before", "mse"])
        self.assertIn("linear map", run(["eval", self.path("p")]).stdout)

    def test_dates_fractions_and_rows_split_alike(self):
        for name, more in (("fractions", {}), ("rows", {"data__split": "null", "task__split_rows": "[180, 60, 60]"}),
                           ("dates", {"data__split": "null", "task__split_dates": "[2020-01-08T12:00, 2020-01-11]"})):
            self.train(name, 1, train__max_steps=1, **more)
        rows = {name: read_checkpoint(self.path(name))[0]["fingerprint"] for name in ("fractions", "rows", "dates")}
        self.assertEqual(len(set(rows.values())), 1, rows)

    def test_predictions_continue_each_series(self):
        both = self.write("both.csv", "when,who,b,a\n" + "".join(
            f"{when},{who},{b:.6f},{a + (7 if who == 'x, y' else 0):.6f}\n".replace("x, y", '"x, y"')
            for when, a, b in self.rows for who in ("x, y", "z")))
        own = {"data__train": both, "task__series_column": "who", "task__targets": "[a]", "train__max_steps": 300,
               "model__dropout": 0, "model__dropout_input": 0, "model__dropout_output": 0}
        for name, head in (("q", {"task__head": "quantile"}), ("g", {"task__head": "gaussian"}), ("p", {}),
                           ("c", {"task__change": "difference"}), ("l", {"task__change": "log_return", "task__window_norm": "none"})):
            self.train(name, 2, **own, **head)
            rows = list(csv.DictReader(io.StringIO(run(["predict", self.path(name), both]).stdout)))
            self.assertEqual(len(rows), 6)
            self.assertEqual([row["who"] for row in rows], 3 * ["x, y"] + 3 * ["z"])
            self.assertEqual([row["date"] for row in rows], 2 * ["2020-01-13 12:00:00", "2020-01-13 13:00:00", "2020-01-13 14:00:00"])
            column = "a_q0.5" if name == "q" else "a"
            for row, other in zip(rows[:3], rows[3:]):
                self.assertAlmostEqual(float(row[column]) - float(other[column]), 7, delta=0.5)
                self.assertTrue(10 < float(other[column]) < 30, (name, row))
        quantiles = list(csv.DictReader(io.StringIO(run(["predict", self.path("q"), both]).stdout)))
        self.assertTrue(all(float(row["a_q0.1"]) < float(row["a_q0.9"]) for row in quantiles))
        for name in ("q", "g"):
            self.assertTrue(0.5 < self.final(name)["coverage"] <= 1, self.final(name))
        for name in ("q", "g", "p", "c"):
            self.assertLess(self.final(name)["mse"], 0.6, name)

    def test_missing_values_and_gaps_are_reported(self):
        rows = [list(map(str, row)) for row in self.rows]
        rows[50][1] = ""
        rows[51][2] = "NaN"
        del rows[100]
        text = self.write("gaps.csv", "when,a,b\r\n" + "".join(",".join(row) + "\r\n" for row in rows))
        said = run(["info", self.config, *self.settings(data__train=text)]).stdout
        self.assertIn("2 values are missing", said)
        self.assertIn("1 rows do not follow that step, the first " + text + ":102", said)
        self.assertIn("left out", said)
        self.train("gaps", 2, data__train=text, train__max_steps=3)

    def test_bad_input_is_named_with_file_and_line(self):
        def refused(*words, **values):
            result = self.train("bad", 2, expect=2, **values)
            for word in words:
                self.assertIn(word, result.stderr)

        lines = self.table(self.rows).splitlines()
        for number, line, *words in ((5, "2020-01-01T03:00,low,1", "bad.csv:5", '"low" is no number', '"a"'),
                                     (5, "yesterday,1,1", "bad.csv:5", '"yesterday" is no date'),
                                     (5, "2020-01-01T03:00,1", "bad.csv:5", "2 columns"),
                                     (5, "2020-01-01T02:00,1,1", "bad.csv:5", "has the date of"),
                                     (5, "2019-01-01T02:00,1,1", "bad.csv:5", "is earlier than")):
            changed = lines[:number - 1] + [line] + lines[number:]
            refused(*words, data__train=self.write("bad.csv", "\n".join(changed) + "\n"))
        skipped = lines[:4] + ["2020-01-01T03:00,low,1"] + lines[5:]
        self.train("skips", 1, data__train=self.write("skip.csv", "\n".join(skipped)), data__on_error="skip", train__max_steps=2)
        refused('"c"', "when, a, b", task__inputs="[a, c]")
        refused('"c"', "task.targets", task__targets="[c]")
        refused("task.split_rows", "300", task__split_rows="[300, 10, 10]", data__split="null")
        refused("no window of 250 rows", task__window=250)
        refused("task.split_rows", "one of four ways", task__split_rows="[100, 10, 10]")
        refused("empty", data__train=self.write("empty.csv", ""))
        refused("model.bidirectional", model__bidirectional="true")
        self.train("short", 1, train__max_steps=1)
        few = self.write("few.csv", "\n".join(lines[:9]) + "\n")
        result = run(["predict", self.path("short"), few])
        self.assertEqual(result.returncode, 2)
        self.assertIn("8 rows are too few", result.stderr)

    @unittest.skipUnless(os.path.exists(os.path.join(DATA, "ett")), "no real data")
    def test_it_beats_naive_forecasts_of_electricity(self):
        self.train("ett", 2, data="{train: %s}" % os.path.join(DATA, "ett", "ETTh1.csv"),
                   task="{type: forecast, window: 48, horizon: 24, season: 24, window_norm: last, linear_skip: true, "
                        "independent: true, split_rows: [8640, 2880, 2880]}",
                   model="{cell: gru, hidden_size: 16, num_layers: 1}", train__global_batch_size=64, train__max_steps=600,
                   eval__every=600, optim__lr=0.002, timeout=300)
        test = self.final("ett")
        self.assertLess(test["mse"], 0.39) # a day before: 0.424
        metrics = json.loads(run(["eval", self.path("ett"), "--json"]).stdout)
        floors = {floor["name"]: floor["value"] for floor in metrics["floors"] if floor["metric"] == "mse"}
        self.assertAlmostEqual(floors["the last value"], 1.222, places=3)
        self.assertAlmostEqual(floors["a season before"], 0.424, places=3)


@unittest.skipIf(torch is None, "no torch package")
class Parity(Series):
    def compare(self, cell, kinds, **own):
        """All windows at once, ten steps of Adam."""
        window, horizon, count = 12, 3, 300 - 12 - 3 + 1
        values = {"data": f"{{train: {self.text}}}", "train__max_grad_norm": "null", "train__global_batch_size": count,
                  "eval__every": 100, "model": f"{{cell: {cell}, hidden_size: 10, num_layers: 2}}", "task__season": "null",
                  "task__time_features": "false", **own}
        name = "-".join([cell, *own.values()])
        self.train(f"start-{name}", 1, train__max_steps=1, optim="{type: sgd, lr: 1.0e-37}", **values)
        self.train(name, 2, train__max_steps=10, options=["--init-from", self.path(f"start-{name}")], **values)
        _, start = read_checkpoint(self.path(f"start-{name}"))
        raw = torch.tensor([[float(f"{a:.6f}"), float(f"{b:.6f}")] for _, a, b in self.rows], dtype=torch.float64)
        z = ((raw - raw.mean(0)) / raw.std(0, unbiased=False)).float()
        x = torch.stack([z[row - window:row] for row in range(window, 300 - horizon + 1)])
        y = torch.stack([z[row:row + horizon] for row in range(window, 300 - horizon + 1)])
        layer = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn_tanh": torch.nn.RNN}[cell]
        modules = torch.nn.ModuleDict({"rnn": layer(2, 10, 2), "head": torch.nn.Linear(10, 2 * horizon * kinds),
                                       "skip": torch.nn.Linear(window, horizon)})
        modules.load_state_dict({key: torch.frombuffer(bytearray(data), dtype=torch.float32).reshape(shape)
                                 for key, (shape, data) in start.items() if not key.startswith("optimizer.")})
        norm = own.get("task__window_norm", "mean_std")
        offset = x.mean(1, keepdim=True) if norm == "mean_std" else x[:, -1:]
        spread = ((x - offset) ** 2).mean(1, keepdim=True).add(1e-5).sqrt() if norm == "mean_std" else torch.ones_like(offset)
        seen = (x - offset) / spread
        optimiser = torch.optim.Adam(modules.parameters(), lr=0.01)
        ours = self.losses(name)
        self.assertEqual(len(ours), 10)
        for loss_of_ours in ours:
            last = modules["rnn"](seen.transpose(0, 1))[0][-1]
            out = modules["head"](last).reshape(count, 2, horizon, kinds).permute(0, 2, 1, 3)
            skip = modules["skip"](seen.transpose(1, 2)).transpose(1, 2)
            if own.get("task__head") == "gaussian":
                mean = (out[..., 0] + skip) * spread + offset
                variance = (out[..., 1] + 2 * spread.log()).exp()
                loss = torch.nn.functional.gaussian_nll_loss(mean, y, variance, full=True, eps=1e-30)
            elif own.get("task__head") == "quantile":
                loss = 0
                for k, q in enumerate((0.1, 0.5, 0.9)):
                    error = y - ((out[..., k] + skip) * spread + offset)
                    loss = loss + torch.maximum(q * error, (q - 1) * error).mean() / 3
            else:
                said = (out[..., 0] + skip) * spread + offset
                loss = (said - y).abs().mean() if own.get("task__loss") == "mae" else ((said - y) ** 2).mean()
            self.assertLess(abs(loss_of_ours - loss.item()), 1e-4 * abs(loss.item()) + 1e-6, own)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    def test_ten_steps_of_every_head(self):
        for cell, kinds, own in (("lstm", 1, {}), ("gru", 2, {"task__head": "gaussian"}),
                                 ("rnn_tanh", 3, {"task__head": "quantile", "task__window_norm": "last"}),
                                 ("lstm", 1, {"task__loss": "mae", "task__window_norm": "last"})):
            with self.subTest(own):
                self.compare(cell, kinds, **own)


if __name__ == "__main__":
    unittest.main()
