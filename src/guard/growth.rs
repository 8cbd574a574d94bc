//! How much PostgreSQL's analysis and planning make of a text.
//!
//! In: the tokens of a text. Out: a refusal where it grows too much. Pure; one pass, no recursion.
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

use std::{collections::HashMap, num::Saturating};

use super::{
    QUERY,
    rule::{Refusal, Rule},
    token::{Kind, Place, Token, places},
};

/// A number of tokens, copies, columns or joins.
type Count = Saturating<u64>;

/// The most copied elements.
const MAX_COPIES: Count = Saturating(20_000);
/// The most elements of one expression and of all at one level, with the columns of sub-selects put in.
const MAX_EXPRESSION: Count = Saturating(10_000);
const MAX_EXPRESSIONS: Count = Saturating(100_000);
/// The most joins, where all are at one level: what 24 of them cost is the limit for the sum.
const MAX_JOINS: Count = Saturating(24);
/// A `NATURAL JOIN` counts as so many joins: it compares all columns of the same name.
const NATURAL: Count = Saturating(4);
/// So many comparisons of columns beyond one a join count as one join more.
const COMPARISONS: Count = Saturating(8);
/// As how many columns `*` counts, where there is no telling.
const STAR: Count = Saturating(64);

const NONE: Count = Saturating(0);
const ONE: Count = Saturating(1);

/// Reserved words at which PostgreSQL begins another operand. One that is missing here makes an operand seem longer.
const BOUNDARIES: &[&str] =
    &["and", "or", "where", "on", "select", "having", "limit", "offset", "using", "group", "order"];
/// Reserved words that keep a sub-select from being merged into the query around it.
const BARRIERS: &[&str] = &["group", "limit", "offset", "fetch", "having"];
/// Reserved words that end the list of a `FROM`.
const AFTER_FROM: &[&str] =
    &["where", "group", "having", "order", "limit", "offset", "fetch", "window", "for", "select"];
/// Reserved words in expressions, which are no columns.
const NO_COLUMNS: &[&str] = &[
    "select", "distinct", "all", "case", "when", "then", "else", "end", "and", "or", "not", "null", "is", "in", "true",
    "false", "as", "like",
];

/// One level of parentheses.
#[derive(Default)]
struct Level<'a> {
    /// Its parenthesis.
    open: Place<'a>,
    /// The token before the parentheses that were closed last in it.
    closed_before: Token<'a>,
    /// It begins as a query, so it is no list.
    query: bool,
    /// The `FROM` has come; and its list has not ended.
    from_seen: bool,
    in_from: bool,
    /// There is a set operation in it: its joins are not merged into the level around it.
    united: bool,
    /// Nothing of it is merged (of a union: nothing of the branch that is being read).
    barrier: bool,

    // Copies.
    /// Elements so far, copies included; and of these the ones of the operand that is being read.
    length: Count,
    operand: Count,
    /// For each `CASE` that is open: the operand before it, and the length there.
    cases: Vec<(Count, Count)>,
    /// After `SYMMETRIC`: what follows is copied, too.
    symmetric: bool,
    commas: Count,
    /// Elements of the list that are no constants (PostgreSQL compares with the constants all at once), and whether the one
    /// that is being read is among them.
    computed: Count,
    is_computed: bool,
    /// The most columns of a row in it, and in the parentheses that were closed last in it.
    widest: Count,
    closed_width: Count,

    // Columns.
    /// Columns in the element of the select list that is being read, the most in one so far, and all names at this level.
    columns: Count,
    most_columns: Count,
    names: Count,
    /// The length of the longest column of the sub-selects below, and of the branches of a union before this one.
    below: Count,
    branches: Count,

    // Joins.
    joins: Count,
    comparisons: Count,
}

impl Level<'_> {
    fn add(&mut self, elements: Count) {
        self.length += elements;
        self.operand += elements;
    }

    /// How long its longest column is, once the columns below have been put in.
    fn longest(&self) -> Count {
        self.most_columns.max(ONE) * self.below.max(ONE)
    }

    /// The same, as the level around it sees it.
    fn passed_on(&self) -> Count {
        if self.barrier { self.branches.max(ONE) } else { self.longest().max(self.branches) }
    }

    fn add_columns(&mut self, columns: Count) {
        if !self.from_seen {
            self.columns += columns;
            self.most_columns = self.most_columns.max(self.columns);
        }
    }

    fn name(&mut self, is_column: bool) {
        let columns = if is_column { ONE } else { NONE };
        self.names += columns;
        self.add_columns(columns);
    }

    fn compute(&mut self) {
        self.computed += u64::from(!self.is_computed);
        self.is_computed = true;
    }

    /// What planning the joins of this level costs: the cube of their number, counted in eighths.
    fn planning(&self) -> Count {
        if self.joins.0 == 0 { self.joins } else { (self.joins * COMPARISONS + (self.comparisons - self.joins)).pow(3) }
    }
}

