//! What is written otherwise in PostgreSQL: functions and types of other databases, operators between types, literals.
//!
//! Tables of plain text. In: names and types as PostgreSQL's messages have them. Out: the form to write. Pure.

/// Functions: names, the types with which the arguments begin, and the form to write, where `x`, `y` and `z` are the
/// arguments. Without types the form is for a name that does not exist here; otherwise for a function that takes other types.
#[rustfmt::skip]
const CALLS: &[(&str, &str, &str)] = &[
    ("median", "", "percentile_cont(0.5) WITHIN GROUP (ORDER BY x)"),
    ("percentile approx_percentile quantile", "", "percentile_cont(0.9) WITHIN GROUP (ORDER BY x)"),
    ("ifnull nvl isnull", "", "coalesce(x, y), or the test x IS NULL"),
    ("nvl2 if iif", "", "CASE WHEN x THEN y ELSE z END"),
    ("datediff date_diff timestampdiff", "", "a::date - b::date for days, extract(epoch FROM a - b) / 3600 for hours"),
    ("dateadd date_add adddate timestampadd", "", "t + interval '7 days'"),
    ("date_sub subdate date_subtract", "", "t - interval '7 days'"),
    ("add_months", "", "x + interval '1 month'"),
    ("months_between", "", "extract(year FROM age(x, y)) * 12 + extract(month FROM age(x, y))"),
    ("getdate sysdate sysdatetime getutcdate utc_timestamp", "", "now()"),
    ("curdate today", "", "current_date"),
    ("curtime", "", "localtime"),
    ("date_format", "", "to_char(x, 'YYYY-MM-DD')"),
    ("format_date strftime", "", "to_char(t, 'YYYY-MM-DD')"),
    ("str_to_date", "", "to_date(x, 'YYYY-MM-DD')"),
    ("to_datetime parse_timestamp parse_date", "", "to_timestamp(t, 'YYYY-MM-DD HH24:MI')"),
    ("year", "", "extract(year FROM x)"),
    ("quarter", "", "extract(quarter FROM x)"),
    ("month monthname", "", "extract(month FROM x), or to_char(x, 'Mon')"),
    ("week weekofyear isoweek", "", "extract(week FROM x), or date_trunc('week', x)"),
    ("day dayofmonth", "", "extract(day FROM x), or x::date"),
    ("dayofweek weekday dayname", "", "extract(isodow FROM x), which is 1 for Monday, or to_char(x, 'Dy')"),
    ("dayofyear", "", "extract(doy FROM x)"),
    ("hour", "", "extract(hour FROM x), or date_trunc('hour', x)"),
    ("minute", "", "extract(minute FROM x)"),
    ("second", "", "extract(second FROM x)"),
    ("datepart datename", "", "extract(day FROM t)"),
    ("last_day eomonth", "", "(date_trunc('month', x) + interval '1 month - 1 day')::date"),
    ("time_bucket", "", "date_bin(x, y, timestamptz '2000-01-01'), or date_trunc('month', y); time_bucket comes with TimescaleDB"),
    ("time_bucket_gapfill", "", "a LEFT JOIN on generate_series(from, to, interval '15 minutes')"),
    ("first min_by argmin", "", "(array_agg(x ORDER BY y))[1]"),
    ("last max_by argmax", "", "(array_agg(x ORDER BY y DESC))[1]"),
    ("group_concat listagg wm_concat", "", "string_agg(x::text, ', ')"),
    ("len", "", "length(x)"),
    ("charindex instr locate", "", "position('part' IN t)"),
    ("substring_index", "", "split_part(x, y, 1)"),
    ("mid", "", "substring(x FROM 1 FOR 3)"),
    ("lcase", "", "lower(x)"),
    ("ucase", "", "upper(x)"),
    ("unix_timestamp to_unixtime", "", "extract(epoch FROM x)"),
    ("from_unixtime", "", "to_timestamp(x)"),
    ("countif count_if", "", "count(*) FILTER (WHERE x)"),
    ("sumif sum_if", "", "sum(t) FILTER (WHERE condition)"),
    ("avgif averageif avg_if", "", "avg(t) FILTER (WHERE condition)"),
    ("convert try_convert try_cast safe_cast", "", "t::text, t::numeric and the like"),
    ("isnumeric", "", "x ~ '^[0-9.]+$'"),
    ("regexp_contains rlike", "", "x ~ y"),
    ("regexp_extract", "", "substring(x FROM y)"),
    ("json_extract json_value json_extract_scalar get_json_object", "", "x::jsonb ->> 'key'"),
    ("rand", "", "random()"),
    ("stdev std", "", "stddev(x)"),
    ("approx_count_distinct uniq", "", "count(DISTINCT x)"),
    ("st_distance_sphere haversine", "", "ST_Distance(x::geography, y::geography), in metres"),
    ("round trunc", "interval", "extract(epoch FROM x) / 60, which is minutes"),
    ("abs", "interval", "greatest(x, -x)"),
    ("sum", "boolean", "count(*) FILTER (WHERE x)"),
    ("avg", "boolean", "avg(x::int)"),
    ("min max", "boolean", "bool_and(x) or bool_or(x)"),
    ("sum avg", "text", "sum(x::numeric) or avg(x::numeric)"),
    ("sum avg", "character varying", "sum(x::numeric) or avg(x::numeric)"),
    ("sum avg", "timestamp", "min(x) or max(x); durations are b - a"),
    ("sum avg", "date", "min(x) or max(x); durations are b - a"),
    ("round abs ceil ceiling floor trunc sqrt", "text", "x::numeric as the first argument"),
    ("mod", "double precision", "mod(x::numeric, y::numeric)"),
    ("extract date_part", "unknown, text", "extract(day FROM t::timestamptz)"),
    ("extract date_part", "unknown, integer", "the number itself: date - date is already a number of days"),
    ("date_trunc", "unknown, text", "date_trunc(x, y::timestamptz)"),
    ("date_trunc", "timestamp", "date_trunc('day', x): the unit comes first"),
    ("date_trunc", "date", "date_trunc('day', x): the unit comes first"),
    ("to_char", "timestamp with time zone", "to_char(x, 'YYYY-MM-DD HH24:MI')"),
    ("to_date to_timestamp", "timestamp", "x::date, since x is a time already"),
    ("to_date to_timestamp", "date", "x itself, since it is a date already"),
    ("unnest", "text", "string_to_table(x, ',')"),
];
/// Functions on texts, which take a number or a time only after a cast, and how those begin.
const ON_TEXT: &str = "string_agg substring substr left right upper lower length split_part replace regexp_replace \
    regexp_match btrim position strpos concat_ws";
