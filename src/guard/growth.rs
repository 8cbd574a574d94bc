//! How much PostgreSQL's analysis and planning make of a text.
//!
//! In: the tokens of a text. Out: two counts, or the rule's refusal. Pure; one pass, no recursion.
//!
//! A text of a few hundred bytes can keep PostgreSQL busy for minutes and cost it gigabytes, before a row is read and
//! mostly before a time limit applies. There are two ways:
//! - **Copies.** PostgreSQL copies the left operand of `BETWEEN` and of `IN` with a list, the record before `.*`, and the
//!   body of a `NOT MATERIALIZED` query for each of its uses. Nested, these multiply. Counted: how many elements (tokens)
//!   are copies of others.
//! - **Joins.** Planning grows with the cube of the tables that are joined at one level, more where they are joined by the
//!   same columns. Counted: the sum of these cubes.
//!
//! # How the limits were chosen
//! On PostgreSQL 15 a text at the limit of one count took one to four seconds and 40 to 500 MB. The most that the honest
//! texts of the tests have is a tenth of each limit or less.
//!
//! # What this does not stop
//! Work that grows with the data: that is for the time limit. Functions, views and partitions that multiply what a short
//! text says: those are the database owner's.

use std::collections::HashMap;

use super::lexer::{Kind, Token};

/// The most copied elements.
const MAX_COPIES: u64 = 20_000;
/// The most joins, where all are at one level: what 24 of them cost is the limit for the sum.
const MAX_JOINS: u64 = 24;
/// A `NATURAL JOIN` counts as so many joins: it compares all columns of the same name.
const NATURAL: u64 = 4;
/// So many comparisons of columns beyond one for each join count as one join more.
const COMPARISONS: u64 = 8;
/// As how many columns `*` counts, where there is no telling.
const STAR: u64 = 64;

/// Where PostgreSQL begins another operand, at any rate. A word that is missing here makes an operand seem longer.
const BOUNDARIES: &str =
    "and or where on when then else case select having by from limit offset union intersect except values filter using";
/// What keeps a sub-select from being joined into the query around it.
const BARRIERS: &str = "group distinct limit offset fetch having over window";
/// What ends the list of a `FROM`.
const AFTER_FROM: &str = "where group having order limit offset fetch window for select";
const SET_OPERATIONS: &str = "union intersect except";

/// What is too much, and where it was too much first.
pub(super) struct TooMuch {
    pub(super) token: Token,
    pub(super) what: &'static str,
}

/// Why a parenthesis is there.
#[derive(Default)]
enum Opened {
    /// The list of an `IN`, with the length of the operand before it.
    In(u64),
    /// The dimensions of a `CUBE`.
    Cube,
    /// The body of a common table expression of this name that is `NOT MATERIALIZED`.
    Body(String),
    /// Columns of a `USING`.
    Using,
    #[default]
    Other,
}

/// One level of parentheses.
#[derive(Default)]
struct Level {
    opened: Opened,
    /// The token before its parenthesis.
    before: Option<Token>,
    /// Elements so far, copies included; and of these the ones of the operand that is being read.
    length: u64,
    operand: u64,
    commas: u64,
    /// Elements of the list that are no constants (PostgreSQL compares with the constants all at once), and whether the one
    /// that is being read is among them.
    computed: u64,
    is_computed: bool,
    /// It begins as a query, so it is no list.
    query: bool,
    /// After `SYMMETRIC`: what follows is copied, too.
    symmetric: bool,
    in_from: bool,
    barrier: bool,
    joins: u64,
    comparisons: u64,
    /// The level that was closed last in this one: its length, its most columns, and the token before it.
    closed: (u64, u64, Option<Token>),
    /// The most columns of a row in it.
    widest: u64,
}

impl Level {
    fn add(&mut self, elements: u64) {
        self.length = self.length.saturating_add(elements);
        self.operand = self.operand.saturating_add(elements);
    }

