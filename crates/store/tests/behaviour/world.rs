//! A database for one test, a few people, and the smallest rules that a batch can be decided by.

use std::{
    collections::{HashMap, HashSet},
    env,
    process::Command,
    time::Duration,
};

use deskwire_protocol::{
    ClientMessageId, Content, ConversationId, ParticipantRole, Role, Sender, Seq, ShopId, Timestamp, UserId,
    Visibility,
};
use deskwire_store::{
    Changes, ConversationRecord, EventRecord, HistoryRange, Loaded, MessageRecord, Needs, Scope, SendKey,
    Side, Store, StoreConfig, StoreError, UserRecord,
};
use deskwire_test_backends::{Database, Postgres};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

/// No claim takes this long: a test that is still at it hangs.
const DEADLINE: Duration = Duration::from_mins(1);

/// When everything here happens, unless a test says otherwise.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_764_000_000_000);

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

/// Every await within a claim ends with the claim's own deadline.
pub(crate) async fn in_time<F: Future>(claim: F) -> F::Output {
    tokio::time::timeout(DEADLINE, claim).await.expect("the claim is decided in time")
}

/// One claim, on each database.
#[macro_export]
macro_rules! on_each_database {
    ($($claim:ident)*) => {
        mod sqlite { $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $claim() { $crate::world::in_time(super::$claim($crate::world::Backend::Sqlite)).await; })* }
        mod postgres { $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $claim() { $crate::world::in_time(super::$claim($crate::world::Backend::Postgres)).await; })* }
    };
}

/// One database, kept for as long as the test runs.
pub(crate) struct World {
    pub(crate) url: String,
    directory: Option<tempfile::TempDir>,
    database: Option<Database>,
}

impl World {
    pub(crate) async fn new(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => {
                let directory = tempfile::tempdir().unwrap();
                let url = format!("sqlite://{}", directory.path().join("chat.db").display());
                Self { url, directory: Some(directory), database: None }
            }
            Backend::Postgres => {
                let database = Postgres::shared().await.unwrap().create_database().await.unwrap();
                Self { url: database.url().to_owned(), directory: None, database: Some(database) }
            }
        }
    }

    /// A database with its schema, and the first handle to it.
    pub(crate) async fn with_store(backend: Backend) -> (Self, Store) {
        let world = Self::new(backend).await;
        let store = world.open().await;
        store.migrate().await.unwrap();
        (world, store)
    }

    /// One more handle: another node on the same database.
    pub(crate) async fn open(&self) -> Store {
        Store::open(&StoreConfig::at(&*self.url)).await.unwrap()
    }

    /// A file beside the database, on SQLite.
    pub(crate) fn file(&self, name: &str) -> std::path::PathBuf {
        self.directory.as_ref().expect("only SQLite has files").path().join(name)
    }

    /// A connection that is not the store's.
    pub(crate) async fn raw(&self) -> Raw {
        Raw(sea_orm::Database::connect(self.one_connection(&self.url)).await.unwrap())
    }

    /// A connection to the cluster's own database, on PostgreSQL.
    pub(crate) async fn cluster(&self) -> Raw {
        let url = Postgres::shared().await.unwrap().url();
        Raw(sea_orm::Database::connect(self.one_connection(url)).await.unwrap())
    }

    /// What PostgreSQL calls this database.
    pub(crate) fn name(&self) -> &str {
        let url = self.database.as_ref().expect("only PostgreSQL has names").url();
        url.rsplit('/').next().unwrap()
    }

    #[expect(clippy::unused_self, reason = "a connection belongs to a world")]
    fn one_connection(&self, url: &str) -> sea_orm::ConnectOptions {
        let mut options = sea_orm::ConnectOptions::new(url);
        options.max_connections(1).sqlx_logging(false);
        options
    }
}

/// SQL of the test's own.
pub(crate) struct Raw(DatabaseConnection);

impl Raw {
    pub(crate) async fn run(&self, sql: &str) {
        self.0.execute_unprepared(sql).await.unwrap();
    }

    /// Returns when PostgreSQL has ended all other sessions of this database, and so knows all they did.
    pub(crate) async fn alone(&self) {
        let others = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
        while self.number(others).await > 0 {}
    }

