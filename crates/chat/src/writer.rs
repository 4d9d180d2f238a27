//! Group commit: the commands of many senders in one transaction.
//!
//! Writers are sharded on the conversation, so its commands keep their order. A writer commits whatever waits the
//! moment it is free: the batch grows with load, and a lone message never waits for a timer.
//! Invariant: a reply leaves after the commit, and after the events were handed to the bus.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use deskwire_protocol::ConversationId;
use deskwire_store::{Store, StoreError};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    ChatConfig, ChatError, Clock,
    bus::{Bus, Changed, Notice, Read, Topic},
    event::Event,
    rules::{self, Command, Decided, Effect, Outcome},
    spawn_vital,
};

type Reply = Result<Outcome, ChatError>;

struct Queued {
    command: Command,
    reply: oneshot::Sender<Reply>,
    expires: Instant,
}

/// All writers of this node.
pub(crate) struct Writers {
    /// Emptied by `finish`.
    queues: Mutex<Vec<mpsc::Sender<Queued>>>,
    finished: TaskTracker,
    request_timeout: Duration,
}

impl Writers {
    pub(crate) fn start(
        config: &ChatConfig,
        store: &Store,
        bus: &Arc<dyn Bus>,
        clock: &Arc<dyn Clock>,
        tasks: &TaskTracker,
        crashed: &CancellationToken,
    ) -> Self {
        let finished = TaskTracker::new();
        let finishing = CancellationToken::new();
        let queues = (0..config.writers.max(1))
            .map(|_| {
                let (sender, queue) = mpsc::channel(config.writer_queue);
                let writer = Writer {
                    store: store.clone(),
                    bus: Arc::clone(bus),
                    clock: Arc::clone(clock),
                    config: config.clone(),
                };
                let finished = finished.clone();
                let done = finishing.clone();
                let token = finished.token();
                spawn_vital(
                    tasks,
                    "writer",
                    crashed,
                    move || done.is_cancelled() || finished.is_closed(),
                    async move {
                        writer.run(queue).await;
                        drop(token);
                    },
                );
                sender
            })
            .collect();
        Self { queues: Mutex::new(queues), finished, request_timeout: config.request_timeout }
    }

    /// Puts the command behind those before it; the order of calls is the order of effects.
    pub(crate) fn submit(&self, command: Command) -> Result<oneshot::Receiver<Reply>, ChatError> {
        let (reply, answer) = oneshot::channel();
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if queues.is_empty() {
            return Err(ChatError::ShuttingDown);
        }
        let shard =
            usize::try_from(command.conversation_id.get().unsigned_abs() % queues.len() as u64).unwrap_or(0);
        let expires = Instant::now() + self.request_timeout;
        queues[shard].try_send(Queued { command, reply, expires }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => ChatError::Busy,
            mpsc::error::TrySendError::Closed(_) => ChatError::ShuttingDown,
        })?;
        Ok(answer)
    }

    /// Takes no more, and returns when all that was taken is answered.
    pub(crate) async fn finish(&self) {
        self.finished.close();
        self.queues.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.finished.wait().await;
    }
}

struct Writer {
    store: Store,
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    config: ChatConfig,
}

impl Writer {
    async fn run(self, mut queue: mpsc::Receiver<Queued>) {
        let mut batch = Vec::with_capacity(self.config.commit_batch);
        while queue.recv_many(&mut batch, self.config.commit_batch).await > 0 {
            let now = Instant::now();
            let mut due = Vec::with_capacity(batch.len());
            for queued in batch.drain(..) {
                if queued.expires <= now {
                    answer(queued.reply, Err(ChatError::Timeout));
                } else {
                    due.push(queued);
                }
            }
            if !due.is_empty() {
                self.write(due).await;
            }
        }
    }

