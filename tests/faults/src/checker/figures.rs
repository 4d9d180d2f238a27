//! What was measured: how much was said, how late it came, how soon people were back.

use std::collections::{BTreeMap, HashMap};

use super::{Evidence, Kind, Verdict};
use crate::record::{Entry, What};

/// Of a number of times in milliseconds: the middle, the 99th percentile, the worst.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spread {
    /// How many.
    pub number: usize,
    /// The median.
    pub p50: u64,
    /// The 99th percentile.
    pub p99: u64,
    /// The greatest.
    pub worst: u64,
}

impl Spread {
    /// Of these.
    pub fn of(mut times: Vec<u64>) -> Self {
        times.sort_unstable();
        let at = |per_cent: usize| {
            times.get((times.len() * per_cent / 100).min(times.len().saturating_sub(1))).copied()
        };
        Self {
            number: times.len(),
            p50: at(50).unwrap_or(0),
            p99: at(99).unwrap_or(0),
            worst: times.last().copied().unwrap_or(0),
        }
    }
}

/// What came of the faults of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfKind {
    /// How many faults.
    pub number: usize,
    /// Sockets that ended from the fault's beginning until the next began, or until 5 s after its end.
    pub sockets: usize,
    /// How long those people were without a socket attached to everything.
    pub away: Spread,
    /// How late what was said then came to those who were attached.
    pub late: Spread,
}

/// What was measured.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Messages of people that were tried to send.
    pub sent: usize,
    /// Tries of them.
    pub tries: usize,
    /// Acknowledged.
    pub acknowledged: usize,
    /// Recalls that were acknowledged.
    pub recalled: usize,
    /// Refused for good.
    pub refused: usize,
    /// Acknowledged and not there.
    pub lost: usize,
    /// There more than once.
    pub doubled: usize,
    /// Not in their sender's order.
    pub disordered: usize,
    /// Events that arrived at anyone, live and in backlogs.
    pub arrived: usize,
    /// Sockets that were opened.
    pub sockets: usize,
    /// Close codes, and how often; 0 for none.
    pub closed: BTreeMap<u16, usize>,
    /// How late pushed events came, after anyone outside first knew of them.
    pub late_live: Spread,
    /// The same of those in backlogs: how far behind people were who came back.
    pub late_backlog: Spread,
    /// How long people were away whose socket had ended.
    pub away: Spread,
    /// From the last answer until everyone had everything.
    pub caught_up: u64,
    /// By kind of fault.
    pub by_fault: BTreeMap<&'static str, OfKind>,
}

/// After a fault is healed, its consequences still count as its own for so long.
const AFTERMATH: u64 = 5_000;

impl Figures {
    pub(super) fn of(evidence: Evidence<'_>, verdict: &Verdict) -> Self {
        let mut figures = Self {
            lost: verdict.count(Kind::Lost),
            doubled: verdict.count(Kind::Doubled),
            disordered: verdict.count(Kind::Disordered),
            ..Self::default()
        };
        let mut tried = HashMap::new();
        let mut known: HashMap<(usize, i64), u64> = HashMap::new();
        let mut conversations = HashMap::new();
        let mut away_since: HashMap<usize, u64> = HashMap::new();
        let mut away = Vec::new();
        let (mut live_times, mut backlog_times) = (Vec::new(), Vec::new());
        let mut spans: Vec<(u64, u64, &'static str)> = Vec::new();
        let mut running: HashMap<usize, usize> = HashMap::new();
        for Entry { at, person, what } in evidence.entries {
            match what {
                What::Tried { id, conversation, .. } => {
                    figures.tries += 1;
                    *tried.entry((*person, id)).or_insert(0_usize) += 1;
                    conversations.insert((*person, id), *conversation);
                }
                What::Acknowledged { id, seq, .. } => {
                    figures.acknowledged += 1;
                    if let Some(conversation) = conversations.get(&(*person, id)) {
                        known.entry((*conversation, *seq)).or_insert(*at);
                    }
                }
                What::Refused { .. } => figures.refused += 1,
                What::Recalled { .. } => figures.recalled += 1,
                What::Arrived { conversation, live, event } => {
                    figures.arrived += 1;
                    let first = *known.entry((*conversation, event.seq)).or_insert(*at);
                    let times = if *live { &mut live_times } else { &mut backlog_times };
                    times.push((first, *at - first));
                }
                What::Connected { .. } => figures.sockets += 1,
                What::Closed { code, .. } => {
                    *figures.closed.entry(code.unwrap_or(0)).or_default() += 1;
                    away_since.entry(*person).or_insert(*at);
                }
                What::Ready { .. } => {
                    if let Some(since) = away_since.remove(person) {
                        away.push((since, *at - since));
                    }
                }
                What::Broke { fault, kind, .. } => {
                    running.insert(*fault, spans.len());
                    spans.push((*at, u64::MAX, kind));
                }
                What::Healed { fault } => {
                    if let Some(span) = running.remove(fault) {
                        spans[span].1 = *at + AFTERMATH;
                    }
                }
                What::TriedRecall { .. }
                | What::Attached { .. }
                | What::Leaked { .. }
                | What::Died { .. } => {}
            }
        }
        figures.sent = tried.len();
        let only = |times: &[(u64, u64)]| Spread::of(times.iter().map(|(_, time)| *time).collect());
        figures.late_live = only(&live_times);
        figures.late_backlog = only(&backlog_times);
        figures.away = only(&away);
        figures.caught_up = live_times
            .iter()
            .chain(&backlog_times)
            .filter(|(first, _)| *first <= evidence.quiet.at)
            .map(|(first, late)| (first + late).saturating_sub(evidence.quiet.at))
            .max()
            .unwrap_or(0);
        // Sorted by time, so that each span is found by a search.
        live_times.sort_unstable();
        away.sort_unstable();
        let mut by_fault: BTreeMap<&str, (usize, Vec<u64>, Vec<u64>)> = BTreeMap::new();
        for (place, (from, healed, kind)) in spans.iter().enumerate() {
            let next = spans.get(place + 1).map_or(u64::MAX, |(next, ..)| *next);
            let to = (*healed).min(next.max(healed.saturating_sub(AFTERMATH)));
            let within = |times: &[(u64, u64)]| -> Vec<u64> {
                let begin = times.partition_point(|(at, _)| at < from);
                times[begin..].iter().take_while(|(at, _)| *at < to).map(|(_, time)| *time).collect()
            };
            let of = by_fault.entry(kind).or_default();
            of.0 += 1;
            of.1.extend(within(&away));
            of.2.extend(within(&live_times));
        }
        figures.by_fault = by_fault
            .into_iter()
            .map(|(kind, (number, away, late))| {
                (kind, OfKind { number, sockets: away.len(), away: Spread::of(away), late: Spread::of(late) })
            })
            .collect();
        figures
    }
}
