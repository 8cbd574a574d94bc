//! Who is calling: the list of personal tokens.
//!
//! In: a bearer token (RFC 6750). Out: an [`Analyst`], if it is on the list. A personal token is kept only as its SHA-256 hash
//! and the key derived from it, and is compared in constant time with every token there is.

mod made_up;
mod seal;

use std::{num::NonZero, thread};

use serde::Serialize;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::{
    config::{ConfigError, SecretSource},
    http::Head,
};
pub use seal::Purpose;
use seal::{Key, Sealed};

/// The fewest characters of a personal token.
pub const MIN_TOKEN_CHARS: usize = 16;

/// Somebody who presented a valid token. Made only by [`Tokens`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Analyst(String);

impl Analyst {
    /// The analyst's name: ASCII letters, digits, `.`, `_`, `-` and `@` only, so that it is safe in SQL and in logs.
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// One entry of the list. It can also seal texts in the analyst's name, so only the token's holder gets one.
#[derive(Clone)]
pub struct Credential {
    analyst: Analyst,
    hash: [u8; 32],
    key: Key,
    made_up: bool,
}

impl Credential {
    /// Whose token it is.
    pub fn analyst(&self) -> &Analyst {
        &self.analyst
    }

    /// A text that [`Tokens::open`] accepts for as long as this personal token is on the list.
    pub fn seal(&self, purpose: Purpose, payload: &[u8]) -> String {
        self.key.seal(purpose, payload)
    }
}

/// A line of the list, checked.
struct Line<'a> {
    name: &'a str,
    token: &'a str,
    hash: [u8; 32],
}

/// The personal tokens.
#[derive(Clone, Default)]
pub struct Tokens(Vec<Credential>);

impl Tokens {
    /// Reads and checks the tokens of `MCP_AUTH_TOKENS` or its file.
    pub fn load(source: &SecretSource) -> Result<Tokens, ConfigError> {
        Tokens::default().reload(source)
    }

    /// Reads them again. What was derived from a token that stays is kept.
    pub fn reload(&self, source: &SecretSource) -> Result<Tokens, ConfigError> {
        self.read(&source.read()?).map_err(|problem| ConfigError::new(source.setting(), problem))
    }

    /// The tokens of this text.
    #[cfg(test)]
    pub(crate) fn parse(text: &str) -> Result<Tokens, String> {
        Tokens::default().read(text)
    }

    /// Reads `alice:token,bob:token`, separated by commas or line breaks. An analyst may have several tokens, so that one can
    /// be replaced without a gap. The error says what is wrong without showing a token.
    fn read(&self, text: &str) -> Result<Tokens, String> {
        let mut tokens: Vec<Line<'_>> = Vec::new();
        // A line that begins with # is left out as a whole, whatever stands behind a comma in it.
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let entries = lines
            .flat_map(|line| line.split(','))
            .map(str::trim)
            .filter(|entry| !entry.is_empty() && !entry.starts_with('#'));
        for (index, entry) in entries.enumerate() {
            let number = index.saturating_add(1);
            let Some((name, token)) = entry.split_once(':') else {
                return Err(format!("entry {number} has no colon; write it as name:token"));
            };
            let (name, token) = (name.trim(), token.trim());
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
            if name.is_empty() || name.len() > 40 || !name.chars().all(plain) {
                return Err(format!(
                    "the name in entry {number} must be 1 to 40 ASCII letters, digits, '.', '_', '-' or '@'"
                ));
            }
            if token.len() < MIN_TOKEN_CHARS {
                return Err(format!(
                    "the token of {name} is shorter than {MIN_TOKEN_CHARS} characters; make one with: openssl rand -hex 24"
                ));
            }
            if !token.chars().all(|c| c.is_ascii_graphic()) {
                return Err(format!(
                    "the token of {name} holds a space or a character that is not ASCII; make one with: openssl rand -hex 24"
                ));
            }
            let hash = hash(token);
            if let Some(other) = tokens.iter().find(|known| known.hash == hash) {
                let other = other.name;
                return Err(format!("{name} and {other} have the same token; give each a token of their own"));
            }
            tokens.push(Line { name, token, hash });
        }
        if tokens.is_empty() {
            return Err("it holds no token, so nobody could sign in; write it as name:token,name:token".to_owned());
        }
        self.derive(&tokens).map(Tokens).ok_or_else(|| "no key can be derived from a token".to_owned())
    }

