#!/usr/bin/env bash
# packages.sh — brings what the other commands need and this system lacks, through apt: as root, or with a sudo that asks for no
# password. Anybody else is given the one command to run. What is there is left as it is.
#
#   packages.sh NEED...      postgresql (with PostGIS), python, cc, chromium, docker, procps, or any program whose package has its name
set -euo pipefail

die() { printf '%s\n' "$*" >&2; exit 1; }
# shellcheck source=scripts/postgres.sh
. "$(dirname "${BASH_SOURCE[0]}")/postgres.sh"

newest_packaged() {
    apt-cache --names-only search '^postgresql-[0-9]+-postgis-3$' 2> /dev/null |
        sed 's/^postgresql-\([0-9]*\)-.*/\1/' | sort -rn | awk -v oldest="$OLDEST_PG" '$1 >= oldest { print; exit }'
}

# PostGIS for the PostgreSQL that is here, if apt has it; else the newest pair.
postgresql_packages() {
    local major=$pg_bare
    if [ -z "$major" ] || ! apt-cache show "postgresql-$major-postgis-3" > /dev/null 2>&1; then major=$(newest_packaged); fi
    if [ -n "$major" ]; then echo "postgresql-$major postgresql-$major-postgis-3"; else echo 'postgresql postgresql-postgis'; fi
}

# As a program of its own: bash has some of these built in.
has() { type -P "$1" > /dev/null; }

# Prints the packages of what is missing. Before `apt-get update` they may be approximate, so it is asked again after it.
missing() {
    local need
    PATH=$PATH:/usr/sbin:/sbin
    for need in "$@"; do
        case $need in
            postgresql) find_postgres || postgresql_packages ;;
            python) python3 -c 'import ensurepip, venv' 2> /dev/null || echo python3-venv ;;
            cc) has cc || echo gcc libc6-dev ;;
            chromium)
                # Ubuntu has none but a snap: the tests then fetch one from npm, which needs this library.
                if has chromium; then :
                elif apt-cache policy chromium | grep -q 'Candidate: [0-9]'; then echo chromium
                elif ! ldconfig -p | grep -q libnss3; then echo libnss3
                fi
                [ -d /usr/share/fonts/truetype/dejavu ] || echo fonts-dejavu-core
                ;;
            docker)
                has dockerd || echo docker.io
                has iptables || echo iptables
                ;;
            procps) has ps || echo procps ;; # and kill
            *) has "$need" || echo "$need" ;;
        esac
    done | tr '\n' ' '
}

packages=$(missing "$@")
[ -n "$packages" ] || exit 0
command -v apt-get > /dev/null || die "missing, and there is no apt-get to install it: ${packages% }. Install it with this system's package manager; the names are Debian's."
sudo=()
if [ "$(id -u)" != 0 ]; then
    sudo=(sudo -n)
    sudo -n true 2> /dev/null || die "missing: ${packages% }. Installing that needs root. Run this, then try again:
  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${packages% }"
fi

# Debian's packages start what they install, and those of PostgreSQL make a cluster. Nobody here wants either.
no_cluster=/etc/postgresql-common/createcluster.d/analytics-mcp.conf no_start=/usr/sbin/policy-rc.d made=()
cleanup() { [ ${#made[@]} = 0 ] || "${sudo[@]}" rm -f "${made[@]}"; }
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

apt() { "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 apt-get -qq -o DPkg::Lock::Timeout=120 "$@" < /dev/null; }

apt update || die "apt-get update failed (see above)"
read -ra packages <<< "$(missing "$@")"
echo "==> apt installs ${packages[*]} ..."
if [[ " ${packages[*]} " == *' postgresql'* && ! -d /etc/postgresql ]]; then
    made+=("$no_cluster")
    "${sudo[@]}" mkdir -p "${no_cluster%/*}"
    echo 'create_main_cluster = false' | "${sudo[@]}" tee "$no_cluster" > /dev/null
fi
if [ ! -e "$no_start" ]; then
    made+=("$no_start")
    printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$no_start" > /dev/null
    "${sudo[@]}" chmod 755 "$no_start"
fi
log=$(mktemp)
apt install -y --no-install-recommends "${packages[@]}" > "$log" 2>&1 || {
    tail -n 15 "$log" >&2
    die "apt could not install ${packages[*]} (all of its output: $log)"
}
rm -f "$log"
left=$(missing "$@")
[ -z "$left" ] || die "apt installed ${packages[*]}, and this is still missing: ${left% }"
