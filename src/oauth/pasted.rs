//! What a person pastes into the sign-in page: a personal token, often with something around it.

use crate::{
    auth::{Credential, MIN_TOKEN_CHARS, Tokens},
    invisible::is_invisible,
};

/// The parameter that names to the page for the next try what was wrong; followed by a name that [`explain`] knows.
pub(super) const ERROR_PARAMETER: &str = "&sign_in_error=";

/// The most words that are looked at.
const MAX_WORDS: usize = 60;

/// What can be wrong, by name, in words for the person.
const ERRORS: [(&str, &str); 6] = [
    ("empty", "The field was empty. Paste your personal access token into it."),
    ("short", "That is not a whole token: a token has at least 16 characters. Copy all of it."),
    (
        "more",
        "There is more in the field than a token, and no valid one is in it. Paste the token alone, and all of it.",
    ),
    ("several", "There are several tokens in the field. Paste only yours."),
    ("program", "That is a key that was made for a program. Paste the personal token that you were given."),
    (
        "wrong",
        "This is not a valid token. Copy all of it again; if it still fails, it has been replaced by a newer one.",
    ),
];

/// The credential of what was pasted, or the name of what is wrong with it. People copy more than the token: quotation marks,
/// `Authorization: Bearer`, the `alice:` of the operator's list, a line of settings, a line break in its middle. If there is
/// one valid token in all that, it is the one that is meant.
pub(super) fn credential<'a>(tokens: &'a Tokens, pasted: &str) -> Result<&'a Credential, &'static str> {
    let unbroken: String = pasted.chars().filter(|c| !c.is_whitespace() && !is_invisible(*c)).collect();
    let words: Vec<&str> = pasted.split(is_around).filter(|word| !word.is_empty()).take(MAX_WORDS).collect();
    let parts = words.iter().flat_map(|word| [*word, unnamed(word), word.trim_end_matches(['.', ':', ';', '!', '?'])]);
    let mut found = [pasted.trim(), &unbroken].into_iter().chain(parts).filter_map(|part| tokens.credential(part));
    if let Some(first) = found.next() {
        return if found.all(|other| std::ptr::eq(first, other)) { Ok(first) } else { Err("several") };
    }
    let said = |word: &&str| !word.eq_ignore_ascii_case("bearer") && !word.eq_ignore_ascii_case("authorization:");
    let mut words = words.into_iter().filter(said).map(unnamed).filter(|word| !word.is_empty());
    Err(match (words.next(), words.next()) {
        (None, _) => "empty",
        (_, Some(_)) => "more",
        (Some(token), None) if token.len() < MIN_TOKEN_CHARS => "short",
        (Some(token), None) if token.split('.').count() == 3 => "program",
        _ => "wrong",
    })
}

/// What was wrong, in words for the person; `None` for a name that is not known.
pub(super) fn explain(error: &str) -> Option<&'static str> {
    ERRORS.iter().find(|(name, _)| *name == error).map(|(_, text)| *text)
}

/// Whether a character belongs to what is around a token.
fn is_around(c: char) -> bool {
    c.is_whitespace() || is_invisible(c) || "\"'`“”‘’<>()[]{},;".contains(c)
}

/// `alice:token` without the name.
fn unnamed(word: &str) -> &str {
    word.split_once(':').map_or(word, |(_, token)| token)
}

#[cfg(test)]
#[path = "../../tests/unit/oauth/pasted.rs"]
mod tests;
