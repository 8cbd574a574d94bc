//! Shapes and numbers that a text may not write when it calls a function that crashes PostgreSQL on unsound shapes.
//!
//! In: a literal or number of such a text, as it is written. Out: whether it is sound. Pure. Sound is a number of sane size,
//! a text that is no shape, and a point, line or polygon, alone or several of one kind, in plain numbers: what analysts
//! write. PostGIS checks none of this itself, and GEOS up to 3.14.1, the newest that was tried, crashes on some of it.
//!
//! # What this does not stop
//! An unsound shape that is put together from pieces (`'POINT(' || …`), computed, or stored in a table: nothing in a text
//! tells those from sound ones. See "Residual risks" in docs/threat-model.md.

use super::{
    callable::{self, Plain},
    pattern::Pattern,
    rule::{Refusal, Rule},
    token::{Kind, Place, Token, places},
};

/// The largest coordinate or other number.
const MOST: f64 = 1e15;

/// How a literal begins that PostGIS reads as a shape: well-known text, GeoJSON, hexadecimal or binary well-known bytes.
static SHAPE: Pattern = Pattern::beginning(&[
    r"(?i)\s*(?:srid\s*=\s*\d+\s*;\s*)?(?:(?:multi)?(?:point|linestring|polygon|curve|surface)|geometrycollection|circularstring|compoundcurve|curvepolygon|polyhedralsurface|triangle|tin|box|box3d)\s*z?m?\s*(?:[(]|empty)",
    r"(?i)\s*\{[\x00-\x7F]*coordinates",
    r"[[:xdigit:]]{18}",
    r"(?i)\\x",
]);
/// A sound one: in well-known text; or in GeoJSON, of names and plain numbers.
static SOUND: Pattern = Pattern::whole(&[
    r"(?i)\s*(?:srid\s*=\s*\d+\s*;\s*)?(?:point|linestring|polygon|multipoint|multilinestring|multipolygon|box|box3d)\s*z?m?\s*[(][-+0-9.,()\s]*[)]?\s*",
    r#"(?i)\s*\{(?:"(?:type|coordinates|crs|properties|name|(?:multi)?(?:point|linestring|polygon)|epsg:\d+|urn:[a-z0-9:.]+)"|[-+0-9.,:{}\[\]\s])*"#,
]);
/// What is no number, or none of sane size, when it is read as one; also for dates.
static NO_NUMBER: Pattern =
    Pattern::whole(&[r"(?i)\s*(?:[-+]?\s*(?:nan|inf(?:inity)?)|[-+]?[0-9.]+e[-+]?\d{2,}|[-+]?\d{16,}[0-9.]*)\s*"]);

/// Where a function is called that crashes on unsound shapes, every literal and number of the text must be sound.
pub(super) fn check(sql: &str, tokens: &[Token]) -> Result<(), Refusal> {
    let calls_fragile =
        |at: Place| at.after(1).kind == Kind::Open && at.token.name().is_some_and(|name| callable::is_fragile(&name));
    if !places(tokens).any(calls_fragile) {
        return Ok(());
    }
    let unsound = |token: &&Token| match token.kind {
        Kind::Literal => !is_sound_literal(token.text),
        Kind::Other => !is_sound_number(token.text),
        _ => false,
    };
    let found = tokens.iter().find(unsound);
    found.map_or(Ok(()), |&token| Err(Refusal::at_token(Rule::UnsoundShape, sql, token)))
}

/// Whether a string literal, with its quotes, is sound.
fn is_sound_literal(text: &str) -> bool {
    let Some((prefix, content)) = text.split_once(['\'', '$']) else { return false };
    // Escapes could spell anything.
    if !prefix.is_empty() && content.contains('\\') {
        return false;
    }
    // Without the tag of a dollar quote, and up to the first quote or dollar sign in it.
    let content = content.split_once('$').filter(|_| text.starts_with('$')).map_or(content, |(_, content)| content);
    let content = content.split_once(['\'', '$']).map_or(content, |(content, _)| content);
    !NO_NUMBER.may_match(content) && (!SHAPE.may_match(content) || SOUND.surely_matches(content))
}

/// Whether a number is of sane size.
fn is_sound_number(text: &str) -> bool {
    text.parse::<f64>().map_or(true, |number| number.abs() <= MOST)
}

/// Whether an argument of this call is a number that is written as such: `f(…, 50)`, `f(…, -0.5, …)`.
pub(super) fn is_plain(call: Place, plain: &Plain) -> bool {
    let list = call.rest();
    let (mut depth, mut commas) = (0_usize, 0_usize);
    // Where the argument begins: after the comma before it, or after the parenthesis.
    let before = list.iter().position(|token| {
        match token.kind {
            Kind::Open => depth = depth.saturating_add(1),
            Kind::Close => depth = depth.saturating_sub(1),
            Kind::Comma if depth == 1 => commas = commas.saturating_add(1),
            _ => {}
        }
        depth == 0 || commas.saturating_add(1) == plain.argument
    });
    let argument = before.and_then(|comma| list.get(comma.saturating_add(1)..)).unwrap_or_default();
    let number = match argument {
        [sign, number @ ..] if matches!(sign.text, "-" | "+") => number,
        _ => argument,
    };
    let sane = |number: f64| number == 0.0 || (1e-9..=plain.most).contains(&number);
    match number {
        [number, end, ..] if matches!(end.kind, Kind::Comma | Kind::Close) => {
            number.kind == Kind::Other && number.text.parse::<f64>().is_ok_and(sane)
        }
        _ => false,
    }
}

#[cfg(test)]
#[path = "../../tests/unit/guard/shape.rs"]
mod tests;
