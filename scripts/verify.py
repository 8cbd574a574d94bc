#!/usr/bin/env python3
"""verify.py — is a running server what it should be? Asks the live server, its container and, by the server's own
`analytics_mcp check`, its database. First come the nine points of the checklist, then what else is worth knowing; one line a point:
PASS, SKIP with the reason, or FAIL with what was expected, what was seen, and what to do.

  verify.py --token-file ~/my-token --url https://fleetmcp.example.com       from anywhere
  verify.py --token-file ~/my-token                                          on the host of the container
  verify.py                                                                  the running demo of this checkout

Without --url the address is that of the running demo of this checkout; or of the container: its MCP_PUBLIC_URL, the port that it
publishes, or its own address on a Docker network. A container counts only if its log has the query that was sent to the address.

Environment: MCP_VERIFY_TOKEN, DATABASE_URL or DATABASE_URL_FILE instead of the files. MCP_READABLE_SCHEMAS and MCP_HIDDEN_COLUMNS_FILE
as the server has them, where no container tells. SSL_CERT_FILE: certificates to trust instead of the system's; HTTPS_PROXY is used.

Nothing is changed: what tries to write is rolled back. It leaves some lines in the audit log, by the token's analyst. Needs Python 3.9
and nothing else; docker and claude for their points. Token and password go to other programs by files and the environment: no
process list shows them. Exit status: 0 no FAIL, 1 some FAIL, 2 it could not begin."""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import http.client
import json
import os
import re
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

ROOT = Path(__file__).resolve().parent.parent
TOOLS = "list_schemas search list_tables describe_table list_functions sample_table query"
VIEW_TOOLS = "show_query show_rows"
ROLE, ROLE_SQL = "analytics_ro", "scripts/analytics_ro_role.sql"
DEFAULT_URL = "http://127.0.0.1:8892"
MARK = f"verify-{secrets.token_hex(12)}"
# A query that nobody else sends, so that a log that has it is this server's.
MARKED_QUERY = f"SELECT '{MARK}' AS mark"

# ── What is said ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Skip(Exception):
    """It cannot be known here, and why. Its cause, if that is wrong, is another point's Fail."""


class Fail(Exception):
    """What was expected, what was seen, and what to do."""


def expect(good: object, expected: object, saw: object, do: object) -> None:
    if not good:
        raise Fail(expected, saw, do)


def die(text: str) -> NoReturn:
    print(f"verify: {clean(text)}", file=sys.stderr)
    sys.exit(2)


SECRETS: set[str] = set()
# What drives a terminal or turns its text around.
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\u061c\ufeff\ud800-\udfff]")


def clean(text: object, most: int = 1000) -> str:
    """On one line, without control characters, without the secrets."""
    said = CONTROLS.sub(" ", str(text))
    for secret in sorted(SECRETS, key=len, reverse=True):
        said = said.replace(secret, "***")
    return said[:most]


def look(subject: Subject, as_json: bool) -> int:
    """Goes through all points; the exit status."""
    found: list[dict[str, object]] = []
    for number, (words, points) in enumerate(CHECKLIST, 1):
        last = number == len(CHECKLIST)
        if not as_json:
            print(words if last else f"{number}. {words}")
        for point in points:
            name = point if isinstance(point, str) else point.__name__.replace("_", "-")
            result: dict[str, object] = {"point": name} if last else {"point": name, "checklist": number}
            try:
                note = subject.checked(point) if isinstance(point, str) else point(subject)
                result |= {"result": "PASS", "note": clean(note or "")}
            except Skip as skip:
                result |= {"result": "SKIP", "note": clean(skip)}
            except Fail as fail:
                expected, saw, do = map(clean, fail.args)
                result |= {"result": "FAIL", "expected": expected, "saw": saw or "nothing", "do": do}
            except (AttributeError, KeyError, TypeError, ValueError) as error:  # what another server sends may be anything
                saw, do = clean(f"{type(error).__name__}: {error}"), f"does {subject.server.url} lead to analytics_mcp?"
                result |= {"result": "FAIL", "expected": "an answer of the right shape", "saw": saw, "do": do}
            found.append(result)
            if not as_json:
                form = "expected {expected}, saw {saw}; do: {do}" if result["result"] == "FAIL" else "{note}"
                print(f"{result['result']}  {name}: {form.format(**result)}".removesuffix(": "), flush=True)
    passed, failed, skipped = (sum(result["result"] == which for result in found) for which in ("PASS", "FAIL", "SKIP"))
    if as_json:
        head = {"url": subject.server.url, "url_from": subject.url_from, "passed": passed, "failed": failed, "skipped": skipped}
        print(json.dumps({**head, "points": found}, indent=1, ensure_ascii=False))
    else:
        print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


# ── Asking the server ────────────────────────────────────────────────────────────────────────────────────────────────


def at(value: Any, *keys: object) -> Any:
    """The value at these keys of a JSON document; None if there is none."""
    for key in keys:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def parsed(text: object) -> Any:
    try:
        return json.loads(str(text))
    except (ValueError, RecursionError):
        return None


