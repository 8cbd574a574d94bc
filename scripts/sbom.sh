#!/usr/bin/env bash
# sbom.sh — what the program is made of, as a CycloneDX list in JSON on standard output: the crates that are linked into it (not those
# that only ran while it was built), Rust's standard library, and the Debian packages of the files that are named. The list has no
# date and no random number, so that two builds of one revision give the same list.
#
#   sbom.sh [FILE...]     FILE: a shared library that comes with the program, in the Dockerfile those of the image
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

crates=$(cargo tree --locked --edges normal,no-proc-macro --prefix none --no-dedupe --format '{p}|{l}')
rust=$(rustc --version | cut -d ' ' -f 2)
debian=''
if [ $# -gt 0 ]; then
    system=$(. /etc/os-release && echo "$ID-$VERSION_ID")
    debian=$(dpkg-query --search "$@" | sed 's/: .*//' | sort -u |
        xargs dpkg-query --show --showformat "\${Package}|\${Version}|\${Architecture}|\${source:Package}|$system\n")
fi

# Cargo.lock has the checksums of the crates. A line of `cargo tree` is "name vVERSION (where from)|licence".
printf '%s\n' '= crates' "$crates" '= rust' "$rust" '= debian' "$debian" | awk '
    function quoted(text) { gsub(/["\\]/, "\\\\&", text); return "\"" text "\"" }
    function unquoted(text) { gsub(/"/, "", text); return text }
    function encoded(text) { gsub(/\+/, "%2B", text); gsub(/~/, "%7E", text); gsub(/:/, "%3A", text); return text }
    function component(name, version, purl, more) {
        if (purl in seen) return
        seen[purl] = 1
        list = list (list == "" ? "" : ",") "\n    {\"type\": \"library\", \"bom-ref\": " quoted(purl) ", \"name\": " quoted(name) \
            ", \"version\": " quoted(version) ", \"purl\": " quoted(purl) more "}"
    }
    FNR == NR {
        if ($1 == "name") name = $3
        if ($1 == "version") version = $3
        if ($1 == "checksum") checksum[unquoted(name) " " unquoted(version)] = unquoted($3)
        next
    }
    $1 == "=" { part = $2; next }
    $0 == "" { next }
    part == "crates" {
        bar = index($0, "|")
        licence = substr($0, bar + 1)
        gsub(/\//, " OR ", licence)
        split(substr($0, 1, bar - 1), word, " ")
        name = word[1]; version = substr(word[2], 2)
        if (!((name " " version) in checksum)) { own = version; program = name; next }
        more = ", \"hashes\": [{\"alg\": \"SHA-256\", \"content\": " quoted(checksum[name " " version]) "}]"
        if (licence != "") more = more ", \"licenses\": [{\"expression\": " quoted(licence) "}]"
        component(name, version, "pkg:cargo/" name "@" encoded(version), more)
    }
    part == "rust" { component("rust-std", $0, "pkg:generic/rust-std@" $0, "") }
    part == "debian" {
        split($0, field, "|")
        split(field[5], release, "-")
        component(field[1], field[2], "pkg:deb/" release[1] "/" encoded(field[1]) "@" encoded(field[2]) "?arch=" field[3] "&upstream=" encoded(field[4]) "&distro=" field[5], "")
    }
    END {
        printf "{\n  \"bomFormat\": \"CycloneDX\",\n  \"specVersion\": \"1.5\",\n  \"version\": 1,\n"
        printf "  \"metadata\": {\"component\": {\"type\": \"application\", \"bom-ref\": %s, \"name\": %s, \"version\": %s}},\n", quoted(program), quoted(program), quoted(own)
        printf "  \"components\": [%s\n  ]\n}\n", list
    }
' Cargo.lock -
