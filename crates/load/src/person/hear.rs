//! What people hear: answers to what they asked, and events.

use std::cmp::Reverse;

use deskwire_protocol::{ConversationId, ErrorType, MessageId, card::ActionName, ids::OrderId};
use rand::{Rng, seq::IndexedRandom};
use serde::Deserialize;

use super::{Audit, Claim, Draft, Due, Entry, Part, Pending, Person, Purpose};
use crate::{
    clock::{Micros, pause},
    desk::{Arrival, Phase},
    record::{Count, Failure, Metric},
    verdict::{Ack, Altered, Kept, Step},
    wire::{self, Acknowledged, Attached, Done, Head, Opened, Page, Refusal, Sequenced, Stamp, Unreadable},
};

#[derive(Deserialize)]
struct Orders {
    orders: Vec<OrderLook>,
}

#[derive(Deserialize)]
struct OrderLook {
    id: OrderId,
}

impl Person {
    /// Takes in a frame.
    pub(super) fn hear(&mut self, frame: &[u8]) -> Result<(), Unreadable> {
        match wire::head(self.codec, frame)? {
            Head::Reply(id) => {
                let Some(index) = self.pending.iter().position(|pending| pending.id == id) else {
                    return Err(Unreadable::new("an answer to nothing"));
                };
                let pending = self.pending.swap_remove(index);
                self.answered(pending, frame)
            }
            Head::Sequenced => {
                let event = wire::sequenced(self.codec, frame)?;
                self.happened(event);
                Ok(())
            }
            Head::Other => Ok(()),
        }
    }

    fn answered(&mut self, pending: Pending, frame: &[u8]) -> Result<(), Unreadable> {
        let now = self.now();
        let codec = self.codec;
        let refused = match pending.purpose {
            Purpose::Start => wire::reply::<Done>(codec, frame)?.map(|Done {}| self.started()).err(),
            Purpose::Enter(Entry::Open) => {
                wire::reply::<Opened>(codec, frame)?.map(|opened| self.opened(&opened)).err()
            }
            Purpose::Enter(Entry::Attach(conversation_id)) => wire::reply::<Attached>(codec, frame)?
                .map(|attached| self.attached(conversation_id, &attached))
                .err(),
            Purpose::Enter(Entry::Attend(arrival)) => wire::reply::<Attached>(codec, frame)?
                .map(|attached| self.attend(arrival, attached.last_seq))
                .err(),
            Purpose::Send(number) => {
                let draft = self.unacknowledged.iter().position(|draft| draft.number == number);
                let draft = draft.and_then(|index| self.unacknowledged.remove(index));
                wire::reply::<Acknowledged>(codec, frame)?.map(|ack| self.acknowledged(draft, ack.seq)).err()
            }
            Purpose::Claim => {
                wire::reply::<Done>(codec, frame)?.map(|Done {}| self.ledger.claim = Claim::Told).err()
            }
            Purpose::Orders(slot) => wire::reply::<Orders>(codec, frame)?
                .map(|Orders { orders }| {
                    if let Some(order) = orders.into_iter().next() {
                        self.orders.insert(slot, order.id);
                    }
                })
                .err(),
            Purpose::Ask => wire::reply::<Done>(codec, frame)?.err(),
            Purpose::Audit => {
                let page = wire::reply::<Page>(codec, frame)?;
                page.map(|page| self.audited(page)).err()
            }
        };
        match refused {
            Some(refusal) => self.refused(&pending, &refusal),
            None => self.measure(&pending, now),
        }
        Ok(())
    }

    fn measure(&self, pending: &Pending, now: Micros) {
        if self.part == Part::SlowReader {
            return;
        }
        let (metric, count) = match pending.purpose {
            Purpose::Send(_) => (
                if pending.method.as_str() == "message.send" { Metric::Reply } else { Metric::Rpc },
                Count::Acknowledged,
            ),
            Purpose::Claim | Purpose::Orders(_) | Purpose::Ask => (Metric::Rpc, Count::Answered),
            // Coming in is measured as a whole, and the audit is no part of the load.
            Purpose::Start | Purpose::Enter(_) | Purpose::Audit => return,
        };
        self.count(count, 1);
        self.world.recorder.latency(self.number, metric, Some(pending.method), pending.intended, now);
    }

