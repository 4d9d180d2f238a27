//! Which settings win, which are refused and by what name, and what is shown of them.

use super::*;

fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A file with this text, deleted with the directory it lies in.
fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deskwire.toml");
    std::fs::write(&path, text).unwrap();
    (dir, path)
}

fn refusal(text: &str, environment: &[(&str, &str)]) -> String {
    let (_dir, path) = file(text);
    load(Some(&path), env(environment), &[]).err().expect("it should have been refused").to_string()
}

#[test]
fn the_defaults_are_those_of_the_crates() {
    let (_dir, path) = file("");
    let settings = load(Some(&path), [], &[]).unwrap().settings;
    let ours = GatewayConfig { listen: GatewayConfig::default().listen, ..settings.gateway() };
    assert_eq!(format!("{ours:?}"), format!("{:?}", GatewayConfig::default()));
    assert_eq!(settings.chat(1), ChatConfig::default());
    assert_eq!(settings.listen.to_string(), "127.0.0.1:7420");
    assert_eq!(settings.database_url(), "sqlite://./deskwire-data/deskwire.sqlite");
}

#[test]
fn a_data_directory_of_any_name_makes_a_url() {
    for (data_dir, url) in [
        ("my data", "sqlite://my%20data/deskwire.sqlite"),
        ("/a:b/ç?#%", "sqlite:///a%3Ab/%C3%A7%3F%23%25/deskwire.sqlite"),
    ] {
        let (_dir, path) = file("");
        let settings = load(Some(&path), env(&[("DESKWIRE_DATA_DIR", data_dir)]), &[]).unwrap().settings;
        assert_eq!(settings.database_url(), url);
    }
}

#[test]
fn a_duration_beyond_a_year_is_refused_wherever_it_comes_from() {
    let from_file = refusal("[gateway]\nrequest_timeout_seconds = 99999999999", &[]);
    let from_variable = refusal("", &[("DESKWIRE_GATEWAY__REQUEST_TIMEOUT_SECONDS", "99999999999")]);
    for refusal in [from_file, from_variable] {
        assert!(
            refusal.contains("`gateway.request_timeout_seconds`") && refusal.contains("at most a year"),
            "{refusal}"
        );
    }
}

#[test]
fn flags_win_over_the_environment_over_the_file_over_the_defaults() {
    let (_dir, path) = file("[gateway]\nbatch = 7\nin_flight = 7\nping_interval_seconds = 7\n");
    let environment = env(&[
        ("DESKWIRE_GATEWAY__IN_FLIGHT", "8"),
        ("DESKWIRE_DATA_DIR", "from-environment"),
        ("DESKWIRE_LISTEN", "127.0.0.1:8"),
        ("DESKWIRE_CONFIG", "is a flag's"),
        ("OTHER", "is not ours"),
    ]);
    let flags = [Flag { name: "--listen", key: "listen", value: "127.0.0.1:9".into() }];
    let settings = load(Some(&path), environment, &flags).unwrap().settings;
    assert_eq!(settings.gateway().ping_interval, Duration::from_secs(7));
    assert_eq!((settings.gateway().batch, settings.gateway().in_flight), (7, 8));
    assert_eq!(settings.data_dir, Path::new("from-environment"));
    assert_eq!(settings.listen.port(), 9);
    assert_eq!(settings.gateway().frame_bytes, 65536);
}

#[test]
fn a_variable_holds_a_list_of_what_the_key_holds() {
    let (_dir, path) = file("");
    let environment = env(&[
        ("DESKWIRE_WEBHOOKS__RETRY_AFTER_SECONDS", "1, 20"),
        ("DESKWIRE_WEBHOOKS__ALLOWED_PRIVATE", "127.0.0.1,fd00::/8"),
    ]);
    let webhooks = load(Some(&path), environment, &[]).unwrap().settings.gateway().webhooks;
    assert_eq!(webhooks.retries, [Duration::from_secs(1), Duration::from_secs(20)]);
    assert_eq!(webhooks.allowed_private.len(), 2);
}

#[test]
fn an_unknown_key_is_refused_with_its_name_and_source() {
    let message = refusal("[gateway]\npong = 1\n", &[("DESKWIRE_GATEWAY__PING", "1"), ("DESKWIRE_NO", "")]);
    assert!(message.contains("`gateway.pong` (from the file "), "{message}");
    assert!(
        message.contains(
            "`gateway.ping` (from the environment variable DESKWIRE_GATEWAY__PING): there is no such"
        ),
        "{message}"
    );
    assert!(message.contains("`no` (from the environment variable DESKWIRE_NO)"), "{message}");
    assert!(refusal("gateway = 1\n", &[]).contains("`gateway`"));
    assert!(refusal("[listen]\na = 1\n", &[]).contains("`listen`"));
}

