//! How a request is handled: which path goes to which handler, and in which order it is checked.
//!
//! Everything that needs no body is decided before the body is read: a stranger costs a head and no more.

use std::{
    net::{IpAddr, Ipv4Addr, TcpListener},
    sync::{Arc, PoisonError, RwLock},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tiny_http::Method;

use crate::{
    app::AppState,
    audit::SignIns,
    auth::{self, Analyst, MetricsToken, Tokens},
    config::{Config, ConfigError, canonical_origin, is_loopback},
    db::{self, Database},
    http::{self, Connections, Exchange, Head, MAX_BODY_BYTES, Reply, Site},
    jsonrpc, mcp,
    metrics::Gauges,
    oauth::OAuth,
    page::{self, About, Problem},
    readiness::Readiness,
    role_check::RoleCheck,
};

/// How long running queries may go on after a stop was requested, and how long they have to end once they are cancelled.
/// Together less than the 10 s after which `docker stop` kills the process.
const GRACE: Duration = Duration::from_secs(6);
const LAST_CALL: Duration = Duration::from_secs(2);
/// How long a copy that is being drained refuses new connections, before it closes idle ones and may end. A proxy that is being
/// refused, or whose health check is, turns to another copy meanwhile. An idle connection closed earlier could meet its next
/// request, and the address of a container that is gone does not refuse: it does not answer at all.
const LEAVING: Duration = Duration::from_secs(5);

/// The running server's parts.
pub struct Server {
    app: Arc<AppState>,
    tokens: RwLock<Tokens>,
    metrics_token: Option<MetricsToken>,
    site: Site,
    oauth: Option<OAuth>,
    sign_ins: SignIns,
    readiness: Readiness,
    connections: Arc<Connections>,
}

impl Server {
    /// Puts the parts together. Nothing is reachable yet.
    pub fn new(
        config: Config,
        database: Database,
        tokens: Tokens,
        metrics_token: Option<MetricsToken>,
        role_check: RoleCheck,
    ) -> std::io::Result<Arc<Server>> {
        let site = Site::new(config.listen, config.public_url.as_deref(), config.allowed_origins.clone());
        let oauth = config.public_url.clone().map(|base| OAuth::new(about(&config, base)));
        let connections = Connections::new(config.max_connections);
        let app = AppState::new(config, database, role_check)?;
        let sign_ins = SignIns::new(Arc::clone(&app.metrics));
        let (tokens, readiness) = (RwLock::new(tokens), Readiness::default());
        Ok(Arc::new(Server { app, tokens, metrics_token, site, oauth, sign_ins, readiness, connections }))
    }

    /// Answers requests until [`Server::stop`].
    pub fn run(self: &Arc<Self>, listener: &TcpListener) {
        let server = Arc::clone(self);
        http::serve(listener, &self.connections, move |exchange: &mut Exchange<'_>| server.answer(exchange));
    }

    /// Reads the tokens again and returns them. Running calls go on; if the list is unusable, the old one stays.
    pub fn reload_tokens(&self) -> Result<Tokens, ConfigError> {
        let known = self.tokens.read().unwrap_or_else(PoisonError::into_inner).clone();
        let tokens = known.reload(&self.app.config.token_source)?.without(self.metrics_token.as_ref())?;
        *self.tokens.write().unwrap_or_else(PoisonError::into_inner) = tokens.clone();
        Ok(tokens)
    }

    /// Refuses new connections; answers what comes on open ones for 5 s, and what runs for as long as a statement may take or until
    /// `hurry`. Returns when the last answer is out, or has to be hurried.
    pub fn drain(&self, listener: &TcpListener, mut hurry: impl FnMut() -> bool) {
        self.connections.close(listener);
        let (began, mut hurried) = (Instant::now(), false);
        while began.elapsed() < LEAVING && !hurried {
            thread::sleep(Duration::from_millis(50));
            hurried = hurry();
        }
        self.connections.close_idle();
        let limit = LEAVING
            .saturating_add(self.app.config.statement_timeout)
            .saturating_add(db::PATIENCE)
            .saturating_add(LAST_CALL);
        while !hurried && !self.connections.drained(Duration::from_millis(100)) && began.elapsed() < limit {
            hurried = hurry();
        }
    }

    /// Stops: no new requests; running queries get 6 s and are then cancelled. Returns when the last answer is out, after 8 s
    /// at the latest.
    pub fn stop(&self, listener: &TcpListener) {
        self.connections.close(listener);
        self.connections.close_idle();
        if !self.connections.drained(GRACE) {
            log::warn!("{} calls still run after {GRACE:?} and are cancelled", self.app.permits.count());
            self.app.permits.cancel_all();
            self.connections.drained(LAST_CALL);
        }
    }

    /// Health first, since nothing may hold it up; for a person, a refusal becomes a page.
    fn answer(&self, exchange: &mut Exchange<'_>) -> Reply {
        let head = exchange.head();
        match (head.path(), is_read(head)) {
            ("/healthz", true) => return self.health(),
            ("/readyz", true) => return self.ready(),
            ("/healthz" | "/readyz" | "/metrics", false) => {
                return Reply::refusal(405, "only GET").with("Allow", "GET, HEAD");
            }
            _ => {}
        }
        let page = head.is_for_person().then(|| self.about(head));
        let reply = self.admitted(exchange);
        match page {
            // Nobody who looks at a browser can use a line of JSON.
            Some(about) if reply.status() >= 400 && !reply.is_page() => {
                let page = page::problem(&about, &problem(reply.status()));
                reply.shown_as(page)
            }
            _ => reply,
        }
    }

    /// First `Host`, then `Origin`, then the path; only the sign-in looks at `Origin` itself.
    fn admitted(&self, exchange: &mut Exchange<'_>) -> Reply {
        let head = exchange.head();
        if let Err(reason) = self.site.admit_host(head) {
            return Reply::refusal(403, reason);
        }
        if head.path() == "/authorize" && self.oauth.is_some() {
            // It allows its own page only, and no page of another site reads its answers.
            return self.route(exchange);
        }
        let origin = match self.site.admit_origin(head) {
            Ok(origin) => origin.map(str::to_owned),
            Err(reason) => return Reply::refusal(403, reason),
        };
        let preflight = *head.method() == Method::Options && head.header("access-control-request-method").is_some();
        let Some(origin) = origin else { return self.route(exchange) };
        let reply = if preflight { allow_page() } else { self.route(exchange) };
        reply
            .with("Access-Control-Allow-Origin", origin)
            .with("Access-Control-Expose-Headers", "WWW-Authenticate")
            .with("Vary", "Origin")
    }

    fn route(&self, exchange: &mut Exchange<'_>) -> Reply {
        let head = exchange.head();
        match head.path() {
            "/" | "/mcp" | "/mcp/" if is_read(head) && head.is_for_person() => {
                page::connect(&self.about(head), self.oauth.is_some())
            }
            "/privacy" if is_read(head) => page::privacy(&self.about(head)),
            "/" | "/mcp" | "/mcp/" => self.mcp(exchange),
            "/metrics" => self.metrics(exchange),
            _ => self
                .sign_in(exchange)
                .unwrap_or_else(|| Reply::refusal(404, "there is nothing here; the MCP endpoint is POST /mcp")),
        }
    }

    /// The server as its pages name it. Without a public address, by the name that the browser used, if it can be one: it stands
    /// in commands that people copy.
    fn about(&self, head: &Head) -> About {
        let config = &self.app.config;
        let here = || {
            let host = head.header("host").unwrap_or_default();
            // A proxy says that it has a certificate; without one, a port is this server's own.
            let secure = match head.header("x-forwarded-proto") {
                Some(scheme) => scheme == "https",
                None => !host.contains(':') && !is_loopback(host),
            };
            let scheme = if secure { "https" } else { "http" };
            let named = format!("{scheme}://{host}");
            canonical_origin(&named).unwrap_or_else(|_| format!("{scheme}://{}", config.listen))
        };
        about(config, config.public_url.clone().unwrap_or_else(here))
    }

    /// The paths of OAuth, where it is on.
    fn sign_in(&self, exchange: &mut Exchange<'_>) -> Option<Reply> {
        let oauth = self.oauth.as_ref()?;
        let from = client_address(exchange);
        // A copy, so that a slow body does not delay the reading of new tokens.
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner).clone();
        oauth.answer(exchange, &tokens, &self.sign_ins, from)
    }

    /// Alive, and with how many tokens. Waits for nothing, so that no query can hold it up.
    fn health(&self) -> Reply {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner).count();
        Reply::json(200, json!({ "ok": true, "tokens": tokens }).to_string())
    }

    /// Whether a query would run now.
    fn ready(&self) -> Reply {
        match self.readiness.verdict(&self.app) {
            Ok(()) => Reply::json(200, json!({ "ready": true }).to_string()),
            Err(code) => Reply::json(503, json!({ "ready": false, "reason": code.as_str() }).to_string()),
        }
    }

    /// The counters: for the holder of the token for them, or of any token where there is none.
    fn metrics(&self, exchange: &Exchange<'_>) -> Reply {
        let admitted = match &self.metrics_token {
            Some(token) if auth::bearer(exchange.head()).is_some_and(|shown| token.is(shown)) => Ok(()),
            Some(_) => Err(self.no_metrics(exchange)),
            None => self.authenticate(exchange).map(drop),
        };
        if let Err(reply) = admitted {
            return reply;
        }
        let text = self.app.metrics.text(&Gauges {
            client_connections: self.connections.count(),
            calls_running: self.app.permits.count(),
            database: self.app.database.connections(),
            database_max: self.app.config.pool_max,
            stuck: self.app.database.stuck(),
            ready: self.readiness.verdict(&self.app).is_ok(),
            tokens: self.tokens.read().unwrap_or_else(PoisonError::into_inner).count(),
            hidden_columns: self.app.role_check.hidden_columns(),
        });
        Reply::new(200, "text/plain; version=0.0.4; charset=utf-8", text)
    }

    /// An analyst's token does not open the metrics, so neither is a sign-in offered.
    fn no_metrics(&self, exchange: &Exchange<'_>) -> Reply {
        self.sign_ins.refused(client_address(exchange), "no token for /metrics");
        Reply::refusal(401, "send the token for /metrics (MCP_METRICS_TOKEN) as: Authorization: Bearer <token>")
            .with("WWW-Authenticate", "Bearer")
    }

    /// The MCP endpoint: token, method, body and message, in this order.
    fn mcp(&self, exchange: &mut Exchange<'_>) -> Reply {
        let analyst = match self.admit(exchange) {
            Ok(analyst) => analyst,
            Err(reply) => return reply,
        };
        let body = match exchange.read_body(MAX_BODY_BYTES) {
            Ok(body) => body,
            Err(reply) => return reply,
        };
        match jsonrpc::parse(&body) {
            Ok(message) => mcp::handle(&self.app, &analyst, message, exchange),
            Err((error, id)) => Reply::json(error.status, error.body(&id)),
        }
    }

    /// The analyst whose token the request carries: a personal token, or an access token from a sign-in.
    fn authenticate(&self, exchange: &Exchange<'_>) -> Result<Analyst, Reply> {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        let analyst = auth::bearer(exchange.head()).and_then(|token| {
            let credential = tokens.credential(token).map(|credential| credential.analyst().clone());
            credential.or_else(|| self.oauth.as_ref()?.analyst(&tokens, token))
        });
        drop(tokens);
        analyst.ok_or_else(|| self.unauthorized(exchange))
    }

    /// The same, if it is also a request that the MCP endpoint can answer.
    fn admit(&self, exchange: &Exchange<'_>) -> Result<Analyst, Reply> {
        let analyst = self.authenticate(exchange)?;
        let head = exchange.head();
        if *head.method() != Method::Post {
            return Err(Reply::refusal(405, "only POST; this server keeps no sessions and sends no stream")
                .with("Allow", "POST"));
        }
        if !head.content_type().eq_ignore_ascii_case("application/json") {
            let error =
                jsonrpc::Error::new(415, jsonrpc::code::INVALID_REQUEST, "Content-Type must be application/json");
            return Err(Reply::json(error.status, error.body(&Value::Null)));
        }
        Ok(analyst)
    }

    /// RFC 6750 section 3: the error is named only if a token was sent. Clients show the body to a person.
    fn unauthorized(&self, exchange: &Exchange<'_>) -> Reply {
        const FORM: &str = "Authorization: Bearer <token>";
        let head = exchange.head();
        let or_sign_in = if self.oauth.is_some() { ", or sign in" } else { "" };
        let (reason, text) = match (head.header("authorization"), auth::bearer(head)) {
            (None, _) => ("no token", format!("send your personal token as: {FORM}{or_sign_in}")),
            (_, None) => ("invalid token", format!("the Authorization header is not of the form: {FORM}")),
            _ => (
                "invalid token",
                format!(
                    "the token that was sent is not valid here: it is mistyped, was replaced, or came from a sign-in that has ended; \
                     send a valid one as: {FORM}{or_sign_in}"
                ),
            ),
        };
        self.sign_ins.refused(client_address(exchange), reason);
        let error = head.header("authorization").map(|_| "error=\"invalid_token\"".to_owned());
        let metadata = self.oauth.as_ref().and_then(|oauth| oauth.challenge(head.path()));
        let challenge: Vec<String> = error.into_iter().chain(metadata).collect();
        Reply::refusal(401, &text).with("WWW-Authenticate", format!("Bearer {}", challenge.join(", ")).trim_end())
    }
}

