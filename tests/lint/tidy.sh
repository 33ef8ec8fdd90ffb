#!/bin/sh
# tidy.sh ROOT BUILD: clang-tidy with the checks of .clang-tidy over src/, as compiled in that build folder.
set -eu
cd "$1"
build=$2
command -v clang-tidy >/dev/null || { echo "skipped: needs clang-tidy" && exit 77; }
find src -name '*.c' | sort | xargs -P 2 -n 4 clang-tidy -p "$build" --quiet --warnings-as-errors='*' 2>/dev/null
