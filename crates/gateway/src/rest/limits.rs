//! How much one API key may ask for at once and over time. What was not seen for a while is forgotten, so that keys
//! come and go without leaving anything.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use dashmap::DashMap;
use deskwire_protocol::{ErrorObject, ErrorType};
use deskwire_store::ApiKeyId;
use governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};

use super::RestConfig;

/// Keys that are remembered before those without a request in flight are forgotten. Only keys that were let in are
/// remembered, so that nobody fills this by guessing.
const REMEMBERED: usize = 4096;

/// When there is room again for a key that has too much in flight.
const BUSY_RETRY: Duration = Duration::from_secs(1);

/// The limits of all keys on this node.
pub(super) struct Limits {
    keys: DashMap<ApiKeyId, Arc<OfKey>>,
    quota: Quota,
    in_flight: usize,
}

struct OfKey {
    bucket: DefaultDirectRateLimiter,
    in_flight: AtomicUsize,
}

/// A request of a key that is being done; its place is free again when it is dropped.
pub(super) struct Turn(Arc<OfKey>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Limits {
    pub(super) fn new(config: &RestConfig) -> Self {
        let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Self {
            keys: DashMap::new(),
            quota: Quota::per_second(at_least_one(config.requests_per_second))
                .allow_burst(at_least_one(config.request_burst)),
            in_flight: config.in_flight,
        }
    }

    /// Takes a request of this key in, or says when to come again.
    pub(super) fn enter(&self, key_id: &ApiKeyId) -> Result<Turn, ErrorObject> {
        let key = self.of(key_id);
        key.bucket.check().map_err(|not_until| {
            let wait = not_until.wait_time_from(DefaultClock::default().now());
            ErrorObject::from(ErrorType::TooManyRequests).with_retry_after(wait)
        })?;
        key.in_flight
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| {
                (now < self.in_flight).then_some(now + 1)
            })
            .map_err(|_| {
                ErrorObject::from(ErrorType::PendingRequestsLimitReached)
                    .with_limit(self.in_flight as u64)
                    .with_retry_after(BUSY_RETRY)
            })?;
        Ok(Turn(key))
    }

    fn of(&self, key_id: &ApiKeyId) -> Arc<OfKey> {
        if let Some(known) = self.keys.get(key_id) {
            return known.clone();
        }
        if self.keys.len() >= REMEMBERED {
            self.keys.retain(|_, key| Arc::strong_count(key) > 1);
        }
        let fresh = || OfKey { bucket: RateLimiter::direct(self.quota), in_flight: AtomicUsize::new(0) };
        self.keys.entry(key_id.clone()).or_insert_with(|| Arc::new(fresh())).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(request_burst: u32, in_flight: usize) -> Limits {
        Limits::new(&RestConfig { requests_per_second: 1, request_burst, in_flight, ..RestConfig::default() })
    }

    fn key(number: u64) -> ApiKeyId {
        ApiKeyId::from_number(number)
    }

    #[test]
    fn after_the_burst_the_wait_is_told_and_other_keys_notice_nothing() {
        let limits = limits(2, 9);
        let turns: Vec<_> = (0..2).map(|_| limits.enter(&key(1)).unwrap()).collect();
        let refused = limits.enter(&key(1)).err().unwrap();
        assert_eq!(refused.data.kind, ErrorType::TooManyRequests);
        assert!((1..=1000).contains(&refused.data.retry_after_ms.unwrap()), "{refused:?}");
        assert!(limits.enter(&key(2)).is_ok());
        drop(turns);
        assert!(limits.enter(&key(1)).is_err(), "ended requests give no rate back");
    }

    #[test]
    fn a_place_is_free_again_when_its_request_has_ended() {
        let limits = limits(9, 1);
        let turn = limits.enter(&key(1)).unwrap();
        let refused = limits.enter(&key(1)).err().unwrap();
        assert_eq!(
            (refused.data.kind, refused.data.limit),
            (ErrorType::PendingRequestsLimitReached, Some(1))
        );
        drop(turn);
        assert!(limits.enter(&key(1)).is_ok());
    }

    #[test]
    fn what_is_remembered_is_bounded_and_forgets_nothing_in_flight() {
        let limits = limits(1, 1);
        let kept = limits.enter(&key(0)).unwrap();
        for number in 1..=REMEMBERED as u64 + 1 {
            limits.enter(&key(number)).unwrap();
        }
        assert!(limits.keys.len() < REMEMBERED);
        assert!(limits.enter(&key(0)).is_err());
        drop(kept);
    }
}
