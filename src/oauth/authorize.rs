//! The authorization request: what a client asks for, checked before a person sees it.
//!
//! Follows RFC 6749 section 4.1 with PKCE (RFC 7636, S256 only), resource indicators (RFC 8707) and `iss` in the answer
//! (RFC 9207). If the client or its redirect URI is wrong, the person gets a page and the browser is sent nowhere. Anything
//! else that is wrong is reported to the client if that is Claude; a program on the person's computer is not sent anything that
//! nobody has allowed, so the person gets a page here too.

use super::{
    client::{self, Client},
    form::{self, Params},
    host, problems,
};
use crate::{
    http::Reply,
    page::{self, About, Problem},
};

/// The longest query that is looked at, in bytes. A registered client's id holds its metadata.
pub(super) const MAX_QUERY: usize = 6_144;

/// A request that may be shown to a person.
#[derive(Debug)]
pub(super) struct AuthorizationRequest {
    /// The name of the program, for a person to read: Claude's own, or whatever it calls itself.
    pub(super) client_name: String,
    /// Whether it is Claude for certain: nobody else gets the answer.
    pub(super) verified: bool,
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) state: Option<String>,
    /// PKCE's challenge: 43 characters of base64url.
    pub(super) challenge: String,
    /// What the client wants access to: one or both of this server's two addresses.
    pub(super) resources: Vec<String>,
}

impl AuthorizationRequest {
    /// Reads the query of a request to this server. The error is the response to send.
    pub(super) fn read(query: &str, about: &About) -> Result<AuthorizationRequest, Reply> {
        let issuer = about.base.as_str();
        if query.len() > MAX_QUERY || !query.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(page::problem(about, &problems::UNREADABLE));
        }
        let params = Params::parse(query.as_bytes()).map_err(|_| page::problem(about, &problems::UNREADABLE))?;
        let (Some(client_id), Some(redirect_uri)) = (params.get("client_id"), params.get("redirect_uri")) else {
            return Err(page::problem(about, &problems::INCOMPLETE));
        };
        let client = Client::find(client_id).ok_or_else(|| page::problem(about, &problems::UNKNOWN_CLIENT))?;
        if !client.takes_answers_at(redirect_uri) {
            return Err(page::problem(about, &problems::OTHER_REDIRECT));
        }
        let verified = client::is_claude(redirect_uri);
        let state = params.get("state");
        let refuse = |error: &str, description: &str, problem: &Problem| {
            if !verified {
                let complete = ["response_type", "code_challenge", "code_challenge_method"]
                    .iter()
                    .all(|name| params.get(name).is_some());
                return Err(page::problem(about, if complete { problem } else { &problems::INCOMPLETE }));
            }
            let answer = [
                ("error", Some(error)),
                ("error_description", Some(description)),
                ("state", state),
                ("iss", Some(issuer)),
            ];
            Err(redirect(form::extend(redirect_uri, &answer)))
        };
        if params.get("response_type") != Some("code") {
            return refuse("unsupported_response_type", "response_type must be code", &problems::OTHER_RESPONSE);
        }
        if params.get("response_mode").is_some_and(|mode| mode != "query") {
            return refuse("invalid_request", "response_mode must be query", &problems::OTHER_RESPONSE);
        }
        let challenge = params.get("code_challenge").unwrap_or_default();
        let base64url = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if challenge.len() != 43
            || !challenge.chars().all(base64url)
            || params.get("code_challenge_method") != Some("S256")
        {
            return refuse(
                "invalid_request",
                "code_challenge with code_challenge_method S256 is required",
                &problems::NO_PKCE,
            );
        }
        let requested: Option<Vec<String>> = params.all("resource").map(|uri| resource(issuer, uri)).collect();
        let Some(mut requested) = requested else {
            return refuse("invalid_target", "resource is not an address of this server", &problems::OTHER_RESOURCE);
        };
        if requested.is_empty() {
            requested = vec![format!("{issuer}/mcp"), issuer.to_owned()];
        }
        requested.sort_unstable();
        requested.dedup();
        Ok(AuthorizationRequest {
            client_name: if verified { "Claude".to_owned() } else { client.name },
            verified,
            client_id: client_id.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            state: state.map(str::to_owned),
            challenge: challenge.to_owned(),
            resources: requested,
        })
    }

    /// The address at which the browser delivers the answer to the client.
    pub(super) fn answer(&self, issuer: &str, name: &str, value: &str) -> String {
        let answer = [(name, Some(value)), ("state", self.state.as_deref()), ("iss", Some(issuer))];
        form::extend(&self.redirect_uri, &answer)
    }

    /// The place to which the browser is sent: Claude's host, or the whole of an address on the person's computer, since
    /// whoever wrote the link chose its path.
    pub(super) fn destination(&self) -> &str {
        if self.verified {
            host(&self.redirect_uri)
        } else {
            self.redirect_uri.strip_prefix("http://").unwrap_or_default()
        }
    }
}

/// The resource that is meant, if it is one of this server's: its address with or without `/mcp`. Scheme and host may be
/// written in capitals, and a slash may follow.
pub(super) fn resource(issuer: &str, requested: &str) -> Option<String> {
    let origin = requested.get(..issuer.len()).filter(|origin| origin.eq_ignore_ascii_case(issuer))?;
    match requested.get(origin.len()..)? {
        "" | "/" => Some(issuer.to_owned()),
        "/mcp" | "/mcp/" => Some(format!("{issuer}/mcp")),
        _ => None,
    }
}

/// Sends the browser to `address`, a client's own with an answer in its query.
pub(super) fn redirect(address: String) -> Reply {
    Reply::empty(303).with("Location", address)
}
