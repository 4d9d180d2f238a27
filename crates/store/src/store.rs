//! The handle: connections, migrations, life and death.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    QueryResult, RuntimeErr, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
    sqlx::{
        self, Connection, Executor,
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
    },
};
use sea_orm_migration::{Migration, MigratorTrait, SchemaManager};
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

use crate::{
    Planted, StoreConfig, StoreError,
    migration::Migrator,
    sql::{Params, ROWS},
};

/// What nodes that migrate at once wait for each other by: "deskwire" as a number.
const MIGRATION_LOCK: i64 = 0x6465_736b_7769_7265;

/// Every query here finds its rows by key. Left to guess, `PostgreSQL` reads the whole table for a batch of keys while
/// the table is small, and keeps to that plan while the table grows. And as the plan is the same whatever the keys are, it is
/// made once: it takes arrays of unknown length for longer than they are, and would plan each execution anew, which is a
/// third of its time.
const BY_KEY: &str = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off; \
     SET plan_cache_mode = force_generic_plan";

/// A connection used within this time is taken to be alive; asking it each time costs every query a round trip.
const SURELY_ALIVE: Duration = Duration::from_secs(1);

/// Between two tries to open a file that is locked.
const LOCKED: Duration = Duration::from_millis(10);

/// Dead connections that one request may find before it gives up; a pool holds a few.
const STALE: usize = 16;

/// Statements that each connection keeps prepared: those of the writers in every number of rows, and all others.
const STATEMENTS: usize = 256;

/// Pages of `SQLite` kept by the connection that writes: those of a batch into as many conversations, and their indexes.
const WRITER_CACHE_KIB: u32 = 4 * 1024;
/// And by each that reads; the kernel keeps the file for all of them.
const READER_CACHE_KIB: u32 = 256;

/// Makes and frees a block of 8 MiB. `SQLite` takes its memory from the C library, and that of glibc gives the memory of a
/// batch back to the kernel at each commit, to take it again at the next, until it has seen a large block come and go: 5 %
/// of the processor's time at 512 senders. (`mallopt` would say so outright, but is not safe Rust.)
const LARGE_BLOCK: &str = "SELECT length(hex(zeroblob(4194304)))";

/// A cheap handle to the store.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    /// On `SQLite` one connection: its commits cannot overlap, and waiting here is fairer than waiting for its lock.
    writing: DatabaseConnection,
    reading: DatabaseConnection,
    webhook_events_written: Notify,
    planted: Planted,
}

impl Store {
    /// Connects. The schema is not touched: call [`Store::migrate`].
    pub async fn open(config: &StoreConfig) -> Result<Self, StoreError> {
        if config.url.starts_with("sqlite:") {
            make_private(&config.url)?;
            let writing = connect_in_time(config, || sqlite(config, 1, WRITER_CACHE_KIB)).await?;
            writing.execute_unprepared(LARGE_BLOCK).await?;
            let reading =
                connect_in_time(config, || sqlite(config, config.connections, READER_CACHE_KIB)).await?;
            Ok(Self::over(writing, reading, config.planted))
        } else if config.url.starts_with("postgres:") || config.url.starts_with("postgresql:") {
            let mut options = usual(config, config.connections);
            options.map_sqlx_postgres_opts(|options| {
                options.application_name("deskwire").statement_cache_capacity(STATEMENTS)
            });
            options.map_sqlx_postgres_pool_opts(|options| {
                options.after_connect(|connection, _| {
                    Box::pin(async move { connection.execute(BY_KEY).await.map(|_| ()) })
                })
            });
            let both = Database::connect(options).await?;
            Ok(Self::over(both.clone(), both, config.planted))
        } else {
            Err(StoreError::Config("must begin with sqlite:// or postgres://".into()))
        }
    }

    fn over(writing: DatabaseConnection, reading: DatabaseConnection, planted: Planted) -> Self {
        let webhook_events_written = Notify::new();
        Self { inner: Arc::new(Inner { writing, reading, webhook_events_written, planted }) }
    }

