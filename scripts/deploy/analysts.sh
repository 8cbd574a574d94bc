# shellcheck shell=bash
# shellcheck disable=SC2016,SC2034,SC2154 # templates of Docker's have $ in single quotes; the variables are those of deploy.sh
# analysts.sh — for deploy.sh: who may ask, and with which token.

# The analysts' list, one name:token a line; before the first deploy that of the server that runs.
tokens() {
    # They may stand on one line, with commas, and with blanks.
    if have tokens; then
        sed '/^[[:space:]]*#/!s/,/\n/g' "$here/tokens" | sed -E '/^[[:space:]]*#/!s/^[[:space:]]+|[[:space:]]+$|[[:space:]]*(:)[[:space:]]*/\1/g'
    else
        environment_of "$name" | sed -n 's/^MCP_AUTH_TOKENS=//p' | tr ',' '\n'
    fi
}
names() { sed -n 's/^[[:space:]]*\([^#:[:space:]][^:]*\):.*/\1/p' | sort -u; }
without() { analyst=$1 awk -F: '{ n = $1; gsub(/^[ \t]+|[ \t]+$/, "", n) } n != ENVIRON["analyst"]'; }

# change_list LIST: the running server reads it; if it refuses it, the old list is put back.
change_list() {
    local since i answer='' later=''
    [ -n "$(names <<< "$1")" ] || die "there would be no analyst left, so nothing has changed"
    trap 'die "interrupted: the list is stored, but the server may not have read it: docker kill -s HUP $name"' INT TERM HUP
    if [ -z "$here" ]; then
        make_release
        here=$folder
        [ -n "$dry" ] || make_current "$folder"
    fi
    store "$here/tokens" <<< "$1"
    if ! exists "$name"; then later="There is no server yet: the next deploy.sh starts one with this list."
    elif [ "$(mounted "$name")" != "$here" ]; then later="The container $name does not read this list: the next deploy.sh puts it in force."
    elif ! runs "$name"; then later="$name is not running: the list is in force from its next start on."
    fi
    [ -z "$later" ] || { say "$later"; return; }
    since=$(date +%s.%N)
    [ -z "$dry" ] || { run docker kill -s HUP "$name"; return; }
    for ((i = 0; i < 60; i++)); do
        # One that has only just started does not listen to signals yet.
        [ $((i % 20)) != 0 ] || docker kill -s HUP "$name" > /dev/null || true
        answer=$(docker logs --since "$since" "$name" 2>&1 > /dev/null | grep -m 1 -E 'tokens (read again|stay as they were)' || true)
        case $answer in
            *'read again'*) say "The running server has taken the list over: it is in force."; return ;;
            *'stay as'*)
                store "$here/tokens" <<< "$before"
                die "the server refuses the list, so nothing has changed, and a token shown above is not valid: $answer"
                ;;
        esac
        sleep 0.1
    done
    die "the list is stored, but the running server has not said that it read it, so whether it is in force is not known:" \
        "docker logs $name. From its next start on it is: docker restart $name"
}

known_analyst() {
    is_in "$analyst" "$(names <<< "$before")" || die "there is no analyst $analyst; there are: $(names <<< "$before" | one_line)"
}

list_analysts() {
    [ -n "$(names <<< "$before")" ] || die "there are no analysts yet: deploy.sh --add-analyst NAME"
    names <<< "$before"
}

# new_token LIST: the list with a new token of the analyst. It is shown before it is stored, so that none is valid that nobody has seen.
new_token() {
    local token
    token=$(random)
    [ ${#token} = 48 ] || die "no random number could be had, so nothing has changed"
    [ -n "$dry" ] || printf 'The token of %s, shown this once; give it to nobody else:\n\n    %s\n\n' "$analyst" "$token"
    change_list "${1:+$1$'\n'}$analyst:$token"
}

add_analyst() {
    [[ $analyst =~ ^[A-Za-z0-9._@-]{1,40}$ ]] ||
        die "an analyst's name has 1 to 40 letters, digits, '.', '_', '-' or '@', not '$analyst'"
    if is_in "$analyst" "$(names <<< "$before")"; then
        say "$analyst has a token already: both work. --replace-token $analyst leaves one."
    fi
    new_token "$before"
}

replace_token() {
    local list
    known_analyst
    list=$(without "$analyst" <<< "$before")
    new_token "$list"
}

revoke_analyst() {
    local list
    known_analyst
    [ "$(names <<< "$before" | wc -l)" -gt 1 ] ||
        die "$analyst is the last analyst, and the server needs one: add another first, or stop it:" \
            "docker update --restart no $name && docker stop $name"
    list=$(without "$analyst" <<< "$before")
    change_list "$list"
    if [ -n "$dry" ]; then say "Nothing has been changed."; else say "$analyst is no longer on the list."; fi
}
