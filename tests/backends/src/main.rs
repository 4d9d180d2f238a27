//! `with-backends COMMAND ARGUMENT…`: starts every backend once, runs the command with their addresses in its
//! environment, ends the backends and exits as the command did.

use std::{
    env,
    process::{Command, ExitCode},
};

use anyhow::{Context, Result};
use deskwire_test_backends::{Postgres, Redis, postgres, redis};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    let program = arguments.next().context("usage: with-backends COMMAND ARGUMENT…")?;
    let postgres = Postgres::start().await?;
    let redis = Redis::start().await?;
    let status = Command::new(&program)
        .args(arguments)
        .env(postgres::URL_VARIABLE, postgres.url())
        .env(redis::URL_VARIABLE, redis.url())
        .status()
        .with_context(|| format!("cannot run {}", program.display()))?;
    drop((postgres, redis));
    // Ended by a signal: what a shell makes of it when it is not told which.
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
