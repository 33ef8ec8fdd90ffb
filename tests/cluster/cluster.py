"""A real Slurm for the tests (tests/cluster/slurm), and what they ask of it. Standard library alone."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import hosts

HERE = os.path.dirname(os.path.abspath(__file__))
SLURM = os.path.join(HERE, "slurm")
PATIENCE_S = 120  # for what takes a second on an idle machine


def missing():
    """Why there can be no cluster here, or None."""
    if os.geteuid() != 0:
        return "needs root"
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    for program in ("slurmctld", "slurmd", "sbatch", "srun", "munged", "mungekey", "ip", "unshare", "nsenter", "mpirun"):
        if shutil.which(program, path=path) is None:
            return f"needs {program} (Debian: slurm-wlm munge iproute2 util-linux openmpi-bin)"
    namespaces = ["unshare", "--net", "--uts", "--ipc", "--mount", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*namespaces, "ip", "link", "add", "bridge", "type", "bridge"], capture_output=True, check=False).returncode:
        return "needs leave to make namespaces, and a kernel with bridges"
    if not hosts.can_enter_namespaces():
        return hosts.CHROOT
    return None


def wait_until(condition, what, patience_s=PATIENCE_S):
    """The first true value of condition()."""
    end = time.monotonic() + patience_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {patience_s} s in vain: {what() if callable(what) else what}")
        time.sleep(0.2)


class Slurm:
    def __init__(self, nodes, cpus):
        self.parent = tempfile.mkdtemp(prefix="rr-")  # short: paths of sockets are
        os.chmod(self.parent, 0o755)
        self.folder = os.path.join(self.parent, "s")
        self.nodes = [f"n{i + 1}" for i in range(nodes)]
        try:
            self.call("up", self.folder, str(nodes), str(cpus))
        except BaseException:
            self.down()
            raise

    def down(self):
        if os.path.exists(os.path.join(self.folder, "holder")):
            self.call("down", self.folder)
        shutil.rmtree(self.parent)

    def call(self, *words, env=None, cwd=None):
        variables = {key: value for key, value in os.environ.items() if not key.startswith(("SLURM_", "SBATCH_"))}
        result = subprocess.run([SLURM, *words], env={**variables, **(env or {})}, cwd=cwd, text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)
        if result.returncode != 0:
            raise AssertionError(f"{' '.join(words)}: {result.returncode}\n{result.stdout}{result.stderr}")
        return result.stdout.strip()

    def run(self, *words, env=None, cwd=None):
        return self.call("run", self.folder, *words, env=env, cwd=cwd)

    def submit(self, *words, env=None, cwd=None):
        return self.run("sbatch", "--parsable", *words, env=env, cwd=cwd)

    def field(self, job, name):
        """A field of scontrol show job."""
        for word in self.run("scontrol", "--oneliner", "show", "job", job).split():
            if word.startswith(name + "="):
                return word.partition("=")[2]
        return None

    def state(self, job):
        return self.field(job, "JobState")

    def wait_for_state(self, job, *states):
        return wait_until(lambda: self.state(job) in states and self.state(job), lambda: f"job {job} is {self.state(job)}, not {states}")

    def hold(self, job):
        """A job that waits is not started before release(). False if it does not wait."""
        try:
            self.run("scontrol", "hold", job)
        except AssertionError:  # it has just started
            return False
        return self.state(job) == "PENDING"

    def release(self, job):
        """Starts a job that was queued again, once nothing is left of it where it ran: Slurm would hold it for two minutes.

        In a second after that in which it was ended: a node refuses a start that is not newer than its order to end the job, in
        whole seconds, and the job has failed for good.
        """
        alive = [node for node in self.nodes if self.processes(node, "slurmd")]
        number = self.field(job, "JobId")

        def left_or_started():
            state = self.state(job)
            return state != "COMPLETING" and (state != "PENDING" or not any(self.steps(node, number) for node in alive))
        wait_until(left_or_started, lambda: f"job {job} is {self.state(job)}, and not all of it has left its nodes")
        if self.state(job) == "PENDING":
            try:
                self.run("scontrol", "update", f"jobid={job}", "starttime=now+1")
                self.run("scontrol", "release", job)
            except AssertionError:  # it has just started
                return
            wait_until(lambda: self.state(job) != "PENDING", lambda: f"job {job} waits for {self.field(job, 'Reason')}")

    def said(self, job):
        """What Slurm's daemons noted of a job."""
        number, lines = self.field(job, "JobId"), []
        for daemon in ("slurmctld", *self.nodes):
            with open(os.path.join(self.folder, "log", f"{daemon}.log"), encoding="utf-8", errors="replace") as file:
                lines += [f"{daemon} {line}" for line in file if re.search(rf"[Jj]ob(Id=| ){number}\b|\[{number}\.", line)]
        return "".join(lines)

    def steps(self, node, number):
        """Slurm's daemons for steps of the job of that number."""
        return self.processes(node, lambda line: line[0].startswith(f"slurmstepd: [{number}."))

    def wait_for_node(self, node, *states):
        def state():
            return self.run("sinfo", "-h", "-N", "-p", "main", "-n", node, "-o", "%T")
        wait_until(lambda: state() in states, lambda: f"node {node} is {state()}, not {states}")

    def processes(self, node, *wanted):
        """Process ids on a node whose command line has all of these words, or answers to these functions."""
        try:
            with open(os.path.join(self.folder, "nodes", f"{node}.net"), encoding="utf-8") as file:
                network = file.read().strip()
        except FileNotFoundError:  # without power
            return []
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    line = file.read().decode(errors="replace").split("\0")
                if all(word(line) if callable(word) else word in line for word in wanted) and os.readlink(f"/proc/{pid}/ns/net") == network:
                    found.append(int(pid))
            except OSError:
                continue
        return found

    def ranks(self, program, run_name, node=None):
        nodes = self.nodes if node is None else [node]
        return [pid for node in nodes for pid in self.processes(node, program, f"run.name={run_name}")
                if os.path.realpath(f"/proc/{pid}/exe") == os.path.realpath(program)]

    def kill(self, node, what):
        self.call("kill", self.folder, node, what)

    def start(self, node):
        self.call("start", self.folder, node)
        try:
            self.run("scontrol", "update", f"nodename={node}", "state=resume")
        except AssertionError:  # it has come back by itself
            pass
        self.wait_for_node(node, "idle")

    def cancel_all(self):
        self.run("scancel", "--user=root")
        wait_until(lambda: self.run("squeue", "-h") == "", lambda: self.run("squeue"))


def send(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


if __name__ == "__main__":
    sys.exit(missing())
