"""What the end-to-end tests share: the real program, under the real mpirun, on real text. Standard library alone."""

import hashlib
import json
import os
import struct
import subprocess
import tempfile
import unittest

PROGRAM = os.environ["RINGRNN"]
SOURCE = os.environ["RINGRNN_SOURCE"]
MPIRUN = os.path.join(SOURCE, "tests", "mpirun")
DATA = os.environ.get("RINGRNN_TEST_DATA") or os.path.join(SOURCE, "..", "shared", "data")

# A small model on the project's own documents: every step takes a few milliseconds.
SMALL = """
run: {name: r, dir: %(folder)s/runs}
task: {type: lm, unit: char}
data: {train: %(text)s, split: [0.8, 0.1, 0.1]}
model: {cell: lstm, embedding_size: 12, hidden_size: 20, num_layers: 2, dropout: 0.2, dropout_output: 0.1}
train: {global_batch_size: 8, bptt: 10, max_epochs: null, max_steps: 60, max_grad_norm: 1.0}
eval: {every: 20}
optim: {type: adam, lr: 0.01}
ckpt: {every_steps: 7, keep: 3}
log: {every_steps: 1, histogram_every_steps: 25}
"""


def command(arguments, ranks=None):
    program = [PROGRAM, *map(str, arguments)]
    return program if ranks is None else [MPIRUN, str(ranks), *program]


def environment(extra=None):
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("SLURM_", "RINGRNN_FAULT"))}
    variables.update(extra or {})
    return variables


def run(arguments, ranks=None, env=None, timeout=100, cwd=None):
    """Runs to the end; the result has returncode, stdout and stderr as text."""
    variables = environment(env)
    variables.setdefault("OMPI_MCA_odls_base_sigkill_timeout", "0")  # when one rank fails, the others are ended at once
    return subprocess.run(command(arguments, ranks), env=variables, timeout=timeout, cwd=cwd, text=True,
                          errors="replace", stdin=subprocess.DEVNULL, capture_output=True, check=False)


def start(arguments, ranks=None, env=None):
    return subprocess.Popen(command(arguments, ranks), env=environment(env), text=True, errors="replace",
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def read_checkpoint(path):
    """(metadata, {name: (shape, bytes)}) of a safetensors file."""
    with open(path, "rb") as file:
        content = file.read()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8:8 + length])
    metadata = header.pop("__metadata__", {})
    begin = 8 + length
    return metadata, {name: (tensor["shape"], content[begin + tensor["data_offsets"][0]:begin + tensor["data_offsets"][1]])
                      for name, tensor in header.items()}


def state_hash(path):
    """One hash of everything that training goes on from: weights, optimiser, carried state, position."""
    metadata, tensors = read_checkpoint(path)
    digest = hashlib.sha256(metadata["state"].encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name][1])
    return digest.hexdigest()


def read_metrics(folder):
    with open(os.path.join(folder, "metrics.jsonl"), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def metrics_without_times(folder):
    """Lines of metrics.jsonl without what depends on the clock."""
    clock = ("tokens_per_s", "step_s", "comm_exposed_s", "comm_hidden_s")
    return [{key: value for key, value in line.items() if key not in clock} for line in read_metrics(folder)]


class Case(unittest.TestCase):
    """A folder of its own, a text, and a small configuration."""

    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="ringrnn-e2e-")
        self.addCleanup(self.temporary.cleanup)
        self.folder = self.temporary.name
        self.text = os.path.join(self.folder, "text.txt")
        with open(self.text, "w", encoding="utf-8") as out:
            for name in ("README.md", "CONTRIBUTING.md", "docs/architecture.md"):
                with open(os.path.join(SOURCE, name), encoding="utf-8") as source:
                    out.write(source.read())
        self.config = self.write("small.yaml", SMALL % {"folder": self.folder, "text": self.text})
        self.run_folder = os.path.join(self.folder, "runs", "r")
        self.last = os.path.join(self.run_folder, "last.safetensors")

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def settings(self, **values):
        """--set arguments; "__" stands for the dot."""
        return [part for key, value in values.items() for part in ("--set", f"{key.replace('__', '.')}={value}")]

    def train(self, name="r", ranks=None, env=None, expect=0, timeout=100, options=(), **values):
        result = run(["train", self.config, "--set", f"run.name={name}", *self.settings(**values), *options], ranks, env, timeout)
        if expect is not None:
            self.assertEqual(result.returncode, expect, f"stdout:\n{result.stdout}\nstderr:\n{result.stderr}")
        return result

    def path(self, name, file="last.safetensors"):
        return os.path.join(self.folder, "runs", name, file)
