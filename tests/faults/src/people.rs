//! People who talk: each on one device, on whatever node is to be had, as the contract tells clients to behave.
//!
//! They send again under the same id what was not answered, come back with growing pauses, attach from the last event
//! that they have, and note all that they see. They judge nothing: that is for the checker.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::bail;
use deskwire_protocol::Codec;
use deskwire_tests::wire::{Incoming, Outcome};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use crate::{
    cast::{Cast, Person},
    proxy::Proxy,
    record::{Event, Record, What, thing_of},
    socket::{Got, PATIENCE, Socket},
};

/// How often a person looks up.
const TICK: Duration = Duration::from_millis(100);
/// Who has heard nothing for so long asks whether the line is there.
const SILENCE: Duration = Duration::from_secs(2);
/// The longest pause between two tries to connect.
const BACKOFF: Duration = Duration::from_secs(2);
/// Sends of one person that may be under way at once.
const UNDER_WAY: usize = 3;
/// Words that begin a note, so that one is known wherever it turns up.
const NOTE: &str = "note for agents only";

/// What people are to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Talk.
    Talk,
    /// Say nothing new, and see that what was said is answered.
    Finish,
    /// Leave.
    Leave,
}

/// What all of them share.
#[derive(Debug)]
pub struct Place {
    /// Who they are.
    pub cast: Cast,
    /// The lines to the nodes.
    pub lines: Vec<Proxy>,
    /// Where they note what they see.
    pub record: Record,
    /// What they are to do.
    pub phase: watch::Sender<Phase>,
    /// What was sent and is not answered yet.
    pub unanswered: AtomicUsize,
    /// Who was attached to everything once.
    pub arrived: AtomicUsize,
    /// About how long each waits between two things that they do.
    pub pace: Duration,
    /// What is drawn at random is drawn from this.
    pub seed: u64,
}

/// What is to be sent, until it is answered.
#[derive(Debug)]
struct Saying {
    id: Arc<str>,
    /// Which of the person's conversations.
    at: usize,
    what: Said,
    under_way: bool,
}

#[derive(Debug)]
enum Said {
    Text(String),
    Note(String),
    Card(String),
    Recall(i64),
}

/// A request that has no answer yet.
#[derive(Debug)]
enum Asked {
    Start,
    Attach(usize),
    Say(Arc<str>),
    Other,
}

/// One person's memory, over all sockets.
struct Life {
    place: Arc<Place>,
    number: usize,
    random: StdRng,
    /// The last event of each conversation that the person has.
    last: Vec<i64>,
    sayings: VecDeque<Saying>,
    said: u64,
    /// Own messages that may be recalled.
    own: VecDeque<(usize, i64)>,
    /// The card that came last: conversation and message.
    card: Option<(usize, String)>,
    sockets: u32,
}

/// What is true of one socket.
struct Line {
    socket: Socket,
    number: u32,
    asked: HashMap<u32, (Instant, Asked)>,
    attached: Vec<bool>,
    ready: bool,
    heard: Instant,
    act_at: Instant,
    send_again_at: Instant,
    leave_at: Option<Instant>,
}

/// Lives until told to leave.
pub async fn live(place: Arc<Place>, number: usize) {
    let conversations = place.cast.people[number].conversations.len();
    let random = StdRng::seed_from_u64(place.seed.wrapping_mul(1_000_003).wrapping_add(number as u64));
    let mut life = Life {
        place,
        number,
        random,
        last: vec![0; conversations],
        sayings: VecDeque::new(),
        said: 0,
        own: VecDeque::new(),
        card: None,
        sockets: 0,
    };
    let mut failures = 0;
    while life.phase() != Phase::Leave {
        if life.connect().await {
            failures = 0;
        } else {
            failures += 1;
        }
        let most = (Duration::from_millis(50) * 2_u32.pow(failures.min(6))).min(BACKOFF);
        sleep(most.mul_f64(life.random.random_range(0.1..1.0))).await;
    }
}

impl Life {
    fn me(&self) -> &Person {
        &self.place.cast.people[self.number]
    }

    fn phase(&self) -> Phase {
        *self.place.phase.borrow()
    }

    fn note(&self, what: What) {
        self.place.record.note(self.number, what);
    }

    fn wire_id(&self, at: usize) -> &str {
        &self.place.cast.conversations[self.me().conversations[at]].id
    }

