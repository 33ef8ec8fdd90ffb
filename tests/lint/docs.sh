#!/bin/sh
# docs.sh ROOT PROGRAM: docs/config.md is what the schema says now.
set -eu
cd "$1"
if ! "$2" config --markdown | diff -u docs/config.md -; then
    echo "docs/config.md is stale. Renew it: ringrnn config --markdown >docs/config.md"
    exit 1
fi
