#!/bin/bash
# One file of veryquick in a folder of its own: prints "file outcome errors tests cases-that-failed".
# Usage: veryquick_one.sh TESTFIXTURE WORK_FOLDER FILE
fixture=$1 work=$2 file=$3 name=$(basename "$3" .test)
mkdir -p "$work/$name" && cd "$work/$name" || exit 1
timeout "${HEXAD_SUITE_TIMEOUT:-30}" "$fixture" "$file" >../"$name.out" 2>&1
code=$?
cd .. && rm -rf "${work:?}/$name"
line=$(grep -aE '^[0-9]+ errors out of [0-9]+ tests' "$name.out" | tail -1)
if [ $code = 124 ]; then
  echo "$name timeout 0 0"
elif [ -z "$line" ]; then
  echo "$name stopped 0 0"
else
  failed=$(sed -n 's/^!Failures on these tests: //p' "$name.out" | tail -1)
  set -- $line
  [ "$1" = 0 ] && echo "$name passed $1 $5" || echo "$name failed $1 $5 $failed"
fi
