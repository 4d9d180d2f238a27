//! The course of a person's life: arriving, connecting, coming in, waiting for what happens, losing the socket, coming back.

use std::{cmp::Reverse, io, sync::atomic::Ordering, time::Duration};

use deskwire_protocol::{
    MethodName,
    conversation::{AttachParams, OpenParams},
    session::{self, StartParams},
};
use rand::Rng;
use tokio::{sync::mpsc, time::sleep_until};

use super::{Audit, Claim, Draft, Due, Entry, IN_FLIGHT, Ledger, Part, Pending, Person, Purpose};
use crate::{
    clock::{Micros, micros, pause, within},
    desk::{Arrival, Phase},
    record::{Count, Failure, Metric},
    scenario::Span,
    socket::{Heard, Reader, Socket, bytes},
    wire,
};

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Steps of coming in that are made as fast as they are answered, and the microseconds between two of those after them: the
/// service takes 100 frames a second, and 300 at once.
const STEPS_AT_ONCE: u32 = 200;
const STEP: Micros = 12_500;

/// How a connection ended.
enum End {
    /// The run is over.
    Over,
    /// The scenario gave it up; its owner stays away for so long.
    Left(Micros),
    /// It was lost.
    Lost,
}

/// What a person waits for.
enum Woken {
    Heard(Heard),
    Arrival(Option<Arrival>),
    Due,
    Phase,
}

impl Person {
    /// Lives through the run, from the moment of arriving.
    pub(crate) async fn live(mut self, arrives: Micros) -> Ledger {
        self.plan(arrives);
        let mut intended = arrives;
        let mut wait = FIRST_PAUSE;
        // People are dealt out to the nodes; whoever finds one gone tries the next at once, and pauses when all are.
        let mut turn = self.number as usize;
        let mut refused = 0;
        self.idle(arrives).await;
        while self.phase() != Phase::Over {
            let reader = if self.part == Part::SlowReader { Reader::Slow } else { Reader::Usual };
            let opened = self.world.target.open(turn, self.codec, reader).await;
            let again = match opened {
                Ok(mut socket) => {
                    refused = 0;
                    self.count(Count::Connections, 1);
                    self.world.desk.sockets.fetch_add(1, Ordering::Relaxed);
                    let end = self.converse(&mut socket, intended).await;
                    self.world.desk.sockets.fetch_sub(1, Ordering::Relaxed);
                    self.left(&end);
                    if self.has_been_in {
                        wait = FIRST_PAUSE;
                    }
                    match end {
                        Ok(End::Over) => break,
                        // A broken network is noticed at once here: latencies of coming back begin when it is there again.
                        Ok(End::Left(away)) => {
                            self.now() + within(&mut self.rng, Duration::from_micros(away))
                        }
                        Ok(End::Lost) | Err(_) => self.now() + self.jittered(wait),
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "no connection");
                    self.world.recorder.failed(self.number, "connect", Failure::NotConnected);
                    turn += 1;
                    refused += 1;
                    if refused % self.world.target.nodes() == 0 {
                        wait = (wait * 2).min(LONGEST_PAUSE);
                        self.now() + self.jittered(wait)
                    } else {
                        self.now()
                    }
                }
            };
            // Whoever was in and is not counts from now; whoever never came in still counts from when they meant to.
            if self.has_been_in {
                intended = again;
            }
            self.idle(again).await;
        }
        self.report()
    }

    /// When things are due that do not follow from others.
    fn plan(&mut self, arrives: Micros) {
        let scenario = &self.world.scenario;
        let every = match self.part {
            Part::Buyer => Some(scenario.buyers.every),
            Part::SlowReader => Some(scenario.slow_readers.every),
            Part::Agent => scenario.agents.every,
        };
        if let Some(Span(every)) = every {
            self.due.push(Reverse((arrives + pause(&mut self.rng, every), Due::Deed)));
        }
        if self.part == Part::SlowReader {
            return;
        }
        for storm in &scenario.storms {
            let at = micros(storm.at.0) + within(&mut self.rng, storm.within.0);
            if at > arrives && self.rng.random_bool(storm.share) {
                self.due.push(Reverse((at, Due::Storm(micros(storm.pause.0)))));
            }
        }
        if let Some(reconnects) = &scenario.reconnects {
            let first = arrives + pause(&mut self.rng, reconnects.every.0);
            self.due.push(Reverse((first, Due::Reconnect)));
        }
    }