    /// Brings the schema up to date; the names of what was applied now. Of nodes that start at once, one does it and
    /// the others wait; what breaks off leaves the schema as it was.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        if self.pending_migrations().await?.is_empty() {
            return Ok(vec![]);
        }
        // On `SQLite` it holds the write lock from its beginning.
        let transaction = self.begin().await?;
        if self.backend() == DbBackend::Postgres {
            let lock = format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})");
            transaction.execute_unprepared(&lock).await?;
        }
        let pending = names(&Migrator::get_pending_migrations(&transaction).await?);
        Migrator::up(&transaction, None).await?;
        transaction.commit().await?;
        Ok(pending)
    }

    /// The migrations that are still to be applied. Asking changes nothing.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        let applied = Migrator::migration_table_name().to_string();
        if !SchemaManager::new(&self.inner.writing).has_table(applied).await? {
            return Ok(Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect());
        }
        Ok(names(&Migrator::get_pending_migrations(&self.inner.writing).await?))
    }

    /// Whether the store answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.inner.reading.execute_unprepared("SELECT 1").await?;
        Ok(())
    }

    /// How many commits can be under way side by side: more writers than that only make batches smaller.
    #[must_use]
    pub fn commit_lanes(&self) -> usize {
        match self.backend() {
            DbBackend::Postgres => 4,
            _ => 1,
        }
    }

    /// Moves what `SQLite` has in its log into its file. Without it the log would be moved within a commit, which
    /// then waits 5 to 8 ms. Nothing to do on `PostgreSQL`.
    pub async fn checkpoint(&self) -> Result<(), StoreError> {
        if self.backend() == DbBackend::Sqlite {
            self.inner.reading.execute_unprepared("PRAGMA wal_checkpoint(PASSIVE)").await?;
        }
        Ok(())
    }

    /// Ends all connections.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.inner.reading.close_by_ref().await?;
        self.inner.writing.close_by_ref().await?;
        Ok(())
    }

    /// Notified when this process has committed events that webhooks are to be told. A wake-up only: what other processes
    /// commit is found by asking.
    #[must_use]
    pub fn webhook_events_written(&self) -> &Notify {
        &self.inner.webhook_events_written
    }

    pub(crate) fn planted(&self) -> Planted {
        self.inner.planted
    }

    pub(crate) fn backend(&self) -> DbBackend {
        self.inner.reading.get_database_backend()
    }

    pub(crate) fn reading(&self) -> &DatabaseConnection {
        &self.inner.reading
    }

    pub(crate) fn writing(&self) -> &DatabaseConnection {
        &self.inner.writing
    }

    /// What the number of a search's row is called.
    pub(crate) fn search_number(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self.backend() {
            DbBackend::Sqlite => sqlite,
            _ => postgres,
        }
    }

    pub(crate) fn params(&self) -> Params {
        Params::new(self.backend())
    }

    pub(crate) fn statement(&self, sql: impl Into<String>, values: Vec<sea_orm::Value>) -> Statement {
        Statement::from_sql_and_values(self.backend(), sql, values)
    }

    /// On `SQLite` it takes the write lock at once: one that began by reading could not write any more once another
    /// process has written.
    pub(crate) async fn begin(&self) -> Result<DatabaseTransaction, StoreError> {
        let options = TransactionOptions {
            sqlite_transaction_mode: match self.backend() {
                DbBackend::Sqlite => Some(SqliteTransactionMode::Immediate),
                _ => None,
            },
            ..TransactionOptions::default()
        };
        let mut stale = 0;
        loop {
            match self.inner.writing.begin_with_options(options).await {
                Err(error) if is_stale(&error) && stale < STALE => stale += 1,
                begun => return Ok(begun?),
            }
        }
    }

    /// Reads. A connection that had died unnoticed is no reason to refuse anyone: nothing was done on it.
    pub(crate) async fn rows(&self, sql: String, params: Params) -> Result<Vec<QueryResult>, DbErr> {
        let statement = self.statement(sql, params.values);
        let mut stale = 0;
        loop {
            match self.reading().query_all_raw(statement.clone()).await {
                Err(error) if is_stale(&error) && stale < STALE => stale += 1,
                outcome => return outcome,
            }
        }
    }
}

