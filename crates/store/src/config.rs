//! Where the store is, and how long to wait for it.

use std::time::Duration;

use crate::Planted;

/// Where the store is.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreConfig {
    /// `sqlite://PATH` or `postgres://…`.
    pub url: String,
    /// Connections; on `SQLite`, those that read.
    pub connections: u32,
    /// How long a query may wait for a connection.
    pub acquire_timeout: Duration,
    /// How long `SQLite` waits for another process's lock.
    pub busy_timeout: Duration,
    /// A bug for the fault suite to find; none in any other build.
    pub planted: Planted,
}

impl StoreConfig {
    /// The store at this address, with the usual numbers.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            connections: 8,
            acquire_timeout: Duration::from_secs(5),
            busy_timeout: Duration::from_secs(5),
            planted: Planted::default(),
        }
    }
}

impl std::fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The address may hold a password.
        f.debug_struct("StoreConfig").field("connections", &self.connections).finish_non_exhaustive()
    }
}
