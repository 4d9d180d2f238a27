//! A person's part in the phases of a run after the load: waiting for what is under way, and reading the conversation again.

use std::{cmp::Reverse, io};

use deskwire_protocol::{MethodName, conversation::HistoryParams, page::PageSize};

use super::{Audit, Due, Part, Person, Purpose};
use crate::{clock::pause, desk::Phase, record::Count, scenario::Span, socket::Socket, wire};

impl Person {
    /// Does this person's part of the phase; answers whether the run goes on.
    pub(super) async fn do_part(&mut self, socket: &mut Socket) -> Result<bool, io::Error> {
        let phase = self.phase();
        if phase != Phase::Load {
            self.holds_until = None;
            self.cease();
        }
        let is_done = match phase {
            Phase::Load => return Ok(true),
            Phase::Over => return Ok(false),
            Phase::Settle => {
                let waits = !self.entry.is_empty() || !self.pending.is_empty();
                self.is_in && !waits && self.unacknowledged.is_empty()
            }
            Phase::CatchUp => self.is_in && self.has_all(),
            Phase::Audit => self.is_in && self.audit(socket).await?,
        };
        if is_done {
            self.sign(phase);
        }
        Ok(true)
    }

    pub(super) fn sign(&mut self, phase: Phase) {
        if self.done < phase {
            self.done = phase;
            self.world.desk.done(phase);
        }
    }

    /// Whether all that was acknowledged to anyone has come.
    fn has_all(&self) -> bool {
        self.chains.values().all(|chain| chain.last >= self.world.desk.highest(chain.slot))
    }

    /// Gives up what was not begun, and counts what should have been.
    fn cease(&mut self) {
        let every = match self.part {
            Part::Buyer => Some(self.world.scenario.buyers.every),
            Part::Agent => self.world.scenario.agents.every,
            Part::SlowReader => None,
        };
        let mut omitted = 0;
        while let Some(Reverse((at, due))) = self.due.pop() {
            let counts = match due {
                Due::Deed => every.is_some(),
                Due::Answer(_) => true,
                Due::Storm(_) | Due::Reconnect => false,
            };
            if at >= self.world.end || !counts {
                continue;
            }
            omitted += 1;
            if let (Due::Deed, Some(Span(every))) = (due, every) {
                self.due.push(Reverse((at + pause(&mut self.rng, every), Due::Deed)));
            }
        }
        if omitted > 0 {
            self.count(Count::Omitted, omitted);
        }
    }

    /// Reads the own conversation again, page by page; answers whether it has come to its end.
    async fn audit(&mut self, socket: &mut Socket) -> Result<bool, io::Error> {
        let from = match self.audit {
            _ if self.part == Part::Agent => return Ok(true),
            Audit::Done | Audit::Refused => return Ok(true),
            Audit::Asked(_) if self.pending.iter().any(|pending| pending.purpose == Purpose::Audit) => {
                return Ok(false);
            }
            Audit::None => self.opened_at,
            // A page that went with its socket is asked for again.
            Audit::Asked(from) | Audit::Read(from) => from,
        };
        let Some((&conversation_id, _)) = self.chains.iter().next() else { return Ok(true) };
        let limit = PageSize::new(PageSize::MAX).unwrap_or_default();
        let params =
            HistoryParams { conversation_id, before_seq: None, after_seq: Some(wire::seq(from)), limit };
        let now = self.now();
        self.audit = Audit::Asked(from);
        self.ask(socket, MethodName::ConversationHistory, &params, Purpose::Audit, now).await?;
        Ok(false)
    }
}
