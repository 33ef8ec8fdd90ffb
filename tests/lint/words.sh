#!/bin/sh
# words.sh ROOT: no paths of somebody's machine, no blanks at line ends, no conflict marks, no long files.
set -eu
cd "$1"
longest=600 # lines; a file does one thing

# Everything that is not made by a build. Golden files and the like are binary: grep -I passes them over.
files() {
    find . \( -path ./build -o -path ./runs -o -path ./.git -o -name __pycache__ \) -prune -o -type f -print | sort
}

status=0
# found TEXT PATTERN: complains about lines that match
found() {
    if files | grep -v -e '^\./LICENSE$' | xargs grep -InE -e "$2" -- /dev/null; then
        echo "^ $1"
        status=1
    fi
}

found 'a path of one machine' '(^|[^A-Za-z0-9_.$}-])/(wor[k]|home|root|Users|opt|mnt)/[A-Za-z.]'
found 'a path of one machine' '/tm[p]/[A-Za-z]'
found 'blanks at the end of a line' '[[:blank:]]+$'
found 'a mark of a merge conflict' '^(<<<<<<<|=======|>>>>>>>)( |$)'

for file in $(files | grep -E '\.(c|h|sh|py|cmake|proto)$|/CMakeLists\.txt$|^\./tools/[^.]*$'); do
    lines=$(wc -l <"$file")
    if [ "$lines" -gt $longest ]; then
        echo "$file: $lines lines, more than $longest: it does more than one thing"
        status=1
    fi
done
exit $status
