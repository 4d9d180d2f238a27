//! What may happen in a conversation and what it changes: pure, given what the store has loaded under its locks.
//!
//! Invariant: sequence numbers are given out here and written in the same transaction, so they have no hole.

use std::{collections::HashMap, time::Duration};

use deskwire_protocol::{
    ClientMessageId, Content, ConversationId, MessageId, ParticipantRole, Person, Role, Sender, Seq, ShopId,
    Timestamp, UserId, Visibility,
    card::{ActionName, CardAct},
    conversation::{ConversationStatus, ReadResult},
    error::Current,
    ids::Tag,
    message::{NotificationCode, Recalled, Sent},
    order::EditorKind,
};
use deskwire_store::{
    AuditRecord, AuditResult, Bug, CardPlace, CardRecord, Changes, ConversationRecord, EventRecord, Loaded,
    MessageRecord, Needs, Planted, Scope, SendKey, SentRecord, Side, Subject,
};

use crate::ChatError;

/// The most labels of a conversation.
const TAGS: usize = 20;

/// The agent that a conversation is assigned to, or none.
type Holder = Option<UserId>;

/// Who asks, and for what.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) scope: Scope,
    /// The caller's name, as others will see it.
    pub(crate) name: String,
    pub(crate) conversation_id: ConversationId,
    pub(crate) action: Action,
}

/// What a card shows, and in which version of that it was rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shows {
    /// The thing.
    pub subject: Subject,
    /// Its version when it was read for the card.
    pub version: i64,
}

/// What is to happen.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    Send {
        client_message_id: ClientMessageId,
        content: Content,
        visibility: Visibility,
        if_last_seq: Option<Seq>,
        if_assignee: Option<Holder>,
        /// Of a card: what it shows.
        shows: Option<Shows>,
        /// Of a card: when it looks different by time alone.
        next_change: Option<Timestamp>,
    },
    /// A card is rendered again, because what it shows has changed.
    Render {
        seq: Seq,
        content: Content,
        shows: Shows,
    },
    /// The buyer did something on a card.
    Act {
        message_id: MessageId,
        action: ActionName,
    },
    /// The buyer came from somewhere.
    Enter {
        context: Content,
    },
    Recall {
        message_id: MessageId,
    },
    Read {
        seq: Seq,
    },
    Take {
        if_assignee: Option<Holder>,
    },
    Assign {
        agent_id: Option<UserId>,
        if_assignee: Option<Holder>,
        note: Option<String>,
    },
    Close,
    Reopen,
    Tag {
        tag: Tag,
    },
    Untag {
        tag: Tag,
    },
}

/// What came of a command.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    Sent(Sent),
    Recalled(Recalled),
    Read(ReadResult),
    Conversation(Box<ConversationRecord>),
    /// The card looks different now; or it looked so already.
    Rendered {
        changed: bool,
    },
    /// The buyer did this, now or before.
    Acted(CardAct),
}

/// What others are to be told.
#[derive(Debug, Clone)]
pub(crate) enum Effect {
    Event(EventRecord),
    Read { conversation_id: ConversationId, reader: Sender, seq: Seq },
}

/// All that a batch decided.
#[derive(Debug, Default)]
pub(crate) struct Decided {
    pub(crate) outcomes: Vec<Result<Outcome, ChatError>>,
    pub(crate) effects: Vec<Effect>,
    /// Conversations that changed.
    pub(crate) touched: Vec<Touched>,
}

/// A conversation that changed, and whose it is.
#[derive(Debug)]
pub(crate) struct Touched {
    pub(crate) conversation_id: ConversationId,
    pub(crate) shop_id: ShopId,
    pub(crate) buyer_id: UserId,
    /// By nothing but new messages.
    pub(crate) only_messages: bool,
}

impl Command {
    fn sender(&self) -> Sender {
        Sender {
            role: participant(self.scope.role),
            user_id: Some(self.scope.user_id.clone()),
            name: self.name.clone(),
        }
    }

    fn send_key(&self, client_message_id: &ClientMessageId) -> SendKey {
        send_key(&self.scope, self.conversation_id, client_message_id)
    }
}

const fn participant(role: Role) -> ParticipantRole {
    match role {
        Role::Buyer => ParticipantRole::Buyer,
        Role::Agent | Role::Admin => ParticipantRole::CustomerService,
    }
}

