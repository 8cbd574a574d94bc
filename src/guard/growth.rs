//! How much PostgreSQL's analysis and planning make of a text.
//!
//! In: the tokens of a text. Out: whether it grows too much, and where. Pure; one pass, no recursion.
//!
//! A text of a few hundred bytes can keep PostgreSQL busy for minutes and cost it gigabytes, before a row is read:
//! - **Copies.** PostgreSQL copies the left operand of `BETWEEN` and of `IN` with a list, the record before `.*`, and the
//!   body of a `NOT MATERIALIZED` query for each of its uses. Nested, these multiply. Counted: how many elements (tokens)
//!   are copies of others.
//! - **Columns.** A sub-select that neither groups nor limits is merged into the query around it, and with it each of its
//!   columns is copied to every place that uses it. Counted: how long the longest expression can become, if every name in it
//!   stands for the longest column below or, in a `LATERAL` one, beside it.
//! - **Joins.** Planning grows with the cube of the tables that are joined at one level, more where they are joined by the
//!   same columns. Counted: the sum of these cubes.
//!
//! # How the limits were chosen
//! By what they cost: on PostgreSQL 15 a text at the limit of one count took 0.1 to 4 s and 40 to 500 MB. The honest texts of
//! the tests stay below a tenth of each limit, but for a few that were made to be large.
//!
//! # What this does not stop
//! Work that grows with the data: that is for the time limit. Functions, views and partitions that multiply what a short
//! text says: those are the database owner's.

use std::collections::HashMap;

use super::lexer::{Kind, Token};

/// The most copied elements.
const MAX_COPIES: u64 = 20_000;
/// The most elements of one expression and of all at one level, with the columns of sub-selects put in.
const MAX_EXPRESSION: u64 = 10_000;
const MAX_EXPRESSIONS: u64 = 100_000;
/// The most joins, where all are at one level: what 24 of them cost is the limit for the sum.
const MAX_JOINS: u64 = 24;
/// A `NATURAL JOIN` counts as so many joins: it compares all columns of the same name.
const NATURAL: u64 = 4;
/// So many comparisons of columns beyond one a join count as one join more.
const COMPARISONS: u64 = 8;
/// As how many columns `*` counts, where there is no telling.
const STAR: u64 = 64;

/// Reserved words at which PostgreSQL begins another operand. One that is missing here makes an operand seem longer.
const BOUNDARIES: &str = "and or where on select having from limit offset union intersect except using group order";
/// Reserved words that keep a sub-select from being merged into the query around it.
const BARRIERS: &str = "group limit offset fetch having";
/// Reserved words that end the list of a `FROM`.
const AFTER_FROM: &str = "where group having order limit offset fetch window for select";
const SET_OPERATIONS: &str = "union intersect except";
/// Reserved words in expressions, which are no columns.
const NO_COLUMNS: &str = "select distinct all case when then else end and or not null is in true false as like";

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
    /// The body of a common table expression of this name, and what stands before it: `NOT`, `MATERIALIZED`, both or neither.
    Body(String, bool, bool),
    /// A sub-select that may use the columns of those before it in the `FROM`.
    Lateral,
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
    /// It is not merged into the level around it; of a union, only the joins are not.
    barrier: bool,
    barrier_of_joins: bool,
    joins: u64,
    comparisons: u64,
    /// For each `CASE` that is open: the operand before it, and the length there.
    cases: Vec<(u64, u64)>,
    /// The `FROM` has come.
    from_seen: bool,
    /// Columns in the element of the select list that is being read, the most in one so far, and all names at this level.
    columns: u64,
    most_columns: u64,
    names: u64,
    /// The length of the longest column of the sub-selects below, and of the branches of a union before this one.
    below: u64,
    branches: u64,
    /// The level that was closed last in this one: the most columns of a row in it, and the token before it.
    closed: (u64, Option<Token>),
    /// The most columns of a row in it.
    widest: u64,
}

impl Level {
    fn add(&mut self, elements: u64) {
        self.length = self.length.saturating_add(elements);
        self.operand = self.operand.saturating_add(elements);
    }

