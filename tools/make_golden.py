#!/usr/bin/env python3
"""Writes what PyTorch computes for recurrent stacks and for ten training steps: tools/make_golden.py FOLDER

The committed files of tests/golden come from it; tests/golden/live_torch.py draws other cases with the same functions.
tests/golden/replay_case.c reads a file and computes the same. A file holds, in safetensors, time-major and packed as in
PyTorch's PackedSequence (rows longest first):

  kind rnn   weights "rnn.*", "lengths", "input", "dout", and as the case has them "h0", "c0", "dh_n", "dc_n"; expected:
             "want.output", "want.h_n", "want.c_n", "want.grad.<name of a weight>", "want.grad.input", "want.grad.h0", "want.grad.c0"
  kind train weights before the first step, "inputs" [steps, total] and "targets" (classes, or [steps, total, out]) ;
             expected: "want.loss" [steps], "want.after.<name of a weight>"

The metadata holds the shape, the tolerance, and how far PyTorch itself, in single precision, is from what it computes in
double ("own:<name>", see solve): where terms cancel, that is more than a few 1e-7, and nobody's result is good to the
tolerance.
"""

import math
import os
import sys

import torch
from safetensors.torch import save_file
from torch import nn

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn_tanh": nn.RNN, "rnn_relu": nn.RNN}


def distance(got, want):
    """max|got - want| / max|want|"""
    apart, largest = (got.double() - want.double()).abs().max().item(), want.double().abs().max().item()
    return 0.0 if apart == 0 else apart / largest if largest > 0 else math.inf


class Stack(nn.Module):
    """A recurrent stack as one PyTorch module, or, where there are masks, layer by layer with a mask after each but the last."""

    def __init__(self, case, input_size, masked):
        super().__init__()
        options = {"bias": case["bias"], "bidirectional": case["bidirectional"]}
        if case["cell"].startswith("rnn_"):
            options["nonlinearity"] = case["cell"][4:]
        make, hidden, layers = CELLS[case["cell"]], case["hidden_size"], case["num_layers"]
        self.directions = 2 if case["bidirectional"] else 1
        if masked:
            sizes = [input_size] + [hidden * self.directions] * (layers - 1)
            self.parts = nn.ModuleList(make(size, hidden, 1, **options) for size in sizes)
        else:
            self.parts = nn.ModuleList([make(input_size, hidden, layers, **options)])
        self.names = {}  # parameter of ours -> its name in the whole stack
        for part, module in enumerate(self.parts):
            for name, _ in module.named_parameters():
                self.names[f"parts.{part}.{name}"] = "rnn." + (name.replace("_l0", f"_l{part}") if masked else name)

    def forward(self, packed, state, masks):
        """packed: PackedSequence; state: list of [L * D, B, H] or None; masks: [total, D * H] after each layer, or nothing."""
        finals = []
        for part, module in enumerate(self.parts):
            mine = None
            if state is not None:
                rows = slice(None) if len(self.parts) == 1 else slice(part * self.directions, (part + 1) * self.directions)
                mine = tuple(s[rows].contiguous() for s in state)
                mine = mine if isinstance(module, nn.LSTM) else mine[0]
            packed, final = module(packed, mine)
            finals.append(final if isinstance(module, nn.LSTM) else (final,))
            if part + 1 < len(self.parts):
                packed = nn.utils.rnn.PackedSequence(packed.data * masks[part].to(packed.data.dtype), packed.batch_sizes)
        return packed.data, [torch.cat(parts) for parts in zip(*finals)]


def batch_sizes(lengths):
    return torch.tensor([sum(length > t for length in lengths) for t in range(max(lengths))])


def draw_weights(case, shapes, generator):
    bound = 1 / math.sqrt(case["hidden_size"])
    return {name: (torch.rand(shape, generator=generator) * 2 - 1) * bound for name, shape in shapes.items()}


def state_shape(case):
    return (case["num_layers"] * (2 if case["bidirectional"] else 1), len(case["lengths"]), case["hidden_size"])


def states(case):
    return 2 if case["cell"] == "lstm" else 1


