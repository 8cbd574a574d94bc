//! The way of a request through the rooms: which path goes to which handler, and in which order it is checked.
//!
//! Everything that needs no body is decided before the body is read: a stranger costs a head, no more.

use std::{
    net::TcpListener,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use serde_json::{Value, json};
use tiny_http::Method;

use crate::{
    audit::SignIns,
    auth::{Analyst, Site, Tokens, Unauthorized},
    config::{Config, ConfigError},
    db::Database,
    http::{self, Connections, Exchange, Head, Reply},
    inflight::InFlight,
    instructions::Instructions,
    jsonrpc, mcp,
    posture::Posture,
    tools::Workshop,
};

/// How long running queries may go on after the stop was asked for.
const GRACE: Duration = Duration::from_secs(10);

/// The running server's parts.
pub struct Server {
    service: mcp::Service,
    tokens: RwLock<Tokens>,
    site: Site,
    sign_ins: SignIns,
    connections: Arc<Connections>,
}

impl Server {
    /// Puts the parts together. Nothing is reachable yet.
    pub fn new(config: Config, database: Database, tokens: Tokens, posture: Posture) -> std::io::Result<Arc<Server>> {
        let inflight = InFlight::start(config.max_per_analyst)?;
        let site = Site::new(config.listen, config.allowed_origins.clone());
        let connections = Connections::new(config.max_connections);
        let shop = Workshop { config: Arc::new(config), database: Arc::new(database), posture: Arc::new(posture) };
        let service = mcp::Service { shop, inflight, instructions: Instructions::default(), writing: Mutex::new(()) };
        Ok(Arc::new(Server { service, tokens: RwLock::new(tokens), site, sign_ins: SignIns::default(), connections }))
    }

    /// Answers requests until [`Server::stop`].
    pub fn run(self: &Arc<Self>, listener: &TcpListener) {
        let server = Arc::clone(self);
        http::serve(listener, &self.connections, move |exchange: &mut Exchange<'_>| server.answer(exchange));
    }

    /// Reads the tokens again. Running calls go on; an unusable list leaves the old one in force.
    pub fn reload_tokens(&self) -> Result<usize, ConfigError> {
        let tokens = self.service.shop.config.token_source.load()?;
        let count = tokens.len();
        *self.tokens.write().unwrap_or_else(PoisonError::into_inner) = tokens;
        Ok(count)
    }

    /// Stops: no new requests; running queries get 10 s, then are cancelled. Returns when the last answer is out.
    pub fn stop(&self, listener: &TcpListener) {
        self.connections.close(listener);
        if !self.connections.drained(GRACE) {
            log::warn!("{} calls still run after {GRACE:?} and are cancelled", self.service.inflight.count());
            self.service.inflight.cancel_all();
            self.connections.drained(Duration::from_secs(3));
        }
    }

    fn answer(&self, exchange: &mut Exchange<'_>) -> Reply {
        let head = exchange.head();
        let get = matches!(head.method(), Method::Get | Method::Head);
        match (head.path(), get) {
            ("/healthz", true) => self.health(),
            ("/healthz", false) => Reply::refusal(405, "only GET").with("Allow", "GET, HEAD"),
            ("/mcp" | "/", _) => self.mcp(exchange),
            _ => Reply::refusal(404, "there is nothing here; the MCP endpoint is POST /mcp"),
        }
    }

    /// Alive, and with how many tokens. Asks nobody, so that no query can hold it up.
    fn health(&self) -> Reply {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner).len();
        Reply::json(200, json!({ "ok": true, "tokens": tokens }).to_string())
    }

    /// The MCP endpoint: site, token, method, body, message, in this order.
    fn mcp(&self, exchange: &mut Exchange<'_>) -> Reply {
        let analyst = match self.admit(exchange) {
            Ok(analyst) => analyst,
            Err(reply) => return reply,
        };
        let body = match exchange.read_body() {
            Ok(body) => body,
            Err(reply) => return reply,
        };
        match jsonrpc::parse(&body) {
            Ok(message) => mcp::handle(&self.service, &analyst, exchange.head(), message, exchange.socket()),
            Err((error, id)) => Reply::json(error.status, error.body(&id)),
        }
    }

    /// Who asks, if they may ask in this way at all.
    fn admit(&self, exchange: &Exchange<'_>) -> Result<Analyst, Reply> {
        let head = exchange.head();
        self.site.admit(head).map_err(|reason| Reply::refusal(403, reason))?;
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        let analyst = tokens.authenticate(head).map_err(|unauthorized| self.unauthorized(unauthorized, exchange))?;
        drop(tokens);
        if *head.method() != Method::Post {
            return Err(Reply::refusal(405, "only POST; this server keeps no sessions and sends no stream")
                .with("Allow", "POST"));
        }
        if !is_json(head) {
            let error =
                jsonrpc::Error::new(415, jsonrpc::code::INVALID_REQUEST, "Content-Type must be application/json");
            return Err(Reply::json(error.status, error.body(&Value::Null)));
        }
        Ok(analyst)
    }

    fn unauthorized(&self, unauthorized: Unauthorized, exchange: &Exchange<'_>) -> Reply {
        let (reason, challenge) = match unauthorized {
            Unauthorized::Missing => ("no token", "Bearer"),
            Unauthorized::Invalid => ("invalid token", "Bearer error=\"invalid_token\""),
        };
        self.sign_ins.refused(exchange.socket().peer_addr().ok().map(|peer| peer.ip()), reason);
        Reply::refusal(401, "send your personal token as: Authorization: Bearer <token>")
            .with("WWW-Authenticate", challenge)
    }
}

fn is_json(head: &Head) -> bool {
    let content_type = head.header("content-type").unwrap_or_default();
    content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}
