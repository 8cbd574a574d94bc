#!/usr/bin/env bash
# verify.sh — is a running server what it should be? Asks the live server, its database and its container, and says one line a
# point: PASS, SKIP with the reason, or FAIL with what was expected, what was seen, and what to do.
#
#   verify.sh [OPTION...]            without any option and with `make demo` running: the demo
#
#   --url URL                the server                        default http://127.0.0.1:8892
#   --token-file FILE        an analyst's token: the bare token, or name:token (the first one counts)
#   --database-url-file FILE the server's DATABASE_URL, for what is asked of the database by psql and `analytics_mcp check`
#   --db-container NAME      run psql in this container, for a database that only Docker's network reaches
#   --container NAME         the server's container            default the one with analytics_mcp in its name
#   --log FILE               where the server's standard output goes, if not to a container's log
#   --json                   one JSON document instead of lines
#
# Environment: MCP_VERIFY_TOKEN, DATABASE_URL or DATABASE_URL_FILE instead of the files; without them DATABASE_URL is taken from
# the container. MCP_READABLE_SCHEMAS: as the server has it (the container's, or reporting,tracksolid,tickets,fuel).
#
#   verify.sh --token-file ~/my-token --url https://fleetmcp.example.com       from outside
#   verify.sh --token-file ~/my-token                                          on the host of the container
#
# Nothing is changed: what tries to write is rolled back. It leaves some lines in the audit log, by the token's analyst.
# Exit status: 0 no FAIL, 1 some FAIL, 2 it could not begin. Needs Linux with curl and python3; psql, docker, claude for their points.
# Token and password go to the programs by files and the environment: no process list shows them.

# Without -e: a check that fails is what this is for.
set -uo pipefail
unset PGHOST PGHOSTADDR PGPORT PGUSER PGDATABASE PGPASSWORD PGSERVICE PGOPTIONS
export LC_ALL=C PGCONNECT_TIMEOUT=10 PGAPPNAME=analytics_mcp-verify
export no_proxy="${no_proxy:-${NO_PROXY:-}},127.0.0.1,localhost"
export NO_PROXY=$no_proxy

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly TOOLS='list_schemas search list_tables describe_table list_functions sample_table query'
readonly ROLE=analytics_ro ROLE_SQL=scripts/analytics_ro_role.sql PROGRAM=$root/target/release/analytics_mcp

usage() { sed -n '1d;/^$/q;s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }
die() { printf 'verify: %s\n' "$*" >&2; exit 2; }

# ── What is given ────────────────────────────────────────────────────────────────────────────────────────────────────

url='' token_file='' database_file='' db_container='' container='' log='' as_json=''
while [ $# -gt 0 ]; do
    option=$1 value=''
    case $option in
        --*=*) value=${option#*=} option=${option%%=*} ;;
        --json | -h | --help) ;;
        --*) [ $# -gt 1 ] || die "$option needs a value (--help)"; value=$2; shift ;;
    esac
    shift
    case $option in
        --url) url=$value ;;
        --token-file) token_file=$value ;;
        --database-url-file) database_file=$value ;;
        --db-container) db_container=$value ;;
        --container) container=$value ;;
        --log) log=$value ;;
        --json) as_json=1 ;;
        -h | --help) usage; exit 0 ;;
        *) die "there is no option $option (--help)" ;;
    esac
done
for tool in curl python3; do
    command -v "$tool" > /dev/null || die "$tool not found: install it (Debian, Ubuntu: apt install $tool)"
done

# the demo of this checkout, if it runs and nothing else is meant
demo=$root/.demo
if [ -z "$url$token_file$database_file$db_container$container$log${MCP_VERIFY_TOKEN:-}${DATABASE_URL:-}${DATABASE_URL_FILE:-}" ] &&
    pid=$(cat "$demo/server.pid" 2> /dev/null) && [[ "$(readlink "/proc/$pid/exe")" == "$(cat "$demo/server.exe")"* ]]; then
    listen=$(tr '\0' '\n' < "/proc/$pid/environ" | sed -n 's/^MCP_LISTEN=//p')
    url=http://${listen/#0.0.0.0:/127.0.0.1:} token_file=$demo/token database_file=$demo/database_url
    log=$(readlink -f "/proc/$pid/fd/1")
    [ -f "$log" ] || log=''
    [ -n "$as_json" ] || echo "The running demo, $url:"
fi

