//! The ways to the database: TLS, several hosts, and a pooler in between.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::json;

use crate::support::{
    client::{Connection, request},
    cluster::{Cluster, DEMO, HELPERS, PASSWORD, Programs, READER, free_port, output},
    eventually, reaper,
    server::{Run, Server, run},
    within,
};

const ENCRYPTED: &str =
    "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'reader' AND ssl";

/// An authority in `dir`, and with it a certificate for this name.
fn certificate(dir: &Path, name: &str) -> PathBuf {
    let authority = dir.join(format!("{name}-authority.crt"));
    let script = format!(
        "set -e; cd {dir}
         openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=authority -keyout {name}-authority.key -out {name}-authority.crt
         openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr
         printf 'subjectAltName=DNS:{name}' > {name}.ext
         openssl x509 -req -days 2 -in {name}.csr -CA {name}-authority.crt -CAkey {name}-authority.key -CAcreateserial -extfile {name}.ext -out {name}.crt
         chmod 600 {name}.key; chmod 644 {name}*.crt",
        dir = dir.display()
    );
    output(Command::new("sh").args(["-c", &script]));
    if Programs::get().as_owner.len() > 1 {
        output(
            Command::new("chown")
                .arg("postgres:")
                .args([dir.join(format!("{name}.key")), dir.join(format!("{name}.crt"))]),
        );
    }
    authority
}

/// What `check` says with this URL.
fn check(url: &str) -> Run {
    run(&["check"], &[("DATABASE_URL", url), ("MCP_READABLE_SCHEMAS", "fuel")])
}

#[test]
fn the_way_to_the_database_can_be_encrypted_and_its_end_be_verified() {
    let cluster = Cluster::new();
    cluster.sql(DEMO, READER);
    let authority = certificate(cluster.dir(), "localhost");
    let foreign = certificate(cluster.dir(), "elsewhere");
    // The role is let in by TLS only.
    let rules = "host all postgres 127.0.0.1/32 scram-sha-256\nhostssl all reader 127.0.0.1/32 scram-sha-256\n";
    fs::write(cluster.dir().join("data/pg_hba.conf"), rules).unwrap();
    let dir = cluster.dir().display().to_string();
    cluster
        .configure(&format!("ssl = on\nssl_cert_file = '{dir}/localhost.crt'\nssl_key_file = '{dir}/localhost.key'\n"));
    let url =
        |host: &str, query: &str| format!("postgresql://reader:{PASSWORD}@{host}:{}/{DEMO}?{query}", cluster.port);
    let verified =
        |host: &str, authority: &Path| url(host, &format!("sslmode=verify-full&sslrootcert={}", authority.display()));

    for url in [url("127.0.0.1", "sslmode=require"), url("127.0.0.1", ""), verified("localhost", &authority)] {
        let server = Server::start(&[("DATABASE_URL", &url), ("MCP_READABLE_SCHEMAS", "fuel")]);
        assert_eq!(server.alice().query("SELECT n FROM fuel.records").rows(), [json!({ "n": 7 })], "{url}");
        assert!(cluster.count(DEMO, ENCRYPTED) >= 1, "{url}");
        // A cancel request finds its way, too.
        let endless = server.alice().begin(&json!(1), "SELECT count(*) FROM generate_series(1, 20000000000)");
        let running = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'reader' AND state = 'active' AND query LIKE '%20000000000%'";
        eventually("the query runs", || (cluster.count(DEMO, running) == 1).then_some(()));
        endless.hang_up();
        eventually("the query ends", || (cluster.count(DEMO, running) == 0).then_some(()));
    }
    for (what, url, part) in [
        ("in clear", url("127.0.0.1", "sslmode=disable"), "no pg_hba.conf entry"),
        ("another name", verified("127.0.0.1", &authority), "certificate"),
        ("another authority", verified("localhost", &foreign), "certificate"),
    ] {
        let run = check(&url);
        assert_ne!(run.code, Some(0), "{what}: {}", run.told());
        assert!(run.stderr.contains(part), "{what}: {}", run.told());
        assert!(!run.told().contains(PASSWORD), "{what}");
    }
    assert_eq!(check(&verified("localhost", &authority)).code, Some(0));
    // A database without TLS is not reached in clear when TLS was asked for.
    cluster.configure("ssl = off\n");
    let run = check(&url("127.0.0.1", "sslmode=require"));
    assert!(run.code != Some(0) && run.stderr.contains("TLS"), "{}", run.told());
}

#[test]
fn of_several_hosts_the_first_that_answers_is_used() {
    let cluster = Cluster::shared();
    for (hosts, query) in [
        (format!("127.0.0.1:{},127.0.0.1:{}", free_port(), cluster.port), ""),
        (format!("127.0.0.1:{},127.0.0.1:{}", cluster.port, free_port()), "?target_session_attrs=read-only"),
    ] {
        let url = format!("postgresql://analytics_ro:{PASSWORD}@{hosts}/{DEMO}{query}");
        let server = Server::start(&[("DATABASE_URL", &url)]);
        assert_eq!(server.alice().query("SELECT 1 AS n").rows(), [json!({ "n": 1 })], "{hosts}");
    }
}

