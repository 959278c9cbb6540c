"""One gradient that dump_gradient wrote, and its comparison with PyTorch's."""
import pathlib
import subprocess
import tempfile

import numpy as np
import torch


class Dumped:
    """Loss, parameters, gradient and model state; `files` has the batch, by file name."""

    def __init__(self, dump, workload, **settings):
        words = [f"{key}={value}" for key, value in settings.items()]
        with tempfile.TemporaryDirectory() as name:
            subprocess.run([dump, workload, name, *words], check=True)
            self.files = {path.name: path.read_bytes() for path in pathlib.Path(name).iterdir()}
        self.loss, bytes_of_scalar = self.numbers("scalars.txt")
        self.double = bytes_of_scalar == 8
        self.kind = np.float64 if self.double else np.float32
        self.case = " ".join([self.kind.__name__, workload, *words])
        self.params, self.gradient, self.state = (self.read(part, self.kind) for part in ("params", "gradient", "state"))
        blocks = [line.split() for line in self.files["blocks.txt"].decode().splitlines()]
        self.names, self.sizes = [b[0] for b in blocks], [int(b[1]) for b in blocks]

    def read(self, name, kind):
        return np.frombuffer(self.files[name], dtype=kind)

    def numbers(self, name):
        return map(float, self.files[name].split())

    def parts(self, flat):
        return np.split(flat, np.cumsum(self.sizes)[:-1])

    def set(self, weights):
        """Gives the model's weights, in the order of the blocks, the dumped values."""
        assert self.sizes == [w.numel() for w in weights], (self.names, self.sizes, [w.shape for w in weights])
        for w, part in zip(weights, self.parts(self.params)):
            w.data.copy_(torch.from_numpy(part.copy()).reshape(w.shape))

    def compare(self, weights, theirs, loss_within, gradient_within, of_each_block):
        """The loss, and every block's gradient as a share of the largest element, of the block itself or of all.

        Differentiates `theirs`.
        """
        theirs.backward()
        assert abs(theirs.item() - self.loss) <= loss_within, f"{self.case}: loss {self.loss}, PyTorch {theirs.item()}"
        largest = max(w.grad.abs().max().item() for w in weights)
        worst = 0.0
        for name, w, ours in zip(self.names, weights, self.parts(self.gradient)):
            other = w.grad.numpy().ravel()
            error = np.abs(ours - other).max() / (np.abs(other).max() if of_each_block else largest)
            worst = max(worst, error)
            assert error <= gradient_within, \
                f"{self.case}: gradient of {name} differs by {error:.1e} of the largest element"
        print(f"ok  {self.case}: loss {self.loss:.6f}, gradients within {worst:.1e}")

    def compare_statistics(self, model, within):
        """The running statistics of batch norm, if the model has any. `within` is given their largest."""
        running = [s.numpy() for name, s in model.named_buffers() if "running" in name]
        if not running:
            return
        running = np.concatenate(running)
        error = np.abs(self.state - running).max()
        assert error <= within(np.abs(running).max()), f"{self.case}: batch statistics differ by {error:.1e}"
