"""What a run leaves for people and tools to look at."""

import unittest

from harness import Case, read_metrics, run

try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
except ImportError:
    EventAccumulator = None


class Watch(Case):
    def test_metrics_have_the_agreed_keys(self):
        self.train(ranks=2)
        lines = read_metrics(self.run_folder)
        for line in lines:
            for key in ("step", "epoch", "split", "loss", "ppl", "bpc"):
                self.assertIn(key, line)
            if line["split"] == "train":
                for key in ("lr", "grad_norm", "tokens_per_s", "step_s", "comm_exposed_s", "comm_hidden_s"):
                    self.assertIn(key, line)
        self.assertEqual([line["step"] for line in lines if line["split"] == "train"], list(range(1, 61)))
        self.assertEqual([line["step"] for line in lines if line["split"] == "valid"], [20, 40, 60])
        self.assertEqual([line["step"] for line in lines if line["split"] == "test"], [60])

    def test_the_banner_tells_what_runs_where(self):
        result = self.train(ranks=2)
        for words in ("2 ranks", "OpenBLAS", "lstm 20", "parameters", self.run_folder, "unigram", "bigram", "ring"):
            self.assertIn(words, result.stdout)

    def test_output_that_is_no_terminal_has_whole_lines_alone(self):
        result = self.train()
        self.assertNotIn("\r", result.stdout)
        self.assertNotIn("\x1b", result.stdout)

    @unittest.skipIf(EventAccumulator is None, "no tensorboard package")
    def test_tensorboard_reads_the_run_and_its_resume(self):
        self.train(ranks=2, env={"RINGRNN_FAULT": "kill:0:30"}, expect=None)
        self.train(ranks=2)
        events = EventAccumulator(self.run_folder, size_guidance={"scalars": 0, "histograms": 0, "tensors": 0}).Reload()
        lines = [line for line in read_metrics(self.run_folder) if line["split"] == "train"]
        scalars = events.Scalars("train/loss")
        self.assertEqual([scalar.step for scalar in scalars], [line["step"] for line in lines])
        for scalar, line in zip(scalars, lines, strict=True):
            self.assertAlmostEqual(scalar.value / line["loss"], 1, delta=1e-6)
        self.assertEqual([scalar.step for scalar in events.Scalars("valid/loss")], [20, 40, 60])
        names = events.Tags()["histograms"]
        self.assertTrue(any("weight_hh_l1" in name for name in names), names)
        self.assertTrue(any("sample" in name for name in events.Tags()["tensors"]))
        self.assertTrue(any("config" in name for name in events.Tags()["tensors"]))


class Learning(Case):
    def test_a_character_model_beats_counting(self):
        result = run(["info", self.config])
        floors = result.stdout.split("test ")[1]
        bigram = float(floors.split("bigram ")[1].split()[0])
        self.train(ranks=2, train__max_steps=400, train__bptt=30, train__global_batch_size=16, model__hidden_size=64,
                   model__embedding_size=32, model__dropout=0, optim__lr=0.01, schedule="{type: cosine_annealing}",
                   eval__every=200, log__every_steps=50)
        test = [line["loss"] for line in read_metrics(self.run_folder) if line["split"] == "test"][0]
        self.assertLess(test, bigram)

    def test_words_tied_weights_and_every_cell_learn(self):
        for cell in ("lstm", "gru", "rnn_tanh", "rnn_relu"):
            self.train(cell, ranks=2, task__unit="word", model__cell=cell, model__tie_weights="true", model__embedding_size=20,
                       train__max_steps=120, model__dropout=0, train__bptt=8)
            losses = [line["loss"] for line in read_metrics(self.path(cell, "")) if line["split"] == "train"]
            self.assertLess(sum(losses[-10:]), sum(losses[:10]), cell)


if __name__ == "__main__":
    unittest.main()