    fn compute(&mut self) {
        self.computed = self.computed.saturating_add(u64::from(!self.is_computed));
        self.is_computed = true;
    }

    /// What planning the joins of this level costs, in cubes of [`COMPARISONS`]ths of a join.
    fn planning(&self) -> u64 {
        if self.joins == 0 {
            return 0;
        }
        let more = self.comparisons.saturating_sub(self.joins);
        self.joins.saturating_mul(COMPARISONS).saturating_add(more).saturating_pow(3)
    }
}

struct Measure<'a> {
    sql: &'a str,
    tokens: &'a [Token],
    copies: u64,
    planning: u64,
    bodies: HashMap<String, u64>,
}

/// Measures a text.
pub(super) fn measure(sql: &str, tokens: &[Token]) -> Result<(), TooMuch> {
    let mut measure = Measure { sql, tokens, copies: 0, planning: 0, bodies: HashMap::new() };
    let mut outer: Vec<Level> = Vec::new();
    let mut level = Level::default();
    for (index, token) in tokens.iter().copied().enumerate() {
        match token.kind {
            Kind::Open => {
                let opened = measure.opened(&level, index);
                let before = measure.at(index, 1);
                outer.push(std::mem::replace(&mut level, Level { opened, before, ..Level::default() }));
            }
            Kind::Close => {
                let Some(around) = outer.pop() else { return Ok(()) }; // not balanced: another rule's business
                let inner = std::mem::replace(&mut level, around);
                measure.close(inner, &mut level);
            }
            _ => measure.step(&mut level, index, token),
        }
        if measure.copies > MAX_COPIES {
            let what = "PostgreSQL would copy parts of it more than 20000 times";
            return Err(TooMuch { token, what });
        }
        if measure.planning.max(level.planning()) > MAX_JOINS.saturating_mul(COMPARISONS).saturating_pow(3) {
            let what =
                "it joins more tables, or by more columns, than can be planned in reasonable time (24 at one level)";
            return Err(TooMuch { token, what });
        }
    }
    Ok(())
}

