//! `DATABASE_URL`: how to reach PostgreSQL, and how the connection is protected.

use std::{error::Error as _, fs, path::Path, str::FromStr};

use postgres::config::{Host, SslMode, TargetSessionAttrs};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde::{Serialize, Serializer, ser::SerializeStruct};

/// What a usable URL looks like, for messages.
pub(super) const EXAMPLE: &str = "postgresql://analytics_ro:password@timescale_db:5432/tracksolid_db";

/// How to connect.
#[derive(Debug, Clone)]
pub struct DatabaseUrl {
    /// Hosts, user, password, database; its debug output hides the password.
    pub config: postgres::Config,
    /// With `sslmode=verify-full`, the authorities one of which must have signed the server's certificate. Otherwise the
    /// connection is encrypted if the server supports it, or always (`require`), and the certificate is not verified.
    pub authorities: Option<Vec<CertificateDer<'static>>>,
}

/// What may be shown of it: the role, and the address without the password.
impl Serialize for DatabaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let user = self.config.get_user().unwrap_or_default();
        let ports = self.config.get_ports();
        let port = |index: usize| ports.get(index).or_else(|| ports.first()).copied().unwrap_or(5432);
        let hosts = self.config.get_hosts().iter().enumerate().map(|(index, host)| match host {
            Host::Tcp(name) if name.contains(':') => format!("[{name}]:{}", port(index)),
            Host::Tcp(name) => format!("{name}:{}", port(index)),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        });
        let hosts = hosts.collect::<Vec<String>>().join(",");
        let database = self.config.get_dbname().unwrap_or_default();
        let mut shown = serializer.serialize_struct("DatabaseUrl", 2)?;
        shown.serialize_field("user", user)?;
        shown.serialize_field("url", &format!("postgresql://{user}:***@{hosts}/{database}"))?;
        shown.end()
    }
}

impl DatabaseUrl {
    /// Reads a URL. The error says what is wrong and what to do, and quotes nothing of the URL but the names of its options.
    pub(super) fn read(url: &str) -> Result<DatabaseUrl, String> {
        let (url, verified) = take_verification(url.trim())?;
        // The driver's message can quote a part of the URL, so only its kind is passed on.
        let mut config = postgres::Config::from_str(&url).map_err(|error| {
            let kind = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            let kinds = ["unknown option", "invalid value for option", "unexpected EOF", "invalid connection string"];
            let kind = kinds.iter().find(|known| kind.contains(*known)).copied();
            malformed(&format!(
                "it cannot be read ({})",
                kind.unwrap_or("is a character in the password not percent-encoded?")
            ))
        })?;
        for (missing, what) in [
            (config.get_hosts().is_empty(), "it names no host"),
            (config.get_user().is_none(), "it names no user"),
            (config.get_dbname().is_none(), "it names no database"),
        ] {
            if missing {
                return Err(malformed(what));
            }
        }
        if config.get_hosts().iter().any(|host| !matches!(host, Host::Tcp(_))) {
            return Err(malformed("a host is the path of a Unix socket; only host names and addresses can be used"));
        }
        if config.get_options().is_some() {
            return Err("remove its options= part: this server sets the session's settings itself".to_owned());
        }
        if config.get_target_session_attrs() == TargetSessionAttrs::ReadWrite {
            return Err(
                "target_session_attrs=read-write cannot be met, since every session here is read-only; remove it, and name the preferred host first"
                    .to_owned(),
            );
        }
        let authorities = match verified {
            Some(path) => {
                config.ssl_mode(SslMode::Require);
                Some(certificates(&path)?)
            }
            None => None,
        };
        Ok(DatabaseUrl { config, authorities })
    }
}

fn malformed(what: &str) -> String {
    format!("{what}; it should look like {EXAMPLE}")
}

/// Splits `sslmode=verify-full` and `sslrootcert`, which the driver does not know, from a URL: the rest, and the file.
fn take_verification(url: &str) -> Result<(String, Option<String>), String> {
    let (address, query) = url.split_once('?').filter(|_| url.contains("://")).unwrap_or((url, ""));
    let (mut file, mut full) = (None, false);
    let mut rest: Vec<&str> = Vec::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        match part.split_once('=') {
            Some(("sslmode", "verify-full")) => full = true,
            Some(("sslmode", "verify-ca")) => {
                return Err(
                    "sslmode=verify-ca is not supported: use verify-full, which checks the host's name too".to_owned()
                );
            }
            Some(("sslrootcert", path)) => {
                let pair = format!("path={}", path.replace('+', "%2B"));
                file = form_urlencoded::parse(pair.as_bytes()).next().map(|(_, path)| path.into_owned());
            }
            _ => rest.push(part),
        }
    }
    match (full, file) {
        (true, None) => Err(
            "sslmode=verify-full needs sslrootcert=FILE, the certificate of the authority that signed the database's"
                .to_owned(),
        ),
        (false, Some(_)) => Err("sslrootcert is used only with sslmode=verify-full; add that, or remove it".to_owned()),
        (_, file) if rest.is_empty() => Ok((address.to_owned(), file)),
        (_, file) => Ok((format!("{address}?{}", rest.join("&")), file)),
    }
}

/// Read here and not where they are used: a file that cannot be read is an unusable setting.
fn certificates(path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = fs::read(Path::new(path)).map_err(|error| format!("cannot read sslrootcert {path:?}: {error}"))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(format!("sslrootcert {path:?} contains no certificate in PEM form (-----BEGIN CERTIFICATE-----)")),
    }
}
