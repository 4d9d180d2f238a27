//! The life of the server: start in order, tell that it is ready, drain when told to, end in the reverse order.

use std::{io::IsTerminal, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use deskwire_chat::{
    Bus, Chance, Chat, Clock, SystemChance, SystemClock,
    bus::{InProcess, RedisBus},
};
use deskwire_gateway::{Gateway, Services, TlsFiles};
use deskwire_protocol::{Role, ShopId};
use deskwire_store::{Scope, Store};
use deskwire_workbench::Workbench;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    config::Settings,
    demo::{self, Hints},
    output, secret, telemetry,
    tokens::{self, Missing},
};

/// What is left to do after the drain must be done by then: the commits, a checkpoint, the goodbye to the database.
const FAREWELL: Duration = Duration::from_secs(20);

/// To tell clients that the process ends at once.
const LAST_WORD: Duration = Duration::from_secs(2);

/// Why the server ends.
enum Ending {
    /// It was told to.
    Asked,
    /// Something that should have run for ever did not.
    Crashed(&'static str),
}

/// Serves until told to end; an error means that it could not start, or could not go on.
pub(crate) async fn serve(settings: &Settings) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let chance: Arc<dyn Chance> = Arc::new(SystemChance);
    let tasks = TaskTracker::new();
    let shutdown = CancellationToken::new();

    secret::make_data_dir(&settings.data_dir)?;
    let keys = tokens::keys(settings, Missing::Make)?;
    let store = open_store(settings).await?;
    let metrics = telemetry::metrics(&tasks, shutdown.clone())?;
    let redis = open_redis(settings, &chance, &tasks, &shutdown).await?;
    let bus_crashed = redis.as_ref().map(|bus| bus.crashed().clone()).unwrap_or_default();
    let bus: Arc<dyn Bus> = match redis {
        Some(redis) => redis,
        None => InProcess::alone(),
    };
    let chat = Chat::start(
        settings.chat(store.commit_lanes()),
        store.clone(),
        bus,
        Arc::clone(&clock),
        Arc::clone(&chance),
        tasks.clone(),
        &shutdown,
    );
    let workbench = Workbench::new(
        store.clone(),
        chat.clone(),
        Arc::clone(&clock),
        Arc::clone(&chance),
        settings.workbench()?,
    )?;
    let seeded = settings.demo && demo::seed(&store, &workbench, clock.now()).await?;
    workbench.start(&tasks);
    // Whoever sits at a terminal is told how to talk, and whoever starts it for the first time; not every log of a later
    // start. Where others sign the tokens, none can be made here.
    let may_talk = seeded || (settings.demo && std::io::stderr().is_terminal());
    let conversation = if may_talk && keys.can_sign() { Some(demo_conversation(&chat).await?) } else { None };
    let services = Services {
        chat: chat.clone(),
        workbench: workbench.clone(),
        store: store.clone(),
        keys,
        clock,
        chance,
        metrics,
        tasks: tasks.clone(),
    };
    let config = settings.gateway();
    let tls = config.tls.clone();
    let gateway = Gateway::bind(config, services)?;
    let address = gateway.local_addr();
    let checkpoints =
        tasks.spawn(checkpoints(store.clone(), settings.checkpoint_interval(), shutdown.clone()));

    tracing::info!(%address, tls = tls.is_some(), version = env!("CARGO_PKG_VERSION"), "listening");
    announce(settings, address, tls.as_ref(), conversation);

    let drain = CancellationToken::new();
    let at_once = gateway.ending();
    let mut serving = tasks.spawn(gateway.serve(drain.clone()));
    let ending = tokio::select! {
        () = signals.next() => Ending::Asked,
        () = chat.crashed().cancelled() => Ending::Crashed("a part of chat has ended by itself"),
        () = bus_crashed.cancelled() => Ending::Crashed("the bus has ended by itself"),
        () = workbench.crashed().cancelled() => Ending::Crashed("a part of the workbench has ended by itself"),
        _ = &mut serving => Ending::Crashed("the gateway has ended by itself"),
        _ = checkpoints => Ending::Crashed("the checkpoints have ended by themselves"),
    };
    match ending {
        Ending::Asked => tracing::info!("draining; a second signal ends the process at once"),
        Ending::Crashed(what) => tracing::error!(what, "cannot go on, draining"),
    }
    drain.cancel();
    let farewell = async {
        if !serving.is_finished() {
            // Whether it panicked is in the log, and there is nothing else to do about it here.
            (&mut serving).await.ok();
        }
        tokio::time::timeout(FAREWELL, end(&workbench, &chat, &store, &tasks, &shutdown)).await
    };
    tokio::select! {
        ended = farewell => if ended.is_err() {
            bail!("the last commits did not end in time");
        },
        () = signals.next() => {
            at_once.cancel();
            if !serving.is_finished() {
                // Long enough for a close frame to each client; their sends may be lost, and none was acknowledged.
                tokio::time::timeout(LAST_WORD, serving).await.ok();
            }
            bail!("a second signal: ended at once");
        }
    }
    match ending {
        Ending::Asked => {
            tracing::info!("ended in order");
            Ok(())
        }
        Ending::Crashed(what) => bail!("{what}"),
    }
}

