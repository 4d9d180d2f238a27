//! How much one API key may ask for at once and over time, and how much one shop by all its keys. What was not seen for
//! a while is forgotten, so that keys come and go without leaving anything.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use dashmap::DashMap;
use deskwire_protocol::{ErrorObject, ErrorType, ShopId};
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
    shops: DashMap<ShopId, Arc<AtomicUsize>>,
    quota: Quota,
    in_flight: usize,
    in_flight_per_shop: usize,
}

struct OfKey {
    bucket: DefaultDirectRateLimiter,
    in_flight: Arc<AtomicUsize>,
}

/// One of so many that may be; it is free again when it is dropped.
pub(super) struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(taken: Arc<AtomicUsize>, most: usize) -> Result<Self, ErrorObject> {
        let one_more = |now| (now < most).then_some(now + 1);
        match taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more) {
            Ok(_) => Ok(Self(taken)),
            Err(_) => Err(ErrorObject::from(ErrorType::PendingRequestsLimitReached)
                .with_limit(most as u64)
                .with_retry_after(BUSY_RETRY)),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A request that is being done: a place of its key's and one of its shop's.
pub(super) type Turn = [Place; 2];

impl Limits {
    pub(super) fn new(config: &RestConfig) -> Self {
        let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Self {
            keys: DashMap::new(),
            quota: Quota::per_second(at_least_one(config.requests_per_second))
                .allow_burst(at_least_one(config.request_burst)),
            shops: DashMap::new(),
            in_flight: config.in_flight,
            in_flight_per_shop: config.in_flight_per_shop,
        }
    }

    /// Takes a request of this key of this shop in, or says when to come again.
    pub(super) fn enter(&self, key_id: &ApiKeyId, shop_id: &ShopId) -> Result<Turn, ErrorObject> {
        let key = self.of(key_id);
        key.bucket.check().map_err(|not_until| {
            let wait = not_until.wait_time_from(DefaultClock::default().now());
            ErrorObject::from(ErrorType::TooManyRequests).with_retry_after(wait)
        })?;
        let of_key = Place::take(key.in_flight.clone(), self.in_flight)?;
        let of_shop = Place::take(self.of_shop(shop_id), self.in_flight_per_shop)?;
        Ok([of_key, of_shop])
    }

    fn of_shop(&self, shop_id: &ShopId) -> Arc<AtomicUsize> {
        if let Some(known) = self.shops.get(shop_id) {
            return known.clone();
        }
        if self.shops.len() >= REMEMBERED {
            self.shops.retain(|_, taken| Arc::strong_count(taken) > 1);
        }
        self.shops.entry(shop_id.clone()).or_default().clone()
    }

    fn of(&self, key_id: &ApiKeyId) -> Arc<OfKey> {
        if let Some(known) = self.keys.get(key_id) {
            return known.clone();
        }
        if self.keys.len() >= REMEMBERED {
            let is_used =
                |key: &Arc<OfKey>| Arc::strong_count(key) > 1 || Arc::strong_count(&key.in_flight) > 1;
            self.keys.retain(|_, key| is_used(key));
        }
        let fresh = || OfKey { bucket: RateLimiter::direct(self.quota), in_flight: Arc::default() };
        self.keys.entry(key_id.clone()).or_insert_with(|| Arc::new(fresh())).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(request_burst: u32, in_flight: usize) -> Limits {
        Limits::new(&RestConfig { requests_per_second: 1, request_burst, in_flight, ..RestConfig::default() })
    }

    fn shop(id: &str) -> ShopId {
        ShopId::new(id).unwrap()
    }

    fn key(number: u64) -> ApiKeyId {
        ApiKeyId::from_number(number)
    }

    #[test]
    fn after_the_burst_the_wait_is_told_and_other_keys_notice_nothing() {
        let limits = limits(2, 9);
        let turns: Vec<_> = (0..2).map(|_| limits.enter(&key(1), &shop("a")).unwrap()).collect();
        let refused = limits.enter(&key(1), &shop("a")).err().unwrap();
        assert_eq!(refused.data.kind, ErrorType::TooManyRequests);
        assert!((1..=1000).contains(&refused.data.retry_after_ms.unwrap()), "{refused:?}");
        assert!(limits.enter(&key(2), &shop("a")).is_ok());
        drop(turns);
        assert!(limits.enter(&key(1), &shop("a")).is_err(), "ended requests give no rate back");
    }

    #[test]
    fn a_place_is_free_again_when_its_request_has_ended() {
        let limits = limits(9, 1);
        let turn = limits.enter(&key(1), &shop("a")).unwrap();
        let refused = limits.enter(&key(1), &shop("a")).err().unwrap();
        assert_eq!(
            (refused.data.kind, refused.data.limit),
            (ErrorType::PendingRequestsLimitReached, Some(1))
        );
        drop(turn);
        assert!(limits.enter(&key(1), &shop("a")).is_ok());
    }

    #[test]
    fn a_shop_has_so_many_places_by_all_its_keys_and_another_notices_nothing() {
        let config = RestConfig { in_flight_per_shop: 2, ..RestConfig::default() };
        let limits = Limits::new(&config);
        let turns: Vec<_> = (1..=2).map(|number| limits.enter(&key(number), &shop("a")).unwrap()).collect();
        let refused = limits.enter(&key(3), &shop("a")).err().unwrap();
        assert_eq!(
            (refused.data.kind, refused.data.limit),
            (ErrorType::PendingRequestsLimitReached, Some(2))
        );
        assert!(limits.enter(&key(4), &shop("b")).is_ok());
        drop(turns);
        assert!(limits.enter(&key(3), &shop("a")).is_ok(), "what was refused holds no place of its key");
    }

    #[test]
    fn what_is_remembered_is_bounded_and_forgets_nothing_in_flight() {
        let limits = limits(1, 1);
        let kept = limits.enter(&key(0), &shop("a")).unwrap();
        for number in 1..=REMEMBERED as u64 + 1 {
            limits.enter(&key(number), &shop("a")).unwrap();
        }
        assert!(limits.keys.len() < REMEMBERED);
        assert!(limits.enter(&key(0), &shop("a")).is_err());
        drop(kept);
    }
}
