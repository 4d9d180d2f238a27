//! When a failed delivery is tried again.

use std::time::Duration;

use super::WebhooksConfig;

/// Each pause is longer or shorter by up to this part, so that what failed together is not tried again together.
const SPREAD: f64 = 0.2;

/// How long to wait after the attempt of this number, 1 being the first; none when it was the last. `chance` is from 0 to
/// 1; `asked` is what the receiver asked for.
pub(crate) fn pause_after(
    number: u32,
    asked: Option<Duration>,
    chance: f64,
    config: &WebhooksConfig,
) -> Option<Duration> {
    let place = usize::try_from(number).ok()?.checked_sub(1)?;
    let pause = config.retries.get(place)?.mul_f64(1.0 - SPREAD + 2.0 * SPREAD * chance);
    Some(pause.max(asked.unwrap_or_default().min(config.longest_retry_after)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn pauses_grow_as_configured_and_end() {
        let config = WebhooksConfig::default();
        let pauses: Vec<u64> =
            (1..).map_while(|n| pause_after(n, None, 0.5, &config)).map(|pause| pause.as_secs()).collect();
        assert_eq!(pauses, [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]);
        assert_eq!(pause_after(0, None, 0.5, &config), None);
    }

    #[test]
    fn chance_spreads_them_by_a_fifth() {
        let config = WebhooksConfig::default();
        let of = |chance| pause_after(1, None, chance, &config).unwrap();
        assert_eq!((of(0.0), of(1.0)), (4 * SECOND, 6 * SECOND));
    }

    #[test]
    fn a_receiver_may_ask_for_more_time_but_not_for_any() {
        let config = WebhooksConfig { longest_retry_after: 100 * SECOND, ..WebhooksConfig::default() };
        let asked = |seconds: u32| pause_after(1, Some(seconds * SECOND), 0.5, &config).unwrap();
        assert_eq!([asked(1), asked(60), asked(1_000)], [5 * SECOND, 60 * SECOND, 100 * SECOND]);
        assert_eq!(pause_after(10, Some(SECOND), 0.5, &config), None, "not for another attempt");
    }
}
