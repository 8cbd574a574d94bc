//! The tools whose rows a person sees: one that a model calls, and one by which the view gets all that the first has left out.

use serde_json::json;

use super::{
    DEFAULT_ROWS,
    arguments::Arguments,
    call::{Call, Outcome},
    query::{Form, run},
};
use crate::statement::Format;

/// The ways to show rows. The first leaves the choice to the view.
pub(super) const VIEWS: [&str; 7] = ["auto", "table", "line", "bar", "stacked", "scatter", "map"];
/// The most bytes of the text of `show_query`, which the model reads too: the view gets the rest by `show_rows`.
const PREVIEW: usize = 40_000;
/// The most characters of a title, and of the name of a column.
pub(super) const TITLE: usize = 120;
pub(super) const NAME: usize = 63;
/// The most measures in one picture.
pub(super) const MEASURES: usize = 6;

pub(super) fn show_query(call: &mut Call<'_>, mut arguments: Arguments) -> Outcome {
    let sql = arguments.text("sql", usize::MAX, None)?;
    let max_rows = arguments.integer("max_rows", call.app.config.max_rows, DEFAULT_ROWS)?;
    let title = arguments.text("title", TITLE, Some(""))?;
    let view = arguments.one_of("view", &VIEWS.map(str::to_owned), Some("auto"))?;
    let [x, group] = [arguments.text("x", NAME, Some(""))?, arguments.text("group", NAME, Some(""))?];
    let y = arguments.texts("y", MEASURES, NAME)?;
    arguments.finish()?;
    let hints = json!({ "view": view, "x": x, "y": y, "group": group });
    let opening = format!("\"title\":{},\"view\":{hints},{}", json!(title), as_of());
    let form = Form::new(Format::Arrays, &call.app.config);
    show(call, &sql, &Form { max_rows, max_bytes: form.max_bytes.min(PREVIEW), opening, ..form })
}

pub(super) fn show_rows(call: &mut Call<'_>, mut arguments: Arguments) -> Outcome {
    let sql = arguments.text("sql", usize::MAX, None)?;
    let max_rows = arguments.integer("max_rows", call.app.config.max_rows, u32::MAX)?;
    arguments.finish()?;
    show(call, &sql, &Form { max_rows, opening: as_of(), ..Form::new(Format::Arrays, &call.app.config) })
}

fn show(call: &mut Call<'_>, sql: &str, form: &Form) -> Outcome {
    let admitted = call.admit()?;
    run(call, &admitted, sql, form).map_err(|failure| failure.located_in(sql))
}

/// When the query began, as a member of the answer.
fn as_of() -> String {
    format!("\"as_of\":\"{:.0}\",", jiff::Timestamp::now())
}
