#!/usr/bin/env python3
"""Runs clang-tidy over the translation units of a build, as many at a time as there are cores.

    tests/checks/tidy.py BUILD_DIR [NAME_PART...]    only files whose path contains one of the parts

A file that passed is not checked again while it, our headers that it reaches, and .clang-tidy stay the same: the
digests of those lie in BUILD_DIR/tidy.
"""
import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from include_scan import includes

ROOT = Path(__file__).resolve().parents[2]
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


def check(build, path):
    result = subprocess.run(
        ["clang-tidy", "--quiet", "-p", str(build), path], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return path, result.returncode, result.stdout


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    build = Path(sys.argv[1]).resolve()
    commands = build / "compile_commands.json"
    if not commands.is_file():
        sys.exit(f"{commands} is missing: configure that build first (cmake --preset release)")
    units = set()
    for entry in json.loads(commands.read_text()):
        file = Path(entry["directory"], entry["file"]).resolve()
        if file.is_relative_to(ROOT):
            name = str(file.relative_to(ROOT))
            if name.startswith(ROOMS) and (len(sys.argv) == 2 or any(part in name for part in sys.argv[2:])):
                units.add(name)
    store = build / "tidy"
    store.mkdir(exist_ok=True)
    stamps = {name: store / name.replace("/", "_") for name in units}
    digests = {name: digest(name) for name in units}
    due = [n for n in sorted(units) if not stamps[n].is_file() or stamps[n].read_text() != digests[n]]

    failures = 0
    with ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as pool:
        for path, status, output in pool.map(lambda name: check(build, name), due):
            if status == 0:
                stamps[path].write_text(digests[path])
            else:
                failures += 1
                print(f"{path}:\n{output}", flush=True)
    print(f"clang-tidy: {len(units)} files, {len(units) - len(due)} unchanged since they passed, {failures} with findings")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
