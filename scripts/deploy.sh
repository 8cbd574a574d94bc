#!/usr/bin/env bash
# shellcheck disable=SC2016 # what has $ in single quotes is a template of Docker's
# deploy.sh — build the server and run it beside the database, behind Traefik. Run it ON THE HOST of the database's container.
#
#   deploy.sh [--domain NAME] [OPTION...]
#
#   --domain NAME          the host name of the server, such as fleetmcp.example.com; behind Traefik
#   --no-traefik           publish 127.0.0.1:PORT instead, for another proxy or for a test; --traefik is the way back
#   --image IMAGE          run this image, do not build: an earlier revision, to go back (docker images analytics_mcp)
#   --dry-run              show what would be done, without secrets, and change nothing
#
#   --add-analyst NAME     make a personal token, show it once, and let the running server take it over, without a restart
#   --replace-token NAME   the same, and all tokens that the analyst had are void
#   --revoke-analyst NAME  take all tokens of an analyst off the list
#   --list-analysts        their names
#
# The first time: bootstrap_analytics_ro.sh, then deploy.sh --add-analyst NAME, then deploy.sh --domain NAME. Later: git pull, then
# deploy.sh: how it was called is remembered. The new container is started beside the old one. Once the proxy sends it all requests,
# the old one answers what it has begun, its log is kept, and it is removed. If anything fails before that, the old one stays.
# A server of the same name that something else started (docker run, compose, the Python server) is replaced in the same way; its
# analysts, settings and domain are taken over.
#
# Environment, all of it remembered (an empty value forgets):
#   MCP_…                                   settings of the server (docs/configuration.md)
#   DOMAIN, PORT (8892), ANALYTICS_PROXY (traefik or none)      as above
#   TRAEFIK_NETWORK (coolify), TRAEFIK_ENTRYPOINT (https), TRAEFIK_CERTRESOLVER (letsencrypt)
#   TRAEFIK_HTTP_ENTRYPOINT (http)          the entry point that redirects to https; none: no redirection
#   TRAEFIK_ADDRESS (127.0.0.1:443)         where to see whether Traefik sends requests to the new container; none: do not look
#   ANALYTICS_DB_CONTAINER                  default: the one running container with timescale_db in its name
#   ANALYTICS_NETWORK                       default: that container's first network of its own
#   ANALYTICS_DB_NAME (tracksolid_db), ANALYTICS_RO_PW_FILE (~/.analytics_ro.pw)      as for bootstrap_analytics_ro.sh
#   ANALYTICS_HIDDEN_COLUMNS_FILE (~/.analytics_hidden_columns)     if it is there: the columns that scripts/hide_columns.sh hides
#   ANALYTICS_BUILD_FLAGS                   further options of docker build, such as --network host
#   ANALYTICS_LOG_DRIVER, ANALYTICS_LOG_OPTS    where Docker writes the log, such as journald and tag=analytics_mcp; several options
#                                           with commas (json-file; max-size=50m,max-file=20,compress=true)
# Not remembered:
#   MCP_AUTH_TOKENS                         alice:token,bob:token: replaces the list of analysts
#   MCP_METRICS_TOKEN                       replaces the token that opens /metrics (the first deploy makes one)
#   ANALYTICS_NAME (analytics_mcp)          the container, and with a dot before it the folder; another one for a second server
#
# ~/.analytics_mcp, which only its owner can enter, has a folder for each release with its secrets and its options; `current` leads to
# the one that serves. A release's container sees its own folder, read-only, at /run/secrets: the folder and not the files, so that it
# sees a file that was replaced. It runs as you; if you are root it runs as 65532, and the folder is given to that number. No secret
# is ever in an argument, in the container's environment or in the image. audit/ has the logs of the containers that were replaced.
set -euo pipefail
umask 077

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() { warn "ERROR: $*"; exit 1; }
# Lines as one, with blanks between them.
one_line() { paste -sd' '; }
usage() { sed -n '3,/^set /{/^set /d; s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; }

readonly IMAGE=analytics_mcp PORT_INSIDE=8892 NOBODY=65532 SECRETS=/run/secrets
readonly HEALTHY_WITHIN=60 ROUTED_WITHIN=20 DRAINED_WITHIN=70 # seconds
readonly OPTIONS='DOMAIN PORT ANALYTICS_PROXY
    TRAEFIK_ADDRESS TRAEFIK_NETWORK TRAEFIK_ENTRYPOINT TRAEFIK_HTTP_ENTRYPOINT TRAEFIK_CERTRESOLVER
    ANALYTICS_DB_CONTAINER ANALYTICS_NETWORK ANALYTICS_DB_NAME ANALYTICS_RO_PW_FILE ANALYTICS_HIDDEN_COLUMNS_FILE
    ANALYTICS_BUILD_FLAGS ANALYTICS_LOG_DRIVER ANALYTICS_LOG_OPTS'
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# ── What is wanted ───────────────────────────────────────────────────────────────────────────────────────────────────

task=deploy analyst='' image='' dry=''
while [ $# -gt 0 ]; do
    case $1 in
        --domain | --image | --add-analyst | --replace-token | --revoke-analyst)
            [ -n "${2:-}" ] || { usage >&2; die "$1 needs a value"; }
            ;;&
        --domain) DOMAIN=$2 ANALYTICS_PROXY=traefik; shift ;;
        --image) image=$2; shift ;;
        --add-analyst | --replace-token | --revoke-analyst) task=${1#--} analyst=$2; shift ;;
        --list-analysts) task='list-analysts' ;;
        --traefik) ANALYTICS_PROXY=traefik ;;
        --no-traefik) ANALYTICS_PROXY=none ;;
        --dry-run) dry=1 ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; die "unknown argument $1" ;;
    esac
    shift
