//! Short texts that only this server can have written, each in the name of one analyst.
//!
//! In: a payload and what it is for. Out: `PURPOSE.payload.mac`, both parts in base64url. The MAC is HMAC-SHA-256 under a key
//! derived from the analyst's personal token, so the text is void as soon as that token is off the list, and every copy of the
//! server with the same list can verify it. The text names neither an algorithm nor a key, so neither can be confused with
//! another. Its holder can read the payload, so that holds no secret.
//!
//! Whoever finds an old text can test guesses of the personal token with it. The derivation is slow (PBKDF2, RFC 8018), so that
//! each guess costs a processor some 40 ms. It runs once for each token, when the list is read.
//!
//! # What this does not stop
//! Guessing a token that a person made up: it takes longer, and succeeds.

use std::num::NonZeroU32;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use hmac::{Hmac, KeyInit, Mac};
use ring::pbkdf2;
use sha2::Sha256;

/// The longest sealed text that is examined, in bytes.
const MAX_BYTES: usize = 2_048;

/// What a sealed text is for. One for another purpose is never accepted.
#[derive(Clone, Copy)]
pub struct Purpose(&'static str);

impl Purpose {
    /// An authorization code.
    pub const CODE: Purpose = Purpose("code");
    /// An access token.
    pub const ACCESS: Purpose = Purpose("access");
    /// A refresh token.
    pub const REFRESH: Purpose = Purpose("refresh");
}

/// How often PBKDF2 iterates: about 40 ms, so that a list of fifty tokens delays a start by a second on two processors.
const ITERATIONS: NonZeroU32 = NonZeroU32::MIN.saturating_add(199_999);

/// The key of one personal token.
#[derive(Clone)]
pub(super) struct Key(Hmac<Sha256>);

impl Key {
    /// The key that belongs to an analyst's personal token. `None` cannot happen: HMAC accepts keys of any length.
    pub(super) fn of(name: &str, token: &str) -> Option<Key> {
        // The name is the salt: two analysts have to be guessed one after the other.
        let salt = format!("analytics_mcp: key for sealed texts, 2: {name}");
        let mut key = [0; 32];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ITERATIONS, salt.as_bytes(), token.as_bytes(), &mut key);
        Hmac::new_from_slice(&key).ok().map(Key)
    }

    /// Seals a payload.
    pub(super) fn seal(&self, purpose: Purpose, payload: &[u8]) -> String {
        let signed = format!("{}.{}", purpose.0, BASE64URL.encode(payload));
        let mac = self.0.clone().chain_update(signed.as_bytes()).finalize().into_bytes();
        format!("{signed}.{}", BASE64URL.encode(mac))
    }

    /// Whether the text was sealed with this key; compared in constant time.
    pub(super) fn sealed(&self, text: &Sealed<'_>) -> bool {
        self.0.clone().chain_update(text.signed.as_bytes()).verify_slice(&text.mac).is_ok()
    }
}

/// A text in the form of a sealed one. Nobody knows yet who wrote it.
pub(super) struct Sealed<'a> {
    signed: &'a str,
    mac: Vec<u8>,
    pub(super) payload: Vec<u8>,
}

impl Sealed<'_> {
    pub(super) fn read(purpose: Purpose, text: &str) -> Option<Sealed<'_>> {
        let (signed, mac) = text.rsplit_once('.').filter(|_| text.len() <= MAX_BYTES)?;
        let payload = signed.strip_prefix(purpose.0)?.strip_prefix('.')?;
        // This decoder accepts only one spelling, so a token cannot be altered and still be valid.
        Some(Sealed { signed, mac: BASE64URL.decode(mac).ok()?, payload: BASE64URL.decode(payload).ok()? })
    }
}
