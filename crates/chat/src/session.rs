//! The chat side of one authenticated socket: everything its user may do, always within the user's scope.
//!
//! Writes are submitted when the method is called, not when its future is polled: the order of calls is the order
//! of effects, and the replies may be awaited side by side.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use deskwire_protocol::{
    Codec, Content, ConversationId, ParticipantRole, Role, Sender, ShopId, Timestamp, UserId, Visibility,
    conversation::{
        AssignParams, AttachParams, AttachResult, Conversation, ConversationParams, ConversationResult,
        Empty, Entry, HistoryParams, HistoryResult, ListParams, ListResult, NoteParams, OpenParams,
        ReadParams, ReadResult, SyncParams, SyncResult, TagParams, TakeParams, TransferParams, TypingParams,
    },
    error::Current,
    event::{EventName, PresenceEvent},
    message::{RecallParams, Recalled, SendParams, Sent},
    session::SessionUser,
    text::{TAG_CHARS, TEXT_CHARS, check_text},
};
use deskwire_store::{
    Bug, ConversationQuery, ConversationRecord, HistoryRange, Scope, Side, Store, StoreError,
};
use tokio::{sync::oneshot, time::timeout};

use crate::{
    Chance, ChatError, Inner, Outbox, OutboxLimits,
    bus::{Notice, Presence, Topic, Typing},
    catch_up::CaughtUp,
    event::to_wire,
    hub::{Hold, Place, Slot, Ticket},
    presence::Stay,
    rules::{Action, Command, Outcome},
    view::{self, Room},
};

/// Rows of a `conversation.sync` page.
const SYNC_PAGE: u32 = 100;
/// A commit may become visible this long after the time it was stamped with, or as late as a request may take; `sync`
/// looks back so far, so that none is skipped. A conversation may come twice, which does no harm.
const SYNC_OVERLAP: std::time::Duration = std::time::Duration::from_secs(10);

/// A session, as the hub knows it.
pub(crate) struct Listener {
    /// Unique on this node.
    pub(crate) number: u64,
    pub(crate) scope: Scope,
    pub(crate) outbox: Arc<Outbox>,
    attached: Mutex<HashMap<ConversationId, Attachment>>,
}

/// Where a session gets the events of a conversation.
#[derive(Clone)]
struct Attachment {
    slot: Arc<Slot>,
    ticket: Ticket,
}

impl Listener {
    pub(crate) fn new(number: u64, scope: Scope, outbox: Outbox) -> Self {
        Self { number, scope, outbox: Arc::new(outbox), attached: Mutex::default() }
    }

    /// Whether it is a session of this user. (A topic is of one side, so the id says it.)
    pub(crate) fn is_of(&self, user_id: &UserId) -> bool {
        self.scope.user_id == *user_id
    }

    pub(crate) fn is_attached(&self, conversation_id: ConversationId) -> bool {
        self.attached().contains_key(&conversation_id)
    }

    pub(crate) fn role(&self) -> ParticipantRole {
        match self.scope.role {
            Role::Buyer => ParticipantRole::Buyer,
            Role::Agent | Role::Admin => ParticipantRole::CustomerService,
        }
    }

    /// A poisoned lock means a panic while moving plain values; they are still whole.
    fn attached(&self) -> MutexGuard<'_, HashMap<ConversationId, Attachment>> {
        self.attached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The chat side of one authenticated socket.
pub struct Session {
    chat: Arc<Inner>,
    listener: Arc<Listener>,
    name: String,
    topic: Topic,
    left: AtomicBool,
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "one table dispatches all methods: each takes its params whole"
)]
impl Session {
    pub(crate) fn begin(
        chat: Arc<Inner>,
        number: u64,
        user: SessionUser,
        shop_id: ShopId,
        codec: Codec,
        limits: OutboxLimits,
    ) -> Arc<Self> {
        let topic = match user.role {
            Role::Buyer => Topic::Buyer(shop_id.clone(), user.user_id.clone()),
            Role::Agent | Role::Admin => Topic::Shop(shop_id.clone()),
        };
        let scope = Scope { shop_id, role: user.role, user_id: user.user_id };
        let listener = Arc::new(Listener::new(number, scope, Outbox::new(codec, limits)));
        let first = chat.hub.listen(&topic, &listener);
        let session = Arc::new(Self { chat, listener, name: user.name, topic, left: AtomicBool::new(false) });
        let following = Arc::clone(&session.chat);
        let followed = session.topic.clone();
        session.chat.tasks.spawn(async move {
            if let Err(error) = following.hub.topics.in_force(&followed).await {
                // That the bus is away is said once, and not again for each session.
                tracing::debug!(%error, "could not follow a topic; attaching tries again");
            }
        });
        if user.role == Role::Buyer && first {
            session.tell_presence(None, true);
        }
        session
    }