    /// The credentials of these entries, in their order. Keys take their time, so all processors share the work.
    fn derive(&self, entries: &[Line<'_>]) -> Option<Vec<Credential>> {
        let credential = |entry: &Line<'_>| {
            let same = |known: &&Credential| known.hash == entry.hash && known.analyst.name() == entry.name;
            let known = self.0.iter().find(same).cloned();
            known.or_else(|| {
                let key = Key::of(entry.name, entry.token)?;
                let made_up = made_up::looks_made_up(entry.token);
                Some(Credential { analyst: Analyst(entry.name.to_owned()), hash: entry.hash, key, made_up })
            })
        };
        let share = entries.len().div_ceil(thread::available_parallelism().map_or(1, NonZero::get));
        thread::scope(|scope| {
            let shares: Vec<_> = entries
                .chunks(share.max(1))
                .map(|share| {
                    let work = move || share.iter().map(credential).collect::<Option<Vec<_>>>();
                    // Where there may be no further thread, it takes longer.
                    thread::Builder::new().spawn_scoped(scope, work).map_err(|_| work())
                })
                .collect();
            let finished = shares.into_iter().map(|share| match share {
                Ok(thread) => thread.join().ok().flatten(),
                Err(done) => done,
            });
            Some(finished.collect::<Option<Vec<_>>>()?.concat())
        })
    }

    /// Refuses a list with the token for `/metrics` in it: whoever watches the server is no analyst.
    pub fn without(self, metrics: Option<&MetricsToken>) -> Result<Tokens, ConfigError> {
        let same = |metrics: &MetricsToken| {
            self.find(|known| known.hash.ct_eq(&metrics.0)).map(|known| known.analyst.name().to_owned())
        };
        match metrics.and_then(same) {
            Some(name) => {
                let problem = format!("it is the token of {name}, too; make another one with: openssl rand -hex 24");
                Err(ConfigError::new("MCP_METRICS_TOKEN", problem))
            }
            None => Ok(self),
        }
    }

    /// How many tokens there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Whose tokens look as if a person had made them up, each name once.
    pub fn made_up(&self) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.0.iter().filter(|known| known.made_up).map(|known| known.analyst.name()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The entry with this personal token.
    pub fn credential(&self, token: &str) -> Option<&Credential> {
        let shown = hash(token);
        self.find(|known| shown.ct_eq(&known.hash))
    }

    /// The payload of a text that was sealed for this purpose, and the entry that sealed it.
    pub fn open(&self, purpose: Purpose, text: &str) -> Option<(&Credential, Vec<u8>)> {
        let sealed = Sealed::read(purpose, text)?;
        let credential = self.find(|known| u8::from(known.key.sealed(&sealed)).into())?;
        Some((credential, sealed.payload))
    }

    /// The last entry that matches. Every entry is compared in any case, so that the time reveals nothing.
    fn find(&self, matches: impl Fn(&Credential) -> Choice) -> Option<&Credential> {
        let mut found = 0u64;
        for (number, known) in (1u64..).zip(&self.0) {
            found.conditional_assign(&number, matches(known));
        }
        let index = usize::try_from(found).ok()?.checked_sub(1)?;
        self.0.get(index)
    }
}

/// The token that opens `/metrics` and nothing else.
pub struct MetricsToken([u8; 32]);

impl MetricsToken {
    /// Reads and checks it.
    pub fn load(source: &SecretSource) -> Result<MetricsToken, ConfigError> {
        let text = source.read()?;
        let token = text.trim();
        if token.len() < MIN_TOKEN_CHARS || !token.chars().all(|c| c.is_ascii_graphic()) {
            let problem = format!(
                "the token is not one word of at least {MIN_TOKEN_CHARS} ASCII characters; make one with: openssl rand -hex 24"
            );
            return Err(ConfigError::new(source.setting(), problem));
        }
        Ok(MetricsToken(hash(token)))
    }

    /// Whether this is the token.
    pub fn is(&self, token: &str) -> bool {
        hash(token).ct_eq(&self.0).into()
    }
}

/// The token of the request's `Authorization: Bearer …` header.
pub fn bearer(head: &Head) -> Option<&str> {
    let (scheme, token) = head.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
#[path = "../tests/unit/auth.rs"]
mod tests;
