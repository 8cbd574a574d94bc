//! Cleans up after the test process, however it ends.
//!
//! A shell waits on a pipe that this process holds. When the pipe closes (exit, panic, SIGKILL), it kills the servers that
//! are left. (`tests/postgres` does the same for the clusters.)

use std::{
    io::Write,
    os::unix::process::CommandExt,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Mutex, OnceLock},
};

const SCRIPT: &str = r#"
trap '' INT TERM HUP
for pid in $(awk '$1 == "pid" { p[$2] = 1 } $1 == "end" { delete p[$2] } END { for (i in p) print i }'); do
    kill -KILL "$pid"
done
"#;

fn tell(line: &str) {
    static REAPER: OnceLock<Mutex<(Child, ChildStdin)>> = OnceLock::new();
    let reaper = REAPER.get_or_init(|| {
        let mut child = Command::new("sh")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0) // Ctrl-C is for the tests
            .spawn()
            .expect("sh starts");
        let pipe = child.stdin.take().expect("piped");
        Mutex::new((child, pipe))
    });
    let mut reaper = reaper.lock().unwrap();
    writeln!(reaper.1, "{line}").expect("the reaper lives as long as the tests");
}

/// A process to be killed at the end, unless [`ended`] is told of it.
pub(crate) fn watch_process(pid: u32) {
    tell(&format!("pid {pid}"));
}

/// The process has ended and been waited for.
pub(crate) fn ended(pid: u32) {
    tell(&format!("end {pid}"));
}
