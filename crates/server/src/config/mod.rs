//! The settings: their types, what makes a value a bad one, and how they become each crate's own configuration.
//! Nothing is bound, opened or written before all of this has succeeded.

mod bus;
mod show;
mod sources;
mod webhooks;

use std::{
    net::SocketAddr,
    num::{NonZeroU16, NonZeroU32, NonZeroU64},
    path::{Path, PathBuf},
    time::Duration,
};

use deskwire_chat::{ChatConfig, bus::RedisConfig};
use deskwire_gateway::{GatewayConfig, RestConfig, TlsFiles};
use deskwire_store::StoreConfig;
use deskwire_workbench::{LinkError, LinkTemplates, Links, WorkbenchConfig, Zone};
use serde::Deserialize;

pub(crate) use sources::Flag;
use sources::Sources;

/// Something is wrong with the settings: every problem that was found.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub(crate) struct ConfigError {
    problems: Vec<Problem>,
}

/// One of them.
#[derive(Debug, PartialEq, Eq)]
struct Problem {
    key: String,
    source: String,
    what: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.key.is_empty() {
            write!(f, "{}: {}", self.source, self.what)
        } else {
            write!(f, "`{}` (from {}): {}", self.key, self.source, self.what)
        }
    }
}

impl ConfigError {
    fn one(key: &str, source: &str, what: impl Into<String>) -> Self {
        Self { problems: vec![Problem { key: key.into(), source: source.into(), what: what.into() }] }
    }
}

/// Text that must not be shown.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct Hidden(pub(crate) String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_empty() { "not set" } else { "hidden" })
    }
}