    /// What waits for the socket.
    #[must_use]
    pub fn outbox(&self) -> &Arc<Outbox> {
        &self.listener.outbox
    }

    /// Tells this session something that is safe to lose.
    pub fn tell<T: serde::Serialize>(&self, name: EventName, event: &T) {
        match self.outbox().codec().encode_push(name.as_str(), event) {
            Ok(frame) => self.outbox().push_lossy(frame),
            Err(error) => tracing::error!(%error, event = name.as_str(), "could not encode a push"),
        }
    }

    /// The socket is gone. Dropping the session does the same.
    pub fn leave(&self) {
        if self.left.swap(true, Ordering::AcqRel) {
            return;
        }
        let attached: Vec<_> = self.listener.attached().drain().collect();
        for (_, attachment) in attached {
            self.give_up(&attachment);
        }
        let last = self.chat.hub.unlisten(&self.topic, &self.listener);
        if self.listener.scope.role == Role::Buyer && last {
            self.tell_presence(None, false);
        }
    }

    // Writes, in the order of calls.

    /// Sends a message.
    pub fn send(&self, params: SendParams) -> impl Future<Output = Result<Sent, ChatError>> + Send + use<> {
        let (id, checked, action) = sending(params);
        let outcome = self.submit(id, checked, action);
        async move { sent(outcome.await?) }
    }

    /// Sends a message without a task that waits for its end: the writer itself calls `then`, right after the event was
    /// handed over. It must be quick.
    pub fn send_then(&self, params: SendParams, then: impl FnOnce(Result<Sent, ChatError>) + Send + 'static) {
        let (id, checked, action) = sending(params);
        if let Err(error) = checked {
            return then(Err(error));
        }
        let chat = Arc::clone(&self.chat);
        let listener = Arc::clone(&self.listener);
        let answer = move |outcome| match outcome {
            Ok(outcome) => then(sent(outcome)),
            Err(ChatError::Conflict(current)) => {
                let (store, deadline) = (chat.store.clone(), chat.config.request_timeout);
                chat.tasks.spawn(async move {
                    let told =
                        timeout(deadline, conflict_now(&store, &listener.scope, id, current.clone())).await;
                    // Without what was said last where the store does not tell.
                    then(Err(told.unwrap_or(ChatError::Conflict(current))));
                });
            }
            Err(error) => then(Err(error)),
        };
        self.chat.writers.submit_then(self.command(id, action), Box::new(answer));
    }

    /// Writes a private note.
    pub fn note(&self, params: NoteParams) -> impl Future<Output = Result<Sent, ChatError>> + Send + use<> {
        let content = Content::Text { text: params.text };
        let checked = check_content(&content, "text");
        let action = Action::Send {
            client_message_id: params.client_message_id,
            content,
            visibility: Visibility::Agents,
            if_last_seq: None,
            if_assignee: None,
            shows: None,
            next_change: None,
        };
        let outcome = self.submit(params.conversation_id, checked, action);
        async move { sent(outcome.await?) }
    }

    /// Takes a message back.
    pub fn recall(
        &self,
        params: RecallParams,
    ) -> impl Future<Output = Result<Recalled, ChatError>> + Send + use<> {
        let checked = if params.message_id.conversation_id == params.conversation_id {
            Ok(())
        } else {
            Err(ChatError::NotFound)
        };
        let outcome =
            self.submit(params.conversation_id, checked, Action::Recall { message_id: params.message_id });
        async move {
            match outcome.await? {
                Outcome::Recalled(recalled) => Ok(recalled),
                other => Err(unexpected(&other)),
            }
        }
    }

