"""The PyTorch side of against_pytorch.py: training steps on command, as train_steps.cpp makes them.

    pytorch_steps.py WORKLOAD ALGORITHM BATCH THREADS DEVICE default|tuned|compiled|captured [key=value ...]

Says "ready PARAMETERS NOTES" or "absent REASON", then reads lines "N", makes N steps for each and prints their seconds.
Models are those that tests/parity shows to be equal to velo's; data have the shapes of the synthetic ones and are made
beforehand, on DEVICE: images and features are normalised already, which velo does in every step, and a GPU has all of
them in its memory, where velo sends each batch.
"""
import itertools
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "parity"))

import torch
from torch import nn
from torch.nn import functional as F

import flights_dlrm_test
import prose_lm_test
import pytorch_test
import speech_deepspeech_test


class Images:
    """Of Fashion-MNIST's shape, gathered into one buffer."""
    count = 50000
    fixed = True  # all batches have one shape
    order_on = None  # where data are

    def __init__(self, batch, channels_last):
        self.images, self.labels = torch.randn(self.count, 1, 28, 28), torch.randint(10, (self.count,))
        self.x = torch.empty(batch, 1, 28, 28)
        self.format = torch.channels_last if channels_last else torch.contiguous_format

    def batch(self, order):
        torch.index_select(self.images, 0, order, out=self.x)
        return self.x.to(memory_format=self.format), self.labels[order]

    @staticmethod
    def loss(model, x, labels):
        return F.cross_entropy(model(x), labels)


class Flights:
    count = 2415633
    fixed, order_on = True, None

    def __init__(self, *_):
        self.dense = torch.randn(self.count, 5)
        self.rows = torch.stack([torch.randint(rows, (self.count,)) for rows in flights_dlrm_test.TABLES], dim=1)
        self.late = torch.randint(2, (self.count,)).float()

    def batch(self, order):
        return self.dense.index_select(0, order), self.rows.index_select(0, order), self.late[order]

    @staticmethod
    def loss(model, dense, rows, late):
        return F.binary_cross_entropy_with_logits(model(dense, rows), late)


class Prose:
    length = 128
    count = 8192
    fixed, order_on = True, None

    def __init__(self, *_):
        self.text = torch.randint(256, (self.count * self.length + 1,)).unfold(0, self.length + 1, self.length)

    def batch(self, order):
        return (self.text.index_select(0, order),)

    @staticmethod
    def loss(model, text):
        return F.cross_entropy(model(text[:, :-1]).flatten(0, 1), text[:, 1:].flatten())


class Speech:
    """As workloads/data/synthetic_speech.hpp: 4 to 24 symbols of 5 to 12 frames."""
    count = 2280
    bins, symbols = 40, 50
    fixed, order_on = False, "cpu"  # utterances are picked one by one

    def __init__(self, *_):
        self.spoken = torch.randint(4, 25, (self.count,), device="cpu")  # lengths, which PyTorch wants there
        self.labels = [torch.randint(1, self.symbols + 1, (int(n),)) for n in self.spoken]
        self.features = [torch.randn(int(torch.randint(5, 13, (int(n),)).sum()), self.bins) for n in self.spoken]
        self.ctc = nn.CTCLoss(reduction="sum")

    def batch(self, order):
        chosen = order.tolist()
        features = [self.features[i] for i in chosen]
        return (nn.utils.rnn.pad_sequence(features, batch_first=True),
                torch.tensor([len(f) for f in features], device="cpu"),
                torch.cat([self.labels[i] for i in chosen]), self.spoken[chosen])

    def loss(self, model, x, frames, labels, spoken):
        logits, lengths = model(x, frames)
        return self.ctc(logits.log_softmax(-1).transpose(0, 1), labels, lengths, spoken) / len(labels)


def fashion(workload):
    return lambda attend: pytorch_test.build(workload, 128 if workload.endswith("mlp") else 16, "relu",
                                             "batch" if workload == "fashion_resnet" else "none", "mini")


def speech(_):
    model = speech_deepspeech_test.DeepSpeech()
    # velo's LSTM has one bias a gate; the second stays zero and costs nothing.
    for layer in model.layers:
        for name, weight in layer.named_parameters():
            if "bias_hh" in name:
                weight.data.zero_()
                weight.requires_grad_(False)
    return model


DATA = {"flights_dlrm": Flights, "prose_lm": Prose, "speech_deepspeech": Speech}
MODELS = {"flights_dlrm": lambda _: flights_dlrm_test.Dlrm({"size": "mini", "hidden": 1, "activation": "relu",
                                                            "normalisation": "none", "residual": "false"}),
          "prose_lm": lambda attend: prose_lm_test.Transformer(attend=attend),
          "speech_deepspeech": speech}
CONVOLUTIONS = ("fashion_mnist_cnn", "fashion_resnet", "speech_deepspeech")