class Answer:
    """A response; with status 0 none came, and the error says why."""

    def __init__(self, status: int, text: str = "", headers: Any = None, error: Exception | None = None, valid_until: str = ""):
        self.status, self.text, self.headers, self.error, self.valid_until = status, text, headers or {}, error, valid_until
        self.json = parsed(text)
        # a tool's answer
        self.is_error = at(self.json, "result", "isError")
        self.said = at(self.json, "result", "content", 0, "text")
        self.value = parsed(self.said)

    def __str__(self) -> str:
        if self.status == 0:
            return f"no answer ({self.trouble})"
        return clean(self.said, 200) if isinstance(self.said, str) else f"HTTP {self.status} {clean(self.text, 160)}"

    @property
    def trouble(self) -> str:
        return re.sub(r"^\[Errno [^]]*\] | \(_ssl\.c:\d+\)$", "", str(self.error)) or type(self.error).__name__

    def has_line(self, beginning: str) -> bool:
        return self.is_error is False and bool(re.search(f"^{beginning}", str(self.said), re.MULTILINE))


def hang_up(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


class Server:
    def __init__(self, url: str, token: str):
        self.url, self.token = url, token
        parts = urllib.parse.urlsplit(url)
        self.https, self.host, self.port = parts.scheme == "https", parts.hostname or "", parts.port
        # an address, or a name without a domain
        self.is_local_name = bool(re.fullmatch(r"[0-9.]+|.*:.*|[^.]+", self.host))

    def connection(self) -> http.client.HTTPConnection:
        if not self.https:
            return http.client.HTTPConnection(self.host, self.port, timeout=10)
        context = ssl.create_default_context()
        # A Python from python.org has no certificates on a Mac until somebody installs them.
        if sys.platform == "darwin" and not context.cert_store_stats()["x509_ca"]:
            context.load_verify_locations("/etc/ssl/cert.pem")
        proxy = urllib.request.getproxies().get("https")
        if not proxy or self.is_local_name or urllib.request.proxy_bypass(self.host):
            return http.client.HTTPSConnection(self.host, self.port, timeout=10, context=context)
        through = urllib.parse.urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        connection = http.client.HTTPSConnection(through.hostname or "", through.port or 8080, timeout=10, context=context)
        connection.set_tunnel(self.host, self.port or 443)
        return connection

    def ask(self, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        """GET, or POST if there is a body. Redirects are not followed: nobody else gets the token."""
        connection, headers, timer = self.connection(), headers or {}, None
        try:
            connection.connect()
            certificate = connection.sock.getpeercert() if self.https else None
            connection.sock.settimeout(75)
            # A server that sends a byte a second would never be late.
            timer = threading.Timer(90, hang_up, [connection.sock])
            timer.daemon = True
            timer.start()
            if body is not None and "Expect" in headers:
                early = self.offer(connection, path, body, headers)
                if early:
                    return early
            else:
                connection.request("GET" if body is None else "POST", path, body, headers)
            response = connection.getresponse()
            text = response.read(8_000_000).decode("utf-8", "replace")
            return Answer(response.status, text, response.headers, valid_until=at(certificate, "notAfter"))
        except (OSError, http.client.HTTPException, ValueError, IndexError) as error:
            return Answer(0, error=error)
        finally:
            if timer:
                timer.cancel()
            connection.close()

    def offer(self, connection: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str]) -> Answer | None:
        """Sends the body only if the head is not refused, which http.client would not wait for; else the refusal."""
        connection.putrequest("POST", path)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            connection.putheader(name, value)
        connection.endheaders()
        connection.sock.settimeout(2)
        try:
            early = connection.sock.recv(4096).decode("latin-1")
        except OSError:
            early = ""
        if early and not early.startswith("HTTP/1.1 100"):
            return Answer(int(early.split()[1]), early.partition("\r\n\r\n")[2])
        connection.sock.settimeout(75)
        try:
            connection.sock.sendall(body)
        except OSError:
            pass  # it may have answered without reading to the end
        return None

    def post(self, method: str, params: object, headers: dict[str, str] | None = None, token: str | None = None, pad: int = 0) -> Answer:
        """A message to the MCP endpoint, with the analyst's token unless another one, or none (""), is given."""
        token = self.token if token is None else token
        credentials = {"Authorization": f"Bearer {token}"} if token else {}
        said = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **credentials, **(headers or {})}
        message = {"jsonrpc": "2.0", "id": "verify", "method": method, "params": params}
        return self.ask("/mcp", json.dumps(message, separators=(",", ":")).encode() + b" " * pad, said)

    def call(self, tool: str, **arguments: object) -> Answer:
        return self.post("tools/call", {"name": tool, "arguments": arguments})

    def query(self, sql: str) -> Answer:
        return self.call("query", sql=" ".join(sql.split()))


# ── Asking Docker ────────────────────────────────────────────────────────────────────────────────────────────────────


LATE = 124  # as `timeout` has it


def run(*command: str, **options: Any) -> tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=90, check=False, **options)
    except subprocess.TimeoutExpired as error:
        return LATE, "", str(error)
    except OSError as error:
        return 127, "", str(error)
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


