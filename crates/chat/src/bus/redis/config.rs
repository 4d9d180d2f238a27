//! What can be set about the bus over Redis.

use std::time::Duration;

/// Where Redis is, and when it counts as away.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisConfig {
    /// One of
    /// - `redis://[USER:PASSWORD@]HOST[:PORT]`, `rediss://…` for TLS, `unix:///PATH`; several `HOST[:PORT]`, separated by
    ///   commas, when Redis is a cluster;
    /// - `redis+sentinel://[USER:PASSWORD@]HOST[:PORT],…/MASTER`, `rediss+sentinel://…` for TLS: the hosts are sentinels, and
    ///   user and password those of the master.
    pub url: String,
    /// Certificates in PEM of the authorities that are trusted instead of the public ones.
    pub ca: Option<Vec<u8>>,
    /// What the names of all channels begin with: nodes hear each other when it is the same.
    pub prefix: String,
    /// A connection must be made, and all that is followed be in force, within this time.
    pub connect_timeout: Duration,
    /// Redis must answer within this time, or it counts as away.
    pub answer_timeout: Duration,
    /// How often a probe is published, to be heard by this node itself.
    pub probe_interval: Duration,
    /// A probe must be heard within this time, or the connection counts as dead.
    pub probe_timeout: Duration,
    /// The longest pause between two tries to connect.
    pub longest_pause: Duration,
}

impl RedisConfig {
    /// This server, with everything else as by default.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            ca: None,
            prefix: "deskwire".into(),
            connect_timeout: Duration::from_secs(2),
            answer_timeout: Duration::from_millis(750),
            probe_interval: Duration::from_secs(1),
            probe_timeout: Duration::from_secs(2),
            longest_pause: Duration::from_secs(1),
        }
    }
}

/// The URL holds a password.
impl std::fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisConfig").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
