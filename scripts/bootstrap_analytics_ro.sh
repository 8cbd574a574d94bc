#!/usr/bin/env bash
# bootstrap_analytics_ro.sh — create or refresh the read-only role analytics_ro. Run it ON THE HOST of the database.
#
#   bootstrap_analytics_ro.sh [--rotate] [--leave-public] [ROLE_SQL]
#
# Makes a password in ~/.analytics_ro.pw (0600) on the first run and uses it again later, then applies the role SQL as
# superuser through `docker exec`. Running it again is safe.
#
#   --rotate         make a new password; the old one is kept until the database has accepted the new one
#   --leave-public   take nothing from PUBLIC (touch_public=off, see the head of the SQL file); with TimescaleDB everybody may
#                    then delete chunks, and check says so
#   ROLE_SQL         default: analytics_ro_role.sql beside this script
#
# Environment: ANALYTICS_DB_CONTAINER (default: the one running container with timescale_db in its name),
# ANALYTICS_DB_NAME (tracksolid_db), ANALYTICS_DB_SUPERUSER (postgres), ANALYTICS_RO_PW_FILE (~/.analytics_ro.pw).
#
# Deploy:
#   scp scripts/analytics_ro_role.sql scripts/bootstrap_analytics_ro.sh HOST:
#   ssh HOST 'bash ~/bootstrap_analytics_ro.sh'
set -euo pipefail

die() { printf 'ERROR: %s\n' "$*" >&2; exit 1; }
usage() { sed -n '2,19s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

rotate='' touch_public=on sql_file=''
while [ $# -gt 0 ]; do
    case $1 in
        --rotate) rotate=1 ;;
        --leave-public) touch_public=off ;;
        -h | --help) usage; exit 0 ;;
        -*) usage >&2; die "unknown option $1" ;;
        *) [ -z "$sql_file" ] || { usage >&2; die "only one SQL file, not also $1"; }; sql_file=$1 ;;
    esac
    shift
done
[ -n "$sql_file" ] || sql_file=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/analytics_ro_role.sql
pw_file=${ANALYTICS_RO_PW_FILE:-${HOME:?HOME is not set}/.analytics_ro.pw}
db=${ANALYTICS_DB_NAME:-tracksolid_db}
superuser=${ANALYTICS_DB_SUPERUSER:-postgres}

[ -r "$sql_file" ] || die "role SQL not found at $sql_file: copy analytics_ro_role.sql beside this script, or give its path"
command -v docker > /dev/null || die "docker not found: run this on the host where the database's container runs"
running=$(docker ps --format '{{.Names}}') || die "docker does not answer: is it running, and may $(id -un) use it?"

container=${ANALYTICS_DB_CONTAINER:-}
if [ -n "$container" ]; then
    grep -qxF -- "$container" <<< "$running" || die "no running container named $container (ANALYTICS_DB_CONTAINER); running: $(paste -sd' ' <<< "$running")"
else
    mapfile -t found < <(grep -F timescale_db <<< "$running" || true)
    case ${#found[@]} in
        0) die "no running container with timescale_db in its name: name it in ANALYTICS_DB_CONTAINER; running: $(paste -sd' ' <<< "$running")" ;;
        1) container=${found[0]} ;;
        *) die "several containers match timescale_db (${found[*]}): choose one with ANALYTICS_DB_CONTAINER=NAME" ;;
    esac
fi

# The password: never in an argument (process lists) and never printed.
umask 077
new_file=
trap '[ -z "$new_file" ] || rm -f "$new_file"' EXIT
if [ -n "$rotate" ] || [ ! -s "$pw_file" ]; then
    new_file=$(mktemp "$pw_file.XXXXXX") || die "cannot write beside $pw_file"
    od -An -v -tx1 -N24 /dev/urandom | tr -d ' \n' > "$new_file"
    source_file=$new_file
    echo "Made a new password for analytics_ro"
else
    [ -r "$pw_file" ] || die "cannot read $pw_file"
    chmod 600 "$pw_file"
    source_file=$pw_file
    echo "Using the password of analytics_ro in $pw_file"
fi
pw=$(cat "$source_file")
[[ $pw =~ ^[A-Za-z0-9._~-]{16,}$ ]] ||
    die "$source_file must hold one line of at least 16 letters, digits, '.', '_', '~' or '-' (they need no escaping in DATABASE_URL); --rotate makes a new one"

echo "Applying ${sql_file##*/} to database $db in container $container as $superuser ..."
{ printf '\\set ro_pw %s\n' "$pw"; cat "$sql_file"; } |
    docker exec -i "$container" psql -X -q -v ON_ERROR_STOP=1 -v "touch_public=$touch_public" -U "$superuser" -d "$db" > /dev/null ||
    die "the role SQL was not applied, and nothing has changed (see the message above)"

if [ -n "$new_file" ]; then
    mv -f "$new_file" "$pw_file"
    new_file=
    echo "Password stored in $pw_file (0600)"
fi
echo "analytics_ro is ready (password not printed). Next: set DATABASE_URL of the server and (re)deploy it."