const NO_TEXT: &[&str] =
    &["bigint", "integer", "smallint", "numeric", "double precision", "timestamp", "date", "jsonb", "boolean"];
/// Columns that other databases have everywhere.
const WORDS: &[(&str, &str)] = &[
    ("now getdate sysdate systimestamp", "now()"),
    ("today curdate", "current_date"),
    ("rownum rowid", "LIMIT 10 at the end, or row_number() OVER (ORDER BY x)"),
];
/// Units of time, which stand in quotes where a function takes one.
const UNITS: &[&str] = &["second", "minute", "hour", "day", "week", "month", "quarter", "year", "dd", "mm", "yy", "hh"];
/// Types.
const TYPES: &[(&str, &str)] = &[
    ("datetime datetime2 smalldatetime timestamp_tz timestamp_ntz", "timestamptz or timestamp"),
    ("string nvarchar varchar2 nchar clob longtext", "text"),
    ("number", "numeric"),
    ("double float64 float32", "double precision"),
    ("int64 long uint64 unsigned signed tinyint mediumint", "bigint"),
    ("blob binary varbinary", "bytea"),
];

fn holds(words: &str, name: &str) -> bool {
    words.split(' ').any(|word| word == name)
}

fn find(table: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    table.iter().find(|(words, _)| holds(words, name)).map(|(_, form)| *form)
}

