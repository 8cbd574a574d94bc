# shellcheck shell=bash
# shellcheck disable=SC2016,SC2034,SC2154 # templates of Docker's have $ in single quotes; the variables are those of deploy.sh
# containers.sh — for deploy.sh: what there is to know of containers, and how one of them ends.

# ── Small things ─────────────────────────────────────────────────────────────────────────────────────────────────────

# run COMMAND...: does it, or only shows it
run() {
    if [ -n "$dry" ]; then printf '+'; printf ' %q' "$@"; printf '\n'; else "$@"; fi
}
quietly() { if [ -n "$dry" ]; then run "$@"; else "$@" > /dev/null; fi; }

# about CONTAINER FORMAT: nothing if there is no such container
about() { docker container inspect -f "$2" "$1" 2> /dev/null || true; }
exists() { docker container inspect "$1" > /dev/null 2>&1; }
# One that crashes over and over counts as running for Docker, but not here.
runs() { [ "$(about "$1" '{{.State.Status}}')" = running ]; }
health() { about "$1" '{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}'; }
networks_of() { about "$1" '{{range $n, $_ := .NetworkSettings.Networks}}{{println $n}}{{end}}' | grep . || true; }
environment_of() { about "$1" '{{range .Config.Env}}{{println .}}{{end}}'; }
label_of() { about "$1" "{{index .Config.Labels \"$2\"}}"; }
mounted() { about "$1" "{{range .Mounts}}{{if eq .Destination \"$SECRETS\"}}{{.Source}}{{end}}{{end}}"; }
is_in() { grep -qxF -- "$1" <<< "$2"; }
random() { od -An -v -tx1 -N24 /dev/urandom | tr -d ' \n'; }

# store FILE: standard input becomes a secret file, at once
store() {
    [ -z "$dry" ] || { cat > /dev/null; say "+ (write $1)"; return; }
    local file
    file=$(mktemp "$1.XXXXXX")
    cat > "$file" || { rm -f "$file"; die "$1 cannot be written (see above), so it is as it was"; }
    [ "$(id -u)" != 0 ] || chown "$NOBODY:$NOBODY" "$file"
    mv -f "$file" "$1"
}

# make_release: a folder of its own for each
make_release() {
    release=$(date -u +%Y%m%d-%H%M%S)-$$
    folder=$state/release-$release
    [ -z "$dry" ] || return 0
    mkdir "$folder"
    [ "$(id -u)" != 0 ] || chown "$NOBODY:$NOBODY" "$folder"
}

# make_current FOLDER
make_current() {
    ln -sfn "${1##*/}" "$state/.current"
    mv -Tf "$state/.current" "$state/current"
}

# ask_proxy FOLDER: to whom does Traefik send a request for the domain of this release? "routed": to its container; "elsewhere"; or
# nothing: there is no Traefik, or none to be asked.
ask_proxy() {
    local answer domain address
    command -v curl > /dev/null || return 0
    domain=$(sed -n 's/^DOMAIN=//p' "$1/options") address=$(sed -n 's/^TRAEFIK_ADDRESS=//p' "$1/options")
    if [ -z "$domain" ] || [ "$address" = none ] || grep -qx ANALYTICS_PROXY=none "$1/options"; then return; fi
    # The certificate may not be there yet. A TLS connection shows that something answers.
    answer=$(curl --silent --insecure --noproxy '*' --max-time 3 --connect-to "::${address:-127.0.0.1:443}" --output /dev/null \
        --dump-header - --write-out 'tls %{time_appconnect}\n' "https://$domain/healthz" 9>&- | tr -d '\r') || true
    if grep -qE '^HTTP/[0-9.]+ 200' <<< "$answer" && grep -qixF "x-analytics-release: ${1##*/release-}" <<< "$answer"; then echo routed
    elif grep -qE '^tls [0-9.]*[1-9]' <<< "$answer"; then echo elsewhere
    fi
}

# ── The end of a container ───────────────────────────────────────────────────────────────────────────────────────────

# retire CONTAINER: it answers what it has begun, its log is kept, and it is removed. A new one that is not wanted goes at once, since
# Traefik may have begun to send it requests, and turns back to the old one when it is gone.
retire() {
    local it=$1 signal id
    if [ "$it" != "$new" ] && runs "$it" && [ "$(health "$it")" != starting ]; then # one that is only starting has begun nothing, and would not notice a signal
        signal=$(label_of "$it" analytics_mcp.drain) id=$(about "$it" '{{.Id}}')
        if [ -n "$signal" ]; then
            docker update --restart no "$it" > /dev/null || true
            # A second signal would cut short what the first one allows.
            if [ "$(cat "$state/draining" 2> /dev/null)" != "$id" ]; then
                echo "$id" > "$state/draining"
                docker kill -s "$signal" "$it" > /dev/null || true
            fi
            timeout "$DRAINED_WITHIN" docker wait "$it" > /dev/null 2>&1 9>&- || true
        fi
    fi
    docker stop -t 15 "$it" > /dev/null || return 1
    if ! keep_log "$it"; then
        warn "Not all of the log of the container $it could be kept (see above), so it is left, stopped, and the next deploy.sh tries" \
            "again. To give up what is missing: docker rm $it"
        return 1
    fi
    docker rm "$it" > /dev/null || return 1
    rm -f "$state/draining"
}

