#!/bin/sh
# tidy.sh ROOT BUILD: clang-tidy with the checks of .clang-tidy over src/, as compiled in that build folder.
set -eu
lints=$(cd "$(dirname "$0")" && pwd)
cd "$1"
build=$2
command -v clang-tidy >/dev/null || { echo "skipped: needs clang-tidy" && exit 77; }

tidy() { xargs -r -P 2 -n 4 clang-tidy -p "$build" --quiet --warnings-as-errors='*' "$@" 2>/dev/null; }

status=0
if [ -f src/base/error.h ]; then
    # The files that define the functions of failing.h do without it.
    defining='^rr_status (rr_fail|rr_fail_within|rr_config_fail)\('
    find src -name '*.c' | sort | xargs grep -LE "$defining" |
        tidy --extra-arg="-include$lints/failing.h" --extra-arg="-I$PWD/src" --extra-arg="-I$PWD/include" || status=1
    find src -name '*.c' | sort | xargs grep -lE "$defining" | tidy || status=1
else
    find src -name '*.c' | sort | tidy || status=1
fi
exit $status
