#!/usr/bin/env python3
"""Writes what PyTorch's optimisers and learning-rate schedulers compute: tools/make_golden_optim.py FOLDER [SEED]

Without a seed the cases are the committed ones of tests/optim/golden; with one they are drawn at random.
Gradients are a formula of small binary fractions, which tests/optim/golden.h repeats, so no file holds them.
"""

import os
import random
import sys

import torch
from torch.optim import lr_scheduler

COUNT, STEPS, SHOWN = 37, 10, (1, 2, 10)
GRAD_SCALE = 0.5


def yaml(values):
    """A flow mapping: {type: adam, betas: [0.9, 0.999], nesterov: true}"""
    def text(value):
        return {True: "true", False: "false", None: "null"}[value] if value is None or isinstance(value, bool) else str(value)
    return "{" + ", ".join(f"{key}: {text(value)}" for key, value in values.items()) + "}"


def weight(i):
    return (i * 5 % 11 - 5) / 4


def gradient(i, step):
    return (i * 7 + step * 13 + i * step) % 17 / 8 * 2.0 ** (i % 5 - 2) - 1


def run_optimiser(case):
    """Lines: "step N", weights; "state NAME", values after the last step."""
    options = {key: value for key, value in case.items() if key != "type"}
    weights = torch.nn.Parameter(torch.tensor([weight(i) for i in range(COUNT)]))
    optimiser = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[case["type"]]([weights], **options)
    lines = []
    for step in range(1, STEPS + 1):
        optimiser.param_groups[0]["lr"] = case["lr"] * (1 + step % 3)
        weights.grad = torch.tensor([gradient(i, step) for i in range(COUNT)]) * GRAD_SCALE
        optimiser.step()
        if step in SHOWN:
            lines.append(f"step {step}")
            lines += [f"{value:.9g}" for value in weights.tolist()]
    for name in ("momentum_buffer", "exp_avg", "exp_avg_sq"):
        if torch.is_tensor(optimiser.state[weights].get(name)):
            lines.append(f"state {name}")
            lines += [f"{value:.9g}" for value in optimiser.state[weights][name].tolist()]
    return lines


def optimiser_cases(draw):
    if draw is None:
        return [
            {"type": "sgd", "lr": 0.1},
            {"type": "sgd", "lr": 0.05, "momentum": 0.9},
            {"type": "sgd", "lr": 0.05, "momentum": 0.9, "dampening": 0.25, "weight_decay": 0.01},
            {"type": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.001},
            {"type": "adam", "lr": 0.01},
            {"type": "adam", "lr": 0.003, "betas": [0.8, 0.99], "eps": 1e-6, "weight_decay": 0.1},
            {"type": "adamw", "lr": 0.01},
            {"type": "adamw", "lr": 0.02, "betas": [0.85, 0.95], "weight_decay": 0.3},
        ]
    cases = []
    for _ in range(20):
        kind = draw.choice(["sgd", "adam", "adamw"])
        case = {"type": kind, "lr": draw.uniform(0.001, 0.1), "weight_decay": draw.choice([0.0, draw.uniform(0, 0.1)])}
        if kind == "sgd":
            case["momentum"] = draw.choice([0.0, draw.uniform(0.1, 0.99)])
            case["nesterov"] = case["momentum"] > 0 and draw.random() < 0.5
            case["dampening"] = 0.0 if case["nesterov"] else draw.choice([0.0, draw.uniform(0, 0.9)])
        else:
            case["betas"] = [draw.uniform(0.5, 0.99), draw.uniform(0.8, 0.9999)]
            case["eps"] = 10 ** draw.uniform(-9, -3)
        cases.append(case)
    return cases


def learning_rates(make, base_lr, count):
    """lr of each of `count` steps of a scheduler."""
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=base_lr)
    scheduler = make(optimiser)
    rates = []
    for _ in range(count):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return rates


