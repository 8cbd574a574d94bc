#!/usr/bin/env bash
# deploy.sh — build the server and run it beside the database, behind Traefik. Run it ON THE HOST of the database's container.
#
#   deploy.sh [--domain NAME] [OPTION...]
#
#   --domain NAME          the host name of the server, such as fleetmcp.example.com (or DOMAIN; remembered)
#   --no-traefik           publish 127.0.0.1:PORT instead, for another proxy or for a test
#   --image IMAGE          run this image, do not build: an earlier revision, to go back (docker images analytics_mcp)
#   --dry-run              show what would be done, without secrets, and change nothing
#
#   --add-analyst NAME     make a personal token, show it once, and let the running server take it over, without a restart
#   --revoke-analyst NAME  take all tokens of an analyst off the list, in the same way
#   --list-analysts        their names
#
# The first time: bootstrap_analytics_ro.sh, then deploy.sh --add-analyst NAME, then deploy.sh --domain NAME. Later: git pull,
# then deploy.sh. The new container is started beside the old one, which goes on serving until the new one is healthy; if it
# does not become healthy it is removed, and the old one stays.
#
# Environment:
#   DOMAIN, PORT (8892)                     as above
#   MCP_…                                   settings of the server (docs/configuration.md), remembered; an empty value forgets
#   MCP_AUTH_TOKENS                         alice:token,bob:token: replaces the list of analysts
#   ANALYTICS_DB_CONTAINER                  default: the one running container with timescale_db in its name
#   ANALYTICS_NETWORK                       default: that container's first network of its own
#   ANALYTICS_DB_NAME (tracksolid_db), ANALYTICS_RO_PW_FILE (~/.analytics_ro.pw)      as for bootstrap_analytics_ro.sh
#   ANALYTICS_NAME (analytics_mcp)          the container, and with a dot before it the folder; another one for a second server
#   ANALYTICS_BUILD_FLAGS                   further options of docker build, such as --network host
#   TRAEFIK_NETWORK (coolify), TRAEFIK_ENTRYPOINT (https), TRAEFIK_CERTRESOLVER (letsencrypt)
#
# SECRETS are in ~/.analytics_mcp, a folder that only its owner can enter: database_url and tokens (0600). The container gets the
# folder read-only at /run/secrets, the folder and not the files, so that it sees a file that was replaced. It runs as you, the
# owner; if you are root it runs as 65532, and the folder is given to that number. No secret is ever in an argument, in the
# container's environment or in the image.
set -euo pipefail

say() { printf '%s\n' "$*"; }
die() { printf 'ERROR: %s\n' "$*" >&2; exit 1; }
usage() { sed -n '2,33s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

readonly IMAGE=analytics_mcp PORT_INSIDE=8892 NOBODY=65532 SECRETS=/run/secrets
readonly HEALTHY_WITHIN=60 # seconds
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# ── What is asked ────────────────────────────────────────────────────────────────────────────────────────────────────

task=deploy analyst='' domain=${DOMAIN:-} traefik=1 image='' dry=''
while [ $# -gt 0 ]; do
    case $1 in
        --domain | --image | --add-analyst | --revoke-analyst) [ -n "${2:-}" ] || { usage >&2; die "$1 needs a value"; } ;;&
        --domain) domain=$2; shift ;;
        --image) image=$2; shift ;;
        --add-analyst | --revoke-analyst) task=${1#--} analyst=$2; shift ;;
        --list-analysts) task='list-analysts' ;;
        --no-traefik) traefik='' ;;
        --dry-run) dry=1 ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; die "unknown argument $1" ;;
    esac
    shift
done
name=${ANALYTICS_NAME:-analytics_mcp}
port=${PORT:-8892}
[[ $name =~ ^[a-zA-Z0-9][a-zA-Z0-9_-]*$ ]] || die "ANALYTICS_NAME must be letters, digits, '_' and '-', not '$name'"
[[ $port =~ ^[0-9]{1,5}$ ]] || die "PORT must be a number, not '$port'"
state=${HOME:?HOME is not set}/.$name
[[ $state != *,* ]] || die "the home folder $HOME has a comma in its name, which docker cannot mount"
new=$name-new old=$name-old

given_tokens=${MCP_AUTH_TOKENS:-}
unset MCP_AUTH_TOKENS # what is started here need not see it
for setting in MCP_LISTEN MCP_AUTH_TOKENS_FILE; do
    [ -z "${!setting:-}" ] || die "unset $setting: the container has its own (PORT chooses the port on this host, MCP_AUTH_TOKENS or --add-analyst the analysts)"
done

# ── Small things ─────────────────────────────────────────────────────────────────────────────────────────────────────

