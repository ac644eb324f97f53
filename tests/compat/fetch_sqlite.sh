#!/bin/bash
# Fetches Debian's source package of the SQLite that is installed, and prints where it lies. Nothing
# of it is kept in the repository, and the system's package lists are left as they are.
set -euo pipefail
cache=${HEXAD_COMPAT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hexad/compat}
suite=${HEXAD_DEBIAN_SUITE:-bookworm}
mkdir -p "$cache"/apt/{lists/partial,cache/archives/partial,download}
cd "$cache"
if ! ls -d sqlite3-*/src >/dev/null 2>&1; then
  echo "deb-src http://deb.debian.org/debian $suite main" >apt/sources.list
  apt=(apt-get -qq -o "Dir::Etc::sourcelist=$cache/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
       -o "Dir::State::lists=$cache/apt/lists" -o "Dir::Cache=$cache/apt/cache"
       -o "APT::Sandbox::User=$(id -un)")
  "${apt[@]}" update >&2
  (cd apt/download && "${apt[@]}" source --download-only sqlite3 >&2)
  tar xf apt/download/sqlite3_*.orig.tar.xz
fi
ls -d "$cache"/sqlite3-*/
