//! One virtual user: arrives, acts when their time has come, listens, loses the socket and comes back, and in the end says
//! what they have seen. One task each, and no memory but of what is under way.

mod deeds;
mod hear;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    io,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use deskwire_protocol::{
    Codec, ConversationId, MessageId, MethodName, UserId,
    card::ActionName,
    conversation::{AttachParams, OpenParams, TakeParams},
    ids::{CouponId, OrderId, ProductId},
    session::{self, StartParams},
};
use rand::{Rng, rngs::StdRng};
use tokio::{
    sync::{mpsc, watch},
    time::sleep_until,
};

use crate::{
    clock::{Clock, Micros, micros, pause, within},
    desk::{Arrival, Desk, Phase},
    mix::Mix,
    record::{Count, Failure, Metric, Recorder},
    scenario::{Encoding, Scenario, Span},
    shop::Shop,
    socket::{Heard, Patience, Reader, Socket, Target, bytes},
    texts::Texts,
    tokens::{Tokens, Who},
    verdict::{Ack, Altered, Chain, Kept},
};

/// Requests of one person that wait for their answers: half of what the service allows by default.
const IN_FLIGHT: usize = 8;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What everyone of a run shares.
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) clock: Clock,
    /// When people cease to act.
    pub(crate) end: Micros,
    pub(crate) target: Target,
    pub(crate) tokens: Tokens,
    pub(crate) recorder: Recorder,
    pub(crate) desk: Desk,
    pub(crate) shop: Shop,
    pub(crate) texts: Texts,
    /// What the messages of this run are known by.
    pub(crate) run: String,
    pub(crate) buyer_mix: Mix,
    pub(crate) agent_mix: Mix,
    /// By conversation: whose it is.
    pub(crate) buyers: Vec<UserId>,
}

/// What someone is in a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Writes to the shop.
    Buyer,
    /// A buyer who asks and does not read.
    SlowReader,
    /// Answers for the shop.
    Agent,
}

/// Something whose time will come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// The socket is lost in a storm, and its owner stays away for so long.
    Storm(Micros),
    /// The socket is lost by itself.
    Reconnect,
    /// The next thing that is done by the mix.
    Deed,
    /// A message of this conversation is answered.
    Answer(ConversationId),
}

/// A message until it is acknowledged.
#[derive(Debug, Clone)]
struct Draft {
    number: u32,
    conversation_id: ConversationId,
    slot: u32,
    intended: Micros,
    says: Says,
}

/// What a message says.
#[derive(Debug, Clone)]
enum Says {
    Text,
    Product(ProductId),
    Coupon(CouponId),
    Order(OrderId),
}

impl Says {
    const fn method(&self) -> MethodName {
        match self {
            Self::Text => MethodName::MessageSend,
            Self::Product(_) => MethodName::WorkbenchProductsSendCard,
            Self::Coupon(_) => MethodName::WorkbenchCouponsSendCard,
            Self::Order(_) => MethodName::WorkbenchOrdersSendCard,
        }
    }
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Start,
    Open,
    Attach(ConversationId),
    Take(Arrival),
    /// The draft of this number.
    Send(u32),
    Claim,
    /// Orders of the buyer of this conversation; the first of them is kept in mind.
    Orders(u32),
    /// Whatever is only to be answered.
    Ask,
    Audit,
}

impl Purpose {
    /// Whether it belongs to coming in, so that nothing else is done before it is answered.
    const fn is_entry(self) -> bool {
        matches!(self, Self::Start | Self::Open | Self::Attach(_))
    }
}

/// A request that waits for its answer.
#[derive(Debug, Clone, Copy)]
struct Pending {
    id: u32,
    intended: Micros,
    method: MethodName,
    purpose: Purpose,
}

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

/// What someone has seen, to be judged.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) acks: Vec<Ack>,
    pub(crate) kept: Vec<Kept>,
    pub(crate) chains: Vec<Chain>,
    pub(crate) altered: Vec<Altered>,
    pub(crate) unread: Option<u32>,
    pub(crate) claim: Claim,
}