def scheduler_of(case, base_lr, length):
    kind, options = case["type"], {key: value for key, value in case.items() if key not in ("type", "warmup_steps", "interval")}
    if kind == "constant":
        return lambda optimiser: lr_scheduler.LambdaLR(optimiser, lambda done: 1)
    if kind == "exponential":
        start = max(options.pop("start_epoch", 0), 1)
        if start == 1:
            return lambda optimiser: lr_scheduler.ExponentialLR(optimiser, **options)
        return lambda optimiser: lr_scheduler.LambdaLR(optimiser, lambda done: options["gamma"] ** max(done + 1 - start, 0))
    if kind == "cosine_annealing":
        options["T_max"] = options.get("T_max") or length
        return lambda optimiser: lr_scheduler.CosineAnnealingLR(optimiser, **options)
    if kind == "one_cycle":
        options["total_steps"] = options.get("total_steps") or length
        return lambda optimiser: lr_scheduler.OneCycleLR(optimiser, max_lr=base_lr, cycle_momentum=False, **options)
    plain = {"linear": lr_scheduler.LinearLR, "step": lr_scheduler.StepLR, "multi_step": lr_scheduler.MultiStepLR}[kind]
    return lambda optimiser: plain(optimiser, **options)


def run_schedule(case, base_lr, epoch, length):
    """lr of each step of a training of `length` steps, `epoch` steps an epoch."""
    warmup = case.get("warmup_steps", 0)
    rates = []
    if warmup == 1:
        rates = [base_lr]
    elif warmup > 1:
        rates = learning_rates(lambda optimiser: lr_scheduler.LinearLR(optimiser, 1 / warmup, 1, warmup - 1), base_lr, warmup)
    left = length - warmup
    by_step = case["type"] in ("cosine_annealing", "one_cycle", "constant") or case.get("interval") == "step"
    if by_step:
        return rates + learning_rates(scheduler_of(case, base_lr, left), base_lr, left)
    epochs = learning_rates(scheduler_of(case, base_lr, left), base_lr, (left + epoch - 1) // epoch)
    return rates + [epochs[step // epoch] for step in range(left)]


def schedule_cases(draw):
    """(case, base_lr, steps an epoch, steps)"""
    if draw is None:
        return [
            ({"type": "constant", "warmup_steps": 10}, 0.1, 7, 30),
            ({"type": "constant", "warmup_steps": 1}, 0.1, 7, 5),
            ({"type": "linear"}, 0.5, 3, 30),
            ({"type": "linear", "start_factor": 1.0, "end_factor": 0.0, "total_iters": 250, "interval": "step"}, 0.2, 10, 300),
            ({"type": "step", "step_size": 2, "gamma": 0.5, "warmup_steps": 4}, 1.0, 11, 300),
            ({"type": "step", "step_size": 50, "gamma": 0.9, "interval": "step"}, 1.0, 11, 300),
            ({"type": "multi_step", "milestones": [3, 5, 5, 9], "gamma": 0.3}, 0.01, 10, 120),
            ({"type": "multi_step", "milestones": [10, 200], "gamma": 0.3, "interval": "step"}, 0.01, 10, 300),
            ({"type": "exponential", "gamma": 0.97}, 0.01, 1, 300),
            ({"type": "exponential", "gamma": 0.5, "start_epoch": 4}, 1.0, 9, 117),
            ({"type": "exponential", "gamma": 0.99, "interval": "step", "warmup_steps": 20}, 0.01, 10, 300),
            ({"type": "cosine_annealing"}, 0.002, 10, 400),
            ({"type": "cosine_annealing", "T_max": 70, "eta_min": 0.0001, "warmup_steps": 33}, 0.002, 10, 300),
            ({"type": "one_cycle"}, 0.1, 10, 301),
            ({"type": "one_cycle", "total_steps": 400, "pct_start": 0.1, "div_factor": 10, "final_div_factor": 100}, 0.1, 10, 300),
            ({"type": "one_cycle", "anneal_strategy": "linear", "warmup_steps": 25}, 0.1, 10, 300),
        ]
    cases = []
    for _ in range(40):
        kind = draw.choice(["linear", "step", "multi_step", "exponential", "cosine_annealing", "one_cycle"])
        interval = draw.choice(["epoch", "step"])
        case = {
            "linear": lambda: {"start_factor": draw.uniform(0.01, 1), "end_factor": draw.uniform(0, 1),
                               "total_iters": draw.randint(1, 300), "interval": interval},
            "step": lambda: {"step_size": draw.randint(1, 40), "gamma": draw.uniform(0.1, 0.99), "interval": interval},
            "multi_step": lambda: {"milestones": sorted(draw.choices(range(200), k=draw.randint(1, 6))),
                                   "gamma": draw.uniform(0.1, 0.99), "interval": interval},
            "exponential": lambda: {"gamma": draw.uniform(0.8, 1), "start_epoch": 0 if interval == "step" else draw.randint(0, 9),
                                    "interval": interval},
            "cosine_annealing": lambda: {"T_max": draw.choice([None, draw.randint(1, 400)]), "eta_min": draw.uniform(0, 0.001)},
            "one_cycle": lambda: {"total_steps": draw.choice([None, 700]), "pct_start": draw.uniform(0.05, 0.9),
                                  "div_factor": draw.uniform(1, 30), "final_div_factor": draw.uniform(1, 1e5),
                                  "anneal_strategy": draw.choice(["cos", "linear"])},
        }[kind]()
        case = {"type": kind, "warmup_steps": draw.choice([0, draw.randint(1, 100)]), **case}
        cases.append((case, draw.uniform(0.001, 1), draw.randint(1, 60), draw.randint(150, 600)))
    return cases


def run_plateau(case, base_lr, losses):
    """Lines "loss lr": lr after each validation."""
    options = {key: value for key, value in case.items() if key != "type"}
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=base_lr)
    scheduler = lr_scheduler.ReduceLROnPlateau(optimiser, eps=0, **options)
    lines = []
    for loss in losses:
        scheduler.step(loss)
        lines.append(f"{loss:.17g} {optimiser.param_groups[0]['lr']:.17g}")
    return lines


def plateau_cases(draw):
    noise = random.Random(1) if draw is None else draw
    cases = [{"patience": 2}, {"factor": 0.5, "patience": 0, "cooldown": 3, "min_lr": 0.001},
             {"factor": 0.3, "patience": 3, "threshold": 0.05, "threshold_mode": "abs", "cooldown": 1}]
    if draw is not None:
        cases += [{"factor": noise.uniform(0.1, 0.9), "patience": noise.randint(0, 6), "threshold": noise.uniform(0, 0.1),
                   "threshold_mode": noise.choice(["rel", "abs"]), "cooldown": noise.randint(0, 4), "min_lr": noise.uniform(0, 0.01)}
                  for _ in range(10)]
    for case in cases:
        losses = [3 / (1 + 0.1 * t) + noise.gauss(0, 0.15) for t in range(100)]
        losses[7] = float("nan")
        losses[20] = float("inf")
        yield {"type": "reduce_on_plateau", **case}, 0.5, losses


def main():
    folder = sys.argv[1]
    draw = random.Random(int(sys.argv[2])) if len(sys.argv) > 2 else None
    with open(os.path.join(folder, "optimisers.txt"), "w", encoding="utf-8") as out:
        for case in optimiser_cases(draw):
            print("case", yaml(case), *run_optimiser(case), sep="\n", file=out)
    with open(os.path.join(folder, "schedules.txt"), "w", encoding="utf-8") as out:
        for case, base_lr, epoch, length in schedule_cases(draw):
            print(f"case {base_lr!r} {epoch} {length}", yaml(case), sep="\n", file=out)
            print(*(f"{rate:.17g}" for rate in run_schedule(case, base_lr, epoch, length)), sep="\n", file=out)
    with open(os.path.join(folder, "plateaus.txt"), "w", encoding="utf-8") as out:
        for case, base_lr, losses in plateau_cases(draw):
            print(f"case {base_lr!r} {len(losses)}", yaml(case), *run_plateau(case, base_lr, losses), sep="\n", file=out)


if __name__ == "__main__":
    main()
