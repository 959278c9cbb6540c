#!/usr/bin/env python3
"""Training steps per second of velo and of PyTorch: same model, batch and optimizer, interleaved on one machine.

    against_pytorch.py [--build build/release] [--python /usr/bin/python3] [--workload NAME]... [--threads 1,2]
                       [--batch own,16] [--algorithm sgd,adamw] [--rounds N] [--seconds S] [--json FILE] [--quick]
                       [--device cuda]

PyTorch runs in up to four modes (pytorch_steps.py). *default*: what a plain script gets. *tuned*: OpenBLAS on OpenMP
with the kernels of this CPU (0.3.21 takes recent ones for a Pentium 4), bound threads, no returning of memory to the
system, and the fastest of channels-last or not, looping, foreach or fused updates, explicit or fused attention, decided
by measurement. *compiled*: the same through torch.compile, where that PyTorch has it. *captured*, with --device cuda
alone: the compiled step, update included, replayed as one CUDA graph.

One round is a burst of steps of each program, one after another; a ratio belongs to one round, so slow drifts of the
machine cancel. Printed: the median ratio of steps per second and its range, per mode. CPU time that neither side used
is measured too: above 3 % of the machine nothing is quoted and the exit status is 4.

Bars, against PyTorch's best mode in each case: no workload at its own batch below 1.0, and a geometric mean over all of
them of 1.4; those of single workloads in BARS, against the tuned mode. A missed bar is exit status 1. On a GPU there
are no bars; give the build of the `cuda` preset, and one thread.
"""
import argparse
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import time

OWN_BATCH = {"fashion_mnist_mlp": 128, "fashion_mnist_cnn": 128, "fashion_resnet": 128, "flights_dlrm": 1024,
             "prose_lm": 16, "speech_deepspeech": 16}
LEAST, LEAST_MEAN = 1.0, 1.4
BARS = {("fashion_mnist_mlp", 128): 1.4, ("fashion_mnist_cnn", 128): 1.05,
        ("fashion_mnist_mlp", 16): 2.0, ("fashion_mnist_cnn", 16): 2.0}
FOREIGN_LIMIT = 0.03
RATES = {"sgd": {"lr": 0.05, "momentum": 0.9}, "adamw": {"lr": 1e-3}}
MODES = {"cpu": ("tuned", "default", "compiled"), "cuda": ("tuned", "default", "compiled", "captured")}


class Program:
    """A process that makes steps on command, once it is ready."""

    def __init__(self, name, command, environment):
        self.name, self.command = name, " ".join(map(str, command))
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env={**os.environ, **environment})

    def await_ready(self):
        words = self.process.stdout.readline().split()
        if not words or words[0] not in ("ready", "absent"):
            raise SystemExit(f"{self.name} did not start: {self.command}")
        self.absent = " ".join(words[1:]) if words[0] == "absent" else None
        self.parameters, self.note = (0, "") if self.absent else (int(words[1]), " ".join(words[2:]))

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
    return {"velo": common, "default": {"OMP_NUM_THREADS": str(threads)}, "tuned": tuned, "compiled": tuned,
            "captured": tuned}


def programs_of(options, workload, algorithm, batch, threads):
    environment = environments(threads)
    case = [workload, algorithm, batch, threads]
    rates = [f"{k}={v}" for k, v in RATES[algorithm].items()]
    twin = pathlib.Path(__file__).with_name("pytorch_steps.py")
    commands = {"velo": [f"{options.build}/tests/benchmarks/train_steps", *case, *rates]}
    commands |= {mode: [options.python, twin, *case, options.device, mode, *rates] for mode in MODES[options.device]}
    programs = []
    for name, command in commands.items():
        programs.append(Program(name, command, environment[name]))
        if options.device == "cpu":  # they measure what suits them, each alone; a GPU has compilers to wait for
            programs[-1].await_ready()
    for program in programs:
        if options.device != "cpu":
            program.await_ready()
        if program.absent and program.absent not in options.absences:
            options.absences.add(program.absent)
            print(f"no {program.name} mode: {program.absent}", file=sys.stderr)
    programs = [program for program in programs if not program.absent]
    if len({p.parameters for p in programs}) != 1:
        raise SystemExit(f"{workload}: the models differ: {[(p.name, p.parameters) for p in programs]}")
    return programs


def measure(options, workload, algorithm, batch, threads):
    programs = programs_of(options, workload, algorithm, batch, threads)
    burst = {}
    for p in programs:
        p.steps(10)
        burst[p.name] = max(3, int(options.seconds / (min(p.steps(5) for _ in range(3)) / 5)))
    rates = {p.name: [] for p in programs}
    begun, busy = time.monotonic(), machine_cpu_seconds()
    own = sum(p.cpu_seconds() for p in programs) + time.process_time()
    for _ in range(options.rounds):
        for p in programs:
            rates[p.name].append(burst[p.name] / p.steps(burst[p.name]))
    elapsed = time.monotonic() - begun
    foreign = machine_cpu_seconds() - busy - (sum(p.cpu_seconds() for p in programs) + time.process_time() - own)
    result = {"workload": workload, "algorithm": algorithm, "batch": batch, "threads": threads,
              "foreign": max(0.0, foreign) / (elapsed * os.cpu_count()),
              "velo_us": 1e6 / statistics.median(rates["velo"]), "modes": {}}
    for p in programs[1:]:
        ratios = sorted(v / other for v, other in zip(rates["velo"], rates[p.name]))
        result["modes"][p.name] = {"us": 1e6 / statistics.median(rates[p.name]), "note": p.note,
                                   "ratio": [statistics.median(ratios), ratios[0], ratios[-1]]}
    result["best"] = min(result["modes"], key=lambda mode: result["modes"][mode]["us"])
    for p in programs:
        p.close()
    return result


