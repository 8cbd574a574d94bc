//! Cleans up after the test process, however it ends.
//!
//! A shell waits on a pipe that this process holds. When the pipe closes (exit, panic, SIGKILL), it stops the clusters,
//! removes their folders and kills the servers that are left.

use std::{
    io::Write,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Mutex, OnceLock},
};

use super::cluster::Programs;

/// `$1`: pg_ctl. The rest: the words that make a command run as the cluster's user.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
pg_ctl=$1; shift
events=$(cat)
pids=$(printf '%s\n' "$events" | awk '$1 == "pid" { p[$2] = 1 } $1 == "end" { delete p[$2] } END { for (i in p) print i }')
for pid in $pids; do kill -KILL "$pid"; done
printf '%s\n' "$events" | sed -n 's/^dir //p' | while IFS= read -r dir; do
    cd "$dir" && "$@" "$pg_ctl" -D "$dir/data" -m immediate -s -w stop
    cd / && rm -rf -- "$dir"
done
"#;

fn tell(line: &str) {
    static REAPER: OnceLock<Mutex<(Child, ChildStdin)>> = OnceLock::new();
    let reaper = REAPER.get_or_init(|| {
        let programs = Programs::get();
        let mut child = Command::new("sh")
            .args(["-c", SCRIPT, "reaper"])
            .arg(programs.bin.join("pg_ctl"))
            .args(&programs.as_owner)
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

/// A cluster in `dir/data`, to be stopped and removed at the end.
pub(crate) fn watch_cluster(dir: &Path) {
    tell(&format!("dir {}", dir.display()));
}

/// A process to be killed at the end, unless [`ended`] is told of it.
pub(crate) fn watch_process(pid: u32) {
    tell(&format!("pid {pid}"));
}

/// The process has ended and been waited for.
pub(crate) fn ended(pid: u32) {
    tell(&format!("end {pid}"));
}