/// By what a message of this sender is known again.
pub(crate) fn send_key(
    sender: &Scope,
    conversation_id: ConversationId,
    client_message_id: &ClientMessageId,
) -> SendKey {
    SendKey {
        conversation_id,
        role: participant(sender.role),
        user_id: sender.user_id.clone(),
        client_message_id: client_message_id.clone(),
    }
}

/// What has to be loaded to decide these.
pub(crate) fn needs<'a>(commands: impl Iterator<Item = &'a Command>) -> Needs {
    let mut needs = Needs::default();
    for command in commands {
        let id = command.conversation_id;
        needs.conversations.push(id);
        match &command.action {
            Action::Send { client_message_id, .. } => needs.sends.push(command.send_key(client_message_id)),
            Action::Recall { message_id } | Action::Act { message_id, .. } => {
                needs.messages.push((id, message_id.seq));
            }
            Action::Render { seq, .. } => {
                needs.messages.push((id, *seq));
                needs.cards.push((id, *seq));
            }
            Action::Read { seq } => needs.unread_after.push((id, command.scope.side(), *seq)),
            Action::Assign { agent_id: Some(agent_id), .. } => {
                needs.agents.push((command.scope.shop_id.clone(), agent_id.clone()));
            }
            Action::Enter { .. }
            | Action::Take { .. }
            | Action::Assign { agent_id: None, .. }
            | Action::Close
            | Action::Reopen
            | Action::Tag { .. }
            | Action::Untag { .. } => {}
        }
    }
    needs.conversations.sort_unstable();
    needs.conversations.dedup();
    needs
}

/// Decides a batch, in order.
pub(crate) fn decide<'a>(
    loaded: Loaded,
    commands: impl Iterator<Item = &'a Command>,
    now: Timestamp,
    recall_window: Duration,
    planted: Planted,
) -> (Changes, Decided) {
    let mut batch = Batch {
        loaded,
        now,
        recall_window,
        planted,
        created: Vec::new(),
        revised: Vec::new(),
        cards: Vec::new(),
        audit: Vec::new(),
        effects: Vec::new(),
        touched: HashMap::new(),
    };
    let outcomes = commands.map(|command| batch.apply(command)).collect();
    let mut touched = Vec::with_capacity(batch.touched.len());
    let mut conversations = Vec::with_capacity(batch.touched.len());
    for (conversation_id, only_messages) in batch.touched {
        if let Some(record) = batch.loaded.conversations.remove(&conversation_id) {
            touched.push(Touched {
                conversation_id,
                shop_id: record.shop_id.clone(),
                buyer_id: record.buyer.user_id.clone(),
                only_messages,
            });
            conversations.push(record);
        }
    }
    let Batch { created: messages, revised: revisions, cards, audit, effects, .. } = batch;
    let changes = Changes { conversations, messages, revisions, cards, audit };
    (changes, Decided { outcomes, effects, touched })
}

struct Batch {
    loaded: Loaded,
    now: Timestamp,
    recall_window: Duration,
    planted: Planted,
    created: Vec<MessageRecord>,
    revised: Vec<EventRecord>,
    cards: Vec<CardRecord>,
    audit: Vec<(ShopId, AuditRecord)>,
    effects: Vec<Effect>,
    touched: HashMap<ConversationId, bool>,
}

