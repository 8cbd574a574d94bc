//! What a sign-in grants: a code, then access and refresh tokens, each a sealed text that is self-contained.
//!
//! A grant is one sign-in; its code and tokens carry its id and their generation: the code is 0, and what is issued for
//! generation n is n + 1. Nothing has to be stored for them to work, so every copy of the server agrees on them, and they end
//! with the personal token that seals them.
//!
//! This copy remembers, until it restarts, how far each grant has come. A code or a refresh token that comes back was copied,
//! so its grant ends; but a client that lost the answer may ask again within a minute, and gets the same answer. Each
//! analyst has a memory of their own, since the holder of a personal token can seal whatever they like.
//!
//! # What this does not stop
//! The use of one code or refresh token in two copies of the server, or before and after a restart. A thief who repeats each
//! refresh within its minute gets what the client gets.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{
    Error,
    authorize::{AuthorizationRequest, resource},
    form::Params,
};
use crate::{
    audit::{SignInEvent, SignIns},
    auth::{Analyst, Credential, Purpose, Tokens},
};

/// How long a code is valid.
const CODE_SECONDS: i64 = 60;
/// How long an access token is valid. A day, since Claude does not refresh reliably, and the token ends with the personal
/// token in any case.
pub(super) const ACCESS_SECONDS: i64 = 24 * 3_600;
/// How long a refresh token is valid.
const REFRESH_SECONDS: i64 = 30 * 24 * 3_600;
/// How long a client that never received the answer to its refresh may ask for it again.
const REPEAT_SECONDS: i64 = 60;
/// How far the clocks of two copies may differ.
const SKEW_SECONDS: i64 = 300;
/// The most grants of one analyst that are remembered, about 100 bytes each.
const MAX_GRANTS: usize = 1_000;
/// The length of a grant's id: 128 random bits in base64url.
const ID_CHARS: usize = 22;

const SERVER_ERROR: Error = Error { status: 500, ..Error::new("server_error", "the server failed; try again") };

/// The payload of an access or a refresh token.
#[derive(Serialize, Deserialize)]
struct Token {
    exp: i64,
    aud: String,
    grant: String,
    generation: u64,
    /// SHA-256 of the client's id.
    client: String,
    /// What the client wanted access to.
    resources: Vec<String>,
}

/// The payload of a code.
#[derive(Serialize, Deserialize)]
struct Code {
    #[serde(flatten)]
    token: Token,
    /// SHA-256 of the redirect URI.
    redirect: String,
    /// PKCE: SHA-256 of the verifier, as the client sent it.
    challenge: String,
}

/// A pair of tokens.
#[derive(Debug)]
pub(super) struct Issued {
    pub(super) access: String,
    pub(super) refresh: String,
}

/// How far a grant has come.
struct Progress {
    /// The generation that was exchanged last, and when. `None` if none has been here.
    exchanged: Option<(u64, i64)>,
    /// Whether it was revoked, or ended because something of it was copied.
    void: bool,
    /// When its last token will have expired.
    until: i64,
}

/// The grants of one audience.
pub(super) struct Grants {
    audience: String,
    /// For each analyst, by the grant's id.
    progress: Mutex<HashMap<Analyst, HashMap<String, Progress>>>,
}

impl Grants {
    pub(super) fn new(audience: String) -> Grants {
        Grants { audience, progress: Mutex::default() }
    }

    /// A code for a request, in the name of the analyst who signed in. Times are seconds since 1970.
    pub(super) fn code(&self, who: &Credential, request: &AuthorizationRequest, now: i64) -> Result<String, Error> {
        let token = Token {
            exp: now.saturating_add(CODE_SECONDS),
            aud: self.audience.clone(),
            grant: random_id()?,
            generation: 0,
            client: digest(&request.client_id),
            resources: request.resources.clone(),
        };
        let redirect = digest(&request.redirect_uri);
        seal(who, Purpose::CODE, &Code { token, redirect, challenge: request.challenge.clone() })
    }