    pub(crate) async fn number(&self, sql: &str) -> i64 {
        self.one(sql).await
    }

    pub(crate) async fn one<T: sea_orm::TryGetable>(&self, sql: &str) -> T {
        let statement = Statement::from_string(self.0.get_database_backend(), sql);
        self.0.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
    }
}

/// Runs the named test of this binary once more, in a process of its own that finds `url` in its environment.
pub(crate) fn child(test: &str, url: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture"]).env(CHILD_VARIABLE, url);
    command
}

/// The address that the parent gave, if this process is such a child.
pub(crate) fn parents_url() -> Option<String> {
    env::var(CHILD_VARIABLE).ok()
}

const CHILD_VARIABLE: &str = "DESKWIRE_TEST_CHILD_OF";

pub(crate) fn scope(shop: &str, role: Role, user: &str) -> Scope {
    Scope { shop_id: ShopId::new(shop).unwrap(), role, user_id: UserId::new(user).unwrap() }
}

pub(crate) fn buyer(user: &str) -> Scope {
    scope("shop", Role::Buyer, user)
}

pub(crate) fn agent(user: &str) -> Scope {
    scope("shop", Role::Agent, user)
}

pub(crate) fn seq(seq: i64) -> Seq {
    Seq::new(seq).unwrap()
}

pub(crate) fn id(id: i64) -> ConversationId {
    ConversationId::new(id).unwrap()
}

pub(crate) fn key(key: impl Into<String>) -> ClientMessageId {
    ClientMessageId::new(key).unwrap()
}

/// Makes this user known, under a name made of the id.
pub(crate) async fn join(store: &Store, scope: &Scope) {
    let name = format!("{}'s name", scope.user_id);
    let user = UserRecord { user_id: scope.user_id.clone(), name, locale: None };
    store.put_user(scope, &user, NOW).await.unwrap();
}

/// A conversation of this buyer, who is made known first.
pub(crate) async fn open(store: &Store, scope: &Scope, candidate: i64) -> ConversationId {
    join(store, scope).await;
    store.open_conversation(scope, id(candidate), NOW).await.unwrap().conversation_id
}

/// Something to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Send {
    pub(crate) into: ConversationId,
    pub(crate) sender: Sender,
    pub(crate) key: ClientMessageId,
    pub(crate) text: String,
    pub(crate) visibility: Visibility,
    pub(crate) at: Timestamp,
}

impl Send {
    /// The buyer says something; the text is the key.
    pub(crate) fn by_buyer(into: ConversationId, client_message_id: &str) -> Self {
        Self {
            into,
            sender: Sender {
                role: ParticipantRole::Buyer,
                user_id: Some(UserId::new("ana").unwrap()),
                name: "Ana".into(),
            },
            key: key(client_message_id),
            text: client_message_id.into(),
            visibility: Visibility::All,
            at: NOW,
        }
    }

    /// An agent says something.
    pub(crate) fn by_agent(into: ConversationId, client_message_id: &str) -> Self {
        let sender = Sender {
            role: ParticipantRole::CustomerService,
            user_id: Some(UserId::new("grace").unwrap()),
            name: "Grace".into(),
        };
        Self { sender, ..Self::by_buyer(into, client_message_id) }
    }

    /// An agent writes a private note.
    pub(crate) fn note(into: ConversationId, client_message_id: &str) -> Self {
        Self { visibility: Visibility::Agents, ..Self::by_agent(into, client_message_id) }
    }

    pub(crate) fn send_key(&self) -> SendKey {
        SendKey {
            conversation_id: self.into,
            role: self.sender.role,
            user_id: self.sender.user_id.clone().unwrap(),
            client_message_id: self.key.clone(),
        }
    }
}

/// What has to be loaded for these.
pub(crate) fn needs(sends: &[Send]) -> Needs {
    let mut conversations: Vec<ConversationId> = sends.iter().map(|send| send.into).collect();
    conversations.sort_unstable();
    conversations.dedup();
    Needs { conversations, sends: sends.iter().map(Send::send_key).collect(), ..Needs::default() }
}

