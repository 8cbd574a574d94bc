#!/usr/bin/env bash
# load.sh — load the demo fleet into an empty database.
#
#   load.sh DSN [POSITIONS]
#
# DSN is a libpq connection string or URI of a superuser, with the database in it; POSITIONS (default 1000000) scales the
# data. Positions, events, fuel and tickets end now, the nightly figures with yesterday. Prints one line per step with its seconds.
#
#   DEMO_STALE=1                  trackers and fuel cards stopped sending yesterday at 18:08
#   DEMO_TODAY=YYYY-MM-DD[ HH:MM] loads as if it were this time of the past in Nairobi; without HH:MM, the midnight at which
#                                 that day begins, so that the data end with the day before. (v_trips, which cuts at the real
#                                 midnight, then goes up to that time too.)
set -euo pipefail

usage() { sed -n '2,13s/^# \{0,1\}//p' "$0" >&2; exit 2; }
die() { printf 'load.sh: %s\n' "$*" >&2; exit 1; }

case $# in 1 | 2) ;; *) usage ;; esac
dsn=$1
positions=${2:-1000000}
[[ $positions =~ ^[0-9]{1,9}$ ]] || die "POSITIONS must be a whole number, not '$positions'"
[ "$positions" -ge 1000 ] || die "POSITIONS must be at least 1000"
command -v psql > /dev/null || die "psql not found: install the PostgreSQL client"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# PGCONNECT_TIMEOUT and the like still come from the environment; the options below are what the files rely on
[ -r "$here/../analytics_meta.sql" ] || die "analytics_meta.sql is missing beside the folder of this script"
args=(-X -q -v ON_ERROR_STOP=1 -v "positions=$positions" -v "meta=$here/../analytics_meta.sql" -d "$dsn")
if [ -n "${DEMO_TODAY:-}" ]; then
    [[ $DEMO_TODAY =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}(\ [0-9]{2}:[0-9]{2})?$ ]] || die "DEMO_TODAY must be YYYY-MM-DD or 'YYYY-MM-DD HH:MM', not '$DEMO_TODAY'"
    args+=(-v "now=$DEMO_TODAY")
fi
case ${DEMO_STALE:-} in
    '' | 0) ;;
    1) args+=(-v stale=1) ;;
    *) die "DEMO_STALE must be 1 or 0, not '$DEMO_STALE'" ;;
esac

# what each file is about comes from its first line: "-- NAME — ABOUT"
began=${EPOCHREALTIME/[.,]/}
for file in "$here"/[0-9]*.sql; do
    about=$(sed -n '1s/^-- [^ ]* — //p' "$file")
    start=${EPOCHREALTIME/[.,]/}
    # read from stdin: the server never sees the file, and the folder need not be readable to anyone else
    psql "${args[@]}" < "$file" > /dev/null || die "${file##*/} failed"
    ms=$(((${EPOCHREALTIME/[.,]/} - start) / 1000))
    printf '  %-18s %5d.%d s  %s\n' "${file##*/}" $((ms / 1000)) $((ms % 1000 / 100)) "$about"
done
ms=$(((${EPOCHREALTIME/[.,]/} - began) / 1000))
printf '  %-18s %5d.%d s  %s positions\n' "loaded" $((ms / 1000)) $((ms % 1000 / 100)) "$positions"
