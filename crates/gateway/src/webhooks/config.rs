//! What delivering webhooks can be told.

use std::{path::PathBuf, time::Duration};

use super::address::AddressRange;

/// Settings of webhooks.
#[derive(Debug, Clone)]
pub struct WebhooksConfig {
    /// Take URLs without TLS too. Whoever listens on the way reads what is sent.
    pub allow_http: bool,
    /// Addresses that are not of the public network and may be reached all the same.
    pub allowed_private: Vec<AddressRange>,
    /// Certificates (PEM) of authorities that are trusted beside the public ones.
    pub ca_file: Option<PathBuf>,

    /// The name must be resolved, and the connection stand, TLS included, within this time.
    pub connect_timeout: Duration,
    /// An attempt not answered by then has failed.
    pub attempt_timeout: Duration,
    /// A node that has not said by then what became of an attempt is taken for dead; longer than the attempt's own time.
    pub lease: Duration,
    /// Attempts of this node at once.
    pub concurrency: usize,
    /// Of them, attempts to one webhook.
    pub concurrency_per_webhook: usize,
    /// How often it is looked for what another node, or a time, has made due.
    pub poll_interval: Duration,

    /// How long after each failed attempt the next one follows, give or take 20 %; when it is used up, so is the delivery.
    pub retries: Vec<Duration>,
    /// A receiver may ask for a later attempt (`Retry-After`), up to this.
    pub longest_retry_after: Duration,
    /// A webhook to which nothing could be delivered for this long is switched off.
    pub disable_after: Duration,
    /// How long what happened, and what became of it, is kept.
    pub retention: Duration,
    /// After a change of the secret, events are signed with the one before as well for this long.
    pub older_secret_for: Duration,
    /// Webhooks of one shop.
    pub per_shop: u32,
}

impl Default for WebhooksConfig {
    fn default() -> Self {
        let (minutes, hours) = (Duration::from_mins, Duration::from_hours);
        Self {
            allow_http: false,
            allowed_private: Vec::new(),
            ca_file: None,
            connect_timeout: Duration::from_secs(5),
            attempt_timeout: Duration::from_secs(15),
            lease: Duration::from_mins(1),
            concurrency: 64,
            concurrency_per_webhook: 8,
            poll_interval: Duration::from_secs(1),
            // As Standard Webhooks recommends.
            retries: vec![
                Duration::from_secs(5),
                minutes(5),
                minutes(30),
                hours(2),
                hours(5),
                hours(10),
                hours(14),
                hours(20),
                hours(24),
            ],
            longest_retry_after: hours(1),
            disable_after: hours(5 * 24),
            retention: hours(30 * 24),
            older_secret_for: hours(24),
            per_shop: 20,
        }
    }
}
