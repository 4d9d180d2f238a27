//! Chance is passed in as time is, so that what a test draws it draws again: ids, secrets, and how long to wait.

use std::{
    ops::RangeInclusive,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rand::{Rng as _, RngCore};

/// Draws what nobody can guess.
pub trait Chance: Send + Sync + 'static {
    /// Fills `bytes`, each of the 256 values as likely as any other.
    fn fill(&self, bytes: &mut [u8]);

    /// 64 bits.
    fn number(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// 128 bits: unique without asking anyone.
    fn long_number(&self) -> u128 {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        u128::from_le_bytes(bytes)
    }

    /// A number in this range, both ends included. The range must not be empty.
    fn within(&self, range: RangeInclusive<u64>) -> u64 {
        Drawing(self).random_range(range)
    }

    /// From 0 to 1, and less than 1.
    fn fraction(&self) -> f64 {
        Drawing(self).random()
    }

    /// The duration times a factor in this range, both ends included, so that those who wait do not all wake together.
    /// The range must not be empty, and holds nothing negative.
    fn vary(&self, duration: Duration, by: RangeInclusive<f64>) -> Duration {
        duration.mul_f64(Drawing(self).random_range(by))
    }
}

/// The thread's generator: seeded by the operating system, cryptographically strong, and shared with no other thread.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemChance;

impl Chance for SystemChance {
    #[expect(clippy::disallowed_methods, reason = "this is the chance")]
    fn fill(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}

/// A generator of one's own. One with a seed draws the same again, as tests want it.
impl<R: RngCore + Send + 'static> Chance for Mutex<R> {
    fn fill(&self, bytes: &mut [u8]) {
        self.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes);
    }
}

/// What a chance gives, as `rand` takes it.
struct Drawing<'c, C: ?Sized>(&'c C);

impl<C: Chance + ?Sized> RngCore for Drawing<'_, C> {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        self.0.number()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::{SeedableRng as _, rngs::StdRng};

    use super::*;

    fn seeded(seed: u64) -> Mutex<StdRng> {
        Mutex::new(StdRng::seed_from_u64(seed))
    }

    #[test]
    fn a_number_is_within_its_range_and_each_end_is_drawn() {
        let chance = seeded(1);
        let drawn: HashSet<u64> = (0..200).map(|_| chance.within(7..=9)).collect();
        assert_eq!(drawn, HashSet::from([7, 8, 9]));
        assert_eq!(chance.within(5..=5), 5);
        assert_eq!(chance.within(u64::MAX..=u64::MAX), u64::MAX);
    }

    #[test]
    fn a_duration_varies_within_its_bounds() {
        let (chance, second) = (seeded(2), Duration::from_secs(1));
        let drawn: Vec<_> = (0..200).map(|_| chance.vary(second, 0.8..=1.2)).collect();
        assert!(drawn.iter().all(|wait| (800..=1_200).contains(&wait.as_millis())), "{drawn:?}");
        assert!(drawn.iter().any(|wait| *wait < second) && drawn.iter().any(|wait| *wait > second));
        assert_eq!(chance.vary(second, 1.0..=1.0), second);
    }

    #[test]
    fn a_fraction_is_from_0_to_1() {
        let chance = seeded(3);
        let drawn: Vec<_> = (0..200).map(|_| chance.fraction()).collect();
        assert!(drawn.iter().all(|part| (0.0..1.0).contains(part)), "{drawn:?}");
        assert!(drawn.iter().any(|part| *part < 0.5) && drawn.iter().any(|part| *part >= 0.5));
    }

    #[test]
    fn the_same_seed_draws_the_same_and_another_one_does_not() {
        let draw = |chance: &dyn Chance| {
            (chance.number(), chance.long_number(), chance.within(0..=u64::MAX), chance.fraction())
        };
        assert_eq!(draw(&seeded(4)), draw(&seeded(4)));
        assert_ne!(draw(&seeded(4)), draw(&seeded(5)));
    }

    #[test]
    fn the_system_repeats_nothing_whichever_thread_draws() {
        let draw = || (0..100).map(|_| SystemChance.long_number()).collect::<Vec<_>>();
        let drawn: Vec<u128> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(draw)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(drawn.iter().collect::<HashSet<_>>().len(), 400);
    }
}
