//! The authorization request: what a client asks for, checked before a person sees it.
//!
//! Follows RFC 6749 section 4.1 with PKCE (RFC 7636, S256 only), resource indicators (RFC 8707) and `iss` in the answer
//! (RFC 9207). If the client or its redirect URI is wrong, the person gets a page and the browser is sent nowhere; anything
//! else that is wrong is reported to the client.

use super::{
    client::Client,
    form::{self, Params},
    host,
};
use crate::{
    http::Reply,
    page::{self, About, Problem},
};

/// The longest query that is looked at, in bytes. A registered client's id holds its metadata.
const MAX_QUERY: usize = 6_144;

/// A request that may be shown to a person.
#[derive(Debug)]
pub(super) struct AuthorizationRequest {
    pub(super) client: Client,
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) state: Option<String>,
    /// PKCE's challenge: 43 characters of base64url.
    pub(super) challenge: String,
    /// What the client wants access to: one of this server's two addresses.
    pub(super) resource: String,
}

impl AuthorizationRequest {
    /// Reads the query of a request to the server with this issuer. The error is the response to send.
    pub(super) fn read(query: &str, about: &About) -> Result<AuthorizationRequest, Reply> {
        let issuer = about.base.as_str();
        let unknown = |reason| problem(about, 400, reason);
        if query.len() > MAX_QUERY {
            return Err(unknown("The request is longer than this server reads."));
        }
        let params = Params::parse(query.as_bytes())
            .map_err(|_| unknown("The request names a parameter twice, or too many of them."))?;
        let client_id = params.get("client_id").unwrap_or_default();
        let client = Client::find(client_id)
            .ok_or_else(|| unknown("The program that is asking is not known to this server."))?;
        let redirect_uri = params.get("redirect_uri").filter(|uri| client.takes_answers_at(uri)).ok_or_else(|| {
            unknown("The request wants the answer sent to an address that the program has not registered.")
        })?;
        let state = params.get("state");
        let refuse = |error: &str, description: &str| {
            let answer = [
                ("error", Some(error)),
                ("error_description", Some(description)),
                ("state", state),
                ("iss", Some(issuer)),
            ];
            Err(redirect(form::extend(redirect_uri, &answer)))
        };
        if params.get("response_type") != Some("code") {
            return refuse("unsupported_response_type", "response_type must be code");
        }
        let challenge = params.get("code_challenge").unwrap_or_default();
        let base64url = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if challenge.len() != 43
            || !challenge.chars().all(base64url)
            || params.get("code_challenge_method") != Some("S256")
        {
            return refuse("invalid_request", "code_challenge with code_challenge_method S256 is required");
        }
        let Some(resource) = resource(issuer, params.get("resource")) else {
            return refuse("invalid_target", "resource is not an address of this server");
        };
        Ok(AuthorizationRequest {
            client_id: client_id.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            state: state.map(str::to_owned),
            challenge: challenge.to_owned(),
            resource,
            client,
        })
    }

    /// The address at which the browser delivers the answer to the client.
    pub(super) fn answer(&self, issuer: &str, name: &str, value: &str) -> String {
        let answer = [(name, Some(value)), ("state", self.state.as_deref()), ("iss", Some(issuer))];
        form::extend(&self.redirect_uri, &answer)
    }

    /// Host and port of the place to which the browser is sent.
    pub(super) fn destination(&self) -> &str {
        host(&self.redirect_uri)
    }
}

/// The resource that is meant, if it is one of this server's: its address with or without `/mcp`; by default with.
fn resource(issuer: &str, requested: Option<&str>) -> Option<String> {
    let mcp = format!("{issuer}/mcp");
    match requested.map(|requested| requested.trim_end_matches('/')) {
        None => Some(mcp),
        Some(requested) => (requested == mcp || requested == issuer).then(|| requested.to_owned()),
    }
}

/// Sends the browser to `address`, a client's own with an answer in its query.
pub(super) fn redirect(address: String) -> Reply {
    Reply::empty(303).with("Location", address)
}

/// The page for a person whose sign-in ends here. `reason` is the program's own text.
pub(super) fn problem(about: &About, status: u16, cause: &'static str) -> Reply {
    page::problem(about, &Problem { status, code: "request", cause, fix: "Start the connection again in your client." })
}
