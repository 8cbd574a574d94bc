use super::*;

#[test]
fn every_pattern_compiles() {
    assert!([&SHAPE, &SOUND, &NO_NUMBER].iter().all(|pattern| pattern.compiled().is_some()));
}

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
        "'POINT'",
        "'multiple stops'",
        "'boxes (large)'",
        "'2026-01-01'",
        "$$KAA 123$$",
        "''",
        "'1e5'",
    ] {
        assert!(is_sound_literal(text), "{text}");
    }
    for number in ["1", "36.8", "1e6", "0x1F", "1_000"] {
        assert!(is_sound_number(number), "{number}");
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
        assert!(!is_sound_literal(text), "{text}");
    }
    assert!(!is_sound_number("1e300") && !is_sound_number("1e16"));
}
