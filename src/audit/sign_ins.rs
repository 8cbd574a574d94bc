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

/// The record of sign-ins, in the audit log and the metrics.
pub struct SignIns {
    metrics: Arc<Metrics>,
    /// For each reason: when a refusal was last written, and how many have not been written since. Counted by reason, so that
    /// nobody can hide one kind of refusal behind another.
    refused: Mutex<BTreeMap<&'static str, (Instant, u64)>>,
}

impl SignIns {
    /// Nobody has tried yet.
    pub fn new(metrics: Arc<Metrics>) -> SignIns {
        SignIns { metrics, refused: Mutex::default() }
    }

    /// Records that an analyst signed in for a client: what the client calls itself, and where the browser was sent.
    pub fn accepted(&self, analyst: &Analyst, client: &str, destination: &str, peer: IpAddr) {
        self.metrics.sign_in(false);
        write_line(
            "signed_in",
            &json!({ "analyst": analyst, "client": client, "destination": destination, "peer": peer }),
        );
    }

    /// Records that a client revoked its access.
    pub fn signed_out(&self, analyst: &Analyst) {
        write_line("signed_out", &json!({ "analyst": analyst }));
    }

    /// Records somebody without a valid token. At most one line a second for each reason, since a stranger must not be able to
    /// fill the disk. `reason` is the program's own text.
    pub fn refused(&self, peer: IpAddr, reason: &'static str) {
        self.metrics.sign_in(true);
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let mut count = 1;
        if let Some((written, unwritten)) = refused.get_mut(reason) {
            *unwritten = unwritten.saturating_add(1);
            if written.elapsed() < Duration::from_secs(1) {
                return;
            }
            count = *unwritten;
        }
        refused.insert(reason, (Instant::now(), 0));
        drop(refused);
        write_line("sign_in_refused", &json!({ "reason": reason, "peer": peer, "count": count }));
    }
}
