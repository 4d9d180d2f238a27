//! How each receiver does, as this node sees it: how many attempts are under way to it, and whether it should be left in
//! peace for a moment. One that fails gets one attempt at a time, with growing pauses between, so that it neither holds up
//! the others nor is hammered while it is down.

use std::{collections::HashMap, time::Duration};

use deskwire_protocol::ids::WebhookId;
use tokio::time::Instant;

/// The pause after a failure; doubled with each one more, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// A failure is forgotten when the pause has been over for this long.
const FORGET: Duration = Duration::from_mins(10);

#[derive(Debug, Default)]
struct Receiver {
    under_way: usize,
    failures: u32,
    rests_until: Option<Instant>,
}

/// All that are not simply well and idle.
#[derive(Debug, Default)]
pub(crate) struct Receivers {
    by_id: HashMap<WebhookId, Receiver>,
}

impl Receivers {
    /// An attempt begins.
    pub(crate) fn begin(&mut self, id: &WebhookId) {
        self.by_id.entry(id.clone()).or_default().under_way += 1;
    }

    /// An attempt has ended, well or not.
    pub(crate) fn end(&mut self, id: &WebhookId, well: bool, now: Instant) {
        let Some(receiver) = self.by_id.get_mut(id) else { return };
        receiver.under_way = receiver.under_way.saturating_sub(1);
        if well {
            receiver.failures = 0;
            receiver.rests_until = None;
        } else {
            receiver.failures = receiver.failures.saturating_add(1);
            let pause = FIRST_PAUSE.saturating_mul(1 << (receiver.failures - 1).min(16)).min(LONGEST_PAUSE);
            receiver.rests_until = Some(now + pause);
        }
        if receiver.under_way == 0 && receiver.failures == 0 {
            self.by_id.remove(id);
        }
    }

    /// How many more attempts may begin to those that are not idle and well; `most` is what one may have at once.
    pub(crate) fn room(&mut self, most: usize, now: Instant) -> HashMap<WebhookId, usize> {
        self.by_id.retain(|_, receiver| {
            receiver.under_way > 0 || receiver.rests_until.is_some_and(|until| until + FORGET > now)
        });
        let room = |receiver: &Receiver| {
            let most = if receiver.failures == 0 { most } else { 1 };
            if receiver.rests_until.is_some_and(|until| until > now) {
                0
            } else {
                most.saturating_sub(receiver.under_way)
            }
        };
        self.by_id.iter().map(|(id, receiver)| (id.clone(), room(receiver))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> WebhookId {
        WebhookId::new("w").unwrap()
    }

    #[test]
    fn one_that_is_well_has_room_up_to_the_most() {
        let (mut receivers, now) = (Receivers::default(), Instant::now());
        for _ in 0..3 {
            receivers.begin(&id());
        }
        assert_eq!(receivers.room(8, now), HashMap::from([(id(), 5)]));
        for _ in 0..3 {
            receivers.end(&id(), true, now);
        }
        assert_eq!(receivers.room(8, now), HashMap::new());
    }

    #[test]
    fn one_that_fails_rests_longer_each_time_and_is_tried_alone() {
        let (mut receivers, mut now) = (Receivers::default(), Instant::now());
        for rests in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            receivers.begin(&id());
            receivers.end(&id(), false, now);
            let rests = Duration::from_millis(rests);
            assert_eq!(receivers.room(8, now + rests - Duration::from_millis(1)), HashMap::from([(id(), 0)]));
            now += rests;
            assert_eq!(receivers.room(8, now), HashMap::from([(id(), 1)]));
        }
        receivers.begin(&id());
        assert_eq!(receivers.room(8, now), HashMap::from([(id(), 0)]));
        receivers.end(&id(), true, now);
        assert_eq!(receivers.room(8, now), HashMap::new(), "one success forgives");
    }

    #[test]
    fn what_failed_long_ago_is_forgotten() {
        let (mut receivers, now) = (Receivers::default(), Instant::now());
        receivers.begin(&id());
        receivers.end(&id(), false, now);
        assert_eq!(receivers.room(8, now + FORGET + FIRST_PAUSE), HashMap::new());
    }
}
