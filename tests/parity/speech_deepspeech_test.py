#!/usr/bin/env python3
"""Loss, gradients and batch statistics of speech_deepspeech against PyTorch, from the same weights and batch.

    speech_test.py DUMP_GRADIENT DUMP_GRADIENT_F64

PyTorch's way around: utterances padded to the longest, masks, nn.LSTM on packed sequences, nn.CTCLoss.

Tolerance. Gradients are compared with the largest element of all blocks (a bias in front of a batch norm has none). In
double 1e-9 is what is asked of every number. In float an element adds up a few thousand frames' terms, each through up
to 70 steps of two LSTM layers: 1e-4. The loss is a sum of 37 losses of a hundred each, over some 500 labels: relative 1e-5. Exit status 77
(skipped) where there is no torch.
"""
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import torch
    from torch import nn
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

# By its formula: nn.functional.gelu of PyTorch 1.13 has wrong gradients in float where the gradient that arrives is a
# permuted view (they differ from its own in double by 70 %).
gelu = lambda x: x / 2 * (1 + torch.erf(x / 2 ** 0.5))
ACTIVATIONS = {"relu": torch.relu, "gelu": gelu, "tanh": torch.tanh}


class OverFrames(nn.Module):
    """A normalisation of the frames of all utterances, without the padding."""

    def __init__(self, kind, width):
        super().__init__()
        self.norm = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm, "none": lambda _: nn.Identity()}[kind](width)

    def forward(self, x, mask):
        y = torch.zeros_like(x)
        y[mask] = self.norm(x[mask])
        return y


class Recurrent(nn.Module):
    def __init__(self, width, normalisation):
        super().__init__()
        self.norm = OverFrames(normalisation, width)
        self.lstm = nn.LSTM(width, width // 2, bidirectional=True, batch_first=True)

    def forward(self, x, mask):
        lengths = mask.sum(1)
        packed = pack_padded_sequence(self.norm(x, mask), lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=x.shape[1])[0]

    def blocks(self):
        for suffix in ("", "_reverse"):
            # One bias instead of two: the other is zero.
            getattr(self.lstm, f"bias_hh_l0{suffix}").data.zero_()
            yield from (getattr(self.lstm, f"{name}_l0{suffix}") for name in ("weight_ih", "weight_hh", "bias_ih"))


class Forward(nn.Module):
    def __init__(self, width, activation, normalisation):
        super().__init__()
        self.norm = OverFrames(normalisation, width)
        self.linear = nn.Linear(width, width)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x, mask):
        return self.activation(self.linear(self.norm(x, mask)))

    def blocks(self):
        return self.linear.parameters()


class DeepSpeech(nn.Module):
    def __init__(self, channels, width, recurrent, forward, activation, normalisation, residual):
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv2d(c, channels, 3, 2, 1) for c in (1, channels))
        self.activation = ACTIVATIONS[activation]
        self.projection = nn.Linear(10 * channels, width)
        self.layers = nn.ModuleList([Recurrent(width, normalisation) for _ in range(recurrent)]
                                    + [Forward(width, activation, normalisation) for _ in range(forward)])
        self.residual = residual
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, 51)

    def forward(self, x, lengths):
        x = x[:, None]
        for convolution in self.convolutions:
            lengths = (lengths + 1) // 2
            x = self.activation(convolution(x))
            mask = torch.arange(x.shape[2]) < lengths[:, None]
            x = x * mask[:, None, :, None]
        x = self.projection(x.permute(0, 2, 3, 1).flatten(2))
        for layer in self.layers:
            x = layer(x, mask) + x if self.residual else layer(x, mask)
        return self.output(self.norm(x)), lengths

    def blocks(self):
        """Parameters in velo's order."""
        yield from self.convolutions.parameters()
        yield from self.projection.parameters()
        for layer in self.layers:
            yield from layer.norm.parameters()
            yield from layer.blocks()
        yield from self.norm.parameters()
        yield from self.output.parameters()


def check(dump, size="mini", activation="relu", normalisation="batch", residual=True):
    words = [f"size={size}", f"activation={activation}", f"normalisation={normalisation}", f"residual={str(residual).lower()}"]
    case = " ".join(words)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([dump, "speech_deepspeech", folder, *words], check=True)
        read = lambda name, kind: np.fromfile(pathlib.Path(folder) / name, dtype=kind)
        loss, bytes_of_scalar = map(float, (pathlib.Path(folder) / "scalars.txt").read_text().split())
        labels_per_utterance = float((pathlib.Path(folder) / "average.txt").read_text())
        double = bytes_of_scalar == 8
        kind = np.float64 if double else np.float32
        params, gradient, state = (read(name, kind) for name in ("params", "gradient", "state"))
        sizes = [int(line.split()[1]) for line in (pathlib.Path(folder) / "blocks.txt").read_text().splitlines()]
        names = [line.split()[0] for line in (pathlib.Path(folder) / "blocks.txt").read_text().splitlines()]
        frames, spoken = np.loadtxt(pathlib.Path(folder) / "lengths.txt", dtype=np.int64).T
        mean, deviation = read("bins.f64", np.float64).reshape(2, -1)
        features = ((read("features.u8", np.uint8).reshape(-1, len(mean)) - mean) / deviation).astype(kind)
        labels = torch.from_numpy(read("labels.u8", np.uint8).astype(np.int64))
    x = nn.utils.rnn.pad_sequence([torch.from_numpy(part) for part in np.split(features, np.cumsum(frames)[:-1])],
                                  batch_first=True)
    shape = {"mini": (16, 96, 2, 1), "small": (32, 192, 3, 2)}[size]
    model = DeepSpeech(*shape, activation, normalisation, residual).to(x.dtype)
    weights = list(model.blocks())
    assert sizes == [w.numel() for w in weights], (sizes, [w.shape for w in weights])
    for w, part in zip(weights, np.split(params, np.cumsum(sizes)[:-1])):
        w.data.copy_(torch.from_numpy(part).reshape(w.shape))
    logits, lengths = model(x, torch.from_numpy(frames))
    ctc = nn.CTCLoss(reduction="sum")(logits.log_softmax(-1).transpose(0, 1), labels, lengths, torch.from_numpy(spoken))
    theirs = ctc / (len(frames) * labels_per_utterance)
    theirs.backward()
    assert abs(theirs.item() - loss) <= (1e-9 if double else 1e-5 * loss), f"{case}: loss {loss}, PyTorch {theirs.item()}"
    largest, worst = max(w.grad.abs().max().item() for w in weights), 0.0
    for name, w, ours in zip(names, weights, np.split(gradient, np.cumsum(sizes)[:-1])):
        other = w.grad.numpy().ravel()
        error = np.abs(ours - other).max() / largest
        worst = max(worst, error)
        assert error <= (1e-9 if double else 1e-4), f"{kind.__name__} {case}: gradient of {name} differs by {error:.1e}"
    running = [s.numpy() for name, s in model.named_buffers() if "running" in name]
    if running:
        error = np.abs(state - np.concatenate(running)).max()
        assert error <= (1e-9 if double else 1e-5), f"{case}: batch statistics differ by {error:.1e}"
    print(f"ok  {kind.__name__} {case}: loss {loss:.6f}, gradients within {worst:.1e}")


def main():
    torch.set_num_threads(1)
    for dump in sys.argv[1:]:
        check(dump)
        check(dump, activation="gelu", normalisation="layer")
        check(dump, activation="tanh", normalisation="none", residual=False)
        check(dump, activation="tanh", residual=False)
        check(dump, size="small")


if __name__ == "__main__":
    main()
