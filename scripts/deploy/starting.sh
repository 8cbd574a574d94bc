# shellcheck shell=bash
# shellcheck disable=SC2016,SC2034,SC2154 # templates of Docker's have $ in single quotes; the variables are those of deploy.sh
# starting.sh — for deploy.sh: a container is started, and is seen to serve.

# create NAME OPTION...
# Docker takes every signal that it delivers for a stop, SIGHUP too, after which unless-stopped would no longer start it.
create() {
    quietly docker create --name "$1" --restart always "${log[@]}" "${confined[@]}" "${labels[@]}" "${@:2}" "$image" || return
    if [ -n "$traefik" ] && [ "$traefik_network" != "$network" ]; then quietly docker network connect "$traefik_network" "$1"; fi
}

# start NAME: it becomes healthy; or not, and the end of its log says why
start() {
    local now='' began=$SECONDS
    quietly docker start "$1" || return
    if [ -n "$dry" ]; then say "+ (wait until $1 is healthy)"; return; fi
    while [ $((SECONDS - began)) -lt "$HEALTHY_WITHIN" ]; do
        now=$(health "$1")
        if [ "$now" = healthy ]; then took=$((SECONDS - began)); return; fi
        if [ "$now" = unhealthy ] || [ "$(about "$1" '{{.RestartCount}}')" != 0 ]; then break; fi
        sleep 0.3
    done
    say "The new container is not healthy ($now). The end of its log:"
    docker logs --tail 20 "$1" 2>&1 | sed 's/^/    /'
    return 1
}

# routed: Traefik sends requests to the new container. 1: it does not; 2: it cannot be seen.
routed() {
    local seen='' began=$SECONDS why=''
    [ "$address" != none ] || why=TRAEFIK_ADDRESS=none
    command -v curl > /dev/null || why='there is no curl'
    [ -z "$why" ] || { say "Whether Traefik knows the new container is not looked at ($why)."; return 2; }
    while [ $((SECONDS - began)) -lt "$ROUTED_WITHIN" ]; do
        case $(ask_proxy "$folder") in
            routed) return 0 ;;
            elsewhere) seen=1 ;;
            '')
                if [ -z "$seen" ] && [ $((SECONDS - began)) -ge 5 ]; then
                    say "No Traefik answers at $address (TRAEFIK_ADDRESS), so whether it knows the new container cannot be seen."
                    return 2
                fi
                ;;
        esac
        sleep 0.2
    done
    return 1
}
