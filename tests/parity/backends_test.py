#!/usr/bin/env python3
"""First steps of every real workload on two back-ends: the same weights, bit by bit, and the same gradients.

    backends_test.py save BUILD FOLDER      what the dump_gradient of a build computes, in float
    backends_test.py compare FOLDER FOLDER  two of them: a build for CPUs and one for CUDA

Machines with a GPU need not be able to build for CPUs too: folders travel. Weights and batch come from counter-based
streams, which promise the same bits everywhere; model states and gradients do not, as libraries add up in other orders.

Tolerance. As for PyTorch: an element of the gradient is a sum of thousands of terms which cancel, so 1e-4 of the
largest element of all blocks is allowed, 1e-5 of the loss, and 1e-5 of the largest running statistic of batch norm.
"""
import pathlib
import subprocess
import sys

import numpy as np

CASES = {
    "mlp": ["fashion_mnist_mlp"],
    "mlp_layer_norm": ["fashion_mnist_mlp", "width=70", "activation=gelu", "normalisation=layer"],
    "cnn": ["fashion_mnist_cnn"],
    "cnn_batch_norm": ["fashion_mnist_cnn", "width=12", "activation=tanh", "normalisation=batch"],
    "resnet": ["fashion_resnet"],
    "resnet_small": ["fashion_resnet", "size=small"],
    "dlrm": ["flights_dlrm"],
    "dlrm_deep": ["flights_dlrm", "size=small", "activation=gelu", "normalisation=layer"],
    "lm": ["prose_lm"],
    "lm_small": ["prose_lm", "size=small"],
    "speech": ["speech_deepspeech"],
    "speech_small": ["speech_deepspeech", "size=small", "activation=gelu"],
}


def save(build, folder):
    program = pathlib.Path(build) / "tests/parity/dump_gradient"
    failed = [case for case, words in CASES.items()
              if subprocess.run([program, words[0], pathlib.Path(folder) / case, *words[1:]]).returncode != 0]
    for case in failed:
        print(f"FAILED  {case}: dump_gradient stopped")
    return 1 if failed else 0


def numbers(folder, name):
    return np.fromfile(folder / name, dtype=np.float32)


def worst(ours, other):
    """Largest difference as a share of the largest element; infinite for a NaN."""
    if not ours.size:
        return 0.0
    share = float(np.abs(ours - other).max() / max(np.abs(other).max(), np.finfo(np.float32).tiny))
    return share if np.isfinite(share) else np.inf


def compare(first, second):
    same = True
    for case in CASES:
        one, two = pathlib.Path(first) / case, pathlib.Path(second) / case
        if not (one / "scalars.txt").exists() or not (two / "scalars.txt").exists():
            print(f"FAILED  {case}: it was not computed by both")
            same = False
            continue
        batch = [path.name for path in one.iterdir() if path.suffix in (".u8", ".raw", ".f64") or path.name == "params"]
        bits = all((one / name).read_bytes() == (two / name).read_bytes() for name in batch)
        losses = [float((folder / "scalars.txt").read_text().split()[0]) for folder in (one, two)]
        loss = abs(losses[0] - losses[1]) / abs(losses[0])
        gradient, state = (worst(numbers(one, name), numbers(two, name)) for name in ("gradient", "state"))
        good = bits and loss <= 1e-5 and gradient <= 1e-4 and state <= 1e-5
        same = same and good
        print(f"{'ok    ' if good else 'FAILED'}  {case}: weights and batch {'the same bits' if bits else 'DIFFER'}, loss "
              f"{losses[0]:.6f} within {loss:.1e}, gradient {gradient:.1e}, model state {state:.1e}")
    return 0 if same else 1


def main():
    if len(sys.argv) != 4 or sys.argv[1] not in ("save", "compare"):
        print(__doc__, file=sys.stderr)
        return 2
    return {"save": save, "compare": compare}[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
