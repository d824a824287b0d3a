#!/usr/bin/env bash
# Each public header compiles on its own, without warnings, as C17 and (where a compiler is there) as C++17.
set -eu
cc=${CC:-cc}
include=$CSYFT_SOURCE_DIR/include
flags=(-fsyntax-only -Wall -Wextra -Wundef -pedantic -Werror -I "$include")
failed=0
count=0
for header in "$include"/csyft/*.h; do
    name=csyft/${header##*/}
    count=$((count + 1))
    printf '#include <%s>\n#include <%s>\n' "$name" "$name" |
        "$cc" -std=c17 -Wstrict-prototypes "${flags[@]}" -x c - || { echo "FAILED: $name as C17"; failed=1; }
    if command -v c++ >/dev/null; then
        printf '#include <%s>\n' "$name" |
            c++ -std=c++17 "${flags[@]}" -x c++ - || { echo "FAILED: $name as C++17"; failed=1; }
    fi
done
echo "$count headers"
[ "$count" -gt 0 ] && [ "$failed" -eq 0 ]
