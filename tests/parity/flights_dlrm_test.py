#!/usr/bin/env python3
"""Loss, gradients and batch statistics of flights_dlrm against PyTorch, from the same weights and the same flights.

    flights_dlrm_test.py DUMP_GRADIENT DUMP_GRADIENT_F64

The features are computed here from the flights themselves. PyTorch computes in double either way, from the weights as
they were dumped: batch norm makes units of small variance so sensitive that PyTorch's own float is off by 2e-4.

Tolerance. In float a gradient element is a sum of up to 185 products of numbers that eight layers made, each a sum of
at most 384 products: with random signs an error of about sqrt(384) * 2^-24 = 1e-6 per layer, relative to the largest
element of any block, ten times that behind a batch norm; 1e-4 is what is asked, and 1e-5 of the loss, which is a mean
of numbers near one. In double the same counts give 1e-13; 1e-9 is what is asked of every number.
Exit status 77 (skipped) where there is no torch.
"""
import math
import sys

try:
    import numpy as np
    import torch
    from torch import nn
    from dumped import Dumped
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

ACTIVATIONS = {"relu": torch.relu, "gelu": nn.functional.gelu, "tanh": torch.tanh}
TABLES = (229, 229, 3399, 24, 7)
FLIGHT = np.dtype([("minute", "<i4"), ("delay", "<i2"), ("distance", "<u2"), ("route", "<u2"), ("origin", "u1"),
                   ("destination", "u1")])


def norm(kind, width):
    return {"none": nn.Identity, "batch": nn.BatchNorm1d, "layer": nn.LayerNorm}[kind](width)


class Hidden(nn.Module):
    def __init__(self, fan_in, width, options):
        super().__init__()
        self.linear, self.norm = nn.Linear(fan_in, width), norm(options["normalisation"], width)
        self.act = ACTIVATIONS[options["activation"]]
        self.residual = options["residual"] == "true" and fan_in == width

    def forward(self, x):
        y = self.norm(self.act(self.linear(x)))
        return x + y if self.residual else y


def stack(widths, options):
    return nn.Sequential(*(Hidden(a, b, options) for a, b in zip(widths, widths[1:])))


class Dlrm(nn.Module):
    def __init__(self, options):
        super().__init__()
        width = 32 if options["size"] == "mini" else 96
        h = max(1, round(width * float(options["hidden"])))
        self.bottom = stack((5, 2 * h, h, width), options)
        self.tables = nn.ModuleList(nn.Embedding(rows, width) for rows in TABLES)
        self.norm = norm(options["normalisation"], width)
        self.top = stack((width + 21, 4 * h, 4 * h, 2 * h, h), options)
        self.output = nn.Linear(h, 1)
        self.register_buffer("pairs", torch.triu_indices(6, 6).to(self.output.weight.device))

    def forward(self, dense, rows):
        x = self.bottom(dense)
        taken = torch.stack([table(rows[:, t]) for t, table in enumerate(self.tables)], dim=1)
        vectors = torch.cat([x[:, None], self.norm(taken.flatten(0, 1)).reshape(taken.shape)], dim=1)
        first, second = self.pairs
        return self.output(self.top(torch.cat([x, (vectors @ vectors.mT)[:, first, second]], dim=1)))[:, 0]


def features(flights):
    angle = 2 * math.pi * (flights["minute"] % 1440) / 1440
    distance = (np.log(flights["distance"].astype(float)) - 6.297878847242235) / 0.7924423099089517
    dense = np.stack([distance, np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)], axis=1)
    rows = np.stack([flights["origin"], flights["destination"], flights["route"], flights["minute"] // 60 % 24,
                     flights["minute"] // 1440 % 7], axis=1)
    return torch.from_numpy(dense), torch.from_numpy(rows.astype(np.int64)), torch.from_numpy(flights["delay"] > 15)


def check(dump, **changes):
    # Three times the initial scale: with less, eight normalised layers are no longer well conditioned.
    options = {"initial_scale": 3 if changes.get("normalisation") == "batch" else 1, "size": "mini", "hidden": 1,
               "activation": "relu", "normalisation": "none", "residual": "false", "label_smoothing": 0, **changes}
    dumped = Dumped(dump, "flights_dlrm", **options)
    dense, rows, late = features(dumped.read("flights.raw", FLIGHT))
    exact, rough = (1e-9, 1e-9) if dumped.double else (1e-5, 1e-4)
    model = Dlrm(options).double()
    weights = list(model.parameters())
    dumped.set(weights)
    smoothing = options["label_smoothing"]
    target = (1 - smoothing) * late.double() + smoothing / 2
    theirs = nn.functional.binary_cross_entropy_with_logits(model(dense, rows), target)
    dumped.compare(weights, theirs, exact, rough, of_each_block=False)
    dumped.compare_statistics(model, lambda largest: exact * largest)


def main():
    for dump in sys.argv[1:]:
        for activation in ACTIVATIONS:
            for normalisation in ("none", "batch", "layer"):
                for residual in ("false", "true"):
                    check(dump, activation=activation, normalisation=normalisation, residual=residual)
        check(dump, size="small", label_smoothing=0.1, embedding_init=1)
        check(dump, hidden=0.3, normalisation="layer")


if __name__ == "__main__":
    main()
