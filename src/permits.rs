//! What is running: a fair share for each analyst, and the ways in which a call is ended early.
//!
//! A call is cancelled in PostgreSQL when its client hangs up, when the analyst sends `notifications/cancelled` with its
//! id, and when the server stops.

use std::{
    collections::HashMap,
    net::TcpStream,
    os::fd::AsFd,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use serde_json::Value;

use crate::{
    auth::Analyst,
    db::{self, Cancel, Reason},
    error::{Code, Failure},
};

/// How often the clients of running calls are looked at, and how often a cancel request is repeated.
const TICK: Duration = Duration::from_millis(200);
/// How many calls of an analyst may wait for a permit; any more are refused at once.
const MAX_WAITING: usize = 64;
/// The running calls.
pub struct Permits {
    max_per_analyst: usize,
    calls: Mutex<Calls>,
    changed: Condvar,
}

#[derive(Default)]
struct Calls {
    /// The thread that looks after hang-ups waits for a call to look after.
    idle: bool,
    next: u64,
    all: HashMap<u64, Running>,
}

struct Running {
    analyst: Analyst,
    id: Value,
    /// The connection that waits for the answer; none once it has been given.
    client: Option<Arc<TcpStream>>,
    cancel: Weak<Cancel>,
    /// It still waits for its place.
    waiting: bool,
}

/// A running call. Its place is given back when the call is over here and in PostgreSQL.
pub struct Permit {
    number: u64,
    calls: Arc<Permits>,
    cancel: Arc<Cancel>,
}

impl Permit {
    /// The call's cancel switch.
    pub fn cancel(&self) -> &Arc<Cancel> {
        &self.cancel
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(call) = self.calls.lock().all.get_mut(&self.number) {
            call.client = None;
        }
    }
}

/// An entry among the calls, until it is dropped. The call's [`Cancel`] keeps it.
struct Place {
    number: u64,
    calls: Arc<Permits>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut calls = self.calls.lock();
        calls.all.remove(&self.number);
        let awaited = calls.all.values().any(|call| call.waiting);
        drop(calls);
        if awaited {
            self.calls.changed.notify_all();
        }
    }
}

impl Permits {
    /// Nothing is running yet. Starts the thread that looks after hang-ups.
    pub fn start(max_per_analyst: usize) -> std::io::Result<Arc<Permits>> {
        let calls = Arc::new(Permits { max_per_analyst, calls: Mutex::default(), changed: Condvar::new() });
        let watched = Arc::clone(&calls);
        thread::Builder::new().name("hang-up".to_owned()).spawn(move || watched.watch())?;
        Ok(calls)
    }

    /// A place for a call, as soon as the analyst has fewer than their share running. `id` is the JSON-RPC id and
    /// `client` the connection that waits for the answer. A call that waits for its place can be cancelled, too.
    pub fn enter(
        self: &Arc<Self>,
        analyst: &Analyst,
        id: &Value,
        client: Arc<TcpStream>,
        started: Instant,
    ) -> Result<Permit, Failure> {
        let mut calls = self.lock();
        let number = calls.next;
        calls.next = calls.next.wrapping_add(1);
        let cancel = Arc::new(Cancel::keeping(Place { number, calls: Arc::clone(self) }));
        let call = Running {
            analyst: analyst.clone(),
            id: id.clone(),
            client: Some(client),
            cancel: Arc::downgrade(&cancel),
            waiting: true,
        };
        calls.all.insert(number, call);
        if std::mem::take(&mut calls.idle) {
            self.changed.notify_all();
        }
        // Gives the entry back when the call gets no place; its end takes the lock, so the lock is given back before.
        let permit = Permit { number, calls: Arc::clone(self), cancel };
        let refused = loop {
            let own = |waiting: bool| move |call: &&Running| call.analyst == *analyst && call.waiting == waiting;
            if calls.all.values().filter(own(false)).count() < self.max_per_analyst {
                break None;
            }
            if let Some(reason) = permit.cancel.requested() {
                break Some(reason.failure());
            }
            let left = db::BUSY_AFTER.saturating_sub(started.elapsed());
            if left.is_zero() || calls.all.values().filter(own(true)).count() > MAX_WAITING {
                let message = format!("you have {} queries running, which is the most", self.max_per_analyst);
                let hint = "wait for one of them, or make them shorter, and try again";
                break Some(Failure::new(Code::Busy, message).hint(hint));
            }
            calls = self.changed.wait_timeout(calls, left).unwrap_or_else(PoisonError::into_inner).0;
        };
        if let Some(call) = calls.all.get_mut(&number).filter(|_| refused.is_none()) {
            call.waiting = false;
        }
        drop(calls);
        refused.map_or(Ok(permit), Err)
    }

    /// Cancels the analyst's calls with this id. An analyst with two clients that use the same id loses both.
    pub fn cancel(&self, analyst: &Analyst, id: &Value) {
        self.request(Reason::Requested, |call| call.analyst == *analyst && call.id == *id);
    }

    /// Cancels everything.
    pub fn cancel_all(&self) {
        self.request(Reason::Shutdown, |_| true);
    }

    /// How many calls have their place.
    pub fn count(&self) -> usize {
        self.lock().all.values().filter(|call| !call.waiting).count()
    }

    fn request(&self, reason: Reason, which: impl Fn(&Running) -> bool) {
        let chosen: Vec<Arc<Cancel>> =
            self.lock().all.values().filter(|call| which(call)).filter_map(|call| call.cancel.upgrade()).collect();
        // Outside the lock: the last holder of a switch gives its place back.
        for cancel in chosen {
            cancel.request(reason);
        }
        self.changed.notify_all();
    }

    /// Looks for clients that have left. For ever.
    fn watch(&self) {
        loop {
            let mut calls = self.lock();
            let watched: Vec<(Arc<TcpStream>, Arc<Cancel>)> = loop {
                let watched =
                    calls.all.values().filter_map(|call| Some((call.client.clone()?, call.cancel.upgrade()?)));
                let watched: Vec<_> = watched.collect();
                if !watched.is_empty() {
                    break watched;
                }
                calls.idle = true;
                calls = self.changed.wait(calls).unwrap_or_else(PoisonError::into_inner);
            };
            drop(calls);
            let began = Instant::now();
            for ((_, cancel), gone) in watched.iter().zip(hung_up(&watched)) {
                // A cancelled call that still runs is cancelled again: the request may have come between statements.
                match cancel.requested() {
                    Some(reason) => cancel.request(reason),
                    None if gone => cancel.request(Reason::HangUp),
                    None => {}
                }
            }
            drop(watched);
            // Those that wait for their place look at their switch only when they are woken.
            self.changed.notify_all();
            thread::sleep(TICK.saturating_sub(began.elapsed()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which clients have closed their side, waiting a tick for the first.
fn hung_up(watched: &[(Arc<TcpStream>, Arc<Cancel>)]) -> Vec<bool> {
    let flags = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
    let mut polled: Vec<PollFd<'_>> =
        watched.iter().map(|(client, _)| PollFd::from_borrowed_fd(client.as_fd(), PollFlags::RDHUP)).collect();
    let timeout = Timespec { tv_sec: 0, tv_nsec: TICK.subsec_nanos().into() };
    match poll(&mut polled, Some(&timeout)) {
        Ok(_) => polled.iter().map(|fd| fd.revents().intersects(flags)).collect(),
        Err(Errno::INTR) => vec![false; watched.len()],
        Err(error) => {
            log::warn!("cannot watch for hang-ups: {error}");
            thread::sleep(TICK);
            vec![false; watched.len()]
        }
    }
}
