//! PostgreSQL's lexical rules (`src/backend/parser/scan.l`, `standard_conforming_strings = on`).
//!
//! In: text without NUL. Out: its tokens, comments and white space left out, or why it cannot be read.
//! Pure; one pass, no recursion, and every byte is looked at a bounded number of times.
//!
//! # What this does not do
//! It gives no word a meaning. A lexical error (`1a`, a lone `$`) gives tokens all the same: PostgreSQL will refuse it.

use super::{
    rule::{Refusal, Rule},
    token::{Kind, Token},
};

/// The longest run of operator characters, comment marks included. At each operator or comment PostgreSQL's scanner reads
/// the whole run ahead and gives most of it back: 20 KB of `/*` or `+` cost it a second, and no time limit reaches it there.
/// It takes a row of asterisks in a comment at once, so a banner counts as one.
const MAX_RUN: usize = 256;
/// The deepest nesting of comments.
const MAX_DEPTH: usize = 64;

/// The tokens of `sql` from byte `at` on.
pub(super) fn tokens(sql: &str, at: usize) -> Result<Vec<Token<'_>>, Refusal> {
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

    fn skip_while(&mut self, accept: fn(u8) -> bool) {
        while self.peek(0).is_some_and(accept) {
            self.advance(1);
        }
    }

    fn unterminated(&self, what: &str, start: usize) -> Refusal {
        Refusal::at(Rule::Unterminated, self.sql, start, what)
    }

    /// White space, `--` comments and nested `/* */` comments.
    fn skip_blank(&mut self) -> Result<(), Refusal> {
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(byte), _) if is_space(byte) => self.advance(1),
                (Some(b'-'), Some(b'-')) => self.skip_while(|byte| !is_newline(byte)),
                (Some(b'/'), Some(b'*')) => self.block_comment()?,
                _ => return Ok(()),
            }
        }
    }

    fn block_comment(&mut self) -> Result<(), Refusal> {
        let start = self.at;
        let mut depth = 0_usize;
        while let Some(byte) = self.peek(0) {
            match (byte, self.peek(1)) {
                (b'/', Some(b'*')) => {
                    depth = depth.saturating_add(1);
                    if depth > MAX_DEPTH {
                        return Err(Refusal::at(
                            Rule::SlowToRead,
                            self.sql,
                            start,
                            "comments nested more than 64 deep",
                        ));
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
                (b'*', _) if self.sql.get(..self.at).is_some_and(|before| before.ends_with('*')) => {
                    self.advance(1);
                    self.run_end = self.at;
                }
                _ if is_operator(byte) => self.operators(1)?,
                _ => self.advance(1),
            }
        }
        Err(self.unterminated("a comment", start))
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
            return Err(Refusal::at(Rule::SlowToRead, self.sql, self.run_start, what));
        }
        Ok(())
    }

    /// Reads the token that starts with `first`, the byte at the cursor.
    fn token(&mut self, first: u8) -> Result<Kind, Refusal> {
        Ok(match (first, self.peek(1), self.peek(2)) {
            (b'\'', ..) => self.literal(1, false)?,
            (b'e' | b'E', Some(b'\''), _) => self.literal(2, true)?,
            (b'b' | b'B' | b'x' | b'X' | b'n' | b'N', Some(b'\''), _) => self.literal(2, false)?,
            (b'u' | b'U', Some(b'&'), Some(b'\'')) => self.literal(3, false)?,
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
            _ if is_name_start(first) => {
                self.skip_while(is_name_part);
                Kind::Word
            }
            // One character at a time: PostgreSQL, too, ends a run of them where a comment starts.
            _ if is_operator(first) => self.operators(1).map(|()| Kind::Other)?,
            _ => self.take(1, Kind::Other),
        })
    }

    /// A string constant with all its continuations. Its content begins `prefix` bytes on.
    fn literal(&mut self, prefix: usize, backslash: bool) -> Result<Kind, Refusal> {
        let start = self.at;
        self.advance(prefix);
        loop {
            if !self.skip_quoted(b'\'', backslash) {
                return Err(self.unterminated("a string literal", start));
            }
            if !self.continues() {
                return Ok(Kind::Literal);
            }
        }
    }

    /// A name in double quotes. Its content begins `prefix` bytes on.
    fn quoted_name(&mut self, prefix: usize, kind: Kind) -> Result<Kind, Refusal> {
        let start = self.at;
        self.advance(prefix);
        if self.skip_quoted(b'"', false) { Ok(kind) } else { Err(self.unterminated("a quoted name", start)) }
    }

    /// Moves past the closing quote. A doubled quote is content, and so is what follows a backslash if `backslash`. False if
    /// the text ends before.
    fn skip_quoted(&mut self, quote: u8, backslash: bool) -> bool {
        while let Some(byte) = self.peek(0) {
            if byte == quote && self.peek(1) != Some(quote) {
                self.advance(1);
                return true;
            }
            self.advance(if byte == quote || (byte == b'\\' && backslash) { 2 } else { 1 });
        }
        false
    }

    /// After a closing quote: white space with a line break in it (`--` comments allowed) and another quote continue
    /// the same literal, under the same escape rules. Moves past that quote if so, and not at all otherwise.
    fn continues(&mut self) -> bool {
        let after_quote = self.at;
        let mut seen_newline = false;
        loop {
            match self.peek(0) {
                Some(byte) if is_space(byte) => {
                    seen_newline |= is_newline(byte);
                    self.advance(1);
                }
                Some(b'-') if self.peek(1) == Some(b'-') => self.skip_while(|byte| !is_newline(byte)),
                Some(b'\'') if seen_newline => {
                    self.advance(1);
                    return true;
                }
                _ => {
                    self.at = after_quote;
                    return false;
                }
            }
        }
    }

    /// `$1`, `$$…$$`, `$tag$…$tag$`, or a lone `$`.
    fn dollar(&mut self) -> Result<Kind, Refusal> {
        let start = self.at;
        self.advance(1);
        if self.peek(0).is_some_and(|byte| byte.is_ascii_digit()) {
            self.skip_while(|byte| byte.is_ascii_digit());
            return Ok(Kind::Parameter);
        }
        if self.peek(0).is_some_and(is_name_start) {
            self.skip_while(|byte| byte != b'$' && is_name_part(byte));
        }
        if self.peek(0) != Some(b'$') {
            // Not a quote: PostgreSQL gives back all but the `$`.
            self.at = start.saturating_add(1);
            return Ok(Kind::Other);
        }
        self.advance(1);
        let (delimiter, rest) = (self.sql.get(start..self.at), self.sql.get(self.at..));
        let (delimiter, rest) = (delimiter.unwrap_or_default(), rest.unwrap_or_default());
        match rest.find(delimiter) {
            Some(length) => Ok(self.take(length.saturating_add(delimiter.len()), Kind::Literal)),
            None => Err(self.unterminated("a dollar-quoted string", start)),
        }
    }

    /// `1`, `1_000`, `0x1F`, `1.5`, `.5`, `1.`, `1e-5`; in `1..2` only the `1`.
    fn number(&mut self) -> Kind {
        let radix = match (self.peek(0), self.peek(1)) {
            (Some(b'0'), Some(b'x' | b'X')) => 16,
            (Some(b'0'), Some(b'o' | b'O')) => 8,
            (Some(b'0'), Some(b'b' | b'B')) => 2,
            _ => 10,
        };
        let first = if self.peek(2) == Some(b'_') { 3 } else { 2 };
        if radix != 10 && self.is_digit(first, radix) {
            self.advance(2);
            self.digits(radix);
            return Kind::Other;
        }
        self.digits(10);
        if self.peek(0) == Some(b'.') && self.peek(1) != Some(b'.') {
            self.advance(1);
            self.digits(10);
        }
        let first = if matches!(self.peek(1), Some(b'+' | b'-')) { 2 } else { 1 };
        if matches!(self.peek(0), Some(b'e' | b'E')) && self.is_digit(first, 10) {
            self.advance(first);
            self.digits(10);
        }
        Kind::Other
    }

    fn is_digit(&self, ahead: usize, radix: u32) -> bool {
        self.peek(ahead).is_some_and(|byte| char::from(byte).is_digit(radix))
    }

    /// Digits with single `_` between them.
    fn digits(&mut self, radix: u32) {
        loop {
            let underscore = usize::from(self.peek(0) == Some(b'_'));
            if !self.is_digit(underscore, radix) {
                return;
            }
            self.advance(underscore.saturating_add(1));
        }
    }
}

/// White space: these six and no others; a no-break space is a letter.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// Both end a `--` comment.
fn is_newline(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn is_operator(byte: u8) -> bool {
    b"~!@#^&|`?+-*/%<>=".contains(&byte)
}

fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn is_name_part(byte: u8) -> bool {
    is_name_start(byte) || byte.is_ascii_digit() || byte == b'$'
}

#[cfg(test)]
#[path = "../../tests/unit/guard/lexer.rs"]
mod tests;
