#!/bin/sh
# The launcher in a scratch tree, with stand-ins for the system's tools: what it installs, what it says.
#   launcher_test.sh [BUILD]    with a finished build of this tree: also what a call costs when nothing is to be done
set -u
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
failures=0

# stand_in NAME: a command whose body is read from stdin.
stand_in() {
  { echo '#!/bin/sh' && cat; } >"$scratch/bin/$1"
  chmod +x "$scratch/bin/$1"
}

# A fresh tree whose tools all succeed; ninja "builds" a command that prints its arguments.
fresh_tree() {
  rm -rf -- "${scratch:?}"/*
  mkdir -p "$scratch/tree" "$scratch/bin"
  cp -- "$root/velo" "$scratch/tree/velo"
  echo 'echo 0' | stand_in id
  echo 'echo installed' | stand_in dpkg-query
  echo "echo \"\$@\" >>$scratch/apt; exit 0" | stand_in apt-get
  echo "echo \"\$@\" >>$scratch/cmake; mkdir -p $scratch/tree/build/release; touch $scratch/tree/build/release/build.ninja" | stand_in cmake
  stand_in ninja <<END
echo '[1/2] compiling'
echo '[2/2] linking'
printf '#!/bin/sh\necho velo "\$@"\n' >$scratch/tree/build/release/velo
chmod +x $scratch/tree/build/release/velo
END
}

launch() {
  PATH="$scratch/bin:$PATH" VELO_BUILD_DIR='' VELO_SETUP='' VELO_CMAKE_ARGS='' "$scratch/tree/velo" "$@" >"$scratch/out" 2>"$scratch/err"
  status=$?
}

expect() { # expect WHAT CONDITION...
  what=$1
  shift
  if ! "$@"; then
    echo "FAILED: $what"
    echo "status $status, stderr:"
    cat -- "$scratch/err"
    failures=$((failures + 1))
  fi
}
# shellcheck disable=SC2317  # called by expect
says() { grep -qF -- "$1" "$scratch/err"; }
# shellcheck disable=SC2317
prints() { [ "$(cat -- "$scratch/out")" = "$1" ]; }

fresh_tree
launch run a.yaml --set 'a b=1'
expect 'the command gets the arguments, and only it writes to stdout' prints 'velo run a.yaml --set a b=1'
expect 'the exit status is the command'"'"'s' [ "$status" = 0 ]
expect 'nothing is installed when nothing is missing' [ ! -f "$scratch/apt" ]
expect 'from nothing, sources are compiled together' grep -q -- '-DVELO_TOGETHER=ON' "$scratch/cmake"
rm "$scratch/cmake"
launch list
expect 'a second call does not configure again' [ ! -f "$scratch/cmake" ]
touch "$scratch/tree/build/release/CMakeCache.txt"
launch test --fast >/dev/null
# shellcheck disable=SC2317  # called by expect
one_by_one() { [ -f "$scratch/cmake" ] && ! grep -q VELO_TOGETHER "$scratch/cmake"; }
expect 'a build that is there stays as it is' one_by_one
rm -f -- "$scratch/tree/build/release/CMakeCache.txt" "$scratch/cmake"

fresh_tree
# shellcheck disable=SC2016  # expanded by the stand-in
echo 'case $* in *libfmt-dev*) ;; *) echo installed ;; esac' | stand_in dpkg-query
launch --version
expect 'a missing package is named with its purpose' says 'libfmt-dev               text'
expect 'root installs exactly what is missing' [ "$(cat -- "$scratch/apt")" = 'install -y --no-install-recommends libfmt-dev' ]

fresh_tree
echo 'echo 1000' | stand_in id
# shellcheck disable=SC2016
echo 'case $* in *libfmt-dev* | *ninja-build*) ;; *) echo installed ;; esac' | stand_in dpkg-query
launch --version
expect 'without root the one command is printed' says 'sudo apt-get install --no-install-recommends ninja-build libfmt-dev'
expect 'without root a missing package is exit 2' [ "$status" = 2 ]
expect 'without root apt-get is not run' [ ! -f "$scratch/apt" ]

fresh_tree
echo 'echo 1000' | stand_in id
# shellcheck disable=SC2016
echo 'case $* in *fashion*) ;; *) echo installed ;; esac' | stand_in dpkg-query
launch list
expect 'a missing data set does not stop the other verbs' prints 'velo list'

fresh_tree
# shellcheck disable=SC2016
echo 'case $* in *fashion*) ;; *) echo installed ;; esac' | stand_in dpkg-query
# shellcheck disable=SC2016
echo 'case $* in *fashion*) exit 100 ;; esac' | stand_in apt-get
launch list
expect 'an optional package that cannot be installed is named' says 'dataset-fashion-mnist cannot be installed'
expect 'and stops nothing' prints 'velo list'

fresh_tree
stand_in ninja <<'END'
echo '[1/2] compiling'
echo 'a.cpp:1: error: this is what went wrong'
exit 1
END
launch list
expect 'a failed build is exit 2' [ "$status" = 2 ]
expect 'a failed build shows the end of its output' says 'a.cpp:1: error: this is what went wrong'
expect 'a failed build names the log' says "everything that was said is in $scratch/tree/build/velo.log"

fresh_tree
launch test --fats
expect 'an unknown option of test is exit 2' [ "$status" = 2 ]
expect 'an unknown option of test is named' says "velo test has no option '--fats'"

fresh_tree
PATH="$scratch/bin:$PATH" VELO_SETUP=maybe "$scratch/tree/velo" list 2>"$scratch/err"
status=$?
expect 'a wrong VELO_SETUP is named' says "VELO_SETUP is 'yes', 'no' or 'never', not 'maybe'"

if [ $# -gt 0 ]; then
  best=1000
  for _ in 1 2 3 4 5 6; do
    started=$(date +%s%N)
    VELO_BUILD_DIR=$1 VELO_SETUP=no "$root/velo" --version >"$scratch/out" 2>"$scratch/err"
    milliseconds=$((($(date +%s%N) - started) / 1000000))
    if [ "$milliseconds" -lt "$best" ]; then best=$milliseconds; fi
  done
  expect "a call with nothing to do costs under 200 ms (best of 6: $best ms)" [ "$best" -lt 200 ]
  echo "a call with nothing to do: $best ms"
fi

[ "$failures" = 0 ] && echo 'the launcher does what it says'
exit "$failures"
