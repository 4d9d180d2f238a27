//! Catch-up reads, gathered: when many attach at once, as all do whose node has died, they share the reads of the store.
//!
//! Readers are sharded on the conversation. Each takes whatever waits the moment it is free and reads it together: several
//! conversations in one statement, and the same place once, however many want it. A lone reader never waits for a timer.
//! Invariant: subscribe, then read; who asks to join has registered at the slot before, and a read begins after all who
//! share it have asked.

use std::{collections::HashMap, sync::Arc};

use deskwire_protocol::{ConversationId, Seq};
use deskwire_store::{ConversationRecord, EventRecord, EventsAfter, Head, MessageRecord, Side, StoreError};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    ChatError,
    hub::{Hub, Slot, Ticket},
    spawn_vital, view,
};

/// Readers of a node: below the connections that a store has by default, so that others find one.
const READERS: u64 = 4;
/// What one of them takes at once, and what may wait for it before those who ask wait for a place.
const AT_ONCE: usize = 256;
const WAITING: usize = 4_096;
/// Places whose events are in memory together, a page of each.
const PAGES: usize = 16;

type Answer<T> = oneshot::Sender<Result<T, ChatError>>;

/// What someone wants to have read.
enum Asked {
    /// The conversation as it stands.
    Find { id: ConversationId, answer: Answer<Option<Arc<ConversationRecord>>> },
    /// All that a receiver who has registered at a slot needs to catch up.
    Join(Join),
}

struct Join {
    slot: Arc<Slot>,
    ticket: Ticket,
    after: Option<Seq>,
    answer: Answer<Option<CaughtUp>>,
}

/// How a receiver stands that has caught up.
pub(crate) struct CaughtUp {
    /// Read after it had joined.
    pub(crate) record: Arc<ConversationRecord>,
    /// The newest message that its side may see.
    pub(crate) latest: Option<Arc<MessageRecord>>,
    /// Where the slot stood when it joined: what comes later is told live.
    pub(crate) last: Seq,
    /// From after the place that it has, a page and one more at most; perhaps beyond `last`.
    pub(crate) events: Arc<Vec<EventRecord>>,
}

impl Asked {
    fn conversation_id(&self) -> ConversationId {
        match self {
            Self::Find { id, .. } => *id,
            Self::Join(join) => join.slot.place().conversation_id,
        }
    }

    /// Whoever asked does not wait any more.
    fn is_given_up(&self) -> bool {
        match self {
            Self::Find { answer, .. } => answer.is_closed(),
            Self::Join(join) => join.answer.is_closed(),
        }
    }

    fn refuse(self, error: ChatError) {
        // Whoever asked may be gone.
        match self {
            Self::Find { answer, .. } => drop(answer.send(Err(error))),
            Self::Join(join) => drop(join.answer.send(Err(error))),
        }
    }
}

/// All readers of this node.
pub(crate) struct CatchUp {
    queues: Vec<mpsc::Sender<Asked>>,
}

impl CatchUp {
    pub(crate) fn start(
        hub: &Arc<Hub>,
        tasks: &TaskTracker,
        shutdown: &CancellationToken,
        crashed: &CancellationToken,
    ) -> Self {
        let queues = (0..READERS)
            .map(|_| {
                let (sender, queue) = mpsc::channel(WAITING);
                let reader = Reader { hub: Arc::clone(hub) };
                let (ended, shutdown) = (shutdown.clone(), shutdown.clone());
                spawn_vital(tasks, "catch-up reader", crashed, move || ended.is_cancelled(), async move {
                    tokio::select! {
                        () = reader.run(queue) => {}
                        () = shutdown.cancelled() => {}
                    }
                });
                sender
            })
            .collect();
        Self { queues }
    }

    /// A conversation, whosever it is.
    pub(crate) async fn find(
        &self,
        id: ConversationId,
    ) -> Result<Option<Arc<ConversationRecord>>, ChatError> {
        let (answer, found) = oneshot::channel();
        self.ask(Asked::Find { id, answer }, found).await
    }

