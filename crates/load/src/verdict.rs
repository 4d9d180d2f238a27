//! Whether every message arrived once and in order. Pure: it is given what was acknowledged, what was delivered and what the
//! history holds, and says what of it cannot be.

use std::collections::HashMap;

use serde::Serialize;

/// One receiver's events of one conversation, held against the chain of `prev_seq`.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    /// The conversation, as the load numbers it.
    pub(crate) slot: u32,
    /// The last event that came.
    pub(crate) last: u64,
    /// Events that were passed over: after this, up to that.
    holes: Vec<(u64, u64)>,
    doubled: u64,
    disordered: u64,
}

/// What an event was to a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It had not come before.
    New,
    /// It had.
    Again,
}

impl Chain {
    /// A receiver who has everything up to here.
    pub(crate) const fn from(slot: u32, last: u64) -> Self {
        Self { slot, last, holes: Vec::new(), doubled: 0, disordered: 0 }
    }

    /// An event came.
    pub(crate) fn note(&mut self, seq: u64, prev_seq: u64) -> Step {
        if seq > self.last {
            if prev_seq > self.last {
                self.holes.push((self.last, prev_seq));
            } else if prev_seq < self.last {
                // It says that it follows an event before the one that it came after.
                self.disordered += 1;
            }
            self.last = seq;
            return Step::New;
        }
        // It is late, or it is here again. The numbers of a hole may be fewer than its width: a buyer sees no private notes.
        let hole = self.holes.iter().position(|&(after, to)| seq > after && seq <= to);
        let Some(hole) = hole else {
            self.doubled += 1;
            return Step::Again;
        };
        self.disordered += 1;
        let (after, to) = self.holes.swap_remove(hole);
        if prev_seq > after {
            self.holes.push((after, prev_seq));
        }
        if seq < to {
            self.holes.push((seq, to));
        }
        Step::New
    }
}

/// A message that the service acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ack {
    pub(crate) slot: u32,
    pub(crate) person: u32,
    /// The sender's number of it, in the order in which they were sent.
    pub(crate) number: u32,
    pub(crate) seq: u64,
}

/// A message of the load in the history of a conversation.
pub(crate) type Kept = Ack;

/// A text that came otherwise than it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Altered {
    pub(crate) slot: u32,
    pub(crate) seq: u64,
}

/// Claims of the coupon that was rushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claims {
    /// Buyers who were told that they have it.
    pub(crate) told: u64,
    /// Claims of which nobody was told how they ended.
    pub(crate) unknown: u64,
    /// As the coupon itself says.
    pub(crate) counted: u64,
    /// As many as there are.
    pub(crate) limit: u64,
}

/// All that a run has seen.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    pub(crate) acks: Vec<Ack>,
    pub(crate) kept: Vec<Kept>,
    pub(crate) chains: Vec<Chain>,
    pub(crate) altered: Vec<Altered>,
    /// Conversations of which the history could not be read.
    pub(crate) unread: Vec<u32>,
    pub(crate) claims: Option<Claims>,
    /// Why the claims of the rushed coupon could not be counted.
    pub(crate) uncounted: Option<String>,
}

/// What cannot be of what was seen. All of it is zero where the service keeps its promises.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Verdict {
    /// Acknowledged messages that the history does not have, and events that a receiver never got.
    pub(crate) lost: u64,
    /// Messages that the history has twice, and events that came to a receiver twice.
    pub(crate) doubled: u64,
    /// Messages of one sender in another order than sent, or elsewhere than acknowledged, and events that came late.
    pub(crate) disordered: u64,
    /// Texts that came otherwise than written.
    pub(crate) altered: u64,
    /// Claims of the rushed coupon beyond its number, or beyond those that it counts.
    pub(crate) overclaimed: u64,
    /// Conversations whose history could not be read, and a coupon whose claims could not be counted: nothing is known of them.
    pub(crate) unchecked: u64,
    /// Acknowledged messages that were held against the history.
    pub(crate) checked_messages: u64,
    /// Pairs of a receiver and a conversation whose chain was followed.
    pub(crate) checked_receivers: u64,
    /// The first few findings, in words.
    pub(crate) findings: Vec<String>,
}

/// Findings that are told in words; the rest is counted.
const TOLD: usize = 20;

impl Verdict {
    /// Whether nothing was found.
    pub(crate) const fn is_clean(&self) -> bool {
        self.lost == 0
            && self.doubled == 0
            && self.disordered == 0
            && self.altered == 0
            && self.overclaimed == 0
            && self.unchecked == 0
    }

    fn tell(&mut self, finding: impl FnOnce() -> String) {
        if self.findings.len() < TOLD {
            self.findings.push(finding());
        }
    }

