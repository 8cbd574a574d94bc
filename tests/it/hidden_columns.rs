//! Hidden columns stay hidden: every way to a hidden value that we know, on every kind of table, and the script that hides
//! over the life of a database.
//!
//! The data is in `tests/data/hidden_columns`: the tables of each kind (`*.sql`), the statements of an attacker (`attacks.jsonl`) and those
//! of an analyst (`legit.jsonl`), and what else shows a hidden value (`reach.jsonl`). Every hidden value has [`MARK`] in it, so one word
//! finds it in any answer, error or log.

mod attacks;
mod fleet;
mod life;
mod lines;
mod parts;
mod reach;
mod statements;

/// What stands in every hidden value, and in no statement.
const MARK: &str = "zq7";

/// Whether a text shows a hidden value.
fn shows(text: &str) -> bool {
    text.to_ascii_lowercase().contains(MARK)
}
