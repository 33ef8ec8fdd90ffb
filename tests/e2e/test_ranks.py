"""Any number of ranks gives the same training, and no rank's trouble stays hidden."""

import os
import time
import unittest

from harness import Case, read_metrics, run, state_hash


class Ranks(Case):
    def losses(self, name):
        return [line["loss"] for line in read_metrics(self.path(name, "")) if line["split"] == "train"]

    def test_the_loss_curve_of_200_steps_is_the_same_on_1_2_3_4_and_7_ranks(self):
        values = {"train__max_steps": 200, "dist__check_every_steps": 50, "ckpt__every_steps": 0, "dist__bucket_mb": 0.004}
        self.train("np1", 1, **values)
        expected = self.losses("np1")
        self.assertEqual(len(expected), 200)
        for ranks in (2, 3, 4, 7):
            self.train(f"np{ranks}", ranks, **values)
            worst = max(abs(a - b) / abs(b) for a, b in zip(self.losses(f"np{ranks}"), expected, strict=True))
            self.assertLess(worst, 1e-4, f"{ranks} ranks")

    def test_more_ranks_than_rows(self):
        values = {"train__global_batch_size": 2, "train__max_steps": 40}
        self.train("np1", 1, **values)
        self.train("np5", 5, **values)
        worst = max(abs(a - b) / abs(b) for a, b in zip(self.losses("np5"), self.losses("np1"), strict=True))
        self.assertLess(worst, 1e-4)

    def test_micro_batches_give_the_same_result(self):
        self.train("whole", 2)
        for rows in (1, 3):
            self.train(f"micro{rows}", 2, train__micro_batch_size=rows)
            worst = max(abs(a - b) / abs(b) for a, b in zip(self.losses(f"micro{rows}"), self.losses("whole"), strict=True))
            self.assertLess(worst, 1e-4)

    def test_both_allreduces_agree(self):
        self.train("ring", 3, dist__allreduce="ring")
        self.train("mpi", 3, dist__allreduce="mpi")
        worst = max(abs(a - b) / abs(b) for a, b in zip(self.losses("ring"), self.losses("mpi"), strict=True))
        self.assertLess(worst, 1e-4)

    def test_the_same_command_twice_gives_the_same_bits(self):
        self.train("a", 3)
        self.train("b", 3)
        self.assertEqual(state_hash(self.path("a")), state_hash(self.path("b")))

    def test_threads_give_the_same_bits(self):
        wide = {"model__hidden_size": 75, "train__max_steps": 20}
        self.train("alone", 2, **wide)
        for threads in (2, 5):
            self.train(f"threads{threads}", 2, dist__threads_per_rank=threads, **wide)
            self.assertEqual(state_hash(self.path(f"threads{threads}")), state_hash(self.path("alone")))

    def test_every_instruction_set_gives_the_same_bits(self):
        self.train("best", 2, train__max_steps=20)
        for level in ("portable", "avx2"):
            self.train(level, 2, env={"RINGRNN_ISA": level}, train__max_steps=20)
            self.assertEqual(state_hash(self.path(level)), state_hash(self.path("best")))

    def test_an_embedding_whose_gradient_goes_as_rows_learns_the_same(self):
        words = {"task__unit": "word", "train__global_batch_size": 4, "train__bptt": 5, "train__max_steps": 40}
        self.train("np1", 1, **words)
        for name, ranks, env, extra in (("np2", 2, {}, {}), ("np3", 3, {"RINGRNN_PRETEND_NODES": "0,0,1"}, {}),
                                        ("sharded", 3, {}, {"dist__shard_optimizer": "true"}), ("np6", 6, {}, {}),
                                        ("micro", 2, {}, {"train__micro_batch_size": 1}),
                                        ("noroom", 2, {"RINGRNN_PRETEND_ROOM": "0"}, {})):
            with self.subTest(name):
                result = self.train(name, ranks, env=env, **words, **extra)
                self.assertIn("those of embeddings go as rows", result.stdout)
                worst = max(abs(a - b) / abs(b) for a, b in zip(self.losses(name), self.losses("np1"), strict=True))
                self.assertLess(worst, 1e-4)
        self.train("whole", 3, **words)
        self.assertEqual(state_hash(self.path("whole")), state_hash(self.path("sharded")))

    def test_rows_that_go_by_their_owners_learn_the_same(self):
        """On so many nodes that the rows of one are a quarter of the vocabulary at most, and those of all more than half."""
        words = {"task__unit": "word", "data__vocab__max_size": 60, "train__global_batch_size": 4, "train__bptt": 10,
                 "train__max_steps": 40}
        self.train("np1", 1, **words)
        cases = (("np4", 4, "0,1,2,3", {}), ("np5", 5, "0,1,2,2,3", {}), ("sharded", 4, "0,1,2,3", {"dist__shard_optimizer": "true"}),
                 ("micro", 4, "0,1,2,3", {"train__micro_batch_size": 1}))
        for name, ranks, nodes, extra in cases:
            with self.subTest(name):
                result = self.train(name, ranks, env={"RINGRNN_PRETEND_NODES": nodes}, **words, **extra)
                self.assertIn("those of embeddings go as rows, by their owners", result.stdout)
                worst = max(abs(a - b) / abs(b) for a, b in zip(self.losses(name), self.losses("np1"), strict=True))
                self.assertLess(worst, 1e-4)
        self.assertEqual(state_hash(self.path("np4")), state_hash(self.path("sharded")))
        self.train("shards1", 1, dist__logical_shards=4, **words)
        for ranks, nodes in ((4, "0,1,2,3"), (6, "0,1,1,2,3,3")):
            self.train(f"shards{ranks}", ranks, env={"RINGRNN_PRETEND_NODES": nodes}, dist__logical_shards=4, **words)
            self.assertEqual(state_hash(self.path(f"shards{ranks}")), state_hash(self.path("shards1")))

    def test_a_sharded_optimiser_gives_the_same_bits(self):
        values = {"model__hidden_size": 75, "train__max_steps": 20, "dist__bucket_mb": 0.02, "train__max_grad_norm": 0.1}
        cases = [(1, {}, {}), (2, {}, {}), (2, {}, {"dist__allreduce": "mpi"}), (3, {}, {"dist__allreduce": "ring"}), (5, {}, {}),
                 (3, {"RINGRNN_PRETEND_NODES": "0,0,1"}, {}), (4, {"RINGRNN_PRETEND_NODES": "0,1,2,1"}, {}),
                 (3, {"RINGRNN_PRETEND_ROOM": "1000000"}, {}), (2, {}, {"dist__threads_per_rank": 3}),
                 (2, {}, {"optim": "{type: sgd, lr: 0.1, momentum: 0.9}"}), (2, {}, {"train__max_grad_value": 0.001}),
                 # So few parameters that some ranks own none.
                 (3, {}, {"model__embedding_size": 7}), (7, {}, {"model__embedding_size": 7, "model__hidden_size": 7, "dist__bucket_mb": 4})]
        for i, (ranks, env, extra) in enumerate(cases):
            with self.subTest(ranks=ranks, env=env, extra=extra):
                self.train(f"whole{i}", ranks, env=env, **{**values, **extra})
                self.train(f"sharded{i}", ranks, env=env, dist__shard_optimizer="true", **{**values, **extra})
                self.assertEqual(state_hash(self.path(f"sharded{i}")), state_hash(self.path(f"whole{i}")))


