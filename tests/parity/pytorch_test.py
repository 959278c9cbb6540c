#!/usr/bin/env python3
"""Loss, gradients and batch statistics of the Fashion-MNIST workloads against PyTorch, from the same weights and batch.

    pytorch_test.py DUMP_GRADIENT DUMP_GRADIENT_F64

Tolerance. A gradient element is a sum of up to 37 * 784 = 29,000 products in two different orders; with random signs
its error in float is about sqrt(29,000) * 2^-24 = 1e-5 of the largest element of its block, and a few layers deep a few
times that: 5e-5; the residual network is eight layers deep: 1e-4. The loss is a mean of numbers near 2: 1e-5. In double
the same counts give 1e-13; 1e-9 is what is asked of every number. Of the residual network's hundreds of thousands of
ReLUs float rounds some to the other side of zero: a jump in one element of the mean over a batch, which blocks with
small gradients feel and the largest does not. With ReLU its gradients in float are therefore measured by the largest
element of all blocks. Exit status 77 (skipped) where there is no torch.
"""
import sys

try:
    import numpy as np
    import torch
    from torch import nn
    from dumped import Dumped
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


def normed_conv(normalisation, fan_in, width, kernel, stride):
    return nn.Sequential(nn.Conv2d(fan_in, width, kernel, stride, kernel // 2, bias=normalisation == "none"),
                         *norm(normalisation, width, True))


class BasicBlock(nn.Module):
    def __init__(self, fan_in, width, stride, act, normalisation):
        super().__init__()
        self.around = nn.Sequential(normed_conv(normalisation, fan_in, width, 3, stride), act(),
                                    normed_conv(normalisation, width, width, 3, 1))
        self.shortcut = normed_conv(normalisation, fan_in, width, 1, stride) if stride > 1 else nn.Identity()
        self.act = act()

    def forward(self, x):
        return self.act(self.around(x) + self.shortcut(x))


class ResNet(nn.Sequential):
    def __init__(self, width, act, normalisation, pooled):
        super().__init__(normed_conv(normalisation, 1, width, 3, 1), act(),
                         nn.MaxPool2d(2) if pooled else nn.Identity(),
                         BasicBlock(width, width, 1, act, normalisation),
                         BasicBlock(width, 2 * width, 2, act, normalisation),
                         BasicBlock(2 * width, 4 * width, 2, act, normalisation),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, 10))


def build(workload, width, activation, normalisation, size):
    act, bias = ACTIVATIONS[activation], normalisation == "none"
    if workload == "fashion_mnist_mlp":
        layers = [nn.Flatten()]
        for fan_in in (784, width):
            layers += [nn.Linear(fan_in, width, bias=bias), *norm(normalisation, width, False), act()]
        return nn.Sequential(*layers, nn.Linear(width, 10))
    if workload == "fashion_resnet":
        return ResNet(width, act, normalisation, pooled=size == "mini")
    layers = []
    for fan_in in (1, width):
        layers += [nn.Conv2d(fan_in, width, 3, padding=1, bias=bias), *norm(normalisation, width, True), act(),
                   nn.MaxPool2d(2)]
    return nn.Sequential(*layers, ChannelsLast(), nn.Linear(49 * width, 10))


def check(dump, workload, width, activation, normalisation, smoothing=0, size=None):
    sized = {"size": size} if size else {}
    dumped = Dumped(dump, workload, width=width, activation=activation, normalisation=normalisation,
                    label_smoothing=smoothing, **sized)
    mean, deviation = dumped.numbers("normalisation.txt")
    images = dumped.read("images.u8", np.uint8).astype(dumped.kind).reshape(-1, 1, 28, 28)
    labels = torch.from_numpy(dumped.read("labels.u8", np.uint8).astype(np.int64))
    double = dumped.double
    model = build(workload, width, activation, normalisation, size)
    model = model.double() if double else model.float()
    exact, rough = (1e-9, 1e-9) if double else (1e-5, 1e-4 if workload == "fashion_resnet" else 5e-5)
    jumps = workload == "fashion_resnet" and activation == "relu" and not double
    weights = list(model.parameters())
    dumped.set(weights)
    x = torch.from_numpy((images / 255 - mean) / deviation).to(weights[0].dtype)
    theirs = nn.functional.cross_entropy(model(x), labels, label_smoothing=smoothing)
    dumped.compare(weights, theirs, exact, rough, of_each_block=not jumps)
    dumped.compare_statistics(model, lambda largest: exact)


def main():
    for dump in sys.argv[1:]:
        for activation in ACTIVATIONS:
            for normalisation in ("none", "batch", "layer"):
                for smoothing in (0, 0.1):
                    check(dump, "fashion_mnist_mlp", 128, activation, normalisation, smoothing)
                for width in (16, 5, 32):
                    check(dump, "fashion_mnist_cnn", width, activation, normalisation)
                for width, size in ((16, "mini"), (16, "small"), (3, "mini")):
                    check(dump, "fashion_resnet", width, activation, normalisation, size=size)


if __name__ == "__main__":
    main()
