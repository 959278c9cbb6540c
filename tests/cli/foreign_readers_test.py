#!/usr/bin/env python3
"""Every file of a store opens without our code: h5py, h5dump, pandas and the sqlite3 shell agree with each other.

    foreign_readers_test.py VELO      exit status 77: a reader is not installed
"""
import json
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy
    import pandas
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)
if not (shutil.which("h5dump") and shutil.which("sqlite3")):
    print("skipped: h5dump or sqlite3 is not installed")
    sys.exit(77)

SWEEP = """sweep: tiny
studies: 1
trials: 2
workloads: [quadratic]
algorithms: [sgd, adamw]
budget: {steps: 40}
search_space: none
"""


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True, **options).stdout


def check_trajectory(path, row):
    with h5py.File(path) as file:
        names = []
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        for name in names:
            assert file[name].shape is not None and file[name][()] is not None, f"{path}: {name} cannot be read"
        steps = numpy.asarray(file["evaluations/step"])
        metric = numpy.asarray(file[f"evaluations/validation/{row.metric}"])
    assert steps[-1] == row.steps, f"{path}: ends at step {steps[-1]}, the index says {row.steps}"
    best = metric[numpy.isfinite(metric)].min()
    assert best == row.best_validation, f"{path}: best {best}, the index says {row.best_validation}"
    header = run("h5dump", "-H", path)
    for name in names:
        assert f'DATASET "{name.split("/")[-1]}"' in header, f"{path}: h5dump does not show {name}"


def main():
    velo = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "tiny.yaml").write_text(SWEEP)
        run(velo, "run", "tiny.yaml", "--out", "store", "--quiet", "--no-report", cwd=folder)
        store = folder / "store"
        with sqlite3.connect(store / "index.sqlite") as database:
            trials = pandas.read_sql("SELECT * FROM trials", database)
        assert len(trials) == 4 and (trials.status == "done").all(), trials
        shell = json.loads(run("sqlite3", "-json", store / "index.sqlite", "SELECT cell, steps FROM trials ORDER BY cell"))
        assert [r["cell"] for r in shell] == sorted(trials.cell), "the sqlite3 shell and pandas differ"
        files = sorted(store.glob("trials/*/*/*/*.h5"))
        assert len(files) == 4, files
        for file in files:
            row = trials[trials.cell == file.parent.parent.name]
            assert len(row) == 1
            check_trajectory(file, row.iloc[0])
    print("h5py, h5dump, pandas and sqlite3 read all of it")


if __name__ == "__main__":
    main()