    /// The caller's side has read up to a place.
    pub fn read(
        &self,
        params: ReadParams,
    ) -> impl Future<Output = Result<ReadResult, ChatError>> + Send + use<> {
        let outcome = self.submit(params.conversation_id, Ok(()), Action::Read { seq: params.seq });
        async move {
            match outcome.await? {
                Outcome::Read(read) => Ok(read),
                other => Err(unexpected(&other)),
            }
        }
    }

    /// Gives the conversation to an agent, or back to the queue.
    pub fn assign(
        &self,
        params: AssignParams,
    ) -> impl Future<Output = Result<ConversationResult, ChatError>> + Send + use<> {
        let action =
            Action::Assign { agent_id: params.agent_id, if_assignee: params.if_assignee, note: None };
        self.change(params.conversation_id, Ok(()), action)
    }

    /// Gives it to another agent, with a note.
    pub fn transfer(
        &self,
        params: TransferParams,
    ) -> impl Future<Output = Result<ConversationResult, ChatError>> + Send + use<> {
        let checked = params.note.as_deref().map_or(Ok(()), |note| {
            check_text(note, TEXT_CHARS).map_err(|problem| ChatError::invalid("note", problem))
        });
        let action = Action::Assign { agent_id: Some(params.agent_id), if_assignee: None, note: params.note };
        self.change(params.conversation_id, checked, action)
    }

    /// Closes the conversation.
    pub fn close(
        &self,
        params: ConversationParams,
    ) -> impl Future<Output = Result<ConversationResult, ChatError>> + Send + use<> {
        self.change(params.conversation_id, Ok(()), Action::Close)
    }

    /// Opens it again.
    pub fn reopen(
        &self,
        params: ConversationParams,
    ) -> impl Future<Output = Result<ConversationResult, ChatError>> + Send + use<> {
        self.change(params.conversation_id, Ok(()), Action::Reopen)
    }

    /// Puts a label on it.
    pub fn tag(
        &self,
        params: TagParams,
    ) -> impl Future<Output = Result<ConversationResult, ChatError>> + Send + use<> {
        let checked =
            check_text(params.tag.as_str(), TAG_CHARS).map_err(|problem| ChatError::invalid("tag", problem));
        self.change(params.conversation_id, checked, Action::Tag { tag: params.tag })
    }

    /// Takes a label off.
    pub fn untag(
        &self,
        params: TagParams,
    ) -> impl Future<Output = Result<ConversationResult, ChatError>> + Send + use<> {
        self.change(params.conversation_id, Ok(()), Action::Untag { tag: params.tag })
    }

    // Reads, which may overlap.

    /// The buyer's conversation with the shop, made if there is none; attaches.
    pub async fn open(self: &Arc<Self>, params: OpenParams) -> Result<(ConversationResult, Hold), ChatError> {
        let scope = &self.listener.scope;
        if scope.role != Role::Buyer {
            return Err(ChatError::Forbidden("only a buyer opens a conversation; agents attach to it"));
        }
        let record = open_conversation(&self.chat, scope).await?;
        if let Some(entry) = params.entry {
            self.enter(&record, entry).await?;
        }
        self.attach_to(record.conversation_id).await
    }

    /// The calling agent takes the conversation, in the order of calls; attaches.
    pub fn take(
        self: &Arc<Self>,
        params: TakeParams,
    ) -> impl Future<Output = Result<(ConversationResult, Hold), ChatError>> + Send + use<> {
        let action = Action::Take { if_assignee: params.if_assignee };
        let taken = self.change(params.conversation_id, Ok(()), action);
        let session = Arc::clone(self);
        async move {
            taken.await?;
            session.attach_to(params.conversation_id).await
        }
    }

    /// From now on every event in sequence, after those missed.
    pub async fn attach(self: &Arc<Self>, params: AttachParams) -> Result<(AttachResult, Hold), ChatError> {
        self.attach_within(params, &mut Room::default()).await
    }

