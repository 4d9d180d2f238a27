//! What REST can be told: its limits.

use std::time::Duration;

/// Limits of REST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestConfig {
    /// The largest body of a request.
    pub body_bytes: usize,
    /// The body must be there within this time of its head.
    pub body_timeout: Duration,
    /// Requests of one key, in the long run.
    pub requests_per_second: u32,
    /// Requests of one key, at once.
    pub request_burst: u32,
    /// Requests of one key that are being done.
    pub in_flight: usize,
    /// Requests of one shop, by all its keys, that are being done.
    pub in_flight_per_shop: usize,
    /// Requests of all keys that are being done on this node; more are answered 503.
    pub concurrency: usize,
}

impl Default for RestConfig {
    fn default() -> Self {
        Self {
            body_bytes: 2 * 1024 * 1024,
            body_timeout: Duration::from_secs(10),
            requests_per_second: 100,
            request_burst: 200,
            in_flight: 16,
            in_flight_per_shop: 32,
            concurrency: 64,
        }
    }
}