    /// Talks over a socket until it or the run ends.
    async fn converse(&mut self, socket: &mut Socket, intended: Micros) -> Result<End, io::Error> {
        self.entry.retain(|step| matches!(step, Entry::Attend(_)));
        self.entered = (0, self.now());
        self.has_session = false;
        let token = match self.world.tokens.token(&self.who, self.index) {
            Ok(token) => token,
            Err(error) => return Err(io::Error::other(error)),
        };
        let client = session::Client { name: "deskwire-load".into(), version: None };
        let params = StartParams { token: Some(token), client: Some(client), resume: Vec::new() };
        self.ask(socket, MethodName::SessionStart, &params, Purpose::Start, self.now()).await?;
        let timer = sleep_until(self.world.clock.instant(self.world.end));
        tokio::pin!(timer);
        loop {
            self.enter(socket, intended).await?;
            if let Some(away) = self.act(socket).await? {
                return Ok(End::Left(away));
            }
            if !self.do_part(socket).await? {
                return Ok(End::Over);
            }
            self.flush(socket).await?;
            let wake = self.wake_at();
            if let Some(wake) = wake {
                let instant = self.world.clock.instant(wake);
                if timer.deadline() != instant {
                    timer.as_mut().reset(instant);
                }
            }
            let hears = self.holds_until.is_none();
            let woken = tokio::select! {
                frame = socket.hear(), if hears => Woken::Heard(frame),
                arrival = next(&mut self.arrivals), if self.is_in && self.arrivals.is_some() => Woken::Arrival(arrival),
                () = timer.as_mut(), if wake.is_some() => Woken::Due,
                _ = self.phases.changed() => Woken::Phase,
            };
            match woken {
                Woken::Heard(Heard::Frame(frame)) => {
                    let frame = bytes(&frame);
                    self.count(Count::BytesIn, frame.len() as u64);
                    if let Err(error) = self.hear(frame) {
                        tracing::debug!(%error, "a frame was not understood");
                        self.world.recorder.failed(self.number, "frame", Failure::Unreadable);
                        return Ok(End::Lost);
                    }
                    if self.is_refused_entry() {
                        return Ok(End::Lost);
                    }
                }
                Woken::Heard(Heard::Beat) | Woken::Phase => {}
                Woken::Heard(Heard::Closed(code)) => {
                    self.world.recorder.closed(self.number, code);
                    return Ok(End::Lost);
                }
                Woken::Heard(Heard::Lost) => {
                    self.world.recorder.closed(self.number, None);
                    return Ok(End::Lost);
                }
                Woken::Arrival(Some(arrival)) => {
                    self.entry.push_back(Entry::Attend(arrival));
                }
                Woken::Arrival(None) => self.arrivals = None,
                Woken::Due => {
                    if let (Some(wake), None) = (wake, self.holds_until) {
                        let now = self.now();
                        self.world.recorder.latency(self.number, Metric::Lag, None, wake, now);
                        self.woken_for = Some(wake);
                    }
                }
            }
        }
    }

    /// Comes into the conversations, step by step; in the end what was not acknowledged is sent again.
    async fn enter(&mut self, socket: &mut Socket, intended: Micros) -> Result<(), io::Error> {
        if !self.has_session {
            return Ok(());
        }
        while self.pending.len() < IN_FLIGHT
            && self.may_enter_at() <= self.now()
            && let Some(step) = self.entry.pop_front()
        {
            self.entered.0 += 1;
            self.step(socket, step).await?;
        }
        let is_entering = |pending: &Pending| matches!(pending.purpose, Purpose::Start | Purpose::Enter(_));
        if self.is_in || !self.entry.is_empty() || self.pending.iter().any(is_entering) {
            return Ok(());
        }
        self.is_in = true;
        let metric = if self.has_been_in { Metric::Resume } else { Metric::Connect };
        self.has_been_in = true;
        let now = self.now();
        if self.part == Part::SlowReader {
            if self.phase() == Phase::Load {
                self.holds_until = Some(now + micros(self.world.scenario.slow_readers.hold.0));
            }
        } else {
            self.world.recorder.latency(self.number, metric, None, intended, now);
        }
        let again: Vec<Draft> = self.unacknowledged.iter().cloned().collect();
        self.count(Count::Resent, again.len() as u64);
        for draft in again {
            self.send(socket, &draft).await?;
        }
        Ok(())
    }