    /// The same as a part of an answer: the events take of its room, and where it has none there is only more to come.
    pub async fn attach_within(
        self: &Arc<Self>,
        params: AttachParams,
        room: &mut Room,
    ) -> Result<(AttachResult, Hold), ChatError> {
        let side = self.side();
        let catch_up = &self.chat.catch_up;
        let record = catch_up.find(params.conversation_id).await?;
        let record = record.filter(|record| self.listener.scope.covers(record)).ok_or(ChatError::NotFound)?;
        if let Some(after) = params.after_seq
            && after > record.last_seq_of(side)
        {
            return Err(ChatError::invalid(
                "after_seq",
                format_args!("is after the last event, {}", record.last_seq_of(side)),
            ));
        }
        let planted = self.chat.config.planted;
        let mut after_seq = params.after_seq;
        if planted.has(Bug::ResumeOffByOne) {
            after_seq = after_seq.map(|after| after.next().min(record.last_seq_of(side)));
        }
        planted.hold_open(Bug::ReadBeforeSubscribe).await;
        let joining = self.register(&record).await?;
        let Joining { attachment: Attachment { slot, ticket }, .. } = &joining;
        // What was committed before the slot began is in here, what comes later goes through the slot.
        let caught_up = catch_up.join(slot, *ticket, after_seq).await?.ok_or(ChatError::NotFound)?;
        let seen_before = record.last_seq_of(side);
        let CaughtUp { record, latest, mut last, events } = caught_up;
        if planted.has(Bug::ReadBeforeSubscribe) {
            last = last.min(seen_before);
        }
        let page = self.chat.config.attach_page as usize;
        let events = &events[..events.partition_point(|event| event.seq <= last)];
        let fitting = view::fitting_into(room, events.iter().map(|event| &event.message), page);
        let events = &events[..fitting];
        let after = after_seq.unwrap_or(last);
        let last_seq = events.last().map_or(after, |event| event.seq);
        let is_part = last_seq < last;
        let record = Arc::unwrap_or_clone(record);
        let mut conversation = view::conversation(record, side, latest.as_deref());
        conversation.last_seq = last_seq;
        let presence = self.presence_at(slot);
        // A part must never look like the whole: not attached until the client has the rest. Nor is it where another
        // attaching of this session came in between: the client attaches again, and misses nothing.
        let hold = if is_part { None } else { joining.keep() };
        let has_more = hold.is_none();
        let events = events.iter().map(|event| to_wire(event, side)).collect();
        let result = AttachResult { conversation, events, last_seq, has_more, presence };
        Ok((result, hold.unwrap_or(Hold::nothing())))
    }

    /// No more events in sequence of this conversation.
    pub async fn detach(&self, params: ConversationParams) -> Result<Empty, ChatError> {
        let attachment = self.listener.attached().remove(&params.conversation_id);
        match attachment {
            Some(attachment) => self.give_up(&attachment),
            None => drop(self.find(params.conversation_id).await?),
        }
        Ok(Empty {})
    }

    /// The caller's conversations, latest change first.
    pub async fn list(&self, params: ListParams) -> Result<ListResult, ChatError> {
        let after = match params.page_token.as_deref() {
            None | Some("") => None,
            Some(token) => {
                let (time, id) = parse_pair(token, "page_token")?;
                let id = ConversationId::new(id).ok_or_else(|| {
                    ChatError::invalid("page_token", "is not one that this server gave out")
                })?;
                Some((time, id))
            }
        };
        let size = params.page_size.get();
        let query = ConversationQuery { status: params.status, after, limit: size + 1 };
        let mut records = self.chat.store.conversations(&self.listener.scope, &query).await?;
        let more = records.len() > size as usize;
        records.truncate(size as usize);
        let next_page_token = match records.last() {
            Some(last) if more => format_pair(last.update_time, last.conversation_id.get()),
            Some(_) | None => String::new(),
        };
        let conversations = view::conversations(&self.chat.store, records, self.side()).await?;
        Ok(ListResult { conversations, next_page_token })
    }

    /// One conversation.
    pub async fn get(&self, params: ConversationParams) -> Result<ConversationResult, ChatError> {
        let record = self.find(params.conversation_id).await?;
        Ok(ConversationResult { conversation: self.view(record).await? })
    }

