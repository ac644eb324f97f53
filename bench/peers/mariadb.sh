# MariaDB, a master and two replicas; a commit is answered when it is on the master's disk (redo log and binary
# log) and one replica has it in its relay log (by default that one is not synced before it answers, and it stays
# so here). Sourced by run.
my_port=${HEXAD_PEERS_MARIADB_PORT:-17306}
my_user=$(server_user mysql)
declare -A my_pids=()

mariadb_missing() {
  command -v mariadbd >/dev/null || [[ -x /usr/sbin/mariadbd ]] || echo mariadb-server
}

# NAME NUMBER OPTION...
mariadb_launch() {
  local home=$work/mariadb/$1 number=$2
  shift 2
  setsid "$(PATH=$PATH:/usr/sbin command -v mariadbd)" --no-defaults --user="$my_user" --datadir="$home" \
    --socket="$home/socket" --pid-file="$home/pid" --log-error="$home.log" --server-id=$((number + 1)) \
    --bind-address=127.0.0.1 --port=$((my_port + number)) --skip-name-resolve --max-connections=200 \
    --innodb-buffer-pool-size=512M --innodb-log-file-size=1G --innodb-flush-log-at-trx-commit=1 \
    --sync-binlog=1 "$@" </dev/null >/dev/null 2>&1 &
  my_pids[$number]=$!
  wait_until "MariaDB on port $((my_port + number))" "my_sql $number 'SELECT 1'"
}

my_sql() { mariadb --no-defaults -h 127.0.0.1 -P $((my_port + $1)) -u bench -N -B -e "$2" 2>/dev/null; }

mariadb_start() {
  local home=$work/mariadb number
  server_folder "$home" "$my_user"
  cat >"$home/init.sql" <<SQL
FLUSH PRIVILEGES;
CREATE USER bench@'127.0.0.1';
GRANT ALL ON *.* TO bench@'127.0.0.1' WITH GRANT OPTION;
CREATE DATABASE main;
SQL
  mariadb-install-db --no-defaults --user="$my_user" --datadir="$home/master" --skip-test-db \
    --auth-root-authentication-method=normal --extra-file="$home/init.sql" >"$home.install" 2>&1 ||
    fail "mariadb-install-db: $(tail -n 5 "$home.install")"
  for number in 1 2; do
    cp -a "$home/master" "$home/r$number"
    mariadb_launch "r$number" "$number" --rpl-semi-sync-slave-enabled=1 --relay-log=relay
  done
  # A timeout that does not come: it would make replication asynchronous, silently.
  mariadb_launch master 0 --log-bin=binlog --binlog-format=ROW --rpl-semi-sync-master-enabled=1 \
    --rpl-semi-sync-master-timeout=600000 --rpl-semi-sync-master-wait-point=AFTER_SYNC
  for number in 1 2; do
    my_sql "$number" "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=$my_port, MASTER_USER='bench',
      MASTER_USE_GTID=slave_pos; START SLAVE"
  done
  wait_until "MariaDB's replicas" '[[ $(my_status Rpl_semi_sync_master_clients) == 2 ]]'
}

my_status() { my_sql 0 "SHOW GLOBAL STATUS LIKE '$1'" | cut -f 2; }

mariadb_version() { my_sql 0 "SELECT version()"; }

mariadb_sysbench() {
  echo --db-driver=mysql --mysql-host=127.0.0.1 --mysql-port="$my_port" --mysql-user=bench --mysql-db=main
}

mariadb_settle() {
  local position number
  position=$(my_sql 0 "SELECT @@gtid_binlog_pos")
  for number in 1 2; do
    [[ $(my_sql "$number" "SELECT MASTER_GTID_WAIT('$position', 60)") == 0 ]] ||
      fail "MariaDB's replica $number did not catch up within a minute"
  done
  [[ $(my_status Rpl_semi_sync_master_status) == ON ]] || fail "MariaDB's replication is not semi-synchronous any more"
}

mariadb_stop() {
  local pid
  for pid in "${my_pids[@]}"; do kill -9 "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true; done
}
