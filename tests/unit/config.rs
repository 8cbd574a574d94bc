use super::*;

const URL: &str = "postgresql://analytics_ro:pw@db:5432/tracksolid_db";
const TOKENS: &str = "alice:0123456789abcdef,bob:fedcba9876543210";

fn with(extra: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let mut pairs = vec![("DATABASE_URL", URL), ("MCP_AUTH_TOKENS", TOKENS), ("PATH", "/bin")];
    pairs.retain(|(name, _)| !extra.iter().any(|(other, _)| other == name));
    pairs.extend(extra);
    Config::from_pairs(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())))
}

#[track_caller]
fn refused(extra: &[(&str, &str)], setting: &str, part: &str) {
    let error = with(extra).expect_err("refused");
    assert_eq!(error.setting, setting, "{error}");
    assert!(error.problem.contains(part), "{error}");
    assert!(!error.to_string().contains("pw@"), "shows the password: {error}");
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let config = with(&[]).expect("usable");
    assert_eq!(config.listen.to_string(), "0.0.0.0:8892");
    assert_eq!(config.readable_schemas, ["reporting", "tracksolid", "tickets", "fuel"]);
    assert_eq!((config.max_rows, config.max_bytes, config.pool_max), (10_000, 131_072, 8));
    assert_eq!(config.statement_timeout, Duration::from_secs(30));
    assert_eq!((config.max_connections, config.max_per_analyst), (256, 4));
    assert!(!format!("{config:?}").contains("0123456789abcdef"), "debug output shows a token");
    assert!(!format!("{config:?}").contains("pw"), "debug output shows the password");
}

#[test]
fn the_database_is_shown_without_its_password() {
    for (given, shown) in [
        (URL, "postgresql://analytics_ro:***@db:5432/tracksolid_db"),
        ("postgresql://a:pw@replica:5433,db/d?sslmode=require", "postgresql://a:***@replica:5433,db:5432/d"),
        ("postgresql://a:pw@[::1]:5433/d", "postgresql://a:***@[::1]:5433/d"),
    ] {
        let config = with(&[("DATABASE_URL", given)]).expect("usable");
        let json = serde_json::to_value(&config.database).expect("JSON");
        assert_eq!(json["url"], shown, "{given}");
    }
}

#[test]
fn with_hidden_columns_their_parts_are_readable_too() {
    let file = ("MCP_HIDDEN_COLUMNS_FILE", "/run/secrets/hidden_columns");
    let config = with(&[file, ("MCP_READABLE_SCHEMAS", "fuel")]).expect("usable");
    assert_eq!(config.readable_schemas, ["fuel", "masked"]);
    assert_eq!(config.hidden_columns_file.as_deref(), Some(file.1));
    let named = with(&[file, ("MCP_READABLE_SCHEMAS", "masked,fuel")]).expect("usable");
    assert_eq!(named.readable_schemas, ["masked", "fuel"]);
}

#[test]
fn a_blank_value_is_an_unset_one() {
    assert_eq!(with(&[("MCP_MAX_ROWS", " ")]).expect("usable").max_rows, 10_000);
}

