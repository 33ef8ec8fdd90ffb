#!/bin/sh
# install.sh static|shared SOURCE BUILD CMAKE CC: installs into a staging folder, moves that folder, and builds, links and
# runs programs against it: found by CMake's find_package and by pkg-config, with MPI and without.
set -eu
kind=$1 source=$2 build=$3 cmake=$4 cc=$5
work=$build/tests/package/$kind
rm -rf "$work"
mkdir -p "$work"

if [ "$kind" = shared ]; then
    "$cmake" -S "$source" -B "$work/build" -G Ninja -DCMAKE_C_COMPILER="$cc" -DCMAKE_BUILD_TYPE=Debug \
        -DBUILD_SHARED_LIBS=ON -DRINGRNN_BUILD_TESTS=OFF >"$work/log"
    "$cmake" --build "$work/build" --parallel 2 >>"$work/log" || { cat "$work/log" && exit 1; }
    build=$work/build
fi
"$cmake" --install "$build" --prefix "$work/first" >"$work/install.log"
mv "$work/first" "$work/stage" # an installed package does not know where it was built for
stage=$work/stage

for file in include/ringrnn/ringrnn.h share/ringrnn/configs share/doc/ringrnn/LICENSE bin/ringrnn; do
    if [ ! -e "$stage/$file" ]; then echo "not installed: $file" && exit 1; fi
done

# ran PROGRAM: it runs, and says what it should
ran() {
    said=$(LD_LIBRARY_PATH=$libraries "$1")
    if [ "$said" != "$(basename "$1"): as expected" ]; then echo "$1 said: $said" && exit 1; fi
    echo "$said"
}
libraries=$(dirname "$(find "$stage" -name 'libringrnn_core.*' | head -n 1)")

"$cmake" -S "$source/tests/package/consumer" -B "$work/consumer" -G Ninja -DCMAKE_C_COMPILER="$cc" \
    -DCMAKE_PREFIX_PATH="$stage" >"$work/consumer.log"
"$cmake" --build "$work/consumer" >>"$work/consumer.log" || { cat "$work/consumer.log" && exit 1; }
ran "$work/consumer/core"
ran "$work/consumer/trainer"

PKG_CONFIG_PATH=$libraries/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
export PKG_CONFIG_PATH
how=
if [ "$kind" = static ]; then how=--static; fi
mkdir "$work/pkgconfig"
for program in core trainer; do
    package=ringrnn
    if [ $program = core ]; then package=ringrnn-core; fi
    # shellcheck disable=SC2046,SC2086 # flags are words
    "$cc" "$source/tests/package/consumer/$program.c" -o "$work/pkgconfig/$program" \
        $(pkg-config --cflags $package) $(pkg-config --libs $how $package)
    ran "$work/pkgconfig/$program"
done

# The core needs no MPI: neither the library nor a program that links it.
if ldd "$work/pkgconfig/core" "$work/consumer/core" | grep -i libmpi; then
    echo "the core is linked with MPI"
    exit 1
fi
