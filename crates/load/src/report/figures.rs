//! Figures of latencies, and of each second.

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::{
    clock::Micros,
    record::{Count, Metric, Tally},
};

/// Latencies in milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Latencies {
    pub(crate) count: u64,
    pub(crate) mean: f64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    #[serde(rename = "p99.9")]
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

impl Latencies {
    pub(crate) fn of(took: &Histogram<u64>) -> Self {
        Self {
            count: took.len(),
            mean: if took.is_empty() { 0.0 } else { round(took.mean() / 1_000.0) },
            p50: millis(took, 0.5),
            p90: millis(took, 0.9),
            p99: millis(took, 0.99),
            p999: millis(took, 0.999),
            max: round(took.max() as f64 / 1_000.0),
        }
    }
}

/// A quantile in milliseconds; 0 where nothing was measured.
pub(crate) fn millis(took: &Histogram<u64>, quantile: f64) -> f64 {
    if took.is_empty() { 0.0 } else { round(took.value_at_quantile(quantile) as f64 / 1_000.0) }
}

/// To microseconds: no more was measured.
fn round(millis: f64) -> f64 {
    (millis * 1_000.0).round() / 1_000.0
}

/// Percentiles, denser towards the end, and their milliseconds.
pub(crate) fn distribution(took: &Histogram<u64>) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    let mut left = 1.0_f64;
    // Each step halves what is slower, until less than one of them is left.
    while !took.is_empty() && left * took.len() as f64 >= 1.0 {
        let quantile = 1.0 - left;
        points.push(((quantile * 100_000.0).round() / 1_000.0, millis(took, quantile)));
        left /= 1.5;
    }
    points
}

/// What one second has brought.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Second {
    /// When it ended, in seconds from the beginning.
    pub(crate) at: f64,
    pub(crate) sockets: usize,
    /// Acknowledged a second.
    pub(crate) messages: u64,
    /// Delivered a second.
    pub(crate) deliveries: u64,
    /// Answered a second, sends left out.
    pub(crate) rpcs: u64,
    /// Opened a second.
    pub(crate) connections: u64,
    /// Failed a second.
    pub(crate) errors: u64,
    pub(crate) reply_p50: f64,
    pub(crate) reply_p99: f64,
    pub(crate) delivery_p50: f64,
    pub(crate) delivery_p99: f64,
    pub(crate) rpc_p50: f64,
    pub(crate) rpc_p99: f64,
}

impl Second {
    /// What was gathered between two moments.
    pub(crate) fn new(from: Micros, to: Micros, sockets: usize, tally: &Tally) -> Self {
        let length = to.saturating_sub(from).max(1);
        let rate = |count: u64| count.saturating_mul(1_000_000) / length;
        let of = |metric| tally.of(metric);
        Self {
            at: (to as f64 / 10_000.0).round() / 100.0,
            sockets,
            messages: rate(tally.count(Count::Acknowledged)),
            deliveries: rate(tally.count(Count::Deliveries)),
            rpcs: rate(tally.count(Count::Answered)),
            connections: rate(tally.count(Count::Connections)),
            errors: rate(tally.failed()),
            reply_p50: millis(of(Metric::Reply), 0.5),
            reply_p99: millis(of(Metric::Reply), 0.99),
            delivery_p50: millis(of(Metric::Delivery), 0.5),
            delivery_p99: millis(of(Metric::Delivery), 0.99),
            rpc_p50: millis(of(Metric::Rpc), 0.5),
            rpc_p99: millis(of(Metric::Rpc), 0.99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::latencies;

    #[test]
    fn figures_are_milliseconds_and_the_distribution_ends_with_the_slowest() {
        let mut took = latencies();
        for micros in 1..=1_000 {
            took.record(micros * 100).unwrap();
        }
        let figures = Latencies::of(&took);
        assert_eq!(figures.count, 1_000);
        assert!((figures.p50 - 50.0).abs() < 0.1 && (figures.p99 - 99.0).abs() < 0.1, "{figures:?}");
        let points = distribution(&took);
        assert!(points.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1));
        assert!(points.last().is_some_and(|last| last.0 > 99.8 && last.1 > 99.7));
        assert!(distribution(&latencies()).is_empty());
    }
}
