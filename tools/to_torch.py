#!/usr/bin/env python3
"""Opens a ringrnn checkpoint in PyTorch.

    python tools/to_torch.py CKPT                  verify the file and say what it holds
    python tools/to_torch.py CKPT --check          also print the shape of every parameter
    python tools/to_torch.py CKPT -o model.pt      save {"state_dict", "config", "vocab", "step"} for torch.load

In a program:

    import to_torch
    model = to_torch.load("runs/mine/best.safetensors")   # an nn.Module in eval mode
    logits, state = model(tokens)                         # a language model: tokens [T, B] -> logits [T, B, vocabulary]
    logits, state = model(more_tokens, state)

The models of other tasks come as their parts, with their weights: model.embedding, model.rnn, model.head,
model.encoder.rnn and so on are nn.Embedding, nn.LSTM (GRU, RNN), nn.Linear; print(model) lists them, and docs/tasks.md
says how a task puts them together.

Needs torch, numpy, safetensors and pyyaml.
"""

import argparse
import functools
import json
import sys

try:
    import numpy
    import torch
    import yaml
    from safetensors import safe_open
except ImportError as error:
    message = f"to_torch.py needs the Python package {error.name}: python -m pip install torch numpy safetensors pyyaml"
    if __name__ == "__main__":
        sys.exit(message)
    raise ImportError(message) from error

# A checkpoint begins, after the 8 bytes of header length, with exactly these bytes, then 8 lower-case hex digits. They are
# the CRC32C of the whole file with the digits themselves as '0'.
CHECKSUM_PREFIX = b'{"__metadata__":{"crc32c":"'
CHECKSUM_OFFSET = 8 + len(CHECKSUM_PREFIX)
CHECKSUM_DIGITS = 8

POLYNOMIAL = 0x82F63B78  # Castagnoli, reflected: bit 31 is the coefficient of x^0


def multiply(a, b):
    """The product of polynomials over GF(2) modulo POLYNOMIAL; a is a number, b a number or an array of uint32."""
    b = numpy.asarray(b, dtype=numpy.uint32)
    product = numpy.zeros_like(b)
    for bit in range(31, -1, -1):
        if a >> bit & 1:
            product = product ^ b
        b = (b >> numpy.uint32(1)) ^ numpy.where(b & numpy.uint32(1), numpy.uint32(POLYNOMIAL), numpy.uint32(0))
    return product


@functools.lru_cache(maxsize=256)
def power_of_x(exponent):
    """x^exponent modulo POLYNOMIAL."""
    result, factor = 1 << 31, 1 << 30
    while exponent:
        if exponent & 1:
            result = int(multiply(factor, result))
        factor = int(multiply(factor, factor))
        exponent >>= 1
    return result


@functools.lru_cache
def byte_tables():
    """tables[k][b]: the register after byte b and k zero bytes."""
    table = numpy.arange(256, dtype=numpy.uint32)
    for _ in range(8):
        table = (table >> numpy.uint32(1)) ^ numpy.where(table & numpy.uint32(1), numpy.uint32(POLYNOMIAL), numpy.uint32(0))
    tables = [table]
    for _ in range(3):
        tables.append((tables[-1] >> numpy.uint32(8)) ^ table[tables[-1] & numpy.uint32(255)])
    return tables


