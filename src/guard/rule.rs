//! The rules by name: a stable code for each, why it exists and what to do instead, and the refusal that carries one.
//!
//! In: a rule and where it was broken. Out: a message that a language model can act on. Pure.

use super::token::Token;

/// The longest piece of the analyst's text in a message, in characters.
const MAX_QUOTE: usize = 80;

/// Makes [`Rule`] from one entry for each: name, code, why the text is refused, and what to do instead.
macro_rules! rules {
    ($($name:ident = $code:literal, $reason:literal, $instead:literal;)*) => {
        /// Why a text is refused. docs/guard.md has the same table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Rule { $(#[doc = $reason] $name),* }

        impl Rule {
            /// Every rule, in the order of the document.
            pub const ALL: &[Rule] = &[$(Rule::$name),*];

            /// The stable code: never renamed, never used again for another rule.
            pub fn code(self) -> &'static str {
                match self { $(Rule::$name => $code),* }
            }

            /// Why the text is refused, as a sentence.
            pub fn reason(self) -> &'static str {
                match self { $(Rule::$name => $reason),* }
            }

            /// What to do instead, as a sentence.
            pub fn instead(self) -> &'static str {
                match self { $(Rule::$name => $instead),* }
            }
        }
    };
}

rules! {
    Empty = "GUARD_EMPTY", "There is no statement in the text.",
        "Send one SELECT statement.";
    TooLong = "GUARD_TOO_LONG", "The text is longer than the server looks at.",
        "Shorten it: join with a table or use generate_series in place of a long list of values.";
    Nul = "GUARD_NUL", "The text contains a NUL character, which no SQL text can hold.",
        "Remove the character.";
    Unterminated = "GUARD_UNTERMINATED", "A literal, a quoted name or a comment is opened and never closed.",
        "Close it; write a quote inside a literal twice ('it''s').";
    SlowToRead = "GUARD_SLOW_TO_READ", "Reading the text would keep PostgreSQL busy before any time limit applies.",
        "Put spaces between operators, and do not nest comments so deep.";
    Parentheses = "GUARD_PARENTHESES", "The parentheses do not match.",
        "Close every parenthesis that the text opens, and no other.";
    MultipleStatements = "GUARD_MULTIPLE_STATEMENTS", "There is more than one statement in the text.",
        "Send the statements one at a time, each in a call of its own; only the last character may be a semicolon.";
    NotAQuery = "GUARD_NOT_A_QUERY", "The text does not begin as a query does.",
        "Begin with SELECT, WITH, VALUES or TABLE; nothing else is run here.";
    Writes = "GUARD_WRITES", "INSERT, UPDATE, DELETE or MERGE stands inside or after WITH.",
        "Read only: select the rows instead. Nothing can be changed through this server.";
    SelectInto = "GUARD_SELECT_INTO", "SELECT INTO creates a table.",
        "Drop INTO and the name after it; the rows are returned. A column called into is written \"into\".";
    RowLock = "GUARD_ROW_LOCK", "FOR UPDATE, FOR SHARE and their variants lock rows.",
        "Leave the FOR clause out.";
    UnicodeName = "GUARD_UNICODE_NAME", "A name is written with Unicode escapes (U&\"…\"), which would hide what it names.",
        "Write the name itself, in plain double quotes if needed.";
    Parameter = "GUARD_PARAMETER", "There is a parameter such as $1, and no values come with the text.",
        "Write the value into the text as a literal.";
    Function = "GUARD_FUNCTION", "A function is called that is not available here.",
        "Leave the function out. If it is a column of yours, select it without the table name before it.";
    PlainNumber = "GUARD_PLAIN_NUMBER", "An argument must be a plain number here.",
        "Write the number itself, at most 1000000 in size: ST_Buffer(g, 50), not ST_Buffer(g, r). To compare \
        distances use ST_DWithin(a, b, distance), which needs no buffer and is faster.";
    UnsoundShape = "GUARD_UNSOUND_SHAPE", "The text calls a PostGIS function that can bring PostgreSQL down, and writes a shape or number that could \
        do it.",
        "Write points, lines and polygons in plain numbers, without EMPTY, collections, curves, NaN, Infinity or \
        well-known bytes: ST_MakePoint(lng, lat), 'POINT(36.8 -1.28)'.";
    Relation = "GUARD_RELATION", "A system relation is read that is not available here.",
        "Leave it out; pg_class, pg_attribute, pg_stats, pg_settings, pg_stat_user_tables and information_schema can \
        be read. If it is an alias of yours, choose another.";
    InternalSchema = "GUARD_INTERNAL_SCHEMA", "A schema is named that holds the insides of an extension.",
        "Use the table or view that belongs to it: list_tables shows them, and timescaledb_information can be read. \
        If it is an alias of yours, choose another.";
    TooComplex = "GUARD_TOO_COMPLEX", "PostgreSQL would need too much time and memory to analyse the text, whatever the data.",
        "Nest BETWEEN, IN and (record).* less deep, use a common table expression without NOT MATERIALIZED, list the \
        columns in place of *, or split the query: join fewer tables at once.";
}

