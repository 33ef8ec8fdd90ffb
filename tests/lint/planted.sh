#!/bin/sh
# planted.sh LINTS: each lint passes a small clean tree and fails when one violation is planted in it.
# shellcheck disable=SC2016 # the texts in single quotes are for files and for awk
set -eu
lints=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$lints/../.." && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failed=0

clean() {
    rm -rf "${tree:?}"/*
    for folder in src/base src/math src/nn src/dist include tests tools docs build; do mkdir -p "$tree/$folder"; done
    cp "$root/.clang-format" "$root/.clang-tidy" "$tree"
    printf '#include <mpi.h>\n\n#include "base/a.h"\n' >"$tree/src/dist/comm.h"
    printf 'int rr_a(int a);\n' >"$tree/src/base/a.h"
    printf '#include "base/a.h"\n\nint rr_a(int a) { return a + 1; }\n' >"$tree/src/base/a.c"
    printf 'rr_add_room(base LIBRARIES m)\nrr_add_room(math DEPENDS config base LIBRARIES x)\n' >"$tree/src/CMakeLists.txt"
    printf '#!/bin/sh\necho "$1"\n' >"$tree/tools/run"
    printf '#!/bin/sh\necho "# Keys"\n' >"$tree/tools/program"
    chmod +x "$tree/tools/program"
    printf '# Keys\n' >"$tree/docs/config.md"
    printf '[{"directory": "%s", "command": "cc -Isrc -c src/base/a.c", "file": "src/base/a.c"}]\n' "$tree" \
        >"$tree/build/compile_commands.json"
}

run() {
    case $1 in
    tidy) "$lints/tidy.sh" "$tree" "$tree/build" ;;
    docs) "$lints/docs.sh" "$tree" "$tree/tools/program" ;;
    *) "$lints/$1.sh" "$tree" ;;
    esac >"$tree/build/out" 2>&1
}

# passes LINT: the clean tree is fine. Returns 1 where the tool is not installed.
passes() {
    clean
    code=0
    run "$1" || code=$?
    if [ $code -eq 77 ]; then echo "$1: $(cat "$tree/build/out")" && return 1; fi
    if [ $code -ne 0 ]; then
        echo "$1: fails on a clean tree:" && cat "$tree/build/out"
        failed=1
    fi
}

# catches LINT WHAT FILE TEXT: with that text in that file the lint fails, and names the file
catches() {
    clean
    # shellcheck disable=SC2059 # the text has escapes
    printf "$4" >"$tree/$3"
    if run "$1" || ! grep -q "$3" "$tree/build/out"; then
        echo "$1: does not see $2:" && cat "$tree/build/out"
        failed=1
    else
        echo "$1: sees $2"
    fi
}

if passes layers; then
    catches layers 'a room to the right' src/math/b.c '#include "nn/cell.h"\n'
    catches layers 'mpi.h outside dist' src/nn/b.c '#include <mpi.h>\n'
    catches layers 'cblas.h outside math' src/nn/b.h '#  include "cblas.h"\n'
    catches layers 'yaml.h outside config' src/base/b.c '#include <yaml.h>\n'
    catches layers 'a header without its room' src/base/b.c '#include "a.h"\n'
    catches layers 'a dependency to the right' src/CMakeLists.txt 'rr_add_room(math DEPENDS nn base LIBRARIES x)\n'
fi
if passes words; then
    catches words 'a path of one machine' src/base/b.c "/* see /wo""rk/main/x */\n"
    catches words 'a folder of one build' tools/b.sh "cd /t""mp/build\n"
    catches words 'a blank at a line end' docs/b.md 'text \n'
    catches words 'a conflict' docs/b.md '<<<<<''<< here\n'
    catches words 'a long file' src/base/b.c "$(yes '' | head -n 601 | sed 's/$/\\n/' | tr -d '\n')"
fi
if passes format; then catches format 'bad layout' src/base/b.c 'int  rr_b( void ){return 1;}\n'; fi
if passes shell; then catches shell 'an unquoted variable' tools/b '#!/bin/sh\nrm $1\n'; fi
if passes cppcheck; then
    catches cppcheck 'a leak' src/base/a.c \
        '#include <stdlib.h>\nint rr_a(int a) {\n    char *p = malloc(4);\n    p[a] = 1;\n    return p[0];\n}\n'
fi
if passes tidy; then
    catches tidy 'a null dereference' src/base/a.c 'int rr_a(int *a) {\n    if (a == 0) return *a;\n    return 0;\n}\n'
    catches tidy 'a body that stands on its own' src/base/a.c \
        'int rr_a(int a) {\n    if (a);\n    {\n        a++;\n    }\n    return a;\n}\n'
fi
if passes docs; then catches docs 'a stale page' docs/config.md '# Old keys\n'; fi
exit $failed
