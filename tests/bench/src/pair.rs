//! Two nodes of one service over `PostgreSQL` and Redis, which start and end with them.

use std::path::Path;

use anyhow::Context;
use deskwire_test_backends::{Database, Postgres, Redis};

use crate::server::{Program, Server};

/// What both nodes share. Each round has a database of its own.
pub(crate) struct Backends {
    postgres: Postgres,
    redis: Redis,
}

impl Backends {
    /// Starts both as Debian has them: every commit is forced to the disk.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        Ok(Self { postgres: Postgres::start().await?, redis: Redis::start().await? })
    }
}

/// Two nodes.
pub(crate) struct Pair {
    pub(crate) one: Server,
    pub(crate) two: Server,
    /// Dropped after those who use it.
    _database: Database,
}

impl Pair {
    pub(crate) async fn start(
        backends: &Backends,
        program: &Program,
        work_dir: &Path,
    ) -> anyhow::Result<Self> {
        let database = backends.postgres.create_database().await?;
        let prefix = Redis::fresh_name();
        let settings = [
            ("DESKWIRE_DATABASE_URL", database.url()),
            ("DESKWIRE_REDIS_URL", backends.redis.url()),
            ("DESKWIRE_BUS__PREFIX", &prefix),
        ];
        let one = program.start_with(Program::directory(work_dir)?, &settings).await;
        let two = program.start_with(Program::directory(work_dir)?, &settings).await;
        Ok(Self {
            one: one.context("the first node")?,
            two: two.context("the second node")?,
            _database: database,
        })
    }
}
