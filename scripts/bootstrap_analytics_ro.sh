#!/usr/bin/env bash
# bootstrap_analytics_ro.sh — create or refresh the read-only role analytics_ro. Run it ON THE HOST of the database.
#
#   bootstrap_analytics_ro.sh [--rotate] [--schemas LIST] [--leave-public] [ROLE_SQL]
#
# Makes a password in ~/.analytics_ro.pw (0600) on the first run and uses it again later, then applies the role SQL as
# superuser through `docker exec`. Running it again is safe.
#
#   --rotate         make a new password; the old one is kept until the database has accepted the new one. Servers that deploy.sh
#                    runs on this host get it in their database_url: they look there when the old one is refused, and go on
#   --schemas LIST   what may be read, such as reporting,tracksolid,tickets,fuel,assets. Default: what the server that deploy.sh
#                    runs is set to (MCP_READABLE_SCHEMAS), else reporting,tracksolid,tickets,fuel. Functions are granted in all
#                    of them but tracksolid
#   --leave-public   take nothing from PUBLIC (touch_public=off, see the head of the SQL file); with TimescaleDB everybody may
#                    then delete chunks, and check says so
#   ROLE_SQL         default: analytics_ro_role.sql beside this script
#
# Environment: ANALYTICS_DB_CONTAINER (default: the one running container with timescale_db in its name),
# ANALYTICS_DB_NAME (tracksolid_db), ANALYTICS_DB_SUPERUSER (postgres), ANALYTICS_RO_PW_FILE (~/.analytics_ro.pw),
# ANALYTICS_NAME (analytics_mcp) as for deploy.sh.
#
# Deploy:
#   scp scripts/analytics_ro_role.sql scripts/bootstrap_analytics_ro.sh HOST:
#   ssh HOST 'bash ~/bootstrap_analytics_ro.sh'
set -euo pipefail

die() { printf 'ERROR: %s\n' "$*" >&2; exit 1; }
usage() { sed -n '2,26s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

rotate='' schemas='' touch_public=on sql_file=''
while [ $# -gt 0 ]; do
    case $1 in
        --rotate) rotate=1 ;;
        --schemas) [ -n "${2:-}" ] || { usage >&2; die "--schemas needs a list"; }; schemas=$2; shift ;;
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
server=$HOME/.${ANALYTICS_NAME:-analytics_mcp}

given_schemas=$schemas
[ -n "$schemas" ] || schemas=$(sed -n 's/^MCP_READABLE_SCHEMAS=//p' "$server/current/settings" 2> /dev/null || true)
schemas=${schemas:-reporting,tracksolid,tickets,fuel}
schemas=${schemas//[[:space:]]/}
[[ ,$schemas =~ ^(,[A-Za-z_][A-Za-z0-9_]*)+$ ]] || die "--schemas must be names with commas between them, such as reporting,tickets, not '$schemas'"

[ -r "$sql_file" ] || die "role SQL not found at $sql_file: copy analytics_ro_role.sql beside this script, or give its path"
command -v docker > /dev/null || die "docker not found: run this on the host where the database's container runs"
running=$(docker ps --format '{{.Names}}') || die "docker does not answer: is it running, and may $(id -un) use it?"

container=${ANALYTICS_DB_CONTAINER:-}
if [ -n "$container" ]; then
    grep -qxF -- "$container" <<< "$running" ||
        die "no running container named $container (ANALYTICS_DB_CONTAINER); running: $(paste -sd' ' <<< "$running")"
else
    mapfile -t found < <(grep -F timescale_db <<< "$running" || true)
    case ${#found[@]} in
        0) die "no running container with timescale_db in its name: name it in ANALYTICS_DB_CONTAINER; running: $(paste -sd' ' <<< "$running")" ;;
        1) container=${found[0]} ;;
        *) die "several containers match timescale_db (${found[*]}): choose one with ANALYTICS_DB_CONTAINER=NAME" ;;
    esac
fi
in_database() { docker exec -i "$container" psql -X -q -v ON_ERROR_STOP=1 "$@" -U "$superuser" -d "$db"; }

if [ -n "$given_schemas" ]; then
    missing=$(in_database -At -v "schemas=$schemas" <<< "SELECT string_agg(s, ', ') FROM unnest(string_to_array(:'schemas', ',')) AS s WHERE to_regnamespace(quote_ident(s)) IS NULL") ||
        die "the database $db in $container does not answer (see the message above)"
    [ -z "$missing" ] || die "there is no schema $missing in $db: nothing has changed"
fi

