#!/usr/bin/env bash
# demo.sh — the server on a fleet database of its own: finds or installs PostgreSQL with PostGIS, makes a private cluster in
# .demo/, loads scripts/demo, applies the production role, hides two columns, builds the server and runs it until Ctrl-C.
#
#   demo.sh          run the demo; a second run reuses the data for half a day, after which its end would no longer be "now"
#   demo.sh clean    remove the demo's data
#
# Environment:
#   DEMO_LISTEN      address of the server             default 127.0.0.1:8892
#   DEMO_POSITIONS   GPS positions to load             default 1000000
#   DEMO_STALE=1     trackers and fuel cards stopped sending yesterday evening    default: data up to now
#   DEMO_SERVER      run this binary, do not build     default: cargo build --release --locked
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
state=$root/.demo
listen=${DEMO_LISTEN:-127.0.0.1:8892}
positions=${DEMO_POSITIONS:-1000000}
readonly DB=tracksolid_db KEEP_HOURS=12

say() { printf '%s\n' "$*"; }
die() { printf 'demo: %s\n' "$*" >&2; exit 1; }
# shellcheck source=scripts/postgres.sh
. "$root/scripts/postgres.sh"
# lap TEXT: a progress line with the seconds since the one before
now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }
lap_start=$(now_ms)
lap() { local t; t=$(($(now_ms) - lap_start)); printf '==> %s (%d.%d s)\n' "$1" $((t / 1000)) $((t % 1000 / 100)); lap_start=$(now_ms); }

# ── Stopping ─────────────────────────────────────────────────────────────────────────────────────────────────────────
# Everything started here runs in a session of its own, so that Ctrl-C reaches this script alone and things stop in order.
step='' server='' cluster_up='' serving='' locked='' short_socket=''

# run COMMAND...: a long step that a signal can interrupt
run() {
    local rc=0
    setsid "$@" 9>&- &
    step=$!
    wait "$step" || rc=$?
    step=
    return "$rc"
}

alive() { kill -0 "$1" 2> /dev/null; }

# end PID SECONDS [-]: TERM, then KILL; with "-" the whole process group
end() {
    local tries=$(($2 * 20))
    kill -TERM -- "${3:-}$1" 2> /dev/null || return 0
    while alive "$1" && [ "$tries" -gt 0 ]; do sleep 0.05; tries=$((tries - 1)); done
    kill -KILL -- "${3:-}$1" 2> /dev/null || true
}