/// The server as its pages name it, at this address.
fn about(config: &Config, base: String) -> About {
    About { base, contact: config.contact.clone(), audit_kept: config.audit_kept.clone() }
}

/// What a person is shown in place of a refusal with this status.
fn problem(status: u16) -> Problem {
    let (code, cause, fix) = match status {
        401 => {
            ("token", "This address is for programs that send a token.", "Connect a program; how is on the page below.")
        }
        403 => (
            "refused",
            "The request came from another site, or under a name that this server does not serve.",
            "Open the address itself in a new window.",
        ),
        404 => ("not-found", "The address may be mistyped.", "The page below says how to connect."),
        405 => ("method", "This address is for programs.", "See how to connect instead."),
        413 => ("too-large", "What was sent is larger than this server accepts.", "Start again."),
        _ => ("failed", "The server could not answer this.", "Try again in a minute."),
    };
    Problem { status, code, cause, fix }
}

fn is_read(head: &Head) -> bool {
    matches!(head.method(), Method::Get | Method::Head)
}

/// The answer to a browser that asks whether a page may call (a CORS preflight).
fn allow_page() -> Reply {
    Reply::empty(204)
        .with("Access-Control-Allow-Methods", "GET, POST")
        .with(
            "Access-Control-Allow-Headers",
            "Authorization, Content-Type, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id, Last-Event-ID",
        )
        .with("Access-Control-Max-Age", "600")
}

/// Where a request comes from, for the log; nothing else depends on it. Behind a proxy on a private network it is what that
/// proxy wrote: the last element of the last `X-Forwarded-For`, since a client can write only what precedes it.
fn client_address(exchange: &Exchange<'_>) -> IpAddr {
    let peer = exchange.socket().peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip().to_canonical());
    let private = match peer {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    };
    let forwarded =
        exchange.head().all("x-forwarded-for").last().and_then(|list| list.rsplit(',').next()?.trim().parse().ok());
    forwarded.filter(|_| private).unwrap_or(peer)
}