#[test]
fn a_bad_value_is_refused_with_its_key_and_source() {
    for (name, value, key) in [
        ("DESKWIRE_LISTEN", "here", "listen"),
        ("DESKWIRE_GATEWAY__BATCH", "0", "gateway.batch"),
        ("DESKWIRE_GATEWAY__BATCH", "-1", "gateway.batch"),
        ("DESKWIRE_GATEWAY__BATCH", "many", "gateway.batch"),
        ("DESKWIRE_GATEWAY__BATCH", "4294967296", "gateway.batch"),
        (
            "DESKWIRE_GATEWAY__HEADER_TIMEOUT_SECONDS",
            "18446744073709551615",
            "gateway.header_timeout_seconds",
        ),
        ("DESKWIRE_GATEWAY__TLS_KEY_FILE", "k.pem", "gateway.tls_certificate_file"),
        ("DESKWIRE_GATEWAY__ALLOWED_ORIGINS", "https://a.example,b.example", "gateway.allowed_origins"),
        ("DESKWIRE_DATABASE_URL", "mysql://h/d", "database_url"),
        ("DESKWIRE_REDIS_URL", "http://h", "redis_url"),
        ("DESKWIRE_BUS__PREFIX", "a{b}", "bus.prefix"),
        ("DESKWIRE_AUTH__HS256_SECRET", "12345", "auth.hs256_secret"),
        ("DESKWIRE_LOG__FORMAT", "xml", "log.format"),
        ("DESKWIRE_LOG__LEVEL", "loud,a=b=c", "log.level"),
        ("DESKWIRE_CHAT__WRITERS", "65", "chat.writers"),
        ("DESKWIRE_WEBHOOKS__ALLOWED_PRIVATE", "10.0.0.0/8,localhost", "webhooks.allowed_private"),
        ("DESKWIRE_WEBHOOKS__LEASE_SECONDS", "15", "webhooks.lease_seconds"),
        ("DESKWIRE_WEBHOOKS__RETENTION_SECONDS", "3600", "webhooks.retention_seconds"),
        ("DESKWIRE_WEBHOOKS__RETRY_AFTER_SECONDS", "99999999999", "webhooks.retry_after_seconds"),
    ] {
        let message = refusal("", &[(name, value)]);
        assert!(message.starts_with(&format!("`{key}` (from the ")), "{name}={value}: {message}");
        assert!(name.contains("TLS_KEY") || message.contains(name), "{name}={value}: {message}");
    }
}

#[test]
fn a_file_that_is_no_toml_is_refused_and_so_is_one_that_is_not_there() {
    assert!(refusal("listen = ", &[]).contains("deskwire.toml"));
    let missing = load(Some(Path::new("/nonexistent/x.toml")), [], &[]).err().unwrap().to_string();
    assert!(missing.contains("/nonexistent/x.toml"), "{missing}");
}

#[test]
fn what_is_shown_tells_the_source_and_hides_secrets() {
    let (_dir, path) = file("[gateway]\nbatch = 7\n");
    let secret = "0123456789abcdef0123456789abcdef";
    let environment = env(&[
        ("DESKWIRE_AUTH__HS256_SECRET", secret),
        ("DESKWIRE_AUTH__OLDER_HS256_SECRETS", &format!("k0:{secret}")),
        ("DESKWIRE_DATABASE_URL", "postgres://u:hunter2@h/d"),
    ]);
    let loaded = load(Some(&path), environment, &[]).unwrap();
    assert!(!loaded.shown.contains(secret) && !loaded.shown.contains("hunter2"), "{}", loaded.shown);
    assert!(loaded.shown.contains("batch = 7  # the file "), "{}", loaded.shown);
    assert!(!format!("{:?}", loaded.settings).contains(secret));
    assert_eq!(loaded.settings.chat(4).writers, 4);
}

#[test]
fn what_is_shown_is_a_file_with_the_same_settings() {
    let (_dir, path) = file("");
    let first = load(Some(&path), [], &[]).unwrap();
    let (_dir, path) = file(&first.shown);
    let again = load(Some(&path), [], &[]).unwrap();
    assert_eq!(format!("{:?}", again.settings), format!("{:?}", first.settings));
}
