//! OAuth 2.1 for clients that can send no header of their own: the server is its own authorization server.
//!
//! An analyst signs in by pasting the personal token once; what the client gets are sealed texts (see [`crate::auth`]), so
//! nothing is stored, no further secret exists, and all of it ends with the personal token. On only with `MCP_PUBLIC_URL`.
//!
//! Follows OAuth 2.1 with RFC 6749, 7009 (revocation), 7591 (registration), 7636 (PKCE), 8252 (loopback), 8414 and 9728
//! (metadata), 8707 (resource) and 9207 (`iss`), as the authorization section of the MCP specification asks.
//!
//! # What this does not stop
//! A person who pastes the token for a program that they should not trust. The page says who asks and where the answer goes.

mod attempts;
mod authorize;
mod client;
mod form;
mod grant;

use std::{net::IpAddr, time::Instant};

use serde_json::{Value, json};
use tiny_http::Method;

use crate::{
    audit::SignIns,
    auth::{Analyst, Tokens},
    http::{Exchange, Head, Reply},
    page::page,
};
use attempts::Attempts;
use authorize::{AuthorizationRequest, Wrong};
use form::Params;
use grant::{Grants, Issued};

/// The most bytes of a form or of a registration.
const MAX_BODY: usize = 16 << 10;
/// The one scope there is.
const SCOPE: &str = "analytics:read";
const SIGN_IN: &str = include_str!("pages/sign_in.html");
const PROBLEM: &str = include_str!("pages/problem.html");

/// The authorization server of one public address.
pub struct OAuth {
    /// The public address without a slash at its end; the issuer, and the audience of every token.
    public_url: String,
    grants: Grants,
    attempts: Attempts,
}

/// What the token and registration endpoints refuse with (RFC 6749 section 5.2).
#[derive(Debug, Clone, Copy)]
struct Denied {
    status: u16,
    error: &'static str,
    description: &'static str,
}

impl Denied {
    const fn request(description: &'static str) -> Denied {
        Denied { status: 400, error: "invalid_request", description }
    }

    const fn grant(description: &'static str) -> Denied {
        Denied { status: 400, error: "invalid_grant", description }
    }

    const fn target() -> Denied {
        Denied {
            status: 400,
            error: "invalid_target",
            description: "resource is not the one that was asked for at first",
        }
    }

    const fn server() -> Denied {
        Denied { status: 500, error: "server_error", description: "the server failed; try again" }
    }

    fn reply(self) -> Reply {
        Reply::json(self.status, json!({ "error": self.error, "error_description": self.description }).to_string())
    }
}

impl OAuth {
    /// For this public address, such as `https://fleetmcp.example.com`.
    pub fn new(public_url: String) -> OAuth {
        OAuth { grants: Grants::new(public_url.clone()), public_url, attempts: Attempts::default() }
    }

    /// The challenge for a request without a valid token to this path: where a client learns how to sign in (RFC 9728).
    pub fn challenge(&self, path: &str) -> String {
        let path = if path == "/" { "" } else { path };
        let metadata = format!("{}/.well-known/oauth-protected-resource{path}", self.public_url);
        format!("resource_metadata=\"{metadata}\", scope=\"{SCOPE}\"")
    }

    /// Who an access token speaks for.
    pub fn analyst(&self, tokens: &Tokens, access: &str) -> Option<Analyst> {
        self.grants.analyst(tokens, access, now())
    }

    /// Answers a request to one of the paths of OAuth; `None` for any other path. `from` is the client's address.
    pub fn answer(
        &self,
        exchange: &mut Exchange<'_>,
        tokens: &Tokens,
        sign_ins: &SignIns,
        from: IpAddr,
    ) -> Option<Reply> {
        let head = exchange.head();
        let path = head.path().to_owned();
        let (reads, posts) = (matches!(head.method(), Method::Get | Method::Head), *head.method() == Method::Post);
        Some(match path.as_str() {
            "/.well-known/oauth-protected-resource" if reads => self.resource_metadata(""),
            "/.well-known/oauth-protected-resource/mcp" if reads => self.resource_metadata("/mcp"),
            "/.well-known/oauth-authorization-server" | "/.well-known/oauth-authorization-server/mcp" if reads => {
                self.server_metadata()
            }
            "/authorize" if reads => self.ask(exchange.head().query()),
            "/authorize" if posts => match exchange.read_body(MAX_BODY) {
                Ok(body) => self.sign_in(exchange.head(), &body, tokens, sign_ins, from),
                Err(reply) => reply,
            },
            "/token" | "/revoke" | "/register" if posts => match exchange.read_body(MAX_BODY) {
                Ok(body) => self.machine(&path, exchange.head(), &body, tokens, sign_ins).unwrap_or_else(Denied::reply),
                Err(reply) => reply,
            },
            "/token" | "/revoke" | "/register" => Reply::refusal(405, "only POST").with("Allow", "POST"),
            "/authorize" => Reply::refusal(405, "only GET and POST").with("Allow", "GET, HEAD, POST"),
            path if path.starts_with("/.well-known/oauth-") => Reply::refusal(404, "there is no such document"),
            _ => return None,
        })
    }

