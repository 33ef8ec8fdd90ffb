"""live_torch.py REPLAY_CASE TOOLS [SEED]: cases drawn at random, computed by PyTorch now and by REPLAY_CASE.

Dropout is compared with our masks: REPLAY_CASE writes them, and PyTorch's model multiplies them in.
"""

import os
import random
import subprocess
import sys
import tempfile
import time

import torch
from safetensors.torch import load_file

CASES = 64


def draw_optim(draw, head):
    """Rates at which training goes down: a run that diverges doubles every rounding at each step, in PyTorch as well."""
    kind, most = draw.choice(["sgd", "momentum", "adam", "adamw"]), {"softmax": 0.5, "sigmoid": 0.1, "identity": 0.01}[head]
    if kind == "sgd":
        return {"type": "sgd", "lr": most * draw.choice([0.2, 1.0])}
    if kind == "momentum":
        return {"type": "sgd", "lr": most / 5, "momentum": 0.9, "nesterov": draw.random() < 0.5}
    return {"type": kind, "lr": draw.choice([0.001, 0.01])}


def draw_case(draw, number):
    """All cells in turn, both kinds in turn; one in three with dropout."""
    rows, steps = draw.randint(1, 9), draw.randint(1, 13)
    lengths = [steps] * rows
    if draw.random() < 0.6:
        lengths = sorted([steps] + [draw.randint(1, steps) for _ in range(rows - 1)], reverse=True)
    case = {"cell": ["lstm", "gru", "rnn_tanh", "rnn_relu"][number % 4], "hidden_size": draw.randint(2, 40),
            "num_layers": draw.randint(1, 3), "bidirectional": draw.random() < 0.5, "bias": draw.random() < 0.8,
            "lengths": lengths, "seed": draw.randint(0, 2**31), "tolerance": 1e-5}
    dropout = number % 3 == 0
    if dropout:
        case["dropout"] = draw.choice([0.1, 0.25, 0.5])
    if number // 4 % 2 == 0:
        return {**case, "kind": "rnn", "input_size": draw.randint(1, 40), "state": draw.random() < 0.7,
                "dstate": draw.random() < 0.5}
    if dropout:
        case.update(dropout_input=draw.choice([0, 0.2]), dropout_output=draw.choice([0, 0.3, 0.5]))
    head = draw.choice(["softmax", "softmax", "sigmoid", "identity"])
    optim = draw_optim(draw, head)
    # As PyTorch's Adam divides by roots of tiny means, it is held to 1e-4 after ten steps.
    return {**case, "kind": "train", "vocab_size": draw.randint(2, 50), "embedding_size": draw.randint(1, 30),
            "outputs": draw.randint(2, 50), "head": head, "steps": 10, "carry": draw.random() < 0.5, "optim": optim,
            "max_grad_norm": draw.choice([0.5, 5.0, 1000.0]), "tolerance": 1e-4 if "adam" in optim["type"] else 1e-5}


def masks_of(case, path):
    masks = load_file(path)
    if case["kind"] == "rnn":
        return [masks[f"mask.0.{layer}"] for layer in range(1, case["num_layers"])]
    return [[masks[f"mask.{step}.{site}"] for site in range(case["num_layers"] + 1)] for step in range(case["steps"])]


def main():
    replay, tools = sys.argv[1], sys.argv[2]
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else int(os.environ.get("RINGRNN_TEST_SEED", "1"))
    sys.path.insert(0, tools)
    import make_golden
    torch.set_num_threads(1)
    print("seed", seed, flush=True)
    began, draw = time.time(), random.Random(seed)
    cases = [draw_case(draw, number) for number in range(CASES)]
    with tempfile.TemporaryDirectory() as folder:
        # Short names: they show in the report.
        paths = [f"{number}-{case['cell']}-{case['kind']}.safetensors" for number, case in enumerate(cases)]
        tensors, masked = [], []
        for number, (case, path) in enumerate(zip(cases, paths)):
            tensors.append(make_golden.inputs_of(case, torch.Generator().manual_seed(seed * CASES + number)))
            if case.get("dropout"):
                masked += [path, path + ".masks"]
                make_golden.save(os.path.join(folder, path), tensors[-1], make_golden.describe(case))
        subprocess.run([replay, "--masks", *masked], cwd=folder, check=True)
        for case, path, inputs in zip(cases, paths, tensors):
            mask = masks_of(case, os.path.join(folder, path + ".masks")) if case.get("dropout") else None
            want, meta = make_golden.solve(case, inputs, mask)
            make_golden.save(os.path.join(folder, path), {**inputs, **want}, meta)
        print(f"{len(masked) // 2} of {CASES} cases with dropout; PyTorch took {time.time() - began:.1f} s", flush=True)
        result = subprocess.run([replay, *paths], cwd=folder)
    print(f"{time.time() - began:.1f} s in all")
    sys.exit(result.returncode)


if __name__ == "__main__":
    main()
