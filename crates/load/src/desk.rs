//! What people of a load know of each other without the service: who attends whom, and how far each conversation has come.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use deskwire_protocol::ConversationId;
use tokio::sync::{mpsc, watch};

/// A buyer has opened a conversation, and this agent attends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) slot: u32,
    pub(crate) conversation_id: ConversationId,
}

/// Where a run stands. Everyone does their part of each phase, and says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// People act.
    Load,
    /// Nothing new is begun; what was begun is waited for.
    Settle,
    /// Receivers wait for what was acknowledged.
    CatchUp,
    /// Buyers read their conversations again.
    Audit,
    /// Everyone leaves.
    Over,
}

impl Phase {
    const ALL: [Self; 5] = [Self::Load, Self::Settle, Self::CatchUp, Self::Audit, Self::Over];
}

/// Shared by everyone of a run.
#[derive(Debug)]
pub(crate) struct Desk {
    /// By conversation: the last place that was acknowledged to a sender.
    highest: Vec<AtomicU64>,
    phase: watch::Sender<Phase>,
    /// By phase: those who have not done their part of it.
    busy: [AtomicUsize; Phase::ALL.len()],
    /// Sockets that are open now.
    pub(crate) sockets: AtomicUsize,
    /// By agent: where buyers announce themselves.
    agents: Vec<mpsc::Sender<Arrival>>,
}

impl Desk {
    /// For so many conversations and agents; and the arrivals of each agent.
    pub(crate) fn new(conversations: u32, agents: u32) -> (Self, Vec<mpsc::Receiver<Arrival>>) {
        let each = conversations.div_ceil(agents.max(1)).max(1) as usize;
        // As many places as buyers who will ever announce themselves, once each: never full.
        let (senders, receivers) = (0..agents).map(|_| mpsc::channel(each)).unzip();
        let desk = Self {
            highest: (0..conversations).map(|_| AtomicU64::new(0)).collect(),
            phase: watch::Sender::new(Phase::Load),
            busy: std::array::from_fn(|_| AtomicUsize::new(0)),
            sockets: AtomicUsize::new(0),
            agents: senders,
        };
        (desk, receivers)
    }

    /// A buyer's conversation is open: the agent who attends it is told, if there are agents.
    pub(crate) fn announce(&self, arrival: Arrival) {
        if self.agents.is_empty() {
            return;
        }
        let agent = arrival.slot as usize % self.agents.len();
        if let Err(error) = self.agents[agent].try_send(arrival) {
            tracing::debug!(%error, "an agent has left before a buyer came");
        }
    }

    /// A message was acknowledged at this place.
    pub(crate) fn acknowledged(&self, slot: u32, seq: u64) {
        if let Some(highest) = self.highest.get(slot as usize) {
            highest.fetch_max(seq, Ordering::Relaxed);
        }
    }

    /// How far a conversation has come, as far as its senders know.
    pub(crate) fn highest(&self, slot: u32) -> u64 {
        self.highest.get(slot as usize).map_or(0, |highest| highest.load(Ordering::Relaxed))
    }

    /// Begins a phase, with a part in it for so many.
    pub(crate) fn begin(&self, phase: Phase, people: usize) {
        self.busy[phase as usize].store(people, Ordering::Release);
        self.phase.send_replace(phase);
    }

    /// Someone has done their part of a phase.
    pub(crate) fn done(&self, phase: Phase) {
        self.busy[phase as usize].fetch_sub(1, Ordering::AcqRel);
    }

    /// Those who have not.
    pub(crate) fn busy(&self, phase: Phase) -> usize {
        self.busy[phase as usize].load(Ordering::Acquire)
    }

    /// To see the phases change.
    pub(crate) fn phases(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_conversation_has_an_agent_and_they_share_them_evenly() {
        let (desk, mut agents) = Desk::new(5, 2);
        let conversation_id = ConversationId::new(1).unwrap();
        for slot in 0..5 {
            desk.announce(Arrival { slot, conversation_id });
        }
        let mut attended = |agent: usize| {
            std::iter::from_fn(|| agents[agent].try_recv().ok())
                .map(|arrival| arrival.slot)
                .collect::<Vec<_>>()
        };
        assert_eq!((attended(0), attended(1)), (vec![0, 2, 4], vec![1, 3]));
    }

    #[test]
    fn a_conversation_never_goes_back() {
        let (desk, _agents) = Desk::new(1, 0);
        desk.acknowledged(0, 7);
        desk.acknowledged(0, 5);
        assert_eq!(desk.highest(0), 7);
    }
}
