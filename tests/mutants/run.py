#!/usr/bin/env python3
"""Perturbs every algorithm in one place at a time and sees whether its tests notice: `velo test --mutants`.

    run.py BUILD [NAME...]      only the mutants of these sources, for example adamw.cpp

BUILD was configured with VELO_MUTANTS=ON (mutate.py says what is perturbed). An algorithm's mutant must fail that
algorithm's own test; one of a shared piece, which has no test of its own name, must fail some test of an algorithm.
Survivors are compared with survivors.tsv, where each has its reason. Exit status 1: fewer than 95 % are caught, or a
survivor has no reason there.
"""
import collections
import concurrent.futures
import csv
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
LEAST_MUTANTS, LEAST_CAUGHT = 100, 0.95
TIMEOUT = 120

Mutant = collections.namedtuple("Mutant", "file line operator nth code number shared")


def mutants(build):
    found = []
    for path in sorted((build / "mutated").glob("*.json")):
        content = json.loads(path.read_text())
        source = pathlib.Path(content["source"])
        seen = collections.Counter()
        for m in content["mutants"]:
            key = (m["operator"], m["code"])
            seen[key] += 1
            found.append(Mutant(source.name, m["line"], m["operator"], seen[key], m["code"], m["number"],
                                not (HERE.parent / f"algorithms/{source.stem}_test.cpp").is_file()))
    return found


def passes(build, mutant=None):
    """Whether the tests pass; a crash or a hang is a failure."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_PROC_BIND": "false"}
    command = [str(build / "tests/algorithms/algorithms_tests")]
    if mutant:
        environment["VELO_MUTANT"] = f"{mutant.file}:{mutant.number}"
        if not mutant.shared:
            command += ["--filenames-as-tags", f"[#{mutant.file.removesuffix('.cpp')}_test]"]
    try:
        return subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=TIMEOUT, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    build = pathlib.Path(sys.argv[1]).resolve()
    every = [m for m in mutants(build) if len(sys.argv) == 2 or m.file in sys.argv[2:]]
    if not every:
        sys.exit(f"{build} has no mutants: configure it with VELO_MUTANTS=ON")
    if not passes(build):
        sys.exit("the tests fail without any mutant")
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        survived = [m for m, alive in zip(every, pool.map(lambda m: passes(build, m), every)) if alive]

    with open(HERE / "survivors.tsv", newline="") as file:
        known = {(r["file"], r["operator"], int(r["nth"]), r["code"]): r["reason"]
                 for r in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}
    total, alive = collections.Counter(m.file for m in every), collections.Counter(m.file for m in survived)
    for file in sorted(total):
        print(f"{file:<28} {total[file]:>4} mutants {total[file] - alive[file]:>4} caught")
    unexplained = 0
    for m in survived:
        reason = known.get((m.file, m.operator, m.nth, m.code), "")
        unexplained += not reason
        print(f"survivor {m.file}:{m.line} {m.operator} {m.nth} (switch {m.number}): {m.code}\n"
              f"         {reason or 'NO REASON in survivors.tsv'}")
    share = 1 - len(survived) / len(every)
    print(f"{len(every)} mutants, {100 * share:.1f} % caught, {len(survived)} survivors, {unexplained} of them unexplained")
    enough = len(every) >= LEAST_MUTANTS or len(sys.argv) > 2
    sys.exit(0 if share >= LEAST_CAUGHT and enough and not unexplained else 1)


if __name__ == "__main__":
    main()