/// What to write for a function of this name that does not exist.
pub(super) fn missing_call(name: &str) -> Option<&'static str> {
    CALLS.iter().find(|(names, arguments, _)| arguments.is_empty() && holds(names, name)).map(|(.., form)| *form)
}

/// What to write for these arguments of a function that may exist with others.
pub(super) fn other_call(name: &str, arguments: &str) -> Option<&'static str> {
    let fits = |(names, begin, _): &&(&str, &str, &str)| {
        !begin.is_empty() && holds(names, name) && arguments.starts_with(begin)
    };
    CALLS.iter().find(fits).map(|(.., form)| *form)
}

/// The form with what is written for `x`, `y` and `z`, where that is known.
pub(super) fn fill(form: &str, written: &[Option<&str>]) -> String {
    let in_word = |c: char| c.is_alphanumeric() || c == '_' || c == '\'';
    let (mut filled, mut before, mut rest) = (String::new(), ' ', form.chars().peekable());
    while let Some(c) = rest.next() {
        let alone = !in_word(before) && !rest.peek().is_some_and(|next| in_word(*next));
        let letter = "xyz".find(c).filter(|_| alone);
        match letter.and_then(|letter| written.get(letter).copied().flatten()) {
            Some(written) => filled.push_str(written),
            None => filled.push(c),
        }
        before = c;
    }
    filled
}

/// Whether a function of this name wants its first argument, which is of another type, as text.
pub(super) fn wants_text(name: &str, arguments: &str) -> bool {
    holds(ON_TEXT, name) && NO_TEXT.iter().any(|begin| arguments.starts_with(begin))
}

/// What to write for such a column.
pub(super) fn word(name: &str) -> Option<&'static str> {
    find(WORDS, name)
}

/// Whether this is a unit of time.
pub(super) fn is_unit(name: &str) -> bool {
    UNITS.contains(&name)
}

/// The type that goes by this name elsewhere.
pub(super) fn data_type(name: &str) -> Option<&'static str> {
    find(TYPES, name)
}

/// How a literal of this type is written.
pub(super) fn literal(of: &str) -> Option<&'static str> {
    Some(match of {
        "smallint" | "integer" | "bigint" => "a whole number, such as 42",
        "numeric" | "real" | "double precision" => "a number, such as 4.2",
        "boolean" => "true or false",
        "date" => "a date, such as '2026-01-31'",
        "interval" => "an interval, such as '2 days' or '3 hours 30 minutes'",
        "time" | "time without time zone" => "a time of day, such as '08:30'",
        "uuid" => "a UUID of 36 characters",
        "json" | "jsonb" => "JSON, with texts and keys in double quotes",
        _ if of.starts_with("timestamp") => "a time, such as '2026-01-31' or '2026-01-31 08:30+03'",
        _ => return None,
    })
}

/// Types that behave alike in operators.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Number,
    Text,
    Time,
    Interval,
    Boolean,
    Json,
    Array,
    Shape,
    Other,
}

fn class(of: &str) -> Class {
    match of {
        _ if of.ends_with("[]") => Class::Array,
        "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision" => Class::Number,
        "text" | "character varying" | "character" | "unknown" | "name" => Class::Text,
        "interval" => Class::Interval,
        "boolean" => Class::Boolean,
        "json" | "jsonb" => Class::Json,
        "geometry" | "geography" => Class::Shape,
        _ if of == "date" || of.starts_with("timestamp") => Class::Time,
        _ => Class::Other,
    }
}