# No deploy writes a connection string while a password changes.
umask 077
if [ -d "$server" ]; then
    exec 9> "$server/lock"
    flock -n 9 || die "a deploy.sh is at work in $server: wait for it"
fi

# The password: never in an argument (process lists) and never printed.
made=()
trap 'rm -f "${made[@]}"' EXIT
old='' new_file=''
if [ -s "$pw_file" ]; then
    [ -r "$pw_file" ] || die "cannot read $pw_file"
    old=$(< "$pw_file")
fi
# A new one would lock the running server out, where only its file is left, after a restore for one.
if [ -z "$old" ] && [ -r "$server/current/database_url" ]; then
    old=$(sed -n 's#.*://analytics_ro:\([A-Za-z0-9._~-]*\)@.*#\1#p' "$server/current/database_url")
    if [ -n "$old" ]; then
        printf '%s' "$old" > "$pw_file"
        echo "There is no $pw_file: the password is the one that the server has now, and is stored there"
    fi
fi
if [ -n "$rotate" ] || [ -z "$old" ]; then
    new_file=$(mktemp "$pw_file.XXXXXX") || die "cannot write beside $pw_file"
    made+=("$new_file")
    od -An -v -tx1 -N24 /dev/urandom | tr -d ' \n' > "$new_file"
    pw=$(< "$new_file")
    echo "Made a new password for analytics_ro"
else
    chmod 600 "$pw_file"
    pw=$old
    echo "Using the password of analytics_ro in $pw_file"
fi
[[ $pw =~ ^[A-Za-z0-9._~-]{16,}$ ]] ||
    die "$pw_file must hold one line of at least 16 letters, digits, '.', '_', '~' or '-' (they need no escaping in DATABASE_URL); --rotate makes a new one"

# Beside each connection string with the old password the one with the new, to be put in its place at once.
urls=() nexts=()
if [ -n "$new_file" ] && [ -n "$old" ]; then
    for url in "$HOME"/.*/current/database_url; do
        [ -r "$url" ] && [[ $(< "$url") == *"://analytics_ro:$old@"* ]] || continue
        if [ "${url%/current/*}" != "$server" ]; then
            exec {lock}> "${url%/current/*}/lock"
            flock -n "$lock" || die "a deploy.sh is at work in ${url%/current/*}: wait for it"
        fi
        next=$(mktemp "$(readlink -f "${url%/*}")/database_url.XXXXXX") || die "cannot write beside $url: run this as the user who ran deploy.sh"
        made+=("$next")
        text=$(< "$url")
        printf '%s\n' "${text/"://analytics_ro:$old@"/"://analytics_ro:$pw@"}" > "$next"
        chown --reference="$url" "$next"
        urls+=("$url")
        nexts+=("$next")
    done
fi

echo "Applying ${sql_file##*/} to database $db in container $container as $superuser; readable: $schemas ..."
function_schemas=,$schemas,
function_schemas=${function_schemas/,tracksolid,/,}
function_schemas=${function_schemas#,}
# The database may have the new password before this is known here: an interruption waits until it is stored.
trap '' INT TERM HUP
{ printf '\\set ro_pw %s\n' "$pw"; cat "$sql_file"; } |
    in_database -v "touch_public=$touch_public" -v "schemas=$schemas" -v "function_schemas=${function_schemas%,}" > /dev/null ||
    die "the role SQL was not applied, and nothing has changed (see the message above); if only the connection broke: again, with --rotate"

if [ -n "$new_file" ]; then
    mv -f "$new_file" "$pw_file"
    echo "Password stored in $pw_file (0600)"
fi
for index in "${!urls[@]}"; do mv -f "${nexts[index]}" "$(readlink -f "${urls[index]%/*}")/database_url"; done
trap - INT TERM HUP
for url in "${urls[@]}"; do echo "The server of $url has it, and goes on without a restart."; done
if [ -n "$new_file" ] && [ -n "$old" ] && [ ${#urls[@]} = 0 ]; then
    echo "No server of deploy.sh here had the old password. Whatever else has it needs the new one now: a server that an older deploy.sh" \
        "started by bash deploy.sh, one of Coolify in its DATABASE_URL."
fi
echo "analytics_ro is ready (password not printed)."
if [ -n "$given_schemas" ] && [ -d "$server/current" ]; then
    echo "Next, so that the server lists them: MCP_READABLE_SCHEMAS=$schemas bash deploy.sh"
elif [ ! -d "$server" ]; then
    echo "Next: bash deploy.sh --add-analyst NAME, then bash deploy.sh --domain fleetmcp.example.com"
fi
