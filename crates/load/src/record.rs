//! What is measured while it happens: latencies and counts, in shards so that nobody waits for anybody, gathered once a second.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use deskwire_protocol::{ErrorType, MethodName};
use hdrhistogram::Histogram;

use crate::clock::Micros;

/// What a latency is of. All but the lag of pacing count from the moment at which someone meant to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metric {
    /// Until someone who came is in their conversations.
    Connect,
    /// Until someone who was cut off is in their conversations again, with all that they missed.
    Resume,
    /// Until a message was acknowledged.
    Reply,
    /// Until a message was at someone else.
    Delivery,
    /// Until any other request was answered.
    Rpc,
    /// How much later than it meant to this client acted: its own fault.
    Lag,
}

impl Metric {
    pub(crate) const ALL: [Self; 6] =
        [Self::Connect, Self::Resume, Self::Reply, Self::Delivery, Self::Rpc, Self::Lag];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Resume => "resume",
            Self::Reply => "reply",
            Self::Delivery => "delivery",
            Self::Rpc => "rpc",
            Self::Lag => "pacing_lag",
        }
    }
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    /// Requests that were sent.
    Requests,
    /// Messages and cards that were acknowledged.
    Acknowledged,
    /// Events that came to someone other than their sender.
    Deliveries,
    /// Events that came with an `attach`, after having been missed.
    CaughtUp,
    /// Requests other than sends that were answered.
    Answered,
    /// Sockets that were opened.
    Connections,
    /// Sockets that the scenario gave up.
    Left,
    /// Sockets that were lost otherwise.
    Disconnects,
    /// Sockets of slow readers that the service gave up.
    SlowReadersClosed,
    /// Messages that were sent again after their socket was gone.
    Resent,
    /// Deeds whose time came and that were not done: the socket was away, or waited for answers.
    Omitted,
    /// Bytes that came.
    BytesIn,
}

impl Count {
    pub(crate) const ALL: [Self; 12] = [
        Self::Requests,
        Self::Acknowledged,
        Self::Deliveries,
        Self::CaughtUp,
        Self::Answered,
        Self::Connections,
        Self::Left,
        Self::Disconnects,
        Self::SlowReadersClosed,
        Self::Resent,
        Self::Omitted,
        Self::BytesIn,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Acknowledged => "messages_acknowledged",
            Self::Deliveries => "deliveries",
            Self::CaughtUp => "events_caught_up",
            Self::Answered => "rpcs_answered",
            Self::Connections => "connections",
            Self::Left => "sockets_left",
            Self::Disconnects => "sockets_lost",
            Self::SlowReadersClosed => "slow_readers_closed",
            Self::Resent => "messages_resent",
            Self::Omitted => "deeds_omitted",
            Self::BytesIn => "bytes_received",
        }
    }
}

/// Why something failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Failure {
    /// The service refused, with this code.
    Refused(i32),
    /// The socket could not be opened.
    NotConnected,
    /// A frame was not what the contract says.
    Unreadable,
    /// The socket was gone before the answer came.
    Unanswered,
}

impl Failure {
    /// Its name: that of the contract's table where it is there.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Refused(code) => ErrorType::ALL
                .iter()
                .find(|kind| kind.code() == code)
                .map_or_else(|| code.to_string(), |kind| kind.as_str().to_owned()),
            Self::NotConnected => "not_connected".into(),
            Self::Unreadable => "unreadable_frame".into(),
            Self::Unanswered => "unanswered".into(),
        }
    }
}

/// Latencies of one thing, in microseconds, to three digits.
pub(crate) fn latencies() -> Histogram<u64> {
    let mut latencies = Histogram::new(3).unwrap_or_else(|_| unreachable!("three digits are supported"));
    latencies.auto(true);
    latencies
}

/// What a stretch of time has brought.
#[derive(Debug)]
pub(crate) struct Tally {
    latencies: [Histogram<u64>; Metric::ALL.len()],
    pub(crate) methods: HashMap<MethodName, Histogram<u64>>,
    counts: [u64; Count::ALL.len()],
    /// By method (none: no request), and why.
    pub(crate) failures: BTreeMap<(&'static str, Failure), u64>,
    /// By close code; 0 where none was told.
    pub(crate) closes: BTreeMap<u16, u64>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            latencies: std::array::from_fn(|_| latencies()),
            methods: HashMap::new(),
            counts: [0; Count::ALL.len()],
            failures: BTreeMap::new(),
            closes: BTreeMap::new(),
        }
    }
}

impl Tally {
    pub(crate) fn of(&self, metric: Metric) -> &Histogram<u64> {
        &self.latencies[metric as usize]
    }

    pub(crate) const fn count(&self, count: Count) -> u64 {
        self.counts[count as usize]
    }