# shellcheck disable=SC2329 # the trap calls it
cleanup() {
    local rc=$?
    trap '' INT TERM HUP
    [ -z "$step" ] || end "$step" 5 -
    if [ -n "$server" ]; then
        end "$server" 12
        rm -f "$state/server.pid"
    fi
    [ -z "$cluster_up" ] || stop_cluster
    # a run that failed before it made anything leaves nothing
    if [ -n "$locked" ] && [ ! -e "${pg_dir:-$state/pg}" ]; then rm -rf "$state"; fi
    if [ -n "$serving" ] && [ "$rc" -gt 128 ]; then
        say "Stopped. The data stays in $pg_dir: \`make demo\` is up again in seconds, \`make demo-clean\` removes it."
        rc=0
    fi
    exit "$rc"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# ── Where things are ─────────────────────────────────────────────────────────────────────────────────────────────────

# Where root hands the cluster to the user postgres, that user must be able to reach its folder.
choose_places() {
    pg_dir=$state/pg
    find_owner
    if [ -n "$pg_user" ]; then
        chmod 711 "$state"
        if ! as_pg test -x "$state"; then
            pg_dir=/var/tmp/analytics_mcp-demo-$(cksum <<< "$root" | cut -d' ' -f1)
            say "==> the user postgres cannot reach $state: the data is in $pg_dir"
        fi
    fi
    if [ -L "$pg_dir" ] || { [ -e "$pg_dir" ] && [ "$(stat -c %U "$pg_dir")" != "${pg_user:-$(id -un)}" ]; }; then
        die "$pg_dir belongs to someone else: remove it and try again"
    fi
    printf '%s\n' "$pg_dir" > "$state/pg_dir"
}

take_lock() {
    exec 9>> "$state/lock"
    flock -n 9 || die "a demo is running from this folder (pid $(cat "$state/pid" 2> /dev/null || echo unknown)). Stop it with Ctrl-C first."
    locked=1
    echo $$ > "$state/pid"
}

# what a killed demo left running, if it is really ours
stop_leftovers() {
    local pid
    pid=$(cat "$state/server.pid" 2> /dev/null || true)
    if [ -n "$pid" ] && alive "$pid" &&
        [[ $(readlink "/proc/$pid/exe") == "$(cat "$state/server.exe")"* ]]; then
        say "==> stopping the server that an earlier demo left behind (pid $pid)"
        end "$pid" 12
    fi
    rm -f "$state/server.pid"
    pid=$(sed -n 1p "$pg_dir/data/postmaster.pid" 2> /dev/null || true)
    if [ -n "$pid" ] && alive "$pid" && [ "$(readlink "/proc/$pid/cwd" 2> /dev/null)" = "$pg_dir/data" ]; then
        say "==> stopping the database that an earlier demo left behind (pid $pid)"
        kill -INT "$pid"
        for _ in $(seq 200); do alive "$pid" || break; sleep 0.05; done
        alive "$pid" && kill -QUIT "$pid"
        rm -f "$pg_dir/data/postmaster.pid"
    fi
}

# ── The cluster ──────────────────────────────────────────────────────────────────────────────────────────────────────

# The demo's cluster is not the tests' (tests/postgres): it keeps its data between two runs, so it lets in nobody but the two
# roles, and it stops in order.
make_cluster() {
    local locale=C
    if locale -a 2> /dev/null | grep -qix 'c\.utf-\?8'; then locale=C.UTF-8; fi
    mkdir -p "$pg_dir"
    chmod 700 "$pg_dir"
    [ -z "$pg_user" ] || chown "$pg_user:" "$pg_dir"
    pg initdb -D "$pg_dir/data" -U postgres -E UTF8 --locale="$locale" --auth-local=trust --auth-host=scram-sha-256 -N > "$state/initdb.log" 2>&1 || {
        tail -n 5 "$state/initdb.log" >&2
        die "initdb failed (all of its output: $state/initdb.log)"
    }
    # The superuser comes in through the socket only, whose folder nobody else can enter; analytics_ro by password only.
    as_pg tee "$pg_dir/data/pg_hba.conf" > /dev/null << HBA
local all            postgres                   trust
host  $DB  analytics_ro  127.0.0.1/32  scram-sha-256
HBA
    as_pg tee -a "$pg_dir/data/postgresql.conf" > /dev/null << CONF
# the data can be made again at any time: nothing here waits for the disk
listen_addresses = '127.0.0.1'
password_encryption = scram-sha-256
shared_buffers = 256MB
maintenance_work_mem = 256MB
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 4GB
random_page_cost = 1.1
log_line_prefix = '%m [%p] %u '
CONF
    if has_little_shm; then
        echo 'dynamic_shared_memory_type = mmap' | as_pg tee -a "$pg_dir/data/postgresql.conf" > /dev/null
    fi
}

start_cluster() {
    # a socket's path may have 107 bytes; a deep checkout needs a shorter one
    socket=$pg_dir
    if [ ${#pg_dir} -gt 80 ]; then
        socket=$(as_pg mktemp -d /tmp/analytics_mcp-demo.XXXXXX)
        short_socket=$socket
    fi
    for _ in 1 2 3 4 5; do
        pg_port=$(free_port)
        as_pg truncate -s 0 "$pg_dir/postgres.log"
        cluster_up=1
        if pg pg_ctl -D "$pg_dir/data" -l "$pg_dir/postgres.log" -w -t 60 -s \
            -o "-p $pg_port -c unix_socket_directories='$socket'" start > /dev/null 2>&1; then
            return 0
        fi
        cluster_up=
        grep -q 'Address already in use' "$pg_dir/postgres.log" || break
    done
    tail -n 10 "$pg_dir/postgres.log" >&2
    die "PostgreSQL did not start (its log: $pg_dir/postgres.log)"
}

# shellcheck disable=SC2329 # the trap calls it
stop_cluster() {
    pg pg_ctl -D "$pg_dir/data" -m fast -w -t 30 -s stop > /dev/null 2>&1 ||
        pg pg_ctl -D "$pg_dir/data" -m immediate -w -t 10 -s stop > /dev/null 2>&1 || true
    cluster_up=
    [ -z "$short_socket" ] || rm -rf "$short_socket"
}

superuser_dsn() { echo "host=$socket port=$pg_port user=postgres dbname=$1"; }
psql_super() { "$pg_bin/psql" -X -q -v ON_ERROR_STOP=1 -d "$(superuser_dsn "$1")" "${@:2}"; }

# ── Small things ─────────────────────────────────────────────────────────────────────────────────────────────────────

listening() { (exec 3<> "/dev/tcp/$1/$2") 2> /dev/null; }

# 200 from /healthz
healthy() {
    (
        exec 3<> "/dev/tcp/$1/$2" || exit 1
        printf 'GET /healthz HTTP/1.1\r\nHost: %s:%s\r\nConnection: close\r\n\r\n' "$1" "$2" >&3
        IFS= read -r -t 2 status <&3 && [[ $status == "HTTP/1.1 200"* ]]
    ) 2> /dev/null
}

secret() { od -An -v -tx1 -N24 /dev/urandom | tr -d ' \n'; }

# what the data depends on; another value means that it has to be made again
fingerprint() { { cat "$root"/scripts/analytics_meta.sql "$root"/scripts/demo/[0-9]*.sql; echo "$positions ${DEMO_STALE:-0} ${DEMO_TODAY:-} $(bin_major "$pg_bin") $pg_dir"; } | sha256sum | cut -d' ' -f1; }

drop_data() { rm -rf "$pg_dir" "$state/complete"; }

# ── clean ────────────────────────────────────────────────────────────────────────────────────────────────────────────

case ${1:-} in
    '') ;;
    clean)
        if [ ! -d "$state" ]; then say "There is no demo here: nothing to remove."; exit 0; fi
        take_lock
        pg_dir=$(cat "$state/pg_dir" 2> /dev/null || echo "$state/pg")
        stop_leftovers
        drop_data
        rm -rf "$state"
        say "The demo is removed ($state$([ "$pg_dir" = "$state/pg" ] || echo " and $pg_dir"))."
        exit 0
        ;;
    *) sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac

