//! The settings of webhooks: their types, what makes a value a bad one, and how they become the gateway's configuration.

use std::{
    num::{NonZeroU32, NonZeroU64},
    path::PathBuf,
};

use deskwire_gateway::{AddressRange, WebhooksConfig};
use serde::Deserialize;

use super::{LONGEST_SECONDS, count, millis, seconds};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookSettings {
    allow_http: bool,
    allowed_private: Vec<String>,
    ca_file: PathBuf,
    connect_timeout_seconds: NonZeroU64,
    attempt_timeout_seconds: NonZeroU64,
    lease_seconds: NonZeroU64,
    concurrency: NonZeroU32,
    concurrency_per_webhook: NonZeroU32,
    poll_interval_ms: NonZeroU64,
    retry_after_seconds: Vec<NonZeroU64>,
    longest_retry_after_seconds: NonZeroU64,
    disable_after_seconds: NonZeroU64,
    retention_seconds: NonZeroU64,
    older_secret_seconds: NonZeroU64,
    per_shop: NonZeroU32,
}

impl WebhookSettings {
    /// Tells what is wrong with them: the key, and why.
    pub(super) fn check(&self, mut bad: impl FnMut(&str, &str)) {
        for range in &self.allowed_private {
            if let Err(error) = range.parse::<AddressRange>() {
                bad("webhooks.allowed_private", &format!("{range:?} {error}"));
            }
        }
        if self.lease_seconds <= self.attempt_timeout_seconds {
            bad("webhooks.lease_seconds", "must be longer than `webhooks.attempt_timeout_seconds`");
        }
        if self.retry_after_seconds.iter().any(|pause| pause.get() > LONGEST_SECONDS) {
            bad("webhooks.retry_after_seconds", "must each be at most a year");
        }
        let all: u64 = self.retry_after_seconds.iter().map(|pause| pause.get()).fold(0, u64::saturating_add);
        if self.retention_seconds.get() <= all {
            bad(
                "webhooks.retention_seconds",
                "must be longer than all of `webhooks.retry_after_seconds` together",
            );
        }
    }

    /// For `deskwire_gateway`. What could be wrong was refused when the settings were read.
    pub(super) fn config(&self) -> WebhooksConfig {
        WebhooksConfig {
            allow_http: self.allow_http,
            allowed_private: self.allowed_private.iter().filter_map(|range| range.parse().ok()).collect(),
            ca_file: Some(self.ca_file.clone()).filter(|path| !path.as_os_str().is_empty()),
            connect_timeout: seconds(self.connect_timeout_seconds),
            attempt_timeout: seconds(self.attempt_timeout_seconds),
            lease: seconds(self.lease_seconds),
            concurrency: count(self.concurrency),
            concurrency_per_webhook: count(self.concurrency_per_webhook),
            poll_interval: millis(self.poll_interval_ms),
            retries: self.retry_after_seconds.iter().copied().map(seconds).collect(),
            longest_retry_after: seconds(self.longest_retry_after_seconds),
            disable_after: seconds(self.disable_after_seconds),
            retention: seconds(self.retention_seconds),
            older_secret_for: seconds(self.older_secret_seconds),
            per_shop: self.per_shop.get(),
        }
    }
}