/// How a common table expression comes to where it is named.
#[derive(PartialEq)]
enum Use {
    /// `NOT MATERIALIZED`: its body is copied, and then merged.
    Copied,
    Merged,
    /// `MATERIALIZED`: its rows are computed once.
    Computed,
}

/// The common table expressions of one name: how long a body is, if it is copied, and how long its longest column.
#[derive(Clone, Copy, Default)]
struct Body {
    length: Count,
    longest: Count,
}

#[derive(Default)]
struct Measure {
    copies: Count,
    /// What planning the levels that are closed costs.
    planning: Count,
    bodies: HashMap<String, Body>,
}

/// Refuses a text that grows too much, at the first token where it does.
pub(super) fn check(sql: &str, tokens: &[Token]) -> Result<(), Refusal> {
    let mut measure = Measure::default();
    let mut outer: Vec<Level> = Vec::new();
    let mut level = Level::default();
    for at in places(tokens) {
        match at.token.text {
            "(" | "[" => outer.push(std::mem::replace(&mut level, Level { open: at, ..Level::default() })),
            ")" | "]" => {
                let Some(around) = outer.pop() else { return Ok(()) }; // a `]` too many: PostgreSQL refuses it
                let inner = std::mem::replace(&mut level, around);
                measure.close(inner, &mut level);
            }
            _ => measure.step(&mut level, at),
        }
        if let Some(what) = measure.too_much(&level) {
            return Err(Refusal::at(Rule::TooComplex, sql, at.token.start, what));
        }
    }
    Ok(())
}

/// Which common table expression the parenthesis at this place opens the body of, if any, and in which way. `closed_before`
/// stands before the parentheses that were closed last.
fn body(open: Place, closed_before: Token) -> Option<(String, Use)> {
    let [first, second, third, fourth] = [1, 2, 3, 4].map(|places| open.before(places));
    // `name AS (`, `name (columns) AS NOT MATERIALIZED (`.
    let (way, word_as, named) = match (first.is_word("materialized"), second.is_word("not")) {
        (false, _) => (Use::Merged, first, second),
        (true, false) => (Use::Computed, second, third),
        (true, true) => (Use::Copied, third, fourth),
    };
    let named = if named.kind == Kind::Close { closed_before } else { named };
    named.name().filter(|_| word_as.is_word("as")).map(|name| (name, way))
}

