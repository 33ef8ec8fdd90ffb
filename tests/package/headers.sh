#!/bin/sh
# headers.sh INCLUDE CC CXX: every public header compiles on its own, twice in a row, in C11 and in C++11.
set -eu
include=$1 cc=$2 cxx=$3
source=$(mktemp -d)
trap 'rm -rf "$source"' EXIT
count=0
for header in "$include"/ringrnn/*.h; do
    name=ringrnn/${header##*/}
    printf '#include "%s"\n#include "%s"\nint main(void) { return 0; }\n' "$name" "$name" >"$source/alone.c"
    cp "$source/alone.c" "$source/alone.cpp"
    "$cc" -std=c11 -Wall -Wextra -Wstrict-prototypes -pedantic-errors -Werror -I "$include" -fsyntax-only "$source/alone.c"
    if command -v "$cxx" >/dev/null; then
        "$cxx" -std=c++11 -Wall -Wextra -pedantic-errors -Werror -I "$include" -fsyntax-only "$source/alone.cpp"
    else
        echo "$cxx is not here: $name was not tried in C++"
    fi
    count=$((count + 1))
done
echo "$count headers"
[ $count -gt 0 ]
