//! Who signed in, who signed out, and who was refused.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::json;

use super::write_line;
use crate::{auth::Analyst, metrics::Metrics};

/// What can become of a sign-in.
#[derive(Debug, Clone, Copy)]
pub enum SignInEvent {
    /// Its client renewed its access.
    Refreshed,
    /// Its client gave up its access.
    SignedOut,
    /// It ended because something of it was used twice, so somebody has a copy.
    Voided,
}

/// The record of sign-ins, in the audit log and the metrics.
pub struct SignIns {
    metrics: Arc<Metrics>,
    /// For each kind of line that others can cause at will: when one was last written, and how many have not been written since.
    written: Mutex<BTreeMap<String, (Instant, u64)>>,
}

impl SignIns {
    /// Nobody has tried yet.
    pub fn new(metrics: Arc<Metrics>) -> SignIns {
        SignIns { metrics, written: Mutex::default() }
    }

    /// Records that an analyst signed in for a client: what the client calls itself, and where the browser was sent.
    pub fn accepted(&self, analyst: &Analyst, client: &str, destination: &str, peer: IpAddr) {
        self.metrics.sign_in(false);
        write_line(
            "signed_in",
            &json!({ "analyst": analyst, "client": client, "destination": destination, "peer": peer }),
            &self.metrics,
        );
    }

    /// Records what became of a sign-in, at most one line a second for each analyst and event: programs can cause these at will.
    pub fn progressed(&self, event: SignInEvent, analyst: &Analyst) {
        let event = match event {
            SignInEvent::Refreshed => "refreshed",
            SignInEvent::SignedOut => "signed_out",
            SignInEvent::Voided => "sign_in_voided",
        };
        if let Some(count) = self.count(format!("{event} {}", analyst.name())) {
            write_line(event, &json!({ "analyst": analyst, "count": count }), &self.metrics);
        }
    }

    /// Records somebody without a valid token. At most one line a second for each reason, since a stranger must not be able to
    /// fill the disk; by reason, so that nobody can hide one kind of refusal behind another. `reason` is the program's own text.
    pub fn refused(&self, peer: IpAddr, reason: &'static str) {
        self.metrics.sign_in(true);
        if let Some(count) = self.count(reason.to_owned()) {
            let line = json!({ "reason": reason, "peer": peer, "count": count });
            write_line("sign_in_refused", &line, &self.metrics);
        }
    }

    /// For how many a line is due: this one, and those that have not been written. `None` within a second of the last line.
    fn count(&self, kind: String) -> Option<u64> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let mut count = 1;
        if let Some((at, unwritten)) = written.get_mut(&kind) {
            *unwritten = unwritten.saturating_add(1);
            if at.elapsed() < Duration::from_secs(1) {
                return None;
            }
            count = *unwritten;
        }
        written.insert(kind, (Instant::now(), 0));
        Some(count)
    }
}
