#!/bin/bash
# SQLite's own veryquick with our VFS as the default, each file in a process and a folder of its own,
# over volumes in memory. SQLite itself is that of Debian's source package, compiled into its
# testfixture. veryquick_exclusions.tsv says which files and cases do not apply, each with its
# reason; this fails if any other does not pass, and if one of those does.
# Usage: tests/compat/veryquick.sh [BUILD_FOLDER [FIRST_N_FILES]]
# Needs tcl-dev. HEXAD_SUITE_JOBS (2), HEXAD_SUITE_TIMEOUT (30 seconds a file), HEXAD_SUITE_PLAIN=1
# for SQLite's own VFS instead of ours, which shows what does not pass there either.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:-$here/../../build}" && pwd)
files=${2:-100000}
jobs=${HEXAD_SUITE_JOBS:-2}
source=$("$here/fetch_sqlite.sh")
source=${source%/}
work=$(dirname "$source")/veryquick
mkdir -p "$work" && cd "$work"

ninja -C "$build" hexad_suite_vfs >/dev/null
[ -f Makefile ] || "$source/configure" --enable-shared=no --with-tcl=/usr/lib/tcl8.6 >configure.log 2>&1
make sqlite3.c >make.log 2>&1
rm -f testfixture  # make has a plan only for what is not there
make -n testfixture >plan.log 2>&1
FLAGS=$(head -1 plan.log | tr ' ' '\n' | grep -E '^-[DI]' | grep -v PRIVATE | tr '\n' ' ')
export FLAGS
# Objects count for the sources, the flags and the compiler that made them, and only if all of them
# were made.
tr ' ' '\n' <plan.log | grep '\.c$' | sort -u >sources
made_of=$({ echo "$FLAGS"; gcc --version; xargs cat <sources; cat sqlite3.h; } | sha256sum | cut -c1-16)
objects=o/$made_of
if [ ! -d "$objects" ]; then
  rm -rf o && mkdir -p o/new
  xargs -P "$jobs" -I{} sh -c 'gcc -O1 -w $FLAGS -DSQLITE_PRIVATE= \
    -DSQLITE_EXTRA_INIT=hexad_suite_init -c {} -o o/new/$(basename {} .c).o' <sources
  mv o/new "$objects"
fi
g++ "$objects"/*.o $("$here/link_flags.sh" "$build") -ltcl8.6 -lm -lz -ldl -lpthread -o testfixture

(mkdir -p list && cd list && HEXAD_SUITE_PLAIN=1 ../testfixture "$here/veryquick.tcl" "$source/test") |
  sed -n 's/^file: //p' | sort | sed "${files}q" >files
# Files that may not be written are there to be refused, which root is not.
run=$(mktemp -d)
trap 'rm -rf "$run"' EXIT
cp testfixture "$here/veryquick_one.sh" "$run"
as=()
if [ "$(id -u)" = 0 ]; then
  as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
  chown nobody "$run"
  if ! "${as[@]}" test -r "$source/test/tester.tcl"; then
    chmod 755 "$run" && mkdir "$run/source"
    cp -r "$source/test" "$source/ext" "$run/source"
    sed -i "s,^$source/,$run/source/," files
  fi
fi
(cd "$run" && mkdir "in" && { [ ${#as[@]} = 0 ] || chown nobody "in"; } &&
  "${as[@]}" xargs -P "$jobs" -I{} ./veryquick_one.sh "$run/testfixture" "$run/in" {}) <files |
  sort >results.txt
rm -rf said && mkdir said && find "$run/in" -name '*.out' -exec cp {} said \;
awk -f "$here/veryquick_check.awk" -v whole="$([ "$files" = 100000 ] && echo 1 || echo 0)" \
  "$here/veryquick_exclusions.tsv" results.txt