done
name=${ANALYTICS_NAME:-analytics_mcp}
[[ $name =~ ^[a-zA-Z0-9][a-zA-Z0-9_-]*$ ]] || die "ANALYTICS_NAME must be letters, digits, '_' and '-', not '$name'"
state=$(cd "${HOME:?HOME is not set}" && pwd -P)/.$name
[[ $state != *,* ]] || die "the home folder $HOME has a comma in its name, which docker cannot mount"
new=$name-new old=$name-old

given_tokens=${MCP_AUTH_TOKENS:-} given_metrics_token=${MCP_METRICS_TOKEN:-}
unset MCP_AUTH_TOKENS MCP_METRICS_TOKEN # what is started here need not see them
for setting in MCP_LISTEN MCP_AUTH_TOKENS_FILE MCP_METRICS_TOKEN_FILE MCP_HIDDEN_COLUMNS_FILE; do
    [ -z "${!setting:-}" ] || die "unset $setting: the container has its own (PORT chooses the port on this host," \
        "MCP_AUTH_TOKENS or --add-analyst the analysts, MCP_METRICS_TOKEN the token of /metrics," \
        "ANALYTICS_HIDDEN_COLUMNS_FILE the hidden columns)"
done

command -v docker > /dev/null || die "docker not found: run this on the host where the database's container runs"
docker() { command docker "$@" 9>&-; } # the lock is this program's alone
running_names=$(docker ps --format '{{.Names}}' 2> /dev/null) ||
    die "docker does not answer: start it (systemctl start docker); if it runs, $(id -un) may not use it:" \
        "sudo usermod -aG docker $(id -un), then log in again"
[ ! -e "$state" ] || [ -O "$state" ] || [ "$(id -u)" = 0 ] ||
    die "$state belongs to $(stat -c %U "$state"): run this as that user, or as root"
[ ! -d "$state" ] || state=$(cd "$state" && pwd -P)

# shellcheck source=scripts/deploy/containers.sh
. "$root/scripts/deploy/containers.sh"

