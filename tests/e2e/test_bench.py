"""Benchmarks say what they measured, in numbers that fit together, and profiles add up."""

import csv
import glob
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import unittest

from harness import PROGRAM, SOURCE, Case, read_metrics, run

SMALL = ["--set", "model.hidden_size=48", "--set", "model.embedding_size=40", "--set", "data.vocab.max_size=300",
         "--set", "train.global_batch_size=6", "--set", "train.bptt=9", "--steps", "6"]
GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1}
FIELDS = {"bench", "config", "cell", "world_size", "threads_per_rank", "params", "step_ms", "step_ms_min", "tokens_per_s",
          "gflops", "fma_peak_gflops", "peak_fraction", "comm_exposed_ms", "phases_ms"}


def config(name):
    return os.path.join(SOURCE, "configs", "bench", name + ".yaml")


class Bench(Case):
    def bench(self, *arguments, ranks=None):
        result = run(["bench", *arguments], ranks)
        self.assertEqual(result.returncode, 0, result.stderr)
        return [json.loads(line) for line in result.stdout.splitlines()]

    def test_a_step_is_counted_in_numbers_that_fit_together(self):
        for name in ("lstm-200", "gru-512", "rnn-1024"):
            for ranks in (None, 2):
                (record,) = self.bench("step", config(name), *SMALL, ranks=ranks)
                self.assertLessEqual(FIELDS, record.keys())
                world, layers = ranks or 1, 1 if "1024" in name else 2
                self.assertEqual(record["world_size"], world)
                gates = GATES[record["cell"]]
                macs = gates * 48 * (40 + 48) + (layers - 1) * gates * 48 * 96 + 48 * 300
                flop = 6 * macs * 6 * 9 / world
                self.assertAlmostEqual(record["gflops"] / (1e-6 * flop / record["step_ms"]), 1, places=3)
                self.assertAlmostEqual(record["tokens_per_s"] / (6 * 9 * 1e3 / record["step_ms"]), 1, places=3)
                self.assertAlmostEqual(record["peak_fraction"] / (record["gflops"] / record["fma_peak_gflops"]), 1, places=3)
                self.assertLessEqual(record["step_ms_min"], record["step_ms"])
                self.assertGreater(sum(record["phases_ms"].values()), 0.5 * record["step_ms_min"])

    def test_layers_alone_and_products(self):
        (record,) = self.bench("cell", config("lstm-512"), *SMALL)
        flop = 6 * 4 * 48 * (40 + 48 + 96) * 6 * 9
        self.assertAlmostEqual(record["gflops"] / (1e-6 * flop / record["total_ms"]), 1, places=3)
        self.assertLess(record["forward_ms"], record["total_ms"])
        products = self.bench("gemm", config("lstm-512"), *SMALL[:-2])
        self.assertEqual(len(products), 8)
        for record in products:
            self.assertGreater(record["gflops"], 0)
            self.assertAlmostEqual(record["ratio"] / (record["gflops"] / record["openblas_gflops"]), 1, places=3)

    def test_scaling_keeps_the_batch_or_the_batch_of_a_rank(self):
        records = self.bench("scaling", config("lstm-512"), *SMALL, ranks=3)
        found = [(record["mode"], record["world_size"], record["global_batch_size"]) for record in records]
        self.assertEqual(found, [("strong", 1, 6), ("strong", 2, 6), ("weak", 2, 12), ("strong", 3, 6), ("weak", 3, 18)])
        for record in records:
            speedup = record["tokens_per_s"] / records[0]["tokens_per_s"]
            self.assertAlmostEqual(record["speedup"] / speedup, 1, places=3)
            self.assertAlmostEqual(record["efficiency"] * record["world_size"] / speedup, 1, places=3)
            self.assertAlmostEqual(record["tokens_per_s"] * record["step_ms"] / (1e3 * 9 * record["global_batch_size"]), 1, places=3)
            self.assertGreaterEqual(record["straggler"], 1)
            self.assertAlmostEqual(record["straggler"] * record["compute_ms"] / record["compute_ms_slowest"], 1, places=3)
        self.assertEqual((records[0]["comm_exposed_ms"], records[0]["comm_hidden_ms"]), (0, 0))
        self.assertGreater(records[1]["comm_exposed_ms"], 0)

    def test_scaling_over_nodes_and_threads(self):
        os.environ["RINGRNN_PRETEND_NODES"] = "0,1,1,2"
        self.addCleanup(os.environ.pop, "RINGRNN_PRETEND_NODES")
        records = self.bench("scaling", config("lstm-512"), *SMALL, "--over", "nodes", "--wait", ranks=4)
        found = [(record["mode"], record["nodes"], record["world_size"], record["global_batch_size"]) for record in records]
        self.assertEqual(found, [("strong", 1, 1, 6), ("strong", 2, 3, 6), ("weak", 2, 3, 12), ("strong", 3, 4, 6), ("weak", 3, 4, 18)])
        for record in records:
            self.assertIn("waited for", record["computing"])
            self.assertGreaterEqual(record["step_ms"] * 1.001, record["compute_ms"])
        os.environ["RINGRNN_PRETEND_NODES"] = "0,1,0"
        result = run(["bench", "scaling", config("lstm-512"), *SMALL, "--over", "nodes"], 3)
        self.assertEqual(result.returncode, 2)
        self.assertIn("--over nodes", result.stderr)
        most = len(os.sched_getaffinity(0))
        result = run(["bench", "scaling", config("lstm-512"), *SMALL[:-1], "2", "--over", "threads", "--csv"])
        rows = list(csv.DictReader(result.stdout.splitlines()))
        self.assertEqual([int(row["threads_per_rank"]) for row in rows if row["mode"] == "strong"][-1], most)
        self.assertEqual({row["over"] for row in rows}, {"threads"})

    def test_a_pass_is_written_for_simulations(self):
        result = run(["bench", "pass", config("lstm-512"), *SMALL])
        self.assertEqual(result.returncode, 0, result.stderr)
        lines = result.stdout.splitlines()
        pass_s, rest_s, floats, cuts, events = map(float, lines[0].split())
        self.assertEqual(len(lines), 1 + cuts + events)
        self.assertEqual(float(lines[int(cuts)]), floats)
        table = [tuple(map(float, line.split())) for line in lines[1 + int(cuts):]]
        self.assertEqual(table, sorted(table, key=lambda row: row[0]))
        ready = [end for _, end in table if end > 0]
        self.assertEqual((ready, ready[-1]), (sorted(ready), floats))
        self.assertLessEqual(table[-1][0], pass_s)
        self.assertGreater(rest_s, 0)

    def test_overlap_waits_as_long_as_computing_took(self):
        for extra in ((), ("--set", "dist.shard_optimizer=true")):
            (record,) = self.bench("overlap", config("lstm-512"), *SMALL, *extra, ranks=4)
            self.assertEqual((record["world_size"], record["turns"]), (4, 6))
            self.assertGreater(record["compute_ms"], record["hiding_ms"])
            self.assertGreaterEqual(record["step_ms"], record["compute_ms"])
            self.assertGreaterEqual(record["comm_exposed_ms"], record["comm_exposed_ms_min"])

    def test_every_configuration_for_benchmarks_is_right(self):
        found = glob.glob(os.path.join(SOURCE, "configs", "bench", "*.yaml"))
        self.assertEqual(len(found), 18)
        for path in found:
            self.assertEqual(run(["info", path]).returncode, 0, path)

    def test_every_task_has_a_step_to_measure(self):
        with open(os.path.join(SOURCE, "docs", "tasks.md"), encoding="utf-8") as page:
            tasks = set(re.findall(r"^## (\w+):", page.read(), re.M))
        self.assertEqual(tasks, {"lm", "classify", "tag", "seq2seq", "qa", "forecast"})
        for task in sorted(tasks):
            (record,) = self.bench("step", config("lstm-200" if task == "lm" else task), *SMALL, ranks=2)
            self.assertGreater(record["gflops"], 0, task)
            if task in ("lm", "forecast"):
                self.assertEqual(record["padding_fraction"], 0)
            else:  # lengths are spread evenly over [1/4, 1] of the longest, and those of a batch are near each other
                self.assertGreater(record["padding_fraction"], 0, task)
                self.assertLess(record["padding_fraction"], 0.375, task)

    def test_one_row_has_no_padding(self):
        (record,) = self.bench("step", config("classify"), *SMALL, "--set", "train.global_batch_size=1")
        self.assertEqual(record["padding_fraction"], 0)

    def test_wrong_usage_ends_with_2(self):
        for arguments, words in ((["stepp", config("lstm-200")], "step"), (["step"], "CONFIG"), ([], "argument")):
            result = run(["bench", *arguments])
            self.assertEqual(result.returncode, 2)
            self.assertIn(words, result.stderr)
        self.assertEqual(run(["bench", "step", "missing.yaml"]).returncode, 2)


    @unittest.skipIf(importlib.util.find_spec("torch") is None or len(os.sched_getaffinity(0)) < 2, "no torch, or one core")
    def test_pytorch_takes_turns(self):
        tiny = self.write("tiny.yaml", "task: {type: lm}\ndata: {vocab: {max_size: 50}}\n"
                          "model: {cell: gru, embedding_size: 8, hidden_size: 12, num_layers: 2}\n"
                          "train: {global_batch_size: 4, bptt: 5, max_epochs: 1}\n")
        result = subprocess.run([sys.executable, os.path.join(SOURCE, "tools", "compare_pytorch"), "--ringrnn", PROGRAM,
                                 "--turns", "2", "--steps", "3", "--json", tiny], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        rows = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual([row["ranks"] for row in rows], [1, 2])
        for row in rows:
            self.assertGreater(row["pytorch_tokens_per_s"], 0)
            self.assertGreater(row["ringrnn_tokens_per_s"], 0)


class Profile(Case):
    def test_phases_of_a_step_add_up_in_the_metrics_and_end_in_a_table(self):
        result = self.train(ranks=2, options=["--profile"], log__every_steps=10)
        lines = [line for line in read_metrics(self.run_folder) if line["split"] == "train"]
        self.assertGreater(len(lines), 3)
        for line in lines:
            phases = {key: value for key, value in line.items() if key.startswith("phases_ms.")}
            self.assertEqual(len(phases), 14)
            self.assertLess(sum(phases.values()), 1.05 * 1e3 * line["step_s"] + 0.05)
            self.assertGreater(phases["phases_ms.recurrent_backward"], 0)
        self.assertIn("roofline", result.stdout)
        self.assertNotIn("phases_ms", result.stdout)

    def test_without_it_nothing_is_measured(self):
        self.train(train__max_steps=5)
        self.assertFalse(any(key.startswith("phases") for line in read_metrics(self.run_folder) for key in line))


class Tools(Case):
    """Tools that read what benchmarks write."""

    def tool(self, name, *arguments):
        return subprocess.run([os.path.join(SOURCE, "tools", name), *arguments], capture_output=True, text=True, check=False, timeout=300)

    def test_plot_scaling_refuses_what_is_no_measurement(self):
        for content in ("", "hello\n", '{"bench": "step"}\n', '{"mode": "strong"'):
            result = self.tool("plot_scaling", self.write("lines", content))
            self.assertEqual(result.returncode, 2, content)
            self.assertIn("lines", result.stderr)
        self.assertEqual(self.tool("plot_scaling", os.path.join(self.folder, "absent")).returncode, 2)

    @unittest.skipIf(importlib.util.find_spec("matplotlib") is None, "no matplotlib")
    def test_plot_scaling_draws_json_and_csv(self):
        for options in ((), ("--csv",)):
            result = run(["bench", "scaling", config("lstm-512"), *SMALL, "--wait", *options], 2)
            self.assertEqual(result.returncode, 0, result.stderr)
            out = os.path.join(self.folder, "figure")
            drawn = subprocess.run([sys.executable, os.path.join(SOURCE, "tools", "plot_scaling"), "-o", out, self.write("lines", result.stdout)],
                                   capture_output=True, text=True, check=False)
            self.assertEqual(drawn.returncode, 0, drawn.stderr)
            with open(out + ".png", "rb") as png, open(out + ".svg", encoding="utf-8") as svg:
                self.assertEqual(png.read(8), b"\x89PNG\r\n\x1a\n")
                self.assertIn("</svg>", svg.read())

    @unittest.skipIf(shutil.which("smpicc") is None, "no SimGrid (smpicc)")
    def test_simulated_sums_are_right_and_take_at_least_the_bound(self):
        for nodes, algorithm in ((4, "ring"), (4, "halving"), (3, "halving")):
            result = self.tool("simulate", "allreduce", "--nodes", str(nodes), "100000", algorithm)
            self.assertEqual(result.returncode, 0, result.stderr)
            record = json.loads(result.stdout)
            self.assertEqual((record["ranks"], record["algorithm"], record["wrong"]), (nodes, algorithm, 0))
            self.assertGreaterEqual(record["us"], 2 * (nodes - 1) / nodes * 80 * 0.999)
            self.assertLess(record["us"], 5 * 80 + 100)
