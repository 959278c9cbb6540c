#!/usr/bin/env python3
"""Condenses AlgoPerf's logs to what decides a score, as one .tar.gz in AlgoPerf's own layout.

    condense.py LOGS WORKLOADS.csv OUT.tar.gz

LOGS holds SUBMISSION/study_<k>/<workload>_<framework>/trial_<i>/. Kept are every hparams.json, and of every
eval_measurements.csv the columns global_step, score and the workload's validation metric, digit by digit; of files in
other folders, where the workload is unknown, all validation metrics. The same logs give the same bytes.
"""
import csv
import gzip
import io
import sys
import tarfile
from pathlib import Path


def wanted(heading, metric):
    keep = [c for c in heading if c == f"validation/{metric}"]
    keep = keep or [c for c in heading if c.startswith("validation/") and c != "validation/num_examples"]
    return ["global_step", "score", *keep]


def condensed(text, metric):
    rows = list(csv.reader(io.StringIO(text)))
    places = [rows[0].index(column) for column in wanted(rows[0], metric)]
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([row[place] for place in places] for row in rows)
    return out.getvalue()


def main(logs, table, target):
    with open(table, newline="", encoding="utf-8") as file:
        metrics = {row["workload"]: row["metric"] for row in csv.DictReader(file)}
    logs = Path(logs)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(logs.rglob("*")):
            if path.name not in ("eval_measurements.csv", "hparams.json"):
                continue
            text = path.read_text(encoding="utf-8")
            if path.suffix == ".csv":
                workload = path.parts[-3].rpartition("_")[0]
                text = condensed(text, metrics.get(workload, ""))
            content = text.encode()
            entry = tarfile.TarInfo(f"{logs.name}/{path.relative_to(logs)}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    Path(target).write_bytes(gzip.compress(packed.getvalue(), compresslevel=9, mtime=0))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
