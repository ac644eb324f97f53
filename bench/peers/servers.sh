# What every server here needs. Sourced by run.

# PostgreSQL does not run as root, and MariaDB should not: as their own users then, else as who calls.
server_user() { if [[ $(id -u) -eq 0 ]]; then echo "$1"; else id -un; fi; }

as_server() {
  local user=$1
  shift
  if [[ $user == "$(id -un)" ]]; then (cd / && "$@"); else (cd / && runuser -u "$user" -- "$@"); fi
}

server_folder() {
  mkdir -p "$1"
  if [[ $(id -u) -eq 0 ]]; then chown "$2" "$1"; fi
}

# WHAT CONDITION
wait_until() {
  local deadline=$((SECONDS + 60))
  until eval "$2" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || fail "waited a minute for $1"
    sleep 0.05
  done
}

# What is missing is said, or installed. A cluster that Debian's package starts by itself is stopped.
check_packages() {
  local missing=() system
  command -v sysbench >/dev/null || missing+=(sysbench)
  command -v curl >/dev/null || missing+=(curl)
  command -v pgbench >/dev/null || missing+=(postgresql-15)
  command -v psql >/dev/null || missing+=(postgresql-client-15)
  for system in $systems; do missing+=($("${system}_missing" || true)); done
  if ((${#missing[@]} == 0)); then return; fi
  if [[ -z $install || ${missing[*]} == *"("* ]]; then
    echo "peers: missing: ${missing[*]}" >&2
    echo "  next: apt-get install --no-install-recommends ${missing[*]%%(*}, or --install" >&2
    exit 1
  fi
  local as_root=()
  if [[ $(id -u) -ne 0 ]]; then as_root=(sudo); fi
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" ||
    fail "apt-get failed (its message is above)"
  if [[ " ${missing[*]} " == *" postgresql-15 "* ]]; then
    "${as_root[@]}" pg_ctlcluster 15 main stop 2>/dev/null || true
  fi
  if [[ " ${missing[*]} " == *" mariadb-server "* && -d /run/systemd/system ]]; then
    "${as_root[@]}" systemctl stop mariadb
  fi
}
