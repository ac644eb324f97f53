# Hexad, six storage nodes and a compute; a commit is answered when its log is on four nodes' disks. Sourced by run.
hexad=$here/../../build/bin/hexad

hexad_missing() {
  [[ -x $hexad ]] || echo "(build/bin/hexad: cluster-scripts/build)"
}

hexad_start() {
  "$hexad" --dir "$work/hexad" up >"$work/hexad.up" || fail "hexad up: $(cat "$work/hexad.up")"
  hexad_sql=$(hexad_says sql)
  hexad_metrics=$(hexad_says writer_metrics)
}

hexad_says() { "$hexad" --dir "$work/hexad" status --json | sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" | head -1; }

hexad_version() { "$hexad" --version | head -1; }

hexad_sysbench() {
  echo --db-driver=pgsql --pgsql-host="${hexad_sql%:*}" --pgsql-port="${hexad_sql##*:}" --pgsql-user=bench --pgsql-db=main
}

hexad_address() { echo "${hexad_sql%:*} ${hexad_sql##*:}"; }

# Every segment has every record. Pages are made of the log later; that is a second's work in the background.
hexad_settle() {
  wait_until "Hexad's segments to catch up" \
    '! "$hexad" --dir "$work/hexad" status --json | grep -q "\"lag_records\": [1-9]"'
  sleep 0.3
}

# On 2026-11-23 one request for the compute's /metrics ended the compute, so this is only done when asked for.
# The sum of a counter of the volume's writer; 0, and curl's complaint, if there is no answer: what the table
# of bytes then says is that they were not measured.
hexad_counter() {
  { curl -sS --max-time 5 "http://$hexad_metrics/metrics" || true; } |
    awk -v name="hexad_compute_$1" '{ split($1, series, "{") } series[1] == name { sum += $2 } END { printf "%.0f", sum }'
}

hexad_stop() {
  if [[ -e $work/hexad ]]; then "$hexad" --dir "$work/hexad" down --wipe >/dev/null || true; fi
}