/// What to write in place of `left op right`. `number` is what stands behind the operator, if it is a number.
pub(super) fn operator(left: &str, op: &str, right: &str, number: &str) -> Option<String> {
    let (number, days, hours) = match number {
        "" | "1" => ("1", "day", "hour"),
        number => (number, "days", "hours"),
    };
    let compares = matches!(op, "=" | "<>" | "!=" | "<" | ">" | "<=" | ">=");
    let (l, r) = (class(left), class(right));
    let pair = |class: Class| l == class || r == class;
    // The type of the side that is not of this class.
    let other = |class: Class| if l == class { right } else { left };
    Some(match op {
        "==" => "write = in place of ==".to_owned(),
        "!==" => "write <> in place of !==".to_owned(),
        "&&" if pair(Class::Boolean) => "write AND in place of &&".to_owned(),
        "||" if pair(Class::Boolean) => "write OR in place of ||".to_owned(),
        _ if op.starts_with('-') && op.contains('>') && l == Class::Text => {
            format!("cast the text: x::jsonb {op} 'key'")
        }
        "~~" | "!~~" | "~~*" | "!~~*" | "~" | "~*" if l == Class::Time => {
            "compare with a range: x >= '2026-01-01' AND x < '2026-02-01'".to_owned()
        }
        "~~" | "!~~" | "~~*" | "!~~*" | "~" | "~*" => {
            "patterns match texts: cast x::text, and put the pattern in quotes".to_owned()
        }
        _ if compares && pair(Class::Array) && l != r => "write x = ANY (array)".to_owned(),
        _ if compares && pair(Class::Json) => {
            format!("take the value out as text and cast it: (x ->> 'key')::{}", other(Class::Json))
        }
        _ if compares && pair(Class::Text) && pair(Class::Number) => {
            let (text, number) = if l == Class::Text { ("y", "x") } else { ("x", "y") };
            let of = other(Class::Text);
            format!("one side is text: put a literal in quotes, or cast: {text}::text or {number}::{of}")
        }
        _ if compares && pair(Class::Text) && l != r => format!("cast the text: y::{}", other(Class::Text)),
        _ if compares && pair(Class::Interval) && pair(Class::Number) => {
            format!(
                "compare with an interval, such as interval '{number} {hours}', or extract(epoch FROM x) / 60, which is minutes"
            )
        }
        _ if compares && pair(Class::Time) && pair(Class::Number) => {
            "write a date in quotes, such as '2026-01-31'; the year of one is extract(year FROM x)".to_owned()
        }
        _ if compares && pair(Class::Time) && pair(Class::Interval) => {
            format!("compare with a point in time: x {op} now() - interval '7 days'")
        }
        _ if compares && pair(Class::Boolean) && pair(Class::Number) => "compare with true or false".to_owned(),
        _ if compares && pair(Class::Shape) => "cast one side: x::geography or x::geometry".to_owned(),
        "+" | "-" if l == Class::Time && r == Class::Number => format!("write x {op} interval '{number} {days}'"),
        "+" if l == Class::Number && r == Class::Time => "write x + interval '1 day'".to_owned(),
        "+" | "-" if pair(Class::Interval) && pair(Class::Number) => {
            format!("write x {op} interval '{number} {hours}'")
        }
        "+" | "-" if l == Class::Time && r == Class::Text => format!("cast the text: x {op} y::interval"),
        "+" if l == Class::Time && r == Class::Time => {
            "times can be subtracted, or moved: x + interval '1 day'".to_owned()
        }
        "/" if l == Class::Interval && r == Class::Interval => {
            "divide seconds: extract(epoch FROM x) / extract(epoch FROM y)".to_owned()
        }
        "+" if pair(Class::Text) => "texts are joined with ||; to add, cast: x::numeric + y".to_owned(),
        "-" | "*" | "/" | "%" if pair(Class::Text) => format!("cast the text: x::numeric {op} y"),
        "%" if pair(Class::Number) && l == r => "cast: x::numeric % y::numeric".to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
#[path = "../../tests/unit/advice/dialect.rs"]
mod tests;