    /// Messages before or after a place.
    pub async fn history(&self, params: HistoryParams) -> Result<HistoryResult, ChatError> {
        let range = match (params.before_seq, params.after_seq) {
            (Some(_), Some(_)) => {
                return Err(ChatError::invalid("after_seq", "cannot be given together with `before_seq`"));
            }
            (Some(before), None) => HistoryRange::Before(before),
            (None, Some(after)) => HistoryRange::After(after),
            (None, None) => HistoryRange::Newest,
        };
        self.find(params.conversation_id).await?;
        let side = self.side();
        let limit = params.limit.get();
        let mut records = self.chat.store.history(params.conversation_id, side, range, limit + 1).await?;
        let found = records.len();
        // What is too many is what lies farthest from where the page begins.
        match range {
            HistoryRange::After(_) => {
                let taken = view::fitting(records.iter(), limit as usize);
                records.truncate(taken);
            }
            HistoryRange::Before(_) | HistoryRange::Newest => {
                let taken = view::fitting(records.iter().rev(), limit as usize);
                drop(records.drain(..found - taken));
            }
        }
        let has_more = records.len() < found;
        Ok(HistoryResult {
            messages: records.iter().map(|record| record.to_message(side)).collect(),
            has_more,
        })
    }

    /// What changed since the last time.
    pub async fn sync(&self, params: SyncParams) -> Result<SyncResult, ChatError> {
        let after = match params.cursor.as_deref() {
            None | Some("") => (Timestamp::default(), 0),
            Some(cursor) => parse_pair(cursor, "cursor")?,
        };
        let horizon = self.chat.clock.now().minus(SYNC_OVERLAP.max(self.chat.config.request_timeout));
        let scope = &self.listener.scope;
        let mut records = self.chat.store.conversations_changed(scope, after, SYNC_PAGE + 1).await?;
        let has_more = records.len() > SYNC_PAGE as usize;
        records.truncate(SYNC_PAGE as usize);
        let last = records.last().map_or(after, |record| (record.update_time, record.conversation_id.get()));
        // Between pages go on exactly where this one ended; after the last one look back a little next time.
        let next = if has_more { last } else { last.min((horizon, 0)).max(after.min((horizon, 0))) };
        let conversations = view::conversations(&self.chat.store, records, self.side()).await?;
        Ok(SyncResult { conversations, cursor: format_pair(next.0, next.1), has_more })
    }

    /// Tells the others that the caller is writing, or has stopped.
    pub async fn typing(&self, params: TypingParams) -> Result<Empty, ChatError> {
        let attached = self
            .listener
            .attached()
            .get(&params.conversation_id)
            .map(|attachment| attachment.slot.place().clone());
        let (shop_id, buyer_id) = if let Some(place) = attached {
            (place.shop_id, place.buyer_id)
        } else {
            let record = self.find(params.conversation_id).await?;
            (record.shop_id, record.buyer.user_id)
        };
        let typing =
            Typing { conversation_id: params.conversation_id, sender: self.sender(), typing: params.typing };
        let notices = vec![
            (Topic::Shop(shop_id.clone()), Notice::Typing(typing.clone())),
            (Topic::Buyer(shop_id, buyer_id), Notice::Typing(typing)),
        ];
        self.publish(notices).await;
        Ok(Empty {})
    }

    fn side(&self) -> Side {
        self.listener.scope.side()
    }

    fn sender(&self) -> Sender {
        Sender {
            role: self.listener.role(),
            user_id: Some(self.listener.scope.user_id.clone()),
            name: self.name.clone(),
        }
    }

    async fn find(&self, id: ConversationId) -> Result<ConversationRecord, ChatError> {
        self.chat.store.conversation(&self.listener.scope, id).await?.ok_or(ChatError::NotFound)
    }

    async fn view(&self, record: ConversationRecord) -> Result<Conversation, ChatError> {
        view_one(&self.chat.store, record, self.side()).await
    }

    /// Submits now; the future only waits.
    fn submit(
        &self,
        conversation_id: ConversationId,
        checked: Result<(), ChatError>,
        action: Action,
    ) -> impl Future<Output = Result<Outcome, ChatError>> + Send + use<> {
        let answer = checked.and_then(|()| self.chat.writers.submit(self.command(conversation_id, action)));
        let store = self.chat.store.clone();
        let listener = Arc::clone(&self.listener);
        async move {
            match await_answer(answer?).await {
                Err(ChatError::Conflict(current)) => {
                    Err(conflict_now(&store, &listener.scope, conversation_id, current).await)
                }
                outcome => outcome,
            }
        }
    }

