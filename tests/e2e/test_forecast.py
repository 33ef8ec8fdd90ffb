"""Forecasts: the same on any number of ranks and after a kill, parts by time, predictions, and as in PyTorch."""

import csv
import datetime
import io
import json
import math
import os
import unittest

from harness import DATA, SOURCE, Case, metrics_without_times, read_checkpoint, read_metrics, run, state_hash

try:
    import torch
    torch.set_num_threads(1) # small models, beside ranks that want the cores
except ImportError:
    torch = None

CONFIG = """
run: {name: r, dir: %(folder)s/runs}
task: {type: forecast, window: 24, horizon: 6, time_features: [hour, weekday]}
data: {train: %(file)s, split: [0.6, 0.2, 0.2]}
model: {cell: lstm, hidden_size: 10, num_layers: 2, dropout: 0.2, dropout_input: 0.1, dropout_output: 0.2}
train: {global_batch_size: 8, max_epochs: null, max_steps: 60, max_grad_norm: 1.0}
eval: {every: 20}
optim: {type: adam, lr: 0.01}
ckpt: {every_steps: 7, keep: 3}
log: {every_steps: 1, tensorboard: false}
"""
START = datetime.datetime(2020, 1, 30)


def value(row, column):
    return 20 + 5 * column + (3 + column) * math.sin(2 * math.pi * row / 24) + ((row * 7919 + column * 31) % 97) / 97


def table(rows, columns=3, first=0):
    lines = ["date," + ",".join("abcdefghijkl"[:columns])]
    for row in range(first, first + rows):
        date = START + datetime.timedelta(hours=row)
        lines.append(f"{date:%Y-%m-%d %H:%M:%S}," + ",".join(f"{value(row, c):.6f}" for c in range(columns)))
    return "\n".join(lines) + "\n"


