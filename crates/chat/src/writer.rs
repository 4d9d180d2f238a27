//! Group commit: the commands of many senders in one transaction.
//!
//! Writers are sharded on the conversation, so its commands keep their order. A writer commits whatever waits the
//! moment it is free and all that is ready to run has run: the batch grows with load, and a lone message never waits
//! for a timer.
//! Invariant: a reply leaves after the commit, and after the events were handed to the bus.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use deskwire_protocol::Visibility;
use deskwire_store::{Bug, Store, StoreError};
use tokio::{
    sync::{mpsc, oneshot},
    task::yield_now,
    time::{Instant, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    ChatConfig, ChatError, Clock,
    bus::{Bus, Changed, Notice, Read, Topic},
    event::Event,
    rules::{self, Command, Decided, Effect, Outcome, Touched},
    spawn_vital,
};

type Reply = Result<Outcome, ChatError>;

/// What is done with the reply. The writer does it itself, so it must be quick.
pub(crate) type Answer = Box<dyn FnOnce(Reply) + Send>;

struct Queued {
    command: Command,
    answer: Answer,
    expires: Instant,
}

/// All writers of this node.
pub(crate) struct Writers {
    /// Emptied by `finish`.
    queues: Mutex<Vec<mpsc::Sender<Queued>>>,
    finished: TaskTracker,
    turn_timeout: Duration,
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
        Self { queues: Mutex::new(queues), finished, turn_timeout: config.turn_timeout() }
    }

    /// Puts the command behind those before it; the order of calls is the order of effects.
    pub(crate) fn submit(&self, command: Command) -> Result<oneshot::Receiver<Reply>, ChatError> {
        let (reply, answer) = oneshot::channel();
        // Whoever asked may be gone; the effect stands all the same.
        self.enqueue(command, Box::new(move |outcome| drop(reply.send(outcome))))
            .map_err(|(error, _)| error)?;
        Ok(answer)
    }

    /// The same, without a task that waits: `answer` is called when the command is through, or at once if it cannot be
    /// taken.
    pub(crate) fn submit_then(&self, command: Command, answer: Answer) {
        if let Err((error, answer)) = self.enqueue(command, answer) {
            give(answer, Err(error));
        }
    }

    fn enqueue(&self, command: Command, answer: Answer) -> Result<(), (ChatError, Answer)> {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if queues.is_empty() {
            return Err((ChatError::ShuttingDown, answer));
        }
        let shard =
            usize::try_from(command.conversation_id.get().unsigned_abs() % queues.len() as u64).unwrap_or(0);
        let expires = Instant::now() + self.turn_timeout;
        queues[shard].try_send(Queued { command, answer, expires }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(refused) => (ChatError::Busy, refused.answer),
            mpsc::error::TrySendError::Closed(refused) => (ChatError::ShuttingDown, refused.answer),
        })
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

/// Both halves of what was queued.
type Batch = (Vec<Command>, Vec<Answer>);

impl Writer {
    async fn run(self, mut queue: mpsc::Receiver<Queued>) {
        let mut waiting = Vec::with_capacity(self.config.commit_batch);
        while queue.recv_many(&mut waiting, self.config.commit_batch).await > 0 {
            // Sockets that are readable have their say first, so that they share this commit and its pushes, too, come to
            // each socket together.
            yield_now().await;
            let room = self.config.commit_batch - waiting.len();
            if room > 0 && !queue.is_empty() {
                queue.recv_many(&mut waiting, room).await;
            }
            let now = Instant::now();
            let (due, late) = waiting.drain(..).partition::<Vec<_>, _>(|queued| queued.expires > now);
            let late = late.into_iter().map(|queued| queued.answer).collect();
            refuse(late, &ChatError::Timeout);
            if !due.is_empty() {
                let batch = due.into_iter().map(|queued| (queued.command, queued.answer)).unzip();
                self.write(batch, now + self.config.commit_timeout()).await;
            }
        }
    }

    async fn write(&self, (commands, answers): Batch, deadline: Instant) {
        metrics::histogram!("deskwire_commit_batch_commands")
            .record(u32::try_from(commands.len()).unwrap_or(u32::MAX));
        if self.config.planted.has(Bug::AcknowledgeBeforeCommit) {
            return self.acknowledge_first(&commands, answers, deadline).await;
        }
        let started = Instant::now();
        let decided = self.commit(&commands, deadline).await;
        metrics::histogram!("deskwire_commit_seconds").record(started.elapsed());
        match decided {
            Ok(decided) => self.conclude(answers, decided).await,
            // One command that the database cannot take must not fail its neighbours.
            Err(ChatError::Store(error)) if !error.is_unavailable() && commands.len() > 1 => {
                tracing::warn!(%error, commands = commands.len(), "a commit was refused: trying its commands one by one");
                let (mut committed, mut all) = (Vec::new(), Decided::default());
                for (command, answer) in commands.into_iter().zip(answers) {
                    match self.commit(&[command], deadline).await {
                        Ok(decided) => {
                            committed.push(answer);
                            all.outcomes.extend(decided.outcomes);
                            all.effects.extend(decided.effects);
                            all.touched.extend(decided.touched);
                        }
                        Err(error) => refuse(vec![answer], &error),
                    }
                }
                // Told together: a bus that hangs is waited for once.
                self.conclude(committed, all).await;
            }
            Err(error) => refuse(answers, &error),
        }
    }

    async fn commit(&self, commands: &[Command], deadline: Instant) -> Result<Decided, ChatError> {
        let needs = rules::needs(commands.iter());
        let now = self.clock.now();
        let (recall_window, planted) = (self.config.recall_window, self.config.planted);
        let commit = self
            .store
            .commit(&needs, |loaded| rules::decide(loaded, commands.iter(), now, recall_window, planted));
        match timeout_at(deadline, commit).await {
            Ok(decided) => Ok(decided.map_err(|error: StoreError| ChatError::Store(Arc::new(error)))?),
            // It may have been committed: the sender asks again with the same id and learns.
            Err(_) => Err(ChatError::Timeout),
        }
    }

    /// The bug of that name.
    async fn acknowledge_first(&self, commands: &[Command], answers: Vec<Answer>, deadline: Instant) {
        let needs = rules::needs(commands.iter());
        let (now, recall_window, planted) =
            (self.clock.now(), self.config.recall_window, self.config.planted);
        let answers = Mutex::new(answers);
        let commit = self.store.commit(&needs, |loaded| {
            let (changes, decided) = rules::decide(loaded, commands.iter(), now, recall_window, planted);
            let answers = std::mem::take(&mut *answers.lock().unwrap_or_else(PoisonError::into_inner));
            for (answer, outcome) in answers.into_iter().zip(decided.outcomes.clone()) {
                give(answer, outcome);
            }
            (changes, decided)
        });
        if let Ok(Ok(decided)) = timeout_at(deadline, commit).await {
            self.conclude(vec![], decided).await;
        }
    }

    async fn conclude(&self, answers: Vec<Answer>, decided: Decided) {
        let Decided { outcomes, effects, touched } = decided;
        let notices = self.notices(effects, &touched);
        if !notices.is_empty() {
            let published = timeout(self.config.publish_timeout, self.bus.publish(notices)).await;
            match published {
                Ok(Ok(())) => {}
                // Said once, when the bus went away, and not again for each commit.
                Ok(Err(error)) if self.bus.trouble().is_some() => {
                    metrics::counter!("deskwire_publish_failures_total").increment(1);
                    tracing::debug!(%error, "events were not handed to the bus, which is away");
                }
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
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            give(answer, outcome);
        }
    }

    fn notices(&self, effects: Vec<Effect>, touched: &[Touched]) -> Vec<(Topic, Notice)> {
        let by_id: HashMap<_, _> = touched.iter().map(|touched| (touched.conversation_id, touched)).collect();
        let mut notices = Vec::with_capacity(effects.len() * 2 + touched.len() * 2);
        let mut told = 0_u64;
        for effect in effects {
            match effect {
                Effect::Event(record) => {
                    let Some(touched) = by_id.get(&record.message.conversation_id) else { continue };
                    told += 1;
                    // As good as chance.
                    if self.config.planted.has(Bug::DropPublishes) && self.clock.now().millis() % 100 == 0 {
                        continue;
                    }
                    let visibility = record.message.visibility;
                    let event = Arc::new(Event::new(record));
                    if visibility == Visibility::All || self.config.planted.has(Bug::NoteSentToBuyer) {
                        notices.push((buyer_of(touched), Notice::Event(Arc::clone(&event))));
                    }
                    notices.push((shop_of(touched), Notice::Event(event)));
                }
                Effect::Read { conversation_id, reader, seq } => {
                    let Some(touched) = by_id.get(&conversation_id) else { continue };
                    let read = Read { conversation_id, reader, seq, read_time: self.clock.now() };
                    notices.push((shop_of(touched), Notice::Read(read.clone())));
                    notices.push((buyer_of(touched), Notice::Read(read)));
                }
            }
        }
        metrics::counter!("deskwire_events_committed_total").increment(told);
        for touched in touched {
            let changed =
                Changed { conversation_id: touched.conversation_id, only_messages: touched.only_messages };
            notices.push((shop_of(touched), Notice::Changed(changed.clone())));
            notices.push((buyer_of(touched), Notice::Changed(changed)));
        }
        notices
    }
}

fn refuse(answers: Vec<Answer>, error: &ChatError) {
    for answer in answers {
        give(answer, Err(error.clone()));
    }
}

/// One answer that panics leaves the others, and the writer, as they were.
fn give(answer: Answer, reply: Reply) {
    if catch_unwind(AssertUnwindSafe(|| answer(reply))).is_err() {
        tracing::error!("answering a command panicked");
    }
}

fn shop_of(touched: &Touched) -> Topic {
    Topic::Shop(touched.shop_id.clone())
}

fn buyer_of(touched: &Touched) -> Topic {
    Topic::Buyer(touched.shop_id.clone(), touched.buyer_id.clone())
}
