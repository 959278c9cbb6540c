#!/usr/bin/env python3
"""Checks who may include whom.

    tests/checks/include_scan.py [ROOT]

Prints one line for every forbidden include (file:line: what and the rule) and exits 1 when there is one.
The rules are those of the architecture: results <- analysis <- harness <- algorithms, workloads; algorithms and
workloads never see each other; vendor libraries stay in harness/device; only harness/cli prints; a source includes
the header of its own name first, which proves that this header stands alone; files that CUDA compiles (they reach Kokkos; *_host.cpp is for the host alone) reach none of the libraries that nvcc cannot read.
"""
import re
import sys
from pathlib import Path

ROOMS = {
    "results": {"results"},
    "analysis": {"results", "analysis"},
    "harness": {"results", "analysis", "harness"},
    "algorithms": {"results", "analysis", "harness", "algorithms"},
    "workloads": {"results", "analysis", "harness", "workloads"},
}

# Library headers and the folders that may include them directly.
HOMES = [
    (r"(cblas\.h|dnnl|oneapi/|cublas|cudnn|curand|cusolver|Random123/)", ["harness/device/"], "vendor mathematics stays in harness/device"),
    (r"CLI/", ["harness/cli/"], "the command line stays in harness/cli"),
    (r"yaml-cpp/", ["harness/"], "YAML stays in harness"),
    (r"iostream$", ["harness/cli/"], "only harness/cli prints"),
    (r"Kokkos_", ["harness/", "algorithms/", "workloads/"], "results and analysis build without Kokkos"),
]
NOT_UNDER_NVCC = re.compile(r"(fmt/|spdlog/|nlohmann/|yaml-cpp/|CLI/|dnnl\.hpp|oneapi/dnnl/dnnl\.hpp)")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def includes(path):
    """(line number, is own, name) of every include."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            found.append((number, match.group(1) == '"', match.group(2)))
    return found


def scan(root):
    files = {
        str(path.relative_to(root)): includes(path)
        for room in [*ROOMS, "tests"]
        for path in sorted((root / room).rglob("*"))
        if path.suffix in {".hpp", ".cpp", ".h"} and path.is_file() and "store" not in path.parts
    }
    complaints = []

    for name, lines in files.items():
        room = name.split("/")[0]
        if room == "tests":
            continue
        header = name.removesuffix(".cpp") + ".hpp"
        if name.endswith(".cpp") and header in files and (not lines or lines[0][2] != header):
            complaints.append(f"{name}:{lines[0][0] if lines else 1}: the first include of a source is its own header, {header}")
        for number, own, target in lines:
            target_room = target.split("/")[0]
            if own:
                if target_room not in ROOMS and target_room != "tests":
                    complaints.append(f'{name}:{number}: "{target}" is not a path from the repository root')
                elif target_room not in ROOMS[room]:
                    allowed = ", ".join(sorted(ROOMS[room]))
                    complaints.append(f"{name}:{number}: {room} may not include {target} (it may see {allowed})")
                elif target.startswith("harness/cli/") and not name.startswith("harness/cli/"):
                    complaints.append(f"{name}:{number}: {target}: nothing below the command sees harness/cli")
                continue
            if target_room in ROOMS and (root / target).exists():
                complaints.append(f"{name}:{number}: our own header {target} is included with quotes")
            for pattern, homes, rule in HOMES:
                if re.match(pattern, target) and not any(name.startswith(home) for home in homes):
                    complaints.append(f"{name}:{number}: <{target}>: {rule}")

    def reach(name, seen):
        """Library headers that a file includes, itself or through ours: name -> the chain that leads there."""
        result = {}
        for _, own, target in files.get(name, []):
            if not own:
                result.setdefault(target, [name])
            elif target in files and target not in seen:
                seen.add(target)
                for library, chain in reach(target, seen).items():
                    result.setdefault(library, [name, *chain])
        return result

    for name in files:
        if name.endswith(".cpp") and not name.endswith("_host.cpp") and not name.startswith("tests/"):
            reached = reach(name, {name})
            if any(library.startswith("Kokkos_") for library in reached):
                for library, chain in reached.items():
                    if NOT_UNDER_NVCC.match(library):
                        complaints.append(f"{name}: includes Kokkos and <{library}> (by {' > '.join(chain)}): nvcc cannot read it")
    return sorted(complaints)


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2]).resolve()
    complaints = scan(root)
    for complaint in complaints:
        print(complaint)
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
