//! Literals, casts, groups and whatever else needs no more than the message and the place.

use super::{Advice, Row, dialect, quoted, text::Text};
use crate::error::Failure;

/// The enum of which a message says that it lacks a value.
pub(super) fn of_enum(message: &str) -> Option<&str> {
    let (what, _) = message.split_once(": ")?;
    what.rsplit_once(" enum ").map(|(_, of)| of)
}

/// 22P02, 22007, 22008: a text that is no value of its type.
pub(super) fn bad(failure: &Failure, rows: &[Row]) -> Advice {
    let value = quoted(&failure.message).pop().unwrap_or_default();
    let labels = rows.iter().filter_map(|row| if let Row::Value { text } = row { Some(text.as_str()) } else { None });
    let labels: Vec<&str> = labels.collect();
    if !labels.is_empty() {
        let same = labels.iter().filter(|label| label.eq_ignore_ascii_case(&value));
        let similar = same.map(|label| (*label).to_owned()).collect();
        return Advice { hint: Some(format!("its values are '{}'", labels.join("', '"))), similar };
    }
    let of = failure.message.split_once(" type ").and_then(|(_, rest)| rest.split_once(": "));
    let of = of.map(|(of, _)| of).unwrap_or_default();
    let is_time = of.starts_with("timestamp") || of == "date" || failure.sqlstate.as_deref() == Some("22008");
    let unit = value.split(' ').nth(1).unwrap_or_default().trim_end_matches('s');
    let form = dialect::literal(if of.is_empty() && is_time { "timestamp" } else { of });
    let hint = match form {
        _ if of_enum(&failure.message).is_some() => None,
        _ if is_time && dialect::is_unit(unit) => Some(format!("say that it is an interval: interval '{value}'")),
        Some(_) if value.is_empty() => {
            Some("an empty text is no value: test with IS NULL, or cast nullif(x, '')".to_owned())
        }
        Some(form) if failure.position.is_none() && form.contains("number") => Some(format!(
            "a stored value is not {form}: CASE WHEN x ~ '^-?[0-9]+([.][0-9]+)?$' THEN x::numeric END leaves such values out"
        )),
        Some(form) if form.contains("number") => {
            Some(format!("write {form}; or, if text is meant, cast the other side: x::text"))
        }
        Some(form) => Some(format!("write {form}")),
        None if failure.message.starts_with("malformed array") => {
            Some("compare a value with an array as x = ANY (array); an array is ARRAY['a', 'b']".to_owned())
        }
        None => None,
    };
    hint.into()
}

/// Errors of which the code says nearly everything.
pub(super) fn other(code: &str, message: &str, text: &Text) -> Option<String> {
    let says = |part: &str| message.contains(part);
    let fixed = match code {
        "22012" => "divide by nullif(x, 0): the result is null then",
        "21000" => "let the sub-select give one row, with LIMIT 1 or max(x), or write IN in place of =",
        "42P20" => {
            "compute the window function in a query inside, and filter around it: SELECT * FROM (SELECT …, row_number() OVER (…) AS n FROM …) AS q WHERE n = 1"
        }
        "42712" => "give each table an alias of its own",
        "42803" if text.is_call() && says("WHERE") => {
            let call = format!("{}({})", text.near(0).text, text.arguments().join(", "));
            let call = if call.len() < 80 { &call } else { "count(*)" };
            return Some(format!("WHERE comes before the groups: filter them with HAVING {call} … after GROUP BY"));
        }
        "42803" if text.is_call() && says("GROUP BY") => {
            "group by the other columns, and leave the aggregate out of GROUP BY"
        }
        "42803" if text.is_call() => {
            "compute the inner aggregate in a sub-select: SELECT max(n) FROM (SELECT count(*) AS n FROM … GROUP BY …) AS q"
        }
        "42803" => return ungrouped(text),
        "42846" => cast(message)?,
        "42804" if says("argument of") && says("boolean") => "write a condition, such as x = 'value' or x IS NOT NULL",
        "42804" if says("cannot be matched") => "cast all of them to one type, such as x::text",
        "42704" => return dialect::data_type(&text.names().pop()?).map(|form| format!("the type is {form}")),
        "42809" if says("WITHIN GROUP") => "write percentile_cont(0.5) WITHIN GROUP (ORDER BY x)",
        "42809" if says("OVER clause") => "add OVER (PARTITION BY … ORDER BY …) after the call",
        "42P10" if says("ORDER BY expressions must appear") => {
            "add what ORDER BY sorts by to the SELECT list, or use GROUP BY in place of DISTINCT"
        }
        "42P10" if says("DISTINCT ON") => "begin ORDER BY with the expressions of DISTINCT ON",
        "0A000" if says("set-returning") => "call it in FROM: … FROM generate_series(1, 10) AS n",
        "0A000" if says("DISTINCT is not implemented") => "count the different values in a sub-select with GROUP BY",
        "0A000" if says("cross-database") => "write schema.table, without the database",
        "22023" if says("unit \"") => {
            "units are second, minute, hour, day, week, month, quarter, year; extract knows dow, isodow, doy and epoch, too"
        }
        "22023" if says("time zone") => "time zones are named after cities, such as 'Africa/Nairobi'",
        _ if says("geometry type not supported") => "write ST_CurveToLine(g) for a curve, or ST_AsText(g)",
        _ if says("mixed SRID") => {
            "give both shapes one SRID: ST_SetSRID(g, 4326) where it is missing, ST_Transform(g, 4326) where it is another"
        }
        _ => return None,
    };
    Some(fixed.to_owned())
}

/// A column that is neither grouped nor aggregated.
fn ungrouped(text: &Text) -> Option<String> {
    let column = text.names().join(".");
    if column.is_empty() {
        return Some("list the columns in place of *, each in GROUP BY or in an aggregate".to_owned());
    }
    Some(format!(
        "add {column}, or the whole expression that it stands in, to GROUP BY, or aggregate it: max({column})"
    ))
}

/// What to write for a cast that there is not.
fn cast(message: &str) -> Option<&'static str> {
    let (from, to) = message.split_once(" type ")?.1.split_once(" to ")?;
    let is_number = matches!(to, "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision");
    Some(match (from, to) {
        ("interval", _) if is_number => "extract(epoch FROM x) gives seconds; / 60 minutes, / 3600 hours",
        ("date", _) if is_number => "extract(epoch FROM x) gives seconds since 1970; x - date '2026-01-01' days",
        (from, _) if is_number && from.starts_with("timestamp") => {
            "extract(epoch FROM x) gives seconds since 1970, extract(day FROM x) the day"
        }
        ("boolean", _) if is_number => "write x::int, or CASE WHEN x THEN 1 ELSE 0 END",
        (_, "interval") => "multiply: x * interval '1 minute'",
        (_, "date") | (_, "timestamp with time zone") if from != "boolean" => {
            "to_timestamp(x) takes seconds since 1970; to_date(x::text, 'YYYYMMDD') digits"
        }
        (_, "boolean") => "write a condition, such as x <> 0",
        ("json" | "jsonb", _) => "take the value out as text, and cast it: (x ->> 'key')::numeric",
        ("geography" | "geometry", _) => "write ST_AsText(x), ST_X(x) or ST_Y(x)",
        _ => return None,
    })
}