impl Batch {
    fn apply(&mut self, command: &Command) -> Result<Outcome, ChatError> {
        let mut record = self
            .loaded
            .conversations
            .get(&command.conversation_id)
            .filter(|record| reaches(&command.scope, record))
            .cloned()
            .ok_or(ChatError::NotFound)?;
        let outcome = match &command.action {
            Action::Send {
                client_message_id,
                content,
                visibility,
                if_last_seq,
                if_assignee,
                shows,
                next_change,
            } => {
                let key = command.send_key(client_message_id);
                // A resend gets the first reply again, whatever has happened since.
                let twice = self.planted.has(Bug::NoDedupe);
                if let Some(sent) = self.loaded.sent.get(&key).filter(|_| !twice) {
                    return Ok(Outcome::Sent(sent_reply(record.conversation_id, sent.seq, sent.create_time)));
                }
                self.may_send(command, &mut record, *visibility, *if_last_seq, if_assignee.as_ref())?;
                let content = content.clone();
                let mut id = Some(client_message_id.clone());
                if twice && self.loaded.sent.contains_key(&key) {
                    // The index of the store would not take it.
                    id = None;
                }
                let seq = self.create(&mut record, command.sender(), content, *visibility, id);
                self.loaded.sent.insert(key, SentRecord { seq, create_time: self.now });
                if let Some(shows) = shows {
                    self.note_card(&record, seq, shows, *next_change);
                }
                Outcome::Sent(sent_reply(record.conversation_id, seq, self.now))
            }
            Action::Enter { context } => {
                let seq = self.create(&mut record, command.sender(), context.clone(), Visibility::All, None);
                Outcome::Sent(sent_reply(record.conversation_id, seq, self.now))
            }
            Action::Recall { message_id } => self.recall(command, &mut record, *message_id)?,
            Action::Render { seq, content, shows } => self.render(&mut record, *seq, content, shows)?,
            Action::Act { message_id, action } => self.act(command, &mut record, message_id.seq, *action)?,
            Action::Read { seq } => self.read(command, &mut record, *seq)?,
            Action::Take { if_assignee } => {
                self.take(command, &mut record, if_assignee.as_ref())?;
                Outcome::Conversation(Box::new(record.clone()))
            }
            Action::Assign { agent_id, if_assignee, note } => {
                self.hand_over(command, &mut record, agent_id.as_ref(), if_assignee.as_ref(), note.as_ref())?;
                Outcome::Conversation(Box::new(record.clone()))
            }
            Action::Close => {
                if record.status == ConversationStatus::Open {
                    record.status = ConversationStatus::Closed;
                    let code = NotificationCode::ConversationClosed;
                    self.notify(&mut record, code, "The conversation was closed.");
                    self.touch(&record, false);
                }
                Outcome::Conversation(Box::new(record.clone()))
            }
            Action::Reopen => {
                if record.status == ConversationStatus::Closed {
                    self.reopen(&mut record);
                }
                Outcome::Conversation(Box::new(record.clone()))
            }
            Action::Tag { tag } => {
                if !record.tags.contains(tag) {
                    if record.tags.len() >= TAGS {
                        let what = "tags; remove one first".into();
                        return Err(ChatError::LimitReached { limit: TAGS as u64, what });
                    }
                    record.tags.push(tag.clone());
                    self.touch(&record, false);
                }
                Outcome::Conversation(Box::new(record.clone()))
            }
            Action::Untag { tag } => {
                if record.tags.contains(tag) {
                    record.tags.retain(|other| other != tag);
                    self.touch(&record, false);
                }
                Outcome::Conversation(Box::new(record.clone()))
            }
        };
        if self.touched.contains_key(&record.conversation_id) {
            record.update_time = record.update_time.max(self.now);
            self.loaded.conversations.insert(record.conversation_id, record);
        }
        Ok(outcome)
    }

    /// Refuses a message that the conversation is not as expected for, or no longer open to; a buyer's opens it again.
    fn may_send(
        &mut self,
        command: &Command,
        record: &mut ConversationRecord,
        visibility: Visibility,
        if_last_seq: Option<Seq>,
        if_assignee: Option<&Holder>,
    ) -> Result<(), ChatError> {
        let side = command.scope.side();
        if if_last_seq.is_some_and(|expected| expected != record.last_seq_of(side)) {
            return Err(conflict(record, side));
        }
        check_assignee(if_assignee, record, side)?;
        // A note is among agents: it needs no open conversation.
        if record.status == ConversationStatus::Closed && visibility == Visibility::All {
            match side {
                Side::Shop => return Err(ChatError::ChatInactive),
                Side::Buyer => self.reopen(record),
            }
        }
        Ok(())
    }

