//! Starts the server: settings, role, socket, signals. Operator errors end here, with a message that says what to do.

mod check;

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
    REVISION, VERSION,
    auth::{MetricsToken, Tokens},
    config::{Config, ConfigError, SETTINGS, listen_address},
    db::Database,
    error::{Code, Failure},
    role_check::RoleCheck,
    server::Server,
};
use check::{check, made_up, refused_login, report, sign_in, warn};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM},
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
        ["--version" | "-V"] => print(&version()),
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

fn version() -> String {
    let revision = REVISION.map(|revision| format!(" (revision {revision})")).unwrap_or_default();
    format!("analytics_mcp {VERSION}{revision}")
}

fn help() -> String {
    let mut text = String::from(
        "analytics_mcp: a read-only MCP server over PostgreSQL\n\n\
         Usage: analytics_mcp              serves\n\
         \x20      analytics_mcp check        checks the settings, the database role and the definitions in analytics_meta, then exits\n\
         \x20                                 (--json: the findings as one JSON object on standard output)\n\
         \x20      analytics_mcp healthcheck  whether the running server answers (for containers)\n\
         \x20      analytics_mcp --version | --help\n\n\
         Signals: SIGHUP reads the tokens again; SIGTERM and SIGINT stop, running calls get 6 s; SIGQUIT stops once all\n\
         running calls are answered\n\n\
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

/// What the settings, and the files that they name, come to.
struct Prepared {
    config: Config,
    tokens: Tokens,
    metrics_token: Option<MetricsToken>,
    database: Database,
    role_check: RoleCheck,
}

fn prepare() -> Result<Prepared, Refusal> {
    let config = Config::from_env()?;
    let metrics_token = config.metrics_token_source.as_ref().map(MetricsToken::load).transpose()?;
    let tokens = Tokens::load(&config.token_source)?.without(metrics_token.as_ref())?;
    let database = Database::new(&config)?;
    let role_check = RoleCheck::new(config.readable_schemas.clone(), config.hidden_columns_file.clone());
    // The database may be down: a file that cannot be used is reported all the same.
    role_check.rules()?;
    Ok(Prepared { config, tokens, metrics_token, database, role_check })
}

fn serve() -> Result<(), Refusal> {
    // First: the system does not deliver to a container's first process what it has no handler for.
    let signals = Signals::new([SIGTERM, SIGINT, SIGQUIT, SIGHUP]).map_err(|error| failed("cannot start", &error))?;
    let prepared = prepare()?;
    let Prepared { config, tokens, database, role_check, .. } = &prepared;
    warn(&made_up(tokens));
    match role_check.look(database, &Arc::default(), Instant::now()) {
        Ok(look) => report(&look.findings)?,
        // The role is checked before the first query instead.
        Err(Failure { code: Code::Unavailable, message, .. }) if database.login_refused().is_none() => {
            log::warn!("starting without the database: {message}");
        }
        Err(failure) => return Err(refused_login(database, &failure)),
    }
    let address = config.listen;
    let listener = TcpListener::bind(address).map_err(|error| {
        ConfigError::new(
            "MCP_LISTEN",
            format!("cannot listen on {address}: {error}; stop what listens there, or choose another port"),
        )
    })?;
    start(prepared, listener, signals).map_err(|error| failed("cannot start", &error))
}

/// Serves until a signal ends it.
fn start(prepared: Prepared, listener: TcpListener, mut signals: Signals) -> io::Result<()> {
    let Prepared { config, tokens, metrics_token, database, role_check } = prepared;
    let (address, count, sign_in) = (config.listen, tokens.count(), sign_in(&config));
    let server = Server::new(config, database, tokens, metrics_token, role_check)?;
    let listener = Arc::new(listener);
    let accepting = thread::Builder::new().name("accept".to_owned()).spawn({
        let (server, listener) = (Arc::clone(&server), Arc::clone(&listener));
        move || server.run(&listener)
    })?;
    log::info!("{} listens on {address} for {count} tokens; {sign_in}", version());
    while let Some(signal) = signals.forever().next() {
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
        if signal == SIGQUIT {
            log::info!("stopping: refuses new connections, and stays until all running calls are answered");
            server.drain(&listener, || signals.pending().any(|signal| signal != SIGHUP));
        } else {
            log::info!("stopping: running queries get up to 6 s");
        }
        server.stop(&listener);
        break;
    }
    drop(listener);
    let _ = accepting.join();
    log::info!("stopped");
    Ok(())
}

/// Whether the server on this machine answers. Needs no shell and no curl in the image, and none of the server's files: an unusable
/// list of tokens leaves the old one in force, so it is no reason to take the server off the network.
fn healthcheck() -> Result<(), Refusal> {
    let address = listen_address().map_err(|error| Refusal { code: 1, ..error.into() })?;
    match ask_health(address) {
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
