//! How fast one socket may send, and how fast new ones may come: leaky buckets by `governor`.

use std::{num::NonZeroU32, time::Duration};

use deskwire_protocol::Role;
use governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};

use crate::GatewayConfig;

/// The buckets of one socket.
pub(crate) struct Limits {
    sends: DefaultDirectRateLimiter,
    frames: DefaultDirectRateLimiter,
}

impl Limits {
    pub(crate) fn new(config: &GatewayConfig, role: Role) -> Self {
        let (per_second, burst) = sends_of(config, role);
        Self {
            sends: bucket(per_second, burst),
            frames: bucket(config.frames_per_second, config.frame_burst),
        }
    }

    /// Takes a send from the bucket, or says when there will be one.
    pub(crate) fn send(&self) -> Result<(), Duration> {
        self.sends.check().map_err(|not_until| not_until.wait_time_from(DefaultClock::default().now()))
    }

    /// Whether one more frame is within the rate.
    pub(crate) fn frame(&self) -> bool {
        self.frames.check().is_ok()
    }
}

/// How fast new sessions may begin on this node. What it guards is the store: each of them asks it for its user and then
/// for all that it has missed, and after a failure they come all at once.
pub(crate) struct Arrivals(DefaultDirectRateLimiter);

impl Arrivals {
    pub(crate) fn new(config: &GatewayConfig) -> Self {
        Self(bucket(config.new_sessions_per_second, config.new_session_burst))
    }

    /// Whether one more is within the rate.
    pub(crate) fn admit(&self) -> bool {
        self.0.check().is_ok()
    }
}

/// Sends a second and at once, of a socket in this role.
pub(crate) const fn sends_of(config: &GatewayConfig, role: Role) -> (u32, u32) {
    match role {
        Role::Buyer => (config.buyer_sends_per_second, config.buyer_send_burst),
        Role::Agent | Role::Admin => (config.agent_sends_per_second, config.agent_send_burst),
    }
}

/// Sessions of one user in this role.
pub(crate) const fn sessions_of(config: &GatewayConfig, role: Role) -> usize {
    match role {
        Role::Buyer => config.buyer_sessions,
        Role::Agent | Role::Admin => config.agent_sessions,
    }
}

fn bucket(per_second: u32, burst: u32) -> DefaultDirectRateLimiter {
    let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    RateLimiter::direct(Quota::per_second(at_least_one(per_second)).allow_burst(at_least_one(burst)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_burst_the_wait_is_told() {
        let limits = Limits::new(&GatewayConfig::default(), Role::Buyer);
        for _ in 0..10 {
            assert!(limits.send().is_ok());
        }
        let wait = limits.send().unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_millis(200), "{wait:?}");
    }

    #[test]
    fn by_default_five_thousand_may_come_at_once_and_then_no_more_than_the_burst() {
        let config = GatewayConfig::default();
        let arrivals = Arrivals::new(&config);
        assert!((0..5_000).all(|_| arrivals.admit()));
        // Some come back into the bucket while this runs.
        let admitted = (0..10 * config.new_session_burst).filter(|_| arrivals.admit()).count();
        assert!(admitted < 10 * config.new_session_burst as usize, "{admitted}");
    }
}