impl Measure<'_> {
    /// The token so many places before this one.
    fn at(&self, index: usize, back: usize) -> Option<Token> {
        index.checked_sub(back).and_then(|index| self.tokens.get(index)).copied()
    }

    /// Are these the words before this place, the last one first?
    fn words_before(&self, index: usize, words: &[&str]) -> bool {
        (1..).zip(words).all(|(back, word)| self.at(index, back).is_some_and(|token| token.is_word(self.sql, word)))
    }

    fn copy(&mut self, elements: u64, times: u64, level: &mut Level) {
        let copies = elements.saturating_mul(times);
        self.copies = self.copies.saturating_add(copies);
        level.add(copies);
    }

    /// Why the parenthesis at this place opens.
    fn opened(&self, level: &Level, index: usize) -> Opened {
        let before = |word: &str| self.words_before(index, &[word]);
        if before("in") {
            return Opened::In(level.operand);
        }
        if before("cube") {
            return Opened::Cube;
        }
        if before("using") {
            return Opened::Using;
        }
        if self.words_before(index, &["materialized", "not", "as"]) {
            // `name AS NOT MATERIALIZED (`, or `name (columns) AS NOT MATERIALIZED (`.
            let named = self.at(index, 4).filter(|token| token.kind != Kind::Close).or(level.closed.2);
            let name = named.and_then(|token| token.name(self.sql)).map(|name| name.into_owned());
            return name.map_or(Opened::Other, Opened::Body);
        }
        Opened::Other
    }

    /// Adds a level that has ended to the one around it.
    fn close(&mut self, mut inner: Level, level: &mut Level) {
        let columns = inner.commas.saturating_add(1);
        match &inner.opened {
            Opened::In(operand) if !inner.query => self.copy(*operand, inner.computed.saturating_sub(1), level),
            Opened::Cube => self.copy(1 << columns.min(20), 1, level),
            Opened::Body(name) => drop(self.bodies.insert(name.clone(), inner.length)),
            Opened::Using => level.comparisons = level.comparisons.saturating_add(columns),
            Opened::In(_) | Opened::Other => {}
        }
        if level.symmetric {
            self.copy(inner.length, 1, level);
        }
        if inner.barrier {
            self.planning = self.planning.saturating_add(inner.planning());
            (inner.joins, inner.comparisons) = (0, 0);
        }
        level.joins = level.joins.saturating_add(inner.joins);
        level.comparisons = level.comparisons.saturating_add(inner.comparisons);
        level.widest = level.widest.max(inner.widest).max(columns);
        level.compute();
        level.closed = (inner.length, inner.widest.max(columns), inner.before);
        level.add(inner.length);
    }

    /// Any token but a parenthesis.
    fn step(&mut self, level: &mut Level, index: usize, token: Token) {
        let word = |word: &str| token.is_word(self.sql, word);
        let one_of = |words: &str| words.split(' ').any(|word| token.is_word(self.sql, word));
        if level.length == 0 {
            level.query = one_of("select with values table");
        }
        level.add(1);
        match token.kind {
            Kind::Comma => {
                level.commas = level.commas.saturating_add(1);
                level.is_computed = false;
                level.joins = level.joins.saturating_add(u64::from(level.in_from));
                (level.operand, level.symmetric) = (0, false);
            }
            Kind::Word if word("between") => {
                let symmetric =
                    self.tokens.get(index.saturating_add(1)).is_some_and(|next| next.is_word(self.sql, "symmetric"));
                level.symmetric |= symmetric;
                self.copy(level.operand, if symmetric { 3 } else { 1 }, level);
            }
            Kind::Word if word("join") => {
                let natural =
                    (1..=3).any(|back| self.at(index, back).is_some_and(|token| token.is_word(self.sql, "natural")));
                level.joins = level.joins.saturating_add(if natural { NATURAL } else { 1 });
            }
            Kind::Word if word("from") => {
                let compares =
                    self.words_before(index, &["distinct", "is"]) || self.words_before(index, &["distinct", "not"]);
                level.in_from |= !compares;
                level.operand = 0;
            }
            Kind::Word if one_of(SET_OPERATIONS) => {
                self.planning = self.planning.saturating_add(level.planning());
                (level.joins, level.comparisons, level.in_from, level.operand) = (0, 0, false, 0);
                level.barrier = true;
            }
            Kind::Word | Kind::Quoted => {
                level.compute();
                level.in_from &= !one_of(AFTER_FROM);
                level.barrier |= one_of(BARRIERS);
                if one_of(BOUNDARIES) {
                    level.operand = 0;
                    level.symmetric &= word("and");
                }
                let body = token.name(self.sql).and_then(|name| self.bodies.get(name.as_ref()).copied());
                self.copy(body.unwrap_or_default(), 1, level);
            }
            Kind::Other if token.text(self.sql) == "*" => self.star(level, index),
            Kind::Other if token.text(self.sql) == "=" => {
                let compared = self.tokens.get(index.saturating_add(1)).map(|next| next.kind);
                let columns = matches!(compared, Some(Kind::Word | Kind::Quoted | Kind::Open));
                level.comparisons = level.comparisons.saturating_add(u64::from(columns));
            }
            _ => {}
        }
    }

    /// `*`: all columns, or a multiplication.
    fn star(&mut self, level: &mut Level, index: usize) {
        let Some(before) = self.at(index, 1) else { return };
        match before.kind {
            // `(record).*`: the record once for each of its columns.
            Kind::Dot if self.at(index, 2).is_some_and(|token| token.kind == Kind::Close) => {
                let (length, columns, _) = level.closed;
                self.copy(length, columns.max(STAR), level);
            }
            Kind::Dot | Kind::Comma => self.copy(1, STAR, level),
            Kind::Word if before.is_one_of(self.sql, &["select", "distinct", "all"]) => self.copy(1, STAR, level),
            _ => {}
        }
    }
}