    /// The caller becomes the assignee, unless someone else is and the caller did not say that this is known.
    fn take(
        &mut self,
        command: &Command,
        record: &mut ConversationRecord,
        if_assignee: Option<&Holder>,
    ) -> Result<(), ChatError> {
        if record.status == ConversationStatus::Closed {
            return Err(ChatError::ChatInactive);
        }
        let me = &command.scope.user_id;
        if if_assignee.is_none() && record.assignee.as_ref().is_some_and(|assignee| assignee.user_id != *me) {
            return Err(conflict(record, Side::Shop));
        }
        check_assignee(if_assignee, record, Side::Shop)?;
        let person = Person { user_id: me.clone(), name: command.name.clone(), avatar: None };
        self.assign(record, Some(person));
        Ok(())
    }

    /// It goes to another agent, or back to the queue, with a note if it moved.
    fn hand_over(
        &mut self,
        command: &Command,
        record: &mut ConversationRecord,
        agent_id: Option<&UserId>,
        if_assignee: Option<&Holder>,
        note: Option<&String>,
    ) -> Result<(), ChatError> {
        if record.status == ConversationStatus::Closed {
            return Err(ChatError::ChatInactive);
        }
        check_assignee(if_assignee, record, Side::Shop)?;
        let person = agent_id.map(|agent_id| self.agent(&command.scope.shop_id, agent_id)).transpose()?;
        if let (true, Some(text)) = (self.assign(record, person), note) {
            let content = Content::Text { text: text.clone() };
            self.create(record, command.sender(), content, Visibility::Agents, None);
        }
        Ok(())
    }

    /// Notes that the conversation must be written; `only_messages` stays true only while nothing else changed.
    fn touch(&mut self, record: &ConversationRecord, only_messages: bool) {
        let entry = self.touched.entry(record.conversation_id).or_insert(only_messages);
        *entry &= only_messages;
    }

    fn create(
        &mut self,
        record: &mut ConversationRecord,
        sender: Sender,
        content: Content,
        visibility: Visibility,
        client_message_id: Option<ClientMessageId>,
    ) -> Seq {
        let seq = record.last_seq.next();
        let buyer_prev_seq = record.buyer_last_seq;
        record.last_seq = seq;
        record.latest_message_seq = seq;
        if visibility == Visibility::All {
            record.buyer_last_seq = seq;
            record.buyer_latest_message_seq = seq;
        }
        match unread_side(sender.role, visibility) {
            Some(Side::Shop) => record.shop_unread += 1,
            Some(Side::Buyer) => record.buyer_unread += 1,
            None => {}
        }
        let message = MessageRecord {
            conversation_id: record.conversation_id,
            seq,
            buyer_prev_seq,
            sender,
            client_message_id,
            content,
            visibility,
            revision: 0,
            recalled: false,
            create_time: self.now,
        };
        self.effects.push(Effect::Event(EventRecord { seq, buyer_prev_seq, message: message.clone() }));
        self.created.push(message);
        self.touch(record, true);
        seq
    }

    fn notify(&mut self, record: &mut ConversationRecord, code: NotificationCode, text: &str) {
        self.create(
            record,
            system(),
            Content::Notification { code, text: text.into() },
            Visibility::All,
            None,
        );
    }

    fn reopen(&mut self, record: &mut ConversationRecord) {
        record.status = ConversationStatus::Open;
        self.notify(record, NotificationCode::ConversationReopened, "The conversation is open again.");
        self.touch(record, false);
    }

    /// Whether it went to someone else.
    fn assign(&mut self, record: &mut ConversationRecord, to: Option<Person>) -> bool {
        let now = record.assignee.as_ref().map(|person| &person.user_id);
        if now == to.as_ref().map(|person| &person.user_id) {
            return false;
        }
        record.assignee.clone_from(&to);
        self.create(record, system(), Content::AllocatedService { assignee: to }, Visibility::All, None);
        self.touch(record, false);
        true
    }

    fn agent(&self, shop_id: &ShopId, agent_id: &UserId) -> Result<Person, ChatError> {
        self.loaded
            .agents
            .get(&(shop_id.clone(), agent_id.clone()))
            .cloned()
            .ok_or_else(|| ChatError::invalid("agent_id", "is no agent of this shop who has ever connected"))
    }

