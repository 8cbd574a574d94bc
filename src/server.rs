//! The way of a request through the rooms: which path goes to which handler, and in which order it is checked.
//!
//! Everything that needs no body is decided before the body is read: a stranger costs a head, no more.

use std::{
    net::{IpAddr, Ipv4Addr, TcpListener},
    sync::{Arc, Mutex, PoisonError, RwLock, TryLockError},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tiny_http::Method;

use crate::{
    audit::SignIns,
    auth::{self, Analyst, Tokens, Unauthorized},
    config::{Config, ConfigError},
    db::{self, Cancel, Database},
    error::Code,
    http::{self, Connections, Exchange, Head, MAX_BODY_BYTES, Reply, Site},
    inflight::InFlight,
    instructions::Instructions,
    jsonrpc, mcp,
    metrics::{Gauges, Metrics},
    oauth::OAuth,
    page::page,
    role_check::RoleCheck,
    tools::AppState,
};

/// How long an answer of `/readyz` is kept, so that nobody can burden the database by asking.
const READY_VALID: Duration = Duration::from_secs(1);
/// How long running queries may go on after the stop was requested, and how long they have to end once they are cancelled.
/// Together less than the 10 s after which `docker stop` kills.
const GRACE: Duration = Duration::from_secs(6);
const LAST_CALL: Duration = Duration::from_secs(2);
const CONNECT: &str = include_str!("pages/connect.html");

/// The running server's parts.
pub struct Server {
    service: mcp::Service,
    tokens: RwLock<Tokens>,
    site: Site,
    oauth: Option<OAuth>,
    sign_ins: SignIns,
    readiness: Mutex<Option<(Instant, Result<(), Code>)>>,
    connections: Arc<Connections>,
}

impl Server {
    /// Puts the parts together. Nothing is reachable yet.
    pub fn new(
        config: Config,
        database: Database,
        tokens: Tokens,
        role_check: RoleCheck,
    ) -> std::io::Result<Arc<Server>> {
        let inflight = InFlight::start(config.max_per_analyst)?;
        let site = Site::new(config.listen, config.public_url.as_deref(), config.allowed_origins.clone());
        let oauth = config.public_url.clone().map(OAuth::new);
        let connections = Connections::new(config.max_connections);
        let app = AppState { config: Arc::new(config), database: Arc::new(database), role_check: Arc::new(role_check) };
        let (instructions, metrics) = (Instructions::default(), Arc::<Metrics>::default());
        let sign_ins = SignIns::new(Arc::clone(&metrics));
        let service = mcp::Service { app, inflight, instructions, metrics, writing: Mutex::new(()) };
        let (tokens, readiness) = (RwLock::new(tokens), Mutex::default());
        Ok(Arc::new(Server { service, tokens, site, oauth, sign_ins, readiness, connections }))
    }

    /// Answers requests until [`Server::stop`].
    pub fn run(self: &Arc<Self>, listener: &TcpListener) {
        let server = Arc::clone(self);
        http::serve(listener, &self.connections, move |exchange: &mut Exchange<'_>| server.answer(exchange));
    }

    /// Reads the tokens again. Running calls go on; an unusable list leaves the old one in force.
    pub fn reload_tokens(&self) -> Result<usize, ConfigError> {
        let tokens = Tokens::load(&self.service.app.config.token_source)?;
        let count = tokens.len();
        *self.tokens.write().unwrap_or_else(PoisonError::into_inner) = tokens;
        Ok(count)
    }

    /// Stops: no new requests; running queries get 6 s, then are cancelled. Returns when the last answer is
    /// out, after 8 s at the latest.
    pub fn stop(&self, listener: &TcpListener) {
        self.connections.close(listener);
        if !self.connections.drained(GRACE) {
            log::warn!("{} calls still run after {GRACE:?} and are cancelled", self.service.inflight.count());
            self.service.inflight.cancel_all();
            self.connections.drained(LAST_CALL);
        }
    }

    /// Health first, since nothing may stand in its way; then the site, for every other path.
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
        let origin = match self.site.admit(head) {
            Ok(origin) => origin.map(str::to_owned),
            Err(reason) => return Reply::refusal(403, reason),
        };
        let asks_first = *head.method() == Method::Options && head.header("access-control-request-method").is_some();
        let Some(origin) = origin else { return self.route(exchange) };
        let reply = if asks_first { preflight() } else { self.route(exchange) };
        reply
            .with("Access-Control-Allow-Origin", origin)
            .with("Access-Control-Expose-Headers", "WWW-Authenticate")
            .with("Vary", "Origin")
    }

    fn route(&self, exchange: &mut Exchange<'_>) -> Reply {
        let head = exchange.head();
        match head.path() {
            "/" if is_read(head) && head.header("accept").is_some_and(|accept| accept.contains("text/html")) => {
                self.connect_page(head)
            }
            "/mcp" | "/" => self.mcp(exchange),
            "/metrics" => self.metrics(exchange),
            _ => self
                .sign_in(exchange)
                .unwrap_or_else(|| Reply::refusal(404, "there is nothing here; the MCP endpoint is POST /mcp")),
        }
    }

    /// What a person sees who opens the address in a browser.
    fn connect_page(&self, head: &Head) -> Reply {
        let public_url = self.service.app.config.public_url.as_deref();
        let scheme = if self.site.is_loopback() { "http" } else { "https" };
        let base =
            public_url.map_or_else(|| format!("{scheme}://{}", head.header("host").unwrap_or_default()), str::to_owned);
        let hidden = |hide: bool| if hide { "hidden" } else { "" };
        page(
            200,
            CONNECT,
            &[
                ("url", &format!("{base}/mcp")),
                ("server", base.split_once("://").map_or("", |(_, host)| host)),
                ("version", env!("CARGO_PKG_VERSION")),
                ("oauth_hidden", hidden(public_url.is_none())),
                ("no_oauth_hidden", hidden(public_url.is_some())),
            ],
        )
    }

    /// The paths of OAuth, where it is on.
    fn sign_in(&self, exchange: &mut Exchange<'_>) -> Option<Reply> {
        let oauth = self.oauth.as_ref()?;
        let from = client_address(exchange);
        // A copy, so that a slow body does not hold up the reading of new tokens.
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner).clone();
        oauth.answer(exchange, &tokens, &self.sign_ins, from)
    }

    /// Alive, and with how many tokens. Asks nobody, so that no query can hold it up.
    fn health(&self) -> Reply {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner).len();
        Reply::json(200, json!({ "ok": true, "tokens": tokens }).to_string())
    }

    /// Whether a query would be run now: the database answers, and its role is fit. A database that is merely busy counts as
    /// ready, or a balancer would take the last copy away when it is needed most.
    fn ready(&self) -> Reply {
        let unready = |code: Code| Reply::json(503, json!({ "ready": false, "reason": code.as_str() }).to_string());
        // One asks for all. A database that hangs keeps that one waiting, and must not keep many.
        let mut tries = 0..100;
        let mut known = loop {
            match self.readiness.try_lock() {
                Ok(known) => break known,
                Err(TryLockError::Poisoned(poisoned)) => break poisoned.into_inner(),
                Err(TryLockError::WouldBlock) if tries.next().is_some() => thread::sleep(Duration::from_millis(10)),
                Err(TryLockError::WouldBlock) => return unready(Code::Unavailable),
            }
        };
        let verdict = match *known {
            Some((at, verdict)) if at.elapsed() < READY_VALID => verdict,
            _ => {
                let app = &self.service.app;
                // Without patience: as if the caller had been waiting for long.
                let started = Instant::now().checked_sub(db::PATIENCE).unwrap_or_else(Instant::now);
                let cancel = Arc::<Cancel>::default();
                let asked = app.role_check.ensure(&app.database, &cancel, started);
                let asked = asked.and_then(|_| app.database.read("readyz", &cancel, started, |_| Ok(())));
                let verdict = asked
                    .map_err(|failure| failure.code)
                    .or_else(|code| if code == Code::Busy { Ok(()) } else { Err(code) });
                *known = Some((Instant::now(), verdict));
                verdict
            }
        };
        match verdict {
            Ok(()) => Reply::json(200, json!({ "ready": true }).to_string()),
            Err(code) => unready(code),
        }
    }

    /// The counters, for token holders.
    fn metrics(&self, exchange: &Exchange<'_>) -> Reply {
        if let Err(reply) = self.authenticate(exchange) {
            return reply;
        }
        let text = self.service.metrics.text(&Gauges {
            client_connections: self.connections.count(),
            calls_running: self.service.inflight.count(),
            database: self.service.app.database.connections(),
            database_max: self.service.app.config.pool_max,
            stuck: self.service.app.database.stuck(),
        });
        Reply::new(200, "text/plain; version=0.0.4; charset=utf-8", text)
    }

    /// The MCP endpoint: token, method, body, message, in this order.
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
            Ok(message) => mcp::handle(&self.service, &analyst, message, exchange),
            Err((error, id)) => Reply::json(error.status, error.body(&id)),
        }
    }

    /// Who asks.
    fn authenticate(&self, exchange: &Exchange<'_>) -> Result<Analyst, Reply> {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        let analyst = auth::bearer(exchange.head()).and_then(|token| {
            let credential = tokens.credential(token).map(|credential| credential.analyst().clone());
            let signed_in = || self.oauth.as_ref().and_then(|oauth| oauth.analyst(&tokens, token));
            credential.or_else(signed_in).ok_or(Unauthorized::Invalid)
        });
        drop(tokens);
        analyst.map_err(|unauthorized| self.unauthorized(unauthorized, exchange))
    }

    /// Who asks, if they ask in a way that can be answered.
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

    fn unauthorized(&self, unauthorized: Unauthorized, exchange: &Exchange<'_>) -> Reply {
        let (reason, error) = match unauthorized {
            Unauthorized::Missing => ("no token", None),
            Unauthorized::Invalid => ("invalid token", Some("error=\"invalid_token\"".to_owned())),
        };
        self.sign_ins.refused(client_address(exchange), reason);
        let how = self.oauth.as_ref().map(|oauth| oauth.challenge(exchange.head().path()));
        let challenge: Vec<String> = error.into_iter().chain(how).collect();
        Reply::refusal(401, "send your personal token as: Authorization: Bearer <token>")
            .with("WWW-Authenticate", format!("Bearer {}", challenge.join(", ")).trim_end())
    }
}

fn is_read(head: &Head) -> bool {
    matches!(head.method(), Method::Get | Method::Head)
}

/// The answer to a browser that asks whether a page may call (CORS).
fn preflight() -> Reply {
    Reply::empty(204)
        .with("Access-Control-Allow-Methods", "GET, POST")
        .with(
            "Access-Control-Allow-Headers",
            "Authorization, Content-Type, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id, Last-Event-ID",
        )
        .with("Access-Control-Max-Age", "600")
}

/// Where a request comes from, for the log and for counting wrong tokens; nothing is decided by it. Behind a proxy on a
/// private network it is what that proxy wrote: the last element of the last `X-Forwarded-For`, since a client can write
/// only what stands before it.
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
