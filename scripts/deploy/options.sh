# shellcheck shell=bash
# shellcheck disable=SC2016,SC2034,SC2154 # templates of Docker's have $ in single quotes; the variables are those of deploy.sh
# options.sh — for deploy.sh: how it was called before, what is given now, and what a container says that something else started.

declare -A option=()

taken() { say "==> taken over from the container $name: $1 ($2)"; }

# inherit: what a container says that deploy.sh knows nothing else of. What is given goes before it.
inherit() {
    local labels router entry published database
    take() {
        [ -n "$2" ] && [ -z "${!1+given}" ] || return 0
        option[$1]=$2
        taken "$1=$2" "$3"
    }
    labels=$(about "$name" '{{range $k, $v := .Config.Labels}}{{$k}}={{$v}}{{println}}{{end}}')
    of_router() { sed -n "s/^traefik\.http\.routers\.$router\.$1=//p" <<< "$labels"; }
    # Of several routers the one with TLS.
    for entry in tls.certresolver tls rule; do
        router=$(sed -n "s/^traefik\.http\.routers\.\([^.=]*\)\.$entry=.*/\1/p" <<< "$labels" | sed -n 1p)
        [ -z "$router" ] || break
    done
    if [ -n "$router" ]; then
        take DOMAIN "$(of_router rule | sed -n 's/.*Host([`"'"'"']*\([a-z0-9.-]*\).*/\1/p')" "the rule of its router $router"
        take TRAEFIK_ENTRYPOINT "$(of_router entrypoints | cut -d, -f1)" "label of that router"
        take TRAEFIK_CERTRESOLVER "$(of_router tls.certresolver)" "label of that router"
        take TRAEFIK_NETWORK "$(sed -n 's/^traefik\.docker\.network=//p' <<< "$labels")" "label traefik.docker.network"
    else
        published=$(about "$name" '{{range .HostConfig.PortBindings}}{{range .}}{{.HostPort}}{{println}}{{end}}{{end}}' | sed -n 1p)
        [ -z "$published" ] || take ANALYTICS_PROXY none "it has no labels for Traefik"
        take PORT "$published" "the port that it publishes"
    fi
    database=$(environment_of "$name" | sed -n 's#^DATABASE_URL=postgres[a-z]*://[^/]*/\([A-Za-z0-9_-]*\).*#\1#p')
    take ANALYTICS_DB_NAME "$database" "its DATABASE_URL"
}

if have options; then
    while IFS= read -r line; do option[${line%%=*}]=${line#*=}; done < "$here/options"
elif exists "$name"; then
    inherit
fi
for key in $OPTIONS; do
    [ -z "${!key+given}" ] || option[$key]=${!key}
    [[ ${option[$key]:-} != *$'\n'* ]] || die "$key has several lines"
done

# The settings of before: those in force, and those that the image of that time did not know.
remembered() {
    { if have settings; then cat "$here/settings" "$here/unused" 2> /dev/null; else environment_of "$name"; fi || true; } |
        grep -E '^MCP_[A-Z0-9_]*=' || true
}
