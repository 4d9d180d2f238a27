//! One or more chat nodes over a real store, and sessions whose outbox is read as a client would.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use deskwire_chat::{
    Bus, Chat, ChatConfig, Clock, OutboxLimits, Session, SystemChance,
    bus::{BusError, InProcess, InProcessNode, Notice, Receiver, Topic, Trouble},
};
use deskwire_protocol::{
    ClientMessageId, Codec, ConversationId, Role, SendContent, ShopId, Timestamp, UserId,
    conversation::{AttachParams, AttachResult, OpenParams},
    message::SendParams,
    session::SessionUser,
};
use deskwire_store::{Scope, Store, StoreConfig, UserRecord};
use deskwire_test_backends::{Database, Postgres};
use futures::future::BoxFuture;
use serde_json::Value;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Every wait ends, at the latest, after this.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("not in time: {what}"))
}

/// A clock that the test moves.
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// A bus that can be told to lose what is published.
pub(crate) struct LossyBus {
    inner: Arc<InProcessNode>,
    lose: AtomicBool,
}

impl LossyBus {
    pub(crate) fn lose(&self, lose: bool) {
        self.lose.store(lose, Ordering::SeqCst);
    }
}

impl Bus for LossyBus {
    fn connect(&self, receiver: Arc<dyn Receiver>) {
        self.inner.connect(receiver);
    }

    fn publish(&self, notices: Vec<(Topic, Notice)>) -> BoxFuture<'_, Result<(), BusError>> {
        let notices = if self.lose.load(Ordering::SeqCst) { vec![] } else { notices };
        self.inner.publish(notices)
    }

    fn subscribe(&self, topic: Topic) -> BoxFuture<'_, Result<(), BusError>> {
        self.inner.subscribe(topic)
    }

    fn unsubscribe(&self, topic: &Topic) {
        self.inner.unsubscribe(topic);
    }

    fn trouble(&self) -> Option<Trouble> {
        self.inner.trouble()
    }
}

/// Which store.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

/// The store's data, kept for as long as the test runs.
pub(crate) struct World {
    url: String,
    _directory: Option<tempfile::TempDir>,
    _database: Option<Database>,
    switchboard: Arc<InProcess>,
    pub(crate) clock: Arc<TestClock>,
}

impl World {
    pub(crate) async fn new(backend: Backend) -> Self {
        let (url, directory, database) = match backend {
            Backend::Sqlite => {
                let directory = tempfile::tempdir().unwrap();
                let url = format!("sqlite://{}", directory.path().join("chat.db").display());
                (url, Some(directory), None)
            }
            Backend::Postgres => {
                let postgres = soon("PostgreSQL starts", Postgres::shared()).await.unwrap();
                let database = soon("a database", postgres.create_database()).await.unwrap();
                (database.url().to_owned(), None, Some(database))
            }
        };
        let clock = Arc::new(TestClock(AtomicI64::new(1_764_000_000_000)));
        Self { url, _directory: directory, _database: database, switchboard: Arc::default(), clock }
    }

    pub(crate) async fn node(&self) -> Node {
        self.node_with(ChatConfig {
            sweep_interval: Duration::from_millis(100),
            summary_interval: Duration::from_millis(5),
            ..ChatConfig::default()
        })
        .await
    }

    pub(crate) async fn node_with(&self, config: ChatConfig) -> Node {
        let store = soon("the store opens", Store::open(&StoreConfig::at(&*self.url))).await.unwrap();
        soon("it migrates", store.migrate()).await.unwrap();
        let bus = Arc::new(LossyBus { inner: self.switchboard.node(), lose: AtomicBool::new(false) });
        let shutdown = CancellationToken::new();
        let tasks = TaskTracker::new();
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let chat = Chat::start(
            config,
            store.clone(),
            Arc::clone(&bus) as Arc<dyn Bus>,
            clock,
            Arc::new(SystemChance),
            tasks,
            &shutdown,
        );
        Node { chat, store, bus, clock: Arc::clone(&self.clock), _shutdown: shutdown.drop_guard() }
    }
}

pub(crate) struct Node {
    pub(crate) chat: Chat,
    pub(crate) store: Store,
    pub(crate) bus: Arc<LossyBus>,
    clock: Arc<TestClock>,
    _shutdown: tokio_util::sync::DropGuard,
}

impl Node {
    pub(crate) async fn join(&self, role: Role, shop: &str, id: &str) -> Client {
        self.join_with(role, shop, id, OutboxLimits { events: 100_000, bytes: 1 << 30 }).await
    }