    fn recall(
        &mut self,
        command: &Command,
        record: &mut ConversationRecord,
        message_id: MessageId,
    ) -> Result<Outcome, ChatError> {
        let side = command.scope.side();
        let mut message = self
            .message(record, message_id.seq)
            .filter(|message| side == Side::Shop || message.visibility == Visibility::All)
            .ok_or(ChatError::NotFound)?;
        let sender = command.sender();
        if message.sender.role != sender.role || message.sender.user_id != sender.user_id {
            return Err(ChatError::Forbidden("only the sender can recall a message"));
        }
        if message.recalled {
            return Err(ChatError::AlreadyDone("the message was recalled already"));
        }
        if message.client_message_id.is_none() {
            return Err(ChatError::NotSendable("this message cannot be recalled".into()));
        }
        if self.now.since(message.create_time) > self.recall_window {
            return Err(ChatError::NotSendable(format!(
                "a message can be recalled within {} seconds of sending it",
                self.recall_window.as_secs()
            )));
        }
        match unread_side(message.sender.role, message.visibility) {
            Some(Side::Shop) if message.seq > record.shop_read_seq => {
                record.shop_unread = record.shop_unread.saturating_sub(1);
            }
            Some(Side::Buyer) if message.seq > record.buyer_read_seq => {
                record.buyer_unread = record.buyer_unread.saturating_sub(1);
            }
            Some(_) | None => {}
        }
        message.content = Content::recalled();
        message.recalled = true;
        Ok(Outcome::Recalled(Recalled { seq: self.revise(record, message) }))
    }

    /// The message as it stands now, this batch's own changes included.
    fn message(&self, record: &ConversationRecord, seq: Seq) -> Option<MessageRecord> {
        let in_batch = |message: &&MessageRecord| {
            message.conversation_id == record.conversation_id && message.seq == seq
        };
        self.revised
            .iter()
            .rev()
            .map(|event| &event.message)
            .find(in_batch)
            .or_else(|| self.created.iter().find(in_batch))
            .or_else(|| self.loaded.messages.get(&(record.conversation_id, seq)))
            .cloned()
    }

    /// One more revision of a message, in the conversation's sequence.
    fn revise(&mut self, record: &mut ConversationRecord, mut message: MessageRecord) -> Seq {
        let seq = record.last_seq.next();
        let buyer_prev_seq = record.buyer_last_seq;
        record.last_seq = seq;
        if message.visibility == Visibility::All {
            record.buyer_last_seq = seq;
        }
        message.revision += 1;
        if let Some(card) = message.content.card_mut() {
            card.revision = message.revision;
        }
        let event = EventRecord { seq, buyer_prev_seq, message };
        self.effects.push(Effect::Event(event.clone()));
        self.revised.push(event);
        // When it last changed, and how much is unread after a recall, a revision does not say.
        self.touch(record, false);
        seq
    }

    fn note_card(
        &mut self,
        record: &ConversationRecord,
        message_seq: Seq,
        shows: &Shows,
        next_change: Option<Timestamp>,
    ) {
        let place = CardPlace { conversation_id: record.conversation_id, message_seq };
        self.loaded.cards.insert((place.conversation_id, message_seq), shows.version);
        self.cards.push(CardRecord {
            shop_id: record.shop_id.clone(),
            subject: shows.subject.clone(),
            place,
            version: shows.version,
            next_change,
        });
    }

    /// A card that looks different now is revised. One rendered from an older state than the card shows already is
    /// not: renderings may overtake each other.
    fn render(
        &mut self,
        record: &mut ConversationRecord,
        seq: Seq,
        content: &Content,
        shows: &Shows,
    ) -> Result<Outcome, ChatError> {
        let mut message = self.message(record, seq).ok_or(ChatError::NotFound)?;
        let rendered_at = self.loaded.cards.get(&(record.conversation_id, seq)).copied();
        let (Some(old), Some(new)) = (message.content.card(), content.card()) else {
            // It was recalled.
            return Ok(Outcome::Rendered { changed: false });
        };
        if rendered_at.is_some_and(|version| version > shows.version) {
            return Ok(Outcome::Rendered { changed: false });
        }
        let mut new = new.clone();
        new.revision = old.revision;
        new.acts.clone_from(&old.acts);
        if new == *old {
            return Ok(Outcome::Rendered { changed: false });
        }
        message.content = content.clone();
        if let Some(card) = message.content.card_mut() {
            *card = new;
        }
        self.revise(record, message);
        // Whoever renders a thing's cards again looks at all of them, and notes when next.
        self.note_card(record, seq, shows, None);
        Ok(Outcome::Rendered { changed: true })
    }