# As another user there would be a second list of analysts, and the next deploy would serve only that.
there=$(mounted "$name")
if [[ $there = */."$name" || $there = */."$name"/release-* ]] && [[ $there != "$state" && $there != "$state"/* ]]; then
    die "the container $name has its files in $there, not in $state: run this as the user of that folder, with their HOME (sudo -H -u USER)"
fi

# Without it nobody knows which of several lists is in force.
if [ -z "$there" ] && [ ! -d "$state/current" ] && compgen -G "$state/release-*" > /dev/null; then
    found=("$state"/release-*)
    die "$state/current does not lead to a release; if this is the one that served: ln -sfn ${found[-1]##*/} $state/current"
fi
[ -L "$state/current" ] || [ ! -e "$state/current" ] || die "$state/current must be a symbolic link to a release, not a folder"

# From here on things change. Nobody else changes them meanwhile, and however this ends, it is put in order.
if [ -z "$dry" ] && [ "$task" != list-analysts ]; then
    mkdir -p "$state"
    chmod 700 "$state"
    exec 9> "$state/lock"
    flock -w 2 9 || die "another deploy.sh is at work in $state: wait for it"
    exec 7>&1 8>&2
    # shellcheck disable=SC2329 # the trap calls it
    cleanup() {
        local rc=$?
        trap '' INT TERM HUP
        exec 1>&7 2>&8 # a signal can come where they are not open to the world
        heal || warn "Not everything could be put in order (see above); the next deploy.sh tries again."
        exit "$rc"
    }
    trap cleanup EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    trap 'exit 129' HUP
    if ! heal; then
        [ "$task" != deploy ] || die "what an earlier deploy left could not be put in order (see above)"
        warn "What an earlier deploy left could not be put in order (see above); the list of analysts can be changed all the same."
    fi
    trap - EXIT
fi

# here: the folder of the release that serves. An older deploy.sh had its files in $state itself.
here=$(mounted "$name")
if ! [[ $here = "$state" || $here = "$state"/release-* ]] || ! [ -d "$here" ]; then
    here=''
    if [ -e "$state/current" ]; then here=$(readlink -f "$state/current"); elif [ -e "$state/tokens" ]; then here=$state; fi
fi

have() { [ -n "$here" ] && [ -e "$here/$1" ]; }

# shellcheck source=scripts/deploy/analysts.sh
. "$root/scripts/deploy/analysts.sh"
before=$(tokens)
if [ "$task" != deploy ]; then
    "${task//-/_}"
    exit
fi

# ── Options: the remembered ones, then those of the environment ──────────────────────────────────────────────────────

# shellcheck source=scripts/deploy/options.sh
. "$root/scripts/deploy/options.sh"

traefik=1
case ${option[ANALYTICS_PROXY]:-traefik} in
    traefik) ;;
    none) traefik='' ;;
    *) die "ANALYTICS_PROXY must be traefik or none, not '${option[ANALYTICS_PROXY]}'" ;;
esac
port=${option[PORT]:-8892}
[[ $port =~ ^[0-9]{1,5}$ ]] || die "PORT must be a number, not '$port'"
domain=${option[DOMAIN]:-}
if [ -n "$traefik" ]; then
    # An older deploy.sh remembered it so.
    [ -n "$domain" ] || [ -n "${DOMAIN+given}" ] || domain=$(remembered | sed -n 's#^MCP_PUBLIC_URL=https://##p')
    [ -n "$domain" ] || die "no domain: deploy.sh --domain fleetmcp.example.com (its DNS entry leads to this host), or --no-traefik"
    [[ $domain =~ ^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$ ]] ||
        die "--domain must be a host name in lower case such as fleetmcp.example.com, not '$domain'"
    option[DOMAIN]=$domain
fi
address=${option[TRAEFIK_ADDRESS]:-127.0.0.1:443}
[[ $address = none || $address =~ ^[^:]+:[0-9]+$ ]] || die "TRAEFIK_ADDRESS must be HOST:PORT or none, not '$address'"

