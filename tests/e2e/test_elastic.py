"""With dist.logical_shards the weights are a function of config, data, seed and shards: not of ranks, nodes, threads,
instruction sets, buckets, kills or resumes.

The data are made here, so that the SHA-256 of the weights after so many steps can be committed: on a machine without
some instruction set, what stands below was made with it.
"""

import hashlib
import itertools
import os
import re
import unittest

from harness import Case, read_checkpoint, run, state_hash

ALL = os.environ.get("RINGRNN_TEST_ALL") is not None

COMMON = """
run: {name: r, dir: %(folder)s/runs}
train: {global_batch_size: 13, bptt: 9, max_epochs: null, max_steps: 20, max_grad_norm: 1.0}
eval: {every: 8}
optim: {type: adam, lr: 0.01}
ckpt: {every_steps: 7, keep: 3}
log: {every_steps: 5, tensorboard: false}
dist: {logical_shards: 8, bucket_mb: 0.01, check_every_steps: 5}
"""
MODEL = """model: {cell: %s, embedding_size: 12, hidden_size: 19, num_layers: 2, bidirectional: %s, dropout: 0.2,
        dropout_input: 0.1, dropout_output: 0.2}
"""
EXAMPLES = "data: {train: %(data)s, split: [0.7, 0.15, 0.15], lowercase: true, vocab: {min_count: 2}}\n"

# Name: configuration, what it is trained on, and the weights' hash after 20 steps.
CASES = {
    "lm-char": ("task: {type: lm, unit: char}\ndata: {train: %(data)s, split: [0.8, 0.1, 0.1]}\n" + MODEL % ("lstm", "false"),
                "text", "0f1920e60eb4844ab06cf6931887c4c4abb9994113ec074806bbfe4078889e48"),
    "lm-word": ("task: {type: lm, unit: word}\ndata: {train: %(data)s, split: [0.8, 0.1, 0.1]}\n" + MODEL % ("gru", "false"),
                "words", "080f743e26dc2831913107b9417bc5134c6213d739e48238ad184e9f131e92ac"),
    "lm-tied": ("task: {type: lm, unit: char}\ndata: {train: %(data)s}\n"
                "model: {cell: rnn_tanh, embedding_size: 17, hidden_size: 17, tie_weights: true, dropout_output: 0.3}\n",
                "text", "af35109ee745d5acea15818cd9d86d8f1c7f8fbcb90e49d3ee837e37cf4b172e"),
    "classify": ("task: {type: classify, pooling: attention}\n" + EXAMPLES + MODEL % ("lstm", "true"), "labelled",
                 "6f7637d4c9d9aa33a6c48ab93d0381906ad4ae026ef83e0e2cb3d310f4df670b"),
    "tag": ("task: {type: tag, head: crf, char_features: lstm, char_embedding_size: 5, char_hidden_size: 6}\n" + EXAMPLES + MODEL % ("gru", "true"),
            "tagged", "cce5c54aa57bb08b4be9e66b61332ad91af3a143684418f053b6393330a40271"),
    "seq2seq": ("task: {type: seq2seq, attention: additive, input_feeding: true, label_smoothing: 0.1}\n" + EXAMPLES +
                MODEL % ("lstm", "true"), "pairs", "d1eb80aaf4607836ba591da126ec3b26f74e8458eee9bc86e6a830f818e4f5e6"),
    "qa": ("task: {type: qa, attention: additive}\n" + EXAMPLES + MODEL % ("gru", "true"), "stories", "cfa473a003dc389ecce52d92441020c550296d2cc4cd4cc38041774d563416ee"),
    "forecast": ("task: {type: forecast, window: 12, horizon: 4}\ndata: {train: %(data)s, split: [0.6, 0.2, 0.2]}\n"
                 "model: {cell: lstm, hidden_size: 10, num_layers: 2, dropout: 0.2, dropout_output: 0.2}\n", "table",
                 "9c26eb272dd4ec92c571a05a95a401352d9567fe45372379cb5f905ea261d613"),
}


class Chance:
    """Numbers that no version of Python changes."""

    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % limit


