//! The guard: decides whether a text may be sent to PostgreSQL at all.
//!
//! In: the analyst's text, hostile, and what is [`Known`] of the database. Out: [`ReadOnlySql`], the only text of an analyst
//! that `db` runs, or a [`Refusal`] that says what to do instead. Pure: no I/O, no clock, no configuration.
//!
//! It looks at tokens and never at characters. No word is looked for in a literal, a comment or a label, and the text is never
//! changed. Only where a function is called that crashes on unsound shapes does it matter what a literal says.
//!
//! # The files, in reading order, and what each guarantees
//! 1. `rule`: every refusal has a stable code, a reason and a way out, in one line without control characters.
//! 2. `pattern`, `token` and `lexer`: a token begins and ends where PostgreSQL's does.
//! 3. This file: the text is one query with balanced parentheses, and nothing in it writes, locks or uses a refused name.
//! 4. `with`: the verb of the main statement after the list of a `WITH` is found.
//! 5. `callable`: the tables of what may be called and read; of extensions and `pg_*` only what a list has.
//! 6. `known`: which of the functions in this database are an extension's, and which of PostgreSQL's own are volatile.
//! 7. `shape`: a text that calls a function which crashes on unsound shapes writes none.
//! 8. `growth`: what PostgreSQL makes of the text, before it reads a row, stays below a limit.
//!
//! # Why no SQL parser
//! PostgreSQL is the parser: the text is prepared as one statement and runs inside a sub-select. The guard has to agree
//! with PostgreSQL only on where tokens begin and end.
//!
//! # What this does not stop
//! Functions of this database that write and that the role may execute; queries that are slow or large; reading what the
//! role may read. The role's privileges are the boundary, see docs/threat-model.md.

mod rule;
mod pattern;
pub(crate) mod token;
pub(crate) mod lexer;
mod with;
mod callable;
mod known;
mod shape;
mod growth;

pub use known::{Known, ROWS};
pub use rule::{Refusal, Rule};

use {
    callable::Notation,
    token::{Kind, Place, Token, places},
    with::With,
};

/// The longest text that is looked at, in bytes.
pub const MAX_SQL_BYTES: usize = 102_400;

/// The key words with which a query begins.
const QUERY: &[&str] = &["select", "with", "values", "table"];
/// The key words of statements that PostgreSQL accepts inside `WITH` and that write.
const WRITING: &[&str] = &["insert", "update", "delete", "merge"];

/// A text that passed every rule: one query with balanced parentheses and every literal and comment closed.
///
/// [`admit`] is the only way to get one.
#[derive(Debug)]
pub struct ReadOnlySql {
    text: String,
    skipped: usize,
}

impl ReadOnlySql {
    /// The analyst's text without byte-order mark and without the semicolons around the statement, so that it can stand
    /// in parentheses. It may end in a `--` comment: put a line break after it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How many characters of the analyst's text stand before [`ReadOnlySql::as_str`].
    pub fn skipped(&self) -> usize {
        self.skipped
    }
}

/// Judges `sql`.
///
/// # Errors
/// The first rule that the text breaks, in the order of the text (length, NUL and open literals come before all others,
/// unsound shapes and growth after them).
pub fn admit(sql: &str, known: &Known) -> Result<ReadOnlySql, Refusal> {
    if sql.len() > MAX_SQL_BYTES {
        let found = format!("it has {} bytes, the limit is {MAX_SQL_BYTES}", sql.len());
        return Err(Refusal::new(Rule::TooLong, &found));
    }
    if let Some(at) = sql.find('\0') {
        return Err(Refusal::at(Rule::Nul, sql, at, ""));
    }
    let mark = if sql.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let tokens = lexer::tokens(sql, mark)?;
    let (start, end) = Guard { sql, known }.statement(&tokens, mark)?;
    shape::check(sql, &tokens)?;
    growth::check(sql, &tokens)?;
    let skipped = sql.get(..start).unwrap_or_default().chars().count();
    Ok(ReadOnlySql { text: sql.get(start..end).unwrap_or_default().to_owned(), skipped })
}