say "==> options: $(for key in $OPTIONS; do [ -z "${option[$key]:-}" ] || printf '%s=%q ' "$key" "${option[$key]}"; done)"

# ── The database, the image, the port, the network of Traefik ────────────────────────────────────────────────────────

container=${option[ANALYTICS_DB_CONTAINER]:-}
if [ -n "$container" ]; then
    is_in "$container" "$running_names" ||
        die "no running container named $container (ANALYTICS_DB_CONTAINER; an empty value forgets it);" \
            "running: $(one_line <<< "$running_names")"
else
    mapfile -t found < <(grep -F timescale_db <<< "$running_names" || true)
    case ${#found[@]} in
        0)
            die "no running container with timescale_db in its name: start the database, or name its container in" \
                "ANALYTICS_DB_CONTAINER; running: $(one_line <<< "$running_names")"
            ;;
        1) container=${found[0]} ;;
        *) die "several containers match timescale_db (${found[*]}): choose one with ANALYTICS_DB_CONTAINER=NAME" ;;
    esac
fi

database=${option[ANALYTICS_DB_NAME]:-tracksolid_db}
[[ $database =~ ^[A-Za-z0-9_.-]+$ ]] || die "ANALYTICS_DB_NAME must be letters, digits, '_', '.' and '-', not '$database'"

has_network() { docker network inspect "$1" > /dev/null 2>&1; }
all_networks() { docker network ls --format '{{.Name}}' | paste -sd' '; }
network=${option[ANALYTICS_NETWORK]:-}
if [ -n "$network" ]; then
    has_network "$network" || die "there is no network $network (ANALYTICS_NETWORK); there are: $(all_networks)"
else
    network=$(networks_of "$container" | grep -vxE 'bridge|host|none' || true)
    # Of several the one by which the running server reaches it.
    shared=$(networks_of "$name" | grep -xF -- "${network:-none}" || true)
    network=$(sed -n 1p <<< "${shared:-$network}")
    [ -n "$network" ] || die "$container is on no network of its own, so no name leads to it:" \
        "docker network create tracksolid_net && docker network connect tracksolid_net $container"
fi
# Coolify's container names change with each of its deploys; the alias stays.
host=$container
aliases=$(about "$container" "{{with index .NetworkSettings.Networks \"$network\"}}{{range .Aliases}}{{println .}}{{end}}{{end}}")
if is_in timescale_db "$aliases"; then host=timescale_db; fi

pw_file=${option[ANALYTICS_RO_PW_FILE]:-$HOME/.analytics_ro.pw}
if [ -s "$pw_file" ]; then
    [ -r "$pw_file" ] || die "cannot read $pw_file: run this as the user who ran scripts/bootstrap_analytics_ro.sh"
    pw=$(< "$pw_file")
else
    # That of the release before, or of the server that is replaced.
    pw=''
    if [ -z "${option[ANALYTICS_RO_PW_FILE]:-}" ]; then
        pw=$(if have database_url; then cat "$here/database_url"; else environment_of "$name" | sed -n 's/^DATABASE_URL=//p'; fi |
            sed -n 's#^postgres[a-z]*://analytics_ro:\([^@]*\)@.*#\1#p')
    fi
    [ -n "$pw" ] || die "no password of analytics_ro in $pw_file: run scripts/bootstrap_analytics_ro.sh first, as the same user"
    say "==> there is no $pw_file: the password stays the one that the server has now"
fi
[[ $pw =~ ^[A-Za-z0-9._~%-]+$ ]] || die "$pw_file does not hold one line as bootstrap_analytics_ro.sh writes it: run that with --rotate"