def show(result, modes):
    disturbed = result["foreign"] > FOREIGN_LIMIT
    cells = [f"{result['workload']:<18} {result['algorithm']:<9} {result['batch']:>5} {result['threads']:>3}"
             f" {result['velo_us']:>9.1f}"]
    for mode in modes:
        one = result["modes"].get(mode)
        if one is None:
            cells.append(f"{'':<27}")
            continue
        median, low, high = one["ratio"]
        against = "disturbed" if disturbed else f"{median:.2f} ({low:.2f}-{high:.2f})"
        cells.append(f"{one['us']:>9.1f} {against:<17}")
    cells.append(f"{result['best']:<8} {100 * result['foreign']:>5.1f}%  {result['modes']['tuned']['note']}")
    print(" ".join(cells), flush=True)


def geometric_mean(ratios):
    return math.exp(statistics.fmean(map(math.log, ratios)))


def judge(results, device):
    """Prints what the bars say. The exit status."""
    if any(r["foreign"] > FOREIGN_LIMIT for r in results):
        print(f"others used more than {100 * FOREIGN_LIMIT:.0f} % of the machine: nothing to quote", file=sys.stderr)
        return 4
    missed = []
    ratio = lambda r, mode: r["modes"][mode]["ratio"][0]
    name = lambda r: f"{r['workload']}, {r['algorithm']}, batch {r['batch']}, {r['threads']} threads"
    own = [r for r in results if r["batch"] == OWN_BATCH[r["workload"]]]
    if device != "cpu":
        for mode in MODES[device]:
            ratios = [ratio(r, mode) for r in own if mode in r["modes"]]
            if ratios:
                print(f"geometric mean of {len(ratios)} cases against {mode} PyTorch: {geometric_mean(ratios):.2f}")
        return 0
    missed += [f"{name(r)}: {ratio(r, r['best']):.2f} of {r['best']} PyTorch, bar {LEAST}"
               for r in own if ratio(r, r["best"]) < LEAST]
    missed += [f"{name(r)}: {ratio(r, 'tuned'):.2f} of tuned PyTorch, bar {BARS[r['workload'], r['batch']]}"
               for r in results if ratio(r, "tuned") < BARS.get((r["workload"], r["batch"]), 0)]
    if own:
        mean = geometric_mean([ratio(r, r["best"]) for r in own])
        covered = {r["workload"] for r in own}
        print(f"geometric mean over {len(covered)} of {len(OWN_BATCH)} workloads at mini, each at its own batch, against "
              f"PyTorch's best mode: {mean:.2f} (bar {LEAST_MEAN})")
        if mean < LEAST_MEAN and covered == set(OWN_BATCH):
            missed.append(f"the geometric mean: {mean:.2f}, bar {LEAST_MEAN}")
    for line in missed:
        print(f"missed: {line}", file=sys.stderr)
    return 1 if missed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--python", default="/usr/bin/python3", help="an interpreter that has torch")
    parser.add_argument("--workload", action="append", choices=list(OWN_BATCH))
    parser.add_argument("--algorithm", default="sgd,adamw")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--batch", default="own", help="sizes; own: the workload's")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.25, help="of one burst")
    parser.add_argument("--device", default="cpu", choices=list(MODES))
    parser.add_argument("--json", help="also write every number to this file")
    parser.add_argument("--quick", action="store_true",
                        help="three short rounds of one case each, whatever they say: does it still run? 77 without torch")
    options = parser.parse_args()
    options.absences = set()
    if options.quick:
        if subprocess.run([options.python, "-c", "import torch"], stderr=subprocess.DEVNULL, check=False).returncode:
            print(f"skipped: {options.python} has no torch")
            return 77
        options.algorithm, options.threads, options.rounds, options.seconds = "sgd", "1", 3, 0.05

    print(f"{'workload':<18} {'algorithm':<9} {'batch':>5} {'thr':>3} {'velo us':>9} "
          + " ".join(f"{mode + ' us':>9} {'velo is faster by':<17}" for mode in MODES[options.device])
          + f" {'best':<8} foreign")
    results = []
    for workload in options.workload or OWN_BATCH:
        for size in options.batch.split(","):
            batch = OWN_BATCH[workload] if size == "own" else int(size)
            for threads in map(int, options.threads.split(",")):
                for algorithm in options.algorithm.split(","):
                    results.append(measure(options, workload, algorithm, batch, threads))
                    show(results[-1], MODES[options.device])
                    if options.json:  # after every case: nothing is lost when someone stops it
                        pathlib.Path(options.json).write_text(json.dumps(results, indent=1) + "\n")
    verdict = judge(results, options.device)
    return 0 if options.quick and verdict in (1, 4) else verdict


if __name__ == "__main__":
    sys.exit(main())
