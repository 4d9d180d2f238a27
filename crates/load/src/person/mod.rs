//! One virtual user: arrives, acts when their time has come, listens, loses the socket and comes back, and in the end says
//! what they have seen. One task each, and no memory but of what is under way.

mod deeds;
mod hear;
mod life;
mod part;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use deskwire_protocol::{
    Codec, ConversationId, MessageId, MethodName, UserId,
    card::ActionName,
    ids::{CouponId, OrderId, ProductId},
};
use rand::{Rng, rngs::StdRng};
use tokio::sync::{mpsc, watch};

use crate::{
    clock::{Clock, Micros, micros},
    desk::{Arrival, Desk, Phase},
    mix::Mix,
    record::{Count, Recorder},
    scenario::{Encoding, Scenario},
    shop::Shop,
    socket::{Patience, Target},
    texts::Texts,
    tokens::{Tokens, Who},
    verdict::{Ack, Altered, Chain, Kept},
};

/// Requests of one person that wait for their answers: half of what the service allows by default.
const IN_FLIGHT: usize = 8;

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

/// A step of coming into the conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    /// The buyer's own conversation, for the first time.
    Open,
    /// A conversation again, with what was missed.
    Attach(ConversationId),
    /// The conversation of a buyer who has just come.
    Attend(Arrival),
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Start,
    Enter(Entry),
    /// The draft of this number.
    Send(u32),
    Claim,
    /// Orders of the buyer of this conversation; the first of them is kept in mind.
    Orders(u32),
    /// Whatever is only to be answered.
    Ask,
    Audit,
}

/// A request that waits for its answer.
#[derive(Debug, Clone, Copy)]
struct Pending {
    id: u32,
    intended: Micros,
    method: MethodName,
    purpose: Purpose,
}

/// How far the own conversation has been read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Audit {
    None,
    /// What follows this place was asked for.
    Asked(u64),
    /// Up to this place.
    Read(u64),
    Done,
    Refused,
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
    /// Steps of coming in that are still to be made.
    entry: VecDeque<Entry>,
    /// Steps that were made over this socket, and when the first was.
    entered: (u32, Micros),
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
    audit: Audit,
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
            entered: (0, 0),
            is_in: false,
            has_been_in: false,
            holds_until: None,
            next_number: 0,
            unacknowledged: VecDeque::new(),
            chains: HashMap::new(),
            attended: Vec::new(),
            opened_at: 0,
            audit: Audit::None,
            card: None,
            orders: HashMap::new(),
            ledger: Ledger::default(),
        }
    }

    fn attend(&mut self, arrival: Arrival, last_seq: u64) {
        let Arrival { slot, conversation_id } = arrival;
        self.chains.insert(conversation_id, Chain::from(slot, last_seq));
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