/// Ends what was started, the last first: what was accepted is committed before the store is closed.
async fn end(
    workbench: &Workbench,
    chat: &Chat,
    store: &Store,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) {
    workbench.finish().await;
    chat.finish().await;
    shutdown.cancel();
    tasks.close();
    tasks.wait().await;
    if let Err(error) = store.checkpoint().await {
        tracing::warn!(%error, "the write-ahead log was not folded in; the next start does it");
    }
    if let Err(error) = store.close().await {
        tracing::warn!(%error, "the database did not say goodbye");
    }
}

/// Opens the store and brings its schema up to date, or says that it is not.
pub(crate) async fn open_store(settings: &Settings) -> anyhow::Result<Store> {
    let store = Store::open(&settings.store()).await.context("the database cannot be opened")?;
    if settings.database.migrate {
        let done = store.migrate().await.context("the database's schema cannot be brought up to date")?;
        if !done.is_empty() {
            tracing::info!(migrations = done.join(", "), "brought the database's schema up to date");
        }
    } else {
        let pending =
            store.pending_migrations().await.context("the database's schema cannot be looked at")?;
        if !pending.is_empty() {
            bail!("the database's schema is old ({}): run `deskwire migrate` first", pending.join(", "));
        }
    }
    let durability = store.durability().await.context("the database's durability cannot be looked at")?;
    if durability.is_durable() {
        tracing::info!(%durability, "what is acknowledged is on disk");
    } else {
        tracing::warn!(%durability, "ACKNOWLEDGED MESSAGES MAY BE LOST: the database does not wait for the disk");
    }
    Ok(store)
}

/// Joins the other nodes, where there is a Redis to do it by. It need not be there now: sooner or later it is.
async fn open_redis(
    settings: &Settings,
    chance: &Arc<dyn Chance>,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) -> anyhow::Result<Option<Arc<RedisBus>>> {
    let Some(config) = settings.redis()? else { return Ok(None) };
    if !settings.database_url().starts_with("postgres") {
        tracing::warn!("nodes that Redis joins must share a database, and SQLite is this node's alone");
    }
    let bus =
        RedisBus::start(config, Arc::clone(chance), tasks, shutdown).context("`redis_url` cannot be used")?;
    bus.tried().await;
    Ok(Some(bus))
}

/// Folds `SQLite`'s write-ahead log in from time to time, away from the commits.
async fn checkpoints(store: Store, interval: Duration, shutdown: CancellationToken) {
    while shutdown.run_until_cancelled(tokio::time::sleep(interval)).await.is_some() {
        if let Err(error) = store.checkpoint().await {
            tracing::warn!(%error, "the write-ahead log was not folded in, it goes on growing");
        }
    }
}

/// The conversation of the first buyer, for the hints.
async fn demo_conversation(chat: &Chat) -> anyhow::Result<String> {
    let (role, shop_id) = (Role::Buyer, ShopId::new(demo::SHOP)?);
    let buyer = Scope { shop_id, role, user_id: demo::first(role) };
    Ok(chat.conversation_of(&buyer).await?.conversation_id.to_string())
}

/// The ready line for scripts, then the hints for people.
fn announce(settings: &Settings, address: SocketAddr, tls: Option<&TlsFiles>, conversation: Option<String>) {
    let scheme = if tls.is_some() { "https" } else { "http" };
    if let Err(error) = output::line(&format!("listening on {scheme}://{address}")) {
        tracing::warn!(%error, "nobody reads the ready line");
    }
    let Some(conversation_id) = conversation else { return };
    let url = demo::url(address, tls);
    let mut token_options = String::new();
    if settings.data_dir != Path::new("./deskwire-data") {
        token_options.push_str(&format!(" --data-dir {}", quoted(&settings.data_dir.to_string_lossy())));
    }
    let mut options = token_options.clone();
    if url != "ws://127.0.0.1:7420/v1/ws" {
        options.push_str(&format!(" --url {}", quoted(&url)));
    }
    let trust = match tls {
        Some(files) if files.stands_alone() => {
            format!(" --ca {}", quoted(&files.certificate.to_string_lossy()))
        }
        Some(_) | None => String::new(),
    };
    let hints = Hints {
        url: &url,
        command: &own_command(),
        options: &options,
        trust: &trust,
        token_options: &token_options,
        conversation_id: &conversation_id,
    };
    eprintln!("{hints}");
}

/// This program as a shell in this directory would call it.
fn own_command() -> String {
    let Ok(path) = std::env::current_exe() else { return "deskwire".into() };
    let relative =
        std::env::current_dir().ok().and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    match relative {
        Some(relative) => quoted(&format!("./{}", relative.display())),
        None => quoted(&path.to_string_lossy()),
    }
}

/// As one word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:[]".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("SIGTERM cannot be caught")?,
            interrupt: signal(SignalKind::interrupt()).context("SIGINT cannot be caught")?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn what_a_shell_would_take_apart_is_quoted() {
        assert_eq!(quoted("./target/release/deskwire"), "./target/release/deskwire");
        assert_eq!(quoted("/my shop/it's"), r"'/my shop/it'\''s'");
    }
}