    /// RFC 9728: which authorization server is asked for tokens for this resource.
    fn resource_metadata(&self, path: &str) -> Reply {
        let document = json!({
            "resource": format!("{}{path}", self.public_url),
            "authorization_servers": [self.public_url],
            "scopes_supported": [SCOPE],
            "bearer_methods_supported": ["header"],
            "resource_name": "Fireside fleet analytics",
        });
        Reply::json(200, document.to_string())
    }

    /// RFC 8414.
    fn server_metadata(&self) -> Reply {
        let at = |path: &str| format!("{}{path}", self.public_url);
        let document = json!({
            "issuer": self.public_url,
            "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"),
            "registration_endpoint": at("/register"),
            "revocation_endpoint": at("/revoke"),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "revocation_endpoint_auth_methods_supported": ["none"],
            "client_id_metadata_document_supported": true,
            "authorization_response_iss_parameter_supported": true,
            "scopes_supported": [SCOPE, "offline_access"],
        });
        Reply::json(200, document.to_string())
    }

    /// The sign-in page for a request, or the answer to a wrong one.
    fn ask(&self, query: &str) -> Reply {
        match AuthorizationRequest::read(query, &self.public_url) {
            Ok(request) => self.sign_in_page(&request, query, 200, ""),
            Err(wrong) => self.wrong(wrong),
        }
    }

    /// The sign-in page; `query` is what was asked, for the form to bring back, and `error` is for the person.
    fn sign_in_page(&self, request: &AuthorizationRequest, query: &str, status: u16, error: &str) -> Reply {
        let hidden = |hide: bool| if hide { "hidden" } else { "" };
        let note = if request.client.vouched {
            "This server knows the program and where its answers go."
        } else {
            "The name is the program’s own word. Go on only if you have just started the connection yourself."
        };
        page(
            status,
            SIGN_IN,
            &[
                ("client", &request.client.name),
                ("client_note", note),
                ("destination", request.destination()),
                ("server", self.host()),
                ("request", query),
                ("error", error),
                ("error_hidden", hidden(error.is_empty())),
                ("invalid", if error.is_empty() { "false" } else { "true" }),
            ],
        )
    }

    fn wrong(&self, wrong: Wrong) -> Reply {
        match wrong {
            Wrong::Refused(address) => Reply::empty(303).with("Location", address),
            Wrong::Unknown(reason) => self.problem(400, "This sign-in cannot go on", reason),
        }
    }

    fn problem(&self, status: u16, title: &str, reason: &str) -> Reply {
        let advice = "Close this page and start the connection again in your client. If it comes back, show this text to the operator of this server.";
        page(status, PROBLEM, &[("title", title), ("reason", reason), ("advice", advice), ("server", self.host())])
    }

    /// The form of the sign-in page.
    fn sign_in(&self, head: &Head, body: &[u8], tokens: &Tokens, sign_ins: &SignIns, from: IpAddr) -> Reply {
        // A page elsewhere must not send this form. Browsers say where a form comes from.
        let elsewhere = head.header("origin").is_some_and(|origin| origin != self.public_url)
            || head.header("sec-fetch-site").is_some_and(|site| site != "same-origin");
        if elsewhere || !has_type(head, "application/x-www-form-urlencoded") {
            return self.problem(403, "This sign-in cannot go on", "The form was not sent by this server's own page.");
        }
        let Ok(form) = Params::parse(body) else {
            return self.problem(400, "This sign-in cannot go on", "The form cannot be read.");
        };
        let query = form.get("request").unwrap_or_default();
        let request = match AuthorizationRequest::read(query, &self.public_url) {
            Ok(request) => request,
            Err(wrong) => return self.wrong(wrong),
        };
        if form.get("action") != Some("allow") {
            return Reply::empty(303).with("Location", request.answer(&self.public_url, "error", "access_denied"));
        }
        if let Some(wait) = self.attempts.wait(from, Instant::now()) {
            let seconds = wait.as_secs().saturating_add(1).to_string();
            let error = format!("Too many wrong tokens came from your network. Wait {seconds} seconds and try again.");
            return self.sign_in_page(&request, query, 429, &error).with("Retry-After", seconds);
        }
        let Some(credential) = tokens.credential(form.get("token").unwrap_or_default().trim()) else {
            self.attempts.failed(from, Instant::now());
            sign_ins.refused(from, "wrong token on the sign-in page");
            let error = "This is not a valid token. Copy the whole of it, without spaces; if it still fails, ask the operator for a new one.";
            return self.sign_in_page(&request, query, 403, error);
        };
        match self.grants.code(credential, &request, now()) {
            Ok(code) => {
                sign_ins.accepted(credential.analyst(), &request.client.name, request.destination(), from);
                Reply::empty(303).with("Location", request.answer(&self.public_url, "code", &code))
            }
            Err(_) => self.problem(500, "The server failed", "No code could be made."),
        }
    }

    /// The endpoints that programs call.
    fn machine(
        &self,
        path: &str,
        head: &Head,
        body: &[u8],
        tokens: &Tokens,
        sign_ins: &SignIns,
    ) -> Result<Reply, Denied> {
        if path == "/register" {
            let metadata = serde_json::from_slice::<Value>(body).ok();
            let metadata = metadata.as_ref().and_then(Value::as_object).filter(|_| has_type(head, "application/json"));
            let metadata = metadata.ok_or(Denied {
                error: "invalid_client_metadata",
                ..Denied::request("the body must be a JSON object, sent as application/json")
            })?;
            let registered = client::register(metadata, now()).map_err(|(error, description)| Denied {
                status: 400,
                error,
                description,
            })?;
            return Ok(Reply::json(201, registered.to_string()));
        }
        if !has_type(head, "application/x-www-form-urlencoded") {
            return Err(Denied::request("the body must be sent as application/x-www-form-urlencoded"));
        }
        let form = Params::parse(body).map_err(Denied::request)?;
        if path == "/revoke" {
            if let Some(analyst) = self.grants.revoke(tokens, form.get("token").unwrap_or_default(), now()) {
                sign_ins.signed_out(&analyst);
            }
            // RFC 7009 section 2.2: the same for a token that nobody knows.
            return Ok(Reply::empty(200));
        }
        if form.get("client_id").and_then(client::Client::find).is_none() {
            let description = "client_id is missing or unknown; register again, and send it in the form";
            return Err(Denied { status: 401, error: "invalid_client", description });
        }
        let Issued { access, refresh, expires_in } = match form.get("grant_type") {
            Some("authorization_code") => self.grants.redeem(tokens, &form, now())?,
            Some("refresh_token") => self.grants.refresh(tokens, &form, now())?,
            _ => {
                let description = "grant_type must be authorization_code or refresh_token";
                return Err(Denied { error: "unsupported_grant_type", ..Denied::request(description) });
            }
        };
        let answer = json!({
            "access_token": access, "token_type": "Bearer", "expires_in": expires_in, "refresh_token": refresh, "scope": SCOPE,
        });
        Ok(Reply::json(200, answer.to_string()))
    }

    fn host(&self) -> &str {
        self.public_url.split_once("://").map_or("", |(_, host)| host)
    }
}

/// The resource that is meant, if it is one of this server's: its address with or without `/mcp`; without a word the first.
fn resource(public_url: &str, request: Option<&str>) -> Option<String> {
    let mcp = format!("{public_url}/mcp");
    match request.map(|request| request.trim_end_matches('/')) {
        None => Some(mcp),
        Some(request) => (request == mcp || request == public_url).then(|| request.to_owned()),
    }
}

fn has_type(head: &Head, wanted: &str) -> bool {
    head.content_type().eq_ignore_ascii_case(wanted)
}

/// Seconds since 1970.
fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