/// Whether a connection was dead already, as all are once the database has restarted.
fn is_stale(error: &DbErr) -> bool {
    let (DbErr::Conn(RuntimeErr::SqlxError(error))
    | DbErr::Exec(RuntimeErr::SqlxError(error))
    | DbErr::Query(RuntimeErr::SqlxError(error))) = error
    else {
        return false;
    };
    match error.as_ref() {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::BeginFailed => true,
        // Ended by an operator, or by the database's own end.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code.starts_with("57P")),
        _ => false,
    }
}

/// Makes the file of `SQLite` for its owner only, whoever may read the directory: what people write to each other is in
/// it. The files beside it are made as it is. What cannot be made here is refused by `SQLite` itself, in its own words.
fn make_private(url: &str) -> Result<(), StoreError> {
    let options =
        SqliteConnectOptions::from_str(url).map_err(|error| StoreError::Config(error.to_string()))?;
    let path = options.get_filename();
    // Of a database in memory this is no path, and what is only to be read is not made.
    if path.to_string_lossy().starts_with("file:") || url.contains("mode=ro") {
        return Ok(());
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).ok();
    if let Ok(found) = fs::metadata(path)
        && found.permissions().mode() & 0o077 != 0
    {
        tracing::warn!(path = %path.display(), "others can read the database: chmod 600 it");
    }
    Ok(())
}

/// Nodes that open a new file at once find it locked for a moment, while one of them gives it its log: for that alone
/// `SQLite` does not wait by itself.
async fn connect_in_time(
    config: &StoreConfig,
    options: impl Fn() -> ConnectOptions,
) -> Result<DatabaseConnection, StoreError> {
    let give_up_at = Instant::now() + config.busy_timeout;
    loop {
        match Database::connect(options()).await {
            Err(error) if is_locked(&error) && Instant::now() < give_up_at => sleep(LOCKED).await,
            outcome => return Ok(outcome?),
        }
    }
}

fn is_locked(error: &DbErr) -> bool {
    let DbErr::Conn(RuntimeErr::SqlxError(error)) = error else { return false };
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == "5")
}

fn names(migrations: &[Migration]) -> Vec<String> {
    migrations.iter().map(|migration| migration.name().to_owned()).collect()
}

fn usual(config: &StoreConfig, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(config.url.clone());
    options
        .max_connections(connections.max(1))
        .min_connections(1)
        .acquire_timeout(config.acquire_timeout)
        .connect_timeout(config.acquire_timeout)
        .idle_timeout(Duration::from_mins(10))
        .test_before_acquire_if_idle_for(SURELY_ALIVE)
        .sqlx_logging(false);
    options
}

fn sqlite(config: &StoreConfig, connections: u32, cache_kib: u32) -> ConnectOptions {
    let busy = config.busy_timeout;
    let mut options = usual(config, connections);
    options.map_sqlx_sqlite_opts(move |options| {
        options
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(busy)
            // The log is moved into the file by `checkpoint`, off the write path; this is the bound should nobody call it.
            .pragma("wal_autocheckpoint", "32768")
            // And so much of its file stays: one that is cut off after each round is made anew, block by block, in the commits.
            .pragma("journal_size_limit", "167772160")
            .pragma("cache_size", format!("-{cache_kib}"))
            // Undoing one statement of a batch needs its pages as they were; by default they go to a temporary file.
            .pragma("temp_store", "MEMORY")
            .row_buffer_size(ROWS)
            .statement_cache_capacity(STATEMENTS)
    });
    // A full disk ends a transaction by itself. sqlx then fails to roll it back and counts it as open: the next ones would be
    // savepoints within one that nobody commits, and messages be acknowledged that a restart forgets.
    options.map_sqlx_sqlite_before_acquire(|connection, _| {
        Box::pin(async move { Ok(!connection.is_in_transaction()) })
    });
    options
}