# run COMMAND...: does it, or only shows it
run() {
    if [ -n "$dry" ]; then printf '+'; printf ' %q' "$@"; printf '\n'; else "$@"; fi
}
quietly() { if [ -n "$dry" ]; then run "$@"; else "$@" > /dev/null; fi; }

running() { [ "$(docker container inspect -f '{{.State.Running}}' "$1" 2> /dev/null)" = true ]; }
exists() { docker container inspect "$1" > /dev/null 2>&1; }
container_env() { docker container inspect -f '{{range .Config.Env}}{{println .}}{{end}}' "$1" 2> /dev/null | sed -n "s/^$2=//p"; }

# store FILE: standard input becomes a secret file in the state folder, at once
store() {
    [ -z "$dry" ] || { cat > /dev/null; say "+ (write $state/$1)"; return; }
    local file
    file=$(mktemp "$state/.$1.XXXXXX")
    cat > "$file"
    [ "$(id -u)" != 0 ] || chown "$NOBODY:$NOBODY" "$file"
    mv -f "$file" "$state/$1"
}

open_state() {
    umask 077
    [ -z "$dry" ] || return 0
    mkdir -p "$state"
    chmod 700 "$state"
    [ "$(id -u)" != 0 ] || chown "$NOBODY:$NOBODY" "$state"
    exec 9> "$state/lock"
    flock -n 9 || die "another deploy.sh is at work in $state: wait for it"
}

# The analysts' list, one name:token a line. Before the first deploy it is what an older server has in its environment.
tokens() {
    if [ -e "$state/tokens" ]; then cat "$state/tokens"; else container_env "$name" MCP_AUTH_TOKENS | tr ',' '\n' || true; fi
}
names() { sed -n 's/^[[:space:]]*\([^#:[:space:]][^:]*\):.*/\1/p' | sort -u; }

command -v docker > /dev/null || die "docker not found: run this on the host where the database's container runs"
running_names=$(docker ps --format '{{.Names}}' 2> /dev/null) ||
    die "docker does not answer: start it (systemctl start docker); if it runs, $(id -un) may not use it: sudo usermod -aG docker $(id -un), then log in again"
[ ! -e "$state" ] || [ -O "$state" ] || [ "$(id -u)" = 0 ] || die "$state belongs to $(stat -c %U "$state"): run this as that user, or as root"

# ── Analysts ─────────────────────────────────────────────────────────────────────────────────────────────────────────

# The running server reads the list again; if it will not have it, the old list is put back.
reload() {
    local since answer='' before=$1
    if ! running "$name"; then say "$name is not running: the next deploy takes the list over."; return; fi
    if ! docker container inspect -f '{{range .Mounts}}{{println .Source}}{{end}}' "$name" | grep -qxF "$state"; then
        say "The running $name does not read $state/tokens yet: deploy now (deploy.sh)."
        return
    fi
    since=$(date +%s.%N)
    quietly docker kill -s HUP "$name"
    [ -z "$dry" ] || return 0
    for _ in $(seq 50); do
        answer=$(docker logs --since "$since" "$name" 2>&1 > /dev/null | grep -m 1 -E 'tokens (read again|stay as they were)' || true)
        case $answer in
            *'read again'*) say "The running server has taken the list over."; return ;;
            *'stay as'*) store tokens <<< "$before"; die "the server refuses the list, which is as before: $answer" ;;
        esac
        sleep 0.1
    done
    die "the running server has not said that it read the list: docker logs $name; if in doubt, docker restart $name"
}

case $task in
    list-analysts)
        list=$(tokens | names)
        [ -n "$list" ] || die "there are no analysts yet: deploy.sh --add-analyst NAME"
        say "$list"
        exit
        ;;
    add-analyst)
        [[ $analyst =~ ^[A-Za-z0-9._@-]{1,40}$ ]] || die "an analyst's name has 1 to 40 letters, digits, '.', '_', '-' or '@', not '$analyst'"
        open_state
        before=$(tokens)
        token=$(od -An -v -tx1 -N24 /dev/urandom | tr -d ' \n')
        if names <<< "$before" | grep -qxF -- "$analyst"; then say "$analyst has a token already: both work until --revoke-analyst takes both."; fi
        { [ -z "$before" ] || printf '%s\n' "$before"; printf '%s:%s\n' "$analyst" "$token"; } | store tokens
        reload "$before"
        [ -n "$dry" ] || printf '\nThe token of %s, shown this once; give it to nobody else:\n\n    %s\n\n' "$analyst" "$token"
        exit
        ;;
    revoke-analyst)
        open_state
        before=$(tokens)
        names <<< "$before" | grep -qxF -- "$analyst" || die "there is no analyst $analyst; there are: $(names <<< "$before" | paste -sd' ')"
        [ "$(names <<< "$before" | wc -l)" -gt 1 ] ||
            die "$analyst is the last analyst, and the server needs one: add another first, or stop it (docker stop $name)"
        after=$(analyst=$analyst awk -F: '{ n = $1; gsub(/^[ \t]+|[ \t]+$/, "", n) } n != ENVIRON["analyst"]' <<< "$before")
        store tokens <<< "$after"
        reload "$before"
        say "$analyst is no longer an analyst."
        exit
        ;;