def rnn_inputs(case, generator):
    """Weights and inputs of a case of kind rnn."""
    total, width = sum(case["lengths"]), case["hidden_size"] * (2 if case["bidirectional"] else 1)
    stack = Stack(case, case["input_size"], False)
    shapes = {stack.names[name]: value.shape for name, value in stack.named_parameters()}
    tensors = draw_weights(case, shapes, generator)
    tensors["lengths"] = torch.tensor(case["lengths"])
    wanted = {"input": (total, case["input_size"]), "dout": (total, width)}
    for name in ["h0", "c0"][:states(case)] if case["state"] else []:
        wanted[name] = state_shape(case)
    for name in ["dh_n", "dc_n"][:states(case)] if case["dstate"] else []:
        wanted[name] = state_shape(case)
    for name, shape in wanted.items():
        tensors[name] = torch.rand(shape, generator=generator) * 2 - 1
    return tensors


def run_rnn(case, tensors, masks, dtype):
    """What PyTorch makes of a case of kind rnn."""
    stack = Stack(case, case["input_size"], bool(masks)).to(dtype)
    with torch.no_grad():
        for name, value in stack.named_parameters():
            value.copy_(tensors[stack.names[name]])
    x = tensors["input"].to(dtype, copy=True).requires_grad_()
    given = [tensors[name].to(dtype, copy=True).requires_grad_() for name in ("h0", "c0") if name in tensors]
    output, final = stack(nn.utils.rnn.PackedSequence(x, batch_sizes(case["lengths"])), given or None, masks)
    objective = (output * tensors["dout"].to(dtype)).sum()
    for name, value in zip(("dh_n", "dc_n"), final):
        if name in tensors:
            objective = objective + (value * tensors[name].to(dtype)).sum()
    objective.backward()
    want = {"want.output": output, "want.grad.input": x.grad}
    want.update({f"want.{name}": value for name, value in zip(("h_n", "c_n"), final)})
    want.update({f"want.grad.{name}": value.grad for name, value in zip(("h0", "c0"), given)})
    want.update({f"want.grad.{stack.names[name]}": value.grad for name, value in stack.named_parameters()})
    return {name: value.detach() for name, value in want.items()}


def train_inputs(case, generator):
    """Weights, inputs and targets of a case of kind train: an embedding, a stack, a linear head, and a loss."""
    total, width = sum(case["lengths"]), case["hidden_size"] * (2 if case["bidirectional"] else 1)
    stack = Stack(case, case["embedding_size"], False)
    shapes = {"head.weight": (case["outputs"], width), "head.bias": (case["outputs"],),
              "embedding.weight": (case["vocab_size"], case["embedding_size"])}
    shapes.update({stack.names[name]: value.shape for name, value in stack.named_parameters()})
    tensors = draw_weights(case, shapes, generator)
    tensors["lengths"] = torch.tensor(case["lengths"])
    tensors["inputs"] = torch.randint(case["vocab_size"], (case["steps"], total), generator=generator)
    if case["head"] == "softmax":
        tensors["targets"] = torch.randint(case["outputs"], (case["steps"], total), generator=generator)
    else:
        tensors["targets"] = torch.rand((case["steps"], total, case["outputs"]), generator=generator)
    return tensors


def optimiser_of(case, parameters):
    options = {key: value for key, value in case["optim"].items() if key != "type"}
    return {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[case["optim"]["type"]](parameters, **options)


def loss_of(case, logits, targets):
    """The mean over targets (of softmax) or rows."""
    if case["head"] == "softmax":
        return nn.functional.cross_entropy(logits, targets)
    if case["head"] == "sigmoid":
        return nn.functional.binary_cross_entropy_with_logits(logits, targets.to(logits.dtype), reduction="sum") / len(logits)
    return nn.functional.mse_loss(logits, targets.to(logits.dtype), reduction="sum") / len(logits)


def run_train(case, tensors, masks, dtype):
    """Ten steps of training. masks[step]: on the embedded tokens, after each layer but the last, and on the output; or nothing."""
    stack = Stack(case, case["embedding_size"], bool(masks)).to(dtype)
    own = {name: nn.Parameter(tensors[name].to(dtype, copy=True)) for name in ("head.weight", "head.bias", "embedding.weight")}
    with torch.no_grad():
        for name, value in stack.named_parameters():
            value.copy_(tensors[stack.names[name]])
    parameters = list(stack.parameters()) + list(own.values())
    optimiser, state, losses = optimiser_of(case, parameters), None, []
    for step in range(case["steps"]):
        mask = [m.to(dtype) for m in masks[step]] if masks else None
        x = nn.functional.embedding(tensors["inputs"][step], own["embedding.weight"])
        x = x * mask[0] if masks else x
        packed = nn.utils.rnn.PackedSequence(x, batch_sizes(case["lengths"]))
        output, final = stack(packed, state, mask[1:-1] if masks else None)
        output = output * mask[-1] if masks else output
        state = [s.detach() for s in final] if case["carry"] else None
        loss = loss_of(case, nn.functional.linear(output, own["head.weight"], own["head.bias"]), tensors["targets"][step])
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, case["max_grad_norm"])
        optimiser.step()
        losses.append(loss.item())
    want = {"want.loss": torch.tensor(losses, dtype=torch.float64)}
    want.update({f"want.after.{name}": value for name, value in own.items()})
    want.update({f"want.after.{stack.names[name]}": value for name, value in stack.named_parameters()})
    return {name: value.detach() for name, value in want.items()}


