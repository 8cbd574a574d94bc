//! The authorization request: what a client asks for, checked before a person sees it.
//!
//! Follows RFC 6749 section 4.1 with PKCE (RFC 7636, S256 only), resource indicators (RFC 8707) and `iss` in the answer
//! (RFC 9207). A request whose client or redirect URI is not right is told to the person and sent nowhere; anything else
//! that is wrong is told to the client.

use super::{client::Client, form::Params, resource};
use crate::oauth::form;

/// The longest query that is looked at, in bytes. A registered client's id holds its metadata.
const MAX_QUERY: usize = 6_144;

/// A request that may be put before a person.
#[derive(Debug)]
pub(super) struct AuthorizationRequest {
    pub(super) client: Client,
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) state: Option<String>,
    /// PKCE's challenge: 43 characters of base64url.
    pub(super) challenge: String,
    /// What access is asked to: one of this server's two addresses.
    pub(super) resource: String,
}

/// What is wrong with a request.
#[derive(Debug)]
pub(super) enum Wrong {
    /// For the person: there is nowhere to send them.
    Unknown(&'static str),
    /// For the client: the address that tells it.
    Refused(String),
}

impl AuthorizationRequest {
    /// Reads the query of a request to the server with this issuer.
    pub(super) fn read(query: &str, issuer: &str) -> Result<AuthorizationRequest, Wrong> {
        if query.len() > MAX_QUERY {
            return Err(Wrong::Unknown("The request is longer than this server reads."));
        }
        let params = Params::parse(query.as_bytes())
            .map_err(|_| Wrong::Unknown("The request names a parameter twice, or too many of them."))?;
        let client_id = params.get("client_id").unwrap_or_default();
        let client =
            Client::find(client_id).ok_or(Wrong::Unknown("The program that asks is not known to this server."))?;
        let redirect_uri = params.get("redirect_uri").filter(|uri| client.takes_answers_at(uri)).ok_or(
            Wrong::Unknown("The request wants the answer sent to an address that the program has not registered."),
        )?;
        let state = params.get("state");
        let refuse = |error: &str, description: &str| {
            let told = [
                ("error", Some(error)),
                ("error_description", Some(description)),
                ("state", state),
                ("iss", Some(issuer)),
            ];
            Err(Wrong::Refused(form::extend(redirect_uri, &told)))
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

    /// The address by which the browser takes the answer to the client.
    pub(super) fn answer(&self, issuer: &str, name: &str, value: &str) -> String {
        let told = [(name, Some(value)), ("state", self.state.as_deref()), ("iss", Some(issuer))];
        form::extend(&self.redirect_uri, &told)
    }

    /// Host and port of the place to which the browser is sent.
    pub(super) fn destination(&self) -> &str {
        let rest = self.redirect_uri.split_once("://").map_or("", |(_, rest)| rest);
        rest.split(['/', '?']).next().unwrap_or_default()
    }
}