esac

# ── What is there ────────────────────────────────────────────────────────────────────────────────────────────────────

remembered() { sed -n "s/^$1=//p" "$state/settings" 2> /dev/null || true; }

if [ -n "$traefik" ]; then
    [ -n "$domain" ] || { domain=$(remembered MCP_PUBLIC_URL); domain=${domain#https://}; }
    [ -n "$domain" ] || die "no domain: deploy.sh --domain fleetmcp.example.com (its DNS entry leads to this host), or --no-traefik"
    [[ $domain =~ ^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$ ]] || die "--domain must be a host name in lower case such as fleetmcp.example.com, not '$domain'"
fi

container=${ANALYTICS_DB_CONTAINER:-}
if [ -n "$container" ]; then
    grep -qxF -- "$container" <<< "$running_names" || die "no running container named $container (ANALYTICS_DB_CONTAINER); running: $(paste -sd' ' <<< "$running_names")"
else
    mapfile -t found < <(grep -F timescale_db <<< "$running_names" || true)
    case ${#found[@]} in
        0) die "no running container with timescale_db in its name: start the database, or name its container in ANALYTICS_DB_CONTAINER; running: $(paste -sd' ' <<< "$running_names")" ;;
        1) container=${found[0]} ;;
        *) die "several containers match timescale_db (${found[*]}): choose one with ANALYTICS_DB_CONTAINER=NAME" ;;
    esac
fi

network=${ANALYTICS_NETWORK:-}
if [ -n "$network" ]; then
    docker network inspect "$network" > /dev/null 2>&1 || die "there is no network $network (ANALYTICS_NETWORK); there are: $(docker network ls --format '{{.Name}}' | paste -sd' ')"
else
    network=$(docker container inspect -f '{{range $n, $_ := .NetworkSettings.Networks}}{{println $n}}{{end}}' "$container" | grep -vxE 'bridge|host|none|' | sed -n 1p)
    [ -n "$network" ] || die "$container is on no network of its own, so no name leads to it: docker network create tracksolid_net && docker network connect tracksolid_net $container"
fi
# Coolify's container names change with each of its deploys; the alias stays.
host=$container
if docker container inspect -f "{{with index .NetworkSettings.Networks \"$network\"}}{{range .Aliases}}{{println .}}{{end}}{{end}}" "$container" | grep -qxF timescale_db; then host=timescale_db; fi

pw_file=${ANALYTICS_RO_PW_FILE:-$HOME/.analytics_ro.pw}
[ -s "$pw_file" ] || die "no password of analytics_ro in $pw_file: run scripts/bootstrap_analytics_ro.sh first, as the same user"
[ -r "$pw_file" ] || die "cannot read $pw_file: run this as the user who ran scripts/bootstrap_analytics_ro.sh"
pw=$(< "$pw_file")
[[ $pw =~ ^[A-Za-z0-9._~-]+$ ]] || die "$pw_file does not hold one line as bootstrap_analytics_ro.sh writes it: run that with --rotate"

[ -n "$given_tokens$(tokens | names)" ] || die "there are no analysts yet: deploy.sh --add-analyst NAME, then this again"

if [ -n "$image" ]; then docker image inspect "$image" > /dev/null 2>&1 || die "there is no image $image; there are: $(docker images --format '{{.Repository}}:{{.Tag}}' "$IMAGE" | paste -sd' ')"; fi

