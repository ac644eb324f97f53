# The loads and their clients: sysbench for all three, pgbench for the two that speak PostgreSQL's protocol.
# Sourced by run.
rows=10000
hexad_page_size=4096

rotated() {
  shift_first=$1
  shift
  echo "$@" "$shift_first"
}

systems_of() {
  if [[ $1 == pgbench-* ]]; then echo "${systems//mariadb/}"; else echo "$systems"; fi
}

script_of() {
  case $1 in
    upsert | pgbench-*) echo "$here/upsert.lua" ;;
    *) echo "$1" ;;
  esac
}

# SYSTEM LOAD COMMAND OPTION...
sysbench_on() {
  local system=$1 load=$2 command=$3 said
  shift 3
  said=$(sysbench "$(script_of "$load")" $("${system}_sysbench") --table-size=$rows "$@" "$command" 2>&1) ||
    fail "sysbench $load $command on $system: $said"
  printf '%s\n' "$said"
}

load_prepare() {
  sysbench_on "$1" "$2" prepare >/dev/null
  "${1}_settle"
}
load_clean() { sysbench_on "$1" "$2" cleanup >/dev/null; }

# SYSTEM LOAD CLIENTS: one cell, as load clients system tps p50 p99 errors/s.
load_measure() {
  local system=$1 load=$2 count=$3 figures
  if [[ -n $bytes && $system == hexad ]]; then hexad_bytes_before; fi
  case $load in
    pgbench-*) figures=$(pgbench_cell "$@") ;;
    *) figures=$(sysbench_cell "$@") ;;
  esac
  if [[ -n $bytes && $system == hexad ]]; then hexad_bytes_after "$load" "$count" "$figures"; fi
  echo "$load $count $system $figures"
  "${system}_settle"
}

# sysbench gives one percentile; its histogram has them all (buckets of 1.6 %).
sysbench_cell() {
  sysbench_on "$1" "$2" run --threads="$3" --time="$seconds" --histogram=on --rand-seed=0 | awk '
    $2 ~ /^\|/ && $NF ~ /^[0-9]+$/ { ++buckets; limit[buckets] = $1; count[buckets] = $NF; all += $NF }
    $1 == "transactions:" { gsub(/\(/, ""); tps = $3 }
    /ignored errors:/ { gsub(/\(/, ""); errors = $4 }
    function percentile(share,   i, seen) {
      for (i = 1; i <= buckets; ++i) { seen += count[i]; if (seen >= share * all) return limit[i] }
    }
    END { if (!all) exit 1; print tps, percentile(0.5), percentile(0.99), errors + 0 }'
}

pgbench_cell() {
  local system=$1 mode=${2#pgbench-} count=$3 address said
  address=($("${system}_address"))
  rm -f "$work"/pgbench_log.*
  said=$(cd "$work" && PGSSLMODE=disable pgbench -n -M "$mode" -c "$count" -j 1 -T "$seconds" -l -f "$here/upsert.pgbench" \
    -h "${address[0]}" -p "${address[1]}" -U bench main 2>&1) || fail "pgbench on $system: $said"
  sed -n 's/^tps = \([0-9.]*\).*/\1/p' <<<"$said"
  cut -d ' ' -f 3 "$work"/pgbench_log.* | sort -n | awk '
    { us[NR] = $1 }
    END { print us[int((NR + 1) / 2)] / 1000, us[int(NR * 0.99 + 0.5)] / 1000, 0 }'
}

hexad_bytes_before() {
  mtrs=$(hexad_counter mtrs_total)
  boxcar_bytes=$(hexad_counter boxcar_bytes_sum)
  sent_bytes=$(hexad_counter log_sent_bytes_total)
}
hexad_bytes_after() {
  echo "$1 $2 $(($(hexad_counter mtrs_total) - mtrs)) $(($(hexad_counter boxcar_bytes_sum) - boxcar_bytes))" \
    "$(($(hexad_counter log_sent_bytes_total) - sent_bytes)) $(awk -v seconds="$seconds" '{ print $1 * seconds; exit }' <<<"$3")" >>"$work/bytes"
}