#[test]
fn each_bad_value_names_its_setting_and_the_fix() {
    refused(&[("DATABASE_URL", "")], "DATABASE_URL", "DATABASE_URL_FILE");
    refused(&[("DATABASE_URL", "postgresql://db/tracksolid_db")], "DATABASE_URL", "no user");
    refused(&[("DATABASE_URL", "postgresql://a:pw@db:5432")], "DATABASE_URL", "no database");
    refused(&[("DATABASE_URL", "postgresql://a:pw@%2Fvar%2Frun/d")], "DATABASE_URL", "Unix socket");
    refused(&[("DATABASE_URL", "postgresql://a:pw@db:543x2/d")], "DATABASE_URL", "should look like");
    refused(&[("DATABASE_URL", "postgresql://a:pw@db/d?options=-c%20x")], "DATABASE_URL", "options=");
    for (query, part) in [
        ("sslmode=verify-full", "needs sslrootcert=FILE"),
        ("sslmode=verify-ca&sslrootcert=/x", "use verify-full"),
        ("sslmode=require&sslrootcert=/x", "only with sslmode=verify-full"),
        ("sslmode=verify-full&sslrootcert=/does/not%20exist", "cannot read sslrootcert \"/does/not exist\""),
        ("sslmode=verify-full&sslrootcert=/dev/null", "contains no certificate"),
        ("sslmode=always", "should look like"),
        ("sslcert=/x", "unknown option"),
        ("target_session_attrs=read-write", "name the preferred host first"),
        ("target_session_attrs=prefer-standby", "should look like"),
    ] {
        refused(&[("DATABASE_URL", &format!("postgresql://a:pw@db/d?{query}"))], "DATABASE_URL", part);
    }
    refused(&[("DATABASE_URL_FILE", "/x")], "DATABASE_URL", "keep one");
    let endless = [("DATABASE_URL", ""), ("DATABASE_URL_FILE", "/dev/zero")];
    refused(&endless, "DATABASE_URL_FILE", "not a regular file");
    refused(&[("MCP_AUDIT_SQL_CHARS", "all")], "MCP_AUDIT_SQL_CHARS", "0 to 100000");
    refused(&[("MCP_METRICS_TOKEN", "x"), ("MCP_METRICS_TOKEN_FILE", "/x")], "MCP_METRICS_TOKEN", "keep one");
    refused(&[("MCP_AUTH_TOKENS", "")], "MCP_AUTH_TOKENS", "not set");
    refused(&[("DATABASE_URL", ""), ("DATABASE_URL_FILE", "/does/not/exist")], "DATABASE_URL_FILE", "cannot read");
    let tokens = with(&[("MCP_AUTH_TOKENS", ""), ("MCP_AUTH_TOKENS_FILE", "/does/not/exist")]).expect("usable");
    let error = tokens.token_source.read().expect_err("there is no such file");
    assert!(error.setting == "MCP_AUTH_TOKENS_FILE" && error.problem.contains("cannot read"), "{error}");
    refused(&[("MCP_LISTEN", "8892")], "MCP_LISTEN", "0.0.0.0:8892");
    refused(&[("MCP_READABLE_SCHEMAS", "reporting,pg_catalog")], "MCP_READABLE_SCHEMAS", "pg_catalog");
    refused(&[("MCP_READABLE_SCHEMAS", ",")], "MCP_READABLE_SCHEMAS", "at least one");
    refused(&[("MCP_MAX_ROWS", "0")], "MCP_MAX_ROWS", "from 1 to");
    refused(&[("MCP_MAX_BYTES", "lots")], "MCP_MAX_BYTES", "whole number");
    refused(&[("MCP_POOL_MAX", "-1")], "MCP_POOL_MAX", "from 1 to 100");
    refused(&[("MCP_STATEMENT_TIMEOUT", "60s")], "MCP_STATEMENT_TIMEOUT", "55s");
    refused(&[("MCP_STATEMENT_TIMEOUT", "1h")], "MCP_STATEMENT_TIMEOUT", "55s");
    refused(&[("MCP_PROTOCOL_MODERN", "yes")], "MCP_PROTOCOL_MODERN", "neither on nor off");
    for url in [
        "http://fleet.example",
        "https://fleet.example/mcp",
        "fleet.example",
        "https://",
        "https://a b",
        "https://[",
        "https://:5",
        "https://a_b.example",
        "http://fleet.example:8892",
    ] {
        refused(&[("MCP_PUBLIC_URL", url)], "MCP_PUBLIC_URL", "is not an address such as");
    }
    for (url, spelling) in [
        ("https://fleet.example:443", "https://fleet.example"),
        ("https://fleet.example:443/", "https://fleet.example"),
        ("https://Fleet.example", "https://fleet.example"),
        ("https://[2001:DB8:0::0001]", "https://[2001:db8::1]"),
        ("http://localhost:80", "http://localhost"),
    ] {
        refused(&[("MCP_PUBLIC_URL", url)], "MCP_PUBLIC_URL", &format!("write it as {spelling}"));
    }
    let origin = "https://inspector.example.com:443";
    refused(&[("MCP_ALLOWED_ORIGINS", origin)], "MCP_ALLOWED_ORIGINS", "write it as https://inspector.example.com");
    refused(&[("MCP_ALLOWED_ORIGINS", "http://x.example/mcp")], "MCP_ALLOWED_ORIGINS", "no path");
    for text in ["a\nb", "Fleet\u{202e}desk", "Fleet\u{200b}desk", "Fleet\u{e0041}", &"x".repeat(101)] {
        refused(&[("MCP_CONTACT", text)], "MCP_CONTACT", "at most 100 visible characters");
        refused(&[("MCP_AUDIT_KEPT", text)], "MCP_AUDIT_KEPT", "at most 100 visible characters");
    }
    refused(&[("MCP_ALLOWED_ORIGINS", "*")], "MCP_ALLOWED_ORIGINS", "wildcard");
    refused(&[("MCP_MAX_ROW", "5")], "MCP_MAX_ROW", "did you mean MCP_MAX_ROWS?");
    refused(&[("MCP_READ_ONLY", "off")], "MCP_READ_ONLY", "no such setting");
}

#[test]
fn what_people_read_is_kept_as_it_was_written() {
    let contact = "O'Brien \"fleet\" – Büro Nairobi, #fleet-help, ☎\u{fe0f} +254 20 1234567";
    let config = with(&[("MCP_CONTACT", contact), ("MCP_AUDIT_KEPT", " 90 days ")]).expect("usable");
    assert_eq!((config.contact.as_deref(), config.audit_kept.as_deref()), (Some(contact), Some("90 days")));
}

#[test]
fn origins_may_be_http_and_in_capitals() {
    let origins = "http://inspector.internal:6274, https://Inspector.example.com,http://my_inspector";
    let origins = with(&[("MCP_ALLOWED_ORIGINS", origins)]).expect("usable").allowed_origins;
    assert_eq!(origins, ["http://inspector.internal:6274", "https://inspector.example.com", "http://my_inspector"]);
}

#[test]
fn the_document_has_a_heading_and_the_default_of_each_setting() {
    let document = include_str!("../../docs/configuration.md");
    let sections: HashMap<&str, &str> =
        document.split("\n## ").skip(1).filter_map(|section| section.split_once('\n')).collect();
    assert_eq!(sections.len(), SETTINGS.len(), "the document has other settings than the code");
    for setting in SETTINGS {
        let section = sections.get(setting.name).unwrap_or_else(|| panic!("no heading for {}", setting.name));
        let default = setting.default.map(|default| format!("Default: `{default}`"));
        assert!(section.contains(default.as_deref().unwrap_or_default()), "{}: {default:?}", setting.name);
    }
}

#[test]
fn times_take_seconds_and_milliseconds() {
    for (text, millis) in [("500ms", 500), ("55s", 55_000), ("10", 10_000)] {
        assert_eq!(
            with(&[("MCP_STATEMENT_TIMEOUT", text)]).expect("usable").statement_timeout,
            Duration::from_millis(millis)
        );
    }
}