url=${url:-http://127.0.0.1:8892} url=${url%/} url=${url%/mcp}
[[ $url =~ ^(https?)://([^/@?#]+)$ ]] || die "--url must be http://HOST:PORT or https://HOST, not '$url'"
scheme=${BASH_REMATCH[1]} authority=${BASH_REMATCH[2]}

# the first line of a file that is not blank or a comment
first_line() { sed -n '/^[[:space:]]*\(#.*\)\{0,1\}$/!{s/^[[:space:]]*//;s/[[:space:]]*$//;p;q;}' "$1"; }

token=${MCP_VERIFY_TOKEN:-} analyst=''
if [ -n "$token_file" ]; then
    [ -r "$token_file" ] || die "--token-file $token_file cannot be read"
    token=$(first_line "$token_file")
fi
token=${token%%,*}
[[ ! $token =~ ^([A-Za-z0-9._@-]{1,40}):(.*)$ ]] || analyst=${BASH_REMATCH[1]} token=${BASH_REMATCH[2]}
[ -n "$token" ] || die "no token of an analyst: give --token-file FILE or MCP_VERIFY_TOKEN (or start \`make demo\`)"
[[ $token =~ ^[!-~]+$ ]] || die "the token has characters that no token has: is it the right file?"
[ -z "$log" ] || [ -r "$log" ] || die "--log $log cannot be read"

umask 077
tmp=$(mktemp -d) || die "no temporary folder"
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
printf 'Authorization: Bearer %s\n' "$token" > "$tmp/token"

# ── What is said ─────────────────────────────────────────────────────────────────────────────────────────────────────

point='' password='' passed=0 failed=0 skipped=0

# one line, without what drives a terminal, without the secrets
clean() {
    local text=${1//[[:cntrl:]]/ }
    text=${text//$'\xc2'[$'\x80'-$'\x9f']/ }
    text=${text//"$token"/***}
    [ -z "$password" ] || text=${text//"$password"/***}
    printf '%s' "$text"
}
# record RESULT TEXT...
record() {
    local result=$1 texts=() text
    shift
    for text in "$@"; do texts+=("$(clean "$text")"); done
    (IFS=$'\x1f'; printf '%s\x1f%s\x1f%s\n' "$point" "$result" "${texts[*]}") >> "$tmp/results"
    [ -z "$as_json" ] || return 0
    case $result in
        FAIL) printf 'FAIL  %s: expected %s, saw %s; do: %s\n' "$point" "${texts[@]}" ;;
        *) printf '%s  %s%s\n' "$result" "$point" "${texts[0]:+: ${texts[0]}}" ;;
    esac
}
pass() { passed=$((passed + 1)); record PASS "${1:-}"; }                # [NOTE]
fail() { failed=$((failed + 1)); record FAIL "$1" "$2" "$3"; }          # EXPECTED SAW DO
skip() { skipped=$((skipped + 1)); record SKIP "$1"; }                  # REASON

report() {
    if [ -z "$as_json" ]; then
        printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
        return
    fi
    python3 -I -S -c '
import json, sys
points = []
for line in open(sys.argv[1], encoding="utf-8", errors="replace"):
    point, result, *texts = line.rstrip("\n").split("\x1f")
    names = ["expected", "saw", "do"] if result == "FAIL" else ["note"]
    points.append({"point": point, "result": result, **{name: text for name, text in zip(names, texts) if text}})
count = lambda result: sum(point["result"] == result for point in points)
json.dump({"url": sys.argv[2], "passed": count("PASS"), "failed": count("FAIL"), "skipped": count("SKIP"), "points": points}, sys.stdout, indent=1)
print()' "$tmp/results" "$url"
}

# check NEEDS POINT...: runs check_POINT for each, unless what it needs is missing, of which NEEDS tells
check() {
    local needs=$1
    shift
    for point in "$@"; do
        if "$needs"; then "check_${point//-/_}"; fi
    done
}
nothing() { :; }

# ── Asking the server ────────────────────────────────────────────────────────────────────────────────────────────────

# field FILE KEY...: the value at these keys of the JSON in $tmp/FILE (a text as it is, all else as JSON); fails if there is none
field() {
    python3 -I -S -c '
import json, sys
try:
    value = json.load(open(sys.argv[1], encoding="utf-8"))
    for key in sys.argv[2:]:
        value = value[int(key)] if isinstance(value, list) else value[key]
except (ValueError, KeyError, IndexError, TypeError):
    sys.exit(1)
sys.stdout.buffer.write((value if isinstance(value, str) else json.dumps(value)).encode("utf-8", "replace") + b"\n")' "$tmp/$1" "${@:2}"
}

json_text() {
    local text=${1//\\/\\\\}
    text=${text//\"/\\\"}
    printf '"%s"' "${text//$'\n'/ }"
}

# http PATH [CURL-OPTION...]: $status (000: no answer, and $trouble is curl's message), $tmp/head, $tmp/body
http() {
    local path=$1
    shift
    : > "$tmp/head"
    : > "$tmp/body"
    curl_rc=0 trouble=''
    status=$(curl -q -sS --connect-timeout 10 --max-time 75 -D "$tmp/head" -o "$tmp/body" -w '%{http_code}' \
        "$@" "$url$path" 2> "$tmp/curl") || curl_rc=$?
    [ "$status" != 000 ] || trouble=$(head -n 1 "$tmp/curl")
}
header() { sed -n "s/^$1:[[:space:]]*//Ip" "$tmp/head" | tr -d '\r' | tail -n 1; }
seen() {
    if [ "$status" = 000 ]; then printf 'no answer (%s)' "$trouble"; return; fi
    printf 'HTTP %s %s' "$status" "$(head -c 160 "$tmp/body" | tr -d '\0')"
}

readonly CLIENT='{"name":"verify.sh","version":"1"}' META=io.modelcontextprotocol
message() { printf '{"jsonrpc":"2.0","id":"verify","method":"%s","params":%s}' "$1" "$2"; }
readonly AS_JSON=(-H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream')
# post MESSAGE [CURL-OPTION...]: to the MCP endpoint, with the token
post() { local body=$1; shift; http /mcp -H "@$tmp/token" "${AS_JSON[@]}" "$@" --data-binary "$body"; }

# call TOOL ARGUMENTS: the tool's text in $tmp/answer, $is_error true or false (empty: it was no answer of a tool)
call() {
    post "$(message tools/call "{\"name\":\"$1\",\"arguments\":$2}")"
    is_error=$(python3 -I -S -c '
import json, sys
text = ""
try:
    result = json.load(open(sys.argv[1], encoding="utf-8"))["result"]
    text = result["content"][0]["text"]
    print(json.dumps(result["isError"]))
except (ValueError, KeyError, IndexError, TypeError):
    pass
open(sys.argv[2], "w", encoding="utf-8", errors="replace").write(str(text))' "$tmp/body" "$tmp/answer")
}
query() { call query "{\"sql\":$(json_text "$1")}"; }
seen_call() { if [ -n "$is_error" ]; then head -c 200 "$tmp/answer"; else seen; fi; }

down='' refused=''
server() {
    [ -z "$down" ] || fail "an answer" "nothing, since the server cannot be reached" "see health or certificate above"
    [ -z "$down" ]
}
token() {
    server || return
    [ -z "$refused" ] || fail "an answer to this token" "nothing to judge, since the token is refused" "see token-accepted above"
    [ -z "$refused" ]
}
claude_code() {
    if ! command -v claude > /dev/null; then skip "no claude command here"; return 1; fi
    token
}
a_log() {
    if [ -z "$log" ] && [ -n "$docker_missing" ]; then skip "no log to read: --log FILE ($docker_missing)"; return 1; fi
    { [ -n "$log" ] || in_docker; } && token
}

check_health() {
    http /healthz
    if [ "$status" = 000 ]; then
        down=1
        fail "an answer from $url" "$trouble" \
            "is the server running, and is it reachable from here? Its log tells why it did not start; another address: --url"
    elif [ "$status" = 200 ] && [ "$(field body ok)" = true ]; then
        pass "$(field body tokens) token(s)"
    else
        fail '200 {"ok":true,…} from GET /healthz' "$(seen)" "does $url lead to analytics_mcp? Look at the proxy's routes"
    fi
}

check_certificate() {
    local host=${authority%:*}
    if [ "$scheme" = https ]; then
        case $curl_rc in
            # what curl says of certificates and of TLS
            35 | 51 | 53 | 54 | 58 | 59 | 60 | 66 | 77 | 80 | 83 | 90 | 91)
                fail "a certificate for $host that is trusted here" "$trouble" \
                    "fix TLS at the proxy: does it have a certificate for this name, of a known authority, not expired?" ;;
            *) server && pass "$(curl -q -sSv --max-time 20 -o /dev/null "$url/healthz" 2>&1 | sed -n 's/^\* *expire date: /valid until /p')" ;;
        esac
    elif [[ $host =~ ^([0-9.]+|\[.*|[^.]+)$ ]]; then
        skip "plain http to $host: TLS is the proxy's, see it with --url https://…"
    else
        fail "https" "plain http to $host: tokens travel readable" \
            "use --url https://…, and let the proxy answer http with a redirect"
    fi
}

check_ready() {
    http /readyz
    if [ "$status" = 200 ] && [ "$(field body ready)" = true ]; then
        pass
    elif [ "$status" = 404 ]; then  # a server before /readyz
        token || return
        query 'SELECT 1 AS one'
        if [ "$(field answer rows 0 one)" = 1 ]; then pass "by a query, as there is no /readyz"; else not_ready "$(seen_call)"; fi
    else
        not_ready "$(seen)"
    fi
}
not_ready() { fail "a server that reaches its database" "$1" "is the database up, on one network with the server, and DATABASE_URL right? The server's log tells the reason"; }

check_sign_in() {
    http /.well-known/oauth-authorization-server
    local issuer resource
    if [ "$status" = 404 ]; then pass "off (no MCP_PUBLIC_URL): personal tokens only, no claude.ai and no Claude Desktop"; return; fi
    issuer=$(field body issuer) || { fail "the document of the sign-in, or 404" "$(seen)" "let the proxy pass /.well-known/ on to the server"; return; }
    if [ "$scheme" != https ]; then pass "on, for $issuer; compare it with --url https://…"; return; fi
    http /.well-known/oauth-protected-resource/mcp
    resource=$(field body resource)
    if [ "$issuer" = "$url" ] && [ "$resource" = "$url/mcp" ]; then
        pass "on"
    else
        fail "issuer $url and resource $url/mcp" "issuer $issuer and resource ${resource:-none}" \
            "set MCP_PUBLIC_URL=$url and start the server again"
    fi
}

check_token_accepted() {
    post "$(message ping '{}')"
    if [ "$status" = 401 ]; then
        refused=1
        fail "this token to be accepted" "HTTP 401" \
            "is it on the server's list (MCP_AUTH_TOKENS_FILE), and was the list read again (SIGHUP) since? Is Authorization passed on by the proxy?"
    elif [ "$status" = 200 ] && [ "$(field body result)" = '{}' ]; then
        pass
    else
        fail "an answer to ping" "$(seen)" "does $url/mcp lead to analytics_mcp?"
    fi
}

check_token_required() {
    local wrong who
    printf 'Authorization: Bearer verify-%s\n' "$marker" > "$tmp/wrong1"
    printf 'Authorization: Bearer %sx\n' "$token" > "$tmp/wrong2"
    : > "$tmp/wrong0"
    for wrong in wrong0 wrong1 wrong2; do
        case $wrong in wrong0) who='no token' ;; wrong1) who='a made-up token' ;; *) who='a valid token with a letter more' ;; esac
        http /mcp -H "@$tmp/$wrong" "${AS_JSON[@]}" --data-binary "$(message tools/list '{}')"
        if [ "$status" != 401 ]; then
            fail "401 for $who" "$(seen)" \
                "take it off the network: something in front of the server answers, or adds a token of its own"
            return
        elif [[ ! "$(header WWW-Authenticate)" =~ ^[Bb]earer ]]; then
            fail "WWW-Authenticate: Bearer with the 401" "'$(header WWW-Authenticate)'" \
                "let the proxy pass the server's headers on: clients begin the sign-in by it"
            return
        fi
    done
    pass
}

check_foreign_origin() {
    post "$(message ping '{}')" -H 'Origin: https://evil.example'
    if [ "$status" = 403 ]; then pass; else
        fail "403 for a page of another site" "$(seen)" \
            "let the proxy pass Origin on unchanged; is https://evil.example in MCP_ALLOWED_ORIGINS?"
    fi
}

check_large_body() {
    { message ping '{}'; head -c 2097152 /dev/zero | tr '\0' ' '; } > "$tmp/large"
    post "@$tmp/large" -H 'Expect: 100-continue'
    if [ "$status" = 413 ]; then pass; else
        fail "413 for a body of 2 MiB" "$(seen)" "does the proxy cut or hold back bodies? The server itself refuses them"
    fi
}

check_protocol_2025_11_25() {
    post "$(message initialize "{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},\"clientInfo\":$CLIENT}")"
    local version
    version=$(field body result protocolVersion)
    if [ "$version" = 2025-11-25 ] && [ -n "$(field body result serverInfo name)" ]; then pass; else
        fail "initialize to agree on 2025-11-25" "${version:-$(seen)}" "does $url/mcp lead to this analytics_mcp?"
    fi
}

check_protocol_2026_07_28() {
    local versions method meta="\"$META/protocolVersion\":\"2026-07-28\",\"$META/clientInfo\":$CLIENT,\"$META/clientCapabilities\":{}"
    # the second of them is refused without its headers
    for method in server/discover tools/list; do
        post "$(message $method "{\"_meta\":{$meta}}")" -H 'MCP-Protocol-Version: 2026-07-28' -H "Mcp-Method: $method"
        [ $method != server/discover ] || versions=$(field body result supportedVersions)
    done
    if [[ $versions == *'"2026-07-28"'* ]] && [ -n "$(field body result tools)" ]; then pass; else
        fail "server/discover to offer 2026-07-28, and an answer in it" "${versions:+offered $versions; then }$(seen)" \
            "let the proxy pass MCP-Protocol-Version and Mcp-Method on; is MCP_PROTOCOL_MODERN off?"
    fi
}

check_tools() {
    post "$(message tools/list '{}')"
    local told
    told=$(python3 -I -S -c '
import json, sys
try:
    tools = json.load(open(sys.argv[1], encoding="utf-8"))["result"]["tools"]
    names = {tool["name"] for tool in tools}
    writing = [tool["name"] for tool in tools if tool.get("annotations", {}).get("readOnlyHint") is not True]
except (ValueError, KeyError, TypeError):
    print("no list of tools")
    sys.exit()
wanted = set(sys.argv[2].split())
if names != wanted:
    print("missing: %s; beyond: %s" % (", ".join(sorted(wanted - names)) or "none", ", ".join(sorted(names - wanted)) or "none"))
elif writing:
    print("no readOnlyHint: " + ", ".join(writing))' "$tmp/body" "$TOOLS" 2>&1)
    if [ -z "$told" ]; then pass; else
        fail "the tools ${TOOLS// /, }, each with readOnlyHint" "$told" \
            "does $url/mcp lead to analytics_mcp, of the version that this script came with?"
    fi
}

readonly DATA_DO="is $ROLE_SQL applied to this database, and since the tables were made? See also the database points"

check_list_schemas() {
    call list_schemas '{}'
    if [ "$is_error" = false ] && grep -q '^reporting: [0-9]' "$tmp/answer"; then
        pass
    else
        fail "the schema reporting, readable" "$(seen_call)" "$DATA_DO"
    fi
}

check_describe_table() {
    call describe_table '{"schema":"reporting","table":"v_daily_summary"}'
    if [ "$is_error" = false ] && grep -q '^reporting.v_daily_summary: ' "$tmp/answer"; then pass; else
        fail "the columns of reporting.v_daily_summary" "$(seen_call)" "$DATA_DO"
    fi
}

check_query() {
    query 'SELECT count(*) AS days FROM reporting.v_daily_summary'
    local days
    if days=$(field answer rows 0 days); then pass "$days rows in reporting.v_daily_summary"; else
        fail "a count of reporting.v_daily_summary" "$(seen_call)" "$DATA_DO"
    fi
}

check_limits() {
    query "SELECT concat_ws('|', extract(epoch FROM current_setting('statement_timeout')::interval),
        current_setting('default_transaction_read_only'), current_setting('transaction_read_only')) AS told"
    local told seconds
    told=$(field answer rows 0 told) seconds=${told%%|*}
    if [[ $told == *'|on|on' ]] && within "$seconds" 1 55; then
        pass "read-only, ${seconds%.*} s a statement"
    else
        fail "read-only sessions and a statement_timeout of 1 to 55 s" "$(seen_call)" \
            "set MCP_STATEMENT_TIMEOUT (30s); does a pooler between the server and PostgreSQL rewrite settings?"
    fi
}
# within NUMBER LEAST MOST
within() { [[ $1 =~ ^[0-9.]+$ ]] && awk -v n="$1" -v least="$2" -v most="$3" 'BEGIN { exit !(n >= least && n <= most) }'; }

# refused_by_guard SQL CODE-PATTERN
refused_by_guard() {
    query "$1"
    local code
    code=$(field answer error code)
    # shellcheck disable=SC2053 # a pattern
    if [ "$is_error" = true ] && [[ $code == $2 ]]; then pass; else
        fail "isError and $2 for: $1" "$(seen_call)" \
            "stop the server now and look at what is running there: its guard does not work"
    fi
}
# "false": harmless, if some other server answers here after all
check_guard_update() { refused_by_guard "UPDATE reporting.refresh_log SET notes = 'x' WHERE false" GUARD_NOT_A_QUERY; }
check_guard_lock() { refused_by_guard 'SELECT pg_advisory_lock(1)' 'GUARD_*'; }

# Schemas beyond the list in which the role can read a table; extensions' tables, TimescaleDB's inner ones and the catalogue of
# meaning (analytics_meta.sql) do not count.
others_readable() {
    local list="'${schemas//,/"','"}'"
    printf '%s' "SELECT n.nspname AS schema FROM pg_catalog.pg_namespace n
        WHERE n.nspname NOT IN ($list, 'analytics_meta', 'pg_catalog', 'information_schema', 'pg_toast')
          AND n.nspname !~ '^(_timescaledb|timescaledb|pg_temp_|pg_toast_temp_)' AND has_schema_privilege(n.oid, 'USAGE')
          AND EXISTS (SELECT FROM pg_catalog.pg_class c
            WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND has_any_column_privilege(c.oid, 'SELECT')
              AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))
        ORDER BY 1"
}
# a table of infrastructure, if there is one, quoted
readonly A_HIDDEN_TABLE="SELECT format('%I.%I', n.nspname, c.relname) AS name
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'infrastructure' AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 1 LIMIT 1"
readonly HIDDEN_DO="REVOKE ALL ON SCHEMA … and ON ALL TABLES IN SCHEMA … FROM PUBLIC, $ROLE; or name it in MCP_READABLE_SCHEMAS, if it is meant to be read"
hidden_expected() { printf 'nothing readable beyond %s' "$schemas"; }

check_hidden_schemas() {
    local readable table
    query "$(others_readable)"
    if ! readable=$(field answer rows) || [ "$readable" != '[]' ]; then fail "$(hidden_expected)" "${readable:-$(seen_call)}" "$HIDDEN_DO"; return; fi
    query "$A_HIDDEN_TABLE"
    if ! table=$(field answer rows 0 name); then pass "there is no table in a schema infrastructure to try"; return; fi
    query "SELECT 1 AS one FROM $table LIMIT 1"
    if [ "$(field answer error sqlstate)" = 42501 ]; then pass "tried $table"; else
        fail "42501 for $table" "$(seen_call)" "$HIDDEN_DO"
    fi
}

check_claude_code() {
    local line
    mkdir -p "$tmp/home/work"
    # as claude mcp add writes it, but not by an argument, which a process list would show
    printf '{"mcpServers":{"fireside-analytics":{"type":"http","url":%s,"headers":{"Authorization":%s}}}}' "$(json_text "$url/mcp")" "$(json_text "Bearer $token")" > "$tmp/home/.claude.json"
    (cd "$tmp/home/work" && exec timeout 90 env -u CLAUDE_CONFIG_DIR HOME="$tmp/home" DISABLE_AUTOUPDATER=1 DISABLE_TELEMETRY=1 DISABLE_ERROR_REPORTING=1 \
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 claude mcp list) < /dev/null > "$tmp/claude" 2>&1
    line=$(grep '^fireside-analytics:' "$tmp/claude")
    if [[ $line == *Connected ]]; then pass; else
        fail "'claude mcp list' to say Connected" "${line:-$(tail -n 1 "$tmp/claude")}" \
            "see the points above; if they pass, is this claude up to date (claude update)?"
    fi
}

# ── Asking the container ─────────────────────────────────────────────────────────────────────────────────────────────

docker_missing='' container_missing=''
find_container() {
    local running all found=()
    if ! command -v docker > /dev/null; then docker_missing="no docker here"; return; fi
    running=$(docker ps --format '{{.Names}}' 2> "$tmp/docker") || { docker_missing="docker does not answer ($(head -n 1 "$tmp/docker"))"; return; }
    if [ -z "$container" ]; then
        all=$(docker ps -a --format '{{.Names}}' 2> /dev/null)
        mapfile -t found < <(grep -F analytics_mcp <<< "$running")
        if grep -qxF analytics_mcp <<< "$all"; then container=analytics_mcp
        elif [ ${#found[@]} = 1 ]; then container=${found[0]}
        elif [ ${#found[@]} = 0 ]; then docker_missing="no container with analytics_mcp in its name runs here (--container)"; return
        else docker_missing="several containers have analytics_mcp in their names: ${found[*]}; choose one with --container"; return; fi
    fi
    docker inspect "$container" > "$tmp/inspect" 2> /dev/null && [ "$(field inspect 0 State)" != '' ] || container_missing=1
}
# environment NAME: a setting of the container
environment() {
    python3 -I -S -c '
import json, sys
for entry in json.load(open(sys.argv[1], encoding="utf-8"))[0]["Config"].get("Env") or []:
    name, _, value = entry.partition("=")
    if name == sys.argv[2]:
        print(value)' "$tmp/inspect" "$1" 2> /dev/null
}

in_docker() {
    if [ -n "$docker_missing" ]; then skip "$docker_missing"; return 1; fi
    [ -z "$container_missing" ] || fail "a container $container" "none" "docker ps -a shows the containers; start it, or name another by --container"
    [ -z "$container_missing" ]
}

check_container_healthy() {
    local health state
    state=$(field inspect 0 State Status)
    health=$(field inspect 0 State Health Status) || health='no health check'
    if [ "$state $health" = 'running healthy' ]; then pass "$container"; else
        fail "$container running and healthy" "$state, $health" \
            "docker logs $container; while it is starting wait a little; without a health check give it one (GET /healthz)"
    fi
}

check_container_confined() {
    local user read_only
    user=$(field inspect 0 Config User) read_only=$(field inspect 0 HostConfig ReadonlyRootfs)
    case ${user%%:*} in
        '' | 0 | root) fail "$container to run as a user of its own" "user '${user:-root}'" "USER in the Dockerfile, or user: in the compose file; then deploy again" ;;
        *) if [ "$read_only" = true ] && [ "$(field inspect 0 HostConfig Privileged)" != true ]; then pass "user $user, read-only file system"; else
            fail "$container read-only and not privileged" "read-only: ${read_only:-unknown}" \
                "read_only: true in the compose file, no privileged; then deploy again"
        fi ;;
    esac
}

check_image() {
    local image
    image=$(field inspect 0 Image)
    if docker image inspect "$image" > /dev/null 2>&1; then pass "$(field inspect 0 Config Image)"; else
        fail "the image of $container on this host" "none ($image)" \
            "build it (docker build .) or deploy again: as it is, the container cannot be made anew"
    fi
}

# ── Asking the database ──────────────────────────────────────────────────────────────────────────────────────────────

decoded() { local text=${1//\\/\\\\}; printf '%b' "${text//%/\\x}"; }

# The DATABASE_URL that is given, or the container's: $dsn without its password (as a process list may show it), $user, $password.
dsn='' database_url='' user='' no_dsn='' psql_missing='' connected='' dsn_given=1
find_database() {
    local given='' file=${database_file:-${DATABASE_URL_FILE:-}} host found=()
    if [ -n "$database_file" ] || [ -z "${DATABASE_URL:-}" ] && [ -n "$file" ]; then
        [ -r "$file" ] || die "the file $file with DATABASE_URL cannot be read"
        given=$(first_line "$file")
    else
        given=${DATABASE_URL:-}
    fi
    if [ -z "$given" ] && [ -z "$docker_missing$container_missing" ]; then
        dsn_given=''
        given=$(environment DATABASE_URL)
        file=$(environment DATABASE_URL_FILE)
        if [ -z "$given" ] && [ -n "$file" ]; then given=$(docker cp "$container:$file" - 2> /dev/null | tar -xO 2> /dev/null | first_line /dev/stdin); fi
    fi
    unset DATABASE_URL
    [ -n "$given" ] || { no_dsn="no DATABASE_URL given (--database-url-file)"; return; }
    if [[ ! $given =~ ^(postgres(ql)?://)([^:@/?]+)(:([^@]*))?(@([^/?]*).*)$ ]] || [[ $given == *[?\&]password=* ]]; then
        no_dsn=malformed
        return
    fi
    database_url=$given
    user=$(decoded "${BASH_REMATCH[3]}") password=$(decoded "${BASH_REMATCH[5]}")
    dsn=${BASH_REMATCH[1]}${BASH_REMATCH[3]}${BASH_REMATCH[6]}
    host=${BASH_REMATCH[7]%%,*} host=${host%:*}
    # a name that only Docker's network knows: through the one container of that name
    if [ -z "$db_container$docker_missing" ] && [ -n "$host" ] && command -v getent > /dev/null && ! getent hosts "$host" > /dev/null; then
        mapfile -t found < <(docker ps --format '{{.Names}}' 2> /dev/null | grep -F -- "$host")
        [ ${#found[@]} != 1 ] || db_container=${found[0]}
    fi
    if [ -z "$db_container" ] && ! command -v psql > /dev/null; then
        psql_missing="no psql here (Debian, Ubuntu: apt install postgresql-client; or --db-container)"
    fi
}

# db [PSQL-OPTION...] < SQL: $tmp/rows, $tmp/errors (by their SQLSTATE)
db() {
    local psql=(psql)
    [ -z "$db_container" ] || psql=(docker exec -i -e PGPASSWORD -e PGCONNECT_TIMEOUT -e PGAPPNAME "$db_container" psql)
    PGPASSWORD=$password timeout 90 "${psql[@]}" -X -w -A -t -v VERBOSITY=sqlstate "$@" -d "$dsn" > "$tmp/rows" 2> "$tmp/errors"
}
seen_db() { { sed 's/^psql:[^ ]* *//' "$tmp/errors"; cat "$tmp/rows"; } | head -n 3 | head -c 240; }
# the SQLSTATE of the first error
sqlstate() { sed -n 's/^.*ERROR:  *\([0-9A-Z]\{5\}\).*$/\1/p' "$tmp/errors" | head -n 1; }

database() {
    if [ "$no_dsn" = malformed ]; then
        fail "postgresql://$ROLE:PASSWORD@HOST:5432/DATABASE" "a DATABASE_URL of another shape" \
            "write it so, with @, / and % in the password percent-encoded"
        return 1
    elif [ -n "$no_dsn" ]; then skip "$no_dsn"; return 1; fi
}
# As another role nothing of this is tried: it would be allowed.
our_role() {
    database || return
    if [ "$user" != "$ROLE" ]; then fail "a connection as $ROLE" "nothing tried, as DATABASE_URL is another role's" "see database-user"; return 1; fi
}
# The same, and psql connects.
role() {
    our_role || return
    if [ -n "$psql_missing" ]; then skip "$psql_missing"; return 1; fi
    if [ -z "$connected" ]; then
        db <<< 'SELECT current_user'
        connected=no
        if [ "$(cat "$tmp/rows")" = "$ROLE" ]; then connected=yes; else no_connection=$(seen_db); fi
    fi
    [ "$connected" != yes ] || return 0
    if [ -z "$dsn_given" ] && [ -z "$db_container" ]; then
        skip "the container's database does not answer from here: --db-container NAME ($no_connection)"
    elif [ "$point" = db-read ]; then
        fail "psql to connect as $ROLE to $(masked)" "$no_connection" \
            "is it up, is the password that of the bootstrap, does pg_hba.conf let this host in? If only Docker reaches it: --db-container NAME"
    else
        fail "an answer of the database" "nothing, since psql does not connect" "see db-read"
    fi
    return 1
}
masked() { printf '%s' "${dsn/@/:***@}"; }

check_database_user() {
    if [ "$user" = "$ROLE" ]; then pass "$(masked)"; else
        fail "DATABASE_URL with the user $ROLE" "$(masked)" \
            "scripts/bootstrap_analytics_ro.sh makes the role; write it into the server's DATABASE_URL and deploy again"
    fi
}

check_db_read() {
    db <<< 'SELECT count(*) FROM reporting.v_daily_summary'
    if [[ "$(cat "$tmp/rows")" =~ ^[0-9]+$ ]]; then pass "$(cat "$tmp/rows") rows in reporting.v_daily_summary"; else
        fail "a count of reporting.v_daily_summary" "$(seen_db)" \
            "apply $ROLE_SQL to this database (scripts/bootstrap_analytics_ro.sh)"
    fi
}

# Once as its sessions are, then with the read-only default off, when only the lack of a privilege is left to stop it.
check_db_create() {
    local list="'${schemas//,/"','"}'" create
    create="SELECT 'BEGIN', format('CREATE TABLE %I.analytics_mcp_verify (i int)', nspname), 'ROLLBACK' FROM pg_namespace WHERE nspname IN ('public', $list) ORDER BY 1 \\gexec"
    db -v ON_ERROR_STOP=0 <<< "$create"
    local made=0 codes
    made=$(grep -c '^CREATE TABLE' "$tmp/rows")
    codes=$(sed -n 's/^.*ERROR:  *\([0-9A-Z]\{5\}\).*$/\1/p' "$tmp/errors" | sort -u | paste -sd' ')
    if [ "$made" != 0 ] || [[ ! $codes =~ ^(25006|42501)(\ 42501)?$ ]]; then
        fail "CREATE TABLE refused" "$made made (and rolled back), errors: ${codes:-none}" "apply $ROLE_SQL to this database"
        return
    fi
    db -v ON_ERROR_STOP=0 <<< "SET default_transaction_read_only = off; $create"
    made=$(grep -c '^CREATE TABLE' "$tmp/rows")
    codes=$(sed -n 's/^.*ERROR:  *\([0-9A-Z]\{5\}\).*$/\1/p' "$tmp/errors" | sort -u | paste -sd' ')
    if [ "$made" = 0 ] && [ "$codes" = 42501 ]; then pass "for lack of the privilege (42501)"; else
        fail "CREATE TABLE refused for lack of the privilege (42501), read-only or not" "$made made (and rolled back), errors: ${codes:-none}" \
            "REVOKE CREATE ON SCHEMA … FROM PUBLIC, $ROLE, or apply $ROLE_SQL again"
    fi
}

# What `analytics_mcp check --json` says of the role, in $tmp/role: said by the server's own container; else by the program of this
# checkout, if it is built; else, as src/role_check.sql is all of it that concerns the role, by psql with that file.
role_check() {
    local from=''
    if [ -z "$dsn_given$docker_missing$container_missing" ]; then from=container
    elif [ -z "$db_container" ] && [ -x "$PROGRAM" ]; then from=program; fi
    case $from in
        container) timeout 90 docker exec "$container" /analytics_mcp check --json ;;
        program) (
            # this script's settings are not the server's
            unset DATABASE_URL_FILE "${!MCP_@}"
            MCP_AUTH_TOKENS=verify:verify-$marker MCP_READABLE_SCHEMAS=$schemas DATABASE_URL=$database_url exec timeout 90 "$PROGRAM" check --json
        ) ;;
    esac > "$tmp/role" 2> "$tmp/role_errors" < /dev/null
    # a program that is older than this script has no --json
    field role suitable > /dev/null && return
    if [ ! -r "$root/src/role_check.sql" ]; then skip "no program that could check the role, and no src/role_check.sql: run this script from a checkout"; return 1; fi
    role || return
    { sed "s/\\\$1/:'schemas'/" "$root/src/role_check.sql"; echo ';'; } | db -v ON_ERROR_STOP=1 -v "schemas=[\"${schemas//,/\",\"}\"]"
    python3 -I -S -c '
import json, sys
errors = open(sys.argv[1], encoding="utf-8", errors="replace").read().strip()
findings = [json.loads(line) for line in open(sys.argv[2], encoding="utf-8")]
verdict = {"suitable": False, "error": errors} if errors else {"suitable": not any(found["refuse"] for found in findings), "findings": findings}
json.dump(verdict, sys.stdout)' "$tmp/errors" "$tmp/rows" > "$tmp/role"
}

check_db_privileges() {
    role_check || return
    local suitable lines=()
    # whether it is suitable; the error or what is refused; the fixes; the warnings
    mapfile -t lines < <(python3 -I -S -c '
import json, sys
verdict = json.load(open(sys.argv[1], encoding="utf-8"))
found = verdict.get("findings", [])
refused, warned = ([finding for finding in found if finding["refuse"] is refuse] for refuse in (True, False))
some = lambda texts: "; ".join(texts[:5]) + (" and %d more" % (len(texts) - 5) if len(texts) > 5 else "")
warnings = "%d warning%s: " % (len(warned), "s" * (len(warned) > 1)) + some([finding["what"] for finding in warned]) if warned else ""
for text in (json.dumps(verdict["suitable"]), verdict.get("error") or some([finding["what"] for finding in refused]), some([finding["fix"] for finding in refused]), warnings):
    print(" ".join(text.split()))' "$tmp/role" 2> "$tmp/role_errors")
    suitable=${lines[0]:-}
    if [ "$suitable" = true ]; then pass "${lines[3]}"; else
        fail "a role that can only read, as analytics_mcp check sees it" "${lines[1]:-$(head -n 1 "$tmp/role_errors")}" \
            "apply $ROLE_SQL again; what it cannot take: ${lines[2]:-see the error}"
    fi
}

check_db_hidden_schemas() {
    local table
    db <<< "$(others_readable)"
    if [ -s "$tmp/errors" ] || [ -s "$tmp/rows" ]; then fail "$(hidden_expected)" "$(seen_db)" "$HIDDEN_DO"; return; fi
    db <<< "$A_HIDDEN_TABLE"
    table=$(cat "$tmp/rows")
    if [ -z "$table" ]; then pass "there is no table in a schema infrastructure to try"; return; fi
    db <<< "SELECT 1 FROM $table LIMIT 1"
    if [ "$(sqlstate)" = 42501 ]; then pass "tried $table"; else fail "42501 for $table" "$(seen_db)" "$HIDDEN_DO"; fi
}

check_db_lock() {
    # not number 1, which somebody may use; the lock ends with this session, should it be granted
    db <<< "SELECT pg_advisory_lock(7305127660419521)"
    if [ "$(sqlstate)" = 42501 ]; then pass; else
        fail "42501 for pg_advisory_lock" "$([ -s "$tmp/errors" ] && seen_db || echo 'the lock, granted')" \
            "apply $ROLE_SQL without touch_public=off and keep_public; until then the guard alone stops it"
    fi
}

check_db_locks_left() {
    db <<< "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND a.usename = current_user"
    if [ "$(cat "$tmp/rows")" = 0 ]; then pass; else
        fail "no advisory lock of $ROLE" "$(seen_db)" \
            "restart the server, which ends its sessions and their locks; then see guard-lock and db-lock"
    fi
}

check_db_limits() {
    db <<< "SELECT extract(epoch FROM current_setting('statement_timeout')::interval), current_setting('default_transaction_read_only')"
    local row
    row=$(cat "$tmp/rows")
    if [[ $row == *'|on' ]] && within "${row%|*}" 1 300; then pass "read-only, ${row%%[.|]*} s a statement"; else
        fail "sessions of $ROLE that begin read-only, with a statement_timeout of 1 to 300 s" "$(seen_db)" \
            "apply $ROLE_SQL again, which sets both for the role"
    fi
}

# ── Reading the audit log ────────────────────────────────────────────────────────────────────────────────────────────

check_audit_line() {
    local size=0 told='' from
    if [ -n "$log" ]; then from=$log size=$(stat -c %s "$log"); else from="docker logs $container"; fi
    query "SELECT 1 AS one /* verify-$marker */"
    [ "$is_error" = false ] || { fail "a query to look for in the log" "$(seen_call)" "see query above"; return; }
    for _ in 1 2 3 4 5 6; do
        # a line for a file that was begun anew meanwhile
        if [ -z "$log" ]; then docker logs --since 10m "$container" 2> /dev/null
        elif [ "$(stat -c %s "$log")" -ge "$size" ]; then tail -c "+$((size + 1))" "$log"
        else cat "$log"; fi | grep -aF "verify-$marker" > "$tmp/audit"
        told=$(python3 -I -S -c '
import json, sys
lines, wrong = 0, []
for line in open(sys.argv[1], encoding="utf-8", errors="replace"):
    try:
        entry = json.loads(line)
    except ValueError:
        continue
    if entry.get("event") != "call" or sys.argv[2] not in str(entry.get("sql")):
        continue
    lines += 1
    for name, good in [("analyst", bool(entry.get("analyst")) and sys.argv[3] in ("", entry["analyst"])), ("rows", entry.get("rows") == 1),
                       ("ms", isinstance(entry.get("ms"), (int, float)))]:
        if not good:
            wrong.append("%s is %s" % (name, json.dumps(entry.get(name))))
print("one line by " + entry["analyst"] if lines == 1 and not wrong else "%d lines%s" % (lines, "".join("; " + text for text in wrong)))' "$tmp/audit" "verify-$marker" "$analyst" 2>&1)
        [ "$told" = '0 lines' ] || break
        sleep 0.5
    done
    if [[ $told == 'one line by '* ]]; then pass "$told"; else
        fail "one line for one query in $from, with analyst${analyst:+ $analyst}, sql, rows and ms" "$told" \
            "is that the log of the server at $url, and of its standard output?"
    fi
}

# ── All of it ────────────────────────────────────────────────────────────────────────────────────────────────────────

marker=$(od -An -v -tx1 -N12 /dev/urandom | tr -d ' \n')
find_container
schemas=${MCP_READABLE_SCHEMAS:-}
[ -n "$schemas" ] || [ -n "$docker_missing$container_missing" ] || schemas=$(environment MCP_READABLE_SCHEMAS)
schemas=${schemas//[[:space:]]/}
schemas=${schemas:-reporting,tracksolid,tickets,fuel}
[[ $schemas != *\'* ]] || die "MCP_READABLE_SCHEMAS has a quote in it"
find_database

check nothing health certificate
check token token-accepted
check server ready sign-in token-required foreign-origin
check token large-body protocol-2025-11-25 protocol-2026-07-28 tools list-schemas describe-table query limits guard-update guard-lock \
    hidden-schemas
check a_log audit-line
check claude_code claude-code
check database database-user
check role db-read db-create
check our_role db-privileges
check role db-hidden-schemas db-lock db-locks-left db-limits
check in_docker container-healthy container-confined image
report
[ "$failed" = 0 ]
