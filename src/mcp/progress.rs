//! Progress of a long call, as events ahead of its answer.

use std::{
    panic,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    http::Exchange,
    jsonrpc::{Error, code},
};

/// How often progress is reported. Clients give up when nothing has come for 60 s.
const EVERY: Duration = Duration::from_secs(5);

/// Runs a call in a thread of its own, and reports to the client every few seconds that it still runs.
pub(super) fn report<T: Send>(
    exchange: &mut Exchange<'_>,
    token: &Value,
    call: impl FnOnce() -> T + Send,
) -> Result<T, Error> {
    thread::scope(|scope| {
        // Nothing is sent through the channel: its end is the end of the call, also by a panic.
        let (running, ended) = mpsc::channel::<()>();
        let caller = thread::Builder::new().name("call".to_owned()).spawn_scoped(scope, move || {
            let _running = running;
            call()
        });
        let caller = caller.map_err(|error| {
            log::warn!("cannot start a thread for a call: {error}");
            Error::new(503, code::INTERNAL_ERROR, "the server is too busy; try again in a few seconds")
        })?;
        let mut seconds = 0u64;
        while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
            seconds = EVERY.as_secs().saturating_add(seconds);
            let params =
                json!({ "progressToken": token, "progress": seconds, "message": format!("running for {seconds} s") });
            let event = json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": params });
            if exchange.send_event(&event.to_string()).is_err() {
                // The client is gone; `permits` sees that too and ends the call.
                break;
            }
        }
        Ok(caller.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked)))
    })
}
