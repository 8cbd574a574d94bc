//! What is written otherwise in PostgreSQL: functions of other databases, and operators between types.
//!
//! Tables of plain text. In: names and types as PostgreSQL's messages have them. Out: the form to write. Pure.

/// Functions: names, the types with which the arguments begin, and the form to write, where `f` is the function, and `x`, `y` and
/// `z` are the arguments. `-` is in place of types where a function of that name does not exist here.
#[rustfmt::skip]
const CALLS: &[(&str, &str, &str)] = &[
    ("median percentile approx_percentile quantile", "-", "percentile_cont(0.5) WITHIN GROUP (ORDER BY x)"),
    ("ifnull nvl isnull", "-", "coalesce(x, y), or the test x IS NULL"),
    ("nvl2 if iif iff", "-", "CASE WHEN x THEN y ELSE z END"),
    ("datediff date_diff timestampdiff", "-", "later::date - earlier::date for days, extract(epoch FROM later - earlier) / 3600 for hours"),
    ("dateadd date_add adddate timestampadd date_sub subdate add_months", "-", "t + interval '7 days', t - interval '1 month'"),
    ("getdate sysdate sysdatetime getutcdate utc_timestamp", "-", "now()"),
    ("curdate today", "-", "current_date"),
    ("date_format format_date strftime", "-", "to_char(t, 'YYYY-MM-DD')"),
    ("str_to_date to_datetime parse_timestamp parse_date", "-", "to_timestamp(t, 'YYYY-MM-DD HH24:MI')"),
    ("year quarter month week day hour minute second", "-", "extract(f FROM x), or date_trunc('f', x)"),
    ("dayofweek weekday dayname monthname", "-", "extract(isodow FROM x), which is 1 for Monday, or to_char(x, 'Dy Mon')"),
    ("time_bucket", "-", "date_bin(x, y, timestamptz '2000-01-01'), or date_trunc('month', y); f comes with TimescaleDB"),
    ("first min_by argmin last max_by argmax", "-", "(array_agg(x ORDER BY y))[1], with DESC for the last"),
    ("group_concat listagg", "-", "string_agg(x::text, ', ')"),
    ("len", "-", "length(x)"),
    ("charindex instr locate", "-", "position('part' IN t)"),
    ("unix_timestamp to_unixtime from_unixtime", "-", "extract(epoch FROM t), to_timestamp(seconds)"),
    ("countif count_if", "-", "count(*) FILTER (WHERE x)"),
    ("sumif sum_if avgif avg_if", "-", "sum(t) FILTER (WHERE condition)"),
    ("convert try_convert try_cast safe_cast", "-", "t::text, t::numeric and the like"),
    ("regexp_extract", "-", "substring(x FROM y)"),
    ("json_extract json_value json_extract_scalar get_json_object", "-", "x::jsonb ->> 'key'"),
    ("st_distance_sphere", "-", "ST_Distance(x::geography, y::geography), in metres"),
    ("count", "", "count(DISTINCT (x, y)), to count rows of several columns"),
    ("percentile_cont percentile_disc", "", "f(0.5) WITHIN GROUP (ORDER BY t)"),
    ("round trunc", "double precision, integer", "f(x::numeric, y), which takes a number of digits"),
    ("round trunc", "interval", "extract(epoch FROM x) / 60 for minutes, / 3600 for hours, of the interval itself, not divided before"),
    ("trunc", "timestamp|date", "date_trunc('month', x)"),
    ("sum avg min max", "boolean", "count(*) FILTER (WHERE x), avg(x::int), bool_and(x) or bool_or(x)"),
    ("sum avg round abs ceil ceiling floor trunc sqrt", "text|character varying", "f(x::numeric)"),
    ("extract date_part date_trunc", "unknown, text", "t::timestamptz in place of the text"),
    ("extract date_part", "unknown, integer", "the number itself: date - date is already a number of days"),
    ("date_trunc", "timestamp|date", "date_trunc('day', x): the unit comes first"),
    ("string_agg substring substr left right upper lower length split_part replace regexp_replace regexp_match btrim position \
      strpos concat_ws", "bigint|integer|smallint|numeric|double|timestamp|date|jsonb|boolean", "f(x::text, …)"),
    ("st_distance st_dwithin st_intersects st_contains st_within", "double precision, double precision",
     "ST_SetSRID(ST_MakePoint(longitude, latitude), 4326) for each point, with ::geography for metres"),
];
/// Operators: the class of one side, names, the class of the other side, and the form to write, where `x` is the first side, `o`
/// the operator, `t` the type of the second side, and `n` the number that stands there. `=` is for all that compare.
#[rustfmt::skip]
const OPERATORS: &[(&str, &str, &str, &str)] = &[
    ("", "==", "", "write = in place of o"),
    ("boolean", "&&", "", "write AND in place of o"),
    ("boolean", "||", "", "write OR in place of o"),
    ("text", "-> ->> #> #>>", "", "cast the text: x::jsonb o 'key'"),
    ("time", "~~ !~~ ~~* !~~* ~ ~*", "", "compare with a range: x >= '2026-01-01' AND x < '2026-02-01'"),
    ("", "~~ !~~ ~~* !~~* ~ ~*", "", "patterns match texts: cast x::text, and put the pattern in quotes"),
    ("array", "=", "", "write x = ANY (array)"),
    ("json", "=", "", "take the value out as text and cast it: (x ->> 'key')::t"),
    ("text", "< > <= >=", "number", "texts do not compare as numbers: cast (x)::numeric, the whole expression in parentheses"),
    ("text", "=", "", "one side is text: put a literal in quotes, or cast: x::t"),
    ("interval", "=", "number", "write extract(epoch FROM x) / 3600 o n for hours, / 60 for minutes, of the interval itself, not divided before; or compare with interval 'n hours'"),
    ("time", "=", "number", "write a date in quotes, such as '2026-01-31'; the year of one is extract(year FROM x)"),
    ("time", "+ -", "number", "write x o interval 'n days'"),
    ("interval", "+ -", "number", "write x o interval 'n hours'"),
    ("time", "+ -", "text", "cast the text to interval: x o …::interval"),
    ("text", "+", "", "texts are joined with ||; to add, cast: x::numeric"),
    ("text", "- * / %", "", "cast the text: x::numeric"),
    ("number", "%", "number", "cast both sides: x::numeric % …::numeric"),
];
fn holds(words: &str, name: &str) -> bool {
    words.split(' ').any(|word| word == name)
}