class Container:
    def __init__(self, inspected: object):
        self.inspected = inspected
        self.name = str(self.at("Name")).lstrip("/")
        self.environment = dict(str(entry).partition("=")[::2] for entry in self.some(list, "Config", "Env"))
        self.is_ours = "/analytics_mcp" in self.some(list, "Config", "Entrypoint")
        self.is_running = self.at("State", "Status") == "running"
        self.by_coolify = any(label.startswith("coolify.") for label in self.some(dict, "Config", "Labels"))

    def at(self, *keys: object) -> Any:
        return at(self.inspected, *keys)

    def some(self, kind: type, *keys: object) -> Any:
        """What is there, or none of it."""
        value = self.at(*keys)
        return value if isinstance(value, kind) else kind()

    def addresses(self) -> Iterator[tuple[str, str]]:
        """Where its server can be reached, and where that is from; the best first."""
        if self.environment.get("MCP_PUBLIC_URL"):
            yield self.environment["MCP_PUBLIC_URL"].rstrip("/"), f"the MCP_PUBLIC_URL of the container {self.name}"
        inside = self.environment.get("MCP_LISTEN", ":8892").rpartition(":")[2]
        for bound in self.some(list, "NetworkSettings", "Ports", f"{inside}/tcp"):
            host, port = at(bound, "HostIp"), at(bound, "HostPort")
            host = "127.0.0.1" if host in (None, "", "0.0.0.0", "::") else host
            yield f"http://{host}:{port}", f"the port that the container {self.name} publishes"
        # to which only Linux has a way
        for network, member in self.some(dict, "NetworkSettings", "Networks").items() if sys.platform == "linux" else ():
            if at(member, "IPAddress"):
                yield f"http://{at(member, 'IPAddress')}:{inside}", f"the address of the container {self.name} on its network {network}"


def find_containers(name: str | None) -> tuple[list[Container], str]:
    """The containers that may be the server, and why there are none."""
    if not shutil.which("docker"):
        return [], "no docker here"
    status, out, err = run("docker", "ps", "--all", "--quiet", "--no-trunc")
    if status:
        return [], f"docker does not answer ({clean(err.strip(), 160)})"
    ids = [name] if name else out.split()
    shown = parsed(run("docker", "container", "inspect", *ids)[1]) if ids else None
    found = [container for container in map(Container, shown if isinstance(shown, list) else []) if name or container.is_ours]
    for container in found:
        note_password(container.environment.get("DATABASE_URL", ""))
    found = [container for container in found if container.is_running] or found
    return found, "" if found else "no container here runs /analytics_mcp (--container NAME, if it does so in another way)"


def marked(log: str) -> tuple[dict[str, Any], ...]:
    """The audit lines of the marked query. A server may be set to log less of a statement, and its hash instead."""
    digest = hashlib.sha256(MARKED_QUERY.encode()).hexdigest()
    entries = (parsed(line) for line in log.splitlines() if MARK in line or digest in line)
    calls = (entry for entry in entries if at(entry, "event") == "call")
    return tuple(call for call in calls if MARK in str(call.get("sql")) or call.get("sql_sha256") == digest)


# ── What is looked at ────────────────────────────────────────────────────────────────────────────────────────────────


class Asked(NamedTuple):
    """The container that got our query and its audit lines of it; or why no container is known to be the server."""

    container: Container | None = None
    lines: tuple[dict[str, Any], ...] = ()
    reason: str = ""
    unreadable: bool = False


class Subject:
    """The server, and what is found out about it once it is needed."""

    def __init__(self, options: argparse.Namespace, server: Server, analyst: str, url_from: str, containers: list[Container], none: str):
        self.options, self.server, self.analyst, self.url_from = options, server, analyst, url_from
        self.containers, self.no_container = containers, none
        self.log_began = os.path.getsize(options.log) if options.log else 0
        # What is said to be the server, by a person or by its own settings: enough to find fault with it, not to vouch for it.
        claims = [container for container in containers if options.container or server.url in dict(container.addresses())]
        self.claimed = claims[0] if claims else None
        said = self.claimed and self.claimed.environment.get("MCP_READABLE_SCHEMAS")
        said = options.schemas or said or "reporting,tracksolid,tickets,fuel"
        self.schemas = [name.strip() for name in said.split(",") if name.strip()]

    @functools.cached_property
    def health(self) -> Answer:
        return self.server.ask("/healthz")

    @functools.cached_property
    def ping(self) -> Answer:
        return self.server.post("ping", {})

    def reached(self) -> Server:
        """The server, if it answers at all."""
        if self.health.status == 0:
            raise Skip("the server does not answer: see health or certificate")
        return self.server

    def signed_in(self) -> Server:
        """The server, if it takes the token."""
        if self.reached() and self.ping.status == 401:
            raise Skip("the token is refused: see token-accepted")
        return self.server

    @functools.cached_property
    def marked_query(self) -> Answer:
        return self.signed_in().query(MARKED_QUERY)

    @functools.cached_property
    def asked(self) -> Asked:
        if not self.containers:
            return Asked(reason=self.no_container)
        names = " or ".join(container.name for container in self.containers)
        try:
            why = "" if self.marked_query.is_error is False else "no query is answered: see query"
        except Skip as skip:
            why = str(skip)
        if why:
            return Asked(reason=f"nothing shows that the server at {self.server.url} is the one in {names}; {why}")
        trouble = ""
        for _ in range(6):
            for container in self.containers:
                status, out, err = run("docker", "logs", "--tail", "2000", container.name)
                trouble = f"docker logs {container.name}: {clean(err.strip(), 160)}" if status else trouble
                if status == LATE:
                    return Asked(reason=trouble, unreadable=True)
                if marked(out):
                    return Asked(container, marked(out))
            time.sleep(0.5)
        other = f"the server at {self.server.url} is not the one in {names}: the log there does not have the query that was sent"
        return Asked(reason=trouble or other, unreadable=bool(trouble))

    def lines_in_log(self) -> tuple[dict[str, Any], ...]:
        """The audit lines of that query in the file --log."""
        lines: tuple[dict[str, Any], ...] = ()
        for _ in range(6 if self.marked_query.is_error is False else 0):
            with open(self.options.log, encoding="utf-8", errors="replace") as file:
                # a file that is shorter was begun anew
                file.seek(self.log_began if os.path.getsize(self.options.log) >= self.log_began else 0)
                lines = marked(file.read())
            if lines:
                break
            time.sleep(0.5)
        return lines

    def container(self) -> Container:
        """The container that is proven to be the server."""
        name = self.options.container
        if name and self.no_container.startswith("no container"):
            raise Fail(f"a container {name}", "none", "docker ps --all shows the containers; start it, or name another by --container")
        if not self.asked.container:
            raise Skip(self.asked.reason)
        return self.asked.container

    @functools.cached_property
    def check(self) -> tuple[dict[str, Any], str]:
        """What `analytics_mcp check --json` finds, and who ran it."""
        container, url, program = self.asked.container, database_url(self.options), str(self.options.program)
        if container:
            teller = f"the program in {container.name}"
            status, out, err = run("docker", "exec", container.name, "/analytics_mcp", "check", "--json")
        elif not url:
            raise Skip(f"{self.asked.reason}; and no DATABASE_URL is given (--database-url-file)")
        elif not os.access(program, os.X_OK):
            raise Skip(f"no program to look at the database with: there is no {program} (make build, or --program)")
        else:
            teller = program
            environment = {name: value for name, value in os.environ.items() if not name.startswith("MCP_")}  # which are this script's
            environment |= {"DATABASE_URL": url, "MCP_AUTH_TOKENS": f"verify:{MARK}", "MCP_READABLE_SCHEMAS": ",".join(self.schemas)}
            if self.options.hidden_columns_file:
                environment["MCP_HIDDEN_COLUMNS_FILE"] = self.options.hidden_columns_file
            status, out, err = run(program, "check", "--json", env=environment)
        verdict = parsed(out)
        if status == 64:
            raise Skip(older(teller))
        if not isinstance(verdict, dict):
            verdict = {"error": f"no answer of {teller}, exit status {status}: {err[-300:]}"}
        return verdict, teller

    def checked(self, name: str) -> str:
        """A point about the database, as the server's program sees it."""
        verdict, teller = self.check
        if name == "db-read":
            do = "correct the server's settings; is the database up, and is the password that of the bootstrap?"
            expect("error" not in verdict, "analytics_mcp check to get into the database", verdict.get("error"), do)
        got_in(verdict)
        found = next((found for found in verdict.get("points") or [] if at(found, "point") == name), None)
        if not found:
            raise Skip(older(teller))
        expect(found.get("ok"), found.get("expected"), found.get("saw"), found.get("fix"))
        return found.get("note") or ""


