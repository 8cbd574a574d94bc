//! What a sign-in grants: a code, then access and refresh tokens, each a sealed text that is self-contained.
//!
//! A grant is one sign-in; its code and tokens carry its id. Nothing has to be stored for them to work, so every copy of the
//! server agrees on them, and they end with the personal token that seals them. This copy remembers, until it restarts, only
//! what must not work a second time: used codes, replaced refresh tokens and revoked grants.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{OAuthError, authorize::AuthorizationRequest, form::Params};
use crate::auth::{Analyst, Credential, Purpose, Tokens};

/// How long a code is valid.
const CODE_SECONDS: i64 = 60;
/// How long an access token is valid. A day, since Claude does not refresh reliably, and the token ends with the personal
/// token in any case.
pub(super) const ACCESS_SECONDS: i64 = 24 * 3_600;
/// How long a refresh token is valid.
const REFRESH_SECONDS: i64 = 30 * 24 * 3_600;
/// How long a replaced refresh token still works, for a client that never received the answer to its refresh.
const REFRESH_GRACE_SECONDS: i64 = 600;
/// The most marks that are kept of each kind. One takes about 100 bytes, unless a token holder writes longer ids themselves.
const MAX_MARKS: usize = 20_000;

const FAILED: OAuthError =
    OAuthError { status: 500, ..OAuthError::new("server_error", "the server failed; try again") };

/// The payload of a code.
#[derive(Serialize, Deserialize)]
struct Code {
    exp: i64,
    aud: String,
    grant: String,
    /// SHA-256 of the client's id.
    client: String,
    /// SHA-256 of the redirect URI.
    redirect: String,
    /// The resource that was requested.
    resource: String,
    /// PKCE: SHA-256 of the verifier, as the client sent it.
    challenge: String,
}

/// The payload of an access or a refresh token.
#[derive(Serialize, Deserialize)]
struct Token {
    exp: i64,
    aud: String,
    grant: String,
    id: String,
    client: String,
}

/// A pair of tokens.
#[derive(Debug)]
pub(super) struct Issued {
    pub(super) access: String,
    pub(super) refresh: String,
}

/// The grants of one audience, and what of them must not work again.
pub(super) struct Grants {
    audience: String,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    /// Grants whose code has been redeemed, and refresh tokens that have been replaced.
    used: Marks,
    revoked: Marks,
}

impl Grants {
    pub(super) fn new(audience: String) -> Grants {
        Grants { audience, memory: Mutex::default() }
    }

    /// A code for a request, in the name of the analyst who signed in. Times are seconds since 1970.
    pub(super) fn code(
        &self,
        credential: &Credential,
        request: &AuthorizationRequest,
        now: i64,
    ) -> Result<String, OAuthError> {
        let code = Code {
            exp: now.saturating_add(CODE_SECONDS),
            aud: self.audience.clone(),
            grant: random_id()?,
            client: digest(&request.client_id),
            redirect: digest(&request.redirect_uri),
            resource: request.resource.clone(),
            challenge: request.challenge.clone(),
        };
        seal(credential, Purpose::Code, &code)
    }

    /// Exchanges a code (RFC 6749 section 4.1.3, RFC 7636 section 4.6). A code that is used twice ends its whole grant.
    pub(super) fn redeem(&self, tokens: &Tokens, form: &Params, now: i64) -> Result<Issued, OAuthError> {
        const WRONG: OAuthError = OAuthError::invalid_grant(
            "the code is not one of this server's, has expired, or was made for another request",
        );
        let given = |name: &str| {
            form.get(name)
                .ok_or(OAuthError::invalid_request("code, client_id, redirect_uri and code_verifier are required"))
        };
        let (credential, code): (_, Code) = open(tokens, Purpose::Code, given("code")?).ok_or(WRONG)?;
        let bound = code.aud == self.audience
            && code.exp > now
            && code.client == digest(given("client_id")?)
            && code.redirect == digest(given("redirect_uri")?);
        if !bound {
            return Err(WRONG);
        }
        let verifier = given("code_verifier")?;
        let matches: bool = digest(verifier).as_bytes().ct_eq(code.challenge.as_bytes()).into();
        if !matches || !(43..=128).contains(&verifier.len()) {
            return Err(OAuthError::invalid_grant("code_verifier does not match the code_challenge"));
        }
        if form.get("resource").is_some_and(|resource| resource.trim_end_matches('/') != code.resource) {
            return Err(OAuthError::new("invalid_target", "resource is not the one that was first requested"));
        }
        let mut memory = self.lock();
        if memory.revoked.has(&code.grant) {
            return Err(WRONG);
        }
        if memory.used.mark(&code.grant, code.exp, now).is_some() {
            memory.revoked.mark(&code.grant, now.saturating_add(REFRESH_SECONDS), now);
            log::warn!("a code of {} was used twice, so its tokens are void", credential.analyst().name());
            return Err(OAuthError::invalid_grant(
                "the code has been used before; every token that was issued for it is now void",
            ));
        }
        drop(memory);
        self.issue(credential, code.grant, code.client, now)
    }