    fn refused(&mut self, pending: &Pending, refusal: &Refusal) {
        tracing::debug!(
            method = pending.method.as_str(),
            code = refusal.code,
            message = refusal.message,
            "refused"
        );
        if pending.purpose == Purpose::Claim
            && self.ledger.claim == Claim::None
            && refusal.code == ErrorType::RequestTimeout.code()
        {
            self.ledger.claim = Claim::Unknown;
        }
        if pending.purpose == Purpose::Audit {
            self.audit = Audit::Refused;
        }
        // Whoever attacks is refused, and that is well.
        if self.part != Part::SlowReader {
            let failure = Failure::Refused(refusal.code);
            self.world.recorder.failed(self.number, pending.method.as_str(), failure);
        }
    }

    fn started(&mut self) {
        self.has_session = true;
        match self.part {
            Part::Buyer | Part::SlowReader if self.chains.is_empty() => self.entry.push_back(Entry::Open),
            Part::Buyer | Part::SlowReader | Part::Agent => {
                self.entry.extend(self.chains.keys().map(|&id| Entry::Attach(id)));
            }
        }
    }

    fn opened(&mut self, opened: &Opened) {
        let conversation = &opened.conversation;
        let arrival = Arrival { slot: self.number, conversation_id: conversation.conversation_id };
        self.opened_at = conversation.last_seq;
        self.attend(arrival, conversation.last_seq);
        self.world.desk.announce(arrival);
    }

    fn attached(&mut self, conversation_id: ConversationId, attached: &Attached) {
        let Some(chain) = self.chains.get_mut(&conversation_id) else { return };
        for event in &attached.events {
            chain.note(event.seq, event.prev_seq);
        }
        if attached.has_more {
            self.entry.push_back(Entry::Attach(conversation_id));
        }
        self.count(Count::CaughtUp, attached.events.len() as u64);
    }

    fn acknowledged(&mut self, draft: Option<Draft>, seq: u64) {
        let Some(draft) = draft else { return };
        self.world.desk.acknowledged(draft.slot, seq);
        self.ledger.acks.push(Ack { slot: draft.slot, person: self.number, number: draft.number, seq });
    }

    fn audited(&mut self, page: Page) {
        self.audit = match page.messages.last() {
            Some(last) if page.has_more => Audit::Read(last.seq),
            Some(_) | None => Audit::Done,
        };
        for message in page.messages {
            let stamp = message.client_message_id.and_then(|id| Stamp::of(&self.world.run, &id));
            if let Some(Stamp { person, number, .. }) = stamp {
                self.ledger.kept.push(Kept { slot: self.number, person, number, seq: message.seq });
            }
        }
    }

    /// An event in sequence came.
    fn happened(&mut self, event: Sequenced<'_>) {
        let Sequenced { conversation_id, seq, prev_seq, message } = event;
        let now = self.now();
        let Some(chain) = self.chains.get_mut(&conversation_id) else { return };
        let slot = chain.slot;
        if chain.note(seq, prev_seq) == Step::Again {
            return;
        }
        let content = message.content;
        if self.part == Part::Buyer
            && let Some(card) = &content.card
        {
            let able = card.actions.iter().filter(|button| button.enabled).map(|button| button.action);
            let able: Vec<ActionName> = able.filter(|action| is_plain(*action)).collect();
            self.note_card(conversation_id, message.message_id, &able);
        }
        let Some(stamp) = Stamp::of(&self.world.run, &message.client_message_id) else { return };
        if message.revision > 0 || stamp.person == self.number {
            return;
        }
        if content.kind == "TEXT" && content.text != self.world.texts.of(stamp.person, stamp.number) {
            self.ledger.altered.push(Altered { slot, seq });
        }
        if self.part == Part::SlowReader {
            return;
        }
        self.count(Count::Deliveries, 1);
        self.world.recorder.latency(self.number, Metric::Delivery, None, stamp.intended, now);
        let agents = &self.world.scenario.agents;
        if self.part == Part::Agent
            && stamp.person == slot
            && self.phase() == Phase::Load
            && self.rng.random_bool(agents.answers)
        {
            let at = now + pause(&mut self.rng, agents.think.0);
            self.due.push(Reverse((at, Due::Answer(conversation_id))));
        }
    }

    fn note_card(&mut self, conversation_id: ConversationId, message_id: MessageId, able: &[ActionName]) {
        if let Some(&action) = able.choose(&mut self.rng) {
            self.card = Some((conversation_id, message_id, action));
        }
    }
}

/// What can be done on a card without saying more.
const fn is_plain(action: ActionName) -> bool {
    match action {
        ActionName::Open | ActionName::Confirm | ActionName::Track | ActionName::Claim => true,
        ActionName::RequestReturn | ActionName::PlaceOrder => false,
    }
}