/// The settings, as default.toml explains them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    listen: SocketAddr,
    pub(crate) data_dir: PathBuf,
    database_url: Hidden,
    redis_url: Hidden,
    pub(crate) demo: bool,
    pub(crate) auth: Auth,
    pub(crate) database: Database,
    gateway: Gateway,
    rest: Rest,
    chat: ChatSettings,
    bus: bus::BusSettings,
    workbench: WorkbenchSettings,
    links: LinkTemplates,
    webhooks: webhooks::WebhookSettings,
    pub(crate) log: Log,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Auth {
    pub(crate) kid: String,
    pub(crate) hs256_secret: Hidden,
    pub(crate) eddsa_public_key_file: PathBuf,
    older_hs256_secrets: Vec<Hidden>,
    older_eddsa_public_key_files: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Database {
    connections: NonZeroU32,
    acquire_timeout_seconds: NonZeroU64,
    busy_timeout_seconds: NonZeroU64,
    pub(crate) migrate: bool,
    checkpoint_interval_seconds: NonZeroU64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Gateway {
    tls_certificate_file: PathBuf,
    tls_key_file: PathBuf,
    allowed_origins: Vec<String>,
    header_timeout_seconds: NonZeroU64,
    authentication_timeout_seconds: NonZeroU64,
    ping_interval_seconds: NonZeroU64,
    ping_timeout_seconds: NonZeroU64,
    request_timeout_seconds: NonZeroU64,
    frame_bytes: NonZeroU32,
    batch: NonZeroU32,
    in_flight: NonZeroU32,
    buyer_sends_per_second: NonZeroU32,
    buyer_send_burst: NonZeroU32,
    agent_sends_per_second: NonZeroU32,
    agent_send_burst: NonZeroU32,
    frames_per_second: NonZeroU32,
    frame_burst: NonZeroU32,
    buyer_sessions: NonZeroU32,
    agent_sessions: NonZeroU32,
    outbox_events: NonZeroU32,
    outbox_bytes: NonZeroU32,
    new_sessions_per_second: NonZeroU32,
    new_session_burst: NonZeroU32,
    max_sockets: NonZeroU32,
    drain_batch: NonZeroU32,
    drain_pause_ms: NonZeroU64,
    drain_deadline_seconds: NonZeroU64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rest {
    body_bytes: NonZeroU32,
    body_timeout_seconds: NonZeroU64,
    requests_per_second: NonZeroU32,
    request_burst: NonZeroU32,
    in_flight: NonZeroU32,
    in_flight_per_shop: NonZeroU32,
    concurrency: NonZeroU32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChatSettings {
    writers: u32,
    commit_batch: NonZeroU32,
    writer_queue: NonZeroU32,
    recall_window_seconds: NonZeroU64,
    attach_page: NonZeroU32,
    attachments: NonZeroU32,
    publish_timeout_ms: NonZeroU64,
    sweep_interval_ms: NonZeroU64,
    sweep_interval_without_bus_ms: NonZeroU64,
    sweep_window_seconds: NonZeroU64,
    full_sweep_interval_seconds: NonZeroU64,
    summary_interval_ms: NonZeroU64,
    typing_expiry_ms: NonZeroU64,
    presence_expiry_ms: NonZeroU64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkbenchSettings {
    time_zone: String,
    return_window_days: NonZeroU16,
    return_answer_hours: NonZeroU16,
    payment_window_hours: NonZeroU16,
    deadline_notice_hours: NonZeroU16,
    poll_interval_ms: NonZeroU64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    pub(crate) level: String,
    pub(crate) format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// Human on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Human,
    /// For programs.
    Json,
}

/// The settings in force, with the text that `check-config` shows.
pub(crate) struct Loaded {
    pub(crate) settings: Settings,
    pub(crate) shown: String,
}

/// Reads and checks everything. `environment` is passed in, so that tests need not change the process's own.
pub(crate) fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &[Flag],
) -> Result<Loaded, ConfigError> {
    let sources = Sources::gather(file, environment, flags)?;
    let settings: Settings = sources.read()?;
    let problems = check(&settings, &sources);
    if problems.is_empty() {
        Ok(Loaded { settings, shown: show::show(&sources) })
    } else {
        Err(ConfigError { problems })
    }
}

/// Durations beyond this overflow clocks somewhere below, and are typing errors anyway.
const LONGEST_SECONDS: u64 = 366 * 24 * 3600;

fn check(settings: &Settings, sources: &Sources) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut bad = |key: &str, problem: &str| problems.push(sources.problem(key, problem));
    show::each(&sources.merged, &mut |key, value| {
        let most = if key.ends_with("_seconds") {
            LONGEST_SECONDS
        } else if key.ends_with("_ms") {
            LONGEST_SECONDS * 1000
        } else {
            return;
        };
        // A file's numbers have a sign, a variable's have none.
        let number = value.to_u128().or_else(|| u128::try_from(value.to_i128()?).ok());
        if number.is_some_and(|number| number > u128::from(most)) {
            bad(key, "must be at most a year");
        }
    });
    if settings.data_dir.as_os_str().is_empty() {
        bad("data_dir", "must name a directory");
    }
    let url = &settings.database_url.0;
    if !(url.is_empty()
        || is_sqlite(url)
        || url.starts_with("postgres://")
        || url.starts_with("postgresql://"))
    {
        bad("database_url", "must begin with sqlite:// or postgres://");
    }
    settings.bus.check(&settings.redis_url.0, &mut bad);
    if settings.auth.kid.is_empty() {
        bad("auth.kid", "must not be empty");
    }
    let secret = &settings.auth.hs256_secret.0;
    let has_public_key = !settings.auth.eddsa_public_key_file.as_os_str().is_empty();
    if !secret.is_empty() && secret.len() < crate::secret::SECRET_BYTES {
        bad("auth.hs256_secret", "must be at least 32 bytes long");
    }
    if !secret.is_empty() && has_public_key {
        bad(
            "auth.eddsa_public_key_file",
            "cannot be set together with `auth.hs256_secret`: tokens have one algorithm",
        );
    }
    if has_public_key && !settings.auth.older_hs256_secrets.is_empty() {
        bad("auth.older_hs256_secrets", "must be of the same algorithm as `auth.eddsa_public_key_file`");
    }
    if !has_public_key && !settings.auth.older_eddsa_public_key_files.is_empty() {
        bad(
            "auth.older_eddsa_public_key_files",
            "needs `auth.eddsa_public_key_file`: tokens have one algorithm",
        );
    }
    if settings
        .auth
        .older_hs256_secrets()
        .any(|key| key.is_none_or(|(_, secret)| secret.len() < crate::secret::SECRET_BYTES))
    {
        bad("auth.older_hs256_secrets", "each must be \"kid:secret\" with a secret of at least 32 bytes");
    }
    if settings.auth.older_eddsa_public_key_files().any(|key| key.is_none()) {
        bad("auth.older_eddsa_public_key_files", "each must be \"kid:file\"");
    }
    let gateway = &settings.gateway;
    match (gateway.tls_certificate_file.as_os_str().is_empty(), gateway.tls_key_file.as_os_str().is_empty()) {
        (true, false) => {
            bad("gateway.tls_certificate_file", "must be set too when `gateway.tls_key_file` is");
        }
        (false, true) => {
            bad("gateway.tls_key_file", "must be set too when `gateway.tls_certificate_file` is");
        }
        (true, true) | (false, false) => {}
    }
    for origin in &gateway.allowed_origins {
        if !is_origin(origin) {
            bad(
                "gateway.allowed_origins",
                &format!("{origin:?} is no origin such as \"https://shop.example\""),
            );
        }
    }
    if settings.chat.writers > 64 {
        bad("chat.writers", "must be at most 64");
    }
    if let Err(error) = Zone::named(&settings.workbench.time_zone) {
        bad("workbench.time_zone", &error.to_string());
    }
    if let Err(LinkError { name, problem }) = Links::new(&settings.links) {
        bad(&format!("links.{name}"), &problem);
    }
    settings.webhooks.check(&mut bad);
    if let Err(error) = crate::telemetry::parse_level(&settings.log.level) {
        bad("log.level", &error);
    }
    problems
}

fn is_sqlite(url: &str) -> bool {
    url.starts_with("sqlite:")
}

/// A path as part of a URL: whatever a URL could take for something else is escaped.
fn escaped(path: &str) -> String {
    let mut escaped = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            escaped.push(byte.into());
        } else {
            escaped += &format!("%{byte:02X}");
        }
    }
    escaped
}

/// Scheme and authority, no path: what browsers send.
fn is_origin(origin: &str) -> bool {
    origin.split_once("://").is_some_and(|(scheme, authority)| {
        !scheme.is_empty() && !authority.is_empty() && !authority.contains(['/', ' ', '?', '#', '@'])
    })
}

const fn seconds(number: NonZeroU64) -> Duration {
    Duration::from_secs(number.get())
}

const fn hours(number: NonZeroU16) -> Duration {
    Duration::from_hours(number.get() as u64)
}

const fn millis(number: NonZeroU64) -> Duration {
    Duration::from_millis(number.get())
}

const fn count(number: NonZeroU32) -> usize {
    number.get() as usize
}

impl Settings {
    /// The configured URL, or that of the `SQLite` file in the data directory.
    pub(crate) fn database_url(&self) -> String {
        if self.database_url.0.is_empty() {
            let path = self.data_dir.join("deskwire.sqlite").to_string_lossy().into_owned();
            format!("sqlite://{}", escaped(&path))
        } else {
            self.database_url.0.clone()
        }
    }

    /// For `deskwire_store`.
    pub(crate) fn store(&self) -> StoreConfig {
        StoreConfig {
            url: self.database_url(),
            connections: self.database.connections.get(),
            acquire_timeout: seconds(self.database.acquire_timeout_seconds),
            busy_timeout: seconds(self.database.busy_timeout_seconds),
        }
    }

    /// For `deskwire_chat`; the store knows how many commits it can have under way (`commit_lanes`).
    pub(crate) fn chat(&self, commit_lanes: usize) -> ChatConfig {
        let chat = &self.chat;
        ChatConfig {
            writers: match chat.writers {
                0 => commit_lanes,
                writers => writers as usize,
            },
            commit_batch: count(chat.commit_batch),
            writer_queue: count(chat.writer_queue),
            recall_window: seconds(chat.recall_window_seconds),
            attach_page: chat.attach_page.get(),
            attachments: count(chat.attachments),
            request_timeout: seconds(self.gateway.request_timeout_seconds),
            publish_timeout: millis(chat.publish_timeout_ms),
            sweep_interval: millis(chat.sweep_interval_ms),
            sweep_interval_without_bus: millis(chat.sweep_interval_without_bus_ms),
            sweep_window: seconds(chat.sweep_window_seconds),
            full_sweep_interval: seconds(chat.full_sweep_interval_seconds),
            summary_interval: millis(chat.summary_interval_ms),
            typing_expiry: millis(chat.typing_expiry_ms),
            presence_expiry: millis(chat.presence_expiry_ms),
        }
    }

    /// For the bus over Redis, where there is one.
    pub(crate) fn redis(&self) -> anyhow::Result<Option<RedisConfig>> {
        let url = &self.redis_url.0;
        if url.is_empty() {
            return Ok(None);
        }
        self.bus.config(url, millis(self.chat.publish_timeout_ms)).map(Some)
    }

    /// For `deskwire_gateway`.
    pub(crate) fn gateway(&self) -> GatewayConfig {
        let gateway = &self.gateway;
        let tls = (!gateway.tls_key_file.as_os_str().is_empty()).then(|| TlsFiles {
            certificate: gateway.tls_certificate_file.clone(),
            key: gateway.tls_key_file.clone(),
        });
        GatewayConfig {
            listen: self.listen,
            tls,
            allowed_origins: gateway.allowed_origins.clone(),
            header_timeout: seconds(gateway.header_timeout_seconds),
            authentication_timeout: seconds(gateway.authentication_timeout_seconds),
            ping_interval: seconds(gateway.ping_interval_seconds),
            ping_timeout: seconds(gateway.ping_timeout_seconds),
            request_timeout: seconds(gateway.request_timeout_seconds),
            frame_bytes: count(gateway.frame_bytes),
            batch: count(gateway.batch),
            in_flight: count(gateway.in_flight),
            buyer_sends_per_second: gateway.buyer_sends_per_second.get(),
            buyer_send_burst: gateway.buyer_send_burst.get(),
            agent_sends_per_second: gateway.agent_sends_per_second.get(),
            agent_send_burst: gateway.agent_send_burst.get(),
            frames_per_second: gateway.frames_per_second.get(),
            frame_burst: gateway.frame_burst.get(),
            buyer_sessions: count(gateway.buyer_sessions),
            agent_sessions: count(gateway.agent_sessions),
            outbox_events: count(gateway.outbox_events),
            outbox_bytes: count(gateway.outbox_bytes),
            new_sessions_per_second: gateway.new_sessions_per_second.get(),
            new_session_burst: gateway.new_session_burst.get(),
            max_sockets: count(gateway.max_sockets),
            rest: self.rest(),
            drain_batch: count(gateway.drain_batch),
            drain_pause: millis(gateway.drain_pause_ms),
            drain_deadline: seconds(gateway.drain_deadline_seconds),
            webhooks: self.webhooks.config(),
        }
    }

    /// For `deskwire_workbench`. What could be wrong was refused when the settings were read.
    pub(crate) fn workbench(&self) -> anyhow::Result<WorkbenchConfig> {
        let workbench = &self.workbench;
        Ok(WorkbenchConfig {
            links: Links::new(&self.links)?,
            time_zone: Zone::named(&workbench.time_zone)?,
            return_window: hours(workbench.return_window_days) * 24,
            return_answer: hours(workbench.return_answer_hours),
            payment_window: hours(workbench.payment_window_hours),
            deadline_notice: hours(workbench.deadline_notice_hours),
            poll_interval: millis(workbench.poll_interval_ms),
        })
    }

    fn rest(&self) -> RestConfig {
        let rest = &self.rest;
        RestConfig {
            body_bytes: count(rest.body_bytes),
            body_timeout: seconds(rest.body_timeout_seconds),
            requests_per_second: rest.requests_per_second.get(),
            request_burst: rest.request_burst.get(),
            in_flight: count(rest.in_flight),
            in_flight_per_shop: count(rest.in_flight_per_shop),
            concurrency: count(rest.concurrency),
        }
    }

    /// The address that a client on this machine would use for the configured one.
    pub(crate) fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// How often to fold `SQLite`'s write-ahead log in.
    pub(crate) fn checkpoint_interval(&self) -> Duration {
        seconds(self.database.checkpoint_interval_seconds)
    }
}

impl Auth {
    /// Key id and secret of each older key, `None` for what is not written so.
    pub(crate) fn older_hs256_secrets(&self) -> impl Iterator<Item = Option<(&str, &str)>> {
        self.older_hs256_secrets.iter().map(|key| kid_and_rest(&key.0))
    }

    /// Key id and file of each older key, `None` for what is not written so.
    pub(crate) fn older_eddsa_public_key_files(&self) -> impl Iterator<Item = Option<(&str, &str)>> {
        self.older_eddsa_public_key_files.iter().map(|key| kid_and_rest(key))
    }
}

fn kid_and_rest(text: &str) -> Option<(&str, &str)> {
    text.split_once(':').filter(|(kid, rest)| !kid.is_empty() && !rest.is_empty())
}

#[cfg(test)]
mod tests;