    /// One socket from its beginning to its end; whether it came to be used.
    async fn connect(&mut self) -> bool {
        let node = self.random.random_range(0..self.place.lines.len());
        let codec = self.me().codec;
        let Ok(socket) = Socket::open(self.place.lines[node].address(), codec).await else { return false };
        self.sockets += 1;
        let number = self.sockets;
        self.note(What::Connected { socket: number, node });
        let now = Instant::now();
        let mut line = Line {
            socket,
            number,
            asked: HashMap::new(),
            attached: vec![false; self.last.len()],
            ready: false,
            heard: now,
            act_at: now + self.pause(),
            send_again_at: now,
            leave_at: None,
        };
        for saying in &mut self.sayings {
            saying.under_way = false;
        }
        let (code, why) = match self.talk(&mut line).await {
            Ok(code) => (code, String::new()),
            Err(error) => (None, format!("{error:#}")),
        };
        self.note(What::Closed { socket: number, code, why });
        if self.phase() == Phase::Leave {
            line.socket.leave().await;
        }
        line.ready
    }

    /// Until the socket's end: by the server with this code, or because the person gives it up.
    async fn talk(&mut self, line: &mut Line) -> anyhow::Result<Option<u16>> {
        let token = json!({"token": self.me().token});
        self.ask(line, Asked::Start, "session.start", &token).await?;
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                got = line.socket.next() => match got {
                    Got::Closed(code) => return Ok(code),
                    Got::Frame(incoming) => {
                        line.heard = Instant::now();
                        self.take(line, incoming).await?;
                    }
                },
                _ = ticks.tick() => {
                    if self.phase() == Phase::Leave || line.leave_at.is_some_and(|at| at <= Instant::now()) {
                        return Ok(None);
                    }
                    self.look_up(line).await?;
                }
            }
        }
    }

    async fn ask(&self, line: &mut Line, asked: Asked, method: &str, params: &Value) -> anyhow::Result<()> {
        let id = line.socket.ask(method, params).await?;
        line.asked.insert(id, (Instant::now(), asked));
        Ok(())
    }

    async fn attach(&mut self, line: &mut Line, at: usize) -> anyhow::Result<()> {
        let params = json!({"conversation_id": self.wire_id(at), "after_seq": self.last[at]});
        self.ask(line, Asked::Attach(at), "conversation.attach", &params).await
    }

    /// What there is to do by itself.
    async fn look_up(&mut self, line: &mut Line) -> anyhow::Result<()> {
        let now = Instant::now();
        if line.asked.values().any(|(since, _)| now - *since > PATIENCE) {
            bail!("no answer in {PATIENCE:?}");
        }
        if now - line.heard > SILENCE && line.asked.is_empty() {
            self.ask(line, Asked::Other, "session.ping", &json!({})).await?;
        }
        if !line.ready {
            return Ok(());
        }
        if now >= line.send_again_at {
            for place in 0..self.sayings.len() {
                if !self.sayings[place].under_way {
                    self.say(line, place).await?;
                }
            }
        }
        if self.phase() == Phase::Talk && now >= line.act_at {
            line.act_at = now + self.pause();
            self.act(line).await?;
        }
        Ok(())
    }

    fn pause(&mut self) -> Duration {
        self.place.pace.mul_f64(self.random.random_range(0.2..1.8))
    }

    /// Something new.
    async fn act(&mut self, line: &mut Line) -> anyhow::Result<()> {
        let at = self.random.random_range(0..self.last.len());
        let buyer = self.me().buyer;
        match self.random.random_range(0..100) {
            0..10 => {
                if let Some((at, seq)) = self.own.pop_front() {
                    self.begin(line, at, Said::Recall(seq)).await?;
                }
            }
            10..15 => {
                let params = json!({"conversation_id": self.wire_id(at), "seq": self.last[at]});
                self.ask(line, Asked::Other, "conversation.read", &params).await?;
            }
            15..25 if buyer => {
                if let Some((at, message_id)) = self.card.take() {
                    let params = json!({"conversation_id": self.wire_id(at), "message_id": message_id, "action": "CLAIM"});
                    self.ask(line, Asked::Other, "card.act", &params).await?;
                }
            }
            15..40 if !buyer => {
                let text = format!("{NOTE} {}.{}", self.number, self.said + 1);
                self.begin(line, at, Said::Note(text)).await?;
            }
            40..52 if !buyer => {
                let coupon = self.place.cast.coupons.choose(&mut self.random).cloned().unwrap_or_default();
                self.begin(line, at, Said::Card(coupon)).await?;
            }
            _ => {
                for _ in 0..self.random.random_range(1..=UNDER_WAY) {
                    let text =
                        format!("{}.{} says {:x}", self.number, self.said + 1, self.random.random::<u64>());
                    self.begin(line, at, Said::Text(text)).await?;
                }
            }
        }
        Ok(())
    }

    async fn begin(&mut self, line: &mut Line, at: usize, what: Said) -> anyhow::Result<()> {
        // Behind what is not answered yet, nothing is piled up.
        if self.sayings.len() >= UNDER_WAY {
            return Ok(());
        }
        self.said += 1;
        let id = format!("p{}-{}", self.number, self.said).into();
        self.sayings.push_back(Saying { id, at, what, under_way: false });
        self.place.unanswered.fetch_add(1, Ordering::AcqRel);
        self.say(line, self.sayings.len() - 1).await
    }

    /// One try.
    async fn say(&mut self, line: &mut Line, place: usize) -> anyhow::Result<()> {
        let saying = &mut self.sayings[place];
        saying.under_way = true;
        let (id, at) = (Arc::clone(&saying.id), saying.at);
        let conversation = self.me().conversations[at];
        let here = self.wire_id(at);
        let (method, params, thing) = match &self.sayings[place].what {
            Said::Text(text) => (
                "message.send",
                json!({"conversation_id": here, "client_message_id": id, "content": {"type": "TEXT", "text": text}}),
                Some((thing_of("TEXT", text), false)),
            ),
            Said::Note(text) => (
                "conversation.note",
                json!({"conversation_id": here, "client_message_id": id, "text": text}),
                Some((thing_of("TEXT", text), true)),
            ),
            Said::Card(coupon) => (
                "workbench.coupons.send_card",
                json!({"conversation_id": here, "client_message_id": id, "coupon_id": coupon}),
                Some((thing_of("COUPON_CARD", coupon), false)),
            ),
            Said::Recall(seq) => (
                "message.recall",
                json!({"conversation_id": here, "message_id": format!("{here}-{seq}")}),
                None,
            ),
        };
        // Noted before it leaves: whatever happens then, it may have arrived.
        match (thing, &self.sayings[place].what) {
            (Some((thing, private)), _) => {
                self.note(What::Tried {
                    socket: line.number,
                    conversation,
                    id: Arc::clone(&id),
                    thing,
                    private,
                });
            }
            (None, Said::Recall(seq)) => self.note(What::TriedRecall { conversation, seq: *seq }),
            (None, _) => {}
        }
        self.ask(line, Asked::Say(id), method, &params).await
    }

    async fn take(&mut self, line: &mut Line, incoming: Incoming) -> anyhow::Result<()> {
        match incoming {
            Incoming::Reply(id, outcome) => {
                let id = id.as_u64().and_then(|id| u32::try_from(id).ok()).unwrap_or(0);
                if let Ok(result) = &outcome {
                    self.look_for_leaks(result);
                }
                match line.asked.remove(&id) {
                    Some((_, asked)) => self.answered(line, asked, outcome).await,
                    None => bail!("an answer to nothing: {id}"),
                }
            }
            Incoming::Push(name, params) => {
                self.look_for_leaks(&params);
                match name.as_str() {
                    "message.created" | "message.revised" => self.hear(line, &params).await,
                    "session.draining" => {
                        let wait = params["reconnect_after_ms"].as_u64().unwrap_or(0);
                        line.leave_at = Some(Instant::now() + Duration::from_millis(wait));
                        Ok(())
                    }
                    _ => Ok(()),
                }
            }
            Incoming::Batch(_) => bail!("a batch that nobody asked for"),
        }
    }

    async fn answered(&mut self, line: &mut Line, asked: Asked, outcome: Outcome) -> anyhow::Result<()> {
        match (asked, outcome) {
            (Asked::Start, Ok(_)) => {
                for at in 0..self.last.len() {
                    self.attach(line, at).await?;
                }
                Ok(())
            }
            (Asked::Attach(at), Ok(result)) => self.attached(line, at, &result).await,
            (Asked::Start | Asked::Attach(_), Err(error)) => bail!("{}: {}", error.kind(), error.message),
            (Asked::Say(id), Ok(result)) => {
                self.said_and_done(line, &id, Ok(result["seq"].as_i64()));
                Ok(())
            }
            (Asked::Say(id), Err(error)) => {
                if error.retryable() {
                    if let Some(saying) = self.sayings.iter_mut().find(|saying| saying.id == id) {
                        saying.under_way = false;
                    }
                    line.send_again_at =
                        Instant::now() + Duration::from_millis(self.random.random_range(200..800));
                } else {
                    self.said_and_done(line, &id, Err(error.kind().to_owned()));
                }
                Ok(())
            }
            (Asked::Other, _) => Ok(()),
        }
    }

    /// A saying has its last answer.
    fn said_and_done(&mut self, line: &Line, id: &Arc<str>, answer: Result<Option<i64>, String>) {
        let Some(place) = self.sayings.iter().position(|saying| saying.id == *id) else { return };
        let Some(saying) = self.sayings.remove(place) else { return };
        let conversation = self.me().conversations[saying.at];
        match (&saying.what, answer) {
            (Said::Recall(seq), Ok(_)) => self.note(What::Recalled { conversation, seq: *seq }),
            (Said::Recall(seq), Err(kind)) if kind == "already_exists" => {
                self.note(What::Recalled { conversation, seq: *seq });
            }
            (_, Ok(seq)) => {
                let seq = seq.unwrap_or_default();
                self.note(What::Acknowledged { socket: line.number, id: Arc::clone(id), seq });
                if matches!(saying.what, Said::Text(_) | Said::Note(_)) {
                    self.own.push_back((saying.at, seq));
                    if self.own.len() > 20 {
                        self.own.pop_front();
                    }
                }
            }
            (_, Err(kind)) => self.note(What::Refused { id: Arc::clone(id), kind }),
        }
        self.place.unanswered.fetch_sub(1, Ordering::AcqRel);
    }

    async fn attached(&mut self, line: &mut Line, at: usize, result: &Value) -> anyhow::Result<()> {
        let conversation = self.me().conversations[at];
        let last_seq = result["last_seq"].as_i64().unwrap_or_default();
        let whole = result["has_more"] == false;
        self.note(What::Attached {
            socket: line.number,
            conversation,
            after: self.last[at],
            last_seq,
            whole,
        });
        for event in result["events"].as_array().into_iter().flatten() {
            self.note(What::Arrived { conversation, live: false, event: Event::read(event) });
            self.see_card(at, event);
        }
        self.last[at] = last_seq;
        line.attached[at] = whole;
        if !whole {
            return self.attach(line, at).await;
        }
        if !line.ready && line.attached.iter().all(|attached| *attached) {
            line.ready = true;
            if line.number == 1 {
                self.place.arrived.fetch_add(1, Ordering::AcqRel);
            }
            self.note(What::Ready { socket: line.number });
        }
        Ok(())
    }

    /// An event was pushed.
    async fn hear(&mut self, line: &mut Line, params: &Value) -> anyhow::Result<()> {
        let event = Event::read(params);
        let id = params["conversation_id"].as_str().unwrap_or_default();
        let mine = (0..self.last.len()).find(|at| self.wire_id(*at) == id);
        let Some(at) = mine else {
            self.note(What::Leaked { what: format!("an event of {id}, to which nobody here is attached") });
            return Ok(());
        };
        if !line.attached[at] {
            // What comes between a hole and the answer to attaching again is in that answer.
            return Ok(());
        }
        self.note(What::Arrived { conversation: self.me().conversations[at], live: true, event });
        if event.prev_seq != self.last[at] {
            line.attached[at] = false;
            return self.attach(line, at).await;
        }
        self.last[at] = event.seq;
        self.see_card(at, params);
        Ok(())
    }

    fn see_card(&mut self, at: usize, event: &Value) {
        let message = &event["message"];
        if self.me().buyer && event["seq"] == message["seq"] && message["content"]["type"] == "COUPON_CARD" {
            self.card = message["message_id"].as_str().map(|id| (at, id.to_owned()));
        }
    }

    /// A buyer sees nothing of other conversations, and no note.
    fn look_for_leaks(&self, value: &Value) {
        if self.me().buyer
            && let Some(what) = leak(value, self.wire_id(0))
        {
            self.note(What::Leaked { what });
        }
    }
}

/// What in here is not for the buyer of this conversation.
fn leak(value: &Value, own: &str) -> Option<String> {
    match value {
        Value::Object(members) => {
            members.iter().find_map(|(name, value)| match (name.as_str(), value.as_str()) {
                ("visibility", Some("AGENTS")) => Some("a private note".into()),
                ("conversation_id", Some(id)) if id != own => Some(format!("something of conversation {id}")),
                _ => leak(value, own),
            })
        }
        Value::Array(values) => values.iter().find_map(|value| leak(value, own)),
        Value::String(text) if text.starts_with(NOTE) => Some("the text of a private note".into()),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// Every second one speaks MessagePack.
pub fn codec_of(number: usize) -> Codec {
    if number.is_multiple_of(2) { Codec::Json } else { Codec::MsgPack }
}
