//! What a sign-in gives: a code, then access and refresh tokens, each a sealed text that says itself what it is worth.
//!
//! A grant is one sign-in; its code and tokens carry its id. Nothing has to be stored for them to work, so every copy of the
//! server agrees on them, and they end with the personal token that seals them. What *is* remembered, in this copy and until
//! a restart, is what must not count again: used codes, replaced refresh tokens, revoked grants.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Denied, authorize::AuthorizationRequest, form::Params};
use crate::auth::{Analyst, Credential, Purpose, Tokens};

/// Seconds for which a code, an access token and a refresh token are good. Claude's refreshing is not reliable, and the
/// personal token's end is at once the end of all of them, so an access token may live for a day.
const CODE: i64 = 60;
const ACCESS: i64 = 24 * 3_600;
const REFRESH: i64 = 30 * 24 * 3_600;
/// A client that never saw the answer to its refresh may ask with the same token again, this many seconds long.
const REFRESH_GRACE: i64 = 600;
/// The most marks that are kept of each kind; about 100 bytes each.
const MAX_MARKS: usize = 20_000;

/// The payload of a code.
#[derive(Serialize, Deserialize)]
struct Code {
    exp: i64,
    aud: String,
    grant: String,
    /// SHA-256 of the client's id and of the redirect URI.
    client: String,
    redirect: String,
    /// The resource, as it was asked for.
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
    /// Seconds for which the access token is good.
    pub(super) expires_in: i64,
}

/// The grants of one audience, and what of them must not count again.
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

    /// A code for what was asked, in the name of who showed a personal token. Times are seconds since 1970.
    pub(super) fn code(
        &self,
        credential: &Credential,
        request: &AuthorizationRequest,
        now: i64,
    ) -> Result<String, Denied> {
        let code = Code {
            exp: now.saturating_add(CODE),
            aud: self.audience.clone(),
            grant: random_id()?,
            client: digest(&request.client_id),
            redirect: digest(&request.redirect_uri),
            resource: request.resource.clone(),
            challenge: request.challenge.clone(),
        };
        seal(credential, Purpose::Code, &code)
    }

    /// Exchanges a code (RFC 6749 section 4.1.3, RFC 7636 section 4.6). A code that comes twice ends its whole grant.
    pub(super) fn redeem(&self, tokens: &Tokens, form: &Params, now: i64) -> Result<Issued, Denied> {
        const WRONG: Denied =
            Denied::grant("the code is not one of this server's, has expired, or was made for another request");
        let given = |name: &str| {
            form.get(name).ok_or(Denied::request("code, client_id, redirect_uri and code_verifier are required"))
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
        let fits: bool = digest(verifier).as_bytes().ct_eq(code.challenge.as_bytes()).into();
        if !fits || !(43..=128).contains(&verifier.len()) {
            return Err(Denied::grant("code_verifier does not fit the code_challenge"));
        }
        if form.get("resource").is_some_and(|resource| resource.trim_end_matches('/') != code.resource) {
            return Err(Denied::target());
        }
        let mut memory = self.lock();
        if memory.revoked.has(&code.grant) {
            return Err(WRONG);
        }
        if memory.used.mark(&code.grant, code.exp, now).is_some() {
            memory.revoked.mark(&code.grant, now.saturating_add(REFRESH), now);
            log::warn!("a code of {} came twice, so its tokens are void", credential.analyst().name());
            return Err(Denied::grant("the code has been used before; every token that came of it is void now"));
        }
        drop(memory);
        self.issue(credential, code.grant, code.client, now)
    }

    /// Exchanges a refresh token for a new pair. One that comes again long after it was replaced ends its whole grant.
    pub(super) fn refresh(&self, tokens: &Tokens, form: &Params, now: i64) -> Result<Issued, Denied> {
        const WRONG: Denied = Denied::grant("the refresh token is not valid any more; sign in again");
        let given = |name: &str| form.get(name).ok_or(Denied::request("refresh_token and client_id are required"));
        let (credential, token): (_, Token) = open(tokens, Purpose::Refresh, given("refresh_token")?).ok_or(WRONG)?;
        if !self.holds(&token, now) || token.client != digest(given("client_id")?) {
            return Err(WRONG);
        }
        let mut memory = self.lock();
        let replaced = memory.used.mark(&token.id, token.exp, now);
        if replaced.is_some_and(|at| now.saturating_sub(at) > REFRESH_GRACE) {
            memory.revoked.mark(&token.grant, now.saturating_add(REFRESH), now);
            log::warn!("a replaced refresh token of {} came again, so its grant is void", credential.analyst().name());
            return Err(WRONG);
        }
        drop(memory);
        self.issue(credential, token.grant, token.client, now)
    }

    /// Who an access token speaks for.
    pub(super) fn analyst(&self, tokens: &Tokens, access: &str, now: i64) -> Option<Analyst> {
        let (credential, token): (_, Token) = open(tokens, Purpose::Access, access)?;
        self.holds(&token, now).then(|| credential.analyst().clone())
    }

    /// Ends the grant that a token belongs to (RFC 7009). Out: whose it was; a token that is void already is no error.
    pub(super) fn revoke(&self, tokens: &Tokens, token: &str, now: i64) -> Option<Analyst> {
        let (credential, token): (_, Token) =
            open(tokens, Purpose::Refresh, token).or_else(|| open(tokens, Purpose::Access, token))?;
        if !self.holds(&token, now) {
            return None;
        }
        self.lock().revoked.mark(&token.grant, now.saturating_add(REFRESH), now);
        Some(credential.analyst().clone())
    }

    fn holds(&self, token: &Token, now: i64) -> bool {
        token.aud == self.audience && token.exp > now && !self.lock().revoked.has(&token.grant)
    }

    fn issue(&self, credential: &Credential, grant: String, client: String, now: i64) -> Result<Issued, Denied> {
        let token = |lives: i64| -> Result<Token, Denied> {
            let (aud, grant, client) = (self.audience.clone(), grant.clone(), client.clone());
            Ok(Token { exp: now.saturating_add(lives), aud, grant, id: random_id()?, client })
        };
        Ok(Issued {
            access: seal(credential, Purpose::Access, &token(ACCESS)?)?,
            refresh: seal(credential, Purpose::Refresh, &token(REFRESH)?)?,
            expires_in: ACCESS,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn seal(credential: &Credential, purpose: Purpose, payload: &impl Serialize) -> Result<String, Denied> {
    let payload = serde_json::to_vec(payload).map_err(|_| Denied::server())?;
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
fn random_id() -> Result<String, Denied> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        log::error!("the system gives no random bytes: {error}");
        Denied::server()
    })?;
    Ok(BASE64URL.encode(bytes))
}

/// Ids, each with the time of its first mark and the time until which it has to be remembered.
#[derive(Default)]
struct Marks(HashMap<String, (i64, i64)>);

impl Marks {
    fn has(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// Marks an id; tells when it was marked first, if it was.
    fn mark(&mut self, id: &str, until: i64, now: i64) -> Option<i64> {
        if let Some((first, _)) = self.0.get(id) {
            return Some(*first);
        }
        if self.0.len() >= MAX_MARKS {
            self.0.retain(|_, (_, until)| *until > now);
            // Only who has a valid token can bring it so far. The mark that would have ended first goes.
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
