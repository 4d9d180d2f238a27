//! How long to wait between tries to connect.

use std::time::Duration;

use crate::Chance;

/// How long to wait before the next try: longer each time up to a limit, and not at the same moment as other nodes.
pub(super) struct Pauses {
    next: Duration,
    longest: Duration,
}

impl Pauses {
    const SHORTEST: Duration = Duration::from_millis(50);

    pub(super) fn up_to(longest: Duration) -> Self {
        Self { next: Self::SHORTEST.min(longest), longest }
    }

    pub(super) fn start_again(&mut self) {
        self.next = Self::SHORTEST.min(self.longest);
    }

    pub(super) fn next(&mut self, chance: &dyn Chance) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        chance.vary(pause, 0.5..=1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemChance;

    #[test]
    fn pauses_grow_up_to_a_limit_and_start_again() {
        let mut pauses = Pauses::up_to(Duration::from_secs(1));
        let waited: Vec<_> = std::iter::repeat_with(|| pauses.next(&SystemChance)).take(20).collect();
        assert!(waited[0] <= Pauses::SHORTEST);
        assert!(waited[10..].iter().all(|pause| (500..=1_000).contains(&pause.as_millis())), "{waited:?}");
        assert!(waited[10..].iter().any(|pause| *pause != waited[10]), "nodes do not come back all at once");
        pauses.start_again();
        assert!(pauses.next(&SystemChance) <= Pauses::SHORTEST);
    }
}
