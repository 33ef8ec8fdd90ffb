"""The jobs on a real Slurm: whatever happens to them, the training ends with the bits of one to which nothing happened.

Each scenario does something to a running job. The job is to be queued again, and then has a few more steps to train.
A scenario has any launcher and number of nodes: all of them with RINGRNN_TEST_ALL, and else a cut.
"""

import json
import os
import shutil
import signal
import sys
import time
import unittest

import cluster

sys.path.insert(0, os.path.join(cluster.HERE, "..", "e2e"))
from harness import PROGRAM, SMALL, SOURCE, read_checkpoint, state_hash  # noqa: E402

ALL = os.environ.get("RINGRNN_TEST_ALL") is not None
LAUNCHERS = {"mpirun": "train.sbatch", "srun": "train-srun.sbatch"}
undisturbed = {}  # hashes of whole trainings

SITE = """
export RINGRNN=%(program)s
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OPENBLAS_NUM_THREADS=1
export OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_orte_tmpdir_base=%(temporary)s
export OMPI_MCA_oob_tcp_keepalive_time=2 OMPI_MCA_oob_tcp_keepalive_intvl=1 OMPI_MCA_oob_tcp_keepalive_probes=3
export RINGRNN_MPIRUN_OPTIONS="--bind-to none" RINGRNN_SRUN_OPTIONS=
"""


def setUpModule():
    global slurm, folder
    slurm = cluster.Slurm(3, 4)
    folder = os.path.join(slurm.parent, "jobs")
    os.makedirs(os.path.join(folder, "jobs"))
    for name in os.listdir(os.path.join(SOURCE, "jobs")):
        shutil.copy(os.path.join(SOURCE, "jobs", name), os.path.join(folder, "jobs"))
    with open(os.path.join(folder, "jobs", "site.env"), "w", encoding="utf-8") as file:
        file.write(SITE % {"program": PROGRAM, "temporary": os.path.join(slurm.folder, "tmp")})
    with open(os.path.join(folder, "text.txt"), "w", encoding="utf-8") as out:
        for name in ("README.md", "CONTRIBUTING.md", "docs/architecture.md"):
            with open(os.path.join(SOURCE, name), encoding="utf-8") as source:
                out.write(source.read())


def tearDownModule():
    slurm.down()


def step_of(path):
    return int(json.loads(read_checkpoint(path)[0]["state"])["step"])


def steps_from(step):
    """A few more: 30, 60, 120 ... in all, so that many trainings are compared with the same undisturbed one."""
    steps = 30
    while steps < step + 10:
        steps *= 2
    return steps