/// How someone's claim of the rushed coupon ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Not tried, or refused.
    #[default]
    None,
    /// They were told that they have it.
    Told,
    /// They were told nothing.
    Unknown,
}

pub(crate) struct Person {
    world: Arc<World>,
    /// Unique among all people of the run; of buyers also the number of their conversation.
    number: u32,
    part: Part,
    who: Who,
    /// The number among those of the same role.
    index: usize,
    codec: Codec,
    rng: StdRng,
    arrivals: Option<mpsc::Receiver<Arrival>>,
    phases: watch::Receiver<Phase>,
    /// The last phase of which this person's part is done.
    done: Phase,
    /// The moment for which the timer woke this person, until it is acted on.
    woken_for: Option<Micros>,
    /// What will have to be done, the next first.
    due: BinaryHeap<Reverse<(Micros, Due)>>,

    next_id: u32,
    pending: Vec<Pending>,
    /// Whether `session.start` was answered.
    has_session: bool,
    /// Requests of coming in that are still to be made.
    entry: VecDeque<Purpose>,
    /// Whether the person is in their conversations.
    is_in: bool,
    has_been_in: bool,
    /// Until when a slow reader does not read.
    holds_until: Option<Micros>,

    next_number: u32,
    unacknowledged: VecDeque<Draft>,
    chains: HashMap<ConversationId, Chain>,
    attended: Vec<(u32, ConversationId)>,
    /// Where the own conversation stood when it was opened.
    opened_at: u64,
    audited_to: Option<u64>,
    card: Option<(ConversationId, MessageId, ActionName)>,
    orders: HashMap<u32, OrderId>,
    ledger: Ledger,
}

impl Person {
    pub(crate) fn new(
        world: Arc<World>,
        number: u32,
        part: Part,
        (who, index): (Who, usize),
        arrivals: Option<mpsc::Receiver<Arrival>>,
        rng: StdRng,
    ) -> Self {
        let phases = world.desk.phases();
        let encoding: Encoding = world.scenario.codec;
        Self {
            world,
            number,
            part,
            who,
            index,
            codec: encoding.of(number),
            rng,
            arrivals,
            phases,
            done: Phase::Load,
            woken_for: None,
            due: BinaryHeap::new(),
            next_id: 0,
            pending: Vec::new(),
            has_session: false,
            entry: VecDeque::new(),
            is_in: false,
            has_been_in: false,
            holds_until: None,
            next_number: 0,
            unacknowledged: VecDeque::new(),
            chains: HashMap::new(),
            attended: Vec::new(),
            opened_at: 0,
            audited_to: None,
            card: None,
            orders: HashMap::new(),
            ledger: Ledger::default(),
        }
    }

