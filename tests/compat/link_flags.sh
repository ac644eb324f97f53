#!/bin/bash
# What a program needs to have the VFS of suite_vfs.cc in it, from the build folder $1.
set -euo pipefail
build=$1
archives=$(for name in hexad_suite_vfs hexad_compute_vfs hexad_compute_engine hexad_compute_core \
                       hexad_backtrack hexad_quorum hexad_base; do
  find "$build" -name "lib$name.a"
done)
echo -Wl,--start-group $archives -Wl,--end-group \
  $(pkg-config --libs absl_status absl_statusor absl_strings absl_str_format absl_time absl_synchronization)