class Faults(Case):
    def test_a_planted_divergence_stops_the_run_and_names_the_rank(self):
        result = self.train(ranks=3, env={"RINGRNN_FAULT": "diverge:1:12"}, expect=1, dist__check_every_steps=5)
        self.assertIn("rank 1", result.stderr)

    def test_a_rank_that_fails_in_set_up_makes_all_leave_with_one_message(self):
        begin = time.monotonic()
        result = self.train(ranks=4, env={"RINGRNN_FAULT": "setup:2:0"}, expect=1)
        self.assertLess(time.monotonic() - begin, 10)
        self.assertEqual(result.stderr.count("ringrnn: "), 1, result.stderr)
        self.assertIn("rank 2", result.stderr)

    def test_a_failure_in_a_step_aborts_the_job_within_10_s_and_names_the_rank(self):
        begin = time.monotonic()
        result = self.train(ranks=3, env={"RINGRNN_FAULT": "fail:1:9"}, expect=None)
        self.assertLess(time.monotonic() - begin, 10)
        self.assertEqual(result.returncode, 1)
        self.assertIn("rank 1", result.stderr)

    def test_a_killed_rank_ends_the_job(self):
        begin = time.monotonic()
        result = self.train(ranks=3, env={"RINGRNN_FAULT": "kill:2:9"}, expect=None)
        self.assertNotEqual(result.returncode, 0)
        self.assertLess(time.monotonic() - begin, 15)

    def test_a_nan_on_one_rank_ends_with_3_and_names_rank_step_and_row(self):
        result = self.train(ranks=3, env={"RINGRNN_FAULT": "nan:1:9"}, expect=3)
        for words in ("rank 1", "step 9", "row 2 "):
            self.assertIn(words, result.stderr)

    def test_a_learning_rate_that_blows_up_ends_with_3(self):
        result = self.train(ranks=2, expect=3, optim="{type: sgd, lr: 1e6}", model__cell="rnn_relu", train__max_grad_norm="null")
        self.assertIn("lr", result.stderr)

    def test_a_singleton_under_srun_is_refused_with_advice(self):
        result = run(["train", self.config], env={"SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "0"})
        self.assertEqual(result.returncode, 2)
        self.assertIn("--mpi=pmix", result.stderr)

    def test_a_missing_file_is_one_message_on_many_ranks(self):
        result = self.train(ranks=3, expect=2, data__train=os.path.join(self.folder, "absent.txt"))
        self.assertEqual(result.stderr.count("No such file"), 1, result.stderr)


if __name__ == "__main__":
    unittest.main()
