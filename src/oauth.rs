//! OAuth 2.1 for clients that cannot send a header of their own: the server is its own authorization server.
//!
//! An analyst signs in by pasting the personal token once. The client receives sealed texts (see [`crate::auth`]): nothing is
//! stored, there is no further secret, and all of them end with the personal token. On only with `MCP_PUBLIC_URL`.
//!
//! Follows OAuth 2.1 with RFC 6749, 7009 (revocation), 7591 (registration), 7636 (PKCE), 8252 (loopback), 8414 and 9728
//! (metadata), 8707 (resource) and 9207 (`iss`), as the authorization section of the MCP specification requires.
//!
//! # What this does not stop
//! Somebody who pastes the token for a program that they should not trust. The page says which program asks and where the
//! browser is sent.

mod authorize;
mod client;
mod form;
mod grant;
mod pasted;
mod problems;

use std::net::IpAddr;

use serde_json::{Value, json};
use tiny_http::Method;

use crate::{
    audit::{SignInEvent, SignIns},
    auth::{Analyst, Tokens},
    http::{Exchange, Head, Reply},
    page::{self, About, Problem},
};
use authorize::{AuthorizationRequest, MAX_QUERY, redirect};
use client::Client;
use form::Params;
use grant::{ACCESS_SECONDS, Grants, Issued};

/// The most bytes of a registration, and of a form that a program sends.
const MAX_BODY: usize = 16 << 10;
/// The most bytes of the sign-in page's form: a browser may need three bytes for each of the request's.
const MAX_FORM: usize = 3 * MAX_QUERY + (4 << 10);
/// The only scope.
const SCOPE: &str = "analytics:read";
const FORM: &str = "application/x-www-form-urlencoded";

/// The authorization server of one public address.
pub struct OAuth {
    /// Its address is the issuer, and the audience of every token.
    about: About,
    grants: Grants,
}

/// An error response to a program (RFC 6749 section 5.2).
#[derive(Debug, Clone, Copy)]
struct Error {
    status: u16,
    error: &'static str,
    description: &'static str,
}

impl Error {
    const fn new(error: &'static str, description: &'static str) -> Error {
        Error { status: 400, error, description }
    }

    const fn invalid_request(description: &'static str) -> Error {
        Error::new("invalid_request", description)
    }

    const fn invalid_grant(description: &'static str) -> Error {
        Error::new("invalid_grant", description)
    }
}

impl From<Error> for Reply {
    fn from(Error { status, error, description }: Error) -> Reply {
        Reply::json(status, json!({ "error": error, "error_description": description }).to_string())
    }
}

impl OAuth {
    /// For this server, under its public address.
    pub fn new(about: About) -> OAuth {
        OAuth { grants: Grants::new(about.base.clone()), about }
    }

    /// The challenge for a request without a valid token to this path: where a client learns how to sign in (RFC 9728).
    pub fn challenge(&self, path: &str) -> Option<String> {
        let resource = match path {
            "/" => "",
            "/mcp" | "/mcp/" => "/mcp",
            _ => return None,
        };
        let metadata = format!("{}/.well-known/oauth-protected-resource{resource}", self.about.base);
        Some(format!("resource_metadata=\"{metadata}\", scope=\"{SCOPE}\""))
    }

