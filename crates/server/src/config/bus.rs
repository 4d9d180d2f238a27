//! The settings of the bus over Redis: their types, what makes a value a bad one, and how they become its configuration.

use std::{num::NonZeroU64, path::PathBuf, time::Duration};

use anyhow::Context;
use deskwire_chat::bus::RedisConfig;
use serde::Deserialize;

use super::millis;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BusSettings {
    prefix: String,
    ca_file: PathBuf,
    connect_timeout_ms: NonZeroU64,
    probe_interval_ms: NonZeroU64,
    probe_timeout_ms: NonZeroU64,
    reconnect_pause_ms: NonZeroU64,
}

impl BusSettings {
    /// Tells what is wrong with them, and with the address of Redis: the key, and why.
    pub(super) fn check(&self, redis_url: &str, mut bad: impl FnMut(&str, &str)) {
        if !redis_url.is_empty()
            && let Err(error) = RedisConfig::at(redis_url).check()
        {
            bad("redis_url", &error.to_string());
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.prefix.is_empty() || !self.prefix.chars().all(plain) {
            bad("bus.prefix", "must be of letters, digits, `-`, `_` and `.`");
        }
    }

    /// For `deskwire_chat`. What could be wrong was refused when the settings were read, but for the file.
    pub(super) fn config(&self, redis_url: &str, publish_timeout: Duration) -> anyhow::Result<RedisConfig> {
        let ca = if self.ca_file.as_os_str().is_empty() {
            None
        } else {
            let read = std::fs::read(&self.ca_file);
            Some(read.with_context(|| format!("`bus.ca_file` {} cannot be read", self.ca_file.display()))?)
        };
        Ok(RedisConfig {
            ca,
            prefix: self.prefix.clone(),
            connect_timeout: millis(self.connect_timeout_ms),
            // Less than the writers wait, so that it is the bus that finds out.
            answer_timeout: publish_timeout.mul_f64(0.75),
            probe_interval: millis(self.probe_interval_ms),
            probe_timeout: millis(self.probe_timeout_ms),
            longest_pause: millis(self.reconnect_pause_ms),
            ..RedisConfig::at(redis_url)
        })
    }
}