# The columns that stay hidden, if there are any. A list that is in force is not lost with its file: an empty file ends it.
hidden=${option[ANALYTICS_HIDDEN_COLUMNS_FILE]:-$HOME/.analytics_hidden_columns}
if [ -e "$hidden" ]; then
    [ -f "$hidden" ] && [ -r "$hidden" ] || die "$hidden cannot be read, or is not a file (ANALYTICS_HIDDEN_COLUMNS_FILE)"
elif [ -n "${option[ANALYTICS_HIDDEN_COLUMNS_FILE]:-}" ]; then
    die "there is no $hidden (ANALYTICS_HIDDEN_COLUMNS_FILE; an empty value forgets it)"
elif have hidden_columns; then
    say "==> there is no $hidden: the list of hidden columns stays the one that the server has now"
    hidden=$here/hidden_columns
else
    have settings || ! grep -q '^MCP_HIDDEN_COLUMNS_FILE=.' <<< "$(environment_of "$name")" ||
        die "the container $name has a list of hidden columns (MCP_HIDDEN_COLUMNS_FILE): copy that file to $hidden"
    hidden=''
fi

list=$(names <<< "$before" | one_line)
[ -n "$given_tokens$list" ] || die "there are no analysts yet: deploy.sh --add-analyst NAME, then this again"

has_image() { docker image inspect "$1" > /dev/null 2>&1; }
[ -z "$image" ] || has_image "$image" ||
    die "there is no image $image; there are: $(docker images --format '{{.Repository}}:{{.Tag}}' "$IMAGE" | one_line)"