    /// Notes on the card what the buyer did, the first time.
    fn act(
        &mut self,
        command: &Command,
        record: &mut ConversationRecord,
        seq: Seq,
        action: ActionName,
    ) -> Result<Outcome, ChatError> {
        let mut message = self.message(record, seq).ok_or(ChatError::NotFound)?;
        let Some(card) = message.content.card_mut() else {
            return Err(ChatError::NotSendable("this message is no card".into()));
        };
        if let Some(act) = card.acts.iter().find(|act| act.action == action) {
            return Ok(Outcome::Acted(act.clone()));
        }
        // What has a method of its own was done by it before it is noted here; since then the card may have changed.
        let was_done = match action {
            ActionName::RequestReturn | ActionName::PlaceOrder | ActionName::Claim => true,
            ActionName::Open | ActionName::Confirm | ActionName::Track => false,
        };
        if !card.actions.iter().any(|offered| offered.action == action && (offered.enabled || was_done)) {
            return Err(ChatError::NotSendable("this cannot be done on the card now".into()));
        }
        let act = CardAct { action, act_time: self.now };
        card.acts.push(act.clone());
        let detail = serde_json::to_value((action, card.kind)).map(|said| {
            let word = |place: usize| said[place].as_str().unwrap_or_default().to_owned();
            format!("{} on {} {}", word(0), word(1), card.reference)
        });
        self.audit.push((
            record.shop_id.clone(),
            AuditRecord {
                time: self.now,
                actor_kind: match command.scope.side() {
                    Side::Buyer => EditorKind::Buyer,
                    Side::Shop => EditorKind::Agent,
                },
                actor_id: command.scope.user_id.to_string(),
                action: "card.act",
                thing_kind: "CARD",
                thing_id: MessageId { conversation_id: record.conversation_id, seq }.to_string(),
                result: AuditResult::Changed,
                detail: detail.ok(),
            },
        ));
        self.revise(record, message);
        Ok(Outcome::Acted(act))
    }

    fn read(
        &mut self,
        command: &Command,
        record: &mut ConversationRecord,
        seq: Seq,
    ) -> Result<Outcome, ChatError> {
        let side = command.scope.side();
        if seq > record.last_seq_of(side) {
            return Err(ChatError::invalid(
                "seq",
                format_args!("is after the last event, {}", record.last_seq_of(side)),
            ));
        }
        let (mark, unread) = match side {
            Side::Buyer => (&mut record.buyer_read_seq, &mut record.buyer_unread),
            Side::Shop => (&mut record.shop_read_seq, &mut record.shop_unread),
        };
        if seq > *mark {
            *mark = seq;
            let counts = |message: &MessageRecord| {
                message.conversation_id == record.conversation_id
                    && message.seq > seq
                    && unread_side(message.sender.role, message.visibility) == Some(side)
            };
            let stored =
                self.loaded.unread.get(&(record.conversation_id, side, seq)).copied().unwrap_or_default();
            // This batch's own messages and recalls are not in what was counted.
            let created = self.created.iter().filter(|message| counts(message)).count();
            let recalled =
                self.revised.iter().filter(|event| event.message.recalled && counts(&event.message)).count();
            *unread = stored
                .saturating_add(u32::try_from(created).unwrap_or(u32::MAX))
                .saturating_sub(u32::try_from(recalled).unwrap_or(u32::MAX));
            self.effects.push(Effect::Read {
                conversation_id: record.conversation_id,
                reader: command.sender(),
                seq,
            });
            self.touch(record, false);
        }
        let result = match side {
            Side::Buyer => ReadResult { seq: record.buyer_read_seq, unread_count: record.buyer_unread },
            Side::Shop => ReadResult { seq: record.shop_read_seq, unread_count: record.shop_unread },
        };
        Ok(Outcome::Read(result))
    }
}

fn system() -> Sender {
    Sender { role: ParticipantRole::System, user_id: None, name: "System".into() }
}

pub(crate) fn sent_reply(conversation_id: ConversationId, seq: Seq, create_time: Timestamp) -> Sent {
    Sent { message_id: MessageId { conversation_id, seq }, seq, create_time }
}

