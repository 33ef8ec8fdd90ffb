#!/bin/sh
# layers.sh ROOT: a room of src/ includes only rooms to its left, and the headers of a library are included in one room alone.
# shellcheck disable=SC2016 # the program in single quotes is for awk
set -eu
cd "$1"

# room: the rooms that it may include
rooms='base:
config: base
math: config base
nn: math config base
dist: math config base
data: config base
log: config base
optim: nn math config base
ckpt: nn math config base
task: data nn math config base
model: task optim ckpt log data nn math config base
train: model task optim ckpt log dist data nn math config base
bench: train model task optim ckpt log dist data nn math config base
doctor: bench train model task optim ckpt log dist data nn math config base
cli: doctor bench train model task optim ckpt log dist data nn math config base'

# header: the rooms that may include it
libraries='mpi.h: dist
cblas.h: math
openblas_config.h: math
libxsmm.h: math bench
yaml.h: config'

find src -name '*.[ch]' | sort | xargs awk -v rooms="$rooms" -v libraries="$libraries" '
function words(table, allowed, known,    lines, count, i, parts, names, j, n) {
    count = split(table, lines, "\n")
    for (i = 1; i <= count; i++) {
        split(lines[i], parts, ":")
        known[parts[1]] = 1
        n = split(parts[2], names, " ")
        for (j = 1; j <= n; j++) allowed[parts[1], names[j]] = 1
    }
}
function complain(text) {
    printf "%s:%d: %s\n", FILENAME, FNR, text
    failed = 1
}
BEGIN { words(rooms, room_allowed, room_known); words(libraries, library_allowed, library_known) }
FNR == 1 {
    split(FILENAME, path, "/")
    room = path[2]
    if (!(room in room_known)) complain("src/" room " is no room; tests/lint/layers.sh lists them")
}
/^[ \t]*#[ \t]*include/ {
    header = $0
    sub(/^[^<"]*[<"]/, "", header)
    sub(/[>"].*$/, "", header)
    if (header in library_known) {
        if (!((header, room) in library_allowed)) complain(header " does not belong in src/" room)
    } else if ($0 ~ /"/) {
        split(header, part, "/")
        if (part[1] == "ringrnn" || part[1] == room) next
        if (!(part[1] in room_known)) {
            if (header !~ /\.pb-c\.h$/) complain("\"" header "\": own headers are named from src/, others stand in <>")
        } else if (!((room, part[1]) in room_allowed)) complain("src/" room " may not include src/" part[1] " (" header ")")
    }
}
END { exit failed }'

# What CMake lets a room see must not be more than that.
if [ -f src/CMakeLists.txt ]; then
    sed -n 's/^rr_add_room(\([a-z]*\) DEPENDS \([a-z ]*[a-z]\).*/\1 \2/p' src/CMakeLists.txt | sed 's/ LIBRARIES.*//' |
        while read -r room depends; do
            allowed=$(echo "$rooms" | sed -n "s/^$room://p")
            for other in $depends; do
                case " $allowed " in
                *" $other "*) ;;
                *) echo "src/CMakeLists.txt: $room may not depend on $other" && exit 1 ;;
                esac
            done
        done
fi
