#!/usr/bin/env python3
"""Loss, gradients and batch statistics of the Fashion-MNIST workloads against PyTorch, from the same weights and batch.

    pytorch_test.py DUMP_GRADIENT

Tolerance. A gradient element is a sum of up to 37 * 784 = 29,000 float32 products in two different orders; with random
signs its error is about sqrt(29,000) * 2^-24 = 1e-5 of the largest element of its block, and a few layers deep a few
times that: 5e-5. The loss is a mean of numbers near 2: 1e-5. Exit status 77 (skipped) where there is no torch.
"""
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import torch
    from torch import nn
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh}


def norm(kind, channels, image):
    if kind == "batch":
        return [nn.BatchNorm2d(channels) if image else nn.BatchNorm1d(channels)]
    if kind == "layer":
        return [nn.GroupNorm(1, channels) if image else nn.LayerNorm(channels)]
    return []


class ChannelsLast(nn.Module):
    """Flattens [n, c, h, w] as velo does: channels fastest."""

    def forward(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)


def build(workload, width, activation, normalisation):
    act, bias = ACTIVATIONS[activation], normalisation == "none"
    if workload == "fashion_mnist_mlp":
        layers = [nn.Flatten()]
        for fan_in in (784, width):
            layers += [nn.Linear(fan_in, width, bias=bias), *norm(normalisation, width, False), act()]
        return nn.Sequential(*layers, nn.Linear(width, 10))
    layers = []
    for fan_in in (1, width):
        layers += [nn.Conv2d(fan_in, width, 3, padding=1, bias=bias), *norm(normalisation, width, True), act(),
                   nn.MaxPool2d(2)]
    return nn.Sequential(*layers, ChannelsLast(), nn.Linear(49 * width, 10))


def check(dump, workload, width, activation, normalisation, smoothing):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([dump, workload, folder, f"width={width}", f"activation={activation}",
                        f"normalisation={normalisation}", f"label_smoothing={smoothing}"], check=True)
        read = lambda name, kind: np.fromfile(pathlib.Path(folder) / name, dtype=kind)
        params, gradient, state = (read(f"{n}.f32", np.float32) for n in ("params", "gradient", "state"))
        loss, mean, deviation = map(float, (pathlib.Path(folder) / "scalars.txt").read_text().split())
        blocks = [line.split() for line in (pathlib.Path(folder) / "blocks.txt").read_text().splitlines()]
        images = read("images.u8", np.uint8).astype(np.float32).reshape(-1, 1, 28, 28)
        labels = torch.from_numpy(read("labels.u8", np.uint8).astype(np.int64))
    model = build(workload, width, activation, normalisation)
    weights = list(model.parameters())
    assert [int(b[1]) for b in blocks] == [w.numel() for w in weights], (blocks, [w.shape for w in weights])
    offset = 0
    for w in weights:
        w.data.copy_(torch.from_numpy(params[offset:offset + w.numel()]).reshape(w.shape))
        offset += w.numel()
    x = torch.from_numpy((images / 255 - mean) / deviation).float()
    theirs = nn.functional.cross_entropy(model(x), labels, label_smoothing=smoothing)
    theirs.backward()
    case = f"{workload} {width} {activation} {normalisation} {smoothing}"
    assert abs(theirs.item() - loss) <= 1e-5, f"{case}: loss {loss}, PyTorch {theirs.item()}"
    offset, worst = 0, 0.0
    for block, w in zip(blocks, weights):
        ours, other = gradient[offset:offset + w.numel()], w.grad.numpy().ravel()
        offset += w.numel()
        error = np.abs(ours - other).max() / np.abs(other).max()
        worst = max(worst, error)
        assert error <= 5e-5, f"{case}: gradient of {block[0]} differs by {error:.1e} of its largest element"
    running = [s.numpy() for name, s in model.named_buffers() if "running" in name]
    if running:
        assert np.abs(state - np.concatenate(running)).max() <= 1e-5, f"{case}: batch statistics differ"
    print(f"ok  {case}: loss {loss:.6f}, gradients within {worst:.1e}")


def main():
    for activation in ACTIVATIONS:
        for normalisation in ("none", "batch", "layer"):
            for smoothing in (0, 0.1):
                check(sys.argv[1], "fashion_mnist_mlp", 128, activation, normalisation, smoothing)
            for width in (16, 5, 32):
                check(sys.argv[1], "fashion_mnist_cnn", width, activation, normalisation, 0)


if __name__ == "__main__":
    main()