/// For which side a message counts as unread, if for any.
fn unread_side(sender: ParticipantRole, visibility: Visibility) -> Option<Side> {
    match (sender, visibility) {
        (ParticipantRole::Buyer, Visibility::All) => Some(Side::Shop),
        (ParticipantRole::CustomerService | ParticipantRole::Robot, Visibility::All) => Some(Side::Buyer),
        (
            ParticipantRole::Buyer
            | ParticipantRole::CustomerService
            | ParticipantRole::Robot
            | ParticipantRole::Shop
            | ParticipantRole::System,
            Visibility::All | Visibility::Agents,
        ) => None,
    }
}

/// Whether the conversation is the caller's.
pub(crate) fn reaches(scope: &Scope, record: &ConversationRecord) -> bool {
    record.shop_id == scope.shop_id
        && match scope.side() {
            Side::Buyer => record.buyer.user_id == scope.user_id,
            Side::Shop => true,
        }
}

fn check_assignee(
    expected: Option<&Holder>,
    record: &ConversationRecord,
    side: Side,
) -> Result<(), ChatError> {
    match expected {
        Some(expected) if expected.as_ref() != record.assignee.as_ref().map(|person| &person.user_id) => {
            Err(conflict(record, side))
        }
        Some(_) | None => Ok(()),
    }
}

fn conflict(record: &ConversationRecord, side: Side) -> ChatError {
    ChatError::Conflict(Box::new(Current {
        last_seq: record.last_seq_of(side),
        assignee: record.assignee.as_ref().map(|person| person.user_id.clone()),
        status: record.status,
        latest_message: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_revised_in_the_batch_of_a_read_stays_unread_unless_it_was_recalled() {
        for (recalled, unread) in [(false, 2), (true, 1)] {
            let id = ConversationId::new(7).unwrap();
            let seq = |seq| Seq::new(seq).unwrap();
            let person =
                |id: &str| Person { user_id: UserId::new(id).unwrap(), name: id.into(), avatar: None };
            let scope = Scope {
                shop_id: ShopId::new("shop").unwrap(),
                role: Role::Buyer,
                user_id: UserId::new("ana").unwrap(),
            };
            let record = ConversationRecord {
                conversation_id: id,
                shop_id: scope.shop_id.clone(),
                buyer: person("ana"),
                status: ConversationStatus::Open,
                assignee: None,
                tags: vec![],
                last_seq: seq(4),
                buyer_last_seq: seq(4),
                buyer_read_seq: Seq::ZERO,
                shop_read_seq: Seq::ZERO,
                buyer_unread: 3,
                shop_unread: 0,
                latest_message_seq: seq(3),
                buyer_latest_message_seq: seq(3),
                create_time: Timestamp::from_millis(1),
                update_time: Timestamp::from_millis(1),
            };
            let message = MessageRecord {
                conversation_id: id,
                seq: seq(2),
                buyer_prev_seq: seq(1),
                sender: Sender {
                    role: ParticipantRole::CustomerService,
                    user_id: Some(UserId::new("grace").unwrap()),
                    name: "Grace".into(),
                },
                client_message_id: None,
                content: Content::recalled(),
                visibility: Visibility::All,
                revision: 1,
                recalled,
                create_time: Timestamp::from_millis(1),
            };
            // The store still counts two unread messages after the first.
            let loaded = Loaded {
                conversations: HashMap::from([(id, record)]),
                unread: HashMap::from([((id, Side::Buyer, seq(1)), 2)]),
                ..Loaded::default()
            };
            let mut batch = Batch {
                loaded,
                now: Timestamp::from_millis(2),
                recall_window: Duration::ZERO,
                created: vec![],
                revised: vec![EventRecord { seq: seq(4), buyer_prev_seq: seq(3), message }],
                cards: vec![],
                audit: Vec::new(),
                effects: vec![],
                touched: HashMap::new(),
                planted: Planted::default(),
            };
            let action = Action::Read { seq: seq(1) };
            let command = Command { scope, name: "Ana".into(), conversation_id: id, action };
            let Ok(Outcome::Read(read)) = batch.apply(&command) else { panic!("read") };
            assert_eq!(read.unread_count, unread, "recalled: {recalled}");
        }
    }
}
