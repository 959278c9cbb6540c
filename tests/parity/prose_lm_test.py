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
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import torch
    from torch import nn
    from torch.nn import functional as F
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


class Attention(nn.Module):
    def __init__(self, width, heads, temperature):
        super().__init__()
        self.heads, self.temperature = heads, temperature
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.scale = Scale()
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x):
        sequences, length, width = x.shape
        size = width // self.heads
        q, k, v = (part.view(sequences, length, self.heads, size).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        angles = torch.outer(torch.arange(length, dtype=torch.float64),
                             500000.0 ** (-torch.arange(0, size, 2, dtype=torch.float64) / size))
        cosine, sine = angles.cos().to(x.dtype), angles.sin().to(x.dtype)

        def turned(u):
            u = u * torch.rsqrt(u.square().sum(-1, keepdim=True) + 1e-6)
            a, b = u.chunk(2, -1)
            return torch.cat([a * cosine - b * sine, a * sine + b * cosine], -1)

        scores = self.temperature * self.scale.value * turned(q) @ turned(k).transpose(-1, -2)
        future = torch.ones(length, length, dtype=torch.bool).triu(1)
        weights = scores.masked_fill(future, -math.inf).softmax(-1)
        return self.out((weights @ v).transpose(1, 2).reshape(sequences, length, width))


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
    def __init__(self, width, heads, norm, before, gate, temperature):
        super().__init__()
        self.before = before
        self.attention_norm, self.attention = norm(width), Attention(width, heads, temperature)
        self.gated_norm, self.gated = norm(width), Gated(width, gate)

    def forward(self, x):
        if self.before:
            x = x + self.attention(self.attention_norm(x))
            return x + self.gated(self.gated_norm(x))
        x = self.attention_norm(x + self.attention(x))
        return self.gated_norm(x + self.gated(x))


class Transformer(nn.Module):
    def __init__(self, width, heads, layers, norm, before, gate, temperature):
        super().__init__()
        self.embedding = nn.Embedding(256, width)
        self.blocks = nn.ModuleList(Block(width, heads, norm, before, gate, temperature) for _ in range(layers))
        self.norm = norm(width) if before else nn.Identity()

    def forward(self, x):
        x = self.embedding(x)
        for block in self.blocks:
            x = block(x)
        return F.linear(self.norm(x), self.embedding.weight)


def check(dump, size="mini", activation="sigmoid", normalisation="rms", placement="pre", temperature=1.0, smoothing=0):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([dump, "prose_lm", folder, f"size={size}", f"activation={activation}",
                        f"normalisation={normalisation}", f"norm_placement={placement}",
                        f"attention_temperature={temperature}", f"label_smoothing={smoothing}"], check=True)
        read = lambda name, kind: np.fromfile(pathlib.Path(folder) / name, dtype=kind)
        words = (pathlib.Path(folder) / "scalars.txt").read_text().split()
        loss, double = float(words[0]), words[-1] == "8"
        kind = np.float64 if double else np.float32
        params, gradient = (read(name, kind) for name in ("params", "gradient"))
        blocks = [line.split() for line in (pathlib.Path(folder) / "blocks.txt").read_text().splitlines()]
        length = 128 if size == "mini" else 256
        text = torch.from_numpy(read("sequences.u8", np.uint8).astype(np.int64).reshape(-1, length + 1))
    width, heads, layers = (64, 4, 2) if size == "mini" else (96, 6, 4)
    model = Transformer(width, heads, layers, nn.LayerNorm if normalisation == "layer" else RmsNorm,
                        placement == "pre", GATES[activation], temperature)
    model = model.double() if double else model.float()
    weights = list(model.parameters())
    assert [int(b[1]) for b in blocks] == [w.numel() for w in weights], (blocks, [w.shape for w in weights])
    offset = 0
    for w in weights:
        w.data.copy_(torch.from_numpy(params[offset:offset + w.numel()]).reshape(w.shape))
        offset += w.numel()
    theirs = F.cross_entropy(model(text[:, :-1]).flatten(0, 1), text[:, 1:].flatten(), label_smoothing=smoothing)
    theirs.backward()
    case = f"{kind.__name__} prose_lm {size} {activation} {normalisation} {placement} {temperature} {smoothing}"
    assert abs(theirs.item() - loss) <= (1e-9 if double else 1e-5), f"{case}: loss {loss}, PyTorch {theirs.item()}"
    largest = max(w.grad.abs().max().item() for w in weights)
    offset, worst = 0, 0.0
    for block, w in zip(blocks, weights):
        ours, other = gradient[offset:offset + w.numel()], w.grad.numpy().ravel()
        offset += w.numel()
        error = np.abs(ours - other).max() / (np.abs(other).max() if double else largest)
        worst = max(worst, error)
        assert error <= (1e-9 if double else 1e-4), f"{case}: gradient of {block[0]} differs by {error:.1e}"
    print(f"ok  {case}: loss {loss:.6f}, gradients within {worst:.1e}")


def main():
    for dump in sys.argv[1:]:
        check(dump)
        check(dump, size="small")
        for activation in GATES:
            check(dump, activation=activation, normalisation="layer", smoothing=0.1)
        for normalisation in ("rms", "layer"):
            check(dump, normalisation=normalisation, placement="post", temperature=1.5)


if __name__ == "__main__":
    main()