def yaml(values):
    def text(value):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return "{" + ", ".join(f"{key}: {text(value)}" for key, value in values.items()) + "}"


def describe(case):
    """The metadata that replay_case reads: strings."""
    kept = {key: value for key, value in case.items() if key != "lengths"}
    return {key: yaml(value) if isinstance(value, dict) else str(int(value) if isinstance(value, bool) else value)
            for key, value in kept.items()}


def inputs_of(case, generator):
    return (rnn_inputs if case["kind"] == "rnn" else train_inputs)(case, generator)


def nudged(case, tensors, generator):
    """The same with every weight off by up to four roundings to single precision."""
    def nudge(value):
        return value.double() * (1 + (torch.rand(value.shape, generator=generator, dtype=torch.float64) * 2 - 1) * 2.0**-22)
    return {name: nudge(value) if "weight" in name or "bias" in name else value for name, value in tensors.items()}


def solve(case, tensors, masks=None):
    """
    Expected tensors, and the metadata with PyTorch's own distance from double precision. Adam divides gradients by their size, so
    it makes a step of what rounding leaves of a gradient near 0, and whether one comes near is chance: there the distance is
    the largest of several, of results in double from weights that are a few roundings off.
    """
    run = run_rnn if case["kind"] == "rnn" else run_train
    want, exact = run(case, tensors, masks, torch.float32), run(case, tensors, masks, torch.float64)
    own = {name: distance(value, exact[name]) for name, value in want.items()}
    if "adam" in case.get("optim", {}).get("type", ""):
        generator = torch.Generator().manual_seed(1)
        for _ in range(8):
            near = run(case, nudged(case, tensors, generator), masks, torch.float64)
            own = {name: max(value, distance(near[name], exact[name])) for name, value in own.items()}
    return want, {**describe(case), **{f"own:{name}": f"{value:.3g}" for name, value in own.items()}, "torch": torch.__version__}


def save(path, tensors, meta):
    save_file({name: value.contiguous() for name, value in tensors.items()}, path, metadata=meta)


def golden_cases():
    for cell in CELLS:
        plain = {"kind": "rnn", "cell": cell, "input_size": 3, "hidden_size": 5, "num_layers": 1, "bidirectional": False, "bias": True,
                 "state": True, "dstate": False, "lengths": [6] * 4, "tolerance": 1e-5}
        yield f"{cell}_one_layer", plain
        yield f"{cell}_two_layers_both_ways", {**plain, "num_layers": 2, "bidirectional": True, "dstate": True, "lengths": [7, 5, 5, 2, 1]}
        for name, optim, tolerance in (("sgd", {"type": "sgd", "lr": 0.5}, 1e-5), ("adam", {"type": "adam", "lr": 0.01}, 1e-4)):
            yield f"{cell}_train_{name}", {
                "kind": "train", "cell": cell, "vocab_size": 11, "embedding_size": 6, "hidden_size": 7, "num_layers": 2,
                "bidirectional": False, "bias": True, "outputs": 11, "head": "softmax", "lengths": [5] * 4, "steps": 10, "carry": True,
                "optim": optim, "max_grad_norm": 0.25, "tolerance": tolerance}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip().splitlines()[0])
    torch.set_num_threads(1)
    os.makedirs(sys.argv[1], exist_ok=True)
    for number, (name, case) in enumerate(golden_cases()):
        generator = torch.Generator().manual_seed(number)
        tensors = inputs_of(case, generator)
        want, meta = solve(case, tensors)
        save(os.path.join(sys.argv[1], f"{name}.safetensors"), {**tensors, **want}, meta)


if __name__ == "__main__":
    main()