class Training:
    """One run of training under Slurm. Its limit is far away until finish() is told that the trouble is over."""

    def __init__(self, name, launcher="mpirun", nodes=1, steps=10 ** 6, options=(), settings=(), config=None, job=None):
        self.name, self.launcher, self.nodes, self.ranks_a_node, self.settings = name, launcher, nodes, 2, settings
        self.options, self.output_name = options, None
        self.repair = self.after_release = lambda: None
        self.left_behind = False
        self.config = config or os.path.join(folder, f"{name}.yaml")
        self.limit(steps)
        self.job = job or self.submit()

    def submit(self):
        settings = [word for setting in (f"run.name={self.name}", *self.settings) for word in ("--set", setting)]
        return slurm.submit(f"--nodes={self.nodes}", f"--ntasks-per-node={self.ranks_a_node}", *self.options,
                            os.path.join("jobs", LAUNCHERS[self.launcher]), self.config, *settings, cwd=folder)

    def limit(self, steps):
        text = SMALL % {"folder": folder, "text": os.path.join(folder, "text.txt")}
        for old, new in (("max_steps: 60", f"max_steps: {steps}"), ("every: 20", "every: 500"), ("every_steps: 1,", "every_steps: 500,")):
            assert old in text, old
            text = text.replace(old, new)
        with open(self.config + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(self.config + ".new", self.config)

    def path(self, file="last.safetensors"):
        return os.path.join(folder, "runs", self.name, file)

    def output(self):
        try:
            with open(os.path.join(folder, self.output_name or f"ringrnn-{self.job}.out"), encoding="utf-8", errors="replace") as file:
                return "".join(line for line in file if not line.startswith(("train ", "valid ")))
        except FileNotFoundError:
            return ""

    def ranks(self, node=None):
        return slurm.ranks(PROGRAM, self.name, node)

    def nodes_used(self):
        return slurm.run("scontrol", "show", "hostnames", slurm.field(self.job, "NodeList")).split()

    def wait_for_training(self):
        """It runs, and a checkpoint of its own is there."""
        cluster.wait_until(lambda: os.path.exists(self.path()) and len(self.ranks()) == self.nodes * self.ranks_a_node,
                           lambda: f"{self.name} does not train: {slurm.state(self.job)}\n{self.output()}")

    def wait_for_restart(self):
        """Slurm has decided to start it anew."""
        cluster.wait_until(lambda: slurm.field(self.job, "Restarts") != "0",
                           lambda: f"{self.name} is not queued again: {slurm.state(self.job)}\n{self.output()}")

    def wait_for_requeue(self):
        """It has left its nodes, and waits, held there. After some troubles Slurm starts it at once; then it is stopped once more."""
        self.wait_for_restart()

        def waits():
            if slurm.state(self.job) == "RUNNING" and len(self.ranks()) == self.nodes * self.ranks_a_node:
                slurm.run("scancel", "--signal=USR1", "--batch", self.job)
                time.sleep(1)
            return slurm.state(self.job) == "PENDING" and slurm.hold(self.job)
        cluster.wait_until(waits, lambda: f"{self.name} is not queued again: {slurm.state(self.job)}\n{self.output()}")

    def finish(self, steps=None):
        """The trouble is over: a few more steps, and the end. Returns the number of steps."""
        if not self.left_behind:  # ranks whose launcher was killed end a moment later
            cluster.wait_until(lambda: not self.ranks(), f"ranks of {self.name} end")
        steps = steps or steps_from(step_of(self.path()))
        self.limit(steps)
        self.begin_undisturbed(steps)
        slurm.release(self.job)
        self.after_release()
        self.wait_for_end()
        return steps

    def begin_undisturbed(self, steps):
        """The same training to which nothing happens, beside this one, unless there was one already."""
        self.undisturbed = (self.nodes, self.settings, steps)
        if self.undisturbed not in undisturbed:
            self.whole = Training(f"{self.name}-whole", self.launcher, self.nodes, steps, settings=self.settings)

    def wait_for_end(self):
        """Whatever else happens to it on the way."""
        def ended():
            if slurm.field(self.job, "Reason") == "BeginTime":
                slurm.release(self.job)
            state = slurm.state(self.job)
            return state in ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY") and state
        state = cluster.wait_until(ended, lambda: f"{self.name} is {slurm.state(self.job)}\n{self.output()}")
        if state != "COMPLETED":
            raise AssertionError(f"{self.name} ended as {state}\n{slurm.said(self.job)}{self.output()}")


# What happens to a job. Each returns a pattern of what the job's output has to say then, or None.

def warned(training):
    """What --signal=B:USR1@N does before a time limit."""
    slurm.run("scancel", "--signal=USR1", "--batch", training.job)
    return "stopped and saved in time"


def signalled(training):
    """Under srun the signal reaches each rank; under mpirun ranks on one host alone, or with --full all of them and mpirun too."""
    full = ["--full"] if training.launcher == "mpirun" else []
    slurm.run("scancel", "--signal=USR1", *full, training.job)
    return "stopped and saved in time"


def requeued(training):
    slurm.run("scontrol", "requeue", training.job)
    return "ended by Slurm"


def preempted(training):
    """By a job of a higher partition. Those of the partition patient are warned; those of idle are not."""
    urgent = slurm.submit("--partition=urgent", "--nodes=3", "--exclusive", "--output=/dev/null", "--wrap=sleep 600")
    training.wait_for_requeue()
    slurm.wait_for_state(urgent, "RUNNING")
    slurm.run("scancel", urgent)
    return "stopped and saved in time" if "--partition=patient" in training.options else None


def rank_killed(training):
    cluster.send(training.ranks()[-1:], signal.SIGKILL)
    return "a rank or the launcher was killed"


def launcher_killed(training):
    name = "mpirun" if training.launcher == "mpirun" else "srun"
    cluster.send(slurm.processes(training.nodes_used()[0], name, f"run.name={training.name}"), signal.SIGKILL)
    return "a rank or the launcher was killed"


def notice(node):
    """Slurm notices a silent node after half a minute, or is told. Jobs that were there may start anew at once, so see release()."""
    if not ALL:
        time.sleep(1)
        slurm.run("scontrol", "update", f"nodename={node}", "state=down", "reason=silent")
    slurm.wait_for_node(node, "down", "down*")


def daemon_killed(training):
    """The node counts as down after a while. What runs there nobody ends: it goes on when the job has started elsewhere."""
    node, ranks = training.nodes_used()[0], training.ranks()
    cluster.send(ranks, signal.SIGSTOP)
    slurm.kill(node, "daemon")
    notice(node)
    training.repair = lambda: (cluster.send(ranks, signal.SIGCONT), slurm.start(node))

    def go_on():
        if training.ranks(node):
            cluster.wait_until(lambda: "waiting for its end" in training.output(), training.output)
            cluster.send(ranks, signal.SIGCONT)
    training.after_release, training.left_behind = go_on, True


def power_lost(training, which):
    node = training.nodes_used()[which]
    training.repair = lambda: slurm.start(node)
    slurm.kill(node, "power")
    if which and training.launcher == "mpirun":  # finds out by itself
        training.wait_for_restart()
    notice(node)
    training.wait_for_requeue()


def batch_node_lost(training):
    power_lost(training, 0)


def other_node_lost(training):
    power_lost(training, -1)
    return "was lost|NODE FAILURE" if training.launcher == "mpirun" else None


SCENARIOS = (warned, signalled, requeued, preempted, rank_killed, daemon_killed, other_node_lost, batch_node_lost, launcher_killed)
# Each of the first five with each launcher and each number of nodes, and one case of each that waits for Slurm.
CUT = ((warned, "mpirun", 2), (warned, "srun", 1), (signalled, "mpirun", 1), (signalled, "srun", 2), (requeued, "mpirun", 1),
       (requeued, "srun", 2), (preempted, "mpirun", 2), (preempted, "srun", 1), (rank_killed, "mpirun", 1), (rank_killed, "srun", 2),
       (daemon_killed, "mpirun", 1), (other_node_lost, "mpirun", 2))


class Jobs(unittest.TestCase):
    def tearDown(self):
        slurm.cancel_all()

    def same_as_undisturbed(self, training, steps):
        self.assertEqual(step_of(training.path()), steps)
        if training.undisturbed not in undisturbed:
            training.whole.wait_for_end()
            undisturbed[training.undisturbed] = state_hash(training.whole.path())
        self.assertEqual(state_hash(training.path()), undisturbed[training.undisturbed], training.output())

    def survives(self, scenario, launcher, nodes, *options):
        begin = time.monotonic()
        name = "-".join([scenario.__name__, launcher, str(nodes), *(option.rpartition("=")[2] for option in options)])
        training = Training(name, launcher, nodes, options=options)
        self.addCleanup(lambda: training.repair())
        training.wait_for_training()
        trouble = time.monotonic()
        says = scenario(training)
        training.wait_for_requeue()
        queued = time.monotonic()
        steps = training.finish()
        if says is not None:
            self.assertRegex(training.output(), says)
        self.same_as_undisturbed(training, steps)
        print(f"{name}: queued again after {queued - trouble:.1f} s, {steps} steps, {time.monotonic() - begin:.1f} s in all",
              end=" ... ", file=sys.stderr)

    def test_start_to_end_and_then_nothing_is_left_to_do(self):
        training = Training("straight", "srun", 2, steps=30)
        training.wait_for_end()
        self.assertEqual(slurm.field(training.job, "ExitCode"), "0:0")
        training.job = training.submit()
        training.wait_for_end()
        self.assertIn("nothing left to do", training.output())

    @unittest.skipUnless(ALL, "one of many ways to end")
    def test_a_cancelled_job_stays_away_and_the_same_command_goes_on(self):
        training = Training("cancelled", "mpirun", 2)
        training.wait_for_training()
        slurm.run("scancel", training.job)
        slurm.wait_for_state(training.job, "CANCELLED")
        cluster.wait_until(lambda: "if it was not cancelled" in training.output(), training.output)
        steps = steps_from(step_of(training.path()))
        training.limit(steps)
        training.begin_undisturbed(steps)
        training.job = training.submit()
        training.wait_for_end()
        self.same_as_undisturbed(training, steps)

    def test_each_job_of_an_array_goes_on(self):
        settings = (("optim.lr=0.02", "model.hidden_size=12"), ("run.name=second",))
        with open(os.path.join(folder, "settings.txt"), "w", encoding="utf-8") as file:
            file.writelines(" ".join(line) + "\n" for line in settings)
        config = os.path.join(folder, "sweep.yaml")
        first = Training("sweep-1", settings=settings[0], config=config, job="none")
        array = slurm.submit("--array=1-2", "--ntasks-per-node=2", os.path.join("jobs", "sweep.sbatch"), "settings.txt", config, cwd=folder)
        second = Training("second", config=config, job="none")
        for index, training in enumerate((first, second)):
            training.job = f"{array}_{index + 1}"
            training.output_name = f"ringrnn-sweep-{array}_{index + 1}.out"
        for training in (first, second):
            training.wait_for_training()
        cluster.send(first.ranks(), signal.SIGSTOP)  # it is not to get far ahead
        warned(second)  # the last of an array has the array's own number
        second.wait_for_requeue()
        self.assertEqual(slurm.field(first.job, "Restarts"), "0")
        cluster.send(first.ranks(), signal.SIGCONT)
        rank_killed(first)
        first.wait_for_requeue()
        steps = steps_from(max(step_of(training.path()) for training in (first, second)))
        for training in (first, second):
            training.finish(steps)
        for training in (first, second):
            self.same_as_undisturbed(training, steps)

    def test_an_evaluation_waits_for_a_training_that_was_queued_again(self):
        training = Training("evaluated")
        evaluation = slurm.submit(f"--dependency=afterok:{training.job}", os.path.join("jobs", "eval.sbatch"), "eval", "runs/evaluated",
                                  "--json", cwd=folder)
        training.wait_for_training()
        warned(training)
        training.wait_for_requeue()
        self.assertEqual(slurm.state(evaluation), "PENDING")
        self.assertEqual(slurm.field(evaluation, "Reason"), "Dependency")
        training.finish()
        slurm.wait_for_state(evaluation, "COMPLETED", "FAILED")
        with open(os.path.join(folder, f"ringrnn-eval-{evaluation}.txt"), encoding="utf-8") as file:
            self.assertGreater(json.load(file)["loss"], 0)

    def test_scaling_is_measured_over_nodes(self):
        config = os.path.join(folder, "scaling.yaml")
        with open(config, "w", encoding="utf-8") as file:
            file.write("model: {hidden_size: 16, embedding_size: 8}\ntrain: {global_batch_size: 4, bptt: 5}\n")
        job = slurm.submit("--nodes=2", "--ntasks-per-node=1", os.path.join("jobs", "scaling.sbatch"), config, "--steps", "2", cwd=folder)
        slurm.wait_for_state(job, "COMPLETED", "FAILED")
        with open(os.path.join(folder, f"ringrnn-scaling-{job}.jsonl"), encoding="utf-8") as file:
            self.assertEqual(max(json.loads(line)["nodes"] for line in file), 2)

    @unittest.skipUnless(ALL, "a minute's time limit strikes after two")
    def test_a_time_limit_warns_in_time(self):
        training = Training("limited", options=("--time=1", "--signal=B:USR1@30"))
        training.wait_for_training()
        training.wait_for_requeue()
        steps = training.finish()
        self.assertIn("stopped and saved in time", training.output())
        self.same_as_undisturbed(training, steps)


def add_scenarios():
    def add(scenario, launcher, nodes, *options):
        name = "_".join(["test", scenario.__name__, launcher, str(nodes), *(option.rpartition("=")[2] for option in options)])
        setattr(Jobs, name, lambda self: self.survives(scenario, launcher, nodes, *options))
    cases = [(scenario, launcher, nodes) for scenario in SCENARIOS for launcher in LAUNCHERS for nodes in (1, 2)
             if scenario is not other_node_lost or nodes > 1] if ALL else CUT
    for scenario, launcher, nodes in cases:
        if scenario is not preempted:
            add(scenario, launcher, nodes)
        if scenario is preempted and (ALL or nodes == 1):
            add(scenario, launcher, nodes, "--partition=idle")
        if scenario is preempted and (ALL or nodes == 2):
            add(scenario, launcher, nodes, "--partition=patient")


add_scenarios()

if __name__ == "__main__":
    reason = cluster.missing()
    if reason is not None:
        print(f"skipped: {reason}")
        sys.exit(77)
    unittest.main()
