#!/bin/sh
# cppcheck.sh ROOT: static analysis of src/. Where a finding is wrong, the line says so: // cppcheck-suppress name
set -eu
cd "$1"
command -v cppcheck >/dev/null || { echo "skipped: needs cppcheck" && exit 77; }
# uninitvar and internalAstError come from cppcheck losing its way in compound literals; the compiler and clang-tidy look for
# uninitialised variables too.
cppcheck --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 --quiet -j 2 \
    --suppress=missingInclude --suppress=unmatchedSuppression --suppress=uninitvar --suppress=internalAstError \
    --suppress=normalCheckLevelMaxBranches \
    -D__x86_64__ -D__GNUC__=12 -DOPEN_MPI -I src -I include src
