#!/usr/bin/env bash
# standins.sh — for machines that reach no container registry: makes, out of Debian's packages and this machine's Rust toolchain,
# an image that can stand in for the Dockerfile's base and run the test's database. Needs root on Debian, and a docker that answers.
#
#   standins.sh IMAGE...     makes one image with these names; run installs what it needs before
#
# For tests only: it trusts this machine's certificate authorities.
set -euo pipefail

work=$(mktemp -d /var/tmp/analytics_mcp-standins.XXXXXX)
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 143' TERM INT HUP
root=$work/root
. /etc/os-release

# From where this machine itself installs, and with its settings.
# shellcheck disable=SC2016 # these are apt's own
sources=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk -v suite="$VERSION_CODENAME" '$4 == "main" && index($3, suite) == 1' | sort -u)
mapfile -t options < <(apt-config dump --format "%f %v%n" | sed -n 's/^\(Acquire::Check-[A-Za-z-]*\) \(.*\)$/--aptopt=\1 "\2"/p')
packages=$(apt-cache search --names-only '^postgresql-[0-9]+-postgis-3$' | sed -n 's/^\(postgresql-[0-9]*\)-postgis-3 .*/\1,\1-postgis-3/p' | sort | tail -n 1)
mmdebstrap --quiet --variant=minbase --include="ca-certificates,gcc,libc6-dev,$packages" "${options[@]}" "$VERSION_CODENAME" "$root" - <<< "$sources"

# cargo, rustc, its linker and the standard library, past rustup; with them the authorities that cargo's registry is known by here.
cd /
sysroot=$(rustc --print sysroot)
host=$(rustc -vV | sed -n 's/^host: //p')
(cd "$sysroot" && tar -c bin/cargo bin/rustc lib/*.so* "lib/rustlib/$host/bin" "lib/rustlib/$host/lib") | tar -x --no-same-owner -C "$root/usr/local"
ldconfig -r "$root"
cp -L "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" "$root/etc/ssl/certs/ca-certificates.crt"
install -d -m 1777 "$root/run/postgresql" # for the database's socket

tar -C "$root" --numeric-owner -c . |
    docker import --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' --change 'CMD ["bash"]' - "$1" > /dev/null
for name in "${@:2}"; do docker tag "$1" "$name"; done