/// The text without an `EXPLAIN` that stands before the query, and without options; `None` where there is no such word. In its place
/// are blanks, so that places in the text stay the same.
pub fn without_explain(sql: &str) -> Option<String> {
    const WORD: &[u8] = b"explain";
    let has_word = sql.as_bytes().windows(WORD.len()).any(|window| window.eq_ignore_ascii_case(WORD));
    // What is longer, or holds NUL, admit refuses without reading it.
    if !has_word || sql.len() > MAX_SQL_BYTES || sql.contains('\0') {
        return None;
    }
    let mark = if sql.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let tokens = lexer::tokens(sql, mark).ok()?;
    let explain = tokens.first().filter(|token| token.is_word("explain"))?;
    let query = tokens.get(1..)?.iter().find(|token| token.kind != Kind::Open)?;
    if !query.is_one_of(QUERY) {
        return None;
    }
    let end = explain.start.saturating_add(explain.text.len());
    Some([sql.get(..explain.start)?, &" ".repeat(explain.text.len()), sql.get(end..)?].concat())
}

/// What a pair of parentheses holds, as far as the guard has to know.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    /// The statement itself, or parentheses around the whole of it.
    Statement,
    /// The body of a common table expression.
    CteBody,
    /// The arguments of `substring` or `overlay`, where `FOR` is not a locking clause.
    ForArgument,
    /// `DISTINCT ON (…)` or `OPERATOR(…)`: an expression follows, which may begin with a call.
    BeforeExpression,
    /// Anything else.
    Other,
}

/// One level of parentheses, while the walk is inside it.
struct Level<'a> {
    inside: Inside,
    open: Token<'a>,
    /// No token has come yet.
    empty: bool,
    with: With,
    /// What the parentheses held that were closed last at this level.
    closed: Inside,
}

impl<'a> Level<'a> {
    fn new(inside: Inside, open: Token<'a>) -> Level<'a> {
        Level { inside, open, empty: true, with: With::None, closed: Inside::Other }
    }
}

struct Guard<'a> {
    sql: &'a str,
    known: &'a Known,
}