    /// Exchanges a code (RFC 6749 section 4.1.3, RFC 7636 section 4.6). A code that is used twice ends its whole grant.
    pub(super) fn redeem(&self, tokens: &Tokens, form: &Params, sign_ins: &SignIns, now: i64) -> Result<Issued, Error> {
        const WRONG: Error =
            Error::invalid_grant("the code is not one of this server's, has expired, or was made for another request");
        let given = |name: &'static str| {
            form.get(name).ok_or(Error::invalid_request("code, client_id, redirect_uri and code_verifier are required"))
        };
        let (who, Code { token, redirect, challenge }) = open(tokens, Purpose::CODE, given("code")?).ok_or(WRONG)?;
        if !self.holds(who, &token, CODE_SECONDS, now)
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
        self.same_resource(&token, form)?;
        let first = self.remember(who, &token.grant, now, |progress| {
            progress.void |= progress.exchanged.is_some();
            progress.exchanged = progress.exchanged.or(Some((0, now)));
            !progress.void
        });
        if !first {
            sign_ins.progressed(SignInEvent::Voided, who.analyst());
            return Err(Error::invalid_grant(
                "the code has been used before; every token that was issued for it is now void",
            ));
        }
        self.issue(who, token, now)
    }

    /// Exchanges a refresh token for a new pair. One that was replaced ends its whole grant, unless its client only
    /// repeats the request.
    pub(super) fn refresh(
        &self,
        tokens: &Tokens,
        form: &Params,
        sign_ins: &SignIns,
        now: i64,
    ) -> Result<Issued, Error> {
        const WRONG: Error = Error::invalid_grant("the refresh token is no longer valid; sign in again");
        let given = |name: &'static str| {
            form.get(name).ok_or(Error::invalid_request("refresh_token and client_id are required"))
        };
        let (who, token): (_, Token) = open(tokens, Purpose::REFRESH, given("refresh_token")?).ok_or(WRONG)?;
        if !self.holds(who, &token, REFRESH_SECONDS, now) || token.client != digest(given("client_id")?) {
            return Err(WRONG);
        }
        self.same_resource(&token, form)?;
        let at = self.remember(who, &token.grant, now, |progress| {
            let at = match progress.exchanged {
                Some((last, at)) if last == token.generation && now.saturating_sub(at) <= REPEAT_SECONDS => Some(at),
                Some((last, _)) if last >= token.generation => None,
                _ => Some(now),
            };
            progress.void |= at.is_none();
            progress.exchanged = at.map(|at| (token.generation, at)).or(progress.exchanged);
            at.filter(|_| !progress.void)
        });
        let Some(at) = at else {
            sign_ins.progressed(SignInEvent::Voided, who.analyst());
            return Err(WRONG);
        };
        sign_ins.progressed(SignInEvent::Refreshed, who.analyst());
        self.issue(who, token, at)
    }

    /// The analyst for whom an access token was issued.
    pub(super) fn analyst(&self, tokens: &Tokens, access: &str, now: i64) -> Option<Analyst> {
        let (who, token): (_, Token) = open(tokens, Purpose::ACCESS, access)?;
        self.holds(who, &token, ACCESS_SECONDS, now).then(|| who.analyst().clone())
    }

    /// Ends the grant that a token belongs to (RFC 7009) and returns whose it was; `None` for a token that is already void.
    pub(super) fn revoke(&self, tokens: &Tokens, token: &str, now: i64) -> Option<Analyst> {
        let opened =
            |purpose, seconds| open(tokens, purpose, token).map(|(who, token): (_, Token)| (who, token, seconds));
        let (who, token, seconds) =
            opened(Purpose::REFRESH, REFRESH_SECONDS).or_else(|| opened(Purpose::ACCESS, ACCESS_SECONDS))?;
        if !self.holds(who, &token, seconds, now) {
            return None;
        }
        self.remember(who, &token.grant, now, |progress| progress.void = true);
        Some(who.analyst().clone())
    }

    /// Whether a token that may live for so long still does. One that claims to live longer was not made here: whoever
    /// knows the personal token knows the key.
    fn holds(&self, who: &Credential, token: &Token, seconds: i64, now: i64) -> bool {
        let latest = now.saturating_add(seconds).saturating_add(SKEW_SECONDS);
        let void = || {
            let all = self.lock();
            all.get(who.analyst()).and_then(|own| own.get(&token.grant)).is_some_and(|progress| progress.void)
        };
        token.aud == self.audience && token.exp > now && token.exp <= latest && token.grant.len() == ID_CHARS && !void()
    }

    /// RFC 8707 section 2.2: a client may name some of what it first wanted access to, but nothing else.
    fn same_resource(&self, token: &Token, form: &Params) -> Result<(), Error> {
        let same =
            |requested| resource(&self.audience, requested).is_some_and(|named| token.resources.contains(&named));
        if form.all("resource").all(same) {
            return Ok(());
        }
        Err(Error::new("invalid_target", "resource is not the one that was first requested"))
    }

    /// Changes what is remembered of a grant.
    fn remember<T>(&self, who: &Credential, grant: &str, now: i64, change: impl FnOnce(&mut Progress) -> T) -> T {
        let mut all = self.lock();
        let own = all.entry(who.analyst().clone()).or_default();
        if own.len() >= MAX_GRANTS && !own.contains_key(grant) {
            own.retain(|_, progress| progress.until > now);
            // Only the analyst can make it full, and it is only their own.
            if own.len() >= MAX_GRANTS
                && let Some(soonest) = own.iter().min_by_key(|(_, progress)| progress.until).map(|(id, _)| id.clone())
            {
                own.remove(&soonest);
            }
        }
        let progress = own.entry(grant.to_owned()).or_insert(Progress { exchanged: None, void: false, until: 0 });
        progress.until = now.saturating_add(REFRESH_SECONDS);
        change(progress)
    }

    /// The next pair of tokens of the grant of `old`, as it was first made at this time.
    fn issue(&self, who: &Credential, old: Token, at: i64) -> Result<Issued, Error> {
        let mut token =
            Token { generation: old.generation.saturating_add(1), exp: at.saturating_add(ACCESS_SECONDS), ..old };
        let access = seal(who, Purpose::ACCESS, &token)?;
        token.exp = at.saturating_add(REFRESH_SECONDS);
        Ok(Issued { access, refresh: seal(who, Purpose::REFRESH, &token)? })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Analyst, HashMap<String, Progress>>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn seal(who: &Credential, purpose: Purpose, payload: &impl Serialize) -> Result<String, Error> {
    let payload = serde_json::to_vec(payload).map_err(|_| SERVER_ERROR)?;
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
        SERVER_ERROR
    })?;
    Ok(BASE64URL.encode(bytes))
}

#[cfg(test)]
#[path = "../../tests/unit/oauth/grant.rs"]
mod tests;