    fn command(&self, conversation_id: ConversationId, action: Action) -> Command {
        Command { scope: self.listener.scope.clone(), name: self.name.clone(), conversation_id, action }
    }

    fn change(
        &self,
        conversation_id: ConversationId,
        checked: Result<(), ChatError>,
        action: Action,
    ) -> impl Future<Output = Result<ConversationResult, ChatError>> + Send + use<> {
        let outcome = self.submit(conversation_id, checked, action);
        let store = self.chat.store.clone();
        let side = self.side();
        async move {
            match outcome.await? {
                Outcome::Conversation(record) => {
                    Ok(ConversationResult { conversation: view_one(&store, *record, side).await? })
                }
                other => Err(unexpected(&other)),
            }
        }
    }

    /// Tells where the buyer comes from, unless that is the newest message already.
    async fn enter(&self, record: &ConversationRecord, entry: Entry) -> Result<(), ChatError> {
        let context = match entry {
            Entry::BuyerEnterFromProduct { product_id } => Content::BuyerEnterFromProduct { product_id },
            Entry::BuyerEnterFromOrder { order_id } => Content::BuyerEnterFromOrder { order_id },
        };
        let latest = match view::latest_key(record, Side::Buyer) {
            Some(key) => self.chat.store.messages(&[key]).await?.pop(),
            None => None,
        };
        if latest.is_some_and(|message| message.content == context) {
            return Ok(());
        }
        self.submit(record.conversation_id, Ok(()), Action::Enter { context }).await.map(drop)
    }

    async fn attach_to(
        self: &Arc<Self>,
        id: ConversationId,
    ) -> Result<(ConversationResult, Hold), ChatError> {
        let (result, hold) = self.attach(AttachParams { conversation_id: id, after_seq: None }).await?;
        Ok((ConversationResult { conversation: result.conversation }, hold))
    }

    async fn register(&self, record: &ConversationRecord) -> Result<Joining<'_>, ChatError> {
        let limit = self.chat.config.attachments;
        {
            let attached = self.listener.attached();
            if attached.len() >= limit && !attached.contains_key(&record.conversation_id) {
                return Err(ChatError::LimitReached {
                    limit: limit as u64,
                    what: "conversations attached by one session; detach from one first".into(),
                });
            }
        }
        if let Err(error) = self.chat.hub.topics.in_force(&self.topic).await {
            // The sweep brings what the bus cannot.
            tracing::debug!(%error, "attached without the bus: events arrive by the repair sweep");
        }
        let place = Place {
            conversation_id: record.conversation_id,
            shop_id: record.shop_id.clone(),
            buyer_id: record.buyer.user_id.clone(),
            side: self.side(),
        };
        let (slot, ticket) = self.chat.hub.register(&place, &self.listener);
        Ok(Joining { session: self, attachment: Attachment { slot, ticket }, kept: false })
    }

    /// No more events from there; the buyer is told where it was the agent's last session there.
    fn give_up(&self, attachment: &Attachment) {
        let Attachment { slot, ticket } = attachment;
        self.chat.hub.unregister(slot, *ticket);
        if self.side() == Side::Shop && !self.is_at(slot) {
            self.tell_presence(Some(slot.place()), false);
        }
    }

    /// Whether a session of this user is there.
    fn is_at(&self, slot: &Slot) -> bool {
        slot.listeners().iter().any(|listener| listener.is_of(&self.listener.scope.user_id))
    }

    /// Who of the other side is there.
    fn presence_at(&self, slot: &Arc<Slot>) -> Vec<PresenceEvent> {
        let place = slot.place();
        match self.side() {
            Side::Shop => {
                let topic = Topic::Buyer(place.shop_id.clone(), place.buyer_id.clone());
                let stay = Stay::Shop(place.shop_id.clone());
                let online = !self.chat.hub.listeners(&topic).is_empty()
                    || self.chat.hub.presences.is_elsewhere(&stay, &place.buyer_id);
                vec![PresenceEvent { role: ParticipantRole::Buyer, user_id: place.buyer_id.clone(), online }]
            }
            Side::Buyer => {
                let agents = self
                    .chat
                    .hub
                    .slot(place.conversation_id, Side::Shop)
                    .map(|slot| slot.listeners())
                    .unwrap_or_default();
                let mut ids = self.chat.hub.presences.elsewhere(&Stay::Conversation(place.conversation_id));
                ids.extend(agents.iter().map(|listener| listener.scope.user_id.clone()));
                ids.sort_unstable();
                ids.dedup();
                ids.into_iter()
                    .map(|user_id| PresenceEvent {
                        role: ParticipantRole::CustomerService,
                        user_id,
                        online: true,
                    })
                    .collect()
            }
        }
    }

    /// Tells the other side: a buyer's to all agents of the shop, an agent's to the buyer of the conversation.
    fn tell_presence(&self, place: Option<&Place>, online: bool) {
        let scope = &self.listener.scope;
        let topic = match place {
            Some(place) => Topic::Buyer(place.shop_id.clone(), place.buyer_id.clone()),
            None => Topic::Shop(scope.shop_id.clone()),
        };
        let presence = Presence {
            conversation_id: place.map(|place| place.conversation_id),
            role: self.listener.role(),
            user_id: scope.user_id.clone(),
            online,
            origin: self.chat.hub.presences.origin(),
        };
        let (chat, user_id, own_topic) = (Arc::clone(&self.chat), scope.user_id.clone(), self.topic.clone());
        let at = place.map(|place| (place.conversation_id, place.side));
        self.chat.tasks.spawn(async move {
            let listeners = match at {
                Some((conversation_id, side)) => {
                    chat.hub.slot(conversation_id, side).map(|slot| slot.listeners()).unwrap_or_default()
                }
                None => chat.hub.listeners(&own_topic).to_vec(),
            };
            // Who leaves by one door and comes by another is told of once, by whoever sees how it stands now.
            if listeners.iter().any(|listener| listener.is_of(&user_id)) == online {
                publish(&chat, vec![(topic, Notice::Presence(presence))]).await;
            }
        });
    }

    async fn publish(&self, notices: Vec<(Topic, Notice)>) {
        publish(&self.chat, notices).await;
    }
}