class Forecast(Case):
    def setUp(self):
        super().setUp()
        self.file = self.write("hours.csv", table(400))
        self.config = self.write("forecast.yaml", CONFIG % {"folder": self.folder, "file": self.file})

    def losses(self, name):
        return [line["loss"] for line in read_metrics(self.path(name, "")) if line["split"] == "train"]

    def predict(self, name, file):
        result = run(["predict", self.path(name), file])
        self.assertEqual(result.returncode, 0, result.stderr)
        return list(csv.DictReader(io.StringIO(result.stdout)))

    def test_any_number_of_ranks_and_parts_gives_the_same_curve(self):
        for kind, more in (("plain", {}), ("own", {"task__channel_independent": "true", "task__linear_skip": "true",
                                                   "task__normalise_window": "mean_std", "task__segment": 8})):
            values = {"train__global_batch_size": 13, "train__max_steps": 40, **more}
            self.train(kind + "one", 1, **values)
            for name, ranks, add in (("two", 2, {}), ("three", 3, {}), ("micro", 2, {"train__micro_batch_size": 3})):
                self.train(kind + name, ranks, **values, **add)
                for a, b in zip(self.losses(kind + "one"), self.losses(kind + name), strict=True):
                    self.assertLess(abs(a - b), 1e-4 * max(1, abs(a)), kind + name)
            self.assertLess(sum(self.losses(kind + "one")[-10:]), sum(self.losses(kind + "one")[:10]))

    def test_killed_and_resumed_it_has_the_same_bits(self):
        self.train("whole", 2)
        self.train("killed", 2, env={"RINGRNN_FAULT": "kill:1:37"}, expect=None)
        self.train("killed", 2)
        self.assertEqual(state_hash(self.path("killed")), state_hash(self.path("whole")))
        self.assertEqual(metrics_without_times(self.path("killed", "")), metrics_without_times(self.path("whole", "")))

    def test_the_three_ways_to_divide_agree(self):
        self.train("fractions", 1, train__max_steps=1)
        days = [(START + datetime.timedelta(hours=hours)).strftime("%Y-%m-%d %H:%M") for hours in (240, 320)]
        self.train("rows", 1, train__max_steps=1, data__split="null", task__split_rows="[240, 80, 80]")
        self.train("dates", 1, train__max_steps=1, data__split="null", task__split_dates=f"['{days[0]}', '{days[1]}']")
        for name in ("rows", "dates"):
            self.assertEqual(read_checkpoint(self.path(name))[0]["fingerprint"],
                             read_checkpoint(self.path("fractions"))[0]["fingerprint"], name)
        # Windows see what lies before their part, and forecast within it.
        result = run(["eval", self.path("rows")])
        self.assertIn("test 75 windows, forecast 2020-02-12 08:00:00 to 2020-02-15 15:00:00", result.stdout)

    def test_parts_may_be_files_of_their_own(self):
        files = {f"data__{part}": self.write(f"{part}.csv", table(rows, first=first))
                 for part, first, rows in (("train", 0, 240), ("valid", 240, 80), ("test", 320, 80))}
        self.train("files", 2, train__max_steps=3, data__split="null", **files, options=["--resume", "never"])
        result = run(["eval", self.path("files"), "--set", "data.train=null"], 2)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("test 51 windows, forecast 2020-02-13 08:00:00", result.stdout)  # nothing before a file is seen
        self.assertIn("linear map", result.stdout)  # it is in the checkpoint

    def test_predictions_are_those_of_the_evaluation(self):
        """One window as test part: its forecast is what predict says after the rows before it."""
        head = self.write("head.csv", table(394))
        for name, more in (("point", {}), ("own", {"task__channel_independent": "true", "task__linear_skip": "true"}),
                           ("last", {"task__transform": "log_return", "task__normalise_window": "last"}),
                           ("gaussian", {"task__head": "gaussian"}),
                           ("changes", {"task__head": "gaussian", "task__transform": "difference"}), ("quantile", {"task__head": "quantile"})):
            self.train(name, 2, data__split="null", task__split_rows="[300, 94, 6]", train__max_steps=30, **more)
            result = run(["eval", self.path(name), "--json"], 2)
            self.assertEqual(result.returncode, 0, result.stderr)
            metrics = json.loads(result.stdout)
            rows = self.predict(name, head)
            self.assertEqual([row["date"] for row in rows],
                             [str(START + datetime.timedelta(hours=394 + h)) for h in range(6)])
            middle = "_q0.5" if name == "quantile" else ""
            errors = [abs(float(rows[h]["abc"[c] + middle]) - value(394 + h, c)) for h in range(6) for c in range(3)]
            self.assertAlmostEqual(sum(errors) / len(errors), metrics["raw_mae"], places=4)
            self.assertEqual({floor["metric"] for floor in metrics["floors"]}, {"mse", "mae", "rmse"})
            if name in ("gaussian", "changes"):
                inside = [abs(float(rows[h]["abc"[c]]) - value(394 + h, c)) < 1.6448536 * float(rows[h]["abc"[c] + "_std"])
                          for h in range(6) for c in range(3)]
                self.assertAlmostEqual(metrics["coverage"], sum(inside) / len(inside))
            if name == "quantile":
                inside = [float(rows[h]["abc"[c] + "_q0.1"]) <= value(394 + h, c) <= float(rows[h]["abc"[c] + "_q0.9"])
                          for h in range(6) for c in range(3)]
                self.assertAlmostEqual(metrics["coverage"], sum(inside) / len(inside))
            self.assertEqual("coverage" in metrics, name in ("gaussian", "changes", "quantile"))
            self.assertIn("step 6", run(["eval", self.path(name)]).stdout)

    def test_floors_are_those_of_their_rules(self):
        self.train("f", 1, data__split="null", task__split_rows="[240, 80, 80]", train__max_steps=1)
        floors = {(floor["name"], floor["metric"]): floor["value"]
                  for floor in json.loads(run(["eval", self.path("f"), "--json"]).stdout)["floors"]}
        def rmse(rule):
            squares = [(rule(t, h, c) - value(t + h, c)) ** 2 for t in range(320, 395) for h in range(6) for c in range(3)]
            return math.sqrt(sum(squares) / len(squares))
        for name, rule in (("persistence", lambda t, h, c: value(t - 1, c)),
                           ("season before (24 rows)", lambda t, h, c: value(t + h - 24, c)),
                           ("mean of 7 seasons",
                            lambda t, h, c: sum(value(t + h - 24 * k, c) for k in range(1, 8)) / 7)):
            self.assertAlmostEqual(floors[name, "rmse"], rmse(rule), places=5, msg=name)
        self.assertLess(floors["linear map", "rmse"], floors["persistence", "rmse"])

    def test_several_series_stand_in_one_file(self):
        months = [f"{m} 1 {y}" for y in range(2000, 2005) for m in "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()]
        lines = ["name,date,price"] + [f"\"{s}, Inc.\",{date},{100 * k * 1.01 ** i + (i * 37 % 11):.4f}"
                                       for k, s in ((1, "A"), (5, "B")) for i, date in enumerate(months)]
        file = self.write("months.csv", "\n".join(lines) + "\n")
        self.train("m", 2, data__train=file, task="{type: forecast, window: 6, horizon: 3, series_column: name, "
                   "transform: difference}", train__max_steps=30)
        rows = self.predict("m", file)
        self.assertEqual([(row["name"], row["date"]) for row in rows],
                         [(f"{s}, Inc.", f"{m} 1 2005") for s in "AB" for m in ("Jan", "Feb", "Mar")])
        self.assertTrue(all(0.5 < float(row["price"]) / (181 if row["name"][0] == "A" else 905) < 1.5 for row in rows))
        brief = self.write("brief.csv", "\n".join([*lines, "C,Jan 1 2000,1", "C,Feb 1 2000,2"]) + "\n")
        result = self.train("brief", 2, data__train=brief, train__max_steps=1,
                            task="{type: forecast, window: 6, horizon: 3, series_column: name}")
        self.assertIn("train: 1 of 3 series give no window, being too short or with numbers missing; the first is C", result.stdout)
        other = self.write("other.csv", lines[0] + "\n" + "\n".join(f"C,{date},1" for date in months) + "\n")
        refused = run(["predict", self.path("m"), other])
        self.assertEqual(refused.returncode, 2)
        self.assertIn("other.csv:2: series \"C\"", refused.stderr)

    def test_missing_numbers_are_left_out_and_told(self):
        lines = table(400).split("\n")
        lines[101] = lines[101].split(",")[0] + ",,NaN,1"
        lines[301:303] = []
        file = self.write("holes.csv", "\n".join(lines))
        refused = self.train("bad", 2, expect=2, data__train=file)
        self.assertIn("holes.csv:102: column a: the number is missing", refused.stderr)
        result = self.train("skip", 2, data__train=file, data__on_error="skip", train__max_steps=3)
        self.assertIn("2 numbers are missing, 0 rows left out; the first:", result.stdout)
        self.assertIn("30 left out for missing numbers", result.stdout)
        self.assertIn("1 steps of time are other than 1 hour, the first before", result.stdout)
        self.assertIn("holes.csv:302", result.stdout)

    def test_other_ways_to_write_a_file_mean_the_same(self):
        """No header, the newest row first, days before months, semicolons, decimal commas."""
        rows = [line.split(",") for line in table(400).splitlines()[1:]]
        lines = [";".join([datetime.datetime.fromisoformat(row[0]).strftime("%d/%m/%Y %H:%M"), *row[1:]]).replace(".", ",")
                 for row in reversed(rows)]
        file = self.write("stunden.csv", "\n".join(lines) + "\n")
        task = "{type: forecast, window: 24, horizon: 6, time_features: [hour, weekday], decimal: comma, date_format: '%d/%m/%Y %H:%M'}"
        values = {"data__train": file, "data__delimiter": "';'", "data__header": "false", "task": task}
        self.assertIn("stunden.csv:2: the date lies before", self.train("other", 1, expect=2, **values).stderr)
        result = self.train("other", 1, train__max_steps=3, data__on_error="skip", **values)
        self.assertIn("the dates of 399 rows lay before those of the rows above; rows were sorted", result.stdout)
        self.train("plain", 1, train__max_steps=3)
        self.assertEqual(self.losses("other"), self.losses("plain"))
        ours, other = self.predict("plain", self.file), run(["predict", self.path("other"), file]).stdout.splitlines()[1:]
        self.assertEqual(len(other), len(ours))
        for row, line in zip(ours, other):
            date = datetime.datetime.strptime(line.split(",")[0], "%d/%m/%Y %H:%M")
            self.assertEqual([str(date), *line.split(",")[1:]], list(row.values()))
        self.assertIn("data.header: false", self.train("bad", 1, expect=2, data__train=self.write("bare.csv", table(400).split("\n", 1)[1])).stderr)

    def test_bad_input_is_named_with_file_and_line(self):
        def refused(*words, **values):
            result = self.train("bad", 1, expect=2, **values)
            for word in words:
                self.assertIn(word, result.stderr)

        lines = table(400).split("\n")
        lines[7], lines[8] = lines[8], lines[7]
        refused("data.train", "order.csv:9:", "dates must grow", data__train=self.write("order.csv", "\n".join(lines)))
        refused("no column \"z\"; there are: date, a, b, c", task__inputs="[a, z]")
        refused("task.targets", "\"z\"", task__targets="[z]")
        refused("task.inputs", "names a twice", task__inputs="[a, a]")
        refused("task.split_rows", "wants 401 rows", data__split="null", task__split_rows="[200, 100, 101]")
        refused("task.split_rows", "only one of", task__split_rows="[200, 100, 100]")
        refused("task.split_dates", "\"soon\" is no date", data__split="null", task__split_dates="[soon, later]")
        refused("data.split", "leaves no window for valid", data__split="[0.99, 0.005, 0.005]")
        refused("task.segment", "must divide task.window (24)", task__segment=5)
        refused("task.time_features", "\"minute\"", task__time_features="[minute]")
        refused("task.linear_skip", "does not name c", task__inputs="[a, b]", task__targets="[c]",
                task__linear_skip="true")
        refused("task.quantiles", "must grow", task__head="quantile", task__quantiles="[0.5, 0.1]")
        refused("data.train", "hours.csv: No such file", data__train=self.folder + "/no/hours.csv")
        self.train("good", 1, train__max_steps=1)
        cut = table(30).rstrip("\n").rsplit(",", 1)[0] + ",\n"
        for text, word in ((table(20), "20 rows; the model sees 24"), (table(30, 2), "no column \"c\""),
                           (cut, "short.csv:31: column c: the number is missing")):
            result = run(["predict", self.path("good"), self.write("short.csv", text)])
            self.assertEqual(result.returncode, 2)
            self.assertIn(word, result.stderr)

    def test_benchmarks_need_no_data(self):
        for config in ("forecast-etth1", "forecast-weather", "forecast-stocks", "starter-pytorch-rnn"):
            result = run(["bench", "step", os.path.join(SOURCE, "configs", f"{config}.yaml"), "--steps", 3], 2)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertGreater(json.loads(result.stdout.splitlines()[-1])["tokens_per_s"], 0)

    @unittest.skipUnless(os.path.exists(os.path.join(DATA, "ett")), "no real data")
    def test_electricity_is_forecast_better_than_by_any_simple_rule(self):
        self.config = os.path.join(SOURCE, "configs", "forecast-etth1.yaml")
        file = os.path.join(DATA, "ett", "ETTh1.csv")
        self.train("etth1", 2, run__dir=f"{self.folder}/runs", data__train=file, log__tensorboard="false",
                   train__max_epochs=8, timeout=200)
        metrics = json.loads(run(["eval", self.path("etth1", "best.safetensors"), "--json"], 2).stdout)
        self.assertLess(metrics["mse"], 0.316)
        floors = {floor["name"]: floor["value"] for floor in metrics["floors"] if floor["metric"] == "mse"}
        self.assertEqual(len(floors), 4)
        for name, published in (("persistence", 1.222), ("season before (24 rows)", 0.424),
                                ("mean of 7 seasons", 0.350), ("linear map", 0.316)):
            self.assertLess(abs(floors[name] - published), 0.003, name)
            self.assertLess(metrics["mse"], floors[name])


@unittest.skipIf(torch is None, "no torch package")
class Parity(Case):
    """All windows in one step, from the same weights."""

    ROWS = 90

    def start(self, task, model):
        self.file = self.write("hours.csv", table(self.ROWS))
        self.config = self.write("forecast.yaml", CONFIG % {"folder": self.folder, "file": self.file})
        rows = self.ROWS - task["window"] - task["horizon"] + 1
        batch = rows * (3 if task.get("channel_independent") == "true" else 1)
        values = {"data__split": "null", "train__max_grad_norm": "null", "train__global_batch_size": batch,
                  "eval__every": 100, "model": model,
                  "task": "{type: forecast, " + ", ".join(f"{k}: {v}" for k, v in task.items()) + "}"}
        self.train("start", 1, train__max_steps=1, optim="{type: sgd, lr: 1.0e-37}", **values)
        self.train("ours", 2, train__max_steps=10, options=["--init-from", self.path("start")],
                   **values)
        self.read_weights()
        x = torch.tensor([[float(f"{value(row, c):.6f}") for c in range(3)] for row in range(self.ROWS)],
                         dtype=torch.float64)
        x = ((x - x.mean(0)) / x.std(0, unbiased=False)).float()
        window, horizon = task["window"], task["horizon"]
        return (torch.stack([x[i:i + window] for i in range(rows)]),
                torch.stack([x[i + window:i + window + horizon] for i in range(rows)]))

    def read_weights(self):
        self.weights = {name: torch.frombuffer(bytearray(data), dtype=torch.float32).reshape(shape)
                        for name, (shape, data) in read_checkpoint(self.path("start"))[1].items()
                        if not name.startswith("optimizer.")}

    def compare(self, modules, forward, loss_of):
        modules.load_state_dict(self.weights)
        optimiser = torch.optim.Adam(modules.parameters(), lr=0.01)
        ours = [line["loss"] for line in read_metrics(self.path("ours", "")) if line["split"] == "train"]
        self.assertEqual(len(ours), 10)
        for step, loss_of_ours in enumerate(ours):
            loss = loss_of(forward(modules))
            self.assertLess(abs(loss_of_ours - loss.item()), 1e-4 * max(1, abs(loss.item())), step)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    def test_the_starter_config_is_the_script_in_its_comment(self):
        """nn.RNN(10, 64) and nn.Linear(64, 10) on vectors as they are, ten steps of all windows."""
        lines = table(60, 10).split("\n")
        file = self.write("vectors.csv", "\n".join(line.partition(",")[2] for line in lines[:-1]) + "\n")
        self.config = os.path.join(SOURCE, "configs", "starter-pytorch-rnn.yaml")
        values = {"run__dir": f"{self.folder}/runs", "data__train": file, "data__split": "null",
                  "train__global_batch_size": 40, "log__every_steps": 1, "log__tensorboard": "false"}
        self.train("start", 1, train__max_steps=1, optim="{type: sgd, lr: 1.0e-37}", **values)
        self.train("ours", 2, train__max_steps=10, optim__lr=0.01, options=["--init-from", self.path("start")], **values)
        self.read_weights()
        rows = torch.tensor([[float(f"{value(row, c):.6f}") for c in range(10)] for row in range(60)])
        x, y = torch.stack([rows[i:i + 20] for i in range(40)], 1), rows[20:]
        modules = torch.nn.ModuleDict({"rnn": torch.nn.RNN(10, 64), "head": torch.nn.Linear(64, 10)})
        self.compare(modules, lambda m: m["head"](m["rnn"](x)[0][-1]),
                     lambda said: torch.nn.functional.mse_loss(said, y))
        rows = list(csv.DictReader(io.StringIO(run(["predict", self.path("ours"), file]).stdout)))
        self.assertEqual(list(rows[0]), ["step", *"abcdefghij"])

    def test_quantiles_of_every_column_by_itself(self):
        x, y = self.start({"window": 24, "horizon": 6, "segment": 8, "channel_independent": "true",
                           "linear_skip": "true", "normalise_window": "mean_std", "head": "quantile",
                           "quantiles": "[0.2, 0.5, 0.9]"}, "{cell: gru, hidden_size: 12, num_layers: 2}")
        modules = torch.nn.ModuleDict({"rnn": torch.nn.GRU(8, 12, 2), "head": torch.nn.Linear(12, 18),
                                       "skip": torch.nn.Linear(24, 6)})
        x, y = x.transpose(1, 2).reshape(-1, 24), y.transpose(1, 2).reshape(-1, 6)
        mean, deviation = x.mean(1, keepdim=True), (x.var(1, unbiased=False, keepdim=True) + 1e-5).sqrt()
        z = (x - mean) / deviation

        def forward(m):
            top = m["rnn"](z.reshape(-1, 3, 8).transpose(0, 1))[0][-1]
            said = m["head"](top).reshape(-1, 6, 3) + m["skip"](z)[:, :, None]
            return said * deviation[:, :, None] + mean[:, :, None]

        def pinball(said):
            off = y[:, :, None] - said
            q = torch.tensor([0.2, 0.5, 0.9])
            return torch.maximum(q * off, (q - 1) * off).mean()

        self.compare(modules, forward, pinball)

    def test_normal_distributions(self):
        x, y = self.start({"window": 12, "horizon": 2, "head": "gaussian", "targets": "[b]",
                           "normalise_window": "last"}, "{cell: lstm, hidden_size: 12, num_layers: 1}")
        modules = torch.nn.ModuleDict({"rnn": torch.nn.LSTM(3, 12), "head": torch.nn.Linear(12, 4)})
        last = x[:, -1:]

        def forward(m):
            return m["head"](m["rnn"]((x - last).transpose(0, 1))[0][-1]).reshape(-1, 2, 2)

        self.compare(modules, forward, lambda said: torch.nn.functional.gaussian_nll_loss(
            said[:, :, 0] + last[:, :, 1], y[:, :, 1], said[:, :, 1].exp()))
