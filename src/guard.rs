//! The guard: decides whether a text may be sent to PostgreSQL at all.
//!
//! In: the analyst's text, hostile, and what is [`Known`] of the database. Out: [`ReadOnlySql`], the only thing `db` runs, or
//! a [`Refusal`] that says what to do instead. Pure: no I/O, no clock, no configuration.
//!
//! It looks at tokens and never at characters: is it one statement, does it begin as a query, do its parentheses close what
//! they open, is there a statement verb where PostgreSQL would read one, is every function that it calls one that may be
//! called ([`callable`], the page to read first), is a refused relation or schema named, and how much would PostgreSQL's
//! analysis make of it ([`growth`]). What stands in a literal, a comment or an alias is not looked at, and the text is never
//! changed.
//!
//! # Why no SQL parser
//! PostgreSQL is the parser: the text is prepared as one statement and runs inside a sub-select. The guard has to agree
//! with PostgreSQL only on where tokens begin and end.
//!
//! # What this does not stop
//! Functions of this database that write and that the role may execute; queries that are slow or large; reading what the
//! role may read. The role's privileges are the boundary, see docs/threat-model.md.

mod callable;
mod growth;
mod known;
mod lexer;
mod rule;
mod shape;
mod with;

pub use known::{Known, ROWS};
pub use rule::{Refusal, Rule};

use {
    callable::Notation,
    lexer::{Fault, Kind, Token, tokens},
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
/// The first rule that the text breaks, in the order of the text (length, NUL and open literals come before all others, and
/// its growth after them).
pub fn admit(sql: &str, known: &Known) -> Result<ReadOnlySql, Refusal> {
    if sql.len() > MAX_SQL_BYTES {
        return Err(Refusal::new(Rule::TooLong, format!("it has {} bytes, the limit is {MAX_SQL_BYTES}", sql.len())));
    }
    if let Some(at) = sql.find('\0') {
        return Err(Refusal::at(Rule::Nul, sql, at, String::new()));
    }
    let body = sql.strip_prefix('\u{feff}').unwrap_or(sql);
    let mark = sql.len().saturating_sub(body.len());
    let tokens = tokens(body).map_err(|fault| match fault {
        Fault::Unterminated { what, start } => {
            Refusal::at(Rule::Unterminated, sql, mark.saturating_add(start), format!("a {what}"))
        }
        Fault::SlowToRead { what, start } => {
            Refusal::at(Rule::SlowToRead, sql, mark.saturating_add(start), what.to_owned())
        }
    })?;
    let judge = Judge { sql: body, tokens: &tokens, known };
    let sound = |bytes| judge.shapes().map(|()| bytes);
    let measured = |bytes| match growth::measure(body, &tokens) {
        Ok(()) => Ok(bytes),
        Err(too_much) => Err(Finding::new(Rule::TooComplex, too_much.token, too_much.what.to_owned())),
    };
    match judge.statement().and_then(sound).and_then(measured) {
        Ok((start, end)) => {
            let skipped = sql.get(..mark.saturating_add(start)).unwrap_or_default().chars().count();
            Ok(ReadOnlySql { text: body.get(start..end).unwrap_or_default().to_owned(), skipped })
        }
        Err(Finding { rule, token: None, detail }) => Err(Refusal::new(rule, detail)),
        Err(Finding { rule, token: Some(token), detail }) => {
            let detail = if detail.is_empty() { rule::quote(token.text(body)) } else { detail };
            Err(Refusal::at(rule, sql, mark.saturating_add(token.start), detail))
        }
    }
}

/// A broken rule, the token that breaks it, and what to say about it (the token itself, if empty).
struct Finding {
    rule: Rule,
    token: Option<Token>,
    detail: String,
}

impl Finding {
    fn new(rule: Rule, token: Token, detail: String) -> Finding {
        Finding { rule, token: Some(token), detail }
    }
}

/// What a pair of parentheses holds, as far as the guard has to know.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The statement itself, or parentheses around the whole of it.
    Statement,
    /// The body of a common table expression.
    CteBody,
    /// The arguments of `substring` or `overlay`, where `FOR` is not a locking clause.
    ForArgument,
    /// `DISTINCT ON (…)` or `OPERATOR(…)`: an expression follows, which may begin with a call.
    BeforeExpression,
    /// Anything else.
    Inner,
}

/// One level of parentheses, while the walk is inside it.
struct Level {
    role: Role,
    open: Option<Token>,
    empty: bool,
    with: With,
    /// What the parentheses held that were closed last at this level.
    closed: Option<Role>,
}

impl Level {
    fn new(role: Role, open: Option<Token>) -> Level {
        Level { role, open, empty: true, with: With::None, closed: None }
    }
}

struct Judge<'a> {
    sql: &'a str,
    tokens: &'a [Token],
    known: &'a Known,
}

