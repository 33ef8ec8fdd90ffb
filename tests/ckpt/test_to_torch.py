"""Files that our C code wrote, opened by Python's safetensors and by tools/to_torch.py.

    test_to_torch.py WRITE_CHECKPOINT TO_TORCH
"""

import os
import subprocess
import sys
import tempfile
import unittest

import numpy
from safetensors import safe_open
from safetensors.numpy import save_file

WRITER, TOOL = sys.argv[1:3]
try:
    import torch

    sys.path.insert(0, os.path.dirname(TOOL))
    import to_torch
except ImportError as error:
    print(f"without PyTorch ({error}): only what needs none", file=sys.stderr)
    torch = None

VOCAB, EMBEDDING, HIDDEN = 11, 6, 5


def values(number, shape):
    """What write_checkpoint.c puts in its tensor of that number."""
    index = numpy.arange(int(numpy.prod(shape)))
    return (((index * 37 + number * 11) % 101) / 128 - 0.390625).astype(numpy.float32).reshape(shape)


def sigmoid(x):
    return 1 / (1 + numpy.exp(-x))


def cell_step(cell, x, h, c, w_ih, w_hh, b_ih, b_hh):
    """One time step in double precision: the equations of torch.nn.LSTM, GRU and RNN."""
    into, back = x @ w_ih.T + b_ih, h @ w_hh.T + b_hh
    if cell == "lstm":
        i, f, g, o = numpy.split(into + back, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * numpy.tanh(g)
        return sigmoid(o) * numpy.tanh(c), c
    if cell == "gru":
        (r, z, n), (hr, hz, hn) = numpy.split(into, 3, axis=-1), numpy.split(back, 3, axis=-1)
        z = sigmoid(z + hz)
        return (1 - z) * numpy.tanh(n + sigmoid(r + hr) * hn) + z * h, c
    total = into + back
    return (numpy.tanh(total) if cell == "rnn_tanh" else numpy.maximum(total, 0)), c


def reference(cell, tensors, tokens, layers, bidirectional, bias):
    """Logits [T, B, V] in numpy, from the tensors alone."""
    x = tensors["embedding.weight"].astype(float)[tokens]
    for layer in range(layers):
        outputs = []
        for suffix in ["", "_reverse"][: 2 if bidirectional else 1]:
            names = [f"rnn.{kind}_l{layer}{suffix}" for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            w_ih, w_hh = (tensors[name].astype(float) for name in names[:2])
            b_ih, b_hh = (tensors[name].astype(float) if bias else 0.0 for name in names[2:])
            h = c = numpy.zeros((tokens.shape[1], HIDDEN))
            steps = range(len(x))
            out = numpy.zeros((*tokens.shape, HIDDEN))
            for t in reversed(steps) if suffix else steps:
                h, c = cell_step(cell, x[t], h, c, w_ih, w_hh, b_ih, b_hh)
                out[t] = h
            outputs.append(out)
        x = numpy.concatenate(outputs, axis=-1)
    head = tensors.get("head.weight", tensors["embedding.weight"]).astype(float)
    return x @ head.T + tensors["head.bias"].astype(float)


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name="x.safetensors"):
        return os.path.join(self.folder.name, name)

    def write(self, cell="lstm", embedding=EMBEDDING, layers=2, bidirectional=False, bias=True, tied=False):
        arguments = [cell, VOCAB, embedding, HIDDEN, layers, int(bidirectional), int(bias), int(tied)]
        subprocess.run([WRITER, self.path(), *map(str, arguments)], check=True)
        return self.path()

    def tensors(self):
        with safe_open(self.path(), "numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}

    def test_safetensors_reads_names_shapes_values_and_metadata(self):
        self.write()
        tensors = self.tensors()
        with safe_open(self.path(), "numpy") as file:
            metadata = file.metadata()
        self.assertEqual(metadata["step"], "42")
        self.assertIn("cell: lstm\n", metadata["config"])
        self.assertEqual(len(tensors), 2 + 8 + 3)
        for number, (name, shape) in enumerate([("head.weight", (VOCAB, HIDDEN)), ("head.bias", (VOCAB,)),
                                                ("rnn.weight_ih_l1", (4 * HIDDEN, HIDDEN))]):
            numpy.testing.assert_array_equal(tensors[name], values(number, shape))

    @unittest.skipIf(torch is None, "no torch package")
    def test_every_cell_gives_the_output_of_its_equations(self):
        tokens = (numpy.arange(7 * 3).reshape(7, 3) * 5) % VOCAB
        for cell in ("lstm", "gru", "rnn_tanh", "rnn_relu"):
            for layers, bidirectional, bias, tied in [(1, False, True, False), (2, False, False, True), (3, True, True, False)]:
                with self.subTest(cell=cell, layers=layers, bidirectional=bidirectional, bias=bias, tied=tied):
                    model = to_torch.load(self.write(cell, HIDDEN if tied else EMBEDDING, layers, bidirectional, bias, tied))
                    want = reference(cell, self.tensors(), tokens, layers, bidirectional, bias)
                    with torch.no_grad():
                        logits, state = model(torch.from_numpy(tokens))
                        first, carried = model(torch.from_numpy(tokens[:3]))
                        second, _ = model(torch.from_numpy(tokens[3:]), carried)
                    # float32 against double over 3 layers and 7 steps
                    numpy.testing.assert_allclose(logits.numpy(), want, rtol=2e-5, atol=2e-5 * abs(want).max())
                    if not bidirectional:
                        numpy.testing.assert_allclose(torch.cat([first, second]).numpy(), want, rtol=2e-5,
                                                      atol=2e-5 * abs(want).max())
                    self.assertEqual(isinstance(state, tuple), cell == "lstm")
                    self.assertEqual(model.head.weight is model.embedding.weight, tied)
                    self.assertEqual((model.step, model.vocab["unit"]), (42, "byte"))

    @unittest.skipIf(torch is None, "no torch package")
    def test_every_flipped_bit_is_seen(self):
        path = self.write(layers=1)
        with open(path, "rb") as file:
            whole = file.read()
        self.assertTrue(to_torch.verify(path))
        # Every bit around the checksum's digits, then bits here and there.
        for bit in [*range(60 * 8), *range(60 * 8, len(whole) * 8, 41 * 8 + 1)]:
            content = bytearray(whole)
            content[bit // 8] ^= 1 << bit % 8
            with open(path, "wb") as file:
                file.write(content)
            with self.assertRaises(Exception, msg=f"bit {bit % 8} of byte {bit // 8}"):
                to_torch.verify(path)

    @unittest.skipIf(torch is None, "no torch package")
    def test_the_checksum_is_crc32c(self):
        self.assertEqual(to_torch.crc32c(numpy.frombuffer(b"123456789", dtype=numpy.uint8)), 0xE3069283)
        self.assertEqual(to_torch.crc32c(numpy.zeros(32, dtype=numpy.uint8)), 0x8A9136AA)
        self.assertEqual(to_torch.crc32c(numpy.zeros(0, dtype=numpy.uint8)), 0)
        for length in (1, 3, 4, 255, 256, 257, 5000, 100001):  # one lane and many against bit by bit
            data = (numpy.arange(length) * 31 % 251).astype(numpy.uint8)
            register = 0xFFFFFFFF
            for byte in data[:6000]:
                register ^= int(byte)
                for _ in range(8):
                    register = register >> 1 ^ (to_torch.POLYNOMIAL if register & 1 else 0)
            self.assertEqual(to_torch.crc32c(data[:6000]), register ^ 0xFFFFFFFF)

    @unittest.skipIf(torch is None, "no torch package")
    def test_the_command_saves_a_state_dict_and_refuses_what_is_no_checkpoint(self):
        self.write("gru")
        done = subprocess.run([sys.executable, TOOL, self.path(), "--check", "-o", self.path("model.pt")], text=True,
                              capture_output=True, check=True)
        self.assertIn("checksum right", done.stdout)
        self.assertIn("[15, 6]", done.stdout)
        saved = torch.load(self.path("model.pt"))
        self.assertEqual(saved["config"]["model"]["cell"], "gru")
        self.assertEqual(tuple(saved["state_dict"]["rnn.weight_ih_l0"].shape), (15, 6))
        save_file({"a": numpy.zeros(3)}, self.path("other.safetensors"))
        for name, content in [("other.safetensors", None), ("text.safetensors", b"hello"), ("absent.safetensors", None)]:
            if content:
                with open(self.path(name), "wb") as file:
                    file.write(content)
            refused = subprocess.run([sys.executable, TOOL, self.path(name)], text=True, capture_output=True, check=False)
            self.assertEqual(refused.returncode, 2, refused.stderr)
            self.assertTrue(refused.stderr.startswith("to_torch.py: "), refused.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
