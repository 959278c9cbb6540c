"""Holds `velo replay` against the PyTorch of this machine, option by option.

usage: against_pytorch.py VELO
Exit status 0: all agree; 1: one does not; 77: this Python lacks torch or h5py, nothing was compared.
"""
import os
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy
    import torch
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

STEPS = 30
SHAPES = {"w": (8, 6), "b": (7,), "k": (4, 3, 3, 3), "s": (1,), "long": (33,)}
BAR = 2e-5  # of a block's largest value, as for the stored samples
# Before 2.0, PyTorch's NAdam multiplied its product of momenta by this step's momentum twice.
NADAM_IS_RIGHT = int(torch.__version__.split(".")[0]) >= 2

# PyTorch's name, its options, ours, our options.
CASES = [
    ("SGD", dict(lr=0.03), "sgd", ["lr=0.03"]),
    ("SGD", dict(lr=0.03, momentum=0.9, dampening=0.3, weight_decay=0.05), "sgd",
     ["lr=0.03", "momentum=0.9", "dampening=0.3", "weight_decay=0.05"]),
    ("SGD", dict(lr=0.03, momentum=0.9, nesterov=True, weight_decay=0.05), "sgd",
     ["lr=0.03", "momentum=0.9", "nesterov=true", "weight_decay=0.05"]),
    ("Adam", dict(), "adam", []),
    ("Adam", dict(lr=0.01, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1), "adam",
     ["lr=0.01", "beta1=0.8", "beta2=0.95", "eps=1e-3", "weight_decay=0.1"]),
    ("Adam", dict(lr=0.01, betas=(0.9, 0.9), amsgrad=True), "adam", ["lr=0.01", "beta2=0.9", "amsgrad=true"]),
    ("AdamW", dict(), "adamw", []),
    ("AdamW", dict(lr=0.01, betas=(0.95, 0.98), weight_decay=0.2), "adamw",
     ["lr=0.01", "beta1=0.95", "beta2=0.98", "weight_decay=0.2"]),
    ("AdamW", dict(lr=0.01, betas=(0.9, 0.9), amsgrad=True), "adamw", ["lr=0.01", "beta2=0.9", "amsgrad=true"]),
    ("NAdam", dict(), "nadamw", []),
    ("NAdam", dict(lr=0.01, betas=(0.8, 0.95), weight_decay=0.1, momentum_decay=0.1), "nadamw",
     ["lr=0.01", "beta1=0.8", "beta2=0.95", "weight_decay=0.1", "momentum_decay=0.1", "decay=coupled"]),
    ("RMSprop", dict(), "rmsprop", []),
    ("RMSprop", dict(lr=0.005, alpha=0.9, eps=1e-3, weight_decay=0.1, momentum=0.9), "rmsprop",
     ["lr=0.005", "alpha=0.9", "eps=1e-3", "weight_decay=0.1", "momentum=0.9"]),
    ("RMSprop", dict(lr=0.005, alpha=0.9, centered=True), "rmsprop", ["lr=0.005", "alpha=0.9", "centered=true"]),
    ("Adagrad", dict(), "adagrad", []),
    ("Adagrad", dict(lr=0.1, lr_decay=0.05, weight_decay=0.1, initial_accumulator_value=0.3, eps=1e-6), "adagrad",
     ["lr=0.1", "lr_decay=0.05", "weight_decay=0.1", "initial_accumulator_value=0.3", "eps=1e-6"]),
]


def write_input(path, params, gradients):
    with h5py.File(path, "w", track_order=True) as file:
        for group in ("params", "gradients"):
            file.create_group(group, track_order=True)
        for name in SHAPES:
            file["params"][name] = params[name]
            file["params"][name].attrs["kind"] = "weight"
            file["gradients"][name] = gradients[name]


def torch_trajectory(optimizer, options, params, gradients):
    tensors = {name: torch.nn.Parameter(torch.from_numpy(value.copy())) for name, value in params.items()}
    rule = getattr(torch.optim, optimizer)(list(tensors.values()), **options)
    points = {name: [value.copy()] for name, value in params.items()}
    for step in range(STEPS):
        for name, tensor in tensors.items():
            tensor.grad = torch.from_numpy(gradients[name][step].copy())
        rule.step()
        for name, tensor in tensors.items():
            points[name].append(tensor.detach().numpy().copy())
    return {name: numpy.stack(rows) for name, rows in points.items()}


def main(velo):
    draw = numpy.random.default_rng(2024)
    params = {name: draw.standard_normal(shape).astype("f4") for name, shape in SHAPES.items()}
    gradients = {name: draw.standard_normal((STEPS, *shape)).astype("f4") for name, shape in SHAPES.items()}
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        source, result = os.path.join(folder, "input.h5"), os.path.join(folder, "output.h5")
        write_input(source, params, gradients)
        cases = [case for case in CASES if case[0] != "NAdam" or NADAM_IS_RIGHT]
        for optimizer, options, algorithm, settings in cases:
            command = [velo, "replay", "--algorithm", algorithm, source, "--out", result]
            for setting in settings:
                command += ["--set", setting]
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
            expected = torch_trajectory(optimizer, options, params, gradients)
            with h5py.File(result, "r") as file:
                worst = max(float(numpy.abs(file["params"][name][()] - rows).max() / numpy.abs(rows).max())
                            for name, rows in expected.items())
            agrees = worst < BAR
            failed += not agrees
            print(f"{'agrees ' if agrees else 'DIFFERS'} {worst:.1e}  {optimizer} {options}")
    left_out = "" if NADAM_IS_RIGHT else "; its NAdam has a known defect and was left out"
    print(f"{len(cases) - failed} of {len(cases)} agree with torch {torch.__version__}{left_out}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
