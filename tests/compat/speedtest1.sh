#!/bin/bash
# SQLite's speedtest1 on a plain file and on a volume in memory through our VFS, with Debian's
# libsqlite3 for both. Usage: tests/compat/speedtest1.sh [BUILD_FOLDER [SIZE]]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:-$here/../../build}" && pwd)
size=${2:-20}
source=$("$here/fetch_sqlite.sh")
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
ninja -C "$build" hexad_suite_vfs >/dev/null
gcc -O2 -w -Dmain=speedtest1_main -c "$source/test/speedtest1.c" -o "$work/speedtest1.o"
g++ -O2 -std=c++20 "$here/speedtest1_main.cc" "$work/speedtest1.o" $("$here/link_flags.sh" "$build") \
  -lsqlite3 -o "$work/speedtest1"
cd "$work"
# Equal work: --verify prints a hash of all answers.
for vfs in unix hexad-suite; do
  printf '%-12s ' "$vfs"
  HEXAD_SUITE_PLAIN=1 ./speedtest1 --vfs "$vfs" --size "$size" --verify "$vfs.db" >"$vfs.out" || {
    tail -3 "$vfs.out"
    exit 1
  }
  awk '/TOTAL/ { print $NF }' "$vfs.out"
  grep -i 'hash' "$vfs.out" >"$vfs.hash"
done
cmp unix.hash hexad-suite.hash && echo "equal answers: $(tail -1 unix.hash)"
