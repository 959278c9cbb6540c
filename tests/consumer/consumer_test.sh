#!/bin/sh
# consumer_test.sh BUILD SCRATCH: installs a finished build, builds the project beside this file against it, and runs a
# trial of its algorithm.
set -eu
source=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
build=$1 scratch=$2
rm -rf -- "$scratch"
cmake --install "$build" --prefix "$scratch/prefix" >"$scratch.log"
cmake -S "$source" -B "$scratch/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$scratch/prefix"
cmake --build "$scratch/build"
"$scratch/prefix/bin/velo" --version
"$scratch/build/velo_with_signum" list | grep signum_out_of_tree
"$scratch/build/velo_with_signum" run "$source/sweep.yaml" --out "$scratch/store" --no-report
[ -n "$(find "$scratch/store/trials" -name trajectory.h5)" ]
rm -rf -- "$scratch"
