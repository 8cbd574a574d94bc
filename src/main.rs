//! Starts the server: settings, role, socket, signals. Operator errors end here, with a message that says what to do.

use std::{
    env,
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    process::ExitCode,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use analytics_mcp::{
    auth::Tokens,
    config::{Config, ConfigError, SETTINGS},
    db::Database,
    definitions::{self, Checked},
    error::{Code, Failure},
    role_check::{Finding, Look, RoleCheck},
    server::Server,
};
use serde_json::{Value, json};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

/// `EX_CONFIG` of sysexits.h: restarting will not help.
const EXIT_CONFIG: u8 = 78;

fn main() -> ExitCode {
    // The driver logs statements at lower levels than these, so the environment may not choose the levels.
    env_logger::Builder::new()
        .filter(None, log::LevelFilter::Error)
        .filter(Some("analytics_mcp"), log::LevelFilter::Info)
        .target(env_logger::Target::Stderr)
        .init();
    let arguments: Vec<String> = env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => serve(),
        ["check"] => check(false),
        ["check", "--json"] => check(true),
        ["healthcheck"] => healthcheck(),
        ["--version" | "-V"] => print(&format!("analytics_mcp {}", env!("CARGO_PKG_VERSION"))),
        ["--help" | "-h"] => print(&help()),
        _ => Err(Refusal { code: 64, message: "unknown arguments; see analytics_mcp --help".to_owned() }),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Refusal { code, message }) => {
            log::error!("{message}");
            ExitCode::from(code)
        }
    }
}

/// An operator's error.
struct Refusal {
    code: u8,
    message: String,
}

impl From<ConfigError> for Refusal {
    fn from(error: ConfigError) -> Refusal {
        Refusal { code: EXIT_CONFIG, message: error.to_string() }
    }
}

/// A failure that another start may not meet.
fn failed(what: &str, error: &io::Error) -> Refusal {
    Refusal { code: 1, message: format!("{what}: {error}") }
}

fn help() -> String {
    let mut text = String::from(
        "analytics_mcp: a read-only MCP server over PostgreSQL\n\n\
         Usage: analytics_mcp              serves\n\
         \x20      analytics_mcp check        checks the settings, the database role and the definitions in analytics_meta, then exits\n\
         \x20                                 (--json: the findings as one JSON object on standard output)\n\
         \x20      analytics_mcp healthcheck  whether the running server answers (for containers)\n\
         \x20      analytics_mcp --version | --help\n\n\
         Settings, from the environment:\n",
    );
    for setting in SETTINGS {
        let default = setting.default.map(|default| format!(" [{default}]")).unwrap_or_default();
        text.push_str(&format!("  {}{default}\n      {}\n", setting.name, setting.meaning));
    }
    text.truncate(text.trim_end().len());
    text
}

fn print(text: &str) -> Result<(), Refusal> {
    writeln!(io::stdout(), "{text}").map_err(|error| failed("cannot write to standard output", &error))
}

/// The settings, the tokens and the pool.
fn prepare() -> Result<(Config, Tokens, Database), Refusal> {
    let config = Config::from_env()?;
    let tokens = Tokens::load(&config.token_source)?;
    let database = Database::new(&config)?;
    Ok((config, tokens, database))
}

fn serve() -> Result<(), Refusal> {
    let (config, tokens, database) = prepare()?;
    warn(&made_up(&tokens));
    let role_check = RoleCheck::new(config.readable_schemas.clone());
    match role_check.look(&database, &Arc::default(), Instant::now()) {
        Ok(look) => report(&look.findings)?,
        // The role is checked before the first query instead.
        Err(Failure { code: Code::Unavailable, message, .. }) if database.login_refused().is_none() => {
            log::warn!("starting without the database: {message}");
        }
        Err(failure) => return Err(refused_login(&database, &failure)),
    }
    let address = config.listen;
    let listener = TcpListener::bind(address).map_err(|error| {
        ConfigError::new(
            "MCP_LISTEN",
            format!("cannot listen on {address}: {error}; stop what listens there, or choose another port"),
        )
    })?;
    start(config, database, tokens, role_check, listener).map_err(|error| failed("cannot start", &error))
}

/// Serves until a signal ends it.
fn start(
    config: Config,
    database: Database,
    tokens: Tokens,
    role_check: RoleCheck,
    listener: TcpListener,
) -> io::Result<()> {
    let (address, count, sign_in) = (config.listen, tokens.count(), sign_in(&config));
    let server = Server::new(config, database, tokens, role_check)?;
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let listener = Arc::new(listener);
    let accepting = thread::Builder::new().name("accept".to_owned()).spawn({
        let (server, listener) = (Arc::clone(&server), Arc::clone(&listener));
        move || server.run(&listener)
    })?;
    log::info!("analytics_mcp {} listens on {address} for {count} tokens; {sign_in}", env!("CARGO_PKG_VERSION"));
    for signal in signals.forever() {
        if signal == SIGHUP {
            match server.reload_tokens() {
                Ok(tokens) => {
                    log::info!("{} tokens read again", tokens.count());
                    warn(&made_up(&tokens));
                }
                Err(error) => log::error!("the tokens stay as they were: {error}"),
            }
            continue;
        }
        log::info!("stopping: running queries get up to 6 s");
        server.stop(&listener);
        break;
    }
    drop(listener);
    let _ = accepting.join();
    log::info!("stopped");
    Ok(())
}