/// What to write in place of a call with arguments of these types. Whether a function of this name exists is known.
pub(super) fn call(name: &str, types: &str, exists: bool) -> Option<&'static str> {
    let matches = |(names, begin, _): &&(&str, &str, &str)| {
        let takes = || begin.split('|').any(|begin| types.starts_with(begin));
        holds(names, name) && if exists { *begin != "-" && takes() } else { *begin == "-" }
    };
    CALLS.iter().find(matches).map(|(.., form)| *form)
}

/// What to write in place of `left op right`, and whether `x` is the left side there.
pub(super) fn operator(left: &str, op: &str, right: &str) -> Option<(&'static str, bool)> {
    let compares = holds("= <> != < > <= >=", op);
    let is = |wanted: &str, side: &str| wanted.is_empty() || wanted == class(side);
    OPERATORS.iter().filter(|(_, ops, ..)| holds(ops, op) || (compares && *ops == "=")).find_map(
        |(one, _, other, form)| {
            let (here, there) = (is(one, left) && is(other, right), is(one, right) && is(other, left));
            (here || there).then_some((*form, here))
        },
    )
}

/// Types that behave alike in operators.
fn class(of: &str) -> &'static str {
    match of {
        _ if of.ends_with("[]") => "array",
        "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision" => "number",
        "text" | "character varying" | "character" | "unknown" | "name" => "text",
        "interval" => "interval",
        "boolean" => "boolean",
        "json" | "jsonb" => "json",
        _ if of == "date" || of.starts_with("timestamp") => "time",
        _ => "other",
    }
}

/// The form with what is written for its letters, where that is known.
pub(super) fn fill(form: &str, written: &[(&str, &str)]) -> String {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut filled = String::new();
    for piece in form.split_inclusive(|c| !in_word(c)) {
        let word = piece.trim_end_matches(|c| !in_word(c));
        filled.push_str(written.iter().find(|(letter, _)| *letter == word).map_or(word, |(_, written)| written));
        filled.push_str(piece.get(word.len()..).unwrap_or_default());
    }
    filled
}

#[cfg(test)]
#[path = "../../tests/unit/advice/dialect.rs"]
mod tests;