    /// Lives through the run, from the moment of arriving.
    pub(crate) async fn live(mut self, arrives: Micros) -> Ledger {
        self.plan(arrives);
        let mut intended = arrives;
        let mut wait = FIRST_PAUSE;
        self.idle(arrives).await;
        while self.phase() != Phase::Over {
            let reader = if self.part == Part::SlowReader { Reader::Slow } else { Reader::Usual };
            let opened = self.world.target.open(self.codec, reader).await;
            let again = match opened {
                Ok(mut socket) => {
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
                    wait = (wait * 2).min(LONGEST_PAUSE);
                    self.now() + self.jittered(wait)
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
        self.entry.clear();
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
                heard = socket.hear(), if hears => Woken::Heard(heard),
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
                    let params = TakeParams { conversation_id: arrival.conversation_id, if_assignee: None };
                    let now = self.now();
                    self.ask(socket, MethodName::ConversationTake, &params, Purpose::Take(arrival), now)
                        .await?;
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
            && let Some(purpose) = self.entry.pop_front()
        {
            let now = self.now();
            match purpose {
                Purpose::Open => {
                    self.ask(socket, MethodName::ConversationOpen, &OpenParams::default(), purpose, now)
                        .await?;
                }
                Purpose::Attach(conversation_id) => {
                    let after_seq =
                        self.chains.get(&conversation_id).map(|chain| crate::wire::seq(chain.last));
                    let params = AttachParams { conversation_id, after_seq };
                    self.ask(socket, MethodName::ConversationAttach, &params, purpose, now).await?;
                }
                Purpose::Start
                | Purpose::Take(_)
                | Purpose::Send(_)
                | Purpose::Claim
                | Purpose::Orders(_)
                | Purpose::Ask
                | Purpose::Audit => {}
            }
        }
        if self.is_in
            || !self.entry.is_empty()
            || self.pending.iter().any(|pending| pending.purpose.is_entry())
        {
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

    /// Whether a request of coming in was refused, so that there is nothing to wait for on this socket.
    fn is_refused_entry(&self) -> bool {
        let has_conversation = self.part == Part::Agent || !self.chains.is_empty();
        let waits = !self.entry.is_empty() || !self.pending.is_empty();
        !self.is_in && !waits && !(self.has_session && has_conversation)
    }

    /// Does this person's part of the phase; answers whether the run goes on.
    async fn do_part(&mut self, socket: &mut Socket) -> Result<bool, io::Error> {
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

    fn sign(&mut self, phase: Phase) {
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

    /// When there is something to do although nothing comes.
    fn wake_at(&self) -> Option<Micros> {
        if self.phase() != Phase::Load || !self.is_in {
            return None;
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
        let is_lost = match end {
            Ok(End::Over) => return,
            Ok(End::Left(_)) => false,
            Ok(End::Lost) | Err(_) => true,
        };
        let count = match (is_lost, self.part) {
            (true, Part::SlowReader) => Count::SlowReadersClosed,
            (true, Part::Buyer | Part::Agent) => Count::Disconnects,
            (false, Part::Buyer | Part::Agent | Part::SlowReader) => Count::Left,
        };
        self.count(count, 1);
        for pending in std::mem::take(&mut self.pending) {
            match pending.purpose {
                // It will be sent again.
                Purpose::Send(_) => {}
                Purpose::Claim => {
                    if self.ledger.claim == Claim::None {
                        self.ledger.claim = Claim::Unknown;
                    }
                }
                Purpose::Take(arrival) => {
                    self.attend(arrival, None);
                }
                Purpose::Start
                | Purpose::Open
                | Purpose::Attach(_)
                | Purpose::Orders(_)
                | Purpose::Ask
                | Purpose::Audit => {
                    if is_lost && self.part != Part::SlowReader {
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
        let never_read = self.part != Part::Agent && self.has_been_in && self.done < Phase::Audit;
        self.ledger.unread = never_read.then_some(self.number);
        self.ledger
    }

    fn attend(&mut self, arrival: Arrival, from: Option<u64>) {
        let Arrival { slot, conversation_id } = arrival;
        if self.chains.contains_key(&conversation_id) {
            return;
        }
        // Of a conversation that was being taken when the socket went nothing is known but that there may be events.
        self.chains.insert(conversation_id, Chain::from(slot, from.unwrap_or(0)));
        self.attended.push((slot, conversation_id));
    }

    fn phase(&self) -> Phase {
        *self.phases.borrow()
    }

    fn now(&self) -> Micros {
        self.world.clock.now()
    }

    fn count(&self, count: Count, number: u64) {
        self.world.recorder.add(self.number, count, number);
    }

    /// A slow reader who does not read cannot expect to be heard.
    fn patience(&self) -> Patience {
        if self.holds_until.is_some() { Patience::None } else { Patience::Usual }
    }

    fn jittered(&mut self, wait: Duration) -> Micros {
        micros(wait.mul_f64(self.rng.random_range(0.5..1.5)))
    }
}

async fn next(arrivals: &mut Option<mpsc::Receiver<Arrival>>) -> Option<Arrival> {
    match arrivals {
        Some(arrivals) => arrivals.recv().await,
        None => None,
    }
}
