#!/usr/bin/env python3
"""Loss, gradients and batch statistics of speech_deepspeech against PyTorch, from the same weights and batch.

    speech_deepspeech_test.py DUMP_GRADIENT DUMP_GRADIENT_F64

PyTorch's way around: utterances padded to the longest, masks, nn.LSTM on packed sequences, nn.CTCLoss.

Tolerance. Gradients are compared with the largest element of all blocks (a bias in front of a batch norm has none). In
double 1e-9 is what is asked of every number. In float an element adds up a few thousand frames' terms, each through up
to 70 steps of two LSTM layers: 1e-4. The loss is a sum of 37 losses of a hundred each, over some 500 labels: relative 1e-5. Exit status 77
(skipped) where there is no torch.
"""
import sys

try:
    import numpy as np
    import torch
    from torch import nn
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
    from dumped import Dumped
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
        lengths = mask.sum(1).cpu()  # where packing wants them
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
    def __init__(self, size="mini", activation="relu", normalisation="batch", residual=True):
        super().__init__()
        channels, width, recurrent, forward = {"mini": (16, 96, 2, 1), "small": (32, 192, 3, 2)}[size]
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
            mask = (torch.arange(x.shape[2], device=lengths.device) < lengths[:, None]).to(x.device)
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
    dumped = Dumped(dump, "speech_deepspeech", size=size, activation=activation, normalisation=normalisation,
                    residual=str(residual).lower())
    (labels_per_utterance,) = dumped.numbers("average.txt")
    frames, spoken = np.array(dumped.files["lengths.txt"].split(), dtype=np.int64).reshape(-1, 2).T
    mean, deviation = dumped.read("bins.f64", np.float64).reshape(2, -1)
    features = (dumped.read("features.u8", np.uint8).reshape(-1, len(mean)) - mean) / deviation
    labels = torch.from_numpy(dumped.read("labels.u8", np.uint8).astype(np.int64))
    x = nn.utils.rnn.pad_sequence(
        [torch.from_numpy(part) for part in np.split(features.astype(dumped.kind), np.cumsum(frames)[:-1])],
        batch_first=True)
    model = DeepSpeech(size, activation, normalisation, residual).to(x.dtype)
    weights = list(model.blocks())
    dumped.set(weights)
    logits, lengths = model(x, torch.from_numpy(frames.copy()))
    ctc = nn.CTCLoss(reduction="sum")(logits.log_softmax(-1).transpose(0, 1), labels, lengths,
                                      torch.from_numpy(spoken.copy()))
    theirs = ctc / (len(frames) * labels_per_utterance)
    loss_within, within = (1e-9, 1e-9) if dumped.double else (1e-5 * dumped.loss, 1e-4)
    dumped.compare(weights, theirs, loss_within, within, of_each_block=False)
    dumped.compare_statistics(model, lambda largest: 1e-9 if dumped.double else 1e-5)


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
