//! What TimescaleDB knows of a hypertable or continuous aggregate, and how that is said.

use serde::Deserialize;

use super::second;

/// A hypertable or continuous aggregate of TimescaleDB. Times and intervals as PostgreSQL writes them.
#[derive(Debug, Clone, Deserialize)]
pub struct Hypertable {
    pub(super) name: String,
    /// `hypertable` or `continuous aggregate`.
    pub kind: String,
    /// What a continuous aggregate sums up.
    pub of: Option<String>,
    /// About how many rows there are.
    pub rows: Option<i64>,
    pub(super) time: Option<String>,
    interval: Option<String>,
    chunks: Option<i64>,
    compressed_chunks: Option<i64>,
    pub(super) from: Option<String>,
    to: Option<String>,
    pub(super) oldest_ends: Option<String>,
    pub(super) newest_begins: Option<String>,
    compressed_before: Option<String>,
    segment_by: Option<String>,
    compress_after: Option<String>,
    drop_after: Option<String>,
    refresh_every: Option<String>,
    refresh_from: Option<String>,
    refresh_to: Option<String>,
    last_refresh: Option<String>,
    last_status: Option<String>,
    materialized_to: Option<String>,
    real_time: Option<bool>,
    /// The query of a continuous aggregate.
    pub definition: Option<String>,
}

impl Hypertable {
    /// What a reader of its rows should know, in sentences.
    pub fn text(&self) -> String {
        let mut text = Vec::new();
        if let (Some(time), Some(interval), Some(chunks)) = (&self.time, &self.interval, self.chunks) {
            text.push(format!(
                "{chunks} chunks of {interval} by {time}: a filter on {time} reads only those it needs."
            ));
        }
        if let Some(compressed) = self.compressed_chunks {
            let before =
                self.compressed_before.as_ref().map(|to| format!(" (before {})", second(to))).unwrap_or_default();
            let fast =
                self.segment_by.as_ref().map(|by| format!("; there a filter on {by} is fast")).unwrap_or_default();
            text.push(format!("{compressed} are compressed{before}{fast}."));
        }
        if let Some(after) = &self.compress_after {
            text.push(format!("Compressed after {after}."));
        }
        if let Some(after) = &self.drop_after {
            text.push(format!("Rows older than {after} are dropped."));
        }
        if let Some(every) = &self.refresh_every {
            let window = match (&self.refresh_from, &self.refresh_to) {
                (Some(from), Some(to)) => format!(" for the time from {from} to {to} ago"),
                (None, Some(to)) => format!(" up to {to} ago"),
                _ => String::new(),
            };
            let last = self.last_refresh.as_ref().map(|last| format!(", last at {}", second(last))).unwrap_or_default();
            let failed = self.last_status.as_ref().filter(|status| *status != "Success");
            let failed = failed.map(|status| format!("; the last run: {status}")).unwrap_or_default();
            text.push(format!("Refreshed every {every}{window}{last}{failed}."));
        }
        if let Some(to) = &self.materialized_to {
            text.push(format!("Materialized up to {}.", second(to)));
        }
        match self.real_time {
            Some(true) => text.push("Newer rows are computed when it is read (real-time).".to_owned()),
            Some(false) => text.push("Newer rows are not in it (not real-time).".to_owned()),
            None => {}
        }
        text.join(" ")
    }

    /// From when to when it may have rows, without a look at them.
    pub(super) fn bound(&self) -> Option<String> {
        let (time, from) = (self.time.as_ref()?, second(self.from.as_ref()?));
        Some(match (&self.materialized_to, &self.to) {
            (Some(to), _) => format!("{time} from {from} on, materialized to {}", second(to)),
            (None, Some(to)) => format!("{time} between {from} and {} (by its chunks)", second(to)),
            (None, None) => format!("{time} from {from} on"),
        })
    }
}