/// The place of each: a known one's first place, the next of its conversation otherwise.
pub(crate) fn decide(mut loaded: Loaded, sends: &[Send]) -> (Changes, Vec<Seq>) {
    let mut changes = Changes::default();
    let mut places = Vec::new();
    let mut touched = HashSet::new();
    let mut known: HashMap<SendKey, Seq> =
        loaded.sent.into_iter().map(|(key, sent)| (key, sent.seq)).collect();
    for send in sends {
        let place = *known.entry(send.send_key()).or_insert_with(|| {
            let record = loaded.conversations.get_mut(&send.into).expect("it was loaded");
            let message = append(record, send);
            touched.insert(send.into);
            let seq = message.seq;
            changes.messages.push(message);
            seq
        });
        places.push(place);
    }
    changes.conversations = loaded
        .conversations
        .into_values()
        .filter(|record| touched.contains(&record.conversation_id))
        .collect();
    (changes, places)
}

/// The next message of a conversation.
pub(crate) fn append(record: &mut ConversationRecord, send: &Send) -> MessageRecord {
    let (seq, buyer_prev_seq) = (record.last_seq.next(), record.buyer_last_seq);
    record.last_seq = seq;
    record.latest_message_seq = seq;
    if send.visibility == Visibility::All {
        record.buyer_last_seq = seq;
        record.buyer_latest_message_seq = seq;
    }
    record.update_time = record.update_time.max(send.at);
    MessageRecord {
        conversation_id: send.into,
        seq,
        buyer_prev_seq,
        sender: send.sender.clone(),
        client_message_id: Some(send.key.clone()),
        content: Content::Text { text: send.text.clone() },
        visibility: send.visibility,
        revision: 0,
        recalled: false,
        create_time: send.at,
    }
}

/// The next event of a conversation: a message is taken back.
pub(crate) fn withdraw(record: &mut ConversationRecord, message: &MessageRecord) -> EventRecord {
    let (seq, buyer_prev_seq) = (record.last_seq.next(), record.buyer_last_seq);
    record.last_seq = seq;
    if message.visibility == Visibility::All {
        record.buyer_last_seq = seq;
    }
    let mut message = message.clone();
    message.content = Content::recalled();
    message.recalled = true;
    message.revision += 1;
    EventRecord { seq, buyer_prev_seq, message }
}

/// All of these in one commit.
pub(crate) async fn send(store: &Store, sends: &[Send]) -> Result<Vec<Seq>, StoreError> {
    store.commit(&needs(sends), |loaded| decide(loaded, sends)).await
}

/// Takes a message back.
pub(crate) async fn recall(store: &Store, conversation: ConversationId, place: Seq) -> Seq {
    let needs = Needs {
        conversations: vec![conversation],
        messages: vec![(conversation, place)],
        ..Needs::default()
    };
    let decide = |mut loaded: Loaded| {
        let mut record = loaded.conversations.remove(&conversation).expect("it was loaded");
        let event = withdraw(&mut record, &loaded.messages[&(conversation, place)]);
        let seq = event.seq;
        (Changes { conversations: vec![record], revisions: vec![event], ..Changes::default() }, seq)
    };
    store.commit(&needs, decide).await.unwrap()
}

/// The whole history of one side.
pub(crate) async fn history(store: &Store, conversation: ConversationId, side: Side) -> Vec<MessageRecord> {
    store.history(conversation, side, HistoryRange::After(Seq::ZERO), 100_000).await.unwrap()
}

pub(crate) fn text(message: &MessageRecord) -> &str {
    match &message.content {
        Content::Text { text } => text,
        other => panic!("no text: {other:?}"),
    }
}

pub(crate) fn places(messages: &[MessageRecord]) -> Vec<i64> {
    messages.iter().map(|message| message.seq.get()).collect()
}

/// Where a conversation stands: all of it, and as far as the buyer may see.
pub(crate) async fn head(store: &Store, conversation: ConversationId) -> (i64, i64) {
    let heads = store.heads(&[conversation]).await.unwrap();
    (heads[0].last_seq.get(), heads[0].buyer_last_seq.get())
}