def crc32c(data):
    """CRC32C of an array of bytes: many pieces side by side, then put together, since Python is slow byte by byte."""
    tables = byte_tables()
    lanes = 1
    while lanes < 1 << 15 and lanes * 256 < len(data):
        lanes *= 2
    words = -(-len(data) // (4 * lanes))  # of a piece
    whole = numpy.zeros(4 * lanes * words, dtype=numpy.uint8)  # zeros in front leave a register of 0 as it is
    whole[len(whole) - len(data):] = data
    columns = numpy.ascontiguousarray(whole.view("<u4").reshape(lanes, words).T)
    register = numpy.zeros(lanes, dtype=numpy.uint32)
    for column in columns:
        register = register ^ column
        register = (tables[3][register & numpy.uint32(255)] ^ tables[2][(register >> numpy.uint32(8)) & numpy.uint32(255)] ^
                    tables[1][(register >> numpy.uint32(16)) & numpy.uint32(255)] ^ tables[0][register >> numpy.uint32(24)])
    length = 4 * words  # bytes of a piece
    while len(register) > 1:
        register = multiply(power_of_x(8 * length), register[0::2]) ^ register[1::2]
        length *= 2
    start = int(multiply(power_of_x(8 * len(data)), 0xFFFFFFFF))
    return int(register[0]) ^ start ^ 0xFFFFFFFF


def verify(path):
    """Compares a file with its checksum. False: it has none (another program wrote it). Raises ValueError if it is damaged."""
    content = numpy.fromfile(path, dtype=numpy.uint8)
    if content[8:CHECKSUM_OFFSET].tobytes() != CHECKSUM_PREFIX or len(content) < CHECKSUM_OFFSET + CHECKSUM_DIGITS:
        with safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
        if "crc32c" in metadata or "checksum" in metadata:
            raise ValueError(f"{path}: is damaged: its checksum is not where it belongs")
        return False
    digits = slice(CHECKSUM_OFFSET, CHECKSUM_OFFSET + CHECKSUM_DIGITS)
    said = content[digits].tobytes()
    content[digits] = ord("0")
    found = b"%08x" % crc32c(content)
    if found != said:
        raise ValueError(f"{path}: is damaged or cut short: its checksum (CRC32C) is {found.decode()}, not what it says")
    return True


def recurrent(prefix, shapes, model):
    """nn.LSTM, GRU or RNN for the tensors `prefix`.weight_ih_l0 and so on. model: the section of the configuration."""
    cells = {"lstm": (4, torch.nn.LSTM, {}), "gru": (3, torch.nn.GRU, {}),
             "rnn_tanh": (1, torch.nn.RNN, {"nonlinearity": "tanh"}), "rnn_relu": (1, torch.nn.RNN, {"nonlinearity": "relu"})}
    if model["cell"] not in cells:
        raise ValueError(f"model.cell {model['cell']!r} has no counterpart in PyTorch that this program knows")
    gates, kind, options = cells[model["cell"]]
    rows, input_size = shapes[f"{prefix}.weight_ih_l0"]
    layers = 1
    while f"{prefix}.weight_ih_l{layers}" in shapes:
        layers += 1
    return kind(input_size, rows // gates, num_layers=layers, bidirectional=f"{prefix}.weight_ih_l0_reverse" in shapes,
                bias=f"{prefix}.bias_ih_l0" in shapes, dropout=float(model.get("dropout", 0)) if layers > 1 else 0.0, **options)


class Parts(torch.nn.Module):
    """The layers of a model under the names of its checkpoint, without what a task computes between them."""

    def __init__(self, model, shapes):
        """model: the section of the configuration. shapes: those of the checkpoint's tensors."""
        super().__init__()
        for name in shapes:
            prefix, _, last = name.rpartition(".")
            if last == "weight_ih_l0":
                self.put(prefix, recurrent(prefix, shapes, model))
            elif last == "weight" and len(shapes[name]) == 2 and prefix.rpartition(".")[2] == "embedding":
                self.put(prefix, torch.nn.Embedding(*shapes[name]))
            elif last == "weight" and len(shapes[name]) == 2:
                outputs, inputs = shapes[name]
                self.put(prefix, torch.nn.Linear(inputs, outputs, bias=f"{prefix}.bias" in shapes))
            elif not (last == "bias" and f"{prefix}.weight" in shapes or f"{prefix}.weight_ih_l0" in shapes):
                self.put(name, torch.nn.Parameter(torch.empty(shapes[name])))

    def put(self, name, part):
        """Makes self.a.b.c for "a.b.c"."""
        *folders, last = name.split(".")
        at = self
        for folder in folders:
            if not hasattr(at, folder):
                at.add_module(folder, torch.nn.Module())
            at = getattr(at, folder)
        setattr(at, last, part)


class Model(Parts):
    """A language model: embedding, recurrent layers, linear head."""

    def __init__(self, model, shapes):
        super().__init__(model, shapes)
        if "head.weight" not in shapes:  # model.tie_weights
            if hasattr(self, "head"):
                del self.head
            self.head = torch.nn.Linear(*reversed(shapes["embedding.weight"]), bias="head.bias" in shapes)
            self.head.weight = self.embedding.weight
        self.dropout_input = torch.nn.Dropout(float(model.get("dropout_input", 0)))
        self.dropout_output = torch.nn.Dropout(float(model.get("dropout_output", 0)))

    def forward(self, tokens, state=None):
        """tokens [T, B]; state as torch.nn.LSTM, GRU or RNN take and give it. Returns logits [T, B, vocabulary] and state."""
        output, state = self.rnn(self.dropout_input(self.embedding(tokens)), state)
        return self.head(self.dropout_output(output)), state


def read(path):
    """(weights by name, metadata) of a checkpoint; optimiser state and carried state are left out."""
    with safe_open(path, "pt") as file:
        metadata = file.metadata() or {}
        names = [name for name in file.keys() if not name.startswith("optimizer.") and name != "carry"]
        return {name: file.get_tensor(name) for name in names}, metadata


def load(path):
    """The model of a checkpoint, in eval mode. Also has .config and .vocab (dictionaries), .step, and .verified.

    A language model can be called; of other tasks it is the parts, whose forward is the caller's."""
    verified = verify(path)
    weights, metadata = read(path)
    if "config" not in metadata:
        raise ValueError(f"{path}: is not a checkpoint of ringrnn")
    config = yaml.safe_load(metadata["config"])
    is_language_model = config["task"]["type"] == "lm"
    model = (Model if is_language_model else Parts)(config["model"], {name: tuple(tensor.shape) for name, tensor in weights.items()})
    if is_language_model and model.head.weight is model.embedding.weight:
        weights["head.weight"] = weights["embedding.weight"]
    model.load_state_dict(weights)
    model.config = config
    model.vocab = json.loads(metadata.get("vocab", "{}"))
    model.step = int(metadata.get("step", 0))
    model.verified = verified
    return model.eval()


def main():
    parser = argparse.ArgumentParser(description="Opens a ringrnn checkpoint in PyTorch.")
    parser.add_argument("checkpoint", metavar="CKPT", help="a .safetensors file that ringrnn wrote")
    parser.add_argument("-o", "--output", metavar="FILE", help="save state_dict, config, vocab and step for torch.load")
    parser.add_argument("--check", action="store_true", help="print the shape of every parameter")
    arguments = parser.parse_args()
    try:
        model = load(arguments.checkpoint)
    except (OSError, ValueError, KeyError, RuntimeError, yaml.YAMLError) as error:
        print(f"to_torch.py: {error}", file=sys.stderr)
        return 2
    except Exception as error:  # safetensors has an exception of its own for files that are none
        print(f"to_torch.py: {arguments.checkpoint}: {error}", file=sys.stderr)
        return 2
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"{arguments.checkpoint}: step {model.step}, {count} parameters, {'checksum right' if model.verified else 'no checksum'}")
    print(model)
    if arguments.check:
        for name, parameter in model.named_parameters():
            print(f"  {name:32} {list(parameter.shape)}")
    if arguments.output:
        torch.save({"state_dict": model.state_dict(), "config": model.config, "vocab": model.vocab, "step": model.step},
                   arguments.output)
        print(f"saved: {arguments.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
