#!/usr/bin/env bash
# hide_columns.sh — hide columns from analytics_ro by PostgreSQL's own privileges. Run it ON THE HOST of the database.
#
#   hide_columns.sh [--apply] [--strict | --no-strict] [FILE]
#
# FILE, ~/.analytics_hidden_columns unless given, has a column a line and the reason:
#
#   tracksolid.devices.driver_phone        # personal: ask the fleet office
#   *.*.sim_number = last 4                # a part of it stays readable: last 1 to last 9, year, or hash
#
# Without --apply it shows what would change and checks the privileges, but changes nothing. A line that has been removed is undone; an
# empty FILE undoes all. Running it again is safe.
#
#   --apply    do it, and hand FILE to the servers that deploy.sh runs here: they check it every ten minutes and at the start
#   --strict   also close views, materialized views, continuous aggregates and functions that show hidden columns, now and later;
#              remembered by the database until --no-strict
#
# Environment: ANALYTICS_DB_CONTAINER, ANALYTICS_DB_NAME, ANALYTICS_DB_SUPERUSER, ANALYTICS_RO_PW_FILE
# as for bootstrap_analytics_ro.sh.
#
# Deploy:
#   scp scripts/hide_columns.sql scripts/hide_columns.sh HOST:
#   ssh HOST 'bash ~/hide_columns.sh'
set -euo pipefail

die() { printf 'ERROR: %s\n' "$*" >&2; exit 1; }
usage() { sed -n '2,24s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

apply=off strict=() file=''
while [ $# -gt 0 ]; do
    case $1 in
        --apply) apply=on ;;
        --strict) strict=(-v strict=on) ;;
        --no-strict) strict=(-v strict=off) ;;
        -h | --help) usage; exit 0 ;;
        -*) usage >&2; die "unknown option $1" ;;
        *) [ -z "$file" ] || { usage >&2; die "only one file, not also $1"; }; file=$1 ;;
    esac
    shift
done
file=${file:-${HOME:?HOME is not set}/.analytics_hidden_columns}
sql_file=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/hide_columns.sql
[ -r "$file" ] || die "cannot read $file: create it with one column a line, such as tracksolid.devices.driver_phone  # personal"
[ -r "$sql_file" ] || die "$sql_file not found: copy hide_columns.sql beside this script"
[ "$(wc -c < "$file")" -le 100000 ] || die "$file is larger than 100 kB"
command -v docker > /dev/null || die "docker not found: run this on the host where the database's container runs"
running=$(docker ps --format '{{.Names}}') || die "docker does not answer: is it running, and may $(id -un) use it?"

container=${ANALYTICS_DB_CONTAINER:-$(grep -F timescale_db <<< "$running" || true)}
case $container in
    '' | *[[:space:]]*) found=no ;;
    *) found=$(grep -cxF -- "$container" <<< "$running" || true) ;;
esac
[ "$found" = 1 ] ||
    die "name the database's container in ANALYTICS_DB_CONTAINER; found: ${container:-none}; running: $(paste -sd' ' <<< "$running")"

in_database() { docker exec -i -e PGPASSWORD "$container" psql -X -q -d "${ANALYTICS_DB_NAME:-tracksolid_db}" "$@"; }
superuser=${ANALYTICS_DB_SUPERUSER:-postgres}

# As psql's variable, not as an argument: 128 kB is the most that one argument may have.
{ printf '\\set rules %s\n' "$({ cat "$file"; echo; } | base64 | tr -d '\n')"; cat "$sql_file"; } | in_database -v "apply=$apply" "${strict[@]}" -U "$superuser" ||
    die "not finished (see the message above): nothing has changed, unless it says Applied"
if [ "$apply" = off ]; then
    echo "To do it: bash ${BASH_SOURCE[0]} --apply$(case ${strict[*]} in *=on) echo ' --strict' ;; *=off) echo ' --no-strict' ;; esac) $file"
    exit
fi

umask 077
handed=''
for copy in "$HOME"/.*/current/hidden_columns; do
    [ -f "$copy" ] || continue
    folder=$(readlink -f "${copy%/*}")
    next=$(mktemp "$folder/hidden_columns.XXXXXX") || die "applied, but cannot write beside $copy: run this as the user who ran deploy.sh"
    cat "$file" > "$next"
    chown --reference="$copy" "$next"
    chmod --reference="$copy" "$next"
    mv -f "$next" "$folder/hidden_columns"
    handed=1
    echo "The server of ${copy%/current/*} has the list."
done
# The proof by trying, in a session of the role itself: each SELECT must end with 42501.
pw_file=${ANALYTICS_RO_PW_FILE:-$HOME/.analytics_ro.pw}
selects=$(in_database -U "$superuser" -At -v ON_ERROR_STOP=1 << 'SQL'
SELECT to_regnamespace('hidden_columns') IS NOT NULL AS hides \gset
\if :hides
SELECT format('SELECT %I FROM %I.%I LIMIT 0;', j ->> 'column', j ->> 'schema', j ->> 'table')
FROM hidden_columns.list, hidden_columns.look(rules, 'analytics_ro') AS t, LATERAL (SELECT t::json) AS x(j) WHERE j ->> 'is' = 'column' AND concat(j ->> 'column', j ->> 'schema', j ->> 'table') !~ '\n';
\endif
SQL
) || die "applied, but the hidden columns cannot be listed (see the message above)"
[ -n "$handed" ] || [ -z "$selects" ] || echo "Next, so that the server checks the list and shows the reasons: bash deploy.sh"
if [ -n "$selects" ] && [ -r "$pw_file" ]; then
    PGPASSWORD=$(< "$pw_file")
    export PGPASSWORD
    answers=$(in_database -h 127.0.0.1 -U analytics_ro -v VERBOSITY=sqlstate <<< "$selects" 2>&1) || true
    tried=$(wc -l <<< "$selects") refused=$(grep -c '42501$' <<< "$answers" || true)
    if [ "$tried" != "$refused" ]; then
        die "applied, but of $tried SELECTs as analytics_ro only $refused were refused for lack of the privilege (42501). If it could not log in," \
            "run the server's check instead; else a column can be read: $(grep -v '42501$' <<< "$answers" | head -n 3)"
    fi
    echo "Tried as analytics_ro: $tried SELECTs of hidden columns, each refused (42501)."
elif [ -n "$selects" ]; then
    echo "Not tried as analytics_ro, since there is no $pw_file; the server's check tries it."
fi
