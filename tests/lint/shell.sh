#!/bin/sh
# shell.sh ROOT: shellcheck over every shell script, found by name or by its first line.
set -eu
cd "$1"
command -v shellcheck >/dev/null || { echo "skipped: needs shellcheck" && exit 77; }
scripts=$(
    find . \( -path ./build -o -path ./runs -o -path ./.git \) -prune -o -type f -print | sort | while read -r file; do
        case $file in
        *.sh) echo "$file" ;;
        *) if head -n 1 "$file" | LC_ALL=C grep -aqE '^#!.*[/ ](ba|da)?sh'; then echo "$file"; fi ;;
        esac
    done
)
# shellcheck disable=SC2086 # a list of names without blanks
shellcheck -x $scripts
