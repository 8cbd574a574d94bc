//! What a person pastes into the sign-in page: a personal token, often with something around it.

use crate::{
    auth::{Credential, MIN_TOKEN_CHARS, Tokens},
    hidden::is_hidden,
};

/// The parameter that names to the page for the next try what was wrong; followed by a name that [`explain`] knows.
pub(super) const ERROR_PARAMETER: &str = "&sign_in_error=";

/// What can be wrong, by name, in words for the person.
const ERRORS: [(&str, &str); 5] = [
    ("empty", "The field was empty. Paste your personal access token into it."),
    ("short", "That is not a whole token: a token has at least 16 characters. Copy all of it."),
    ("blank", "There is a space or a line break in what you pasted. Copy the token alone, and all of it."),
    ("program", "That is a key that was made for a program. Paste the personal token that you were given."),
    (
        "wrong",
        "This is not a valid token. It may be mistyped, cut off, or replaced by a newer one. Copy the whole of it again.",
    ),
];

/// The credential of what was pasted, or the name of what is wrong with it. What people copy along with a token is left out:
/// quotation marks, `Authorization: Bearer`, the `alice:` of the operator's list.
pub(super) fn credential<'a>(tokens: &'a Tokens, pasted: &str) -> Result<&'a Credential, &'static str> {
    let whole = pasted.trim();
    let pasted = bare(without(bare(whole), "authorization:"));
    let pasted = bare(without(pasted, "bearer"));
    let unnamed = pasted.split_once(':').map(|(_, token)| bare(token));
    let found = [Some(whole), Some(pasted), unnamed].into_iter().flatten().find_map(|token| tokens.credential(token));
    found.ok_or_else(|| match unnamed.unwrap_or(pasted) {
        "" => "empty",
        token if token.contains(char::is_whitespace) => "blank",
        token if token.len() < MIN_TOKEN_CHARS => "short",
        token if token.split('.').count() == 3 => "program",
        _ => "wrong",
    })
}

/// What was wrong, in words for the person; `None` for a name that is not known.
pub(super) fn explain(error: &str) -> Option<&'static str> {
    ERRORS.iter().find(|(name, _)| *name == error).map(|(_, text)| *text)
}

/// The text without what can surround it.
fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| {
        c.is_whitespace() || is_hidden(c) || matches!(c, '"' | '\'' | '`' | '“' | '”' | '‘' | '’' | '<' | '>' | ',')
    })
}

/// The text without this beginning, in whatever case it is written.
fn without<'a>(text: &'a str, beginning: &str) -> &'a str {
    match text.split_at_checked(beginning.len()) {
        Some((start, rest)) if start.eq_ignore_ascii_case(beginning) => rest,
        _ => text,
    }
}

#[cfg(test)]
#[path = "../../tests/unit/oauth/pasted.rs"]
mod tests;
