#!/bin/sh
# blas_kernels_test.sh VELO: the program does not compute with OpenBLAS' kernels from before AVX on a processor that can
# do better, and leaves the user's own choice alone.
set -u
velo=$1
kernels() { "$velo" doctor --format csv | grep '^kernels of the libraries' | cut -d , -f 2 | tr -d '"'; }

if grep -qw avx2 /proc/cpuinfo; then
  found=$(unset OPENBLAS_CORETYPE && kernels)
  if [ -z "$found" ] || [ "$found" = Prescott ]; then
    echo "FAILED: this processor has AVX2, but OpenBLAS uses '$found'"
    exit 1
  fi
  found=$(OPENBLAS_CORETYPE=Prescott kernels)
  if [ "$found" != Prescott ]; then
    echo "FAILED: OPENBLAS_CORETYPE=Prescott was asked for, '$found' is used"
    exit 1
  fi
fi
echo 'OpenBLAS uses the kernels that fit'
