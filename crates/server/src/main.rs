//! The `deskwire` binary: reads the command line and the settings, runs the command, reports errors.

mod admin;
mod api_keys;
mod cli;
mod config;
mod connect;
mod demo;
mod import;
mod load;
mod output;
mod secret;
mod serve;
mod telemetry;
mod tokens;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use config::ConfigError;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// As clap does for a wrong command line.
const BAD_SETTINGS: u8 = 2;

/// An import came to its end, and not all rows were taken.
const ROWS_REFUSED: u8 = 3;

/// A load came to its end, and the service did not stand it as it must.
const LOAD_NOT_STOOD: u8 = 4;

/// After so many tasks a worker looks for those that other threads have woken; 61 by default. A writer is woken by the thread
/// of `SQLite` five times a commit, each time behind the sockets that the last commit has something for.
const REMOTE_INTERVAL: u32 = 5;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("deskwire: {error:#}");
            if error.is::<ConfigError>() {
                ExitCode::from(BAD_SETTINGS)
            } else if error.is::<import::Refused>() {
                ExitCode::from(ROWS_REFUSED)
            } else if error.is::<load::NotStood>() {
                ExitCode::from(LOAD_NOT_STOOD)
            } else if load::is_bad_scenario(&error) {
                ExitCode::from(BAD_SETTINGS)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let file = cli.config.clone();
    let command = cli.command();
    // Variables that are no UTF-8 cannot be ours.
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())));
    let loaded = config::load(file.as_deref(), environment, &command.flags())?;
    #[cfg_attr(not(feature = "planted-bugs"), allow(unused_mut, reason = "no other build has any"))]
    let mut settings = loaded.settings;
    #[cfg(feature = "planted-bugs")]
    if let Ok(name) = std::env::var("PLANTED_BUG") {
        let planted = deskwire_store::Planted::named(&name);
        settings.planted = anyhow::Context::with_context(planted, || format!("there is no bug `{name}`"))?;
    }
    telemetry::log(&settings.log)?;
    match command {
        Command::CheckConfig(_) => Ok(output::line(loaded.shown.trim_end())?),
        Command::Openrpc => admin::openrpc(),
        Command::Token(args) => admin::token(args, &settings),
        Command::Serve(_) => block_on(serve::serve(&settings)),
        Command::Migrate(args) => block_on(admin::migrate(&args, &settings)),
        Command::Import(args) => block_on(import::run(&args, &settings)),
        Command::Load(args) => block_on(load::run(args, &settings)),
        Command::Revoke(args) => block_on(admin::revoke(&args, &settings)),
        Command::ApiKey(command) => block_on(api_keys::run(command, &settings)),
        Command::Connect(args) => block_on(connect::run(args, &settings)),
    }
}

fn block_on(command: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .global_queue_interval(REMOTE_INTERVAL)
        .build()?;
    let outcome = runtime.block_on(command);
    // A thread that waits for the terminal's next line cannot be joined.
    runtime.shutdown_background();
    outcome
}
