//! What the tests stand on: a database, a server and a client, each as small as it can be.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

pub(crate) mod client;
pub(crate) mod cluster;
pub(crate) mod library;
pub(crate) mod random;
pub(crate) mod reaper;
pub(crate) mod server;

/// How long anything may take before it counts as hanging. Generous: these tests share two cores with others.
pub(crate) const HANG: Duration = Duration::from_secs(60);

/// Polls until `probe` finds something; panics with `what` after [`HANG`].
#[track_caller]
pub(crate) fn eventually<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    within(HANG, probe).unwrap_or_else(|| panic!("waited {HANG:?} in vain: {what}"))
}

/// Polls until `probe` finds something, `time` long at most.
pub(crate) fn within<T>(time: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + time;
    loop {
        if let Some(found) = probe() {
            return Some(found);
        }
        if Instant::now() > deadline {
            return None;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// The time that this thread has had on a processor: the measure for a limit that must hold on a busy machine too.
pub(crate) fn processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    Duration::from_nanos(stat.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("its first number"))
}
