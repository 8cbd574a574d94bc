//! Until when PostgreSQL may keep a session waiting.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    task::Waker,
    time::{Duration, Instant},
};

/// Set by the session, kept by its stream.
#[derive(Default)]
pub(in crate::db) struct Deadline(Mutex<Until>);

#[derive(Default)]
pub(super) struct Until {
    pub(super) at: Option<Instant>,
    /// How long PostgreSQL has for the next step, once it has made the one that it is at.
    next: Option<Duration>,
    pub(super) passed: bool,
    pub(super) waiting: Option<Waker>,
}

impl Deadline {
    /// From now on PostgreSQL has so long.
    pub(in crate::db) fn set(&self, within: Duration) {
        let mut until = self.lock();
        (until.at, until.next, until.passed) = (Instant::now().checked_add(within), None, false);
    }

    /// Once PostgreSQL has made the step that it is at, it has so long.
    pub(in crate::db) fn then(&self, within: Duration) {
        self.lock().next = Some(within);
    }

    /// PostgreSQL has made a step.
    pub(super) fn step(&self) {
        let mut until = self.lock();
        if let Some(within) = until.next.take() {
            until.at = Instant::now().checked_add(within);
        }
    }

    /// PostgreSQL has no longer than this. Reaches a thread that waits already.
    pub(in crate::db) fn shorten(&self, within: Duration) {
        let mut until = self.lock();
        let earlier = Instant::now().checked_add(within);
        until.next = None;
        if !until.passed && until.at.is_none_or(|at| earlier.is_some_and(|earlier| earlier < at)) {
            until.at = earlier;
            if let Some(waiting) = until.waiting.take() {
                waiting.wake();
            }
        }
    }

    /// PostgreSQL may take as long as it likes: nobody waits any more.
    pub(in crate::db) fn lift(&self) {
        self.lock().at = None;
    }

    /// Whether PostgreSQL was late since the last [`Deadline::set`].
    pub(in crate::db) fn passed(&self) -> bool {
        self.lock().passed
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Until> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