    async fn write(&self, batch: Vec<Queued>) {
        metrics::histogram!("deskwire_commit_batch_commands")
            .record(u32::try_from(batch.len()).unwrap_or(u32::MAX));
        let started = Instant::now();
        let decided = self.commit(&batch).await;
        metrics::histogram!("deskwire_commit_seconds").record(started.elapsed());
        match decided {
            Ok(decided) => self.conclude(batch, decided).await,
            // One command that the database cannot take must not fail its neighbours.
            Err(ChatError::Store(error)) if !error.is_unavailable() && batch.len() > 1 => {
                tracing::warn!(%error, commands = batch.len(), "a commit was refused: trying its commands one by one");
                for queued in batch {
                    let alone = vec![queued];
                    match self.commit(&alone).await {
                        Ok(decided) => self.conclude(alone, decided).await,
                        Err(error) => refuse(alone, &error),
                    }
                }
            }
            Err(error) => refuse(batch, &error),
        }
    }

    async fn commit(&self, batch: &[Queued]) -> Result<Decided, ChatError> {
        let commands = || batch.iter().map(|queued| &queued.command);
        let needs = rules::needs(commands());
        let now = self.clock.now();
        let commit = self
            .store
            .commit(&needs, |loaded| rules::decide(loaded, commands(), now, self.config.recall_window));
        match timeout(self.config.request_timeout, commit).await {
            Ok(decided) => Ok(decided.map_err(|error: StoreError| ChatError::Store(Arc::new(error)))?),
            // It may have been committed: the sender asks again with the same id and learns.
            Err(_) => Err(ChatError::Timeout),
        }
    }

    async fn conclude(&self, batch: Vec<Queued>, decided: Decided) {
        let notices = self.notices(&decided);
        if !notices.is_empty() {
            let published = timeout(self.config.publish_timeout, self.bus.publish(notices)).await;
            match published {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    metrics::counter!("deskwire_publish_failures_total").increment(1);
                    tracing::warn!(%error, "events could not be handed to the bus; the repair sweep brings them");
                }
                Err(_) => {
                    metrics::counter!("deskwire_publish_failures_total").increment(1);
                    tracing::warn!("the bus did not take events in time; the repair sweep brings them");
                }
            }
        }
        for (queued, outcome) in batch.into_iter().zip(decided.outcomes) {
            answer(queued.reply, outcome);
        }
    }

    fn notices(&self, decided: &Decided) -> Vec<(Topic, Notice)> {
        let topics: HashMap<ConversationId, (Topic, Topic)> = decided
            .changed
            .iter()
            .map(|(record, _)| {
                let shop = Topic::Shop(record.shop_id.clone());
                let buyer = Topic::Buyer(record.shop_id.clone(), record.buyer.user_id.clone());
                (record.conversation_id, (shop, buyer))
            })
            .collect();
        let topics = |id| topics.get(&id).cloned();
        let mut notices = Vec::with_capacity(decided.effects.len() * 2 + decided.changed.len() * 2);
        let mut told = 0_u64;
        for effect in &decided.effects {
            match effect {
                Effect::Event(record) => {
                    let Some((shop, buyer)) = topics(record.message.conversation_id) else { continue };
                    told += 1;
                    let event = Arc::new(Event::new(record.clone()));
                    if record.message.visibility == deskwire_protocol::Visibility::All {
                        notices.push((buyer, Notice::Event(Arc::clone(&event))));
                    }
                    notices.push((shop, Notice::Event(event)));
                }
                Effect::Read { conversation_id, reader, seq } => {
                    let Some((shop, buyer)) = topics(*conversation_id) else { continue };
                    let read = Read {
                        conversation_id: *conversation_id,
                        reader: reader.clone(),
                        seq: *seq,
                        read_time: self.clock.now(),
                    };
                    notices.push((shop, Notice::Read(read.clone())));
                    notices.push((buyer, Notice::Read(read)));
                }
            }
        }
        metrics::counter!("deskwire_events_committed_total").increment(told);
        for (record, only_messages) in &decided.changed {
            let changed = Changed { conversation_id: record.conversation_id, only_messages: *only_messages };
            if let Some((shop, buyer)) = topics(record.conversation_id) {
                notices.push((shop, Notice::Changed(changed.clone())));
                notices.push((buyer, Notice::Changed(changed)));
            }
        }
        notices
    }
}

fn refuse(batch: Vec<Queued>, error: &ChatError) {
    for queued in batch {
        answer(queued.reply, Err(error.clone()));
    }
}

fn answer(reply: oneshot::Sender<Reply>, outcome: Reply) {
    // Whoever asked may be gone; the effect stands all the same.
    drop(reply.send(outcome));
}
