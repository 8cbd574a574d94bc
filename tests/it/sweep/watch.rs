//! Looks at the cluster from outside while calls run: crashes, and statements that go on after their time.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::PathBuf,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use postgres::{Client, NoTls};

use super::{LIMIT, catalog};
use crate::support::{
    cluster::{Cluster, DEMO},
    eventually, within,
};

/// A statement has outlived its time when it has used so much of the processor after the limit: other work on the
/// machine makes it slower, and is not to blame it.
const GRACE: Duration = Duration::from_secs(3);
/// After so much its process is halted, so that the other calls have the processor.
const HALT: Duration = Duration::from_secs(6);
/// A statement has outlived its time as well when it is still there so long after the limit, busy or not.
const STUCK: Duration = Duration::from_secs(30);

/// Statements that went on after their time: text and the most seconds that each was seen to work after it.
pub(super) type Outlived = Arc<Mutex<BTreeMap<String, f64>>>;

pub(super) struct Watch {
    pub(super) outlived: Outlived,
    dsn: String,
    log: PathBuf,
    end: Arc<AtomicBool>,
    sampler: Option<JoinHandle<()>>,
}

impl Watch {
    pub(super) fn new(cluster: &Cluster) -> Watch {
        let (outlived, end) = (Outlived::default(), Arc::<AtomicBool>::default());
        let dsn = cluster.dsn("postgres", DEMO);
        let (seen, stop, address) = (Arc::clone(&outlived), Arc::clone(&end), dsn.clone());
        let sampler = thread::spawn(move || {
            let mut client: Option<Client> = None;
            let mut known = HashMap::new();
            while !stop.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(250));
                // A crash ends this session as well.
                client = client.filter(|client| !client.is_closed()).or_else(|| Client::connect(&address, NoTls).ok());
                if let Some(client) = &mut client {
                    sample(client, &mut known, &seen);
                }
            }
        });
        Watch { outlived, dsn, log: cluster.dir().join("log"), end, sampler: Some(sampler) }
    }

    /// How long the log is now.
    pub(super) fn mark(&self) -> u64 {
        fs::metadata(&self.log).map_or(0, |about| about.len())
    }

    /// What the log says of processes that died by a signal since then, if any did.
    pub(super) fn crash_since(&self, mark: u64) -> Option<String> {
        let log = fs::read(&self.log).unwrap_or_default();
        let new = String::from_utf8_lossy(log.get(mark as usize..).unwrap_or_default()).replace("\n\t", "\n");
        new.contains("was terminated by signal").then_some(new)
    }

    /// How many processes died so in all.
    pub(super) fn crashes(&self) -> usize {
        let log = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&log).matches("was terminated by signal").count()
    }

    /// Waits until no statement runs any more, or is known to have outlived its time.
    pub(super) fn settle(&self) {
        let mut client = eventually("a session", || Client::connect(&self.dsn, NoTls).ok());
        let settled = within(STUCK + Duration::from_secs(10), || {
            let rows = client.query(ACTIVE, &[&[catalog::RO, catalog::PLAIN].as_slice(), &0.0]).ok()?;
            let outlived = self.outlived.lock().unwrap();
            rows.iter().all(|row| outlived.contains_key(row.get::<_, &str>(1))).then_some(())
        });
        assert!(settled.is_some(), "a statement that goes on has not been noticed");
    }

    /// Waits until PostgreSQL takes sessions again.
    pub(super) fn wait_for_recovery(&self) {
        eventually("the end of the recovery", || Client::connect(&self.dsn, NoTls).ok());
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(sampler) = self.sampler.take() {
            let _ = sampler.join();
        }
    }
}

const ACTIVE: &str = "SELECT pid, query, query_start::text, extract(epoch FROM clock_timestamp() - query_start)::float8
      FROM pg_stat_activity
     WHERE usename = ANY ($1) AND state = 'active' AND clock_timestamp() - query_start > make_interval(secs => $2)";

/// `known`: statements past the limit by process and begin, with the processor time that their process had used by then.
fn sample(client: &mut Client, known: &mut HashMap<(i32, String), Duration>, outlived: &Outlived) {
    let roles = [catalog::RO, catalog::PLAIN].as_slice();
    let Ok(rows) = client.query(ACTIVE, &[&roles, &LIMIT.as_secs_f64()]) else { return };
    for row in rows {
        let (pid, text, began, age): (i32, String, String, f64) = (row.get(0), row.get(1), row.get(2), row.get(3));
        let Some(used) = processor_time(pid) else { continue };
        let since = used.saturating_sub(*known.entry((pid, began)).or_insert(used));
        let stuck = age > (LIMIT + STUCK).as_secs_f64();
        if since < GRACE && !stuck {
            continue;
        }
        outlived.lock().unwrap().insert(text, since.as_secs_f64());
        if since > HALT || stuck {
            let _ = Command::new("kill").args(["-STOP", &pid.to_string()]).status();
        }
    }
}

/// How long the processor has worked for a process.
fn processor_time(pid: i32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // utime and stime, in hundredths of a second; the name before them may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}
