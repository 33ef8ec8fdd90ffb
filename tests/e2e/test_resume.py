"""Killed at any moment and started again, a run ends with the bits of one that was never disturbed."""

import os
import random
import signal
import time
import unittest

from harness import Case, metrics_without_times, read_checkpoint, run, start, state_hash

ALL = os.environ.get("RINGRNN_TEST_ALL") is not None


class Resume(Case):
    def finish_after_kills(self, name, ranks, kills, rng, **values):
        """Starts the run, kills it with SIGKILL at random moments, and lets the last start finish."""
        arguments = ["train", self.config, "--set", f"run.name={name}", *self.settings(**values)]
        killed = 0
        for _ in range(kills):
            process = start(arguments, ranks)
            time.sleep(rng.uniform(0.05, 1.6))
            killed += process.poll() is None
            process.kill()
            process.communicate()
            self.wait_until_nobody_runs(name)
        self.train(name, ranks, **values)
        return killed

    def wait_until_nobody_runs(self, name):
        """mpirun killed with -9 leaves its ranks a moment behind."""
        for _ in range(100):
            found = False
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    with open(f"/proc/{pid}/cmdline", "rb") as file:
                        words = file.read().split(b"\0")
                except OSError:
                    continue
                found |= f"run.name={name}".encode() in words and self.config.encode() in words
            if not found:
                return
            time.sleep(0.1)
        self.fail("ranks of a killed job are still there after 10 s")

    def test_killed_before_a_checkpoint_is_named_the_best_it_is_named_so_later(self):
        """Step 20 is the first that validation sees, and after it learning does harm."""
        values = {"optim__lr": 0.002, "schedule": "{type: multi_step, interval: step, milestones: [20, 20, 20], gamma: 10}"}
        best = self.path("killed", "best.safetensors")
        self.train("whole", 2, **values)
        for shards in ("false", "true"):
            self.train("killed", 2, env={"RINGRNN_FAULT": "kill:0:21"}, expect=None, options=["--resume", "never"],
                       dist__shard_optimizer=shards, **values)
            if os.path.exists(best):
                os.remove(best)
            self.train("killed", 2, dist__shard_optimizer=shards, **values)
            self.assertEqual(read_checkpoint(best)[0]["step"], "20")
            self.assertEqual(metrics_without_times(self.path("killed", "")), metrics_without_times(self.path("whole", "")))

    def test_kill_at_any_moment_and_resume_gives_the_same_bits(self):
        for ranks in (1, 2, 3) if ALL else (2,):
            values = {"train__max_steps": 150, "eval__every": 40}
            self.train(f"whole{ranks}", ranks, **values)
            expected = state_hash(self.path(f"whole{ranks}"))
            lines = metrics_without_times(self.path(f"whole{ranks}", ""))
            killed = 0
            for seed in range(12 if ALL else 4):
                name = f"killed{ranks}-{seed}"
                killed += self.finish_after_kills(name, ranks, 3, random.Random(seed), **values)
                self.assertEqual(state_hash(self.path(name)), expected, f"{ranks} ranks, seed {seed}")
                self.assertEqual(metrics_without_times(self.path(name, "")), lines, f"{ranks} ranks, seed {seed}")
            self.assertGreater(killed, 0, "no kill hit a living run: nothing was tested")

    def test_a_fault_at_a_given_step_and_resume_gives_the_same_bits(self):
        self.train("whole", 2)
        for step in (1, 7, 20, 33):
            name = f"fault{step}"
            self.assertNotEqual(self.train(name, 2, {"RINGRNN_FAULT": f"kill:1:{step}"}, expect=None).returncode, 0)
            self.train(name, 2)
            self.assertEqual(state_hash(self.path(name)), state_hash(self.path("whole")))
            self.assertEqual(metrics_without_times(self.path(name, "")), metrics_without_times(self.path("whole", "")))

    def test_every_cell_and_optimiser_resumes_exactly(self):
        for cell, optim in (("lstm", "sgd"), ("gru", "adamw"), ("rnn_tanh", "adam"), ("rnn_relu", "sgd")):
            values = {"model__cell": cell, "optim": f"{{type: {optim}, lr: 0.01}}", "train__micro_batch_size": 3}
            if optim == "sgd":
                values["optim"] = "{type: sgd, lr: 0.05, momentum: 0.9, nesterov: true}"
            self.train(f"{cell}-a", 2, **values)
            self.train(f"{cell}-b", 2, {"RINGRNN_FAULT": "kill:0:31"}, expect=None, **values)
            self.train(f"{cell}-b", 2, **values)
            self.assertEqual(state_hash(self.path(f"{cell}-a")), state_hash(self.path(f"{cell}-b")), cell)

    def test_a_sharded_optimiser_goes_on_from_a_whole_one_and_back(self):
        self.train("straight", 2, train__max_steps=30)
        for step, sharded in ((10, True), (20, False), (30, True)):
            self.train("turns", 2, train__max_steps=step, dist__shard_optimizer=str(sharded).lower())
        self.assertEqual(state_hash(self.path("turns")), state_hash(self.path("straight")))

    def test_resume_on_another_number_of_ranks_works_and_says_so(self):
        self.train(ranks=2, train__max_steps=30)
        result = self.train(ranks=3)
        self.assertIn("bits may differ", result.stdout)
        self.assertIn("step 30", result.stdout)

    def test_resume_with_another_order_of_sums_says_so(self):
        self.train(ranks=3, train__max_steps=30)
        result = self.train(ranks=3, train__max_steps=40)
        self.assertNotIn("bits may differ", result.stdout)
        result = self.train(ranks=3, train__max_steps=50, dist__allreduce="ring")
        self.assertIn("bits may differ", result.stdout)

    def test_a_finished_run_has_nothing_left_to_do_and_more_steps_go_on(self):
        self.train("a", train__max_steps=60)
        result = self.train("a", train__max_steps=60)
        self.assertIn("nothing left to do", result.stdout)
        self.train("b", train__max_steps=40)
        self.train("b", train__max_steps=60)
        self.assertEqual([line["step"] for line in metrics_without_times(self.path("b", "")) if line["split"] == "train"],
                         list(range(1, 61)))


