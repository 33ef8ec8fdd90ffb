#!/bin/sh
# tidy.sh ROOT BUILD: clang-tidy with the checks of .clang-tidy over src/, as compiled in that build folder.
set -eu
lints=$(cd "$(dirname "$0")" && pwd)
cd "$1"
build=$2
command -v clang-tidy >/dev/null || { echo "skipped: needs clang-tidy" && exit 77; }

tidy() { xargs -r -P 2 -n 4 clang-tidy -p "$build" --quiet --warnings-as-errors='*' "$@" 2>/dev/null; }

include="--extra-arg=-include$lints/failing.h --extra-arg=-I$PWD/src --extra-arg=-I$PWD/include"
if [ ! -f src/base/error.h ]; then include=; fi
base='^rr_status (rr_fail|rr_fail_within)\('
config='^rr_status rr_config_fail\('

# shellcheck disable=SC2086 # words
{
    status=0
    find src -name '*.c' | sort | xargs grep -LE "$base|$config" | tidy $include || status=1
    find src -name '*.c' | sort | xargs grep -lE "$base" | tidy $include --extra-arg=-DRR_LINT_DEFINES_FAIL || status=1
    find src -name '*.c' | sort | xargs grep -lE "$config" | tidy $include --extra-arg=-DRR_LINT_DEFINES_CONFIG_FAIL || status=1
}
exit $status
