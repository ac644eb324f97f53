# PostgreSQL 15, a primary and two standbys; a commit is answered when its log is on the primary's disk and on
# one standby's. Sourced by run.
pg_bin=/usr/lib/postgresql/15/bin
pg_port=${HEXAD_PEERS_PG_PORT:-17432}
pg_user=$(server_user postgres)

postgresql_missing() {
  [[ -x $pg_bin/postgres ]] || echo postgresql-15
}

# SERVER PORT: of what initdb or pg_basebackup left in its folder.
postgresql_launch() {
  as_server "$pg_user" "$pg_bin/pg_ctl" -D "$work/postgresql/$1" -l "$work/postgresql/$1.log" -w -s \
    -o "-p $2 -c cluster_name=$1" start
}

postgresql_start() {
  local home=$work/postgresql
  server_folder "$home" "$pg_user"
  as_server "$pg_user" "$pg_bin/initdb" -D "$home/primary" -U bench --auth=trust --no-locale -E UTF8 >"$home.initdb" 2>&1
  as_server "$pg_user" tee -a "$home/primary/postgresql.conf" >/dev/null <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
shared_buffers = 512MB
max_connections = 200
max_wal_size = 4GB
fsync = on
synchronous_commit = on
CONF
  postgresql_launch primary "$pg_port"
  local standby
  for standby in 1 2; do
    as_server "$pg_user" "$pg_bin/pg_basebackup" -D "$home/s$standby" -R -c fast \
      -d "host=127.0.0.1 port=$pg_port user=bench application_name=s$standby"
    postgresql_launch "s$standby" $((pg_port + standby))
  done
  pg_sql "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (s1,s2)'" >/dev/null
  pg_sql "SELECT pg_reload_conf()" >/dev/null
  wait_until "PostgreSQL's standbys" \
    '[[ $(pg_sql "SELECT count(*) FROM pg_stat_replication WHERE sync_state = '"'quorum'"'") == 2 ]]'
  pg_sql "CREATE DATABASE main" >/dev/null
}

pg_sql() { psql -XqAt "host=127.0.0.1 port=$pg_port user=bench dbname=postgres" -c "$1"; }

postgresql_version() { pg_sql "SHOW server_version"; }

postgresql_sysbench() {
  echo --db-driver=pgsql --pgsql-host=127.0.0.1 --pgsql-port="$pg_port" --pgsql-user=bench --pgsql-db=main
}

postgresql_address() { echo "127.0.0.1 $pg_port"; }

# Nothing of the last round is left to do when another system's begins.
postgresql_settle() {
  wait_until "PostgreSQL's standbys to catch up" \
    '[[ $(pg_sql "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn >= pg_current_wal_lsn()") == 2 ]]'
}

postgresql_stop() {
  local server
  for server in s1 s2 primary; do
    if [[ -f $work/postgresql/$server/postmaster.pid ]]; then
      as_server "$pg_user" "$pg_bin/pg_ctl" -D "$work/postgresql/$server" -s -m immediate stop || true
    fi
  done
}