impl Measure {
    /// What is too much, if anything is.
    fn too_much(&self, level: &Level) -> Option<&'static str> {
        if self.copies > MAX_COPIES {
            return Some("PostgreSQL would copy more than 20000 parts of it");
        }
        if level.longest() > MAX_EXPRESSION || level.names * level.below > MAX_EXPRESSIONS {
            return Some(
                "put into one another, its sub-selects make an expression of more than 10000 elements, or more than 100000 in all",
            );
        }
        if self.planning + level.planning() > (MAX_JOINS * COMPARISONS).pow(3) {
            return Some("it joins more tables, or by more columns, than can be planned (24 at one level)");
        }
        None
    }

    fn copy(&mut self, copies: Count, level: &mut Level) {
        self.copies += copies;
        level.add(copies);
    }

    /// Adds a level that has ended to the one around it.
    fn close<'a>(&mut self, mut inner: Level<'a>, level: &mut Level<'a>) {
        let before = inner.open.before(1);
        let width = inner.commas + ONE;

        // Copies.
        if before.is_word("in") && !inner.query {
            // One of the elements that are no constants has the operand itself, each other one a copy.
            self.copy(level.operand * (inner.computed - ONE), level);
        } else if before.is_word("cube") {
            self.copy(Saturating(1 << width.0.min(20)), level);
        }
        if level.symmetric {
            self.copy(inner.length, level);
        }
        level.add(inner.length);
        level.compute();
        level.closed_width = inner.widest.max(width);
        level.widest = level.widest.max(level.closed_width);

        // Columns: how many stand at this place, and how long the longest one below is.
        let merged = if inner.query { inner.passed_on() } else { inner.below };
        let (columns, below) = if let Some((name, way)) = body(inner.open, level.closed_before) {
            // The body may stand in parentheses of its own, and of two with the same name either can be meant.
            let body = self.bodies.entry(name).or_default();
            if way == Use::Copied {
                body.length = body.length.max(inner.length);
            }
            body.longest = body.longest.max(if way == Use::Computed { ONE } else { merged });
            // It counts where it is named.
            (NONE, NONE)
        } else if before.is_word("lateral") {
            (NONE, inner.passed_on() * level.below.max(ONE))
        } else if inner.query {
            (merged, merged)
        } else {
            (inner.most_columns, merged)
        };
        level.add_columns(columns);
        if !level.query || level.from_seen {
            level.below = level.below.max(below);
        }
        if !inner.query {
            level.names += inner.names;
        }
        level.closed_before = before;

        // Joins.
        if inner.barrier || inner.united {
            self.planning += inner.planning();
            (inner.joins, inner.comparisons) = Default::default();
        }
        level.joins += inner.joins;
        level.comparisons += inner.comparisons;
        if before.is_word("using") {
            level.comparisons += width;
        }
    }

    /// Any token but a parenthesis.
    fn step(&mut self, level: &mut Level, at: Place) {
        let token = at.token;
        if level.length.0 == 0 {
            level.query = token.is_one_of(QUERY);
        }
        level.add(ONE);
        // After `AS` stands a label, after a dot a column: no key word either.
        let is_label = at.before(1).is_word("as");
        let is_name = matches!(token.kind, Kind::Word | Kind::Quoted);
        if is_label || at.before(1).kind == Kind::Dot {
            level.compute();
            level.name(is_name && !is_label);
            if token.text == "*" {
                self.star(level, at);
            }
        } else if is_name {
            self.word(level, at);
        } else if token.kind == Kind::Comma {
            if level.query {
                level.columns = NONE;
            }
            level.commas += ONE;
            level.joins += u64::from(level.in_from);
            (level.operand, level.symmetric, level.is_computed) = Default::default();
        } else if token.text == "*" {
            self.star(level, at);
        } else if token.text == "=" {
            let columns = matches!(at.after(1).kind, Kind::Word | Kind::Quoted | Kind::Open);
            level.comparisons += u64::from(columns);
        }
    }

    /// A key word or a name.
    fn word(&mut self, level: &mut Level, at: Place) {
        let name = at.token.name().unwrap_or_default();
        let key_word = if at.token.kind == Kind::Word { &*name } else { "" };
        match key_word {
            "between" => {
                let symmetric = at.after(1).is_word("symmetric");
                level.symmetric |= symmetric;
                self.copy(level.operand * Saturating(if symmetric { 3 } else { 1 }), level);
            }
            "join" => {
                let natural = (1..=3).any(|places| at.before(places).is_word("natural"));
                level.joins += if natural { NATURAL } else { ONE };
            }
            "from" => {
                // `IS [NOT] DISTINCT FROM` compares.
                if !(at.before(1).is_word("distinct") && at.before(2).is_one_of(&["is", "not"])) {
                    level.columns = NONE;
                    (level.in_from, level.from_seen) = (true, true);
                }
                level.operand = NONE;
            }
            "case" => level.cases.push((level.operand, level.length)),
            "end" => {
                if let Some((operand, length)) = level.cases.pop() {
                    level.operand = operand + (level.length - length);
                }
            }
            "union" | "intersect" | "except" => {
                self.planning += level.planning();
                level.columns = NONE;
                level.branches = level.passed_on();
                (level.joins, level.comparisons, level.operand) = Default::default();
                (level.in_from, level.from_seen, level.barrier, level.united) = (false, false, false, true);
            }
            _ => {
                level.compute();
                level.in_from &= !AFTER_FROM.contains(&key_word);
                level.barrier |= BARRIERS.contains(&key_word)
                    || (key_word == "distinct" && at.before(1).is_word("select"))
                    || (key_word == "over" && !level.from_seen && at.before(1).kind == Kind::Close);
                if BOUNDARIES.contains(&key_word) {
                    level.operand = NONE;
                    level.symmetric &= key_word == "and";
                }
                level.name(!NO_COLUMNS.contains(&key_word) && !matches!(at.after(1).kind, Kind::Open | Kind::Dot));
                let body = self.bodies.get(&name).copied().unwrap_or_default();
                level.below = level.below.max(body.longest);
                self.copy(body.length, level);
            }
        }
    }

    /// `*`: all columns, or a multiplication.
    fn star(&mut self, level: &mut Level, at: Place) {
        let before = at.before(1);
        match before.kind {
            // `(record).*`: the record once for each of its columns.
            Kind::Dot if matches!(at.before(2).text, ")" | "]") => {
                self.copy(level.operand * level.closed_width.max(STAR), level);
            }
            Kind::Dot | Kind::Comma => self.copy(STAR, level),
            _ if before.is_one_of(&["select", "distinct", "all"]) => self.copy(STAR, level),
            _ => {}
        }
    }
}