    pub(crate) async fn join_with(&self, role: Role, shop: &str, id: &str, limits: OutboxLimits) -> Client {
        let scope = Scope { shop_id: ShopId::new(shop).unwrap(), role, user_id: UserId::new(id).unwrap() };
        let user = UserRecord { user_id: scope.user_id.clone(), name: format!("{id}'s name"), locale: None };
        soon("the user is kept", self.store.put_user(&scope, &user, self.clock.now())).await.unwrap();
        let user = SessionUser { user_id: scope.user_id, role, name: user.name, locale: None };
        let session = self.chat.join(user, scope.shop_id, Codec::Json, limits);
        Client { session, waiting: Vec::new() }
    }

    pub(crate) async fn buyer(&self, id: &str) -> Client {
        self.join(Role::Buyer, "shop", id).await
    }

    pub(crate) async fn agent(&self, id: &str) -> Client {
        self.join(Role::Agent, "shop", id).await
    }
}

/// A session, and the frames taken from its outbox that nobody has looked at yet.
pub(crate) struct Client {
    pub(crate) session: Arc<Session>,
    waiting: Vec<Bytes>,
}

impl Client {
    pub(crate) async fn open(&self) -> ConversationId {
        let opened = soon("open", self.session.open(OpenParams::default())).await;
        opened.unwrap_or_else(|error| panic!("{error}")).0.conversation.conversation_id
    }

    pub(crate) async fn attach(&self, id: ConversationId, after: Option<i64>) -> AttachResult {
        let params = AttachParams { conversation_id: id, after_seq: after.map(seq_of) };
        soon("attach", self.session.attach(params)).await.unwrap_or_else(|error| panic!("{error}")).0
    }

    pub(crate) async fn send(&self, id: ConversationId, text: &str) -> i64 {
        // As the gateway does: the writer itself answers.
        let (told, answer) = tokio::sync::oneshot::channel();
        self.session.send_then(text_message(id, text, text), |outcome| drop(told.send(outcome)));
        soon("send", answer).await.unwrap().unwrap().seq.get()
    }

    /// The next push of this name; others are passed over.
    pub(crate) async fn push(&mut self, name: &str) -> Value {
        soon(name, async {
            loop {
                while !self.waiting.is_empty() {
                    let frame: Value = serde_json::from_slice(&self.waiting.remove(0)).unwrap();
                    if frame["method"] == name {
                        return frame["params"].clone();
                    }
                }
                self.session.outbox().ready().await;
                assert_eq!(
                    self.session.outbox().take(&mut self.waiting),
                    None,
                    "closed while waiting for {name}"
                );
            }
        })
        .await
    }

    /// The next `count` events in sequence, checked to follow each other after `after`.
    pub(crate) async fn events(&mut self, mut after: i64, count: usize) -> Vec<Value> {
        let mut events = Vec::new();
        while events.len() < count {
            let frame = soon("an event in sequence", async {
                loop {
                    while !self.waiting.is_empty() {
                        let frame: Value = serde_json::from_slice(&self.waiting.remove(0)).unwrap();
                        if frame["params"]["prev_seq"].is_i64() {
                            return frame;
                        }
                    }
                    self.session.outbox().ready().await;
                    assert_eq!(self.session.outbox().take(&mut self.waiting), None);
                }
            })
            .await;
            assert_eq!(frame["params"]["prev_seq"], after, "no hole: {frame}");
            after = frame["params"]["seq"].as_i64().unwrap();
            events.push(frame["params"].clone());
        }
        events
    }
}

pub(crate) fn seq_of(seq: i64) -> deskwire_protocol::Seq {
    deskwire_protocol::Seq::new(seq).unwrap()
}

pub(crate) fn text_message(id: ConversationId, key: &str, text: &str) -> SendParams {
    SendParams {
        conversation_id: id,
        client_message_id: ClientMessageId::new(key).unwrap(),
        content: SendContent::Text { text: text.into() },
        if_last_seq: None,
        if_assignee: None,
    }
}

pub(crate) fn texts(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["message"]["content"]["text"].as_str().unwrap_or("?")).collect()
}

/// One claim, on each store.
#[macro_export]
macro_rules! on_each_store {
    ($($claim:ident)*) => {
        mod sqlite { $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $claim() { super::$claim($crate::node::Backend::Sqlite).await; })* }
        mod postgres { $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $claim() { super::$claim($crate::node::Backend::Postgres).await; })* }
    };
}
