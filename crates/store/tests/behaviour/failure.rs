//! A database that is away, full, busy or read-only is told from a refusal, and serves again when it can.

use std::{process::Stdio, time::Duration};

use deskwire_store::{Side, Store, StoreConfig, StoreError};
use deskwire_test_backends::Postgres;
use tokio::signal::unix::{SignalKind, signal};

use crate::world::{
    self, Backend, NOW, Send, World, buyer, head, history, id, in_time, join, open, places, send, seq,
};

fn unavailable<T: std::fmt::Debug>(outcome: &Result<T, StoreError>) {
    assert!(matches!(outcome, Err(error) if error.is_unavailable()), "{outcome:?}");
}

/// Every way to write fails as unavailable.
async fn nothing_can_be_written(store: &Store) {
    unavailable(&send(store, &[Send::by_buyer(id(1), "refused")]).await);
    let new = buyer("bo");
    let user = deskwire_store::UserRecord { user_id: new.user_id.clone(), name: "Bo".into(), locale: None };
    unavailable(&store.put_user(&new, &user, NOW).await);
    unavailable(&store.revoke(&new.shop_id, new.role, &new.user_id, NOW).await);
    unavailable(&store.open_conversation(&buyer("cleo"), id(2), NOW).await);
}

#[tokio::test]
async fn a_read_only_sqlite_file_is_read_and_every_write_is_unavailable() {
    in_time(async {
        let (world, store) = World::with_store(Backend::Sqlite).await;
        let ana = open(&store, &buyer("ana"), 1).await;
        join(&store, &buyer("cleo")).await;
        send(&store, &[Send::by_buyer(ana, "hello")]).await.unwrap();
        let reader = Store::open(&StoreConfig::at(format!("{}?mode=ro", world.url))).await.unwrap();
        nothing_can_be_written(&reader).await;
        assert_eq!(places(&history(&reader, ana, Side::Shop).await), [1]);
        assert_eq!(send(&store, &[Send::by_buyer(ana, "more")]).await.unwrap(), [seq(2)]);
    })
    .await;
}

#[tokio::test]
async fn a_sqlite_file_locked_by_another_process_is_unavailable_and_serves_again_once_it_is_let_go() {
    in_time(async {
        let (world, store) = World::with_store(Backend::Sqlite).await;
        let ana = open(&store, &buyer("ana"), 1).await;
        join(&store, &buyer("cleo")).await;
        let config = StoreConfig { busy_timeout: Duration::from_millis(20), ..StoreConfig::at(&*world.url) };
        let impatient = Store::open(&config).await.unwrap();
        let other = world.raw().await;
        other.run("BEGIN IMMEDIATE").await;
        nothing_can_be_written(&impatient).await;
        assert_eq!(head(&impatient, ana).await, (0, 0), "reading goes on");
        other.run("ROLLBACK").await;
        assert_eq!(send(&impatient, &[Send::by_buyer(ana, "hello")]).await.unwrap(), [seq(1)]);
    })
    .await;
}

/// The kernel refuses to let a file of this process grow beyond this.
async fn limit_file_size(bytes: &str) {
    let pid = std::process::id().to_string();
    let done = tokio::process::Command::new("prlimit")
        .args(["--pid", &pid, &format!("--fsize={bytes}:")])
        .status()
        .await
        .expect("prlimit (Debian: util-linux) is installed");
    assert!(done.success());
}

/// In a process of its own, since the limit holds for all of it.
#[tokio::test]
async fn a_disk_that_takes_no_more_is_unavailable_loses_nothing_and_serves_again_when_there_is_room() {
    in_time(async {
        if let Some(url) = world::parents_url() {
            return until_the_disk_is_full(&url).await;
        }
        let (world, store) = World::with_store(Backend::Sqlite).await;
        open(&store, &buyer("ana"), 1).await;
        let test = "failure::a_disk_that_takes_no_more_is_unavailable_loses_nothing_and_serves_again_when_there_is_room";
        let mut command = tokio::process::Command::from(world::child(test, &world.url));
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).output();
        let child = child.await.unwrap();
        let said = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success() && said.contains("1 passed"), "{said} {}", String::from_utf8_lossy(&child.stderr));
        // Nothing but what the child was told is there: both nodes agree.
        let found = places(&history(&store, id(1), Side::Shop).await);
        assert!(found.len() > 2 && found == (1..=i64::try_from(found.len()).unwrap()).collect::<Vec<_>>());
    })
    .await;
}

