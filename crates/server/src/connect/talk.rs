//! The client's mind: what to call, what to show, what is still unacknowledged. It does no I/O and reads no clock;
//! frames and typed lines go in, calls and lines to print come out.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

use deskwire_protocol::{
    ClientMessageId, Content, ConversationId, ErrorObject, MessageId, ParticipantRole, Seq, UserId,
    conversation::{
        AttachParams, AttachResult, Conversation, ConversationResult, ListParams, ListResult, OpenParams,
        ReadParams, TakeParams,
    },
    event::{
        ConversationUpdated, DeadlineNear, EventName, PresenceEvent, ReadUpdated, SequencedEvent,
        SessionDraining, TypingEvent,
    },
    message::{RecallParams, SendContent, SendParams, Sent},
    order::WorkbenchOrders,
    session::{Client, RefreshParams, StartParams, StartResult},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::Instant;

use super::{
    input::{HELP, Input},
    show,
    wire::{Call, Incoming},
};
use crate::cli::Side;

/// How much of an older talk is shown at first.
const BACKLOG: i64 = 20;

/// What `session.start` takes of `resume`.
const RESUMED: usize = 32;

/// Calls that may be unanswered before further input has to wait; the server takes 16.
const IN_FLIGHT: usize = 8;

/// What a call was for.
enum Asked {
    Start,
    Open,
    List,
    Take(usize),
    Attach(usize),
    Send,
    /// Nothing is shown when it succeeds.
    Quiet(&'static str),
    /// Typed by the user: the answer is shown.
    Typed(String),
}

struct Talked {
    conversation: Conversation,
    /// The last event shown; the next one must follow on it.
    last_seq: Seq,
    /// Events that came while the backlog was being fetched.
    held: Vec<SequencedEvent>,
    attachment: Attachment,
    /// The last event of the others that was shown, and how far that was told.
    shown_seq: Seq,
    read_seq: Seq,
    /// The last message of this side, and how far it was told that the others have read.
    own_seq: Seq,
    told_read_seq: Seq,
    /// The buyer's orders as they were shown, and the text of each card.
    orders: Vec<String>,
    cards: HashMap<MessageId, String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Attachment {
    /// Events do not come.
    None,
    /// Asked for.
    Asked,
    /// Events come.
    Attached,
}

/// The state of one person's talks, across connections.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own, true in any mixture")]
pub(super) struct Talk {
    side: Side,
    me: UserId,
    next_id: u32,
    asked: HashMap<u32, Asked>,
    talks: Vec<Talked>,
    current: Option<usize>,
    /// Not acknowledged yet, oldest first. Only the first is ever on its way: order is kept, and what was not
    /// acknowledged is sent again as it was.
    outgoing: VecDeque<SendParams>,
    sending: bool,
    mine: HashSet<ClientMessageId>,
    /// Of the people met so far; buyers and agents may bear the same id.
    names: HashMap<(bool, UserId), String>,
    last_sent: Option<MessageId>,
    ready: bool,
    greeted: bool,
    new_id: Box<dyn FnMut() -> ClientMessageId>,
    /// To be sent.
    pub(super) calls: Vec<Call>,
    /// To be printed.
    pub(super) lines: Vec<String>,
    /// When to call [`Talk::send_next`] again.
    pub(super) retry_at: Option<Instant>,
    /// The server is going: reconnect after this.
    pub(super) draining: Option<Duration>,
    /// The token runs out soon.
    pub(super) expiring: bool,
    /// The session could not begin.
    pub(super) refused: Option<ErrorObject>,
}

impl Talk {
    pub(super) fn new(side: Side, me: UserId, new_id: Box<dyn FnMut() -> ClientMessageId>) -> Self {
        Self {
            side,
            me,
            next_id: 1,
            asked: HashMap::new(),
            talks: Vec::new(),
            current: None,
            outgoing: VecDeque::new(),
            sending: false,
            mine: HashSet::new(),
            names: HashMap::new(),
            last_sent: None,
            ready: false,
            greeted: false,
            new_id,
            calls: Vec::new(),
            lines: Vec::new(),
            retry_at: None,
            draining: None,
            expiring: false,
            refused: None,
        }
    }

    /// Begins a session on a new connection.
    pub(super) fn connected(&mut self, token: String) {
        let resume = self
            .talks
            .iter()
            .filter(|talk| talk.attachment != Attachment::None)
            .take(RESUMED)
            .map(|talk| AttachParams {
                conversation_id: talk.conversation.conversation_id,
                after_seq: Some(talk.last_seq),
            })
            .collect();
        let client =
            Client { name: "deskwire-connect".into(), version: Some(env!("CARGO_PKG_VERSION").into()) };
        self.call(
            Asked::Start,
            "session.start",
            &StartParams { token: Some(token), client: Some(client), resume },
        );
    }

    /// The connection is gone: nothing that was asked will be answered.
    pub(super) fn disconnected(&mut self) {
        for (_, asked) in self.asked.drain() {
            if let Asked::Typed(method) = asked {
                self.lines.push(format!("! {method}: no answer came, the connection was lost"));
            }
        }
        for talk in &mut self.talks {
            talk.held.clear();
            if talk.attachment == Attachment::Asked {
                talk.attachment = Attachment::Attached;
            }
        }
        self.calls.clear();
        self.ready = false;
        self.sending = false;
        self.retry_at = None;
        self.expiring = false;
    }

    /// Swaps the token.
    pub(super) fn refresh(&mut self, token: String) {
        self.expiring = false;
        self.call(Asked::Quiet("session.refresh"), "session.refresh", &RefreshParams { token });
    }

    /// Whether a typed line can be acted on now.
    pub(super) fn takes_input(&self) -> bool {
        self.ready && self.draining.is_none() && self.asked.len() < IN_FLIGHT && self.outgoing.len() < 64
    }

    /// Whether everything asked is answered, and everything sent acknowledged.
    pub(super) fn is_done(&self) -> bool {
        self.ready && self.asked.is_empty() && self.outgoing.is_empty()
    }

    /// Whether the server wants this connection to end, and nothing is left to wait for on it.
    pub(super) fn may_leave(&self) -> bool {
        self.draining.is_some() && self.asked.is_empty() && self.calls.is_empty()
    }

    /// How many messages are not acknowledged.
    pub(super) fn unacknowledged(&self) -> usize {
        self.outgoing.len()
    }

    /// Acts on a typed line, `Quit` excepted.
    pub(super) fn typed(&mut self, input: Input) {
        match input {
            Input::Nothing | Input::Quit => {}
            Input::Help => self.lines.push(HELP.into()),
            Input::Wrong(why) => self.lines.push(format!("! {why}")),
            Input::Text(text) => self.write(text),
            Input::List => self.list(),
            Input::Use(number) => self.use_talk(number),
            Input::Recall => match self.last_sent {
                Some(message_id) => {
                    let params = RecallParams { conversation_id: message_id.conversation_id, message_id };
                    self.call(Asked::Quiet("message.recall"), "message.recall", &params);
                }
                None => self.lines.push("! you have sent nothing from here yet".into()),
            },
            Input::Call { method, params } => {
                let params = params.unwrap_or_else(|| self.default_params(&method));
                self.call(Asked::Typed(method.clone()), &method, &params);
            }
        }
    }

    /// A frame of the server.
    pub(super) fn received(&mut self, incoming: Incoming) -> anyhow::Result<()> {
        match incoming {
            Incoming::Reply { id, outcome } => match self.asked.remove(&id) {
                Some(asked) => self.answered(asked, outcome)?,
                None => self.lines.push(format!("! an answer to nothing that was asked (id {id})")),
            },
            Incoming::Refused(error) => self.lines.push(show::error("a frame was refused", &error)),
            Incoming::Push { event, params } => self.pushed(&event, params)?,
        }
        self.mark_read();
        Ok(())
    }

    /// Sends the oldest unacknowledged message, unless it is on its way.
    pub(super) fn send_next(&mut self) {
        self.retry_at = None;
        if !self.ready || self.sending || self.draining.is_some() {
            return;
        }
        if let Some(params) = self.outgoing.front().cloned() {
            self.sending = true;
            self.call(Asked::Send, "message.send", &params);
        }
    }

    fn call<T: Serialize>(&mut self, asked: Asked, method: &str, params: &T) {
        // Our own types are maps with text keys, which always become a JSON value.
        let params = serde_json::to_value(params).unwrap_or_default();
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        self.asked.insert(id, asked);
        self.calls.push(Call { id, method: method.to_owned(), params });
    }

    fn default_params(&self, method: &str) -> Value {
        let of_one = method.starts_with("conversation.")
            && !["conversation.open", "conversation.list", "conversation.sync"].contains(&method);
        match self.current {
            Some(index) if of_one => {
                let conversation_id = self.talks[index].conversation.conversation_id;
                serde_json::json!({ "conversation_id": conversation_id })
            }
            Some(_) | None => serde_json::json!({}),
        }
    }

    fn write(&mut self, text: String) {
        let Some(index) = self.current else {
            self.lines
                .push("! there is no conversation to write into yet: one begins when a buyer writes".into());
            return;
        };
        let client_message_id = (self.new_id)();
        self.mine.insert(client_message_id.clone());
        self.outgoing.push_back(SendParams {
            conversation_id: self.talks[index].conversation.conversation_id,
            client_message_id,
            content: SendContent::Text { text },
            if_last_seq: None,
            if_assignee: None,
        });
        if self.retry_at.is_none() {
            self.send_next();
        }
    }

    fn list(&mut self) {
        if self.talks.is_empty() {
            self.lines.push("* no conversation yet".into());
        }
        for (index, talk) in self.talks.iter().enumerate() {
            let mut line = show::conversation(index + 1, &talk.conversation);
            line.push_str(&format!(" (id {})", talk.conversation.conversation_id));
            if self.current == Some(index) {
                line.push_str(" <- you write here");
            }
            self.lines.push(line);
        }
    }

    fn use_talk(&mut self, number: usize) {
        let Some(talk) = self.talks.get(number - 1) else {
            self.lines.push(format!("! there is no conversation {number}: see /list"));
            return;
        };
        self.lines.push(format!("* you write to {} now", show::safe(&talk.conversation.buyer.name)));
        self.turn_to(number - 1);
    }

    /// Writes into this conversation from now on; an agent takes it if no one has it.
    fn turn_to(&mut self, index: usize) {
        self.current = Some(index);
        let talk = &self.talks[index];
        if self.side == Side::Agent && talk.conversation.assignee.is_none() {
            let params = TakeParams { conversation_id: talk.conversation.conversation_id, if_assignee: None };
            self.call(Asked::Take(index), "conversation.take", &params);
        } else {
            self.attach(index);
        }
    }

    fn attach(&mut self, index: usize) {
        let talk = &mut self.talks[index];
        if talk.attachment == Attachment::Asked {
            return;
        }
        talk.attachment = Attachment::Asked;
        let params = AttachParams {
            conversation_id: talk.conversation.conversation_id,
            after_seq: Some(talk.last_seq),
        };
        self.call(Asked::Attach(index), "conversation.attach", &params);
    }

    fn find(&self, id: ConversationId) -> Option<usize> {
        self.talks.iter().position(|talk| talk.conversation.conversation_id == id)
    }

    /// Keeps what is told of a conversation, and gives it a number if it is new.
    fn learn(&mut self, conversation: Conversation) -> usize {
        let assignee = conversation.assignee.as_ref().map(|person| (false, person));
        for (of_buyer, person) in assignee.into_iter().chain([(true, &conversation.buyer)]) {
            self.names.insert((of_buyer, person.user_id.clone()), show::safe(&person.name));
        }
        if let Some(index) = self.find(conversation.conversation_id) {
            self.talks[index].conversation = conversation;
            return index;
        }
        let last_seq = Seq::new(conversation.last_seq.get() - BACKLOG).unwrap_or(Seq::ZERO);
        self.talks.push(Talked {
            conversation,
            last_seq,
            held: Vec::new(),
            attachment: Attachment::None,
            shown_seq: Seq::ZERO,
            read_seq: Seq::ZERO,
            own_seq: Seq::ZERO,
            told_read_seq: Seq::ZERO,
            orders: Vec::new(),
            cards: HashMap::new(),
        });
        self.talks.len() - 1
    }

    fn answered(&mut self, asked: Asked, outcome: Result<Value, ErrorObject>) -> anyhow::Result<()> {
        match (asked, outcome) {
            (Asked::Start, Ok(value)) => self.started(read(value)?),
            (Asked::Start, Err(error)) => self.refused = Some(error),
            (Asked::Open, Ok(value)) => {
                let index = self.learn(read::<ConversationResult>(value)?.conversation);
                self.talks[index].attachment = Attachment::None;
                self.current = Some(index);
                self.attach(index);
                self.now_ready();
            }
            (Asked::List, Ok(value)) => self.listed(read(value)?),
            (Asked::Take(index), outcome) => {
                match outcome {
                    Ok(value) => {
                        self.learn(read::<ConversationResult>(value)?.conversation);
                    }
                    Err(error) => self.lines.push(show::error("taking the conversation", &error)),
                }
                self.attach(index);
                self.now_ready();
            }
            (Asked::Attach(index), Ok(value)) => self.attached(index, read(value)?),
            (Asked::Attach(index), Err(error)) => {
                self.talks[index].attachment = Attachment::None;
                self.talks[index].held.clear();
                self.lines.push(show::error("following the conversation", &error));
            }
            (Asked::Send, outcome) => self.sent(outcome)?,
            (Asked::Quiet(_), Ok(_)) => {}
            (Asked::Quiet(what), Err(error)) => self.lines.push(show::error(what, &error)),
            (Asked::Typed(method), Ok(value)) => {
                let answer = serde_json::to_string_pretty(&value)?;
                self.lines.push(format!("{method} -> {answer}"));
            }
            (Asked::Typed(method), Err(error)) => self.lines.push(show::error(&method, &error)),
            (Asked::Open, Err(error)) => {
                self.lines.push(show::error("opening the conversation", &error));
                self.now_ready();
            }
            (Asked::List, Err(error)) => {
                self.lines.push(show::error("listing the conversations", &error));
                self.now_ready();
            }
        }
        Ok(())
    }

    fn now_ready(&mut self) {
        self.ready = true;
        self.send_next();
    }

    fn started(&mut self, start: StartResult) {
        let name = show::safe(&start.user.name);
        if self.greeted {
            self.lines.push("* connected again".into());
        } else {
            let side = match self.side {
                Side::Buyer => "buyer",
                Side::Agent => "agent",
            };
            self.lines
                .push(format!("* you are {name}, {side} of shop {}; /help tells more", start.shop.shop_id));
        }
        self.greeted = true;
        self.me = start.user.user_id;
        let mut resumed = HashSet::new();
        for one in start.resumed {
            let Some(index) = self.find(one.conversation_id) else { continue };
            resumed.insert(index);
            match (one.attached, one.error) {
                (Some(attached), _) => self.attached(index, attached),
                (None, Some(error)) => {
                    self.talks[index].attachment = Attachment::None;
                    self.lines.push(show::error("following the conversation", &error));
                }
                (None, None) => {}
            }
        }
        for index in 0..self.talks.len() {
            if self.talks[index].attachment == Attachment::Attached && !resumed.contains(&index) {
                self.attach(index);
            }
        }
        match (self.side, self.current) {
            (Side::Buyer, Some(_)) => self.now_ready(),
            (Side::Buyer, None) => self.call(Asked::Open, "conversation.open", &OpenParams::default()),
            (Side::Agent, _) => self.call(Asked::List, "conversation.list", &ListParams::default()),
        }
    }

    fn listed(&mut self, list: ListResult) {
        let first_time = self.talks.is_empty();
        let conversations: Vec<_> = list.conversations.into_iter().map(|c| self.learn(c)).collect();
        match (first_time, conversations.first()) {
            (true, None) => {
                self.lines.push("* no conversation yet: they appear here when a buyer comes".into());
            }
            (true, Some(&newest)) => {
                self.list();
                let name = show::safe(&self.talks[newest].conversation.buyer.name);
                self.lines.push(format!("* you write to {name}; /use N turns to another"));
                self.turn_to(newest);
                // The answer to `take` says that all is ready.
                if self.talks[newest].attachment == Attachment::None {
                    return;
                }
            }
            (false, _) => {}
        }
        self.now_ready();
    }

    fn attached(&mut self, index: usize, result: AttachResult) {
        self.learn(result.conversation);
        self.talks[index].attachment = Attachment::Attached;
        for event in result.events {
            let revised = event.event == Some(EventName::MessageRevised);
            self.show_event(index, &event, revised);
        }
        let talk = &mut self.talks[index];
        talk.last_seq = talk.last_seq.max(result.last_seq);
        if result.has_more {
            self.attach(index);
            return;
        }
        for event in std::mem::take(&mut self.talks[index].held) {
            self.sequenced(event);
        }
        if self.greeted {
            for presence in result.presence {
                self.presence(&presence);
            }
        }
    }

    fn sequenced(&mut self, event: SequencedEvent) {
        let Some(index) = self.find(event.conversation_id) else { return };
        let talk = &mut self.talks[index];
        if event.seq <= talk.last_seq {
            return;
        }
        if talk.attachment == Attachment::Asked {
            talk.held.push(event);
        } else if event.prev_seq > talk.last_seq {
            // Something is missing in between: fetch all of it instead.
            self.attach(index);
        } else {
            let revised = event.message.revision > 0;
            self.show_event(index, &event, revised);
        }
    }

    fn show_event(&mut self, index: usize, event: &SequencedEvent, revised: bool) {
        let talk = &mut self.talks[index];
        if event.seq <= talk.last_seq {
            return;
        }
        talk.last_seq = event.seq;
        let mine = show::is_me(&event.message.sender, &self.me, self.side == Side::Buyer);
        let sender = &event.message.sender;
        let of_buyer = sender.role == ParticipantRole::Buyer;
        if !mine {
            talk.shown_seq = event.seq;
        }
        if !revised && sender.user_id.is_some() && of_buyer == (self.side == Side::Buyer) {
            talk.own_seq = event.seq;
        }
        if let Some(user_id) = &sender.user_id {
            self.names.insert((of_buyer, user_id.clone()), show::safe(&sender.name));
        }
        if let Content::AllocatedService { assignee: Some(person) } = &event.message.content {
            self.names.insert((false, person.user_id.clone()), show::safe(&person.name));
        }
        // The terminal shows already what was typed into it.
        let typed_here = event.message.client_message_id.as_ref().is_some_and(|id| self.mine.contains(id))
            && mine
            && !revised;
        if typed_here {
            return;
        }
        let mut line = show::message(&event.message, mine);
        // A card is rendered anew also where nothing changes of what is shown of it here.
        if let Some(card) = show::card(&event.message.content) {
            let cards = &mut self.talks[index].cards;
            match cards.insert(event.message.message_id, card.text.clone()) {
                Some(text) if text == card.text => return,
                Some(_) => line = show::changed(card),
                None => {}
            }
        }
        self.say(index, &line);
    }

    /// Prints what happened in a conversation, with its number where there are several.
    fn say(&mut self, index: usize, line: &str) {
        let line = if self.talks.len() > 1 { format!("[{}] {line}", index + 1) } else { line.to_owned() };
        self.lines.push(line);
    }

    fn sent(&mut self, outcome: Result<Value, ErrorObject>) -> anyhow::Result<()> {
        self.sending = false;
        match outcome {
            Ok(value) => {
                let sent: Sent = read(value)?;
                self.outgoing.pop_front();
                self.last_sent = Some(sent.message_id);
                self.send_next();
            }
            Err(error) if error.data.retryable => {
                let after = Duration::from_millis(error.data.retry_after_ms.unwrap_or(1000));
                self.retry_at = Some(Instant::now() + after);
            }
            Err(error) => {
                self.outgoing.pop_front();
                self.lines.push(show::error("not sent", &error));
                self.send_next();
            }
        }
        Ok(())
    }

    fn pushed(&mut self, event: &str, params: Value) -> anyhow::Result<()> {
        let Some(name) = EventName::ALL.into_iter().find(|name| name.as_str() == event) else {
            // A newer server may tell more than this client knows.
            return Ok(());
        };
        match name {
            EventName::MessageCreated | EventName::MessageRevised => self.sequenced(read(params)?),
            EventName::ConversationUpdated => self.updated(read::<ConversationUpdated>(params)?.conversation),
            EventName::ReadUpdated => self.others_read(&read(params)?),
            EventName::Typing => {
                let event: TypingEvent = read(params)?;
                if let Some(index) = self.find(event.conversation_id)
                    && event.typing
                {
                    self.say(index, &format!("* {} is writing…", show::safe(&event.sender.name)));
                }
            }
            EventName::Presence => self.presence(&read::<PresenceEvent>(params)?),
            EventName::WorkbenchOrders => self.orders(&read(params)?),
            EventName::DeadlineNear => {
                let event: DeadlineNear = read(params)?;
                let order_id = show::safe(event.order_id.as_str());
                self.lines.push(format!("* a deadline of order {order_id} comes near"));
            }
            // The terminal shows nothing that could be stale.
            EventName::WorkbenchChanged => {}
            EventName::SessionExpiring => self.expiring = true,
            EventName::SessionDraining => {
                let event: SessionDraining = read(params)?;
                self.draining = Some(Duration::from_millis(event.reconnect_after_ms));
            }
            EventName::SessionResync => {
                if self.side == Side::Agent {
                    self.call(Asked::List, "conversation.list", &ListParams::default());
                }
            }
        }
        Ok(())
    }

    /// A summary: agents learn by it of conversations that they do not follow yet.
    fn updated(&mut self, conversation: Conversation) {
        let known = self.find(conversation.conversation_id).is_some();
        let index = self.learn(conversation);
        if self.side == Side::Buyer {
            return;
        }
        if !known {
            let line = show::conversation(index + 1, &self.talks[index].conversation);
            let hint = if self.current.is_some() {
                format!(" (/use {} to answer)", index + 1)
            } else {
                String::new()
            };
            self.lines.push(format!("* {line}{hint}"));
        }
        if self.current.is_none() {
            self.turn_to(index);
        } else if self.talks[index].attachment == Attachment::None {
            self.attach(index);
        }
    }

    /// The server found orders that a message names, or lays all of the buyer's beside the conversation: those are shown
    /// again only when something about them is new.
    fn orders(&mut self, event: &WorkbenchOrders) {
        let Some(index) = self.find(event.conversation_id) else { return };
        let mut lines = Vec::new();
        for order in &event.orders {
            let status = serde_json::to_value(order.status).unwrap_or_default();
            let status = status.as_str().unwrap_or_default();
            let order_id = show::safe(order.id.as_str());
            lines.push(format!("* order {order_id}: {status}, {}", order.payment.total_amount));
        }
        if event.message_id.is_none() {
            let shown = std::mem::replace(&mut self.talks[index].orders, lines.clone());
            if shown == lines {
                return;
            }
        }
        for line in &lines {
            self.say(index, line);
        }
    }

    /// The other side has read: said once for each new message of this side, not for every mark.
    fn others_read(&mut self, event: &ReadUpdated) {
        let Some(index) = self.find(event.conversation_id) else { return };
        let by_buyer = event.reader.role == ParticipantRole::Buyer;
        let talk = &mut self.talks[index];
        if by_buyer == (self.side == Side::Buyer)
            || talk.own_seq <= talk.told_read_seq
            || event.seq < talk.own_seq
        {
            return;
        }
        talk.told_read_seq = event.seq;
        self.say(index, &format!("* {} has read it", show::safe(&event.reader.name)));
    }

    fn presence(&mut self, event: &PresenceEvent) {
        let of_buyer = event.role == ParticipantRole::Buyer;
        if of_buyer == (self.side == Side::Buyer) && event.user_id == self.me {
            return;
        }
        let name = self.names.get(&(of_buyer, event.user_id.clone())).cloned();
        let name = name.unwrap_or_else(|| show::safe(event.user_id.as_str()));
        let how = if event.online { "is here" } else { "has left" };
        self.lines.push(format!("* {name} {how}"));
    }

    /// Tells that what is shown of the current conversation has been read.
    fn mark_read(&mut self) {
        if !self.ready {
            return;
        }
        let Some(index) = self.current else { return };
        let talk = &mut self.talks[index];
        if talk.attachment == Attachment::Attached && talk.shown_seq > talk.read_seq {
            talk.read_seq = talk.shown_seq;
            let params =
                ReadParams { conversation_id: talk.conversation.conversation_id, seq: talk.read_seq };
            self.call(Asked::Quiet("conversation.read"), "conversation.read", &params);
        }
    }
}

fn read<T: DeserializeOwned>(value: Value) -> anyhow::Result<T> {
    serde_json::from_value(value)
        .map_err(|error| anyhow::anyhow!("the server sent what this client cannot read: {error}"))
}

#[cfg(test)]
mod tests;