# Is the port free, or does only the old container hold it, which makes room?
holds_port=''
if [ -z "$traefik" ]; then
    holder=$(docker ps --filter "publish=$port" --format '{{.Names}}' | paste -sd' ')
    if [ "$holder" = "$name" ]; then
        holds_port=1
    elif [ -n "$holder" ] || (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; then
        die "port $port is taken by ${holder:-another program}: choose another, PORT=8893 deploy.sh --no-traefik"
    fi
fi

traefik_network=''
if [ -n "$traefik" ]; then
    traefik_network=${TRAEFIK_NETWORK:-coolify}
    if ! docker network inspect "$traefik_network" > /dev/null 2>&1; then
        [ -z "${TRAEFIK_NETWORK:-}" ] || die "there is no network $TRAEFIK_NETWORK (TRAEFIK_NETWORK); there are: $(docker network ls --format '{{.Name}}' | paste -sd' ')"
        say "There is no network $traefik_network: Traefik must be on $network to reach the server, or name its network in TRAEFIK_NETWORK."
        traefik_network=$network
    fi
fi

# ── Settings: the remembered ones, then those of the environment ─────────────────────────────────────────────────────

settings() {
    local setting names
    names=$(compgen -e | grep -E '^MCP_' | grep -vE '^MCP_(VERIFY_|AUTH_TOKENS|LISTEN)' || true)
    [ -z "$traefik" ] || { printf 'MCP_PUBLIC_URL=https://%s\n' "$domain"; names=$(grep -vx MCP_PUBLIC_URL <<< "$names" || true); }
    for setting in $names; do
        [[ ${!setting} != *$'\n'* ]] || die "$setting has several lines"
        [ -z "${!setting}" ] || printf '%s=%s\n' "$setting" "${!setting}"
    done
    names=$(printf '%s\n' "$names" "${traefik:+MCP_PUBLIC_URL}" DATABASE_URL_FILE MCP_AUTH_TOKENS_FILE)
    { grep -E '^[A-Z_]+=' "$state/settings" 2> /dev/null || true; } | while IFS= read -r setting; do
        grep -qx -- "${setting%%=*}" <<< "$names" || printf '%s\n' "$setting"
    done
    printf 'DATABASE_URL_FILE=%s/database_url\nMCP_AUTH_TOKENS_FILE=%s/tokens\n' "$SECRETS" "$SECRETS"
}
settings=$(settings)

# ── From here on things change, and are put back if it fails ─────────────────────────────────────────────────────────

made='' stopped='' swapped='' kept=()
cleanup() {
    local rc=$? file
    trap '' INT TERM HUP
    [ -z "$made" ] || docker rm -f "$made" > /dev/null 2>&1 || true
    if [ -z "$swapped$dry" ]; then
        if exists "$old" && ! exists "$name"; then docker rename "$old" "$name"; fi
        if [ -n "$stopped" ]; then docker start "$name" > /dev/null && say "The old $name runs again."; fi
        for file in "${kept[@]}"; do
            if [ -e "$state/.before.$file" ]; then mv -f "$state/.before.$file" "$state/$file"; else rm -f "$state/$file"; fi
        done
    fi
    [ -n "$dry" ] || rm -f "$state"/.before.* "$state"/.[dst]*.??????
    exit "$rc"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

open_state

# keep FILE < NEW: its content for this deploy; if that fails the old content comes back
keep() {
    if [ -z "$dry" ]; then
        [ ! -e "$state/$1" ] || cp -p "$state/$1" "$state/.before.$1"
        kept+=("$1")
    fi
    store "$1"
}

if [ -z "$image" ]; then
    revision=$(git -C "$root" rev-parse --short=12 HEAD 2> /dev/null || true)
    if [ -n "$revision" ] && [ -n "$(git -C "$root" status --porcelain 2> /dev/null)" ]; then revision+=-changed; fi
    source=$(git -C "$root" config --get remote.origin.url 2> /dev/null | sed 's#//[^/]*@#//#' || true) # without a password
    version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/Cargo.toml" | sed -n 1p)
    image=$IMAGE:${revision:-$(date -u +%Y%m%d-%H%M%S)}
    say "==> building $image; the first time takes some minutes"
    read -ra flags <<< "${ANALYTICS_BUILD_FLAGS:-}"
    run docker build "${flags[@]}" --build-arg "VERSION=$version" --build-arg "REVISION=${revision:-unknown}" \
        --build-arg "SOURCE=${source:-unknown}" -t "$image" "$root" ||
        die "the image was not built (see above), and nothing has changed"
fi

say "==> settings: $({ grep -v _FILE= <<< "$settings" || echo 'all as by default'; } | paste -sd' ')"
keep settings <<< "$settings"
keep database_url <<< "postgresql://analytics_ro:$pw@$host:5432/${ANALYTICS_DB_NAME:-tracksolid_db}"
if [ -n "$given_tokens" ]; then list=${given_tokens//,/$'\n'}; else list=$(tokens); fi
keep tokens <<< "$list"

if [ "$(id -u)" = 0 ]; then user=$NOBODY:$NOBODY; else user=$(id -u):$(id -g); fi
confined=(
    --network "$network" --user "$user" --env-file "$state/settings" --mount "type=bind,src=$state,dst=$SECRETS,readonly"
    --read-only --cap-drop ALL --security-opt no-new-privileges --memory 256m --memory-swap 256m --pids-limit 512
)

# The server looks at its settings and at the role, before anything is touched.
say "==> checking the settings and the database role, as $host on $network"
[ -n "$dry" ] || { docker rm -f "$name-check" > /dev/null 2>&1 || true; made=$name-check; }
run timeout 90 docker run --rm --name "$name-check" "${confined[@]}" "$image" check ||
    die "the server's check failed (see above), and nothing has changed. If the password is refused: scripts/bootstrap_analytics_ro.sh, then this again. If the database does not answer: is $container up, and on $network?"
made=''

labels=()
if [ -n "$traefik" ]; then
    r=traefik.http.routers.$name
    # No middleware limits the body: Traefik's would hold back the progress of long queries, and the server limits it itself.
    labels=(
        --label traefik.enable=true --label "traefik.docker.network=$traefik_network"
        --label "$r.rule=Host(\`$domain\`)" --label "$r.entrypoints=${TRAEFIK_ENTRYPOINT:-https}" --label "$r.service=$name"
        --label "$r.tls=true" --label "$r.tls.certresolver=${TRAEFIK_CERTRESOLVER:-letsencrypt}"
        --label "traefik.http.services.$name.loadbalancer.server.port=$PORT_INSIDE"
    )
fi

# start OPTION...: a container $new that becomes healthy; or none, after its log
start() {
    local health='' restarts began=$SECONDS
    if [ -z "$dry" ]; then
        docker rm -f "$new" > /dev/null 2>&1 || true
        made=$new
    fi
    quietly docker create --name "$new" --restart unless-stopped --log-driver json-file --log-opt max-size=10m --log-opt max-file=5 \
        "${confined[@]}" "${labels[@]}" "$@" "$image" || return
    if [ -n "$traefik" ] && [ "$traefik_network" != "$network" ]; then quietly docker network connect "$traefik_network" "$new" || return; fi
    quietly docker start "$new" || return
    if [ -n "$dry" ]; then say "+ (wait until $new is healthy)"; return; fi
    while [ $((SECONDS - began)) -lt "$HEALTHY_WITHIN" ]; do
        read -r health restarts < <(docker container inspect -f '{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}} {{.RestartCount}}' "$new") || return
        if [ "$health" = healthy ]; then took=$((SECONDS - began)); return; fi
        if [ "$health" = unhealthy ] || [ "$restarts" != 0 ]; then break; fi
        sleep 0.3
    done
    say "The new container did not become healthy ($health). The end of its log:"
    docker logs --tail 20 "$new" 2>&1 | sed 's/^/    /'
    return 1
}

if [ -z "$dry" ]; then # what a killed deploy left
    if exists "$old" && ! exists "$name"; then docker rename "$old" "$name"; fi
    docker rm -f "$old" > /dev/null 2>&1 || true
fi
before=''
if exists "$name"; then before=$(docker container inspect -f '{{.Config.Image}}' "$name"); fi

say "==> starting the new container${before:+ beside the old one}"
failed="the new container did not start (see above) and is removed${before:+; the old one runs on}"
if [ -n "$traefik" ]; then
    start || die "$failed"
elif [ -z "$holds_port" ]; then
    start --publish "127.0.0.1:$port:$PORT_INSIDE" || die "$failed"
else
    # The port is the old one's: first see without it whether the new one is fit to take it over.
    start || die "$failed"
    quietly docker rm -f "$new"
    stopped=1
    say "==> handing port $port over"
    quietly docker stop -t 15 "$name"
    start --publish "127.0.0.1:$port:$PORT_INSIDE" || die "$failed"
fi

# The names are swapped, and the old container gets the time to end its queries.
[ -z "$before" ] || quietly docker rename "$name" "$old"
quietly docker rename "$new" "$name"
made='' swapped=1
if [ -n "$before" ]; then
    [ -n "$stopped" ] || quietly docker stop -t 15 "$old"
    quietly docker rm "$old"
fi
quietly docker tag "$image" "$IMAGE:latest"
if [ -n "$dry" ]; then say "Nothing has been changed."; exit; fi

say "==> $name serves $([ -n "$traefik" ] && echo "https://$domain" || echo "http://127.0.0.1:$port")/mcp with $image, healthy after $took s"
say "    analysts: $(tokens | names | paste -sd' ')"
say "    who asks what: docker logs -f $name"
[ -z "$before" ] || [ "$before" = "$image" ] || [[ $before == *:latest ]] || say "    to go back: deploy.sh --image $before"
