#!/usr/bin/env python3
"""Is a slowdown of 10 % red, and one of 2 % not? Fifty gates each, on a machine that is left alone.

    slowdowns.py VELO PLANTED_VELO [REPEATS] > tests/gate/slowdowns.md

PLANTED_VELO (target planted_velo) spins for the named share of every measured step when VELO_PLANT is slow_10 or slow_2:
it is the candidate, VELO the baseline's build. Prints what each gate said. Exit status 1 where fewer than 95 % say what
they should, 4 where the machine was disturbed.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

GATE = """gate: slowdowns
speed: {algorithms: [adamw], parameters: 1000000, margin: 5%, seconds: 60}
"""


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    velo, planted = (str(pathlib.Path(p).resolve()) for p in sys.argv[1:3])
    repeats = int(sys.argv[3]) if len(sys.argv) > 3 else 50
    folder = pathlib.Path(tempfile.mkdtemp(prefix="velo_slowdowns_"))
    (folder / "gate.yaml").write_text(GATE)
    common = ["gate.yaml", "--baseline", "baseline.json", "--out", "store", "-q"]
    subprocess.run([velo, "gate", "accept", *common, "--because", "the build to compare with"], cwd=folder, check=True,
                   stdout=subprocess.DEVNULL)
    failed, disturbed = False, False
    print("| slowdown planted | gates | regressed | equivalent | improved | inconclusive | median found |")
    print("|---|---|---|---|---|---|---|")
    for share in (10, 2, 0):
        words, effects = [], []
        for _ in range(repeats):
            subprocess.run([planted, "gate", *common, "--only", "speed", "--baseline-build", velo], cwd=folder, check=False,
                           env={**os.environ, "VELO_PLANT": f"slow_{share}"}, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
            report = json.loads(max((folder / "store/gates").glob("*.json"), key=os.path.getmtime).read_text())
            case = report["cases"][0]
            words.append(case["verdict"])
            effects += [case["effect"]] if case["effect"] is not None else []
        count = {w: words.count(w) for w in ("regressed", "equivalent", "improved", "inconclusive")}
        found = f"{100 * sorted(effects)[len(effects) // 2]:+.1f} %" if effects else "-"
        print(f"| {share} % | {repeats} | {count['regressed']} | {count['equivalent']} | {count['improved']} | "
              f"{count['inconclusive']} | {found} |", flush=True)
        right = count["regressed"] if share == 10 else repeats - count["regressed"]
        failed |= right < 0.95 * repeats
        disturbed |= count["inconclusive"] > 0.05 * repeats
    sys.exit(4 if disturbed else 1 if failed else 0)


if __name__ == "__main__":
    main()
