#!/usr/bin/env bash
# Installs into a temporary prefix, moves it, and builds one consumer by pkg-config and one by find_package.
set -eu
cc=${CC:-cc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
here=$CSYFT_SOURCE_DIR/tests/install

fail() {
    echo "FAILED: $1" >&2
    exit 1
}

cmake --install "$CSYFT_BINARY_DIR" --prefix "$work/first" >"$work/install.log" || fail "cmake --install"
mv "$work/first" "$work/prefix" # nothing installed may know where it was put
prefix=$work/prefix

pc=$(find "$prefix" -name csyft.pc)
[ -n "$pc" ] || fail "csyft.pc is not installed"
export PKG_CONFIG_PATH=${pc%/*}
libdir=$(pkg-config --variable=libdir csyft)
[ -f "$libdir/libcsyft.so" ] || fail "libdir of csyft.pc has no libcsyft.so"
soname=$(readelf -d "$libdir/libcsyft.so" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
[ "$soname" = libcsyft.so.0 ] || fail "SONAME is '$soname'"

# shellcheck disable=SC2046
"$cc" -std=c17 -Wall -Wextra -pedantic -Werror -o "$work/by_pkg_config" "$here/consumer.c" \
    $(pkg-config --cflags --libs csyft) || fail "pkg-config consumer does not build"
LD_LIBRARY_PATH=$libdir "$work/by_pkg_config" >"$work/answer" || fail "pkg-config consumer does not run"
[ "$(cat "$work/answer")" = "csyft $(pkg-config --modversion csyft)" ] ||
    fail "csyft.pc says $(pkg-config --modversion csyft), the library says $(cat "$work/answer")"

cmake -S "$here/find_package" -B "$work/build" -G Ninja -DCMAKE_C_COMPILER="$cc" -DCMAKE_PREFIX_PATH="$prefix" \
    >"$work/configure.log" 2>&1 || { cat "$work/configure.log"; fail "find_package(csyft)"; }
cmake --build "$work/build" >"$work/build.log" 2>&1 || { cat "$work/build.log"; fail "find_package consumer"; }
"$work/build/consumer" || fail "find_package consumer does not run"

if [ -x "$CSYFT_PROGRAM" ]; then
    env -u LD_LIBRARY_PATH "$prefix/bin/csyft" --help >/dev/null || fail "the installed program does not start"
fi
for page in "$CSYFT_SOURCE_DIR"/docs/man/*.1; do
    [ ! -e "$page" ] || [ -f "$prefix/share/man/man1/${page##*/}" ] || fail "${page##*/} is not installed"
done