class Stop(Case):
    def stopped_by(self, number, ranks, name):
        arguments = ["train", self.config, "--set", f"run.name={name}", "--set", "train.max_steps=4000"]
        process = start(arguments, ranks)
        for line in process.stdout:
            if '"' not in line and "step" in line and "train" in line:
                break  # a line of progress: it trains
        process.send_signal(number)
        process.communicate(timeout=30)
        return process.returncode

    def test_usr1_through_mpirun_saves_and_exits_75(self):
        self.assertEqual(self.stopped_by(signal.SIGUSR1, 2, "r"), 75)
        self.assertTrue(os.path.exists(self.last))

    def test_each_signal_without_mpirun_saves_and_exits_75(self):
        for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT):
            name = f"signal{number}"
            self.assertEqual(self.stopped_by(number, None, name), 75)
            self.assertTrue(os.path.exists(self.path(name)))

    def test_a_closed_pipe_does_not_end_a_training(self):
        process = start(["train", self.config, *self.settings(train__max_steps=40)])
        process.stdout.readline()
        process.stdout.close()
        self.assertEqual(process.wait(timeout=60), 0)
        self.assertEqual(metrics_without_times(self.run_folder)[-1]["step"], 40)
        process.stderr.close()

    def test_a_second_interrupt_without_mpirun_ends_at_once(self):
        arguments = ["train", self.config, *self.settings(train__max_steps=9, train__bptt=900, model__hidden_size=900,
                                                          model__num_layers=3, data__split="[1, 0, 0]")]
        process = start(arguments)
        for line in process.stdout:
            if "steps an epoch" in line:
                break  # the end of the banner: the first step takes many seconds
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        self.assertIsNone(process.poll(), "the first interrupt waits for the end of the step")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=3)
        self.assertEqual(process.returncode, -signal.SIGINT)

    def test_a_time_limit_saves_exits_75_and_the_same_command_goes_on(self):
        self.train("whole", 2)
        result = self.train("limited", 2, expect=75, train__max_minutes=0.0001)
        self.assertIn("goes on from there", result.stdout)
        self.train("limited", 2)
        self.assertEqual(state_hash(self.path("limited")), state_hash(self.path("whole")))