/// Checks settings, role and definitions, and reports everything that is found.
fn check(json: bool) -> Result<(), Refusal> {
    let outcome = inspect();
    if json {
        print(&verdict(&outcome).to_string())?;
    }
    let Inspected { sign_in, tokens, look, definitions } = outcome?;
    report(&tokens)?;
    for broken in definitions.iter().flat_map(|definitions| &definitions.broken) {
        log::warn!("this definition no longer works: {broken}");
    }
    report(&look.findings)?;
    if !json {
        let geos = geos(&look).map(|note| format!("\n{note}")).unwrap_or_default();
        let definitions = definitions.map(|found| {
            format!("\ndefinitions: {} in analytics_meta, {} of them broken", found.checked, found.broken.len())
        });
        let definitions = definitions.unwrap_or_default();
        let tokens = if tokens.is_empty() { String::new() } else { format!("; warnings: {}", tokens.len()) };
        print(&format!(
            "settings: usable{tokens}\nrole: suitable; warnings: {}{geos}{definitions}\n{sign_in}",
            look.findings.len()
        ))?;
    }
    Ok(())
}

/// What `check` has found.
struct Inspected {
    /// Whether people can sign in, and where.
    sign_in: String,
    /// Warnings of tokens.
    tokens: Vec<Finding>,
    look: Look,
    /// None where there is no catalogue of meaning.
    definitions: Option<Checked>,
}

/// A warning for each analyst whose token does not look random.
fn made_up(tokens: &Tokens) -> Vec<Finding> {
    let finding = |name: &str| {
        Finding {
        refuse: false,
        what: format!("the token of {name} looks as if a person had made it up"),
        fix: "replace it by the output of: openssl rand -hex 24 (whoever finds an old sign-in code or access token can try \
              guesses offline)"
            .to_owned(),
    }
    };
    tokens.made_up().into_iter().map(finding).collect()
}

/// What is wrong with the tokens, the role and the definitions, or why that cannot be known.
fn inspect() -> Result<Inspected, Refusal> {
    let (config, tokens, database) = prepare()?;
    let tokens = made_up(&tokens);
    let role_check = RoleCheck::new(config.readable_schemas.clone());
    let look = role_check
        .look(&database, &Arc::default(), Instant::now())
        .map_err(|failure| refused_login(&database, &failure))?;
    // A role that must not be used reads nothing.
    let definitions = if refused(&look.findings) {
        None
    } else {
        definitions::check(&database, &look.known).unwrap_or_else(|failure| {
            log::warn!("analytics_meta cannot be read: {}", failure.message);
            None
        })
    };
    Ok(Inspected { sign_in: sign_in(&config), tokens, look, definitions })
}

/// Whether people can sign in, and where.
fn sign_in(config: &Config) -> String {
    match &config.public_url {
        Some(url) => format!("sign-in: at {url}"),
        None => "sign-in: off, so claude.ai and Claude Desktop cannot connect; MCP_PUBLIC_URL turns it on".to_owned(),
    }
}

/// What an old GEOS costs.
fn geos(look: &Look) -> Option<String> {
    look.known.fragile_geos().map(|version| {
        format!(
            "GEOS {version} is older than 3.13.1: ST_Buffer takes only a plain number as its radius, since a computed or extreme one \
             can bring PostgreSQL down"
        )
    })
}

/// The object that `check --json` prints.
fn verdict(outcome: &Result<Inspected, Refusal>) -> Value {
    match outcome {
        Ok(Inspected { tokens, look, definitions, .. }) => {
            let findings: Vec<&Finding> = look.findings.iter().chain(tokens).collect();
            let mut verdict = json!({ "suitable": !refused(&look.findings), "findings": findings });
            if let Some(verdict) = verdict.as_object_mut() {
                verdict.extend(geos(look).map(|note| ("geos".to_owned(), note.into())));
                verdict.extend(definitions.as_ref().map(|found| ("definitions".to_owned(), json!(found))));
            }
            verdict
        }
        Err(refusal) => json!({ "suitable": false, "error": refusal.message }),
    }
}

/// Why the role could not be checked.
fn refused_login(database: &Database, failure: &Failure) -> Refusal {
    match database.login_refused() {
        Some(reason) => {
            ConfigError::new("DATABASE_URL", format!("{reason}; correct the role, its password or the database")).into()
        }
        None => Refusal { code: 1, message: format!("the database role cannot be inspected: {}", failure.message) },
    }
}

/// Logs findings.
fn warn(findings: &[Finding]) {
    for finding in findings {
        let level = if finding.refuse { log::Level::Error } else { log::Level::Warn };
        log::log!(level, "{}. Fix: {}", finding.what, finding.fix);
    }
}

/// Logs findings; the error if one of them forbids the start.
fn report(findings: &[Finding]) -> Result<(), Refusal> {
    warn(findings);
    if !refused(findings) {
        return Ok(());
    }
    let message =
        "with this role the server is not started: fix it as described above, or apply scripts/analytics_ro_role.sql";
    Err(Refusal { code: EXIT_CONFIG, message: message.to_owned() })
}

/// Whether one of the findings forbids the start.
fn refused(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.refuse)
}

/// Whether the server on this machine answers. Needs no shell and no curl in the image.
fn healthcheck() -> Result<(), Refusal> {
    let config = Config::from_env().map_err(|error| Refusal { code: 1, ..error.into() })?;
    match ask_health(config.listen) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Refusal { code: 1, message: "the server does not answer as it should".to_owned() }),
        Err(error) => Err(failed("the server does not answer", &error)),
    }
}

fn ask_health(listen: SocketAddr) -> io::Result<bool> {
    let ip = match listen.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    let limit = Duration::from_secs(3);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::new(ip, listen.port()), limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    Ok(status == *b"HTTP/1.1 200")
}