    fn judge_messages(&mut self, evidence: &Evidence) {
        let mut places: HashMap<(u32, u32, u32), Vec<u64>> = HashMap::new();
        for kept in &evidence.kept {
            places.entry((kept.slot, kept.person, kept.number)).or_default().push(kept.seq);
        }
        for ((slot, person, number), seqs) in &places {
            if seqs.len() > 1 {
                self.doubled += seqs.len() as u64 - 1;
                self.tell(|| {
                    format!("message {number} of person {person} stands in conversation {slot} at {seqs:?}")
                });
            }
        }
        let unread: std::collections::HashSet<u32> = evidence.unread.iter().copied().collect();
        for ack in evidence.acks.iter().filter(|ack| !unread.contains(&ack.slot)) {
            self.checked_messages += 1;
            let Ack { slot, person, number, seq } = *ack;
            match places.get(&(slot, person, number)) {
                None => {
                    self.lost += 1;
                    self.tell(|| {
                        format!("message {number} of person {person} was acknowledged at {slot}/{seq} and is not in the history")
                    });
                }
                Some(seqs) if !seqs.contains(&seq) => {
                    self.disordered += 1;
                    self.tell(|| {
                        format!("message {number} of person {person} was acknowledged at {slot}/{seq} and stands at {seqs:?}")
                    });
                }
                Some(_) => {}
            }
        }
        let mut acks = evidence.acks.clone();
        acks.sort_unstable_by_key(|ack| (ack.slot, ack.person, ack.number));
        for pair in acks.windows(2) {
            let [earlier, later] = pair else { continue };
            if (earlier.slot, earlier.person) == (later.slot, later.person) && earlier.seq >= later.seq {
                self.disordered += 1;
                let (first, then) = (earlier.number, later.number);
                let Ack { slot, person, .. } = *later;
                self.tell(|| format!("person {person} sent {first} before {then} into conversation {slot}, where they stand the other way round"));
            }
        }
    }

    fn judge_deliveries(&mut self, evidence: &Evidence) {
        let mut ends: HashMap<u32, Vec<u64>> = HashMap::new();
        for kept in &evidence.kept {
            ends.entry(kept.slot).or_default().push(kept.seq);
        }
        for chain in &evidence.chains {
            self.checked_receivers += 1;
            self.doubled += chain.doubled;
            self.disordered += chain.disordered;
            if chain.doubled + chain.disordered > 0 {
                self.tell(|| {
                    let Chain { slot, doubled, disordered, .. } = chain;
                    format!("a receiver of conversation {slot} got {doubled} events twice and {disordered} out of order")
                });
            }
            for &(after, to) in &chain.holes {
                self.lost += to - after;
                self.tell(|| {
                    format!(
                        "a receiver of conversation {} never got the events {} to {to}",
                        chain.slot,
                        after + 1
                    )
                });
            }
            let missing =
                ends.get(&chain.slot).into_iter().flatten().filter(|&&seq| seq > chain.last).count();
            if missing > 0 {
                self.lost += missing as u64;
                self.tell(|| {
                    format!(
                        "a receiver of conversation {} got nothing after {}: {missing} messages",
                        chain.slot, chain.last
                    )
                });
            }
        }
    }

    fn judge_claims(&mut self, claims: Claims) {
        let Claims { told, unknown, counted, limit } = claims;
        let beyond = counted.saturating_sub(limit) + told.saturating_sub(counted);
        if beyond > 0 {
            self.overclaimed += beyond;
            self.tell(|| {
                format!("{told} buyers have the coupon, {counted} claims are counted, and there were {limit}")
            });
        }
        if counted > told + unknown {
            let missing = counted - told - unknown;
            self.lost += missing;
            self.tell(|| format!("{counted} claims are counted, and only {told} buyers were told of one"));
        }
    }
}