class Rules(Case):
    def test_an_edited_config_is_refused_with_the_differences_shown(self):
        self.train(train__max_steps=10)
        result = self.train(expect=2, optim__lr=0.02, model__dropout=0.1)
        self.assertIn("optim.lr", result.stderr)
        self.assertIn("model.dropout", result.stderr)
        self.assertNotIn("train.max_steps", result.stderr)
        result = self.train(ranks=3, expect=2, optim__lr=0.02)
        self.assertEqual(result.stderr.count("optim.lr"), 1, "one message of all ranks")
        self.assertNotIn("MPI_ABORT", result.stderr)

    def test_limits_logging_and_checkpoints_may_change(self):
        self.train(train__max_steps=10)
        self.train(train__max_steps=12, log__every_steps=2, ckpt__keep=1, dist__bucket_mb=1, eval__every=6)

    def test_changed_data_is_refused(self):
        self.train(train__max_steps=10)
        with open(self.text, "a", encoding="utf-8") as file:
            file.write("another end")
        self.assertIn("data", self.train(expect=2).stderr)

    def test_never_moves_nothing_where_it_cannot_start(self):
        self.train(train__max_steps=5)
        before = state_hash(self.last)
        self.train(expect=2, data__train=self.write("empty.txt", ""), options=["--resume", "never"])
        self.assertEqual(state_hash(self.last), before)
        self.assertFalse(os.path.exists(self.run_folder + ".1"))
        self.train(train__max_steps=2, options=["--resume", "never", "--init-from", self.last]) # weights of what is moved
        self.assertTrue(os.path.exists(self.run_folder + ".1"))

    def test_never_starts_over_and_loses_nothing(self):
        self.train(train__max_steps=10)
        self.train(train__max_steps=5, options=["--resume", "never"])
        self.assertTrue(os.path.exists(os.path.join(self.folder, "runs", "r.1", "last.safetensors")))

    def test_a_path_goes_back_to_that_step(self):
        self.train()
        steps = os.path.join(self.run_folder, "checkpoints")
        oldest = sorted(name for name in os.listdir(steps) if name.endswith(".safetensors"))[0]
        self.train("again", options=["--resume", os.path.join(steps, oldest)])
        self.assertEqual(state_hash(self.path("again")), state_hash(self.last))

    def test_weights_of_a_past_that_was_left_are_not_tested_as_the_best(self):
        values = {"ckpt__keep": 20, "optim__lr": 0.002} # so slow that 60 steps are better than 20
        self.train(train__max_steps=60, eval__every=20, **values)
        def go_back(step):
            file = os.path.join(self.run_folder, "checkpoints", f"step-{step:08}.safetensors")
            return self.train(options=["--resume", file], train__max_steps=30, eval__every=1000, **values).stdout

        said = go_back(21)
        self.assertIn("of step 20, are not in this folder", said)
        self.assertIn("last.safetensors", said)
        self.assertIn("test with the weights of step 20,", go_back(20))
        self.assertEqual(read_checkpoint(self.path("r", "best.safetensors"))[0]["step"], "20")

    def test_init_from_takes_weights_alone(self):
        self.train()
        self.train("tuned", options=["--init-from", self.last], optim__lr=0.001, train__max_steps=2)
        losses = [line["loss"] for line in metrics_without_times(self.path("tuned", "")) if line["split"] == "train"]
        first = [line["loss"] for line in metrics_without_times(self.run_folder) if line["split"] == "train"][0]
        self.assertLess(losses[0], first)

    def test_a_second_run_in_the_folder_is_refused_and_a_stale_lock_is_not(self):
        process = start(["train", self.config, "--set", "train.max_steps=100000"])
        for line in process.stdout:
            if "train" in line and "step" in line:
                break
        try:
            result = self.train(expect=2)
            self.assertIn(str(process.pid), result.stderr)
        finally:
            process.kill()
            process.communicate()
        self.train()


class Damage(Case):
    def newest(self):
        steps = os.path.join(self.run_folder, "checkpoints")
        return os.path.join(steps, sorted(name for name in os.listdir(steps) if name.endswith(".safetensors"))[-1])

    def test_a_damaged_checkpoint_is_reported_and_the_one_before_is_used(self):
        self.train("whole", 2)
        for damage in ("flip", "truncate", "empty"):
            self.train("r", 2, {"RINGRNN_FAULT": "kill:0:30"}, expect=None, options=["--resume", "never"])
            path = self.newest()
            with open(path, "rb") as file:
                content = bytearray(file.read())
            if damage == "flip":
                content[len(content) // 2] ^= 4
            with open(path + ".new", "wb") as file:
                file.write({"flip": content, "truncate": content[:-100], "empty": b""}[damage])
            os.replace(path + ".new", path)
            result = self.train("r", 2)
            self.assertIn(os.path.basename(path), result.stderr, damage)
            self.assertEqual(state_hash(self.last), state_hash(self.path("whole")), damage)

    def test_generate_refuses_a_damaged_file(self):
        self.train(train__max_steps=7)
        path = os.path.join(self.folder, "damaged.safetensors")
        with open(self.last, "rb") as file:
            content = bytearray(file.read())
        content[-1] ^= 1
        with open(path, "wb") as file:
            file.write(content)
        self.assertEqual(run(["generate", path]).returncode, 2)


if __name__ == "__main__":
    unittest.main()
