//! The time of a run: microseconds since it began, and the moments at which people mean to act.
//!
//! Pacing is open-loop: each moment follows from the one before it, never from when an answer came. Latencies are counted
//! from that moment, so a server that makes a client wait is charged for all who waited behind it.

use std::time::Duration;

use rand::Rng;
use tokio::time::Instant;

/// Microseconds since the run began.
pub(crate) type Micros = u64;

/// So long, in microseconds.
pub(crate) fn micros(duration: Duration) -> Micros {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// When the run began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    epoch: Instant,
}

impl Clock {
    pub(crate) fn begin() -> Self {
        Self { epoch: Instant::now() }
    }

    pub(crate) fn now(self) -> Micros {
        micros(self.epoch.elapsed())
    }

    pub(crate) fn instant(self, at: Micros) -> Instant {
        self.epoch + Duration::from_micros(at)
    }
}

/// A pause of this length on the average: many independent people act at random, and now and then together.
pub(crate) fn pause(rng: &mut impl Rng, mean: Duration) -> Micros {
    // Up to ten times the mean: one longer than the run is nobody's.
    let unit = -(1.0 - rng.random::<f64>()).ln();
    micros(mean.mul_f64(unit.min(10.0)))
}

/// Some moment within a stretch of time.
pub(crate) fn within(rng: &mut impl Rng, stretch: Duration) -> Micros {
    rng.random_range(0..=micros(stretch))
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn pauses_have_their_mean_and_are_the_same_for_the_same_seed() {
        let draw = |seed| {
            let mut rng = StdRng::seed_from_u64(seed);
            (0..20_000).map(|_| pause(&mut rng, Duration::from_millis(100))).collect::<Vec<_>>()
        };
        let pauses = draw(7);
        let mean = pauses.iter().sum::<u64>() as f64 / pauses.len() as f64;
        assert!((97_000.0..103_000.0).contains(&mean), "{mean}");
        assert!(pauses.iter().all(|&pause| pause <= 1_000_000));
        assert_eq!(pauses, draw(7));
        assert_ne!(pauses, draw(8));
    }
}