    pub(crate) fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    /// Puts what another one holds into this one, and empties it.
    pub(crate) fn take(&mut self, other: &mut Self) {
        for (mine, theirs) in self.latencies.iter_mut().zip(&mut other.latencies) {
            merge(mine, theirs);
        }
        for (method, theirs) in &mut other.methods {
            merge(self.methods.entry(*method).or_insert_with(latencies), theirs);
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&mut other.counts) {
            *mine += std::mem::take(theirs);
        }
        for (what, count) in std::mem::take(&mut other.failures) {
            *self.failures.entry(what).or_default() += count;
        }
        for (code, count) in std::mem::take(&mut other.closes) {
            *self.closes.entry(code).or_default() += count;
        }
    }
}

fn merge(mine: &mut Histogram<u64>, theirs: &mut Histogram<u64>) {
    if theirs.is_empty() {
        return;
    }
    // It grows as needed, so nothing is out of its range.
    mine.add(&*theirs).unwrap_or(());
    theirs.reset();
}

/// Where everyone notes what they see.
#[derive(Debug)]
pub(crate) struct Recorder {
    shards: Vec<Mutex<Tally>>,
    /// What was meant to begin before this moment is not measured, but for coming in.
    measured_from: Micros,
}

impl Recorder {
    pub(crate) fn new(shards: usize, measured_from: Micros) -> Self {
        Self { shards: (0..shards.max(1)).map(|_| Mutex::default()).collect(), measured_from }
    }

    /// A latency of something that was meant to begin at `intended`; `method` where it was a request.
    pub(crate) fn latency(
        &self,
        person: u32,
        metric: Metric,
        method: Option<MethodName>,
        intended: Micros,
        now: Micros,
    ) {
        // Who comes comes at the beginning.
        if intended < self.measured_from && metric != Metric::Connect {
            return;
        }
        let took = now.saturating_sub(intended);
        let mut tally = self.shard(person);
        // It grows as needed; only what is longer than a century does not fit.
        tally.latencies[metric as usize].record(took).unwrap_or(());
        if let Some(method) = method {
            tally.methods.entry(method).or_insert_with(latencies).record(took).unwrap_or(());
        }
    }

    pub(crate) fn add(&self, person: u32, count: Count, number: u64) {
        self.shard(person).counts[count as usize] += number;
    }

    pub(crate) fn failed(&self, person: u32, method: &'static str, failure: Failure) {
        *self.shard(person).failures.entry((method, failure)).or_default() += 1;
    }

    pub(crate) fn closed(&self, person: u32, code: Option<u16>) {
        *self.shard(person).closes.entry(code.unwrap_or(0)).or_default() += 1;
    }

    /// All that was noted since the last time.
    pub(crate) fn gather(&self) -> Tally {
        let mut gathered = Tally::default();
        for shard in &self.shards {
            gathered.take(&mut lock(shard));
        }
        gathered
    }

    fn shard(&self, person: u32) -> MutexGuard<'_, Tally> {
        lock(&self.shards[person as usize % self.shards.len()])
    }
}

/// A tally is whole at any time: what a thread that panicked left is as good as any.
fn lock(shard: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_gathered_once_from_all_shards() {
        let recorder = Recorder::new(4, 0);
        for person in 0..8 {
            recorder.latency(person, Metric::Reply, Some(MethodName::MessageSend), 1_000, 3_000);
            recorder.add(person, Count::Requests, 2);
            recorder.failed(person, "message.send", Failure::Refused(-32010));
        }
        recorder.closed(0, Some(4001));
        let tally = recorder.gather();
        assert_eq!((tally.of(Metric::Reply).len(), tally.of(Metric::Reply).max()), (8, 2_000));
        assert_eq!(tally.methods[&MethodName::MessageSend].len(), 8);
        assert_eq!((tally.count(Count::Requests), tally.failed()), (16, 8));
        assert_eq!(tally.closes[&4001], 1);
        let again = recorder.gather();
        assert!(again.of(Metric::Reply).is_empty());
        assert_eq!((again.count(Count::Requests), again.failed()), (0, 0));
    }

    #[test]
    fn what_was_meant_before_the_measuring_began_is_not_measured() {
        let recorder = Recorder::new(1, 5_000);
        recorder.latency(0, Metric::Rpc, None, 4_999, 9_000);
        recorder.latency(0, Metric::Rpc, None, 5_000, 9_000);
        recorder.latency(0, Metric::Connect, None, 0, 9_000);
        let tally = recorder.gather();
        assert_eq!((tally.of(Metric::Rpc).len(), tally.of(Metric::Connect).len()), (1, 1));
    }

    #[test]
    fn failures_have_the_names_of_the_contract() {
        assert_eq!(Failure::Refused(ErrorType::NotSendable.code()).name(), "not_sendable");
        assert_eq!(Failure::Refused(-1).name(), "-1");
    }
}
