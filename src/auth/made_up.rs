//! Personal tokens that look as if a person had made them up.
//!
//! A sealed text can be tried against guesses by whoever finds it, expired or not: no limit of this server slows them down. So a
//! token should come from a generator, and the operator is warned of one that seems not to. Only a warning: what is random can
//! look like this by chance, and a word with digits in place of letters gets through.

/// The fewest different characters of a random token.
const DIFFERENT: usize = 8;

/// A kind of character.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Lower,
    Upper,
    Digit,
    Other,
}

impl Kind {
    fn of(c: char) -> Kind {
        match c {
            'a'..='z' => Kind::Lower,
            'A'..='Z' => Kind::Upper,
            '0'..='9' => Kind::Digit,
            _ => Kind::Other,
        }
    }
}

/// Whether a token consists of words, numbers or few characters. In random ones the kind of character changes all the time:
/// in hexadecimal 15 times in 32 characters, in base64 about as often. Measured in tests/unit/auth/made_up.rs.
pub(super) fn looks_made_up(token: &str) -> bool {
    let mut different: Vec<char> = token.chars().collect();
    let length = different.len();
    different.sort_unstable();
    different.dedup();
    let both_cases =
        token.contains(|c: char| c.is_ascii_lowercase()) && token.contains(|c: char| c.is_ascii_uppercase());
    // With both cases there are more changes by chance, and more of them in words put together.
    let share = if both_cases { 5 } else { 10 };
    different.len() < DIFFERENT || changes(token).saturating_mul(share) < length
}

/// How often a word, a number or a row of capitals follows another directly. `Fleet2026x` has two such changes; its capital
/// belongs to the word, and separators between words make none.
fn changes(token: &str) -> usize {
    let mut changes = 0usize;
    let (mut last, mut first_of_row) = (Kind::Other, false);
    for kind in token.chars().map(Kind::of) {
        let capitalised = first_of_row && (last, kind) == (Kind::Upper, Kind::Lower);
        if kind != last && !capitalised && last != Kind::Other && kind != Kind::Other {
            changes = changes.saturating_add(1);
        }
        first_of_row = kind != last;
        last = kind;
    }
    changes
}

#[cfg(test)]
#[path = "../../tests/unit/auth/made_up.rs"]
mod tests;