    /// Exchanges a refresh token for a new pair. One that is used again long after it was
    /// replaced ends its whole grant.
    pub(super) fn refresh(&self, tokens: &Tokens, form: &Params, now: i64) -> Result<Issued, OAuthError> {
        const WRONG: OAuthError = OAuthError::invalid_grant("the refresh token is no longer valid; sign in again");
        let given =
            |name: &str| form.get(name).ok_or(OAuthError::invalid_request("refresh_token and client_id are required"));
        let (credential, token): (_, Token) = open(tokens, Purpose::Refresh, given("refresh_token")?).ok_or(WRONG)?;
        if !self.holds(&token, now) || token.client != digest(given("client_id")?) {
            return Err(WRONG);
        }
        let mut memory = self.lock();
        let replaced = memory.used.mark(&token.id, token.exp, now);
        if replaced.is_some_and(|at| now.saturating_sub(at) > REFRESH_GRACE_SECONDS) {
            memory.revoked.mark(&token.grant, now.saturating_add(REFRESH_SECONDS), now);
            log::warn!(
                "a replaced refresh token of {} was used again, so its grant is void",
                credential.analyst().name()
            );
            return Err(WRONG);
        }
        drop(memory);
        self.issue(credential, token.grant, token.client, now)
    }

    /// The analyst for whom an access token was issued.
    pub(super) fn analyst(&self, tokens: &Tokens, access: &str, now: i64) -> Option<Analyst> {
        let (credential, token): (_, Token) = open(tokens, Purpose::Access, access)?;
        self.holds(&token, now).then(|| credential.analyst().clone())
    }

    /// Ends the grant that a token belongs to (RFC 7009) and returns whose it was; `None` for a token that is already void.
    pub(super) fn revoke(&self, tokens: &Tokens, token: &str, now: i64) -> Option<Analyst> {
        let (credential, token): (_, Token) =
            open(tokens, Purpose::Refresh, token).or_else(|| open(tokens, Purpose::Access, token))?;
        if !self.holds(&token, now) {
            return None;
        }
        self.lock().revoked.mark(&token.grant, now.saturating_add(REFRESH_SECONDS), now);
        Some(credential.analyst().clone())
    }

    fn holds(&self, token: &Token, now: i64) -> bool {
        token.aud == self.audience && token.exp > now && !self.lock().revoked.has(&token.grant)
    }

    fn issue(&self, credential: &Credential, grant: String, client: String, now: i64) -> Result<Issued, OAuthError> {
        let token = |lives: i64| -> Result<Token, OAuthError> {
            let (aud, grant, client) = (self.audience.clone(), grant.clone(), client.clone());
            Ok(Token { exp: now.saturating_add(lives), aud, grant, id: random_id()?, client })
        };
        Ok(Issued {
            access: seal(credential, Purpose::Access, &token(ACCESS_SECONDS)?)?,
            refresh: seal(credential, Purpose::Refresh, &token(REFRESH_SECONDS)?)?,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn seal(credential: &Credential, purpose: Purpose, payload: &impl Serialize) -> Result<String, OAuthError> {
    let payload = serde_json::to_vec(payload).map_err(|_| FAILED)?;
    Ok(credential.seal(purpose, &payload))
}

fn open<'a, T: DeserializeOwned>(tokens: &'a Tokens, purpose: Purpose, text: &str) -> Option<(&'a Credential, T)> {
    let (credential, payload) = tokens.open(purpose, text)?;
    Some((credential, serde_json::from_slice(&payload).ok()?))
}

/// SHA-256 in base64url: what PKCE calls S256.
fn digest(text: &str) -> String {
    BASE64URL.encode(Sha256::digest(text.as_bytes()))
}

/// 128 random bits.
fn random_id() -> Result<String, OAuthError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        log::error!("the system provides no random bytes: {error}");
        FAILED
    })?;
    Ok(BASE64URL.encode(bytes))
}

/// Ids, each with the time of its first mark and the time until which it must be remembered.
#[derive(Default)]
struct Marks(HashMap<String, (i64, i64)>);

impl Marks {
    fn has(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// Marks an id. Returns when it was first marked, if it was.
    fn mark(&mut self, id: &str, until: i64, now: i64) -> Option<i64> {
        if let Some((first, _)) = self.0.get(id) {
            return Some(*first);
        }
        if self.0.len() >= MAX_MARKS {
            self.0.retain(|_, (_, until)| *until > now);
            // Only token holders can make it full. The mark that expires first is dropped.
            if self.0.len() >= MAX_MARKS
                && let Some(soonest) = self.0.iter().min_by_key(|(_, (_, until))| *until).map(|(id, _)| id.clone())
            {
                self.0.remove(&soonest);
            }
        }
        self.0.insert(id.to_owned(), (now, until));
        None
    }
}

#[cfg(test)]
#[path = "../../tests/unit/oauth/grant.rs"]
mod tests;
