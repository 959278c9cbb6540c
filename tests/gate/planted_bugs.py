#!/usr/bin/env python3
"""What the gate says of every planted bug: verdict zero, and the effect on quality beside what the seeds can see.

    planted_bugs.py PLANTED_VELO [NAME...] > tests/gate/planted_bugs.md

PLANTED_VELO is the program of the target planted_velo. For each bug a gate over twelve seeds of the smooth regression runs
its algorithm, against a baseline that the same program accepted without a bug. Minutes. Exit status 1 where a bug does
not show in verdict zero.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ENTRIES = {
    "adamw": "adamw: {lr: 3.0e-3}",
    "sgd": "sgd: {lr: 0.02, momentum: 0.9, nesterov: true, weight_decay: 5.0e-4}",
    "nadamw": "nadamw: {lr: 3.0e-3}",
    "lion": "lion: {lr: 1.0e-3}",
    "lookahead": "lookahead: {inner: {adamw: {lr: 5.0e-3}}}",
}
SWEEP = """sweep: planted
studies: 12
trials: 1
seeds: 1
search_space: none
workloads:
  - theory_linear_regression: {condition: 10}
    evaluate_every: 1
    budget: {steps: 600}
    target: {validation: 0.02}
algorithms: [%s]
executor: {kind: local, workers: 2, threads: 1}
"""


def velo(program, folder, bug, *arguments):
    done = subprocess.run([program, "gate", *arguments, "--baseline", folder / "baseline.json", "--out", folder / "store",
                           "-q"], env={**os.environ, "VELO_PLANT": bug}, capture_output=True, text=True, check=False)
    if done.returncode == 2:
        sys.exit(done.stderr)
    return done


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    program = pathlib.Path(sys.argv[1]).resolve()
    listed = subprocess.run([program, "--bugs"], capture_output=True, text=True, check=True).stdout
    bugs = [line.split("\t") for line in listed.splitlines()]
    bugs = [bug for bug in bugs if len(sys.argv) == 2 or bug[0] in sys.argv[2:]]
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="velo_planted_"))
    hidden = 0
    print("| bug | in | verdict zero | speedup in steps | interval | twelve seeds see | margin | quality verdict |")
    print("|---|---|---|---|---|---|---|---|")
    for algorithm, entry in ENTRIES.items():
        folder = scratch / algorithm
        folder.mkdir()
        (folder / "gate.yaml").write_text("gate: planted\nquality: {sweep: sweep.yaml, margin: 5%}\n")
        (folder / "sweep.yaml").write_text(SWEEP % entry)
        affected = [bug for bug in bugs if bug[1] == algorithm]
        if affected:
            velo(program, folder, "", "accept", folder / "gate.yaml", "--because", "no bug")
        for name, _, what in affected:
            velo(program, folder, name, folder / "gate.yaml")
            report = json.loads(max((folder / "store/gates").glob("*.json"), key=os.path.getmtime).read_text())
            changed = [c for c in report["cases"] if c["part"] == "replay" and c["verdict"] == "changed"]
            quality = next(c for c in report["cases"] if c["part"] == "quality")
            hidden += not changed
            percent = lambda x: "-" if x is None else f"{100 * x:+.2f} %"
            first = changed[0]["sentence"].removeprefix("the update's bits changed, ") if changed else "HIDDEN"
            print(f"| {what} | {algorithm} | changed in {len(changed)} cases; {first} | {percent(quality['effect'])} | "
                  f"{percent(quality['low'])} to {percent(quality['high'])} | "
                  f"{percent(quality['visible']).lstrip('+')} | 5 % | {quality['verdict']} |", flush=True)
    sys.exit(1 if hidden else 0)


if __name__ == "__main__":
    main()
