#!/usr/bin/env python3
"""Loss and gradients of prose_lm against PyTorch, from the same weights and batch.

    prose_lm_test.py DUMP_GRADIENT DUMP_GRADIENT_F64

Tolerance. A gradient element is a sum over the 37 * 128 = 4,736 positions of the batch, two blocks deep; in float its
error is about sqrt(4,736) * 2^-24 = 4e-6 of its terms' size, which cancel to less than they are: 1e-4 of the largest
element of all blocks is allowed, as the gradient of one block may be far smaller than what it is the sum of. The loss
is a mean of numbers near 5.5: 1e-5. In double 1e-9 is asked of every number, relative to its block's largest. Exit
status 77 (skipped) where there is no torch.
"""
import math
import sys

try:
    import numpy as np
    import torch
    from torch import nn
    from torch.nn import functional as F
    from dumped import Dumped
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

GATES = {"sigmoid": torch.sigmoid, "silu": F.silu, "gelu": F.gelu, "tanh": torch.tanh, "relu": F.relu}


class RmsNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.scale = nn.Parameter(torch.empty(width))

    def forward(self, x):
        return self.scale * x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6)


class Scale(nn.Module):
    """A module of its own: PyTorch lists a module's parameters before those of its parts."""

    def __init__(self):
        super().__init__()
        self.value = nn.Parameter(torch.empty(1))


def explicit_attention(q, k, v, future):
    return (q @ k.transpose(-1, -2)).masked_fill(future, -math.inf).softmax(-1) @ v


def fused_attention(q, k, v, _):
    """PyTorch 2's own kernel."""
    return F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=1.0)


class Attention(nn.Module):
    def __init__(self, width, heads, length, temperature, attend):
        super().__init__()
        self.heads, self.temperature, self.attend = heads, temperature, attend
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.scale = Scale()
        self.out = nn.Linear(width, width, bias=False)
        size = width // heads
        angles = torch.outer(torch.arange(length, dtype=torch.float64),
                             500000.0 ** (-torch.arange(0, size, 2, dtype=torch.float64) / size))
        self.register_buffer("cosine", angles.cos())
        self.register_buffer("sine", angles.sin())
        self.register_buffer("future", torch.ones(length, length, dtype=torch.bool).triu(1))

    def turned(self, u):
        u = u * torch.rsqrt(u.square().sum(-1, keepdim=True) + 1e-6)
        a, b = u.chunk(2, -1)
        return torch.cat([a * self.cosine - b * self.sine, a * self.sine + b * self.cosine], -1)

    def forward(self, x):
        sequences, length, width = x.shape
        q, k, v = (part.view(sequences, length, self.heads, width // self.heads).transpose(1, 2)
                   for part in self.qkv(x).chunk(3, -1))
        y = self.attend(self.temperature * self.scale.value * self.turned(q), self.turned(k), v, self.future)
        return self.out(y.transpose(1, 2).reshape(sequences, length, width))


class Gated(nn.Module):
    def __init__(self, width, gate):
        super().__init__()
        self.gate = gate
        self.into = nn.Linear(width, 8 * width, bias=False)
        self.out = nn.Linear(4 * width, width, bias=False)

    def forward(self, x):
        u, v = self.into(x).chunk(2, -1)
        return self.out(u * self.gate(v))


class Block(nn.Module):
    def __init__(self, width, norm, before, gate, attention):
        super().__init__()
        self.before = before
        self.attention_norm, self.attention = norm(width), attention
        self.gated_norm, self.gated = norm(width), Gated(width, gate)

    def forward(self, x):
        if self.before:
            x = x + self.attention(self.attention_norm(x))
            return x + self.gated(self.gated_norm(x))
        x = self.attention_norm(x + self.attention(x))
        return self.gated_norm(x + self.gated(x))


class Transformer(nn.Module):
    def __init__(self, size="mini", activation="sigmoid", normalisation="rms", placement="pre", temperature=1.0,
                 attend=explicit_attention):
        super().__init__()
        self.length, width, heads, layers = (128, 64, 4, 2) if size == "mini" else (256, 96, 6, 4)
        norm, before = nn.LayerNorm if normalisation == "layer" else RmsNorm, placement == "pre"
        self.embedding = nn.Embedding(256, width)
        self.blocks = nn.ModuleList(
            Block(width, norm, before, GATES[activation], Attention(width, heads, self.length, temperature, attend))
            for _ in range(layers))
        self.norm = norm(width) if before else nn.Identity()

    def forward(self, x):
        x = self.embedding(x)
        for block in self.blocks:
            x = block(x)
        return F.linear(self.norm(x), self.embedding.weight)


def check(dump, smoothing=0, attend=explicit_attention, **variant):
    named = {"temperature": "attention_temperature", "placement": "norm_placement"}
    dumped = Dumped(dump, "prose_lm", label_smoothing=smoothing,
                    **{named.get(name, name): value for name, value in variant.items()})
    model = Transformer(**variant, attend=attend)
    model = model.double() if dumped.double else model.float()
    text = torch.from_numpy(dumped.read("sequences.u8", np.uint8).astype(np.int64).reshape(-1, model.length + 1))
    weights = list(model.parameters())
    dumped.set(weights)
    theirs = F.cross_entropy(model(text[:, :-1]).flatten(0, 1), text[:, 1:].flatten(), label_smoothing=smoothing)
    dumped.compare(weights, theirs, *((1e-9, 1e-9) if dumped.double else (1e-5, 1e-4)), of_each_block=dumped.double)


def main():
    for dump in sys.argv[1:]:
        check(dump)
        check(dump, size="small")
        if hasattr(F, "scaled_dot_product_attention"):
            check(dump, attend=fused_attention)
        for activation in GATES:
            check(dump, activation=activation, normalisation="layer", smoothing=0.1)
        for normalisation in ("rms", "layer"):
            check(dump, normalisation=normalisation, placement="post", temperature=1.5)


if __name__ == "__main__":
    main()
