"""What the fault tests share: a run that is disturbed while it trains, what is seen of that, and the same command again.

After every fault the run is resumed, and ends with the bits of one that was never disturbed.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

from harness import PROGRAM, SOURCE, Case, environment, state_hash  # noqa: E402
from hosts import wait_until  # noqa: E402

ALL = os.environ.get("RINGRNN_TEST_ALL") is not None
SLOW_DISK = os.environ.get("RINGRNN_SLOW_DISK")
PATIENCE_S = 400  # for a run of seconds, of which 49 were seen beside 20 other processes on two cores
TIMEOUT_S = 3  # dist.timeout_s where a test waits for the watchdog

# How gradients travel; the same run must be disturbed and undisturbed.
WAYS = {"auto": {}, "ring": {"dist__allreduce": "ring"}, "mpi": {"dist__allreduce": "mpi"},
        "sharded": {"dist__shard_optimizer": "true"}}
# Some milliseconds a step: it trains for seconds, so that there is time to disturb it.
PLAIN = {"eval__every": 100, "log__histogram_every_steps": 0, "model__hidden_size": 64, "train__bptt": 40}

undisturbed = {}  # hashes of whole runs


def pairs(*choices):
    """With RINGRNN_TEST_ALL every combination; else few in which each two values of different choices meet."""
    whole = [[]]
    for values in choices:
        whole = [[*row, value] for row in whole for value in values]
    if ALL:
        return whole

    def met(row):
        return {(i, row[i], j, row[j]) for i in range(len(row)) for j in range(i)}

    missing, chosen = set().union(*map(met, whole)), []
    while missing:
        best = max(whole, key=lambda row: len(met(row) & missing))
        chosen.append(best)
        missing -= met(best)
    return chosen


class FaultCase(Case):
    ranks = 3
    steps = 300
    disturbed_from = 35  # a step

    def launch(self, arguments):
        """The command line that starts the ranks."""
        return [os.path.join(SOURCE, "tests", "mpirun"), str(self.ranks), *arguments]

    def arguments(self, name, values):
        return [PROGRAM, "train", self.config, *self.settings(run__name=name, **{**PLAIN, "train__max_steps": self.steps, **values})]

    def begin(self, name, values, env=None, launch=None):
        line = (launch or self.launch)(self.arguments(name, values))
        process = subprocess.Popen(line, env=environment(env), text=True, errors="replace", stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(self.end_all, process)
        return process

    def end_all(self, process):
        if process.poll() is None:
            process.kill()
        for pid in self.rank_pids():
            with contextlib.suppress(ProcessLookupError):  # its launcher may be ending it
                os.kill(pid, signal.SIGKILL)
        process.communicate()

    def complete(self, name, values, env=None, launch=None, expect=0):
        process = self.begin(name, values, env, launch)
        out, err = process.communicate(timeout=PATIENCE_S)
        self.assertEqual(process.returncode, expect, f"stdout:\n{out}\nstderr:\n{err}")
        return out, err

    def step_of(self, name):
        """Of the newest checkpoint."""
        folder = self.path(name, "checkpoints")
        files = os.listdir(folder) if os.path.isdir(folder) else []
        return max((int(found[1]) for file in files if (found := re.fullmatch(r"step-(\d+)\.safetensors", file))), default=0)

    def rank_pids(self):
        """Processes of this test's training, by their rank."""
        found = {}
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")
                if words[0] != PROGRAM.encode() or self.config.encode() not in words:
                    continue
                with open(f"/proc/{entry}/environ", "rb") as file:
                    variables = dict(item.partition(b"=")[::2] for item in file.read().split(b"\0"))
            except OSError:
                continue
            found[int(entry)] = int(variables.get(b"OMPI_COMM_WORLD_RANK", b"-1"))
        return found

    def signal_rank(self, rank, number):
        for pid, found in self.rank_pids().items():
            if found == rank:
                os.kill(pid, number)
                return
        self.fail(f"rank {rank} does not run")

    def until(self, process, condition):
        wait_until(lambda: condition() or process.poll() is not None, 120, "it does not train")
        self.assertIsNone(process.poll(), "the run was over before it could be disturbed")

    def until_it_trains(self, process, name):
        self.until(process, lambda: self.step_of(name) >= self.disturbed_from)

    def expected(self, way, env=None):
        """The hash of a run that nothing disturbs."""
        key = (type(self).__name__, way)
        if key not in undisturbed:
            self.complete(f"whole-{way}", WAYS[way], env)
            undisturbed[key] = state_hash(self.path(f"whole-{way}"))
        return undisturbed[key]

    def goes_on(self, name, way):
        """The same command again: from a checkpoint, to the same bits."""
        out, _ = self.complete(name, WAYS[way])
        self.assertRegex(out, r"resumed from .*step-\d+\.safetensors")
        self.assertEqual(state_hash(self.path(name)), self.expected(way))

    def disturb(self, fault, way, act, within_s, codes, words=(), env=None, after=None, **values):
        """Starts a run, acts when it trains, sees how it ends, mends that (after) and goes on. words: patterns of what is printed."""
        name = f"r{len(os.listdir(self.folder))}-{way}"
        os.mkdir(os.path.join(self.folder, name))  # so that the next name is another
        process = self.begin(name, {**WAYS[way], **values}, env)
        self.until_it_trains(process, name)
        start = time.monotonic()
        act(process)
        out, err = process.communicate(timeout=within_s)
        wait_until(lambda: not self.rank_pids(), within_s, "ranks are still there")
        seconds = time.monotonic() - start
        print(f"\n{fault}: exit {process.returncode} after {seconds:.1f} s", file=sys.stderr)
        said = f"stdout:\n{out}\nstderr:\n{err}"
        self.assertLess(seconds, within_s)
        self.assertIn(process.returncode, codes, said)
        for pattern in words:
            self.assertRegex(out + err, pattern)
        if after is not None:
            after()
        if 0 in codes:
            self.assertEqual(state_hash(self.path(name)), self.expected(way))
        else:
            self.goes_on(name, way)
        return said