def got_in(verdict: dict[str, Any]) -> None:
    if "error" in verdict:
        raise Skip("analytics_mcp check does not get into the database: see db-read")


def older(teller: str) -> str:
    return f"{teller} is older than this script, and does not say"


def database_url(options: argparse.Namespace) -> str:
    """What is given as the server's DATABASE_URL."""
    url = first_line(options.database_url_file) if options.database_url_file else options.database_url
    note_password(url)
    return url


def note_password(url: str) -> None:
    for password in re.findall(r"^\w+://[^:@/]*:(.*)@", url) + re.findall(r"[?&]password=([^&]*)", url):
        SECRETS.update({password, urllib.parse.unquote(password)} - {""})


def first_line(file: str) -> str:
    """The first line of a file that is not blank or a comment."""
    try:
        lines = [line.strip() for line in Path(file).read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        die(f"{file} cannot be read: {error}")
    return next((line for line in lines if line and not line.startswith("#")), "")


# ── The checklist ────────────────────────────────────────────────────────────────────────────────────────────────────


def image(subject: Subject) -> str:
    container = subject.container()
    there = run("docker", "image", "inspect", str(container.at("Image")))[0] == 0
    do = "build it or deploy again: as it is, the container cannot be made anew"
    expect(there, f"the image of {container.name} on this host", f"none ({container.at('Image')})", do)
    return container.at("Config", "Image")


def container_healthy(subject: Subject) -> str:
    container = subject.asked.container or subject.claimed or subject.container()
    state, health = container.at("State", "Status"), container.at("State", "Health", "Status") or "no health check"
    do = f"docker logs {container.name}; while it is starting wait a little; without a health check give it one (/analytics_mcp healthcheck)"
    expect((state, health) == ("running", "healthy"), f"{container.name} running and healthy", f"{state}, {health}", do)
    return f"{subject.container().name}, which got the query that was sent to {subject.server.url}"


def database_user(subject: Subject) -> str:
    verdict, teller = subject.check
    user, url = at(verdict, "database", "user"), at(verdict, "database", "url")
    if not user:
        got_in(verdict)
        raise Skip(older(teller))
    do = "scripts/bootstrap_analytics_ro.sh makes the role; write it into the server's DATABASE_URL and deploy again"
    expect(user == ROLE, f"DATABASE_URL with the user {ROLE}", url, do)
    return url


def health(subject: Subject) -> str:
    server, answer = subject.server, subject.health
    if isinstance(answer.error, ssl.SSLError):
        raise Skip("nothing is sent to a server that is not trusted: see certificate")
    if answer.status == 0:
        do = "is the server running, and is it reachable from here? Its log says why it did not start; another address: --url"
        if not server.is_local_name:
            do = (
                f"does the DNS entry of {server.host} lead to the server's host, and does the proxy run there? A host may be unable to "
                "reach its own public name (hairpin): then run this from another machine"
            )
            inner = [url for container in subject.containers for url, _ in container.addresses() if url != server.url]
            do += f", or ask the container itself: --url {inner[0]}" if inner else ""
        raise Fail(f"an answer from {server.url}", answer.trouble, do)
    good = answer.status == 200 and at(answer.json, "ok") is True
    expect(good, '200 {"ok":true,…} from GET /healthz', answer, f"does {server.url} lead to analytics_mcp? Look at the proxy's routes")
    return f"{at(answer.json, 'tokens')} token(s)"


def ready(subject: Subject) -> None:
    answer = subject.reached().ask("/readyz")
    good = answer.status == 200 and at(answer.json, "ready") is True
    do = "is the database up, on one network with the server, and DATABASE_URL right? The server's log says the reason"
    expect(good, "a server that reaches its database", answer, do)


def claude_code(subject: Subject) -> None:
    claude = shutil.which("claude")
    if not claude:
        raise Skip("no claude command here")
    server = subject.signed_in()
    with tempfile.TemporaryDirectory(prefix="verify.") as home:
        # as claude mcp add writes it, but not by an argument, which a process list would show
        entry = {"type": "http", "url": f"{server.url}/mcp", "headers": {"Authorization": f"Bearer {server.token}"}}
        Path(home, ".claude.json").write_text(json.dumps({"mcpServers": {"fireside-analytics": entry}}), encoding="utf-8")
        work = Path(home, "work")
        work.mkdir()
        quiet = ("DISABLE_AUTOUPDATER", "DISABLE_TELEMETRY", "DISABLE_ERROR_REPORTING", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC")
        environment = {**os.environ, **dict.fromkeys(quiet, "1"), "HOME": home}
        environment.pop("CLAUDE_CONFIG_DIR", None)
        _, out, err = run(claude, "mcp", "list", cwd=work, env=environment)
    lines = (out + err).strip().splitlines()
    line = next((line for line in lines if line.startswith("fireside-analytics:")), "")
    do = "see the other points; if they pass, is this claude up to date (claude update)?"
    expect(line.rstrip().endswith("Connected"), "'claude mcp list' to say Connected", line or "".join(lines[-1:]), do)


DATA_DO = f"is {ROLE_SQL} applied to this database, and since the tables were made? See also the database points"


def list_schemas(subject: Subject) -> None:
    answer = subject.signed_in().call("list_schemas")
    expect(answer.has_line(r"reporting: \d"), "the schema reporting, readable", answer, DATA_DO)


def describe_table(subject: Subject) -> None:
    answer = subject.signed_in().call("describe_table", schema="reporting", table="v_daily_summary")
    expect(answer.has_line(r"reporting\.v_daily_summary: "), "the columns of reporting.v_daily_summary", answer, DATA_DO)


def query(subject: Subject) -> str:
    answer = subject.signed_in().query("SELECT count(*) AS days FROM reporting.v_daily_summary")
    days = at(answer.value, "rows", 0, "days")
    expect(days is not None, "a count of reporting.v_daily_summary", answer, DATA_DO)
    return f"{days} rows in reporting.v_daily_summary"


def refused_by_guard(subject: Subject, sql: str, code: str) -> str:
    answer = subject.signed_in().query(sql)
    saw = str(at(answer.value, "error", "code"))
    do = "stop the server now and look at what is running there: its guard does not work"
    expect(answer.is_error is True and saw.startswith(code), f"isError and {code} for: {sql}", answer, do)
    return saw


def guard_update(subject: Subject) -> str:
    # "false": harmless, if some other server answers here after all
    return refused_by_guard(subject, "UPDATE reporting.refresh_log SET notes = 'x' WHERE false", "GUARD_NOT_A_QUERY")


def token_required(subject: Subject) -> None:
    server = subject.reached()
    for token, what in ("", "no token"), (MARK, "a made-up token"), (f"{server.token}x", "a valid token with a letter more"):
        answer = server.post("tools/list", {}, token=token)
        do = "take it off the network: something in front of the server answers, or adds a token of its own"
        expect(answer.status == 401, f"401 for {what}", answer, do)
        challenge = answer.headers.get("WWW-Authenticate", "")
        do = "let the proxy pass the server's headers on: clients begin the sign-in by it"
        expect(challenge.lower().startswith("bearer"), "WWW-Authenticate: Bearer with the 401", f"'{challenge}'", do)


def audit_line(subject: Subject) -> str:
    if subject.options.log:
        place, lines = subject.options.log, subject.lines_in_log()
    else:
        container = subject.asked.container or subject.claimed or subject.container()
        place, lines = f"docker logs {container.name}", subject.asked.lines
        if subject.asked.unreadable:
            raise Skip(subject.asked.reason)
    sent = subject.marked_query
    expect(sent.is_error is False, "a query to look for in the log", sent, "see query")
    entry = lines[0] if lines else {}
    good = {
        "analyst": entry.get("analyst") and subject.analyst in ("", entry["analyst"]),
        "rows": entry.get("rows") == 1,
        "ms": isinstance(entry.get("ms"), (int, float)),
    }
    wrong = [f"{name} is {json.dumps(entry.get(name))}" for name in good if lines and not good[name]]
    expected = f"one line for one query in {place}, with analyst{subject.analyst and ' ' + subject.analyst}, sql, rows and ms"
    do = f"is that the log of the server at {subject.server.url}, and of its standard output?"
    expect(len(lines) == 1 and not wrong, expected, "; ".join([f"{len(lines)} lines", *wrong]), do)
    return f"one line by {entry['analyst']}"


# ── Beyond the checklist ─────────────────────────────────────────────────────────────────────────────────────────────


def certificate(subject: Subject) -> str:
    server, answer = subject.server, subject.health
    if not server.https and server.is_local_name:
        raise Skip(f"plain http to {server.host}: TLS is the proxy's, see it with --url https://…")
    do = "use --url https://…, and let the proxy answer http with a redirect"
    expect(server.https, "https", f"plain http to {server.host}: tokens travel readable", do)
    do = "fix TLS at the proxy: does it have a certificate for this name, of a known authority, not expired?"
    expect(not isinstance(answer.error, ssl.SSLError), f"a certificate for {server.host} that is trusted here", answer.trouble, do)
    subject.reached()
    return f"valid until {answer.valid_until}"


def token_accepted(subject: Subject) -> None:
    url, ping = subject.reached().url, subject.ping
    do = "is it on the server's list (MCP_AUTH_TOKENS_FILE), and was the list read again since? Does the proxy pass Authorization on?"
    expect(ping.status != 401, "this token to be accepted", "HTTP 401", do)
    expect(ping.status == 200 and at(ping.json, "result") == {}, "an answer to ping", ping, f"does {url}/mcp lead to analytics_mcp?")


def sign_in(subject: Subject) -> str:
    server = subject.reached()
    answer = server.ask("/.well-known/oauth-authorization-server")
    if answer.status == 404:
        return "off (no MCP_PUBLIC_URL): personal tokens only, no claude.ai and no Claude Desktop"
    issuer = at(answer.json, "issuer")
    expect(isinstance(issuer, str), "the document of the sign-in, or 404", answer, "let the proxy pass /.well-known/ on to the server")
    if not server.https:
        return f"on, for {issuer}; compare it with --url https://…"
    resource = at(server.ask("/.well-known/oauth-protected-resource/mcp").json, "resource")
    good = (issuer, resource) == (server.url, f"{server.url}/mcp")
    saw, do = f"issuer {issuer} and resource {resource or 'none'}", f"set MCP_PUBLIC_URL={server.url} and start the server again"
    expect(good, f"issuer {server.url} and resource {server.url}/mcp", saw, do)
    return "on"


def foreign_origin(subject: Subject) -> None:
    answer = subject.reached().post("ping", {}, {"Origin": "https://evil.example"})
    do = "let the proxy pass Origin on unchanged; is https://evil.example in MCP_ALLOWED_ORIGINS?"
    expect(answer.status == 403, "403 for a page of another site", answer, do)


def large_body(subject: Subject) -> None:
    answer = subject.signed_in().post("ping", {}, {"Expect": "100-continue"}, pad=2 << 20)
    do = "does the proxy cut or hold back bodies? The server itself refuses them"
    expect(answer.status == 413, "413 for a body of 2 MiB", answer, do)


CLIENT = {"name": "verify.py", "version": "2"}


def protocol_2025_11_25(subject: Subject) -> None:
    answer = subject.signed_in().post("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": CLIENT})
    version, name = at(answer.json, "result", "protocolVersion"), at(answer.json, "result", "serverInfo", "name")
    do = f"does {subject.server.url}/mcp lead to this analytics_mcp?"
    expect(version == "2025-11-25" and name, "initialize to agree on 2025-11-25", version or answer, do)


def protocol_2026_07_28(subject: Subject) -> None:
    meta = {"protocolVersion": "2026-07-28", "clientInfo": CLIENT, "clientCapabilities": {}}
    params = {"_meta": {f"io.modelcontextprotocol/{name}": value for name, value in meta.items()}}
    # the second of them is refused without its headers
    discovered, listed = (
        subject.signed_in().post(method, params, {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method})
        for method in ("server/discover", "tools/list")
    )
    versions = at(discovered.json, "result", "supportedVersions") or []
    saw = f"offered {', '.join(map(str, versions))}; then {listed}" if versions else discovered
    do = "let the proxy pass MCP-Protocol-Version and Mcp-Method on; is MCP_PROTOCOL_MODERN off?"
    good = "2026-07-28" in versions and at(listed.json, "result", "tools")
    expect(good, "server/discover to offer 2026-07-28, and an answer in it", saw, do)


def tools(subject: Subject) -> None:
    answer = subject.signed_in().post("tools/list", {})
    listed = at(answer.json, "result", "tools")
    wanted, names = set(TOOLS.split()), {str(at(tool, "name")) for tool in listed or []}
    wanted |= set(VIEW_TOOLS.split()) if names & set(VIEW_TOOLS.split()) else set()
    writing = [str(at(tool, "name")) for tool in listed or [] if at(tool, "annotations", "readOnlyHint") is not True]
    saw: object = answer
    if names:
        differences = (("missing", wanted - names), ("beyond", names - wanted), ("no readOnlyHint", writing))
        saw = "; ".join(f"{what}: {', '.join(sorted(which))}" for what, which in differences if which)
    do = f"does {subject.server.url}/mcp lead to analytics_mcp, of the version that this script came with?"
    expect(names and not saw, f"the tools {TOOLS.replace(' ', ', ')}, each with readOnlyHint", saw, do)


def limits(subject: Subject) -> str:
    answer = subject.signed_in().query("""SELECT extract(epoch FROM current_setting('statement_timeout')::interval)::float8 AS seconds,
        current_setting('default_transaction_read_only') AS by_default, current_setting('transaction_read_only') AS now""")
    row = at(answer.value, "rows", 0) or {}
    seconds, read_only = row.get("seconds", 0), row.get("by_default") == row.get("now") == "on"
    do = "set MCP_STATEMENT_TIMEOUT (30s); does a pooler between the server and PostgreSQL rewrite settings?"
    expect(read_only and 1 <= seconds <= 55, "read-only sessions and a statement_timeout of 1 to 55 s", answer, do)
    return f"read-only, {seconds:g} s a statement"


def guard_lock(subject: Subject) -> str:
    return refused_by_guard(subject, "SELECT pg_advisory_lock(1)", "GUARD_")


# Schemas beyond the list in which the role can read a table; extensions' tables, TimescaleDB's inner ones, the catalogue of meaning
# (analytics_meta.sql) and the parts of hidden columns (hide_columns.sql) do not count.
OTHERS_READABLE = r"""SELECT n.nspname AS schema FROM pg_catalog.pg_namespace n
    WHERE n.nspname NOT IN ({schemas}, 'analytics_meta', 'pg_catalog', 'information_schema', 'pg_toast')
      AND n.nspname !~ '^(_timescaledb|timescaledb|pg_temp_|pg_toast_temp_)' AND has_schema_privilege(n.oid, 'USAGE')
      AND NOT (n.nspname = 'masked' AND EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'hidden_columns'))
      AND EXISTS (SELECT FROM pg_catalog.pg_class c
        WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND has_any_column_privilege(c.oid, 'SELECT')
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
            WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))
    ORDER BY 1"""
# a table of infrastructure, if there is one, quoted
A_HIDDEN_TABLE = """SELECT format('%I.%I', n.nspname, c.relname) AS name
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'infrastructure' AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 1 LIMIT 1"""


def hidden_schemas(subject: Subject) -> str:
    do = f"REVOKE ALL ON SCHEMA … and ON ALL TABLES IN SCHEMA … FROM PUBLIC, {ROLE}; or name it in MCP_READABLE_SCHEMAS, if it is to be read"
    schemas = ", ".join("'" + name.replace("'", "''") + "'" for name in subject.schemas)
    answer = subject.signed_in().query(OTHERS_READABLE.format(schemas=schemas))
    readable = at(answer.value, "rows")
    saw = ", ".join(str(at(row, "schema")) for row in readable) if readable else answer
    expect(readable == [], f"nothing readable beyond {', '.join(subject.schemas)}", saw, do)
    table = at(subject.server.query(A_HIDDEN_TABLE).value, "rows", 0, "name")
    if not table:
        return "there is no table in a schema infrastructure to try"
    answer = subject.server.query(f"SELECT 1 AS one FROM {table} LIMIT 1")
    expect(at(answer.value, "error", "sqlstate") == "42501", f"42501 for {table}", answer, do)
    return f"tried {table}"


def db_privileges(subject: Subject) -> str:
    verdict, _ = subject.check
    refused, warned = ([found for found in verdict.get("findings") or [] if found.get("refuse") is refuse] for refuse in (True, False))

    def some(findings: list[dict[str, Any]], key: str) -> str:
        more = f" and {len(findings) - 5} more" if len(findings) > 5 else ""
        return "; ".join(str(finding.get(key)) for finding in findings[:5]) + more

    got_in(verdict)
    do = f"apply {ROLE_SQL} again; what it cannot take: {some(refused, 'fix')}"
    expect(verdict.get("suitable") is True, "a role that can only read, as analytics_mcp check sees it", some(refused, "what"), do)
    return f"{len(warned)} warning(s): {some(warned, 'what')}" if warned else ""


def container_confined(subject: Subject) -> str:
    container = subject.container()
    user, host = container.at("Config", "User") or "root", container.at("HostConfig") or {}
    weak = "privileged" if host.get("Privileged") else f"user '{user}'" if user.split(":")[0] in ("0", "root") else ""
    do = "take --privileged (compose: privileged, user: root) away; the image has a user; then deploy again"
    expect(not weak, f"{container.name} to run as a user of its own, not privileged", weak, do)
    confined = {
        "read-only file system": host.get("ReadonlyRootfs"),
        "no capabilities": "ALL" in (host.get("CapDrop") or []),
        "no new privileges": {"no-new-privileges", "no-new-privileges:true"} & set(host.get("SecurityOpt") or []),
    }
    missing = ", ".join(what for what, there in confined.items() if not there)
    flags = "--read-only --cap-drop ALL --security-opt no-new-privileges"
    if missing and container.by_coolify:
        return f"user {user}, not privileged; not set: {missing} (Coolify sets it by Custom Docker Options: {flags})"
    do = f"run it with {flags} (compose: read_only, cap_drop, security_opt), as scripts/deploy.sh does"
    expect(not missing, f"{container.name} with {', '.join(confined)}", f"not set: {missing}", do)
    return f"user {user}, {', '.join(confined)}"


# By name: what `analytics_mcp check` tries as the role.
CHECKLIST: list[tuple[str, list[Callable[[Subject], str | None] | str]]] = [
    (f"SELECT count(*) FROM reporting.v_daily_summary succeeds as {ROLE}", ["db-read"]),
    (f"CREATE TABLE fails as {ROLE}: permission denied", ["db-create"]),
    ("the image is built; the container is Up", [image, container_healthy]),
    (f"DATABASE_URL shows {ROLE}; /healthz returns ok", [database_user, health]),
    ("the server reaches its database", [ready]),
    (
        "claude mcp list shows it connected; list_schemas, describe_table and a query return data",
        [claude_code, list_schemas, describe_table, query],
    ),
    ("an UPDATE is rejected by the guard", [guard_update]),
    ("a request with a missing or bad token returns 401", [token_required]),
    ("the log has one audit line for a query: who, SQL, rows, ms", [audit_line]),
    (
        "Beyond the checklist",
        [
            *(certificate, token_accepted, sign_in, foreign_origin, large_body, protocol_2025_11_25, protocol_2026_07_28, tools, limits),
            *(guard_lock, hidden_schemas, db_privileges, "db-hidden-schemas", "db-hidden-columns", "db-lock"),
            *("db-locks-left", "db-limits", container_confined),
        ],
    ),
]


# ── What is given ────────────────────────────────────────────────────────────────────────────────────────────────────


def running_demo() -> dict[str, str]:
    """The options for the demo of this checkout, if it runs."""
    folder = ROOT / ".demo"
    try:
        process = Path("/proc", (folder / "server.pid").read_text().strip())
        if not os.readlink(process / "exe").startswith((folder / "server.exe").read_text().strip()):
            return {}
        settings = dict(entry.partition("=")[::2] for entry in (process / "environ").read_text(errors="replace").split("\0"))
        log = os.readlink(process / "fd/1")
    except OSError:
        return {}
    url = "http://" + settings["MCP_LISTEN"].replace("0.0.0.0", "127.0.0.1")
    demo = {"url": url, "token_file": str(folder / "token"), "database_url_file": str(folder / "database_url")}
    demo |= {"schemas": settings.get("MCP_READABLE_SCHEMAS", ""), "hidden_columns_file": settings.get("MCP_HIDDEN_COLUMNS_FILE", "")}
    return {**demo, "log": log} if os.path.isfile(log) else demo


def choose_url(options: argparse.Namespace, containers: list[Container]) -> tuple[str, str]:
    """The server's address, and where it is from."""
    if options.url:
        return options.url, "--url"
    named = [container for container in containers if container.name == "analytics_mcp"] or containers
    best = [next(container.addresses(), (DEFAULT_URL, "the default: no container here says another")) for container in named]
    if len(dict(best)) > 1:
        die(f"several containers run analytics_mcp: {', '.join(container.name for container in named)}; choose by --container or --url")
    return best[0] if best else (DEFAULT_URL, "the default, as no container here runs analytics_mcp")


def arguments() -> argparse.Namespace:
    head, _, rest = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(description=head, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("--url", help="the server; default: see below")
    parser.add_argument("--token-file", metavar="FILE", help="an analyst's token: the bare token, or name:token (the first one counts)")
    parser.add_argument("--container", metavar="NAME", help="the server's container; default: the one that runs analytics_mcp")
    parser.add_argument("--database-url-file", metavar="FILE", help="the server's DATABASE_URL, if no container of it is here")
    program = ROOT / "target/release/analytics_mcp"
    parser.add_argument("--program", metavar="FILE", default=program, help="looks at that database; default: target/release/analytics_mcp")
    parser.add_argument("--log", metavar="FILE", help="where the server's standard output goes, if not to a container's log")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of lines")
    parser.set_defaults(schemas=os.environ.get("MCP_READABLE_SCHEMAS"), hidden_columns_file=os.environ.get("MCP_HIDDEN_COLUMNS_FILE"))
    return parser.parse_args()


def main() -> int:
    if sys.version_info < (3, 9):  # noqa: UP036 # what an older one says otherwise helps nobody
        die(f"this needs Python 3.9 or newer, not {sys.version.split()[0]}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = arguments()
    token = os.environ.pop("MCP_VERIFY_TOKEN", "")
    # out of the environment, which other programs get
    options.database_url, file = os.environ.pop("DATABASE_URL", ""), os.environ.pop("DATABASE_URL_FILE", None)
    options.database_url_file = options.database_url_file or (None if options.database_url else file)
    given = (options.url, options.token_file, options.database_url_file, options.database_url, options.container, options.log, token)
    demo = {} if any(given) else running_demo()
    for name, value in demo.items():
        setattr(options, name, value)

    if options.token_file:
        token = first_line(options.token_file)
    token = token.split(",")[0]
    analyst, found, rest = token.partition(":")
    if found and re.fullmatch(r"[A-Za-z0-9._@-]{1,40}", analyst):
        token = rest
    else:
        analyst = ""
    if not token:
        die("no token of an analyst: give --token-file FILE or MCP_VERIFY_TOKEN (or start `make demo`)")
    if not re.fullmatch(r"[!-~]+", token):
        die("the token has characters that no token has: is it the right file?")
    SECRETS.add(token)
    if options.log and not os.access(options.log, os.R_OK):
        die(f"--log {options.log} cannot be read")
    database_url(options)

    containers, no_container = find_containers(options.container)
    url, url_from = choose_url(options, containers)
    url = re.sub(r"/?(mcp)?$", "", url)
    if not re.fullmatch(r"https?://([A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?", url):
        die(f"--url must be http://HOST:PORT or https://HOST, not '{url}'")
    url_from = "the running demo of this checkout" if demo else url_from
    try:
        server = Server(url, token)
    except ValueError as error:
        die(f"--url {url}: {error}")
    sys.stdout.reconfigure(errors="replace")
    if not options.json:
        print(f"The server: {clean(url)}" + ("" if url_from == "--url" else f" ({clean(url_from)})"))
    return look(Subject(options, server, analyst, url_from, containers, no_container), options.json)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
