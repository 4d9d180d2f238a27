//! What a test runs on: a codec and a database.

use std::fmt;

use deskwire_protocol::Codec;

/// Where the server keeps what it must not lose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backend {
    /// In the data directory.
    #[default]
    Sqlite,
    /// A fresh database of a real PostgreSQL.
    Postgres,
}

/// One of the four combinations in which the server must behave alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// What the clients speak.
    pub codec: Codec,
    /// What the server stores in.
    pub backend: Backend,
}

impl Default for Setting {
    fn default() -> Self {
        Self { codec: Codec::Json, backend: Backend::Sqlite }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} on {:?}", self.codec, self.backend)
    }
}