impl Judge<'_> {
    /// Walks over the tokens once. Out: the bytes of the statement, semicolons around it left out.
    fn statement(&self) -> Result<(usize, usize), Finding> {
        let mut tokens = self.tokens.iter().copied().enumerate();
        let mut start = 0;
        let mut outer: Vec<Level> = Vec::new();
        let mut level = Level::new(Role::Statement, None);
        // Is this token a label, and so no key word: `AS into`, `t.into`?
        let mut after_as = false;

        while let Some((index, token)) = tokens.next() {
            let previous = self.before(index);
            let label = after_as || previous.is_some_and(|previous| previous.kind == Kind::Dot);
            let labels_next = !label && token.is_word(self.sql, "as");
            match token.kind {
                Kind::Semicolon if !outer.is_empty() => {
                    return Err(Finding::new(Rule::MultipleStatements, token, "`;` inside parentheses".to_owned()));
                }
                Kind::Semicolon if level.empty => {
                    start = token.end;
                    continue;
                }
                Kind::Semicolon => {
                    return match tokens.find(|(_, rest)| rest.kind != Kind::Semicolon) {
                        Some((_, rest)) => Err(Finding::new(Rule::MultipleStatements, rest, String::new())),
                        None => Ok((start, token.start)),
                    };
                }
                Kind::Open => {
                    let role = self.role_of(&mut level, index);
                    outer.push(std::mem::replace(&mut level, Level::new(role, Some(token))));
                    after_as = false;
                    continue;
                }
                Kind::Close => {
                    let Some(enclosing) = outer.pop() else {
                        return Err(Finding::new(Rule::Parentheses, token, "`)` closes nothing".to_owned()));
                    };
                    if level.role == Role::Statement && level.empty {
                        return Err(Finding::new(Rule::NotAQuery, token, String::new()));
                    }
                    level = Level { closed: Some(level.role), ..enclosing };
                    level.with.body_closed();
                }
                Kind::UnicodeName => return Err(Finding::new(Rule::UnicodeName, token, String::new())),
                Kind::Parameter => return Err(Finding::new(Rule::Parameter, token, String::new())),
                Kind::Word | Kind::Quoted => {
                    let lists_columns = level.with == With::Name || self.is_alias(&level, previous);
                    self.verb(&mut level, token)?;
                    if !label {
                        self.clause(&level, index, token)?;
                    }
                    self.schema(index, token)?;
                    if !after_as && !lists_columns {
                        self.name(index, token)?;
                    }
                }
                Kind::Literal | Kind::Comma | Kind::Dot | Kind::Other => self.verb(&mut level, token)?,
            }
            level.empty = false;
            after_as = labels_next;
        }
        if !outer.is_empty() {
            return Err(Finding {
                rule: Rule::Parentheses,
                token: level.open,
                detail: "`(` is never closed".to_owned(),
            });
        }
        if level.empty {
            return Err(Finding { rule: Rule::Empty, token: None, detail: String::new() });
        }
        Ok((start, self.sql.len()))
    }

    fn before(&self, index: usize) -> Option<Token> {
        index.checked_sub(1).and_then(|index| self.tokens.get(index)).copied()
    }

    fn after(&self, index: usize) -> Option<Token> {
        index.checked_add(1).and_then(|index| self.tokens.get(index)).copied()
    }

    /// What the parenthesis at this place, which opens in `level`, will hold.
    fn role_of(&self, level: &mut Level, index: usize) -> Role {
        // `((SELECT …))`: parentheses around a statement or a body hold a statement or a body.
        let wraps = level.empty && matches!(level.role, Role::Statement | Role::CteBody);
        level.empty = false;
        let before = |back: usize, words: &[&str]| {
            let token = index.checked_sub(back).and_then(|index| self.tokens.get(index));
            token.is_some_and(|token| token.is_one_of(self.sql, words))
        };
        if level.with.opens_body() {
            Role::CteBody
        } else if wraps {
            level.role
        } else if before(1, &["substring", "overlay"]) {
            Role::ForArgument
        } else if before(1, &["operator"]) || (before(1, &["on"]) && before(2, &["distinct"])) {
            Role::BeforeExpression
        } else {
            Role::Inner
        }
    }

    /// Whether a name at this place is an alias, which may be followed by a list of columns: `(VALUES …) t(a, b)`. In
    /// PostgreSQL's grammar no call follows a closing parenthesis but after [`Role::BeforeExpression`].
    fn is_alias(&self, level: &Level, previous: Option<Token>) -> bool {
        previous.is_some_and(|previous| previous.kind == Kind::Close) && level.closed != Some(Role::BeforeExpression)
    }

    /// Statement verbs, where PostgreSQL would read one: first in the statement, first in the body of a common table
    /// expression, and after the list of a `WITH`.
    fn verb(&self, level: &mut Level, token: Token) -> Result<(), Finding> {
        if level.empty {
            if level.role == Role::Statement && !token.is_one_of(self.sql, QUERY) {
                return Err(Finding::new(Rule::NotAQuery, token, rule::advice(token.text(self.sql))));
            }
            if level.role == Role::CteBody && token.is_one_of(self.sql, WRITING) {
                return Err(Finding::new(Rule::Writes, token, String::new()));
            }
            if token.is_word(self.sql, "with") {
                level.with = With::Name;
            }
        } else if level.with.step(self.sql, token) && token.is_one_of(self.sql, WRITING) {
            return Err(Finding::new(Rule::Writes, token, String::new()));
        }
        Ok(())
    }

    /// `INTO`, which is reserved and so can be nothing else, and row locks.
    fn clause(&self, level: &Level, index: usize, token: Token) -> Result<(), Finding> {
        if token.is_word(self.sql, "into") && !self.names_xml(index) {
            return Err(Finding::new(Rule::SelectInto, token, String::new()));
        }
        if token.is_word(self.sql, "for") && level.role != Role::ForArgument {
            let word = |ahead: usize, words: &[&str]| {
                self.tokens.get(index.saturating_add(ahead)).is_some_and(|token| token.is_one_of(self.sql, words))
            };
            if word(1, &["update", "share"])
                || (word(1, &["no"]) && word(2, &["key"]) && word(3, &["update"]))
                || (word(1, &["key"]) && word(2, &["share"]))
            {
                return Err(Finding::new(Rule::RowLock, token, String::new()));
            }
        }
        Ok(())
    }

    /// `xmlelement(name into)`: after `(name` comes any word at all.
    fn names_xml(&self, index: usize) -> bool {
        let Some(name) = index.checked_sub(1) else { return false };
        self.before(index).is_some_and(|token| token.is_word(self.sql, "name"))
            && self.before(name).is_some_and(|token| token.kind == Kind::Open)
    }

    /// Schemas in which nothing may be named: not even a type, so also after `AS`.
    fn schema(&self, index: usize, token: Token) -> Result<(), Finding> {
        let qualifies = self.after(index).is_some_and(|token| token.kind == Kind::Dot);
        if let Some(name) = token.name(self.sql).filter(|_| qualifies)
            && callable::is_internal(self.known, &name)
        {
            return Err(Finding::new(Rule::InternalSchema, token, rule::quote(&name)));
        }
        Ok(())
    }

    /// Functions and relations, whatever their quoting and schema. After `AS` stands a label or a type, so those are not
    /// looked at.
    fn name(&self, index: usize, token: Token) -> Result<(), Finding> {
        let dotted = self.before(index).is_some_and(|token| token.kind == Kind::Dot);
        let called = self.after(index).is_some_and(|token| token.kind == Kind::Open);
        let may_be_catalog =
            token.text(self.sql).trim_start_matches('"').get(..3).is_some_and(|p| p.eq_ignore_ascii_case("pg_"));
        if !dotted && !called && !may_be_catalog {
            return Ok(());
        }
        let Some(name) = token.name(self.sql) else { return Ok(()) };
        let schema = if dotted { index.checked_sub(2).and_then(|index| self.tokens.get(index)) } else { None };
        let schema = schema.and_then(|schema| schema.name(self.sql));
        let refused =
            |rule, does: &str| Err(Finding::new(rule, token, format!("{}, which {does}", rule::quote(&name))));
        if called {
            return match callable::function(self.known, schema.as_deref(), &name, Notation::Parentheses) {
                Some(does) => refused(Rule::Function, does),
                None => self.arguments(index, token, &name),
            };
        }
        if let Some(does) = callable::relation(schema.as_deref(), &name) {
            return refused(Rule::Relation, does);
        }
        if dotted && let Some(does) = callable::function(self.known, None, &name, Notation::Dot) {
            let detail = format!("{} after a dot is a call of that function, which {does}", rule::quote(&name));
            return Err(Finding::new(Rule::Function, token, detail));
        }
        Ok(())
    }

    /// Where a function is called that crashes on unsound shapes: every literal and number of the text is sound.
    fn shapes(&self) -> Result<(), Finding> {
        let fragile = |(index, token): (usize, &Token)| {
            let called = self.after(index).is_some_and(|after| after.kind == Kind::Open);
            called && token.name(self.sql).is_some_and(|name| callable::is_fragile(&name))
        };
        if !self.tokens.iter().enumerate().any(fragile) {
            return Ok(());
        }
        let unsound = |token: &&Token| match token.kind {
            Kind::Literal => !shape::literal(token.text(self.sql)),
            Kind::Other => !shape::number(token.text(self.sql)),
            _ => false,
        };
        match self.tokens.iter().find(unsound) {
            Some(token) => Err(Finding::new(Rule::UnsoundShape, *token, String::new())),
            None => Ok(()),
        }
    }

    /// The argument of a function for which it must be a plain number: `f(…, 50)`, `f(…, -0.5, …)`.
    fn arguments(&self, index: usize, token: Token, name: &str) -> Result<(), Finding> {
        let applies = |plain: &&callable::Plain| {
            plain.name == name && (!plain.fragile_only || self.known.fragile_geos().is_some())
        };
        let Some(plain) = callable::PLAIN.iter().find(applies) else { return Ok(()) };
        let list = self.tokens.get(index.saturating_add(1)..).unwrap_or_default();
        if shape::is_plain(self.sql, list, plain) {
            return Ok(());
        }
        let detail = format!("argument {} of {}: {}", plain.argument, rule::quote(name), plain.because);
        Err(Finding::new(Rule::PlainNumber, token, detail))
    }
}