# ── run ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

for tool in flock setsid setpriv sha256sum; do
    command -v "$tool" > /dev/null || die "$tool not found: the demo runs on Linux with util-linux and coreutils"
done
[[ $listen =~ ^([0-9]+\.[0-9]+\.[0-9]+\.[0-9]+):([0-9]{1,5})$ ]] || die "DEMO_LISTEN must be ADDRESS:PORT, for example 127.0.0.1:8892, not '$listen'"
host=${BASH_REMATCH[1]} port=${BASH_REMATCH[2]}
[ "$host" != 0.0.0.0 ] || host=127.0.0.1
case ${DEMO_STALE:-} in '' | 0 | 1) ;; *) die "DEMO_STALE must be 1 or 0, not '$DEMO_STALE'" ;; esac
[[ $positions =~ ^[0-9]{4,9}$ ]] || die "DEMO_POSITIONS must be a whole number from 1000 to 999999999, not '$positions'"
if [ -n "${DEMO_SERVER:-}" ]; then
    [ -x "$DEMO_SERVER" ] || die "DEMO_SERVER=$DEMO_SERVER is not a program"
else
    PATH=$PATH:${HOME:-/root}/.cargo/bin
    command -v cargo > /dev/null || die "cargo not found: install Rust (https://rustup.rs) and run this again"
fi

umask 022
mkdir -p "$state"
take_lock
if ! find_postgres; then
    run "$root/scripts/packages.sh" postgresql || exit
    find_postgres || die "PostgreSQL and PostGIS are installed, yet they are not found below /usr/lib/postgresql"
fi
choose_places
stop_leftovers
if listening "$host" "$port"; then
    owner=$(ss -ltnpH "sport = :$port" 2> /dev/null | sed -n 's/.*users:((\("[^"]*"\),pid=\([0-9]*\).*/\1, pid \2/p' | sed -n 1p || true)
    die "port $port on $host is taken${owner:+ ($owner)}. Stop that program, or choose another port: DEMO_LISTEN=127.0.0.1:$((port < 65535 ? port + 1 : 8893)) make demo"
fi
lap "PostgreSQL $(bin_major "$pg_bin") with PostGIS in $pg_bin"

if [ -n "${DEMO_SERVER:-}" ]; then
    bin=$(readlink -f "$DEMO_SERVER")
else
    say "==> building the server ..."
    run cargo build --release --locked --manifest-path "$root/Cargo.toml" || die "the build failed (see above)"
    bin=${CARGO_TARGET_DIR:-$root/target}/release/analytics_mcp
    [ -x "$bin" ] || die "the build made no $bin"
    lap "server built"
fi

want=$(fingerprint)
if [ -e "$pg_dir" ]; then
    if [ ! -s "$state/complete" ]; then
        say "==> an earlier load was interrupted: the half-made database is thrown away"
        drop_data
    elif [ "$(sed -n 1p "$state/complete")" != "$want" ]; then
        say "==> the database was made with other settings or scripts: making it anew"
        drop_data
    elif [ $(($(date +%s) - $(sed -n 2p "$state/complete"))) -gt $((KEEP_HOURS * 3600)) ]; then
        say "==> the data is more than $KEEP_HOURS hours old, and would no longer end now: making it anew"
        drop_data
    fi
