//! Conversations and their delivery: what may be sent, in which order it stands, and how it reaches everyone once.
//!
//! The way of a message: [`Session::send`] → `writer` (many in one commit) → `rules` (pure) → store → `bus`
//! (wakes the nodes) → `hub` (next after next, gaps filled from the store) → [`Outbox`] of each receiver.
//! This crate knows no SQL, no HTTP and no WebSocket.

pub mod bus;
mod cards;
mod catch_up;
mod chance;
mod clock;
mod config;
mod error;
mod event;
mod gather;
mod hub;
mod outbox;
mod presence;
mod rules;
mod session;
mod shelf;
mod summary;
mod sweep;
mod topics;
mod view;
mod writer;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use deskwire_protocol::{Codec, ConversationId, ShopId, session::SessionUser};
use deskwire_store::{Admission, Arrival, ConversationRecord, Scope, Store};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use bus::Bus;
pub use cards::CardSend;
pub use chance::{Chance, SystemChance};
pub use clock::{Clock, SystemClock};
pub use config::ChatConfig;
pub use error::ChatError;
use gather::{Gather, Work};
pub use hub::Hold;
pub use outbox::{Outbox, OutboxLimits};
pub use rules::Shows;
pub use session::Session;
pub use view::Room;

/// One handle to everything that talks.
#[derive(Clone)]
pub struct Chat {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) config: ChatConfig,
    pub(crate) store: Store,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) chance: Arc<dyn Chance>,
    pub(crate) hub: Arc<hub::Hub>,
    pub(crate) catch_up: catch_up::CatchUp,
    pub(crate) writers: writer::Writers,
    /// Users who come, and what becomes of them.
    arrivals: Gather<Arrival, Admission>,
    /// Buyers who open their conversation, each with a number for it should it be new.
    pub(crate) openings: Gather<(Scope, ConversationId), Option<ConversationRecord>>,
    pub(crate) tasks: TaskTracker,
    sessions: AtomicU64,
    crashed: CancellationToken,
}

impl Chat {
    /// Starts the writers, the hub and its sweep on `tasks`; all but the writers end with `shutdown`.
    /// The writers end after [`Chat::finish`], so that whatever was accepted is still committed and answered.
    #[must_use]
    pub fn start(
        config: ChatConfig,
        store: Store,
        bus: Arc<dyn Bus>,
        clock: Arc<dyn Clock>,
        chance: Arc<dyn Chance>,
        tasks: TaskTracker,
        shutdown: &CancellationToken,
    ) -> Self {
        let crashed = CancellationToken::new();
        let hub = hub::Hub::new(
            config.clone(),
            store.clone(),
            Arc::clone(&bus),
            tasks.clone(),
            shutdown.clone(),
            chance.number(),
        );
        bus.connect(Arc::clone(&hub) as Arc<dyn bus::Receiver>);
        let writers = writer::Writers::start(&config, &store, &bus, &clock, &tasks, &crashed);
        let catch_up = catch_up::CatchUp::start(&hub, &tasks, shutdown, &crashed);
        let (of, at) = (store.clone(), Arc::clone(&clock));
        let admit: Work<_, _> = Arc::new(move |arrivals: Vec<Arrival>| {
            let (store, now) = (of.clone(), at.now());
            Box::pin(async move { Ok(store.arrive(&arrivals, now).await?) })
        });
        let (of, at) = (store.clone(), Arc::clone(&clock));
        let open: Work<_, _> = Arc::new(move |openings: Vec<(Scope, ConversationId)>| {
            let (store, now) = (of.clone(), at.now());
            Box::pin(async move { Ok(store.open_conversations(&openings, now).await?) })
        });
        let deadline = config.request_timeout;
        let arrivals = Gather::start("arrivals", deadline, &tasks, shutdown, &crashed, admit);
        let openings = Gather::start("openings", deadline, &tasks, shutdown, &crashed, open);
        sweep::start(&hub, &clock, &tasks, shutdown, &crashed);
        summary::start(&hub, &tasks, shutdown, &crashed);
        shelf::start(&hub, &tasks, shutdown, &crashed);
        presence::start(&hub, &bus, &tasks, shutdown, &crashed);
        Self {
            inner: Arc::new(Inner {
                config,
                store,
                bus,
                clock,
                chance,
                hub,
                catch_up,
                writers,
                arrivals,
                openings,
                tasks,
                sessions: AtomicU64::new(1),
                crashed,
            }),
        }
    }

    /// Lets in a user who comes, unless the token was withdrawn.
    pub async fn admit(&self, arrival: Arrival) -> Result<Admission, ChatError> {
        self.inner.arrivals.ask(arrival).await
    }

    /// Begins the chat side of an authenticated socket: its outbox, its presence, its summaries.
    #[must_use]
    pub fn join(
        &self,
        user: SessionUser,
        shop_id: ShopId,
        codec: Codec,
        limits: OutboxLimits,
    ) -> Arc<Session> {
        let number = self.inner.sessions.fetch_add(1, Ordering::Relaxed);
        Session::begin(Arc::clone(&self.inner), number, user, shop_id, codec, limits)
    }

    /// Takes no more commands, and returns when those accepted are committed and answered.
    pub async fn finish(&self) {
        self.inner.writers.finish().await;
    }

    /// Why notices of other nodes do not come now; none when they do. What is sent arrives all the same, later.
    #[must_use]
    pub fn bus_trouble(&self) -> Option<bus::Trouble> {
        self.inner.bus.trouble()
    }

    /// The most events of one `conversation.attach`.
    #[must_use]
    pub fn attach_page(&self) -> u32 {
        self.inner.config.attach_page
    }

    /// Cancelled when a task that should run for ever ended by itself: the process cannot go on.
    #[must_use]
    pub fn crashed(&self) -> &CancellationToken {
        &self.inner.crashed
    }
}

/// Runs a task that must not end before `may_end` says so; if it does, or panics, `crashed` is cancelled.
pub fn spawn_vital<F>(
    tasks: &TaskTracker,
    name: &'static str,
    crashed: &CancellationToken,
    may_end: impl Fn() -> bool + Send + 'static,
    task: F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let crashed = crashed.clone();
    tasks.spawn(async move {
        let outcome = futures::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(task)).await;
        if outcome.is_err() || !may_end() {
            tracing::error!(
                task = name,
                panicked = outcome.is_err(),
                "a task that should run for ever has ended"
            );
            crashed.cancel();
        }
    });
}
