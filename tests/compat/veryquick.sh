#!/bin/bash
# SQLite's own veryquick with our VFS as the default, each file in a process and a folder of its own,
# over volumes in memory. SQLite itself is that of Debian's source package, compiled into its
# testfixture. What does not pass is asked again on SQLite's own VFS: what fails there too says
# nothing about ours. Usage: tests/compat/veryquick.sh [BUILD_FOLDER [FIRST_N_FILES]]
# Needs tcl-dev. HEXAD_SUITE_JOBS (2), HEXAD_SUITE_TIMEOUT (30 seconds a file).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:-$here/../../build}" && pwd)
files=${2:-100000}
jobs=${HEXAD_SUITE_JOBS:-2}
source=$("$here/fetch_sqlite.sh")
source=${source%/}
work=$(dirname "$source")/veryquick
mkdir -p "$work/list" && cd "$work"

ninja -C "$build" hexad_suite_vfs >/dev/null
[ -f Makefile ] || "$source/configure" --enable-shared=no --with-tcl=/usr/lib/tcl8.6 >configure.log 2>&1
make sqlite3.c >make.log 2>&1
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

(cd list && HEXAD_SUITE_PLAIN=1 ../testfixture "$here/veryquick.tcl" "$source/test") |
  sed -n "s/^file: //p" | sort | sed "${files}q" >files
ask() {  # ask FOLDER < files: one line for each
  rm -rf "$1" && mkdir "$1"
  xargs -P "$jobs" -I{} "$here/veryquick_one.sh" "$work/testfixture" "$work/$1" {}
}
ask ours <files | sort >ours.txt
awk '$2 != "passed" { print $1 }' ours.txt >not_passed
{ grep -F -f <(sed 's,.*,/&.test,' not_passed) files || true; } | HEXAD_SUITE_PLAIN=1 ask plain | sort >plain.txt
awk '$2 == "passed" { print $1 }' plain.txt | sort | comm -12 - <(sort not_passed) >differs.txt

passed=$(grep -c ' passed ' ours.txt || true)
echo "files: $(wc -l <ours.txt), passed: $passed, not on SQLite's own VFS either:" \
  "$(($(wc -l <not_passed) - $(wc -l <differs.txt))), on ours only: $(wc -l <differs.txt)"
echo "tests in the files that passed: $(awk '$2 == "passed" { n += $4 } END { print n + 0 }' ours.txt)"
# The first sign in a file of what it needs of a VFS that ours does not offer; not a diagnosis.
while read -r name; do
  file=$(grep -m1 "/$name.test$" files)
  what=$(while IFS=$'\t' read -r pattern why; do
    grep -qiE -e "$pattern" "$file" && { echo "$why"; break; }
  done <"$here/veryquick_signs.tsv")
  printf '%s\t%s\n' "${what:-no sign}" "$name"
done <differs.txt | sort >why.txt
cut -f1 why.txt | uniq -c
grep -P '^no sign\t' why.txt | cut -f2 | tr '\n' ' '
echo