impl Guard<'_> {
    fn refuse<T>(&self, rule: Rule, token: Token) -> Result<T, Refusal> {
        Err(Refusal::at_token(rule, self.sql, token))
    }

    fn refuse_as<T>(&self, rule: Rule, token: Token, found: &str) -> Result<T, Refusal> {
        Err(Refusal::at(rule, self.sql, token.start, found))
    }

    /// Walks over the tokens once. Out: the bytes of the statement, semicolons around it left out.
    fn statement(&self, tokens: &[Token], mark: usize) -> Result<(usize, usize), Refusal> {
        let (mut start, mut end) = (mark, None);
        let mut outer: Vec<Level> = Vec::new();
        let mut level = Level::new(Inside::Statement, Token::default());
        // Is this token a label, and so no key word: `AS into`, `t.into`?
        let mut after_as = false;

        for at in places(tokens) {
            let token = at.token;
            let label = after_as || at.before(1).kind == Kind::Dot;
            let labels_next = !label && token.is_word("as");
            match token.kind {
                Kind::Semicolon if !outer.is_empty() => {
                    return self.refuse_as(Rule::MultipleStatements, token, "`;` inside parentheses");
                }
                Kind::Semicolon if level.empty => {
                    start = token.start.saturating_add(1);
                    continue;
                }
                Kind::Semicolon => end = end.or(Some(token.start)),
                _ if end.is_some() => return self.refuse(Rule::MultipleStatements, token),
                Kind::Open => {
                    let inside = opened(&mut level, at);
                    outer.push(std::mem::replace(&mut level, Level::new(inside, token)));
                    after_as = false;
                    continue;
                }
                Kind::Close => {
                    let Some(enclosing) = outer.pop() else {
                        return self.refuse_as(Rule::Parentheses, token, "`)` closes nothing");
                    };
                    if level.inside == Inside::Statement && level.empty {
                        return self.refuse(Rule::NotAQuery, token);
                    }
                    level = Level { closed: level.inside, ..enclosing };
                }
                Kind::UnicodeName => return self.refuse(Rule::UnicodeName, token),
                Kind::Parameter => return self.refuse(Rule::Parameter, token),
                Kind::Word | Kind::Quoted => {
                    // Both may be followed by a list of columns, which is no call: `WITH t(a)`, `(VALUES …) t(a)`.
                    let is_alias = level.with == With::Name || is_alias(&level, at);
                    self.verb(&mut level, token)?;
                    if !label {
                        self.clause(&level, at)?;
                    }
                    self.name(at, after_as || is_alias)?;
                }
                Kind::Literal | Kind::Comma | Kind::Dot | Kind::Other => self.verb(&mut level, token)?,
            }
            level.empty = false;
            after_as = labels_next;
        }
        if !outer.is_empty() {
            return self.refuse_as(Rule::Parentheses, level.open, "`(` is never closed");
        }
        if level.empty {
            return Err(Refusal::new(Rule::Empty, ""));
        }
        Ok((start, end.unwrap_or(self.sql.len())))
    }

    /// Statement verbs, where PostgreSQL would read one: first in the statement, first in the body of a common table
    /// expression, and after the list of a `WITH`.
    fn verb(&self, level: &mut Level, token: Token) -> Result<(), Refusal> {
        let after_with = !level.empty && level.with.step(token);
        if level.empty && level.inside == Inside::Statement && !token.is_one_of(QUERY) {
            return self.refuse_as(Rule::NotAQuery, token, &rule::advice(token));
        }
        let in_body = level.empty && level.inside == Inside::CteBody;
        if (in_body || after_with) && token.is_one_of(WRITING) {
            return self.refuse(Rule::Writes, token);
        }
        if level.empty && token.is_word("with") {
            level.with = With::Name;
        }
        Ok(())
    }

    /// `INTO`, which is reserved and so can be nothing else, and row locks.
    fn clause(&self, level: &Level, at: Place) -> Result<(), Refusal> {
        // `xmlelement(name into)`: after `(name` comes any word at all.
        let names_xml = at.before(1).is_word("name") && at.before(2).kind == Kind::Open;
        if at.token.is_word("into") && !names_xml {
            return self.refuse(Rule::SelectInto, at.token);
        }
        let next = |places: usize, word: &str| at.after(places).is_word(word);
        let locks = next(1, "update")
            || next(1, "share")
            || (next(1, "no") && next(2, "key") && next(3, "update"))
            || (next(1, "key") && next(2, "share"));
        if at.token.is_word("for") && locks && level.inside != Inside::ForArgument {
            return self.refuse(Rule::RowLock, at.token);
        }
        Ok(())
    }

    /// Schemas, functions and relations, whatever their quoting. If the name `is_new`, it is an alias, or a label or type after
    /// `AS`: then only a schema matters, since a type has one, too.
    fn name(&self, at: Place, is_new: bool) -> Result<(), Refusal> {
        let Some(name) = at.token.name() else { return Ok(()) };
        let quoted = || rule::quote(&name);
        if at.after(1).kind == Kind::Dot && callable::is_internal(self.known, &name) {
            return self.refuse_as(Rule::InternalSchema, at.token, &quoted());
        }
        if is_new {
            return Ok(());
        }
        let after_dot = at.before(1).kind == Kind::Dot;
        let schema = if after_dot { at.before(2).name() } else { None };
        if at.after(1).kind == Kind::Open {
            if let Some(does) = callable::function(self.known, schema.as_deref(), &name, Notation::Parentheses) {
                return self.refuse_as(Rule::Function, at.token, &format!("{}, which {does}", quoted()));
            }
            if let Some(plain) = callable::plain(self.known, &name).filter(|plain| !shape::is_plain(at, plain)) {
                let found = format!("argument {} of {}: {}", plain.argument, quoted(), plain.because);
                return self.refuse_as(Rule::PlainNumber, at.token, &found);
            }
        } else if let Some(does) = callable::relation(schema.as_deref(), &name) {
            return self.refuse_as(Rule::Relation, at.token, &format!("{}, which {does}", quoted()));
        } else if after_dot && let Some(does) = callable::function(self.known, None, &name, Notation::Dot) {
            let found = format!("{0} after a dot is a call of that function, which {does}", quoted());
            return self.refuse_as(Rule::Function, at.token, &found);
        }
        Ok(())
    }
}

/// What the parenthesis at this place, which opens in `level`, will hold.
fn opened(level: &mut Level, at: Place) -> Inside {
    // `((SELECT …))`: parentheses around a statement or a body hold a statement or a body.
    let wraps = level.empty && matches!(level.inside, Inside::Statement | Inside::CteBody);
    level.empty = false;
    if level.with.opens_body() {
        Inside::CteBody
    } else if wraps {
        level.inside
    } else if at.before(1).is_one_of(&["substring", "overlay"]) {
        Inside::ForArgument
    } else if at.before(1).is_word("operator") || (at.before(1).is_word("on") && at.before(2).is_word("distinct")) {
        Inside::BeforeExpression
    } else {
        Inside::Other
    }
}

/// Whether a name at this place is an alias. In PostgreSQL's grammar no call follows a closing parenthesis but after
/// [`Inside::BeforeExpression`].
fn is_alias(level: &Level, at: Place) -> bool {
    at.before(1).kind == Kind::Close && level.closed != Inside::BeforeExpression
}
