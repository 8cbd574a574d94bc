//! Errors of which the code and the message say nearly everything, and values of enums.

use super::{Row, dialect, quoted, text::Text};
use crate::error::Failure;

/// How the code begins, parts of the message of which one is there, and what to do, where `c` is the name at the place, and `v`
/// what the message quotes. The first that matches counts.
#[rustfmt::skip]
const CAUSES: &[(&str, &str, &str)] = &[
    ("22012", "", "divide by nullif(x, 0): the result is null then"),
    ("21000", "", "let the sub-select give one row, with LIMIT 1 or max(x), or write IN in place of ="),
    ("42P20", "", "compute the window function in a query inside, and filter around it: SELECT * FROM (SELECT …, row_number() OVER (…) AS n FROM …) AS q WHERE n = 1"),
    ("42803", "in WHERE", "WHERE comes before the groups: filter them with HAVING count(*) … after GROUP BY"),
    ("42803", "nested", "compute the inner aggregate in a sub-select: SELECT max(n) FROM (SELECT count(*) AS n FROM … GROUP BY …) AS q"),
    ("42803", "column of *", "list the columns in place of *, each in GROUP BY or in an aggregate"),
    ("42803", "must appear", "add c, or the whole expression that it stands in, to GROUP BY, or aggregate it: max(c)"),
    ("42846", "interval to", "extract(epoch FROM x) gives seconds; / 60 minutes, / 3600 hours"),
    ("42846", "type date to|type timestamp", "extract(epoch FROM x) gives seconds since 1970, extract(day FROM x) the day"),
    ("42846", "to interval", "multiply: x * interval '1 minute'"),
    ("42846", "to date|to timestamp", "to_timestamp(x) takes seconds since 1970; to_date(x::text, 'YYYYMMDD') digits"),
    ("42846", "json", "take the value out as text, and cast it: (x ->> 'key')::numeric"),
    ("42804", "type boolean, not", "write a condition, such as x = 'value' or x IS NOT NULL"),
    ("42804", "cannot be matched", "cast all of them to one type, such as x::text"),
    ("42704", "\"datetime|timestamp_", "the type is timestamptz or timestamp"),
    ("42704", "\"string|\"nvarchar|\"varchar2|\"clob|\"longtext", "the type is text"),
    ("42704", "\"number|\"double|\"float|\"int64|\"long|\"unsigned|\"tinyint", "the types are bigint, numeric and double precision"),
    ("42809", "WITHIN GROUP", "write percentile_cont(0.5) WITHIN GROUP (ORDER BY x)"),
    ("0A000", "set-returning", "call it in FROM: … FROM generate_series(1, 10) AS n"),
    ("22023", "unit \"", "units are second, minute, hour, day, week, month, quarter, year; extract knows dow, isodow, doy and epoch, too"),
    ("22023", "time zone", "time zones are named after cities, such as 'Africa/Nairobi'"),
    ("22P02", "malformed array", "compare a value with an array as x = ANY (array); an array is ARRAY['a', 'b']"),
    ("22", ": \"\"", "an empty text is no value: test with IS NULL, or cast nullif(x, '')"),
    ("22P02", "type integer:|type bigint:|type smallint:|type numeric:|type double precision:", "write a number, such as 42; or, if text is meant, cast the other side: x::text; stored texts that are no numbers, CASE WHEN x ~ '^-?[0-9.]+$' THEN x::numeric END leaves out"),
    ("22007", "\"last |\"this |\"past |\"previous |\"next ", "write date_trunc('month', now()) - interval '1 month' and the like, or a time such as '2026-01-31'"),
    ("22007", "day\"|days\"|hour\"|hours\"|minutes\"|week\"|weeks\"|month\"|months\"|year\"|years\"", "say that it is an interval: interval 'v'"),
    ("22007", "type interval:", "write an interval, such as '2 days' or '3 hours 30 minutes'"),
    ("22007", "type date:|type timestamp", "write a time, such as '2026-01-31' or '2026-01-31 08:30+03'"),
    ("22008", "", "write a time, such as '2026-01-31' or '2026-01-31 08:30+03'; a number of days stands without quotes: current_date - 30"),
    ("XX000", "geometry type not supported", "write ST_CurveToLine(g) for a curve, or ST_AsText(g)"),
    ("XX000", "mixed SRID", "give both shapes one SRID: ST_SetSRID(g, 4326) where it is missing, ST_Transform(g, 4326) where it is another"),
];

/// The enum of which a message says that it lacks a value.
pub(super) fn of_enum(message: &str) -> Option<&str> {
    message.split_once(": ")?.0.rsplit_once(" enum ").map(|(_, of)| of)
}

/// What to do.
pub(super) fn advice(failure: &Failure, text: &Text, rows: &[Row]) -> Option<String> {
    let (message, code) = (&failure.message, failure.sqlstate.as_deref()?);
    let value = quoted(message).pop().unwrap_or_default();
    let labels = rows.iter().filter_map(|row| if let Row::Value { text } = row { Some(text.as_str()) } else { None });
    let labels: Vec<&str> = labels.collect();
    if !labels.is_empty() {
        return Some(format!("its values are '{}'", labels.join("', '")));
    }
    let matches = |(begin, parts, _): &&(&str, &str, &str)| {
        code.starts_with(begin) && parts.split('|').any(|part| message.contains(part))
    };
    let (.., form) = CAUSES.iter().find(matches)?;
    Some(dialect::fill(form, &[("c", &text.names().join(".")), ("v", &value)]))
}
