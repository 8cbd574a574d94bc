# shellcheck shell=bash
# postgres.sh — where PostgreSQL is, and how to run it as a user who may own a cluster. To be sourced by scripts that have a
# function `die`: scripts/demo.sh, scripts/packages.sh and tests/postgres.

readonly OLDEST_PG=15

bin_major() { "$1/postgres" --version 2> /dev/null | sed -n 's/^[^0-9]*\([0-9]*\).*/\1/p'; }

has_postgis() {
    local share
    for share in "$("$1/pg_config" --sharedir 2> /dev/null || true)" "/usr/share/postgresql/$(bin_major "$1")" "$1/../share" "$1/../share/postgresql"; do
        [ -n "$share" ] && [ -f "$share/extension/postgis.control" ] && return 0
    done
    return 1
}

# Sets pg_bin to the folder of the newest PostgreSQL with PostGIS; PG_BIN, if it is set, decides alone. Without one it fails and
# leaves the newest PostgreSQL that only lacks PostGIS in pg_bare.
pg_bin='' pg_bare=''
find_postgres() {
    local dir major
    while read -r major dir; do
        [ "$major" -ge "$OLDEST_PG" ] || continue
        if has_postgis "$dir"; then pg_bin=$dir; return 0; fi
        [ -n "$pg_bare" ] || pg_bare=$major
    done < <(
        if [ -n "${PG_BIN:-}" ]; then
            echo "$PG_BIN"
        else
            pg_config --bindir 2> /dev/null || true
            found=$(command -v postgres || true)
            [ -z "$found" ] || dirname "$(readlink -f "$found")"
            printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin
        fi | while read -r dir; do
            if [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ]; then echo "$(bin_major "$dir") $dir"; fi
        done | sort -rn -u
    )
    return 1
}

# PostgreSQL refuses to run as root, so root hands a cluster to the user postgres. Sets pg_user, which is empty for anybody else.
pg_user=''
find_owner() {
    [ "$(id -u)" = 0 ] || return 0
    id postgres > /dev/null 2>&1 || die "the user postgres is missing: the database does not run as root. Create it: useradd --system postgres"
    pg_user=postgres
}

# as_pg COMMAND...: as that user, from a folder that it can read, and without a lock that the caller holds as descriptor 9
as_pg() {
    if [ -n "$pg_user" ]; then
        (cd / && exec setpriv --reuid="$pg_user" --regid="$pg_user" --init-groups env HOME=/ "$@" 9>&-)
    else
        (cd / && exec "$@" 9>&-)
    fi
}

# pg PROGRAM ARGUMENT...: one of PostgreSQL's programs as that user
pg() { as_pg "$pg_bin/$1" "${@:2}"; }

# Containers often have a /dev/shm that is too small for parallel queries.
has_little_shm() { [ "$(df -k --output=avail /dev/shm 2> /dev/null | tail -n 1 || echo 0)" -lt 262144 ]; }

# A port of 127.0.0.1 on which nobody listens, below those that the system gives to outgoing connections. Somebody else may take
# it before it is used: whoever starts a server on it must try again with another one.
free_port() {
    local port
    while port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000)); do
        (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null || break
    done
    echo "$port"
}