/// PgBouncer in transaction mode before the shared cluster.
struct Pooler {
    child: Child,
    port: u16,
}

impl Pooler {
    fn start(settings: &str) -> Pooler {
        let (cluster, programs, port) = (Cluster::shared(), Programs::get(), free_port());
        let dir = cluster.dir().join(format!("pgbouncer-{port}"));
        fs::create_dir(&dir).unwrap();
        let file = |name: &str| dir.join(name).display().to_string();
        let users = format!("\"analytics_ro\" \"{PASSWORD}\"\n");
        fs::write(file("users.txt"), users).unwrap();
        let ini = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = scram-sha-256\nauth_file = {}\npool_mode = transaction\ndefault_pool_size = 3\nlogfile = {}\n{settings}",
            cluster.port,
            file("users.txt"),
            file("log"),
        );
        fs::write(file("pgbouncer.ini"), ini).unwrap();
        if programs.as_owner.len() > 1 {
            output(Command::new("chown").arg("-R").arg("postgres:").arg(&dir));
        }
        let mut words = programs.as_owner.iter();
        let mut command = Command::new(words.next().unwrap());
        command.args(words).arg("pgbouncer").arg(file("pgbouncer.ini")).env("PATH", "/usr/sbin:/usr/bin:/bin");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        reaper::watch_process(child.id());
        let mut pooler = Pooler { child, port };
        let up = within(Duration::from_secs(20), || Connection::try_open(port).ok().map(drop));
        let ended = pooler.child.try_wait().unwrap();
        assert!(
            up.is_some() && ended.is_none(),
            "PgBouncer does not start (Debian: apt-get install pgbouncer): {ended:?}"
        );
        pooler
    }

    fn url(&self, database: &str) -> String {
        format!("postgresql://analytics_ro:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
        reaper::ended(self.child.id());
    }
}

#[test]
fn a_pooler_in_transaction_mode_may_stand_in_between() {
    let pooler = Pooler::start("ignore_startup_parameters = extra_float_digits,options\n");
    let url = pooler.url(HELPERS);
    let settings = [("DATABASE_URL", url.as_str()), ("MCP_STATEMENT_TIMEOUT", "12s")];
    let servers = [Server::start(&settings), Server::start(&settings)];
    // Six sessions on three of PostgreSQL's, mixed: types that the driver has to ask about, and others.
    thread::scope(|scope| {
        for (number, client) in
            servers.iter().flat_map(|server| [server.alice(), server.bob(), server.bob()]).enumerate()
        {
            scope.spawn(move || {
                for round in 0..15 {
                    assert_eq!(client.query(&format!("SELECT {round} AS n")).rows(), [json!({ "n": round })]);
                    let sql = format!("SELECT '({number},{round})'::point AS p, ST_MakePoint({round}, 1) AS g, 'r'::information_schema.character_data AS d");
                    let rows = client.query(&sql).rows();
                    assert_eq!(rows[0]["g"]["coordinates"], json!([round, 1]), "{rows:?}");
                    let listed = client.call("describe_table", json!({ "schema": "tickets", "table": "inc" }));
                    assert!(!listed.is_error, "{:?}", listed.texts);
                }
            });
        }
    });
    let alice = servers[0].alice();
    let limits = "SELECT current_setting('statement_timeout') AS t, current_setting('transaction_read_only') AS r, current_setting('lock_timeout') AS l";
    assert_eq!(alice.query(limits).rows(), [json!({ "t": "12s", "r": "on", "l": "3s" })]);
    assert_eq!(alice.query("SELECT it.nap(30)").error()["code"], "TIMEOUT");
    assert!(!alice.query("SELECT it.score(n) FROM generate_series(1, 50) AS n").is_error);
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
    eventually("no lock stays", || (Cluster::shared().count(HELPERS, locks) == 0).then_some(()));
    let left = alice.begin(&json!(1), "SELECT it.nap(11, 'left behind the pooler')");
    let running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%left behind the pooler%' AND pid <> pg_backend_pid()";
    eventually("the query runs", || (Cluster::shared().count(HELPERS, running) == 1).then_some(()));
    left.hang_up();
    let line = servers[0]
        .audit("the call that was left", |line| line["sql"].as_str().is_some_and(|sql| sql.contains("left behind")));
    assert_eq!(line["code"], "CANCELLED", "{line}");
}

#[test]
fn a_pooler_that_takes_no_options_is_told_with_its_fix() {
    let pooler = Pooler::start("");
    let server = Server::start(&[("DATABASE_URL", &pooler.url(DEMO))]);
    server.wait_for_log("ignore_startup_parameters = options");
    let response = request(server.port, "GET", "/readyz", &[], b"");
    assert_eq!((response.status, response.json()["reason"].clone()), (503, json!("DATABASE_UNAVAILABLE")));
}
