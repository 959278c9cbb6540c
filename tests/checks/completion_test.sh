#!/bin/bash
# completion_test.sh VELO: what bash completes, asked as bash asks.
set -u
velo=$1
eval "$("$velo" completion bash)"
failures=0

# completes WORDS... EXPECTED: the last argument is what the last word must complete to, sorted.
completes() {
  local expected=${*: -1}
  COMP_WORDS=("${@:1:$#-1}")
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  _velo
  local got
  got=$(printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' ')
  if [ "${got% }" != "$expected" ]; then
    echo "FAILED: '${COMP_WORDS[*]}' completes to '${got% }', not to '$expected'"
    failures=$((failures + 1))
  fi
}

completes velo doc doctor
completes velo --v --version
completes velo doctor --form --format
completes velo doctor --format '' 'csv json latex markdown table'
completes velo doctor --format j json
completes velo doctor results ''
completes velo new --fam --family

if "$velo" completion tcsh 2>/dev/null; then
  echo 'FAILED: an unknown shell is accepted'
  failures=$((failures + 1))
fi
for shell in bash zsh fish; do
  [ -n "$("$velo" completion $shell)" ] || failures=$((failures + 1))
done
[ "$failures" = 0 ] && echo 'bash completes verbs, options and their words'
exit "$failures"