/// Judges what a run has seen.
pub(crate) fn judge(evidence: &Evidence) -> Verdict {
    let mut verdict = Verdict { unchecked: evidence.unread.len() as u64, ..Verdict::default() };
    verdict.judge_messages(evidence);
    verdict.judge_deliveries(evidence);
    for Altered { slot, seq } in &evidence.altered {
        verdict.altered += 1;
        verdict.tell(|| format!("the text at {slot}/{seq} came otherwise than it was written"));
    }
    if let Some(claims) = evidence.claims {
        verdict.judge_claims(claims);
    }
    if let Some(problem) = &evidence.uncounted {
        verdict.unchecked += 1;
        verdict.tell(|| format!("the claims of the coupon could not be counted: {problem}"));
    }
    for slot in &evidence.unread {
        verdict.tell(|| format!("the history of conversation {slot} could not be read"));
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three messages of one sender, as a service that keeps its promises leaves them, and two receivers of them.
    fn kept_promises() -> Evidence {
        let message = |number, seq| Ack { slot: 0, person: 5, number, seq };
        let messages = vec![message(1, 3), message(2, 4), message(3, 6)];
        Evidence {
            acks: messages.clone(),
            kept: messages,
            chains: vec![received(&[(3, 2), (4, 3), (5, 4), (6, 5)]), received(&[(3, 2), (4, 3), (6, 4)])],
            claims: Some(Claims { told: 9, unknown: 1, counted: 10, limit: 10 }),
            ..Evidence::default()
        }
    }

    /// A receiver who had everything up to 2, and then got these events with their `prev_seq`.
    fn received(events: &[(u64, u64)]) -> Chain {
        let mut chain = Chain::from(0, 2);
        for &(seq, prev_seq) in events {
            chain.note(seq, prev_seq);
        }
        chain
    }

    /// Lost, doubled, disordered.
    fn found(change: impl FnOnce(&mut Evidence)) -> (u64, u64, u64) {
        let mut evidence = kept_promises();
        change(&mut evidence);
        let verdict = judge(&evidence);
        assert_eq!(verdict.is_clean(), verdict.findings.is_empty(), "{verdict:?}");
        (verdict.lost, verdict.doubled, verdict.disordered)
    }

    #[test]
    fn kept_promises_leave_nothing_to_find() {
        let verdict = judge(&kept_promises());
        assert!(verdict.is_clean(), "{verdict:?}");
        assert_eq!((verdict.checked_messages, verdict.checked_receivers), (3, 2));
    }

    #[test]
    fn a_delivery_that_was_dropped_is_found() {
        assert_eq!(found(|seen| seen.chains[0] = received(&[(3, 2), (5, 4), (6, 5)])), (1, 0, 0));
        assert_eq!(
            found(|seen| seen.chains[0] = received(&[(3, 2), (4, 3), (5, 4)])),
            (1, 0, 0),
            "the last one"
        );
    }

    #[test]
    fn a_delivery_that_came_twice_is_found() {
        assert_eq!(
            found(|seen| seen.chains[0] = received(&[(3, 2), (4, 3), (4, 3), (5, 4), (6, 5)])),
            (0, 1, 0)
        );
        assert_eq!(
            found(|seen| seen.chains[0] = received(&[(2, 1), (3, 2), (4, 3), (5, 4), (6, 5)])),
            (0, 1, 0)
        );
    }

    #[test]
    fn deliveries_that_changed_places_are_found_and_not_lost() {
        assert_eq!(found(|seen| seen.chains[0] = received(&[(4, 3), (3, 2), (5, 4), (6, 5)])), (0, 0, 1));
        assert_eq!(found(|seen| seen.chains[0] = received(&[(6, 5), (4, 3), (3, 2), (5, 4)])), (0, 0, 3));
    }

    #[test]
    fn an_acknowledged_message_that_the_history_does_not_have_is_lost() {
        assert_eq!(found(|seen| seen.kept.retain(|kept| kept.number != 2)), (1, 0, 0));
    }

    #[test]
    fn a_message_that_the_history_has_twice_is_doubled() {
        let again = Kept { slot: 0, person: 5, number: 1, seq: 5 };
        assert_eq!(found(|seen| seen.kept.push(again)), (0, 1, 0));
    }

    #[test]
    fn messages_of_one_sender_in_another_order_are_disordered() {
        let turned = |messages: &mut Vec<Ack>| {
            messages[0].seq = 4;
            messages[1].seq = 3;
        };
        assert_eq!(
            found(|seen| {
                turned(&mut seen.acks);
                turned(&mut seen.kept);
            }),
            (0, 0, 1)
        );
        assert_eq!(found(|seen| seen.kept[2].seq = 5), (0, 0, 1), "elsewhere than acknowledged");
    }

    #[test]
    fn more_claims_than_there_are_is_found_and_so_is_a_claim_nobody_has() {
        let claims = |told, unknown, counted| Claims { told, unknown, counted, limit: 10 };
        let judged = |claims| {
            let verdict = judge(&Evidence { claims: Some(claims), ..kept_promises() });
            (verdict.overclaimed, verdict.lost)
        };
        assert_eq!(judged(claims(11, 0, 11)), (1, 0));
        assert_eq!(judged(claims(9, 0, 8)), (1, 0));
        assert_eq!(judged(claims(7, 1, 10)), (0, 2));
    }

    #[test]
    fn a_conversation_that_could_not_be_read_is_no_pass() {
        let verdict = judge(&Evidence { unread: vec![0], ..kept_promises() });
        assert_eq!((verdict.unchecked, verdict.checked_messages, verdict.is_clean()), (1, 0, false));
    }
}