async fn until_the_disk_is_full(url: &str) {
    // With a handler the write fails, where without one the process would be ended.
    let _exceeded = signal(SignalKind::from_raw(25)).unwrap();
    let store = Store::open(&StoreConfig::at(url)).await.unwrap();
    // The log is what grows; it takes some more messages, then a part of one.
    let log = format!("{}-wal", url.strip_prefix("sqlite://").unwrap());
    let limit = std::fs::metadata(log).unwrap().len() + 150_000;
    limit_file_size(&limit.to_string()).await;
    let mut taken = 0;
    let refused = loop {
        let text = "x".repeat(20_000);
        match send(&store, &[Send { text, ..Send::by_buyer(id(1), &format!("message {}", taken + 1)) }]).await
        {
            Ok(got) => taken += i64::from(got == [seq(taken + 1)]),
            Err(error) => break error,
        }
        assert!(taken < 100, "the limit holds");
    };
    assert!(refused.is_unavailable(), "{refused}");
    unavailable(&send(&store, &[Send { text: "y".repeat(50_000), ..Send::by_buyer(id(1), "again") }]).await);
    assert_eq!(head(&store, id(1)).await, (taken, taken), "what was acknowledged, and nothing else");
    limit_file_size("unlimited").await;
    assert_eq!(send(&store, &[Send::by_buyer(id(1), "there is room")]).await.unwrap(), [seq(taken + 1)]);
}

#[tokio::test]
async fn a_postgres_that_became_read_only_is_unavailable_and_serves_again_when_it_is_not() {
    in_time(async {
        let (world, store) = World::with_store(Backend::Postgres).await;
        let ana = open(&store, &buyer("ana"), 1).await;
        join(&store, &buyer("cleo")).await;
        let cluster = world.cluster().await;
        let name = world.name();
        cluster.run(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
        end_sessions(&world).await;
        settle(&store).await;
        nothing_can_be_written(&store).await;
        assert_eq!(head(&store, ana).await, (0, 0), "reading goes on");
        cluster.run(&format!("ALTER DATABASE {name} RESET default_transaction_read_only")).await;
        end_sessions(&world).await;
        settle(&store).await;
        assert_eq!(send(&store, &[Send::by_buyer(ana, "hello")]).await.unwrap(), [seq(1)]);
    })
    .await;
}

/// Ends all connections to this database, as a restart of PostgreSQL does.
async fn end_sessions(world: &World) {
    let sql = format!(
        "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE datname = '{}'",
        world.name()
    );
    assert!(world.cluster().await.number(&sql).await > 0);
}

/// Each connection that was ended may cost one attempt, and no more.
async fn settle(store: &Store) {
    for _ in 0..StoreConfig::default().connections {
        match store.ping().await {
            Ok(()) => {}
            Err(error) => assert!(error.is_unavailable(), "{error}"),
        }
    }
    store.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_connection_is_cut_is_unavailable_and_leaves_nothing() {
    in_time(async {
        let (world, store) = World::with_store(Backend::Postgres).await;
        let ana = open(&store, &buyer("ana"), 1).await;
        let sends = [Send::by_buyer(ana, "hello")];
        // Between what was loaded and what is to be written.
        let cut = store
            .commit(&world::needs(&sends), |loaded| {
                std::thread::scope(|scope| {
                    let cut = || {
                        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                        runtime.unwrap().block_on(end_sessions(&world));
                    };
                    scope.spawn(cut).join().unwrap();
                });
                world::decide(loaded, &sends)
            })
            .await;
        unavailable(&cut);
        settle(&store).await;
        assert_eq!(head(&store, ana).await, (0, 0));
        assert_eq!(send(&store, &sends).await.unwrap(), [seq(1)]);
    })
    .await;
}

#[tokio::test]
async fn a_postgres_that_is_gone_is_unavailable_in_time() {
    in_time(async {
        let postgres = Postgres::start().await.unwrap();
        let patience = Duration::from_millis(500);
        let config = StoreConfig { acquire_timeout: patience, ..StoreConfig::at(postgres.url()) };
        let store = Store::open(&config).await.unwrap();
        store.migrate().await.unwrap();
        let ana = open(&store, &buyer("ana"), 1).await;
        join(&store, &buyer("cleo")).await;
        drop(postgres);
        let asked = tokio::time::Instant::now();
        nothing_can_be_written(&store).await;
        unavailable(&store.heads(&[ana]).await);
        unavailable(&store.ping().await);
        assert!(asked.elapsed() < Duration::from_secs(10), "no question waits for long");
        let late = Store::open(&config).await.err();
        assert!(late.as_ref().is_some_and(StoreError::is_unavailable), "{late:?}");
    })
    .await;
}