def word(number):
    """Names of numbers: some words are much more frequent than others."""
    return "".join("bcdfgklmnprstvz"[number // 15**i % 15] + "aeiou"[number // 7**i % 5] for i in range(1 + number % 3))


def sentence(chance, most, words=60):
    return [word(chance.below(1 + chance.below(words))) for _ in range(2 + chance.below(most - 1))]


def make(kind):
    chance = Chance(len(kind))
    if kind == "text":
        return "".join(" ".join(sentence(chance, 12)) + "\n" for _ in range(150))
    if kind == "words":
        return "".join(" ".join(sentence(chance, 12, 900)) + "\n" for _ in range(700))
    if kind == "labelled":
        return "".join(f"{'abc'[chance.below(3)]}\t{' '.join(sentence(chance, 14))}\n" for _ in range(150))
    if kind == "tagged":
        return "\n".join("".join(f"{w} x {('O', 'B-A', 'B-B')[len(w) % 3]}\n" for w in sentence(chance, 14)) for _ in range(150))
    if kind == "pairs":
        lines = [sentence(chance, 9) for _ in range(150)]
        return "".join(f"{' '.join(words)}\t{' '.join(words[::-1])}\n" for words in lines)
    if kind == "stories":
        places = [("park", "hall", "cellar")[chance.below(3)] for _ in range(150)]
        return "".join(f"1 {' '.join(sentence(chance, 9))}.\n2 Ann went to the {place}.\n3 Where is Ann?\t{place}\t2\n"
                       for place in places)
    rows = (f"2020-{1 + i // 672:02}-{1 + i // 24 % 28:02} {i % 24:02}:00:00,{(i * 7) % 24 + chance.below(99) / 50:.6f},{chance.below(99)}\n"
            for i in range(400))
    return "date,a,b\n" + "".join(rows)


def has(level):
    """Whether this processor has the instruction set."""
    if level == "portable":
        return True
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        flags = next((set(line.split()) for line in file if line.startswith("flags")), set())
    return {"avx2", "fma"} <= flags if level == "avx2" else {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= flags


# How a run may be spread: ranks, nodes of the cluster, threads, instruction set, and what dist says beside.
NODES = {3: (None, "0,0,1", "0,1,0"), 4: (None, "0,0,1,1"), 5: (None, "0,1,1,1,2"), 8: (None, "0,0,0,1,1,2,2,2")}
WAYS = ({}, {"dist__bucket_mb": 100}, {"dist__shard_optimizer": "true"}, {"dist__allreduce": "tree"},
        {"dist__shard_optimizer": "true", "dist__allreduce": "tree", "dist__bucket_mb": 0.002})


# Shards of ranks that differ: how the run of one ends is in the tree nowhere near where even ones do.
UNEVEN = {2: "[5, 3]", 3: "[1, 6, 1]", 4: "[3, 2, 0, 3]", 5: "[2, 1, 0, 4, 1]", 8: "[0, 2, 1, 1, 0, 2, 1, 1]"}


def uneven(ranks, way):
    return {**way, "dist__shards_per_rank": UNEVEN[ranks]}


def every_run():
    for ranks, threads, level, way in itertools.product((1, 2, 3, 4, 5, 8), (1, 2), ("portable", "avx2", "avx512"), WAYS):
        for nodes in NODES.get(ranks, (None,)):
            for shares in (way, uneven(ranks, way)) if ranks > 1 else (way,):
                yield ranks, nodes, threads, level, shares


STRIDE = 23  # of all runs, which are too many: so the cases together meet all pairs of options

# One after the other, so that each case meets other pairs of them.
SOME_RUNS = ((1, None, 1, "avx512", WAYS[1]), (2, None, 2, "avx2", WAYS[2]), (3, "0,0,1", 1, "avx512", WAYS[0]),
             (4, None, 1, "avx2", WAYS[3]), (5, None, 1, "avx512", WAYS[4]), (2, None, 1, "portable", WAYS[0]),
             (3, None, 2, "avx512", WAYS[3]), (8, None, 1, "avx512", WAYS[2]), (1, None, 2, "avx2", WAYS[0]),
             (4, "0,0,1,1", 1, "avx512", WAYS[2]), (3, "0,1,0", 1, "avx2", WAYS[1]))
SOME_UNEVEN_RUNS = ((2, None, 1, "avx512", uneven(2, WAYS[0])), (3, "0,0,1", 1, "avx2", uneven(3, WAYS[2])),
                    (5, "0,1,1,1,2", 1, "avx512", uneven(5, WAYS[0])), (4, "0,0,1,1", 1, "avx512", uneven(4, WAYS[4])),
                    (3, "0,1,0", 2, "avx512", uneven(3, WAYS[1])))


class Elastic(Case):
    def choose(self, case):
        settings, kind, expected = CASES[case]
        paths = {"folder": self.folder, "data": self.write(f"{case}.{'csv' if kind == 'table' else 'tsv' if kind in ('labelled', 'pairs') else 'txt'}", make(kind))}
        self.config = self.write(f"{case}.yaml", (COMMON + settings) % paths)
        return expected

    def hash(self, name):
        result = run(["info", self.path(name), "--hash"])
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.split()[0]

    def spread(self, name, ranks, nodes, threads, level, way, **values):
        env = {"RINGRNN_ISA": level, **({"RINGRNN_PRETEND_NODES": nodes} if nodes else {})}
        return self.train(name, ranks, env=env, dist__threads_per_rank=threads, **way, **values)

    def test_every_task_has_the_committed_weights_however_it_is_spread(self):
        for level in ("avx2", "avx512"):
            if not has(level):
                print(f"this processor has no {level}: the committed hashes, made with it, stand in", flush=True)
        turn, uneven_turn = itertools.cycle(SOME_RUNS), itertools.cycle(SOME_UNEVEN_RUNS)
        for first, case in enumerate(CASES):
            expected, whole = self.choose(case), set()
            runs = itertools.islice(every_run(), first, None, STRIDE) if ALL else [*itertools.islice(turn, 3), next(uneven_turn)]
            for number, (ranks, nodes, threads, level, way) in enumerate(runs):
                with self.subTest(case, ranks=ranks, nodes=nodes, threads=threads, level=level, way=way):
                    self.spread(f"{case}-{number}", ranks, nodes, threads, level, way)
                    self.assertEqual(self.hash(f"{case}-{number}"), expected)
                    whole.add(state_hash(self.path(f"{case}-{number}")))
            self.assertEqual(len(whole), 1, f"{case}: the state of the optimiser, of streams, of metrics")

    def test_micro_batches_belong_to_shards_and_not_to_ranks(self):
        for case in ("lm-char", "classify") if not ALL else CASES:
            self.choose(case)
            for rows, shards in ((1, 5), (3, 3)):  # 3 shards of 13 rows: one ends with a micro batch of 1 or 2
                hashes = set()
                for ranks in (1, 2, 3):
                    name = f"{case}-{rows}-{ranks}"
                    self.train(name, ranks, train__micro_batch_size=rows, dist__logical_shards=shards)
                    hashes.add(state_hash(self.path(name)))
                self.assertEqual(len(hashes), 1, (case, rows))

    def test_shards_and_ranks_need_not_fit(self):
        self.choose("lm-word")
        for shards in (1, 5, 7, 13):
            hashes = set()
            for ranks in (1, 3, 8):
                self.train(f"{shards}-{ranks}", ranks, dist__logical_shards=shards, train__max_steps=8)
                hashes.add(self.hash(f"{shards}-{ranks}"))
            self.assertEqual(len(hashes), 1, shards)

    def test_a_run_goes_on_with_other_ranks_as_if_nothing_had_happened(self):
        for case in ("lm-char", "tag") if not ALL else CASES:
            expected = self.choose(case)
            for ranks, steps, shares in ((4, 4, UNEVEN[4]), (3, 9, "even"), (1, 12, "even"), (3, 15, UNEVEN[3]), (8, 20, "even")):
                result = self.train(case, ranks, train__max_steps=steps, dist__shards_per_rank=shares)
                self.assertNotIn("may differ", result.stdout)
            self.assertIn("resumed from", result.stdout)
            self.assertEqual(self.hash(case), expected)

    def test_a_run_whose_rank_was_killed_goes_on_with_those_that_are_left(self):
        for case in ("lm-word", "seq2seq") if not ALL else CASES:
            expected = self.choose(case)
            self.train(case, 3, env={"RINGRNN_FAULT": "kill:2:9"}, expect=None)
            self.train(case, 2, env={"RINGRNN_FAULT": "kill:0:16"}, expect=None, dist__shard_optimizer="true")
            self.train(case, 1)
            self.assertEqual(self.hash(case), expected)

    def test_without_shards_going_on_with_other_ranks_works_and_says_what_it_means(self):
        self.choose("lm-char")
        self.train("r", 3, dist__logical_shards=0, train__max_steps=5)
        result = self.train("r", 2, dist__logical_shards=0)
        self.assertIn("it ran on 3 ranks", result.stdout)
        self.assertIn("bits may differ", result.stdout)

    def test_the_number_of_shards_stays(self):
        self.choose("lm-char")
        result = self.train("r", 2, train__max_steps=5)
        self.assertIn("added in the order of 8 shards", result.stdout)
        result = self.train("r", 2, expect=2, dist__logical_shards=4)
        self.assertIn("dist.logical_shards", result.stderr)

    def test_more_shards_than_rows_are_refused(self):
        self.choose("lm-char")
        result = run(["check", self.config, "--set", "dist.logical_shards=14"])
        self.assertEqual(result.returncode, 2)
        self.assertIn("dist.logical_shards=14: must be at most train.global_batch_size (13)", result.stderr)

    def test_a_slow_rank_gets_fewer_shards_and_the_weights_stay(self):
        for case, ranks, slow in (("lm-char", 2, 1), ("tag", 3, 0)):
            expected = self.choose(case)
            result = self.train(case, ranks, env={"RINGRNN_FAULT": f"slow:{slow}:0"}, dist__shards_per_rank="auto",
                                train__max_steps=9)
            (line,) = re.findall(r"shards by the speed of ranks: .*", result.stdout)
            shares = {}
            for count, first, last, speed in re.findall(r"(\d+) on (?:rank|each of ranks) (\d+)(?:-(\d+))? \(([\d.]+)", line):
                self.assertGreater(float(speed), 0)
                shares.update(dict.fromkeys(range(int(first), int(last or first) + 1), int(count)))
            self.assertEqual(sorted(shares), [*range(ranks)], line)
            self.assertEqual(sum(shares.values()), 8, line)
            self.assertTrue(all(shares[slow] < count for rank, count in shares.items() if rank != slow), line)
            self.train(case, ranks, dist__shards_per_rank="auto", train__max_steps=14)  # as fast as it happens to be
            result = self.train(case, ranks)
            self.assertNotIn("speed", result.stdout)
            self.assertEqual(self.hash(case), expected)

    def test_shares_that_cannot_be_are_refused(self):
        self.choose("lm-char")
        for shares, shards, message in (("auto", 0, "must be even without dist.logical_shards"),
                                        ("[4, 4]", 0, "must be even without dist.logical_shards"),
                                        ("[4, 3]", 8, "the counts must add up to dist.logical_shards (8); they give 7"),
                                        ("quick", 8, "must be even, auto or a list of whole numbers")):
            result = run(["check", self.config, *self.settings(dist__shards_per_rank=shares, dist__logical_shards=shards)])
            self.assertEqual(result.returncode, 2)
            self.assertIn(f"--set dist.shards_per_rank={shares}: {message}", result.stderr)
        result = self.train("r", 2, expect=2, dist__shards_per_rank="[4, 3, 1]")
        self.assertIn("must be even, auto or as many counts as there are ranks (2), got 3", result.stderr)

    def test_the_hash_is_that_of_names_and_values_in_the_order_of_names(self):
        self.choose("lm-char")
        self.train("r", 1, train__max_steps=2)
        digest = hashlib.sha256()
        _, tensors = read_checkpoint(self.path("r"))
        for name in sorted(tensors):
            if not name.startswith("optimizer.") and name != "carry":
                digest.update(name.encode() + tensors[name][1])
        self.assertEqual(self.hash("r"), digest.hexdigest())
        self.assertEqual(run(["info", self.config, "--hash"]).returncode, 2)


if __name__ == "__main__":
    unittest.main()