/// An attaching under way. Whatever ends it before it is kept (an error, a deadline, the end of the socket) leaves
/// nothing of it behind, and the session unattached.
struct Joining<'s> {
    session: &'s Session,
    attachment: Attachment,
    kept: bool,
}

impl Joining<'_> {
    /// The session is attached from now on; events are held back while the hold lives. None when a later attaching of
    /// the same conversation has taken the place, or the socket is gone.
    fn keep(mut self) -> Option<Hold> {
        let Attachment { slot, ticket } = &self.attachment;
        let conversation_id = slot.place().conversation_id;
        let mut attached = self.session.listener.attached();
        let newer = attached.get(&conversation_id).is_some_and(|current| current.ticket > *ticket);
        // Whoever leaves says so first, and then gives up what is in here.
        if newer || !slot.holds(*ticket) || self.session.left.load(Ordering::Acquire) {
            return None;
        }
        let new = attached.insert(conversation_id, self.attachment.clone()).is_none();
        drop(attached);
        self.kept = true;
        if new && self.session.side() == Side::Shop {
            self.session.tell_presence(Some(slot.place()), true);
        }
        Some(Hold::new(Arc::clone(slot), *ticket))
    }
}

impl Drop for Joining<'_> {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        let Attachment { slot, ticket } = &self.attachment;
        self.session.chat.hub.unregister(slot, *ticket);
        // Its place was taken by this one.
        let conversation_id = slot.place().conversation_id;
        let mut attached = self.session.listener.attached();
        let earlier = attached
            .get(&conversation_id)
            .is_some_and(|current| current.ticket < *ticket)
            .then(|| attached.remove(&conversation_id));
        drop(attached);
        if let Some(Some(earlier)) = earlier {
            self.session.give_up(&earlier);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.leave();
    }
}

