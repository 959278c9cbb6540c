#!/usr/bin/env python3
"""Runs clang-tidy over the translation units of a build, as many at a time as there are cores.

    tests/checks/tidy.py BUILD_DIR [NAME_PART...]    only files whose path contains one of the parts

Most of the time goes into the headers of Kokkos and the standard library, so files with the same flags are checked
together, as one unit that includes them. A unit with findings, or whose members cannot stand together because two of
them use one name, is taken apart and each file checked on its own: only that verdict counts.

A file that passed is not checked again while it, our headers that it reaches, and .clang-tidy stay the same: the
digests of those lie in BUILD_DIR/tidy.
"""
import hashlib
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from include_scan import includes

ROOT = Path(__file__).resolve().parents[2]
TOGETHER = 8  # files a unit
ROOMS = ("results/", "analysis/", "harness/", "algorithms/", "workloads/")


def closure(path, seen):
    """The file and all of our headers that it reaches."""
    if path not in seen and (ROOT / path).is_file():
        seen.add(path)
        for _, own, target in includes(ROOT / path):
            if own:
                closure(target, seen)
    return seen


def digest(path):
    content = hashlib.sha256((ROOT / ".clang-tidy").read_bytes())
    for name in sorted(closure(path, set())):
        content.update(name.encode() + b"\0" + (ROOT / name).read_bytes())
    return content.hexdigest()


def flags(entry):
    """What a command says besides its input and output."""
    return re.sub(r" -o \S+.*", "", entry["command"])


def tidy(database, path):
    result = subprocess.run(
        ["clang-tidy", "--quiet", "-p", str(database), str(path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return result.returncode, result.stdout


def check(build, store, index, command, names):
    """The files of `names` with findings, each with what was said."""
    if len(names) > 1:
        database = store / f"unit_{index}"
        database.mkdir(exist_ok=True)
        unit = database / "unit.cpp"
        unit.write_text("".join(f'#include "{ROOT / name}"\n' for name in names))
        entry = {"directory": str(build), "command": f"{command} -c {unit}", "file": str(unit)}
        (database / "compile_commands.json").write_text(json.dumps([entry]))
        if tidy(database, unit)[0] == 0:
            return {}
    found = {name: tidy(build, name) for name in names}
    return {name: output for name, (status, output) in found.items() if status != 0}


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    build = Path(sys.argv[1]).resolve()
    commands = build / "compile_commands.json"
    if not commands.is_file():
        sys.exit(f"{commands} is missing: configure that build first (cmake --preset release)")
    units = {}
    for entry in json.loads(commands.read_text()):
        file = Path(entry["directory"], entry["file"]).resolve()
        if file.is_relative_to(ROOT):
            name = str(file.relative_to(ROOT))
            if name.startswith(ROOMS) and (len(sys.argv) == 2 or any(part in name for part in sys.argv[2:])):
                units.setdefault(name, flags(entry))
    if not units:
        sys.exit(f"{commands} lists no source of the rooms: configure with -DVELO_TOGETHER=OFF")
    store = build / "tidy"
    store.mkdir(exist_ok=True)
    stamps = {name: store / name.replace("/", "_") for name in units}
    digests = {name: digest(name) for name in units}
    due = [n for n in sorted(units) if not stamps[n].is_file() or stamps[n].read_text() != digests[n]]

    alike = defaultdict(list)
    for name in due:
        alike[units[name]].append(name)
    jobs = []
    for command, names in alike.items():
        count = -(-len(names) // TOGETHER)
        # Neighbours are the likeliest to use one name twice.
        jobs += [(len(jobs) + i, command, names[i::count]) for i in range(count)]

    failures = 0
    with ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as pool:
        for job, findings in zip(jobs, pool.map(lambda job: check(build, store, *job), jobs)):
            for name in job[2]:
                if name in findings:
                    failures += 1
                    print(f"{name}:\n{findings[name]}", flush=True)
                else:
                    stamps[name].write_text(digests[name])
    print(f"clang-tidy: {len(units)} files, {len(units) - len(due)} unchanged since they passed, {failures} with findings")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