    /// Catches up the receiver that has registered at the slot and got this ticket for it; none when the conversation is
    /// gone.
    pub(crate) async fn join(
        &self,
        slot: &Arc<Slot>,
        ticket: Ticket,
        after: Option<Seq>,
    ) -> Result<Option<CaughtUp>, ChatError> {
        let (answer, caught_up) = oneshot::channel();
        self.ask(Asked::Join(Join { slot: Arc::clone(slot), ticket, after, answer }), caught_up).await
    }

    async fn ask<T>(
        &self,
        asked: Asked,
        answer: oneshot::Receiver<Result<T, ChatError>>,
    ) -> Result<T, ChatError> {
        let shard = asked.conversation_id().get().unsigned_abs() % READERS;
        let queue = usize::try_from(shard).ok().and_then(|shard| self.queues.get(shard));
        queue.ok_or(ChatError::ShuttingDown)?.send(asked).await.map_err(|_| ChatError::ShuttingDown)?;
        answer.await.unwrap_or(Err(ChatError::ShuttingDown))
    }
}

struct Reader {
    hub: Arc<Hub>,
}

/// A receiver that has joined its slot, and the conversation as read for it.
struct Joined {
    join: Join,
    record: Arc<ConversationRecord>,
    last: Seq,
}

impl Joined {
    fn side(&self) -> Side {
        self.join.slot.place().side
    }

    /// What it has to read, if anything.
    fn missing(&self) -> Option<EventsAfter> {
        let after_seq = self.join.after.filter(|after| *after < self.last)?;
        Some(EventsAfter { conversation_id: self.record.conversation_id, side: self.side(), after_seq })
    }
}

type Records = HashMap<ConversationId, Arc<ConversationRecord>>;

impl Reader {
    async fn run(self, mut queue: mpsc::Receiver<Asked>) {
        let mut waiting = Vec::new();
        while queue.recv_many(&mut waiting, AT_ONCE).await > 0 {
            waiting.retain(|asked| !asked.is_given_up());
            self.serve(std::mem::take(&mut waiting)).await;
        }
    }

    async fn serve(&self, asked: Vec<Asked>) {
        let ids = asked.iter().map(Asked::conversation_id).collect();
        let records = match self.records(ids).await {
            Ok(records) => records,
            Err(error) => return self.one_by_one(asked, error).await,
        };
        let mut joins = Vec::new();
        for asked in asked {
            let record = records.get(&asked.conversation_id());
            match (asked, record) {
                (Asked::Find { answer, .. }, found) => drop(answer.send(Ok(found.cloned()))),
                (Asked::Join(join), None) => drop(join.answer.send(Ok(None))),
                (Asked::Join(join), Some(record)) => joins.push((join, Arc::clone(record))),
            }
        }
        let mut joined = self.join(joins).await;
        // Those who want the same stand together, so that a part has no more pages than it says.
        joined.sort_by_key(Joined::missing);
        while !joined.is_empty() {
            let mut places = Vec::new();
            let part = joined.iter().take_while(|joined| {
                let missing = joined.missing();
                if places.last() != Some(&missing) {
                    places.push(missing);
                }
                places.len() <= PAGES
            });
            let count = part.count();
            let rest = joined.split_off(count);
            self.bring(std::mem::replace(&mut joined, rest)).await;
        }
    }

    /// Each joins its slot, which begins where the store stood after all of them had registered.
    async fn join(&self, joins: Vec<(Join, Arc<ConversationRecord>)>) -> Vec<Joined> {
        let mut joined: Vec<_> = joins
            .into_iter()
            .map(|(join, record)| {
                self.hub.start_slot(&join.slot, Head::of(&record));
                let last = join.slot.join(join.ticket, join.after);
                Joined { join, record, last }
            })
            .collect();
        // An event came by the bus after the conversation had been read: what is told must not be older than that event.
        let is_old = |joined: &Joined| joined.record.last_seq_of(joined.side()) < joined.last;
        let old: Vec<_> = joined
            .iter()
            .filter(|joined| is_old(joined))
            .map(|joined| joined.record.conversation_id)
            .collect();
        if old.is_empty() {
            return joined;
        }
        match self.records(old).await {
            Ok(records) => {
                for joined in &mut joined {
                    if let Some(record) = records.get(&joined.record.conversation_id) {
                        joined.record = Arc::clone(record);
                    }
                }
                joined
            }
            Err(error) => {
                let (old, fresh): (Vec<_>, Vec<_>) = joined.into_iter().partition(is_old);
                Box::pin(self.one_by_one(old.into_iter().map(|old| Asked::Join(old.join)).collect(), error))
                    .await;
                fresh
            }
        }
    }