/// The buyer's conversation with the shop, made if there is none.
pub(crate) async fn open_conversation(chat: &Inner, buyer: &Scope) -> Result<ConversationRecord, ChatError> {
    // A number that is taken already is as good as never drawn; a second draw settles it.
    for _ in 0..4 {
        let candidate = draw_conversation_id(chat.chance.as_ref());
        if let Some(record) = chat.openings.ask((buyer.clone(), candidate)).await? {
            return Ok(record);
        }
    }
    Err(ChatError::Store(Arc::new(StoreError::Collision)))
}

/// Hands over what is safe to lose.
pub(crate) async fn publish(chat: &Inner, notices: Vec<(Topic, Notice)>) {
    match timeout(chat.config.publish_timeout, chat.bus.publish(notices)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a passing notice was lost"),
        Err(_) => tracing::debug!("the bus did not take a passing notice in time"),
    }
}

pub(crate) async fn await_answer(
    answer: oneshot::Receiver<Result<Outcome, ChatError>>,
) -> Result<Outcome, ChatError> {
    // A writer that is gone has taken its queue with it: whether it committed is not known.
    answer.await.unwrap_or(Err(ChatError::Timeout))
}

async fn view_one(store: &Store, record: ConversationRecord, side: Side) -> Result<Conversation, ChatError> {
    let latest = match view::latest_key(&record, side) {
        Some(key) => store.messages(&[key]).await?.pop(),
        None => None,
    };
    Ok(view::conversation(record, side, latest.as_ref()))
}

/// The conflict, with what was said last: the writer knows how things stand, but has not read that.
async fn conflict_now(
    store: &Store,
    scope: &Scope,
    conversation_id: ConversationId,
    mut current: Box<Current>,
) -> ChatError {
    let latest = async {
        Ok(match store.conversation(scope, conversation_id).await? {
            Some(record) => view_one(store, record, scope.side()).await?.latest_message,
            None => None,
        })
    };
    // Boxed: it is rare, and every request would be as large.
    match Box::pin(latest).await {
        Ok(latest) => {
            current.latest_message = latest;
            ChatError::Conflict(current)
        }
        Err(error) => error,
    }
}

/// What a message asks of the writer, and whether it may.
fn sending(params: SendParams) -> (ConversationId, Result<(), ChatError>, Action) {
    let content = Content::from(params.content);
    let checked = check_content(&content, "content.text");
    let action = Action::Send {
        client_message_id: params.client_message_id,
        content,
        visibility: Visibility::All,
        if_last_seq: params.if_last_seq,
        if_assignee: params.if_assignee,
        shows: None,
        next_change: None,
    };
    (params.conversation_id, checked, action)
}

fn sent(outcome: Outcome) -> Result<Sent, ChatError> {
    match outcome {
        Outcome::Sent(sent) => Ok(sent),
        other => Err(unexpected(&other)),
    }
}

pub(crate) fn unexpected(outcome: &Outcome) -> ChatError {
    tracing::error!(?outcome, "a command had the outcome of another");
    ChatError::Timeout
}

fn check_content(content: &Content, field: &str) -> Result<(), ChatError> {
    match content {
        Content::Text { text } => {
            check_text(text, TEXT_CHARS).map_err(|problem| ChatError::invalid(field, problem))
        }
        Content::OrderCard { .. }
        | Content::LogisticsCard { .. }
        | Content::ReturnRefundCard { .. }
        | Content::ProductCard { .. }
        | Content::CouponCard { .. }
        | Content::AllocatedService { .. }
        | Content::Notification { .. }
        | Content::BuyerEnterFromProduct { .. }
        | Content::BuyerEnterFromOrder { .. } => Ok(()),
    }
}

/// Positive, 63 bits, not to be guessed.
fn draw_conversation_id(chance: &dyn Chance) -> ConversationId {
    loop {
        let number = chance.within(1_000_000_000_000_000_000..=i64::MAX.cast_unsigned());
        if let Some(id) = ConversationId::new(number.cast_signed()) {
            return id;
        }
    }
}

fn format_pair(time: Timestamp, id: i64) -> String {
    format!("{}.{id}", time.millis())
}

fn parse_pair(text: &str, field: &str) -> Result<(Timestamp, i64), ChatError> {
    text.split_once('.')
        .and_then(|(time, id)| Some((Timestamp::from_millis(time.parse().ok()?), id.parse().ok()?)))
        .ok_or_else(|| ChatError::invalid(field, "is not one that this server gave out"))
}
