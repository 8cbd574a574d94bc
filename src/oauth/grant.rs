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

use super::{Error, authorize::AuthorizationRequest, form::Params};
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
/// The most marks that are kept of each kind. About 100 bytes each, unless a token holder seals longer ids.
const MAX_MARKS: usize = 20_000;

const FAILED: Error = Error { status: 500, ..Error::new("server_error", "the server failed; try again") };

/// The payload of an access or a refresh token.
#[derive(Serialize, Deserialize)]
struct Token {
    exp: i64,
    aud: String,
    grant: String,
    id: String,
    /// SHA-256 of the client's id.
    client: String,
}

/// The payload of a code.
#[derive(Serialize, Deserialize)]
struct Code {
    #[serde(flatten)]
    token: Token,
    /// SHA-256 of the redirect URI.
    redirect: String,
    /// The resource that was requested.
    resource: String,
    /// PKCE: SHA-256 of the verifier, as the client sent it.
    challenge: String,
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
    pub(super) fn code(&self, who: &Credential, request: &AuthorizationRequest, now: i64) -> Result<String, Error> {
        let code = Code {
            token: self.token(CODE_SECONDS, random_id()?, digest(&request.client_id), now)?,
            redirect: digest(&request.redirect_uri),
            resource: request.resource.clone(),
            challenge: request.challenge.clone(),
        };
        seal(who, Purpose::CODE, &code)
    }

    /// Exchanges a code (RFC 6749 section 4.1.3, RFC 7636 section 4.6). A code that is used twice ends its whole grant.
    pub(super) fn redeem(&self, tokens: &Tokens, form: &Params, now: i64) -> Result<Issued, Error> {
        const WRONG: Error =
            Error::invalid_grant("the code is not one of this server's, has expired, or was made for another request");
        let given = |name: &str| {
            form.get(name).ok_or(Error::invalid_request("code, client_id, redirect_uri and code_verifier are required"))
        };
        let (who, code): (_, Code) = open(tokens, Purpose::CODE, given("code")?).ok_or(WRONG)?;
        let Code { token, redirect, resource, challenge } = code;
        if !self.holds(&token, now)
            || token.client != digest(given("client_id")?)
            || redirect != digest(given("redirect_uri")?)
        {
            return Err(WRONG);
        }
        let verifier = given("code_verifier")?;
        let matches: bool = digest(verifier).as_bytes().ct_eq(challenge.as_bytes()).into();
        if !matches || !(43..=128).contains(&verifier.len()) {
            return Err(Error::invalid_grant("code_verifier does not match the code_challenge"));
        }
        if form.get("resource").is_some_and(|requested| requested.trim_end_matches('/') != resource) {
            return Err(Error::new("invalid_target", "resource is not the one that was first requested"));
        }
        let mut memory = self.lock();
        if memory.used.mark(&token.grant, token.exp, now).is_some() {
            memory.revoked.mark(&token.grant, now.saturating_add(REFRESH_SECONDS), now);
            log::warn!("a code of {} was used twice, so its tokens are void", who.analyst().name());
            return Err(Error::invalid_grant(
                "the code has been used before; every token that was issued for it is now void",
            ));
        }
        drop(memory);
        self.issue(who, token, now)
    }

    /// Exchanges a refresh token for a new pair. One that is used again long after it was
    /// replaced ends its whole grant.
    pub(super) fn refresh(&self, tokens: &Tokens, form: &Params, now: i64) -> Result<Issued, Error> {
        const WRONG: Error = Error::invalid_grant("the refresh token is no longer valid; sign in again");
        let given =
            |name: &str| form.get(name).ok_or(Error::invalid_request("refresh_token and client_id are required"));
        let (who, token): (_, Token) = open(tokens, Purpose::REFRESH, given("refresh_token")?).ok_or(WRONG)?;
        if !self.holds(&token, now) || token.client != digest(given("client_id")?) {
            return Err(WRONG);
        }
        let mut memory = self.lock();
        let replaced = memory.used.mark(&token.id, token.exp, now);
        if replaced.is_some_and(|at| now.saturating_sub(at) > REFRESH_GRACE_SECONDS) {
            memory.revoked.mark(&token.grant, now.saturating_add(REFRESH_SECONDS), now);
            log::warn!("a replaced refresh token of {} was used again, so its grant is void", who.analyst().name());
            return Err(WRONG);
        }
        drop(memory);
        self.issue(who, token, now)
    }

    /// The analyst for whom an access token was issued.
    pub(super) fn analyst(&self, tokens: &Tokens, access: &str, now: i64) -> Option<Analyst> {
        let (who, token): (_, Token) = open(tokens, Purpose::ACCESS, access)?;
        self.holds(&token, now).then(|| who.analyst().clone())
    }

    /// Ends the grant that a token belongs to (RFC 7009) and returns whose it was; `None` for a token that is already void.
    pub(super) fn revoke(&self, tokens: &Tokens, token: &str, now: i64) -> Option<Analyst> {
        let (who, token): (_, Token) =
            open(tokens, Purpose::REFRESH, token).or_else(|| open(tokens, Purpose::ACCESS, token))?;
        if !self.holds(&token, now) {
            return None;
        }
        self.lock().revoked.mark(&token.grant, now.saturating_add(REFRESH_SECONDS), now);
        Some(who.analyst().clone())
    }

    fn holds(&self, token: &Token, now: i64) -> bool {
        token.aud == self.audience && token.exp > now && !self.lock().revoked.has(&token.grant)
    }

    fn token(&self, seconds: i64, grant: String, client: String, now: i64) -> Result<Token, Error> {
        Ok(Token { exp: now.saturating_add(seconds), aud: self.audience.clone(), grant, id: random_id()?, client })
    }

    /// A new pair of tokens for the grant of `old`.
    fn issue(&self, who: &Credential, old: Token, now: i64) -> Result<Issued, Error> {
        let access = self.token(ACCESS_SECONDS, old.grant.clone(), old.client.clone(), now)?;
        let refresh = self.token(REFRESH_SECONDS, old.grant, old.client, now)?;
        Ok(Issued { access: seal(who, Purpose::ACCESS, &access)?, refresh: seal(who, Purpose::REFRESH, &refresh)? })
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn seal(who: &Credential, purpose: Purpose, payload: &impl Serialize) -> Result<String, Error> {
    let payload = serde_json::to_vec(payload).map_err(|_| FAILED)?;
    Ok(who.seal(purpose, &payload))
}

fn open<'a, T: DeserializeOwned>(tokens: &'a Tokens, purpose: Purpose, text: &str) -> Option<(&'a Credential, T)> {
    let (who, payload) = tokens.open(purpose, text)?;
    Some((who, serde_json::from_slice(&payload).ok()?))
}

/// SHA-256 in base64url: what PKCE calls S256.
fn digest(text: &str) -> String {
    BASE64URL.encode(Sha256::digest(text.as_bytes()))
}

/// 128 random bits.
fn random_id() -> Result<String, Error> {
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