    /// The analyst for whom an access token was issued.
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
        let answer = match path.as_str() {
            "/.well-known/oauth-protected-resource" if reads => Ok(self.resource_metadata("")),
            "/.well-known/oauth-protected-resource/mcp" | "/.well-known/oauth-protected-resource/mcp/" if reads => {
                Ok(self.resource_metadata("/mcp"))
            }
            "/.well-known/oauth-authorization-server" if reads => Ok(self.server_metadata()),
            "/authorize" if reads => self.authorize(head.query()),
            "/authorize" if posts => self.sign_in(exchange, tokens, sign_ins, from),
            "/register" if posts => register(exchange),
            "/token" if posts => self.token(exchange, tokens, sign_ins),
            "/revoke" if posts => self.revoke(exchange, tokens, sign_ins),
            "/token" | "/revoke" | "/register" => Err(Reply::refusal(405, "only POST").with("Allow", "POST")),
            "/authorize" => Err(Reply::refusal(405, "only GET and POST").with("Allow", "GET, HEAD, POST")),
            _ => return None,
        };
        Some(answer.unwrap_or_else(|refusal| refusal))
    }

    /// RFC 9728: which authorization server issues tokens for this resource.
    fn resource_metadata(&self, path: &str) -> Reply {
        let document = json!({
            "resource": format!("{}{path}", self.about.base),
            "authorization_servers": [self.about.base],
            "scopes_supported": [SCOPE],
            "bearer_methods_supported": ["header"],
            "resource_name": "Fireside fleet analytics",
        });
        Reply::json(200, document.to_string())
    }

    /// RFC 8414.
    fn server_metadata(&self) -> Reply {
        let at = |path: &str| format!("{}{path}", self.about.base);
        let document = json!({
            "issuer": self.about.base,
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

    /// The sign-in page for an authorization request, or for the next try of somebody whose token was refused.
    fn authorize(&self, query: &str) -> Result<Reply, Reply> {
        let (query, error) = query.rsplit_once(pasted::ERROR_PARAMETER).unwrap_or((query, ""));
        let request = AuthorizationRequest::read(query, &self.about)?;
        let sign_in = page::SignIn {
            client: &request.client_name,
            verified: request.verified,
            destination: request.destination(),
            request: query,
            error: pasted::explain(error),
        };
        Ok(page::sign_in(&self.about, &sign_in))
    }

    /// The form of the sign-in page. A valid token always passes: to hold up an address for its wrong ones would lock out
    /// whoever shares it, and spare nothing, since each guess has to be compared in any case.
    fn sign_in(
        &self,
        exchange: &mut Exchange<'_>,
        tokens: &Tokens,
        sign_ins: &SignIns,
        from: IpAddr,
    ) -> Result<Reply, Reply> {
        let problem = |problem: &Problem| page::problem(&self.about, problem);
        let body = exchange.read_body(MAX_FORM).map_err(|_| problem(&problems::FORM_LOST))?;
        let head = exchange.head();
        // No other page may send this form. Browsers say which page sent it.
        let ours = |origin: &str| origin == self.about.base;
        match (head.header("origin"), head.header("sec-fetch-site")) {
            // An extension may remove the origin; no page can claim to be of the same one.
            (Some("null"), Some("same-origin")) if head.header("host") == Some(self.about.host()) => {}
            (Some("null"), _) => return Err(problem(&problems::STRIPPED)),
            (origin, site) if origin.is_none_or(ours) && site.is_none_or(|site| site == "same-origin") => {}
            _ => return Err(problem(&problems::ELSEWHERE)),
        }
        if !has_type(head, FORM) {
            return Err(problem(&problems::ELSEWHERE));
        }
        let form = Params::parse(&body).map_err(|_| problem(&problems::FORM_LOST))?;
        let query = form.get("request").unwrap_or_default();
        let request = AuthorizationRequest::read(query, &self.about)?;
        if form.get("action") != Some("allow") {
            return Ok(redirect(request.answer(&self.about.base, "error", "access_denied")));
        }
        let credential = match pasted::credential(tokens, form.get("token").unwrap_or_default()) {
            Ok(credential) => credential,
            Err(error) => {
                sign_ins.refused(from, "wrong token on the sign-in page");
                // A page of its own for the next try, so that it can be loaded again without sending the form again.
                return Ok(redirect(format!("/authorize?{query}{}{error}", pasted::ERROR_PARAMETER)));
            }
        };
        let code = self.grants.code(credential, &request, now()).map_err(|_| problem(&problems::NO_CODE))?;
        sign_ins.accepted(credential.analyst(), &request.client_name, request.destination(), from);
        Ok(redirect(request.answer(&self.about.base, "code", &code)))
    }

    /// The token endpoint (RFC 6749 section 3.2).
    fn token(&self, exchange: &mut Exchange<'_>, tokens: &Tokens, sign_ins: &SignIns) -> Result<Reply, Reply> {
        let form = read_form(exchange)?;
        if form.get("client_id").and_then(Client::find).is_none() {
            let description = "client_id is missing or unknown; register again, and send it in the form";
            return Err(Error { status: 401, ..Error::new("invalid_client", description) }.into());
        }
        const GRANT_TYPES: &str = "grant_type must be authorization_code or refresh_token";
        let Issued { access, refresh } = match form.get("grant_type") {
            Some("authorization_code") => self.grants.redeem(tokens, &form, sign_ins, now())?,
            Some("refresh_token") => self.grants.refresh(tokens, &form, sign_ins, now())?,
            Some(_) => return Err(Error::new("unsupported_grant_type", GRANT_TYPES).into()),
            None => return Err(Error::invalid_request(GRANT_TYPES).into()),
        };
        let answer = json!({
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": ACCESS_SECONDS,
            "refresh_token": refresh,
            "scope": SCOPE,
        });
        Ok(Reply::json(200, answer.to_string()))
    }

    /// The revocation endpoint. RFC 7009 section 2.2: a token that nobody knows gets the same answer.
    fn revoke(&self, exchange: &mut Exchange<'_>, tokens: &Tokens, sign_ins: &SignIns) -> Result<Reply, Reply> {
        let form = read_form(exchange)?;
        let token = form.get("token").ok_or(Error::invalid_request("token is required"))?;
        if let Some(analyst) = self.grants.revoke(tokens, token, now()) {
            sign_ins.progressed(SignInEvent::SignedOut, &analyst);
        }
        Ok(Reply::empty(200))
    }
}

/// The registration endpoint (RFC 7591).
fn register(exchange: &mut Exchange<'_>) -> Result<Reply, Reply> {
    let body = exchange.read_body(MAX_BODY)?;
    let metadata = serde_json::from_slice::<Value>(&body).ok();
    let metadata = metadata.as_ref().and_then(Value::as_object);
    let metadata = metadata
        .filter(|_| has_type(exchange.head(), "application/json"))
        .ok_or(Error::new("invalid_client_metadata", "the body must be a JSON object, sent as application/json"))?;
    Ok(Reply::json(201, client::register(metadata, now())?.to_string()))
}

/// The form that a program sends.
fn read_form(exchange: &mut Exchange<'_>) -> Result<Params, Reply> {
    let body = exchange.read_body(MAX_BODY)?;
    if !has_type(exchange.head(), FORM) {
        let description = "the body must be sent as application/x-www-form-urlencoded";
        return Err(Error::invalid_request(description).into());
    }
    Params::parse(&body).map_err(|description| Error::invalid_request(description).into())
}

fn has_type(head: &Head, wanted: &str) -> bool {
    head.content_type().eq_ignore_ascii_case(wanted)
}

/// The host of an address, with its port.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or_default()
}

/// Seconds since 1970.
fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