else
    rm -f "$state/complete"
fi

if [ ! -s "$state/complete" ]; then
    make_cluster
    start_cluster
    lap "new cluster in $pg_dir"
    psql_super postgres -c "CREATE DATABASE $DB"
    say "==> loading the demo fleet, $positions positions ..."
    lap_start=$(now_ms)
    PATH="$pg_bin:$PATH" run "$root/scripts/demo/load.sh" "$(superuser_dsn $DB)" "$positions" || die "the load failed (see above); the next run starts afresh"
    printf '%s\n%s\n' "$want" "$(date +%s)" > "$state/complete"
    lap "fleet loaded"
else
    start_cluster
    lap "cluster started, data from an earlier run in $pg_dir"
fi

umask 077
[ -s "$state/role_password" ] || secret > "$state/role_password"
[ -s "$state/token" ] || secret > "$state/token"
{ printf '\\set ro_pw %s\n' "$(cat "$state/role_password")"; cat "$root/scripts/analytics_ro_role.sql"; } | psql_super $DB > /dev/null ||
    die "scripts/analytics_ro_role.sql failed (see above)"
lap "role analytics_ro applied, as in production"
hidden=$root/scripts/demo/hidden_columns
psql_super $DB -v "rules=$(base64 < "$hidden" | tr -d '\n')" -v apply=on < "$root/scripts/hide_columns.sql" > /dev/null ||
    die "scripts/hide_columns.sql failed (see above)"
lap "hidden from analysts: $(sed -n 's/^\([^#[:space:]]*\).*/\1/p' "$hidden" | grep . | paste -sd, | sed 's/,/, /g') ($hidden)"

token=$(cat "$state/token")
printf 'postgresql://analytics_ro:%s@127.0.0.1:%s/%s\n' "$(cat "$state/role_password")" "$pg_port" $DB > "$state/database_url"
printf 'demo:%s\n' "$token" > "$state/tokens"
readlink -f "$bin" > "$state/server.exe"
unset DATABASE_URL MCP_AUTH_TOKENS
# Claude Code has variables that begin like the server's settings, MCP_TIMEOUT for one.
settings=$("$bin" --help)
for setting in $(compgen -e | grep '^MCP_' || true); do
    grep -q "^  $setting\b" <<< "$settings" || { echo "$setting is no setting of the server: left out"; unset "$setting"; }
done
origin=http://$host:$port # browsers leave out port 80
DATABASE_URL_FILE=$state/database_url MCP_AUTH_TOKENS_FILE=$state/tokens MCP_LISTEN=$listen MCP_PUBLIC_URL=${origin%:80} \
    MCP_HIDDEN_COLUMNS_FILE=$hidden setsid "$bin" 9>&- &
server=$!
echo "$server" > "$state/server.pid"
for _ in $(seq 600); do
    if healthy "$host" "$port"; then serving=1; break; fi
    alive "$server" || break
    sleep 0.05
done
if [ -z "$serving" ]; then
    alive "$server" && die "the server did not answer http://$host:$port/healthz within 30 s"
    server=
    die "the server did not start (its reason is above)"
fi
lap "server started"

url=http://$host:$port/mcp
# the answer is text within JSON
readable=''
if command -v jq > /dev/null; then
    readable=" | jq -r '.result.content[0].text'"
elif command -v python3 > /dev/null; then
    readable=" | python3 -c 'import json, sys; print(json.load(sys.stdin)[\"result\"][\"content\"][0][\"text\"])'"
fi
cat << READY

The demo is up: $url

Add it to Claude Code:
  claude mcp add --transport http fireside-analytics $url --header "Authorization: Bearer $token"

Every other way to connect, in a browser: http://$host:$port/

Or ask it directly:
  curl -s $url -H 'Authorization: Bearer $token' -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' -d '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"query","arguments":{"sql":"SELECT cost_centre, round(sum(distance_km)) AS km FROM reporting.v_daily_summary WHERE day >= current_date - 30 GROUP BY 1 ORDER BY 2 DESC LIMIT 10"}}}'$readable

Three questions to ask:
  - What were the top 10 cost centres by distance in the last 30 days?
  - How many INC tickets are open right now, by region and SLA status?
  - What is the MTTR by cluster this month, and which cluster is the slowest?

Ctrl-C stops it. One line per question follows.

READY

wait "$server" || rc=$?
server=
serving=
die "the server stopped by itself (exit status ${rc:-0})"