/// A text that is not run, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The rule that the text breaks.
    pub rule: Rule,
    /// The reason, the offending word and what to do instead. One line without control characters.
    pub message: String,
    /// The offending token's place in the analyst's text, in characters, counted from 1.
    pub position: Option<usize>,
}

impl Refusal {
    /// A refusal of the whole text. `detail` adds to the rule's reason and may be empty.
    pub(super) fn new(rule: Rule, detail: &str) -> Refusal {
        let found = if detail.is_empty() { String::new() } else { format!(" Found {detail}.") };
        Refusal { rule, message: format!("{}{found} {}", rule.reason(), rule.instead()), position: None }
    }

    /// A refusal because of what stands at byte `at` of `sql`.
    pub(super) fn at(rule: Rule, sql: &str, at: usize, detail: &str) -> Refusal {
        let position = sql.get(..at).unwrap_or_default().chars().count().saturating_add(1);
        let separator = if detail.is_empty() { "" } else { ": " };
        let refusal = Refusal::new(rule, &format!("at character {position}{separator}{detail}"));
        Refusal { position: Some(position), ..refusal }
    }

    /// A refusal because of this token.
    pub(super) fn at_token(rule: Rule, sql: &str, token: Token) -> Refusal {
        Refusal::at(rule, sql, token.start, &quote(token.text))
    }
}

/// A piece of the analyst's text for a message: escaped, and cut if it is long.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::from("`");
    for c in text.chars().take(MAX_QUOTE) {
        if c.is_control() || c == '`' {
            quoted.extend(c.escape_unicode());
        } else {
            quoted.push(c);
        }
    }
    if text.chars().nth(MAX_QUOTE).is_some() {
        quoted.push('…');
    }
    quoted.push('`');
    quoted
}

/// What to do in place of a statement that begins with one of these words.
const ADVICE: &[(&str, &str)] = &[
    ("explain", "EXPLAIN is for the tool query, without options: it shows the plan and runs nothing"),
    ("show", "SELECT current_setting('name') shows a setting"),
    ("insert update delete merge truncate copy", "data can only be read here, with SELECT"),
    (
        "create alter drop grant revoke comment refresh reindex cluster vacuum analyze security import reassign",
        "nothing can be created, changed or maintained here",
    ),
    ("call do execute prepare deallocate load", "procedures, code blocks and prepared statements are not run here"),
    (
        "begin start commit end rollback abort savepoint release",
        "the server runs each text in a transaction of its own",
    ),
    (
        "set reset discard",
        "settings cannot be changed; AT TIME ZONE converts times, and names can be qualified with their schema",
    ),
    ("listen notify unlisten lock checkpoint declare fetch move close", "sessions keep nothing between two texts here"),
    ("desc describe use", "there is no such statement in PostgreSQL; the catalog tools describe tables"),
    ("from", "the SELECT comes first in PostgreSQL"),
];

/// What begins the text in place of a query, and what to do instead.
pub(super) fn advice(first: Token) -> String {
    let hint = ADVICE.iter().find(|(words, _)| words.split(' ').any(|word| word.eq_ignore_ascii_case(first.text)));
    hint.map_or_else(|| quote(first.text), |(_, hint)| format!("{}; {hint}", quote(first.text)))
}