    /// How long its longest column is, once the columns below have been put in.
    fn longest(&self) -> u64 {
        self.columns.max(self.most_columns).max(1).saturating_mul(self.below.max(1))
    }

    /// The same, as the level around it sees it.
    fn passed_on(&self) -> u64 {
        if self.barrier { self.branches.max(1) } else { self.longest().max(self.branches) }
    }

    fn name(&mut self, is_column: bool) {
        self.names = self.names.saturating_add(u64::from(is_column));
        self.columns = self.columns.saturating_add(u64::from(is_column && !self.from_seen));
    }

    fn next_element(&mut self) {
        self.most_columns = self.most_columns.max(self.columns);
        self.columns = 0;
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
    longest: u64,
    all: u64,
    /// The common table expressions: how long the body is, if it is copied, and how long its longest column.
    bodies: HashMap<String, (u64, u64)>,
}

/// Measures a text.
pub(super) fn measure(sql: &str, tokens: &[Token]) -> Result<(), TooMuch> {
    let mut measure = Measure { sql, tokens, copies: 0, planning: 0, longest: 0, all: 0, bodies: HashMap::new() };
    let mut outer: Vec<Level> = Vec::new();
    let mut level = Level::default();
    for (index, token) in tokens.iter().copied().enumerate() {
        let kind = match token.text(sql) {
            "[" => Kind::Open,
            "]" => Kind::Close,
            _ => token.kind,
        };
        match kind {
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
            return Err(TooMuch { token, what: "PostgreSQL would copy more than 20000 parts of it" });
        }
        let all = measure.all.max(level.names.saturating_mul(level.below));
        if measure.longest.max(level.longest()) > MAX_EXPRESSION || all > MAX_EXPRESSIONS {
            let what = "put into one another, its sub-selects make an expression of more than 10000 elements, or more than 100000 in all";
            return Err(TooMuch { token, what });
        }
        if measure.planning.saturating_add(level.planning()) > MAX_JOINS.saturating_mul(COMPARISONS).saturating_pow(3) {
            return Err(TooMuch {
                token,
                what: "it joins more tables, or by more columns, than can be planned (24 at one level)",
            });
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
        let (operand, lateral) = (Opened::In(level.operand), Opened::Lateral);
        for (word, opened) in [("in", operand), ("cube", Opened::Cube), ("using", Opened::Using), ("lateral", lateral)]
        {
            if before(word) {
                return opened;
            }
        }
        // `name AS (`, `name (columns) AS NOT MATERIALIZED (`.
        let materialized = before("materialized");
        let not = materialized && self.words_before(index, &["materialized", "not"]);
        let back = 1_usize.saturating_add(usize::from(materialized)).saturating_add(usize::from(not));
        if self.at(index, back).is_some_and(|token| token.is_word(self.sql, "as")) {
            let named = self.at(index, back.saturating_add(1));
            let named = named.filter(|token| token.kind != Kind::Close).or(level.closed.1);
            let name = named.and_then(|token| token.name(self.sql)).map(|name| name.into_owned());
            return name.map_or(Opened::Other, |name| Opened::Body(name, not, materialized));
        }
        Opened::Other
    }

    /// Adds a level that has ended to the one around it.
    fn close(&mut self, mut inner: Level, level: &mut Level) {
        let columns = inner.commas.saturating_add(1);
        match &inner.opened {
            Opened::In(operand) if !inner.query => self.copy(*operand, inner.computed.saturating_sub(1), level),
            Opened::Cube => self.copy(1 << columns.min(20), 1, level),
            Opened::Body(name, not, materialized) => {
                // The body may stand in parentheses of its own, and of two with the same name either can be meant.
                let merged = if inner.query { inner.passed_on() } else { inner.below };
                let longest = if *materialized && !not { 1 } else { merged };
                let length = if *not { inner.length } else { 0 };
                let known = self.bodies.entry(name.clone()).or_default();
                *known = (known.0.max(length), known.1.max(longest));
            }
            Opened::Using => level.comparisons = level.comparisons.saturating_add(columns),
            Opened::In(_) | Opened::Lateral | Opened::Other => {}
        }
        if level.symmetric {
            self.copy(inner.length, 1, level);
        }
        if inner.barrier || inner.barrier_of_joins {
            self.planning = self.planning.saturating_add(inner.planning());
            (inner.joins, inner.comparisons) = (0, 0);
        }
        self.longest = self.longest.max(inner.longest());
        self.all = self.all.max(inner.names.saturating_mul(inner.below));
        level.names = level.names.saturating_add(if inner.query { 0 } else { inner.names });
        let (columns_used, below) = match &inner.opened {
            // Seen where it is named.
            Opened::Body(..) => (0, 0),
            Opened::Lateral => (0, inner.passed_on().saturating_mul(level.below.max(1))),
            _ if inner.query => (inner.passed_on(), inner.passed_on()),
            _ => (inner.columns.max(inner.most_columns), inner.below),
        };
        if !level.query || level.from_seen {
            level.below = level.below.max(below);
        }
        if !level.from_seen {
            level.columns = level.columns.saturating_add(columns_used);
        }
        level.joins = level.joins.saturating_add(inner.joins);
        level.comparisons = level.comparisons.saturating_add(inner.comparisons);
        level.widest = level.widest.max(inner.widest).max(columns);
        level.compute();
        level.closed = (inner.widest.max(columns), inner.before);
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
        // After `AS` stands a label, after a dot a column: no key word either.
        let after = |kind: fn(Token, &str) -> bool| self.at(index, 1).is_some_and(|before| kind(before, self.sql));
        let label = after(|before, sql| before.is_word(sql, "as"));
        if label || after(|before, _| before.kind == Kind::Dot) {
            level.compute();
            level.name(!label && matches!(token.kind, Kind::Word | Kind::Quoted));
            if token.text(self.sql) == "*" {
                self.star(level, index);
            }
            return;
        }
        match token.kind {
            Kind::Comma => {
                if level.query && !level.from_seen {
                    level.next_element();
                }
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
                if !compares {
                    level.next_element();
                    (level.in_from, level.from_seen) = (true, true);
                }
                level.operand = 0;
            }
            Kind::Word if word("case") => level.cases.push((level.operand, level.length)),
            Kind::Word if word("end") => {
                if let Some((operand, length)) = level.cases.pop() {
                    level.operand = operand.saturating_add(level.length.saturating_sub(length));
                }
            }
            Kind::Word if one_of(SET_OPERATIONS) => {
                self.planning = self.planning.saturating_add(level.planning());
                level.next_element();
                level.branches = level.passed_on();
                (level.joins, level.comparisons, level.in_from, level.operand) = (0, 0, false, 0);
                (level.from_seen, level.barrier, level.barrier_of_joins) = (false, false, true);
            }
            Kind::Word | Kind::Quoted => {
                level.compute();
                level.in_from &= !one_of(AFTER_FROM);
                level.barrier |= one_of(BARRIERS)
                    || (word("distinct") && self.words_before(index, &["select"]))
                    || (word("over") && !level.from_seen && after(|before, _| before.kind == Kind::Close));
                if one_of(BOUNDARIES) {
                    level.operand = 0;
                    level.symmetric &= word("and");
                }
                let next = self.tokens.get(index.saturating_add(1)).map(|next| next.kind);
                level.name(!one_of(NO_COLUMNS) && !matches!(next, Some(Kind::Open | Kind::Dot)));
                let body = token.name(self.sql).and_then(|name| self.bodies.get(name.as_ref()).copied());
                let (length, longest) = body.unwrap_or_default();
                level.below = level.below.max(longest);
                self.copy(length, 1, level);
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
            Kind::Dot if self.at(index, 2).is_some_and(|token| matches!(token.text(self.sql), ")" | "]")) => {
                self.copy(level.operand, level.closed.0.max(STAR), level);
            }
            Kind::Dot | Kind::Comma => self.copy(1, STAR, level),
            Kind::Word if before.is_one_of(self.sql, &["select", "distinct", "all"]) => self.copy(1, STAR, level),
            _ => {}
        }
    }
}