class Trainer:
    def __init__(self, workload, algorithm, rates, batch, channels_last=False, update="default", attention="explicit",
                 compiled=False, captured=False):
        torch.manual_seed(1)
        self.note = f"channels_last={channels_last} update={update} attention={attention}"
        self.size = batch
        self.data = DATA.get(workload, Images)(batch, channels_last)
        attend = getattr(prose_lm_test, f"{attention}_attention")
        self.model = MODELS.get(workload, fashion(workload))(attend).float()
        if channels_last:
            self.model = self.model.to(memory_format=torch.channels_last)
        self.trained = [p for p in self.model.parameters() if p.requires_grad]
        kinds = {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW}
        how = {"default": {}, "loop": {"foreach": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}[update]
        if captured and algorithm == "adamw":
            how = {**how, "capturable": True}
        self.optimizer = kinds[algorithm](self.trained, **rates, **how)
        self.model.train()
        self.loss = torch.compile(self.data.loss) if compiled else self.data.loss
        self.shuffle()
        self.graph = None
        if captured:
            self.capture()

    def shuffle(self):
        self.order, self.at = torch.randperm(self.data.count, device=self.data.order_on), 0

    def next_batch(self):
        if self.at + self.size > self.data.count:
            self.shuffle()
        order = self.order[self.at:self.at + self.size]
        self.at += self.size
        return self.data.batch(order)

    def learn(self, batch):
        loss = self.loss(self.model, *batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()

    def capture(self):
        """Records the step on a batch that stays in place: afterwards a step is a copy and one launch."""
        if not self.data.fixed:
            raise RuntimeError("a CUDA graph needs batches of one shape")
        self.inputs = [part.clone() for part in self.next_batch()]
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(3):
                self.learn(self.inputs)
        torch.cuda.current_stream().wait_stream(aside)
        self.graph = torch.cuda.CUDAGraph()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.cuda.graph(self.graph):
            self.learn(self.inputs)

    def step(self):
        batch = self.next_batch()
        if self.graph is None:
            self.learn(batch)
        else:
            for kept, part in zip(self.inputs, batch):
                kept.copy_(part)
            self.graph.replay()

    def run(self, steps):
        start = time.perf_counter()
        for _ in range(steps):
            self.step()
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()
        return time.perf_counter() - start


def candidates(workload):
    """What a patient user would try."""
    layouts = (False, True) if workload in CONVOLUTIONS else (False,)
    attentions = ["explicit"]
    if workload == "prose_lm" and hasattr(F, "scaled_dot_product_attention"):
        attentions.append("fused")
    for channels_last, update, attention in itertools.product(layouts, ("loop", "foreach", "fused"), attentions):
        yield {"channels_last": channels_last, "update": update, "attention": attention}


def fastest(workload, case, seconds=0.5):
    """Tries every choice in turn, three times, and keeps the one with the best time."""
    trainers = []
    for choice in candidates(workload):
        try:
            trainer = Trainer(workload, *case, **choice)
            trainer.run(3)
            trainers.append(trainer)
        except (RuntimeError, TypeError):  # this PyTorch has no such update
            continue
    steps = max(3, int(seconds / (trainers[0].run(3) / 3) / 3))
    times = [min(trainer.run(steps) for _ in range(3)) for trainer in trainers]
    return trainers[times.index(min(times))]


def make(workload, case, mode):
    if mode == "default":
        return Trainer(workload, *case)
    best = fastest(workload, case)
    if mode == "tuned":
        return best
    if not hasattr(torch, "compile"):
        raise RuntimeError(f"PyTorch {torch.__version__} has no torch.compile")
    choice = dict(part.split("=") for part in best.note.split())
    trainer = Trainer(workload, *case, compiled=True, captured=mode == "captured",
                      **{**choice, "channels_last": choice["channels_last"] == "True"})
    trainer.run(5)
    return trainer


def use(device):
    """Everything that is made lies there, and computes in float: no TF32, as velo has none."""
    if device == "cpu":
        return
    torch.set_default_device(device)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False


def main():
    workload, algorithm, batch, threads, device, mode = sys.argv[1:7]
    torch.set_num_threads(int(threads))
    rates = {name: float(value) for name, value in (word.split("=") for word in sys.argv[7:])}
    try:
        use(device)
        trainer = make(workload, (algorithm, rates, int(batch)), mode)
    except Exception as error:  # whatever stops a compiler: the others race without it
        if mode not in ("compiled", "captured"):
            raise
        print("absent", (str(error).splitlines() or [type(error).__name__])[0], flush=True)
        return
    print("ready", sum(p.numel() for p in trainer.trained), trainer.note, flush=True)
    for line in sys.stdin:
        print(trainer.run(int(line)), flush=True)


if __name__ == "__main__":
    main()
