#!/bin/sh
# Compiles the device code with nvcc and against a current Kokkos, without a GPU: `velo test --cuda-compile`.
# Needs a configured build (build/release, or VELO_BUILD_DIR); what cannot be checked here is said and passed over.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=${VELO_BUILD_DIR:-$root/build/release}
[ -e "$build/device_sources.txt" ] || cmake --preset release -S "$root" -B "$build"
failed=0
for backend in openmp cuda; do
  echo "$backend:"
  "$root/tests/checks/device_compile_check.sh" "$backend" "$build" "$root/build/deps/kokkos-headers" || {
    status=$?
    [ "$status" -eq 77 ] || failed=1
  }
done
exit "$failed"