# Is the port free, or does only the old container hold it, which makes room?
holds_port=''
if [ -z "$traefik" ]; then
    holder=$(docker ps --filter "publish=$port" --format '{{.Names}}' | one_line)
    if [ "$holder" = "$name" ]; then
        holds_port=1
    elif [ -n "$holder" ] || (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; then
        die "port $port is taken by ${holder:-another program}: choose another, PORT=8893 deploy.sh --no-traefik"
    fi
fi

traefik_network=''
if [ -n "$traefik" ]; then
    traefik_network=${option[TRAEFIK_NETWORK]:-coolify}
    if ! has_network "$traefik_network"; then
        [ -z "${option[TRAEFIK_NETWORK]:-}" ] || die "there is no network $traefik_network (TRAEFIK_NETWORK); there are: $(all_networks)"
        say "There is no network $traefik_network: Traefik must be on $network to reach the server, or name its network in TRAEFIK_NETWORK."
        traefik_network=$network
    fi
    # Traefik would send requests to where it cannot reach.
    proxy=''
    if [ "$address" != none ]; then proxy=$(docker ps --filter "publish=${address##*:}" --format '{{.Names}}' | sed -n 1p); fi
    [ -z "$proxy" ] || is_in "$traefik_network" "$(networks_of "$proxy")" ||
        die "the container $proxy has port ${address##*:}, so it should be Traefik, but it is not on the network $traefik_network" \
            "and could not reach the server: set TRAEFIK_NETWORK to one of its networks ($(networks_of "$proxy" | one_line))," \
            "or TRAEFIK_ADDRESS to where Traefik is"
fi

# ── Building ─────────────────────────────────────────────────────────────────────────────────────────────────────────

folder=''
[ -n "$dry" ] || trap cleanup EXIT
if [ -z "$image" ]; then
    revision=$(git -C "$root" rev-parse --short=12 HEAD 2> /dev/null || true)
    if [ -n "$revision" ] && [ -n "$(git -C "$root" status --porcelain 2> /dev/null)" ]; then revision+=-changed; fi
    source=$(git -C "$root" config --get remote.origin.url 2> /dev/null | sed 's#//[^/]*@#//#' || true) # without a password
    version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/Cargo.toml" | sed -n 1p)
    image=$IMAGE:${revision:-$(date -u +%Y%m%d-%H%M%S)}
    say "==> building $image; the first time takes some minutes"
    read -ra flags <<< "${option[ANALYTICS_BUILD_FLAGS]:-}"
    run docker build "${flags[@]}" --build-arg "VERSION=$version" --build-arg "REVISION=${revision:-unknown}" \
        --build-arg "SOURCE=${source:-unknown}" -t "$image" "$root" ||
        die "the image was not built (see above), and nothing has changed"
fi

# ── Settings: the remembered ones, then those of the environment, without what the image does not know ───────────────

# from_image ARGUMENT...: what the program of the image says to that, in a container that can reach nothing
from_image() {
    local it=$name-check-$$
    timeout 30 docker run --rm --name "$it" --network none "$@" 2>&1 9>&- || docker rm -f "$it" > /dev/null 2>&1 || true
}
known='' # if the image is too broken to say, its check decides
if has_image "$image"; then
    known=$(from_image "$image" --help | sed -n 's/^  \([A-Z][A-Z_]*\)\( .*\)\{0,1\}$/\1/p')
fi
knows() { [ -z "$known" ] || is_in "$1" "$known"; }

declare -A setting=()
while IFS= read -r line; do
    key=${line%%=*}
    if have settings; then
        setting[$key]=${line#*=}
    elif ! [[ $key =~ TOKEN|LISTEN|HIDDEN ]] && [ -z "${!key+given}" ] && knows "$key"; then
        setting[$key]=${line#*=}
        taken "$key=${setting[$key]}" "its environment"
    fi
done < <(remembered)
for key in $(compgen -e | grep -E '^MCP_' | grep -v '^MCP_VERIFY_' || true); do
    if [ -z "${!key}" ]; then
        unset "setting[$key]"
    elif knows "$key"; then
        [[ ${!key} != *$'\n'* ]] || die "$key has several lines"
        setting[$key]=${!key}
    else
        # A typo stops here. Other programs have variables of this kind too, such as MCP_TIMEOUT of Claude Code.
        typo=$(from_image -e "$key=x" "$image" check | sed -n 's/.*\(did you mean .*\)/\1/p')
        [ -z "$typo" ] || die "$key: there is no such setting; $typo"
        say "==> $key is no setting of the server, so it does not get it"
    fi
done
unset 'setting[MCP_AUTH_TOKENS]' 'setting[MCP_METRICS_TOKEN]' 'setting[MCP_LISTEN]' 'setting[MCP_HIDDEN_COLUMNS_FILE]'
[ -z "$traefik" ] || setting[MCP_PUBLIC_URL]=https://$domain
setting[MCP_AUTH_TOKENS_FILE]=$SECRETS/tokens
setting[MCP_METRICS_TOKEN_FILE]=$SECRETS/metrics_token
[ -z "$hidden" ] || setting[MCP_HIDDEN_COLUMNS_FILE]=$SECRETS/hidden_columns

keys=$(printf '%s\n' "${!setting[@]}" | sort)
settings="DATABASE_URL_FILE=$SECRETS/database_url" unused=''
for key in $keys; do
    if knows "$key"; then
        settings+=$'\n'$key=${setting[$key]}
    else
        unused+=$key=${setting[$key]}$'\n'
        [[ $key = *_FILE ]] || say "==> this image does not know $key, so it does not get it; it stays remembered"
    fi
done
[ -z "$hidden" ] || knows MCP_HIDDEN_COLUMNS_FILE ||
    say "==> this image knows nothing of hidden columns: the database hides them, but nobody sees to it that it does"
say "==> settings, remembered: $(for key in $keys; do [[ $key = *_FILE ]] || printf '%s=%q ' "$key" "${setting[$key]}"; done)"

make_release
store "$folder/settings" <<< "$settings"
store "$folder/unused" < <(printf '%s' "$unused")
store "$folder/options" < <(for key in $OPTIONS; do [ -z "${option[$key]:-}" ] || printf '%s=%s\n' "$key" "${option[$key]}"; done)
store "$folder/database_url" <<< "postgresql://analytics_ro:$pw@$host:5432/$database"
[ -n "$given_tokens" ] || have tokens || taken "the tokens of $list" "its environment"
if [ -n "$given_tokens" ]; then list=${given_tokens//,/$'\n'}; else list=$before; fi
store "$folder/tokens" <<< "$list"
if have metrics_token; then scrape=$(< "$here/metrics_token"); else scrape=$(random); fi
store "$folder/metrics_token" <<< "${given_metrics_token:-$scrape}"
[ -z "$hidden" ] || store "$folder/hidden_columns" < "$hidden"

# ── Trying it ────────────────────────────────────────────────────────────────────────────────────────────────────────

if [ "$(id -u)" = 0 ]; then user=$NOBODY:$NOBODY; else user=$(id -u):$(id -g); fi
# A thread for each connection, and some more.
most=${setting[MCP_MAX_CONNECTIONS]:-256}
[[ $most =~ ^[0-9]{1,5}$ ]] || die "MCP_MAX_CONNECTIONS must be a number from 4 to 10000, not '$most'"
pids=$((10#$most + 256))
confined=(
    --network "$network" --user "$user" --env-file "$folder/settings" --mount "type=bind,src=$folder,dst=$SECRETS,readonly"
    --read-only --cap-drop ALL --security-opt no-new-privileges --memory 256m --memory-swap 256m --pids-limit "$((pids > 512 ? pids : 512))"
)

# The server looks at its settings and at the role, before anything is touched.
say "==> checking the settings and the database role, as $host on $network"
run timeout 90 docker run --rm --name "$name-check" "${confined[@]}" "$image" check 9>&- ||
    die "the server's check failed (see above), and nothing has changed." \
        "If the password is refused: scripts/bootstrap_analytics_ro.sh, then this again." \
        "If a hidden column can be read: scripts/hide_columns.sh --apply, then this again." \
        "If the database does not answer: is $container up, and on $network?"

labels=()
if [ -n "$traefik" ]; then
    # A name for each release, so that the definitions of old and new never collide, and the newest one goes before all others.
    r=traefik.http.routers.$name-$release m=traefik.http.middlewares.$name-$release
    priority=$(date +%s) before_it=$(about "$name" '{{index .Config.Labels "analytics_mcp.priority"}}')
    if [[ $before_it =~ ^[0-9]{1,12}$ ]] && [ "$before_it" -ge "$priority" ]; then priority=$((before_it + 1)); fi
    # No middleware limits the body: Traefik's would hold back the progress of long queries, and the server limits it itself.
    labels=(
        --label traefik.enable=true --label "traefik.docker.network=$traefik_network" --label "analytics_mcp.priority=$priority"
        --label "$r.rule=Host(\`$domain\`)" --label "$r.priority=$priority" --label "$r.entrypoints=${option[TRAEFIK_ENTRYPOINT]:-https}"
        --label "$r.tls=true" --label "$r.tls.certresolver=${option[TRAEFIK_CERTRESOLVER]:-letsencrypt}"
        --label "$r.service=$name-$release" --label "$r.middlewares=$name-$release"
        --label "$m.headers.customresponseheaders.X-Analytics-Release=$release"
        --label "traefik.http.services.$name-$release.loadbalancer.server.port=$PORT_INSIDE"
    )
    if [ "${option[TRAEFIK_HTTP_ENTRYPOINT]:-}" != none ]; then
        labels+=(
            --label "$r-http.rule=Host(\`$domain\`)" --label "$r-http.priority=$priority" --label "$r-http.service=$name-$release"
            --label "$r-http.entrypoints=${option[TRAEFIK_HTTP_ENTRYPOINT]:-http}" --label "$r-http.middlewares=$name-$release-https"
            --label "$m-https.redirectscheme.scheme=https" --label "$m-https.redirectscheme.permanent=true"
        )
    fi
fi

log=(--log-driver "${option[ANALYTICS_LOG_DRIVER]:-json-file}")
opts=${option[ANALYTICS_LOG_OPTS]:-}
if [ "${log[1]}" = json-file ]; then # without a limit it would fill the disk
    for line in max-size=50m max-file=20 compress=true; do [[ ,$opts = *,"${line%%=*}"=* ]] || opts+=,$line; done
fi
while IFS= read -r line; do [ -z "$line" ] || log+=(--log-opt "$line"); done <<< "${opts//,/$'\n'}"

# shellcheck source=scripts/deploy/starting.sh
. "$root/scripts/deploy/starting.sh"
was=''
if exists "$name"; then was=$(about "$name" '{{.Config.Image}}'); fi
say "==> starting the new container${was:+ beside the old one}"
failed="the new container did not start (see above) and is removed${was:+; the old one runs on}"
if [ -n "$traefik" ]; then
    { create "$new" && start "$new"; } || die "$failed"
elif [ -z "$holds_port" ]; then
    { create "$new" --publish "127.0.0.1:$port:$PORT_INSIDE" && start "$new"; } || die "$failed"
else
    # The port is the old one's: first see without it whether the new one can take it over.
    { create "$name-check" && start "$name-check"; } || die "$failed"
    quietly docker rm -f "$name-check"
    create "$new" --publish "127.0.0.1:$port:$PORT_INSIDE" || die "$failed"
    say "==> handing port $port over"
    [ -n "$dry" ] || about "$name" '{{.Id}}' > "$state/stopped"
    quietly docker stop -t 15 "$name"
    start "$new" || die "$failed"
fi

if [ -n "$dry" ]; then
    [ -z "$traefik" ] || say "+ (wait until Traefik sends the requests for $domain to it)"
    [ -z "$was" ] || say "+ (let the old container answer what it has begun, keep its log in $state/audit, remove it)"
    say "Nothing has been changed."
    exit
fi

if [ -n "$traefik" ]; then
    say "==> waiting until Traefik sends the requests for $domain to it"
    look="Is Traefik on the network $traefik_network (TRAEFIK_NETWORK)?"
    look+=" Does it have the entry point ${option[TRAEFIK_ENTRYPOINT]:-https} (TRAEFIK_ENTRYPOINT)?"
    look+=" Is it Traefik that answers at $address (TRAEFIK_ADDRESS; none: do not look)? Its log says more."
    seen=0
    routed || seen=$?
    if [ "$seen" = 1 ] && runs "$name"; then
        die "within $ROUTED_WITHIN s what answers at $address has not sent a request for $domain to the new container," \
            "which is removed; the old one runs on. $look"
    elif [ "$seen" = 1 ]; then
        warn ''
        warn "WARNING: the server runs, but what answers at $address does not send the requests for $domain to it. $look"
        warn ''
    fi
fi
swap
rm -f "$state/stopped"
if [ -n "$was" ] && [ -n "$traefik" ]; then
    if [ "$seen" = 0 ]; then
        # Some times in a row, and then what Traefik sent to the old one before has arrived there.
        for ((i = 0, row = 0; i < 50 && row < 5; i++)); do
            if [ "$(ask_proxy "$folder")" = routed ]; then row=$((row + 1)); else row=0; fi
            sleep 0.2
        done
        sleep 2
    else
        sleep 10
    fi
fi
[ -z "$was" ] || say "==> the old container answers what it has begun"
trap - EXIT
heal || warn "The new container serves, but not everything could be put in order (see above). The next deploy.sh tries again."
docker tag "$image" "$IMAGE:latest"

if [ -n "$traefik" ]; then url=https://$domain; else url=http://127.0.0.1:$port; fi
say "==> $name serves $url/mcp with $image, healthy after $took s"
say "    analysts: $(names < "$folder/tokens" | one_line)"
say "    who did what: docker logs -f $name"
[ -z "$was" ] || [ "$was" = "$image" ] || [[ $was == *:latest ]] || say "    to go back: deploy.sh --image $was"
