//! When to ping and when to give up: a state machine without I/O.

use std::time::Duration;

use deskwire_chat::Chance;
use tokio::time::Instant;

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beat {
    /// Nothing yet.
    Rest,
    /// Send a ping.
    Ping,
    /// The last ping was not answered.
    Missed,
}

/// The heartbeat of one socket. Any frame of the peer proves that it lives.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    ping_at: Instant,
    give_up_at: Option<Instant>,
}

impl Heartbeat {
    pub(crate) fn new(now: Instant, interval: Duration, chance: &dyn Chance) -> Self {
        Self { ping_at: now + spread(interval, chance), give_up_at: None }
    }

    /// The peer sent something.
    pub(crate) const fn heard(&mut self) {
        self.give_up_at = None;
    }

    /// When to call [`Heartbeat::tick`] next.
    pub(crate) fn wake_at(&self) -> Instant {
        self.give_up_at.map_or(self.ping_at, |give_up_at| give_up_at.min(self.ping_at))
    }

    pub(crate) fn tick(
        &mut self,
        now: Instant,
        interval: Duration,
        patience: Duration,
        chance: &dyn Chance,
    ) -> Beat {
        if self.give_up_at.is_some_and(|give_up_at| give_up_at <= now) {
            return Beat::Missed;
        }
        if now < self.ping_at {
            return Beat::Rest;
        }
        self.ping_at = now + spread(interval, chance);
        // An earlier ping that still waits keeps its own, earlier deadline.
        self.give_up_at.get_or_insert(now + patience);
        Beat::Ping
    }
}

/// Give or take 20 %, so that sockets that came together do not ping together for ever.
fn spread(interval: Duration, chance: &dyn Chance) -> Duration {
    chance.vary(interval, 0.8..=1.2)
}

#[cfg(test)]
mod tests {
    use deskwire_chat::SystemChance;

    use super::*;

    const INTERVAL: Duration = Duration::from_secs(25);
    const PATIENCE: Duration = Duration::from_secs(10);

    #[test]
    fn a_peer_that_answers_is_pinged_about_every_interval() {
        let mut now = Instant::now();
        let mut heartbeat = Heartbeat::new(now, INTERVAL, &SystemChance);
        for _ in 0..100 {
            let wake_at = heartbeat.wake_at();
            assert!(wake_at - now >= INTERVAL.mul_f64(0.79) && wake_at - now <= INTERVAL.mul_f64(1.21));
            assert_eq!(heartbeat.tick(now, INTERVAL, PATIENCE, &SystemChance), Beat::Rest);
            now = wake_at;
            assert_eq!(heartbeat.tick(now, INTERVAL, PATIENCE, &SystemChance), Beat::Ping);
            heartbeat.heard();
        }
    }

    #[test]
    fn a_silent_peer_is_given_up_when_its_patience_ends() {
        let mut heartbeat = Heartbeat::new(Instant::now(), INTERVAL, &SystemChance);
        let pinged_at = heartbeat.wake_at();
        assert_eq!(heartbeat.tick(pinged_at, INTERVAL, PATIENCE, &SystemChance), Beat::Ping);
        assert_eq!(heartbeat.wake_at(), pinged_at + PATIENCE);
        assert_eq!(heartbeat.tick(pinged_at + PATIENCE, INTERVAL, PATIENCE, &SystemChance), Beat::Missed);
    }

    #[test]
    fn an_interval_shorter_than_the_patience_does_not_postpone_giving_up() {
        let interval = Duration::from_secs(1);
        let mut heartbeat = Heartbeat::new(Instant::now(), interval, &SystemChance);
        let first = heartbeat.wake_at();
        assert_eq!(heartbeat.tick(first, interval, PATIENCE, &SystemChance), Beat::Ping);
        let second = heartbeat.wake_at();
        assert_eq!(heartbeat.tick(second, interval, PATIENCE, &SystemChance), Beat::Ping);
        assert_eq!(heartbeat.tick(first + PATIENCE, interval, PATIENCE, &SystemChance), Beat::Missed);
    }
}
