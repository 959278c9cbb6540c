#!/usr/bin/env python3
"""Training steps per second of velo and of PyTorch: same model, batch and optimizer, interleaved on one machine.

    against_pytorch.py [--build build/release] [--workload NAME]... [--threads 1,2] [--batch 128,16]
                       [--algorithm sgd,adamw] [--rounds N] [--seconds S] [--json FILE] [--quick]

PyTorch runs in two modes. *default*: what a plain script gets. *tuned*: OpenBLAS on OpenMP with the kernels of this
CPU (0.3.21 takes recent ones for a Pentium 4), bound threads, no returning of memory to the system, and the faster of
each of channels-last or not, foreach updates or not, decided by measurement. Its images are normalised beforehand and
gathered with one index_select into a buffer; velo normalises bytes in every step.

One round is a burst of steps of each program, one after another; a ratio belongs to one round, so slow drifts of the
machine cancel. Printed: the median ratio of steps per second and its range. CPU time that neither side used is
measured too: above 3 % of the machine nothing is quoted and the exit status is 4. Bars against tuned PyTorch are
checked where they apply; a missed bar is exit status 1.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

BARS = {("fashion_mnist_mlp", 128): 1.4, ("fashion_mnist_cnn", 128): 1.05,
        ("fashion_mnist_mlp", 16): 2.0, ("fashion_mnist_cnn", 16): 2.0}
FOREIGN_LIMIT = 0.03
RATES = {"sgd": {"lr": 0.05, "momentum": 0.9}, "adamw": {"lr": 1e-3}}


# --- the PyTorch side: one process, commanded like train_steps --------------------------------------------------------

def torch_worker(workload, algorithm, batch, threads, tuned):
    import torch
    from torch import nn
    torch.set_num_threads(threads)
    torch.manual_seed(1)

    class Mlp(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(),
                                      nn.Linear(128, 10))

        def forward(self, x):
            return self.body(x)

    class Cnn(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                                      nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                                      nn.Flatten(), nn.Linear(784, 10))

        def forward(self, x):
            return self.body(x)

    images = torch.randn(50000, 1, 28, 28)
    labels = torch.randint(10, (50000,))

    class Trainer:
        def __init__(self, channels_last, foreach):
            self.format = torch.channels_last if channels_last else torch.contiguous_format
            self.model = (Mlp() if workload == "fashion_mnist_mlp" else Cnn()).to(memory_format=self.format)
            kinds = {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW}
            self.optimizer = kinds[algorithm](self.model.parameters(), foreach=foreach, **RATES[algorithm])
            self.x = torch.empty(batch, 1, 28, 28)

        def run(self, steps):
            orders = torch.randperm(50000)
            at = 0
            start = time.perf_counter()
            for _ in range(steps):
                if at + batch > 50000:
                    at = 0
                order = orders[at:at + batch]
                at += batch
                torch.index_select(images, 0, order, out=self.x)
                loss = nn.functional.cross_entropy(self.model(self.x.to(memory_format=self.format)), labels[order])
                self.optimizer.zero_grad(set_to_none=True)
                loss.backward()
                self.optimizer.step()
            return time.perf_counter() - start

    class FlightsTrainer:
        """The model that tests/parity shows to be equal, on features made beforehand."""

        def __init__(self, _, foreach):
            sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "parity"))
            from flights_dlrm_test import TABLES, Dlrm
            self.model = Dlrm({"size": "mini", "hidden": 1, "activation": "relu", "normalisation": "none",
                               "residual": "false"})
            kinds = {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW}
            self.optimizer = kinds[algorithm](self.model.parameters(), foreach=foreach, **RATES[algorithm])
            self.flights = 2415633
            self.dense = torch.randn(self.flights, 5)
            self.rows = torch.stack([torch.randint(rows, (self.flights,)) for rows in TABLES], dim=1)
            self.late = torch.randint(2, (self.flights,)).float()

        def run(self, steps):
            start = time.perf_counter()
            for _ in range(steps):
                order = torch.randint(self.flights, (batch,))
                logits = self.model(self.dense.index_select(0, order), self.rows.index_select(0, order))
                loss = nn.functional.binary_cross_entropy_with_logits(logits, self.late[order])
                self.optimizer.zero_grad(set_to_none=True)
                loss.backward()
                self.optimizer.step()
            return time.perf_counter() - start

    if workload == "flights_dlrm":
        Trainer = FlightsTrainer
    if tuned:
        choices = [(last, each) for last in ((False, True) if workload.endswith("cnn") else (False,))
                   for each in (False, True)]
        best = []
        for choice in choices:
            trainer = Trainer(*choice)
            trainer.run(20)
            best.append((min(trainer.run(30) for _ in range(5)), choice, trainer))
        _, choice, trainer = min(best, key=lambda b: b[0])
    else:
        choice, trainer = (False, False), Trainer(False, False)
    count = sum(p.numel() for p in trainer.model.parameters())
    print("ready", count, f"channels_last={choice[0]} foreach={choice[1]}", flush=True)
    for line in sys.stdin:
        print(trainer.run(int(line)), flush=True)


# --- the driver ------------------------------------------------------------------------------------------------------

class Program:
    """A process that makes steps on command."""

    def __init__(self, name, command, environment):
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **environment})
        words = self.process.stdout.readline().split()
        if not words or words[0] != "ready":
            raise SystemExit(f"{name} did not start: {' '.join(map(str, command))}")
        self.parameters, self.note = int(words[1]), " ".join(words[2:])

    def steps(self, count):
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline().split()[0])

    def cpu_seconds(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text()
        fields = text.rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def machine_cpu_seconds():
    fields = [int(f) for f in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    busy = sum(fields[:3]) + sum(fields[5:8])  # user, nice, system, irq, softirq, steal
    return busy / os.sysconf("SC_CLK_TCK")


def openblas_core():
    flags = pathlib.Path("/proc/cpuinfo").read_text() if os.path.exists("/proc/cpuinfo") else ""
    for flag, core in (("avx512_bf16", "Cooperlake"), ("avx512f", "SkylakeX"), ("avx2", "Haswell")):
        if f" {flag} " in flags:
            return core
    return None


def environments(threads):
    common = {"OMP_NUM_THREADS": str(threads), "OMP_PROC_BIND": "true"}
    tuned = {**common, "MALLOC_MMAP_THRESHOLD_": str(1 << 32), "MALLOC_TRIM_THRESHOLD_": str(1 << 32),
             "MALLOC_TOP_PAD_": str(1 << 26)}
    core = openblas_core()
    if core:
        tuned["OPENBLAS_CORETYPE"] = core
    return {"velo": common, "default": {"OMP_NUM_THREADS": str(threads)}, "tuned": tuned}


def measure(options, workload, algorithm, batch, threads):
    environment = environments(threads)
    settings = [f"{k}={v}" for k, v in RATES[algorithm].items()]
    python = options.python
    worker = [python, __file__, "--worker", workload, algorithm, str(batch), str(threads)]
    programs = [Program("velo", [f"{options.build}/tests/benchmarks/train_steps", workload, algorithm, str(batch),
                                 str(threads)] + settings, environment["velo"]),
                Program("tuned", worker + ["1"], environment["tuned"]),
                Program("default", worker + ["0"], environment["default"])]
    if len({p.parameters for p in programs}) != 1:
        raise SystemExit(f"{workload}: the models differ: {[(p.name, p.parameters) for p in programs]}")
    burst = {}
    for p in programs:
        p.steps(20)
        burst[p.name] = max(5, int(options.seconds / (min(p.steps(10) for _ in range(3)) / 10)))
    rates = {p.name: [] for p in programs}
    begun, busy = time.monotonic(), machine_cpu_seconds()
    own = sum(p.cpu_seconds() for p in programs) + time.process_time()
    for _ in range(options.rounds):
        for p in programs:
            rates[p.name].append(burst[p.name] / p.steps(burst[p.name]))
    elapsed = time.monotonic() - begun
    foreign = machine_cpu_seconds() - busy - (sum(p.cpu_seconds() for p in programs) + time.process_time() - own)
    result = {"workload": workload, "algorithm": algorithm, "batch": batch, "threads": threads,
              "foreign": max(0.0, foreign) / (elapsed * os.cpu_count()), "tuned": programs[1].note,
              "velo_us": 1e6 / statistics.median(rates["velo"])}
    for mode in ("tuned", "default"):
        ratios = sorted(v / p for v, p in zip(rates["velo"], rates[mode]))
        result[f"{mode}_us"] = 1e6 / statistics.median(rates[mode])
        result[f"ratio_{mode}"] = [statistics.median(ratios), ratios[0], ratios[-1]]
    for p in programs:
        p.close()
    return result


def main():
    if len(sys.argv) > 1 and sys.argv[1] == "--worker":
        workload, algorithm, batch, threads, tuned = sys.argv[2:]
        return torch_worker(workload, algorithm, int(batch), int(threads), tuned == "1")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--python", default="/usr/bin/python3", help="an interpreter that has torch")
    parser.add_argument("--workload", action="append")
    parser.add_argument("--algorithm", default="sgd,adamw")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--batch", default="128,16")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.25, help="of one burst")
    parser.add_argument("--json", help="also write every number to this file")
    parser.add_argument("--quick", action="store_true", help="three short rounds of one case each: does it still run?")
    options = parser.parse_args()
    workloads = options.workload or ["fashion_mnist_mlp", "fashion_mnist_cnn"]
    if options.quick:
        options.algorithm, options.threads, options.rounds, options.seconds = "sgd", "1", 3, 0.05

    print(f"{'workload':<18} {'algorithm':<9} {'batch':>5} {'thr':>3} {'velo us':>8} {'tuned us':>8} {'deflt us':>8}"
          f"   {'against tuned':<20} {'against default':<20} {'bar':>4} {'foreign':>7}")
    results, verdict = [], 0
    for workload in workloads:
        for batch in map(int, options.batch.split(",")):
            for threads in map(int, options.threads.split(",")):
                for algorithm in options.algorithm.split(","):
                    r = measure(options, workload, algorithm, batch, threads)
                    results.append(r)
                    disturbed = r["foreign"] > FOREIGN_LIMIT
                    bar = BARS.get((workload, batch))
                    show = lambda q: "disturbed" if disturbed else f"{q[0]:.2f} ({q[1]:.2f}-{q[2]:.2f})"
                    print(f"{workload:<18} {algorithm:<9} {batch:>5} {threads:>3} {r['velo_us']:>8.1f}"
                          f" {r['tuned_us']:>8.1f} {r['default_us']:>8.1f}   {show(r['ratio_tuned']):<20}"
                          f" {show(r['ratio_default']):<20} {bar or '':>4} {100 * r['foreign']:>6.1f}%  {r['tuned']}",
                          flush=True)
                    if disturbed:
                        verdict = 4
                    elif bar and r["ratio_tuned"][0] < bar and verdict == 0:
                        verdict = 1
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(results, indent=1) + "\n")
    if verdict == 4:
        print(f"others used more than {100 * FOREIGN_LIMIT:.0f} % of the machine: nothing to quote", file=sys.stderr)
    if verdict == 1:
        print("a bar was missed", file=sys.stderr)
    return 0 if options.quick and verdict == 1 else verdict


if __name__ == "__main__":
    sys.exit(main())