    async fn step(&mut self, socket: &mut Socket, step: Entry) -> Result<(), io::Error> {
        let now = self.now();
        let (conversation_id, after_seq) = match step {
            Entry::Open => {
                let params = OpenParams::default();
                return self
                    .ask(socket, MethodName::ConversationOpen, &params, Purpose::Enter(step), now)
                    .await;
            }
            Entry::Attach(conversation_id) => {
                (conversation_id, self.chains.get(&conversation_id).map(|chain| wire::seq(chain.last)))
            }
            Entry::Attend(arrival) => (arrival.conversation_id, None),
        };
        let params = AttachParams { conversation_id, after_seq };
        self.ask(socket, MethodName::ConversationAttach, &params, Purpose::Enter(step), now).await
    }

    /// An agent who comes back into hundreds of conversations asks for the later ones no faster than the service lets a
    /// socket ask.
    fn may_enter_at(&self) -> Micros {
        let (steps, began) = self.entered;
        began + Micros::from(steps.saturating_sub(STEPS_AT_ONCE)) * STEP
    }

    /// Whether a step of coming in was refused, so that there is nothing to wait for on this socket.
    fn is_refused_entry(&self) -> bool {
        let has_conversation = self.part == Part::Agent || !self.chains.is_empty();
        let waits = !self.entry.is_empty() || !self.pending.is_empty();
        !(self.is_in || waits || self.has_session && has_conversation)
    }

    /// When there is something to do although nothing comes.
    fn wake_at(&self) -> Option<Micros> {
        let enters = (self.has_session && !self.entry.is_empty() && self.pending.len() < IN_FLIGHT)
            .then(|| self.may_enter_at());
        if self.phase() != Phase::Load || !self.is_in || enters.is_some() {
            return enters;
        }
        let is_free = self.holds_until.is_some() || self.pending.len() < IN_FLIGHT;
        let due = self.due.peek().map(|Reverse((at, _))| *at).filter(|at| is_free && *at < self.world.end);
        match (due, self.holds_until) {
            (Some(due), Some(until)) => Some(due.min(until)),
            (due, until) => due.or(until),
        }
    }

    /// The socket is gone.
    fn left(&mut self, end: &Result<End, io::Error>) {
        self.is_in = false;
        self.holds_until = None;
        let count = match (end, self.part) {
            (Ok(End::Over), _) => None,
            (Ok(End::Left(_)), _) => Some(Count::Left),
            (Ok(End::Lost) | Err(_), Part::SlowReader) => Some(Count::SlowReadersClosed),
            (Ok(End::Lost) | Err(_), Part::Buyer | Part::Agent) => Some(Count::Disconnects),
        };
        if let Some(count) = count {
            self.count(count, 1);
        }
        // Whoever leaves by themselves does not wait for answers; whoever leaves at the end has waited long.
        let is_failure = !matches!(end, Ok(End::Left(_))) && self.part != Part::SlowReader;
        for pending in std::mem::take(&mut self.pending) {
            match pending.purpose {
                // It will be sent again, unless it is the end.
                Purpose::Send(_) if count.is_some() => {}
                Purpose::Claim => {
                    if self.ledger.claim == Claim::None {
                        self.ledger.claim = Claim::Unknown;
                    }
                }
                Purpose::Enter(step @ Entry::Attend(_)) => self.entry.push_back(step),
                Purpose::Start
                | Purpose::Enter(Entry::Open | Entry::Attach(_))
                | Purpose::Send(_)
                | Purpose::Orders(_)
                | Purpose::Ask
                | Purpose::Audit => {
                    if is_failure {
                        self.world.recorder.failed(self.number, pending.method.as_str(), Failure::Unanswered);
                    }
                }
            }
        }
    }

    /// Waits for a moment, or for the end of the load before it.
    async fn idle(&mut self, until: Micros) {
        let instant = self.world.clock.instant(until);
        loop {
            let phase = self.phase();
            if phase == Phase::Over {
                return;
            }
            if phase != Phase::Load && !self.has_been_in {
                // Whoever never came has no part.
                self.sign(phase);
                if self.phases.changed().await.is_err() {
                    return;
                }
                continue;
            }
            tokio::select! {
                () = sleep_until(instant) => return,
                _ = self.phases.changed() => {}
            }
        }
    }

    /// What this person has seen.
    fn report(mut self) -> Ledger {
        self.ledger.chains = self.chains.into_values().collect();
        let never_read = self.part != Part::Agent
            && self.has_been_in
            && (self.done < Phase::Audit || self.audit == Audit::Refused);
        self.ledger.unread = never_read.then_some(self.number);
        self.ledger
    }
}

async fn next(arrivals: &mut Option<mpsc::Receiver<Arrival>>) -> Option<Arrival> {
    match arrivals {
        Some(arrivals) => arrivals.recv().await,
        None => None,
    }
}