# keep_log CONTAINER: the audit lines, which it writes to standard output, and the operator's log, in a file each
keep_log() {
    local it=$1 driver file trouble
    driver=$(about "$it" '{{.HostConfig.LogConfig.Type}}')
    if [ "$driver" != json-file ] && [ "$driver" != local ]; then
        say "    the log of the replaced container is where the log driver $driver sent it"
        return 0 # in a trap a bare one would give the status from before it
    fi
    # A new one that did not come into service has nothing to keep.
    [ "$it" != "$new" ] || [ "$(docker logs "$it" 2> /dev/null | wc -c)" != 0 ] || return 0
    file=$state/audit/$(date -u -d "$(about "$it" '{{.Created}}')" +%Y%m%d-%H%M%S)-$(about "$it" '{{slice .Id 0 12}}')
    mkdir -p "$state/audit" || return 1
    # What can be read is kept, whatever else: after a power cut Docker may stumble over a line in the middle.
    if ! { docker logs "$it" 2> /dev/null | gzip > "$file.jsonl.gz.part"; }; then
        trouble=$(docker logs "$it" 2>&1 > /dev/null | tail -n 1)
        mv -f "$file.jsonl.gz.part" "$file.incomplete.jsonl.gz" || true
        warn "docker logs $it: $trouble; what could be read of it is in $file.incomplete.jsonl.gz"
        return 1
    fi
    docker logs "$it" 2>&1 > /dev/null | gzip > "$file.log.gz.part" && mv -f "$file.log.gz.part" "$file.log.gz" &&
        mv -f "$file.jsonl.gz.part" "$file.jsonl.gz" && rm -f "$file.incomplete.jsonl.gz" &&
        say "    the log of the replaced container: $file.jsonl.gz and .log.gz"
}

# swap: the new container becomes the one of the name. From here on there is no way back.
swap() {
    if exists "$name"; then
        # One that crashes over and over cannot be renamed.
        runs "$name" || docker stop -t 15 "$name" > /dev/null || return 1
        docker rename "$name" "$old" || return 1
    fi
    docker rename "$new" "$name" || return 1
    follow
}

# follow: the container knows which release serves.
follow() {
    local folder
    folder=$(mounted "$name")
    if [[ $folder = "$state"/release-* && -d $folder ]]; then make_current "$folder"; fi
}

# heal: from wherever a deploy ended, by itself, by an error or by kill -9, to one container that serves, and nothing else. What
# serves is never stopped for one that does not. A new one is kept only if it is all that there is, or has the requests already.
heal() {
    local before=$name folder sources containers serving
    docker rm -f "$name-check" > /dev/null 2>&1 || true
    if exists "$new"; then
        exists "$name" || before=$old
        folder=$(mounted "$new")
        if [ "$(health "$new")" = healthy ] && { ! runs "$before" || [ "$(ask_proxy "$folder")" = routed ]; }; then
            say "The new container is healthy and gets the requests, so it stays."
            swap || return 1
        else
            retire "$new" || return 1
            say "The new container is removed."
        fi
    fi
    if exists "$old" && ! exists "$name"; then docker rename "$old" "$name" || return; fi
    if [ -e "$state/stopped" ]; then # it was running before
        if [ "$(about "$name" '{{.Id}}')" = "$(< "$state/stopped")" ] && ! runs "$name"; then
            docker start "$name" > /dev/null && say "The old $name runs again."
        fi
        rm -f "$state/stopped"
    fi
    if exists "$old"; then retire "$old" || return; fi

    # What no container sees any more is removed, but for the current one.
    follow
    sources=$(docker ps -aq) || return 1
    mapfile -t containers <<< "$sources"
    if [ -n "$sources" ]; then
        sources=$(docker container inspect -f '{{range .Mounts}}{{println .Source}}{{end}}' "${containers[@]}") ||
            return 0 # one has gone meanwhile: next time
    fi
    serving=$(readlink -f "$state/current") || true
    [[ $serving = "$state"/release-* && -d $serving ]] || return 0 # what to keep is not known
    for folder in "$state"/release-*; do
        [ "$folder" = "$serving" ] || is_in "$folder" "$sources" || rm -rf "$folder"
    done
    rm -f "$state"/release-*/*.?????? # what was being written when a deploy.sh was killed
    # An older deploy.sh had these files here.
    if [ -e "$state/current" ] && ! is_in "$state" "$sources"; then rm -f "$state"/{settings,database_url,tokens} "$state"/.before.*; fi
}
