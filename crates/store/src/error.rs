//! Why the store could not do it.

use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It is away, full, read-only or busy: the same may succeed later. Nothing is known to be written.
    #[error("the store is unavailable: {0}")]
    Unavailable(#[source] DbErr),
    /// An id that must be unique is taken, by chance or by someone who was first: the same tried again sees who, or draws
    /// another.
    #[error("an id is taken")]
    Collision,
    /// The database refused a statement: trying it again will not help.
    #[error("the database refused: {0}")]
    Database(#[source] DbErr),
    /// A row cannot be read back as what it should be.
    #[error("a row of {table} is corrupt: {problem}")]
    Corrupt {
        /// In which table.
        table: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The configuration is wrong.
    #[error("database url: {0}")]
    Config(String),
}

impl StoreError {
    /// Whether the same may succeed later.
    #[must_use]
    pub const fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Whether to try again at once.
    #[must_use]
    pub const fn is_collision(&self) -> bool {
        matches!(self, Self::Collision)
    }

    pub(crate) fn corrupt(table: &'static str, problem: impl std::fmt::Display) -> Self {
        Self::Corrupt { table, problem: problem.to_string() }
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        if passes(&error) { Self::Unavailable(error) } else { Self::Database(error) }
    }
}

impl StoreError {
    /// The same, where what was refused is that something is there already.
    pub(crate) fn or_collision(self) -> Self {
        match self {
            Self::Database(error)
                if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) =>
            {
                Self::Collision
            }
            other => other,
        }
    }
}

/// Whether the cause may go away by itself or by an operator's hand.
fn passes(error: &DbErr) -> bool {
    match error {
        // No connection to be had, for whatever reason: the database restarts, or takes none now.
        DbErr::ConnectionAcquire(_) | DbErr::Conn(RuntimeErr::SqlxError(_)) => true,
        DbErr::Conn(cause) | DbErr::Exec(cause) | DbErr::Query(cause) => match cause {
            RuntimeErr::SqlxError(error) => match error.as_ref() {
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
                | sqlx::Error::BeginFailed => true,
                sqlx::Error::Database(error) => {
                    let code = error.code().unwrap_or_default();
                    if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
                        // busy, locked, read-only, I/O error, full, cannot open
                        code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 8 | 10 | 13 | 14))
                    } else {
                        // connection, insufficient resources, operator intervention, system error, serialization,
                        // read-only transaction
                        ["08", "53", "57", "58", "40", "25006"].iter().any(|class| code.starts_with(class))
                    }
                }
                _ => false,
            },
            RuntimeErr::Internal(_) => false,
        },
        _ => false,
    }
}
