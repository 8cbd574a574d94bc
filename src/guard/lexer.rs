//! PostgreSQL's lexical rules (`src/backend/parser/scan.l`, `standard_conforming_strings = on`).
//!
//! In: text without NUL. Out: its tokens, comments and white space left out, or why it cannot be read.
//! Pure; one pass, no recursion, and every byte is looked at a bounded number of times. The patterns are those of `scan.l`.
//!
//! # What this does not do
//! It gives no word a meaning. A lexical error (`1a`, a lone `$`) gives tokens all the same: PostgreSQL will refuse it.

use super::{
    pattern::Pattern,
    rule::{Refusal, Rule},
    token::{Kind, Token},
};

/// White space: these six characters and no others, a no-break space is a letter; and `--` comments.
static BLANK: Pattern = Pattern::beginning(&[r"(?:[ \t\n\r\x0b\x0c]|--[^\n\r]*)+"]);
static NAME: Pattern = Pattern::beginning(&[r"[A-Za-z_\x80-\xff][A-Za-z_\x80-\xff0-9$]*"]);
/// What may stand between quotes. A doubled quote is content.
static IN_STRING: Pattern = Pattern::beginning(&[r"(?:[^']|'')*"]);
static IN_ESCAPE_STRING: Pattern = Pattern::beginning(&[r"(?:[^'\\]|''|\\.)*"]);
static IN_NAME: Pattern = Pattern::beginning(&[r#"(?:[^"]|"")*"#]);
/// After a closing quote: white space with a line break in it (`--` comments allowed) and another quote continue the same
/// literal, under the same escape rules. A comment is read to the end of its line.
static CONTINUATION: Pattern =
    Pattern::beginning(&[r"[ \t\x0b\x0c]*(?:--[^\n\r]*)?[\n\r](?:[ \t\n\r\x0b\x0c]|--[^\n\r]*[\n\r])*'"]);
/// `$$` or `$tag$`.
static DOLLAR_QUOTE: Pattern = Pattern::beginning(&[r"\$(?:[A-Za-z_\x80-\xff][A-Za-z_\x80-\xff0-9]*)?\$"]);
static PARAMETER: Pattern = Pattern::beginning(&[r"\$[0-9]+"]);
/// `0x1F`, `1_000`, `1.5`, `.5`, `1.`, `1e-5`.
static NUMBER: Pattern = Pattern::beginning(&[
    "0[xX](?:_?[0-9A-Fa-f])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+",
    r"(?:_?[0-9])*(?:\.(?:_?[0-9])*)?(?:[eE][-+]?[0-9](?:_?[0-9])*)?",
]);

/// The longest run of operator characters, comment marks included. At each operator or comment PostgreSQL's scanner reads
/// the whole run ahead and gives most of it back: 20 KB of `/*` or `+` cost it a second, and no time limit reaches it there.
/// It takes a row of asterisks in a comment at once, so a banner counts as one.
const MAX_RUN: usize = 256;
/// The deepest nesting of comments.
const MAX_DEPTH: usize = 64;

/// The tokens of `sql` from byte `at` on.
pub(crate) fn tokens(sql: &str, at: usize) -> Result<Vec<Token<'_>>, Refusal> {
    let mut lexer = Lexer { sql, at, run_start: at, run_end: at, run_length: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blank()?;
        let start = lexer.at;
        let Some(first) = lexer.peek(0) else { return Ok(tokens) };
        let kind = lexer.token(first)?;
        tokens.push(Token { kind, start, text: sql.get(start..lexer.at).unwrap_or_default() });
    }
}

struct Lexer<'a> {
    sql: &'a str,
    at: usize,
    /// The last run of operator characters: its bytes, and for how many it counts.
    run_start: usize,
    run_end: usize,
    run_length: usize,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.sql.as_bytes().get(self.at.saturating_add(ahead)).copied()
    }

    fn advance(&mut self, by: usize) {
        self.at = self.at.saturating_add(by);
    }

    fn take(&mut self, bytes: usize, kind: Kind) -> Kind {
        self.advance(bytes);
        kind
    }

    /// Moves past what the pattern matches. False if it does not match.
    fn skip(&mut self, pattern: &Pattern) -> bool {
        let length = self.sql.as_bytes().get(self.at..).and_then(|rest| pattern.length(rest));
        self.advance(length.unwrap_or_default());
        length.is_some()
    }

    fn refusal(&self, rule: Rule, start: usize, what: &str) -> Refusal {
        Refusal::at(rule, self.sql, start, what)
    }

    fn skip_blank(&mut self) -> Result<(), Refusal> {
        loop {
            self.skip(&BLANK);
            if (self.peek(0), self.peek(1)) != (Some(b'/'), Some(b'*')) {
                return Ok(());
            }
            self.block_comment()?;
        }
    }

    /// `/* … */`, which may hold others.
    fn block_comment(&mut self) -> Result<(), Refusal> {
        let start = self.at;
        let mut depth = 0_usize;
        while let Some(byte) = self.peek(0) {
            match (byte, self.peek(1)) {
                (b'/', Some(b'*')) => {
                    depth = depth.saturating_add(1);
                    if depth > MAX_DEPTH {
                        return Err(self.refusal(Rule::SlowToRead, start, "comments nested more than 64 deep"));
                    }
                    self.operators(2)?;
                }
                (b'*', Some(b'/')) => {
                    depth = depth.saturating_sub(1);
                    self.operators(2)?;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                // A banner: the run goes on, and counts no more.
                (b'*', _) if self.sql.get(..self.at).is_some_and(|read| read.ends_with('*')) => {
                    self.advance(1);
                    self.run_end = self.at;
                }
                _ if is_operator(byte) => self.operators(1)?,
                _ => self.advance(1),
            }
        }
        Err(self.refusal(Rule::Unterminated, start, "a comment"))
    }

    /// Takes `bytes` operator characters.
    fn operators(&mut self, bytes: usize) -> Result<(), Refusal> {
        if self.run_end != self.at {
            (self.run_start, self.run_length) = (self.at, 0);
        }
        self.advance(bytes);
        self.run_end = self.at;
        self.run_length = self.run_length.saturating_add(bytes);
        if self.run_length > MAX_RUN {
            let what = "more than 256 operator characters in a row";
            return Err(self.refusal(Rule::SlowToRead, self.run_start, what));
        }
        Ok(())
    }

    /// Reads the token that starts with `first`, the byte at the cursor.
    fn token(&mut self, first: u8) -> Result<Kind, Refusal> {
        Ok(match (first, self.peek(1), self.peek(2)) {
            (b'\'', ..) => self.literal(1, &IN_STRING)?,
            (b'e' | b'E', Some(b'\''), _) => self.literal(2, &IN_ESCAPE_STRING)?,
            (b'b' | b'B' | b'x' | b'X' | b'n' | b'N', Some(b'\''), _) => self.literal(2, &IN_STRING)?,
            (b'u' | b'U', Some(b'&'), Some(b'\'')) => self.literal(3, &IN_STRING)?,
            (b'u' | b'U', Some(b'&'), Some(b'"')) => self.quoted_name(3, Kind::UnicodeName)?,
            (b'"', ..) => self.quoted_name(1, Kind::Quoted)?,
            (b'$', ..) => self.dollar()?,
            (b'0'..=b'9', ..) | (b'.', Some(b'0'..=b'9'), _) => self.number(),
            // `..` is one token (only PL/pgSQL has a use for it), so neither half is the dot of a qualified name.
            (b'.', Some(b'.'), _) => self.take(2, Kind::Other),
            (b'.', ..) => self.take(1, Kind::Dot),
            (b'(', ..) => self.take(1, Kind::Open),
            (b')', ..) => self.take(1, Kind::Close),
            (b',', ..) => self.take(1, Kind::Comma),
            (b';', ..) => self.take(1, Kind::Semicolon),
            _ if is_operator(first) => {
                // One character at a time: PostgreSQL, too, ends a run of them where a comment starts.
                self.operators(1)?;
                Kind::Other
            }
            _ if self.skip(&NAME) => Kind::Word,
            _ => self.take(1, Kind::Other),
        })
    }

    /// A string constant with all its continuations. Its content begins `prefix` bytes on.
    fn literal(&mut self, prefix: usize, content: &Pattern) -> Result<Kind, Refusal> {
        let start = self.at;
        self.advance(prefix);
        loop {
            self.skip(content);
            if self.peek(0) != Some(b'\'') {
                return Err(self.refusal(Rule::Unterminated, start, "a string literal"));
            }
            self.advance(1);
            if !self.skip(&CONTINUATION) {
                return Ok(Kind::Literal);
            }
        }
    }

    /// A name in double quotes. Its content begins `prefix` bytes on.
    fn quoted_name(&mut self, prefix: usize, kind: Kind) -> Result<Kind, Refusal> {
        let start = self.at;
        self.advance(prefix);
        self.skip(&IN_NAME);
        if self.peek(0) != Some(b'"') {
            return Err(self.refusal(Rule::Unterminated, start, "a quoted name"));
        }
        Ok(self.take(1, kind))
    }

    /// `$1`, `$$…$$`, `$tag$…$tag$`, or a lone `$`.
    fn dollar(&mut self) -> Result<Kind, Refusal> {
        let start = self.at;
        if self.skip(&PARAMETER) {
            return Ok(Kind::Parameter);
        }
        if !self.skip(&DOLLAR_QUOTE) {
            return Ok(self.take(1, Kind::Other));
        }
        let quote = self.sql.get(start..self.at).unwrap_or_default();
        match self.sql.get(self.at..).and_then(|rest| rest.find(quote)) {
            Some(length) => Ok(self.take(length.saturating_add(quote.len()), Kind::Literal)),
            None => Err(self.refusal(Rule::Unterminated, start, "a dollar-quoted string")),
        }
    }

    fn number(&mut self) -> Kind {
        self.skip(&NUMBER);
        // In `1..2` the number is only the `1`.
        let dots = self.peek(0) == Some(b'.') && self.sql.get(..self.at).is_some_and(|read| read.ends_with('.'));
        self.at = self.at.saturating_sub(usize::from(dots));
        Kind::Other
    }
}

fn is_operator(byte: u8) -> bool {
    b"~!@#^&|`?+-*/%<>=".contains(&byte)
}

#[cfg(test)]
#[path = "../../tests/unit/guard/lexer.rs"]
mod tests;
