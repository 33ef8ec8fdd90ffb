"""test_tensorboard_reads.py WRITE_EVENTS: what the program logs, read back by TensorBoard."""

import glob
import json
import logging
import math
import os
import subprocess
import sys
import tempfile
import unittest

from tensorboard import plugin_util
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator as PluginEventAccumulator

PROGRAM = sys.argv.pop(1)


class Reading(unittest.TestCase):
    def setUp(self):
        logging.getLogger("tensorboard").setLevel(logging.ERROR)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, *arguments):
        subprocess.run([PROGRAM, self.folder, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)

    def read(self):
        everything = {"scalars": 0, "histograms": 0, "tensors": 0, "compressedHistograms": 1}
        return EventAccumulator(self.folder, size_guidance=everything).Reload()

    def test_scalars(self):
        self.write(1, 20, 0, 0)
        events = self.read()
        self.assertEqual(events.file_version, 2.0)
        self.assertEqual(sorted(events.Tags()["scalars"]), ["train/loss", "train/lr", "train/odd", "valid/loss"])
        self.assertEqual([(event.step, event.value) for event in events.Scalars("train/loss")],
                         [(step, float(step)) for step in range(1, 21)])
        self.assertEqual([event.step for event in events.Scalars("valid/loss")], [10, 20])
        self.assertAlmostEqual(events.Scalars("train/lr")[0].value, 1e-3, delta=1e-10)
        odd = [event.value for event in events.Scalars("train/odd")]
        self.assertTrue(all(math.isnan(value) for value in odd[0::2]) and all(math.isinf(value) for value in odd[1::2]))

    def test_histograms(self):
        self.write(1, 20, 0, 0)
        events = self.read().Histograms("weights/rnn.weight_hh_l0")
        self.assertEqual([event.step for event in events], [10, 20])
        for event in events:
            values = [(i - 500) / 250 * event.step for i in range(1000) if i != 7]
            histogram = event.histogram_value
            self.assertEqual(histogram.num, 999)
            self.assertAlmostEqual(histogram.min, min(values), places=5)
            self.assertAlmostEqual(histogram.max, max(values), places=5)
            self.assertAlmostEqual(histogram.sum, sum(values), places=2)
            self.assertAlmostEqual(histogram.sum_squares / sum(value * value for value in values), 1, places=5)
            self.assertEqual(len(histogram.bucket), len(histogram.bucket_limit))
            self.assertEqual(sum(histogram.bucket), 999)
            low = -math.inf
            for limit, count in zip(histogram.bucket_limit, histogram.bucket, strict=True):
                near = sum(low * (1 + 1e-6 * math.copysign(1, low)) <= value < limit * (1 - 1e-6 * math.copysign(1, limit))
                           if math.isfinite(low) else value < limit for value in values)
                self.assertLessEqual(abs(count - near), 1)
                low = limit

    def test_texts_stand_in_blocks_of_code(self):
        self.write(1, 10, 0, 0)
        events = self.read()
        for tag in ("config", "sample"):
            self.assertEqual(events.summary_metadata[tag].plugin_data.plugin_name, "text")
        config = events.Tensors("config")[0]
        self.assertEqual(config.step, 0)
        self.assertEqual(config.tensor_proto.string_val[0], b"    optim:\n      lr: 0.1 # *star*\n")
        sample = events.Tensors("sample")[0]
        self.assertEqual([dim.size for dim in sample.tensor_proto.tensor_shape.dim], [1])
        html = plugin_util.markdown_to_safe_html(sample.tensor_proto.string_val[0])
        self.assertIn("<code>to be\ufffd\n\u00fc or", html)
        self.assertIn("*star*", plugin_util.markdown_to_safe_html(config.tensor_proto.string_val[0]))

    def test_a_resumed_run_has_every_step_once(self):
        self.write(1, 40, 0, 0)
        (first,) = glob.glob(os.path.join(self.folder, "events.*"))
        with open(first, "rb+") as file:  # a record that was cut off when the run was killed
            file.truncate(os.path.getsize(first) - 5)
        self.write(26, 30, 25, 1000)
        self.write(31, 33, 30, 2000)
        expected = [(step, step + (0 if step <= 25 else 1000 if step <= 30 else 2000)) for step in range(1, 34)]
        events = self.read()
        self.assertEqual([(event.step, event.value) for event in events.Scalars("train/loss")], expected)
        self.assertEqual([event.step for event in events.Histograms("weights/rnn.weight_hh_l0")], [10, 20, 30])
        # the accumulator above keeps texts that START makes out of date; the one that TensorBoard itself uses does not
        everything = PluginEventAccumulator(self.folder, size_guidance={"tensors": 0}, tensor_size_guidance={"text": 0}).Reload()
        self.assertEqual([event.step for event in everything.Tensors("sample")], [10, 20, 30])
        self.assertEqual([event.step for event in everything.Tensors("weights/rnn.weight_hh_l0")], [10, 20, 30])
        with open(os.path.join(self.folder, "metrics.jsonl"), encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        self.assertEqual([(line["step"], line["loss"]) for line in lines if line["split"] == "train"], expected)
        self.assertEqual({line["odd"] for line in lines if line["split"] == "train"}, {None})

    def test_a_new_run_in_the_folder_replaces_the_old_one(self):
        self.write(1, 40, 0, 0)
        self.write(1, 5, 0, 7)
        self.assertEqual([(event.step, event.value) for event in self.read().Scalars("train/loss")],
                         [(step, step + 7) for step in range(1, 6)])


if __name__ == "__main__":
    unittest.main()
