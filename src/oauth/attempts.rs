//! How fast one address may guess: ten wrong tokens at once, then one in six seconds.
//!
//! Only wrong tokens count, and nobody can be locked out: an analyst behind the same address as a guesser waits a few seconds
//! at most. Guessing a random token of 16 characters is hopeless at any rate; this keeps the noise in the log down.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

const BURST: u32 = 10;
const INTERVAL: Duration = Duration::from_secs(6);
/// The most addresses that are remembered, a few dozen bytes each.
const MAX_ADDRESSES: usize = 10_000;

/// For each address, the time at which its failures will have expired.
#[derive(Default)]
pub(super) struct Attempts(Mutex<HashMap<IpAddr, Instant>>);

impl Attempts {
    /// How long this address has to wait before it may try again, if at all.
    pub(super) fn wait(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let clear = *self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&network(address))?;
        let debt = clear.saturating_duration_since(now);
        debt.checked_sub(INTERVAL.saturating_mul(BURST.saturating_sub(1))).filter(|wait| !wait.is_zero())
    }

    /// A wrong token came from this address.
    pub(super) fn failed(&self, address: IpAddr, now: Instant) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let address = network(address);
        if all.len() >= MAX_ADDRESSES && !all.contains_key(&address) {
            all.retain(|_, clear| *clear > now);
            // Still full, so many are guessing at once: the address whose failures expire first is dropped.
            if all.len() >= MAX_ADDRESSES
                && let Some(soonest) = all.iter().min_by_key(|(_, clear)| **clear).map(|(address, _)| *address)
            {
                all.remove(&soonest);
            }
        }
        let clear = all.entry(address).or_insert(now);
        *clear = (*clear).max(now).checked_add(INTERVAL).unwrap_or(now);
    }
}

/// With IPv6 one person has a whole /64 of addresses to choose from.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & !u128::from(u64::MAX)).into()),
        v4 => v4,
    }
}

#[cfg(test)]
#[path = "../../tests/unit/oauth/attempts.rs"]
mod tests;