    /// Reads what they miss, and answers.
    async fn bring(&self, part: Vec<Joined>) {
        let read = async {
            let mut places: Vec<_> = part.iter().filter_map(Joined::missing).collect();
            places.dedup();
            let events = self.events(&places).await?;
            let latest = self.latest(&part).await?;
            Ok::<_, ChatError>((places.into_iter().zip(events).collect::<HashMap<_, _>>(), latest))
        };
        let (events, latest) = match read.await {
            Ok(read) => read,
            Err(error) => {
                let asked = part.into_iter().map(|joined| Asked::Join(joined.join)).collect();
                return Box::pin(self.one_by_one(asked, error)).await;
            }
        };
        metrics::counter!("deskwire_catch_ups_total").increment(part.len() as u64);
        for joined in part {
            let events = joined.missing().and_then(|place| events.get(&place)).cloned().unwrap_or_default();
            let latest =
                view::latest_key(&joined.record, joined.side()).and_then(|key| latest.get(&key)).cloned();
            let Joined { join, record, last } = joined;
            drop(join.answer.send(Ok(Some(CaughtUp { record, latest, last, events }))));
        }
    }

    /// What the database cannot read must not fail what it was read together with.
    async fn one_by_one(&self, asked: Vec<Asked>, error: ChatError) {
        let is_of_one = matches!(&error, ChatError::Store(error) if !error.is_unavailable());
        if !is_of_one || asked.len() == 1 {
            return asked.into_iter().for_each(|asked| asked.refuse(error.clone()));
        }
        tracing::warn!(%error, asked = asked.len(), "a shared read was refused: reading for each by itself");
        for asked in asked {
            Box::pin(self.serve(vec![asked])).await;
        }
    }

    async fn records(&self, mut ids: Vec<ConversationId>) -> Result<Records, ChatError> {
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Ok(Records::new());
        }
        let found = self.read("conversations", self.hub.store.conversations_by_id(&ids)).await?;
        Ok(found.into_iter().map(|record| (record.conversation_id, Arc::new(record))).collect())
    }

    async fn events(&self, places: &[EventsAfter]) -> Result<Vec<Arc<Vec<EventRecord>>>, ChatError> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let limit = self.hub.config.attach_page.saturating_add(1);
        let found = self.read("events", self.hub.store.events_after(places, limit)).await?;
        Ok(found.into_iter().map(Arc::new).collect())
    }

    async fn latest(
        &self,
        part: &[Joined],
    ) -> Result<HashMap<(ConversationId, Seq), Arc<MessageRecord>>, ChatError> {
        let mut keys: Vec<_> =
            part.iter().filter_map(|joined| view::latest_key(&joined.record, joined.side())).collect();
        keys.sort_unstable();
        keys.dedup();
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let found = self.read("messages", self.hub.store.messages(&keys)).await?;
        Ok(found
            .into_iter()
            .map(|message| ((message.conversation_id, message.seq), Arc::new(message)))
            .collect())
    }

    /// Counts the read, and bounds it: a store that hangs must not hold up for ever who comes next.
    async fn read<T>(
        &self,
        what: &'static str,
        reading: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, ChatError> {
        metrics::counter!("deskwire_catch_up_reads_total", "of" => what).increment(1);
        match timeout(self.hub.config.request_timeout, reading).await {
            Ok(read) => Ok(read?),
            Err(_) => Err(ChatError::Timeout),
        }
    }
}
