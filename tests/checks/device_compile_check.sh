#!/bin/sh
# Compiles every device source against the headers of a current Kokkos, without a GPU and without linking:
#   device_compile_check.sh cuda   BUILD HEADERS [SOURCE...]   nvcc, for Hopper
#   device_compile_check.sh openmp BUILD HEADERS [SOURCE...]   g++
# BUILD is a configured build directory (its device_sources.txt names the sources, its flags are not used); HEADERS is where
# sid's libkokkos-dev is unpacked, and is filled when empty. Exit status 77: cannot be checked here.
#
# Three quarters of a compilation are Kokkos's headers, so the sources are compiled eight at a time, as one unit that
# includes them. A unit that fails, perhaps only because two members use one name, is taken apart: only the verdict on
# each source by itself counts.
#
# Debian's package is configured for OpenMP alone but ships every back-end's headers, so a copy gets CUDA switched on.
set -eu
backend=$1 build=$2 headers=$3
shift 3
root=$(cd "$(dirname "$0")/../.." && pwd)

skip() {
  echo "skipped: $1"
  exit 77
}
compiler=g++
if [ "$backend" = cuda ]; then
  compiler=$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)
  [ -x "$compiler" ] || skip "there is no nvcc on this machine"
fi
if [ ! -e "$headers/.complete" ]; then
  "$root/harness/cmake/debian_source.sh" kokkos-headers "$headers" || skip "Debian's archive does not give libkokkos-dev"
fi

copy=$build/kokkos_$backend
rm -rf "$copy"
cp -r "$headers/usr/include/kokkos" "$copy"
if [ "$backend" = cuda ]; then
  for macro in KOKKOS_ENABLE_CUDA KOKKOS_ARCH_HOPPER KOKKOS_ARCH_HOPPER90; do
    echo "#define $macro" >>"$copy/KokkosCore_config.h"
  done
  echo '#include <decl/Kokkos_Declare_CUDA.hpp>' >>"$copy/KokkosCore_Config_DeclareBackend.hpp"
  echo '#include <fwd/Kokkos_Fwd_CUDA.hpp>' >>"$copy/KokkosCore_Config_FwdBackend.hpp"
  echo '#include <setup/Kokkos_Setup_Cuda.hpp>' >>"$copy/KokkosCore_Config_SetupBackend.hpp"
  echo '#define DESUL_ATOMICS_ENABLE_CUDA' >>"$copy/desul/atomics/Config.hpp"
fi

include="-I$root -isystem $copy -isystem /usr/include/hdf5/serial"
include="$include -isystem /usr/include/$(gcc -print-multiarch)/openblas-openmp"
case $backend in
  cuda) flags="-x cu -std=c++20 -arch=sm_90 --expt-extended-lambda --expt-relaxed-constexpr --fmad=false -Xcompiler -fopenmp -c" ;;
  openmp) flags="-std=c++20 -fopenmp -O0 -Wall -Wextra -c" ;;
  *) echo "the back-end is cuda or openmp, not $backend" >&2; exit 2 ;;
esac

# Where a library has one implementation per back-end, the list names the one that was configured.
if [ $# -eq 0 ]; then
  while read -r source; do
    if [ "$backend" = cuda ]; then
      case $source in *_host.cpp) source=${source%_host.cpp}_cuda.cpp ;; esac
    fi
    set -- "$@" "$source"
  done <"$build/device_sources.txt"
fi
cache=$(command -v ccache || true)
objects=$build/kokkos_${backend}_objects
rm -rf "$objects"
mkdir -p "$objects"
# Every n-th source goes into the same unit: neighbours are the likeliest to use one name twice.
printf '%s\n' "$@" | sort | awk -v units="$((($# + 7) / 8))" -v folder="$objects" \
  '{ print "#include \"" $0 "\"" >(folder "/unit_" NR % units ".cpp") }'
export cache compiler include flags root
# shellcheck disable=SC2016  # expanded by the inner shell
printf '%s\n' "$objects"/unit_*.cpp | xargs -P "$(nproc)" -I{} sh -c '
  members=$(sed "s/^#include \"\(.*\)\"$/\1/" "$1")
  alone=
  $cache $compiler $flags $include -o "$1.o" "$1" >"$1.log" 2>&1 || alone=yes
  for source in $members; do
    if [ -z "$alone" ] || said=$($cache $compiler $flags $include -o "$1.o" "$source" 2>&1); then
      echo "ok     ${source#"$root"/}"
    else
      echo "FAILED ${source#"$root"/}"; echo "$said" | head -n 25; failed=yes
    fi
  done
  rm -f "$1.o"
  [ -z "${failed:-}" ]' sh {}
