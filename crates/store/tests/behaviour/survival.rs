//! What was committed stays, however the process ends; and the log of SQLite stays bounded.

use std::{
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    process::Stdio,
};

use deskwire_store::{Side, Store, StoreConfig};

use crate::{
    on_each_database,
    world::{self, Backend, Send, World, buyer, head, history, id, join, open, places, send, seq},
};

on_each_database! {
    the_database_says_that_it_waits_for_the_disk
    what_was_committed_is_there_after_the_handle_is_dropped_unclosed
    what_was_committed_is_there_after_the_process_was_killed_before_it_could_answer
    a_closed_handle_answers_that_it_is_unavailable
}

async fn the_database_says_that_it_waits_for_the_disk(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let durability = store.durability().await.unwrap();
    assert!(durability.is_durable());
    let expected = match backend {
        Backend::Sqlite => "journal_mode=wal, synchronous=FULL, foreign_keys=1",
        Backend::Postgres => "fsync=on, synchronous_commit=on, full_page_writes=on",
    };
    assert_eq!(durability.to_string(), expected);
}

#[tokio::test]
async fn the_files_of_sqlite_are_for_their_owner_only() {
    let (world, store) = World::with_store(Backend::Sqlite).await;
    let ana = open(&store, &buyer("ana"), 1).await;
    send(&store, &[Send::by_buyer(ana, "hello")]).await.unwrap();
    for name in ["chat.db", "chat.db-wal", "chat.db-shm"] {
        let mode = std::fs::metadata(world.file(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn postgres_told_not_to_wait_for_the_disk_is_reported_as_not_durable() {
    world::in_time(async {
        let world = World::new(Backend::Postgres).await;
        let sql = format!("ALTER DATABASE {} SET synchronous_commit = off", world.name());
        world.cluster().await.run(&sql).await;
        let durability = world.open().await.durability().await.unwrap();
        assert!(!durability.is_durable());
        assert!(durability.to_string().contains("synchronous_commit=off"), "{durability}");
    })
    .await;
}

async fn what_was_committed_is_there_after_the_handle_is_dropped_unclosed(backend: Backend) {
    let (world, store) = World::with_store(backend).await;
    let ana = open(&store, &buyer("ana"), 1).await;
    send(&store, &[Send::by_buyer(ana, "hello")]).await.unwrap();
    drop(store);
    let store = world.open().await;
    assert_eq!(store.pending_migrations().await.unwrap(), Vec::<String>::new());
    assert_eq!(head(&store, ana).await, (1, 1));
    assert_eq!(send(&store, &[Send::by_buyer(ana, "hello")]).await.unwrap(), [seq(1)], "known again");
    assert_eq!(send(&store, &[Send::by_buyer(ana, "and on")]).await.unwrap(), [seq(2)]);
}

async fn what_was_committed_is_there_after_the_process_was_killed_before_it_could_answer(backend: Backend) {
    let sends = [Send::by_buyer(id(1), "hello"), Send::note(id(1), "noted")];
    if let Some(url) = world::parents_url() {
        // The child: dies between the commit and any reply, with a second commit half done.
        let store = Store::open(&StoreConfig::at(url)).await.unwrap();
        send(&store, &sends).await.unwrap();
        let more = [Send::by_buyer(id(1), "never committed")];
        store.commit(&world::needs(&more), |_| -> (_, ()) { std::process::abort() }).await.unwrap();
    }
    let (world, store) = World::with_store(backend).await;
    let ana = open(&store, &buyer("ana"), 1).await;
    let module = if backend == Backend::Sqlite { "sqlite" } else { "postgres" };
    let test = format!(
        "survival::{module}::what_was_committed_is_there_after_the_process_was_killed_before_it_could_answer"
    );
    let mut command = tokio::process::Command::from(world::child(&test, &world.url));
    let died = command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).status().await.unwrap();
    assert_eq!(died.signal(), Some(6), "{died}");
    assert_eq!(places(&history(&store, ana, Side::Shop).await), [1, 2]);
    // What the dead process held is free again, and its half-done commit left nothing.
    assert_eq!(send(&store, &sends).await.unwrap(), [seq(1), seq(2)]);
    assert_eq!(send(&store, &[Send::by_buyer(ana, "and on")]).await.unwrap(), [seq(3)]);
}

async fn a_closed_handle_answers_that_it_is_unavailable(backend: Backend) {
    let (world, store) = World::with_store(backend).await;
    let ana = open(&store, &buyer("ana"), 1).await;
    store.close().await.unwrap();
    store.close().await.unwrap();
    assert!(store.ping().await.unwrap_err().is_unavailable());
    assert!(store.heads(&[ana]).await.unwrap_err().is_unavailable());
    assert!(send(&store, &[Send::by_buyer(ana, "late")]).await.unwrap_err().is_unavailable());
    assert!(store.put_user(&buyer("bo"), &user("bo"), world::NOW).await.unwrap_err().is_unavailable());
    assert_eq!(head(&world.open().await, ana).await, (0, 0));
}

fn user(name: &str) -> deskwire_store::UserRecord {
    deskwire_store::UserRecord { user_id: buyer(name).user_id, name: name.into(), locale: None }
}

#[tokio::test]
async fn checkpoints_keep_the_log_of_sqlite_bounded_and_closing_folds_it_in() {
    world::in_time(async {
        let (world, store) = World::with_store(Backend::Sqlite).await;
        join(&store, &buyer("ana")).await;
        let ana = open(&store, &buyer("ana"), 1).await;
        let log = world.file("chat.db-wal");
        let mut sizes = Vec::new();
        for round in 0..20 {
            for number in 0..4 {
                let text = "x".repeat(100_000);
                let send_one = Send { text, ..Send::by_buyer(ana, &format!("{round}.{number}")) };
                send(&store, &[send_one]).await.unwrap();
            }
            store.checkpoint().await.unwrap();
            sizes.push(std::fs::metadata(&log).unwrap().len());
        }
        // 8 MB were written in all; one round is 400 kB and its pages' frames.
        assert!(sizes.iter().all(|size| *size < 1_000_000), "{sizes:?}");
        store.close().await.unwrap();
        assert!(!log.exists());
        assert_eq!(head(&world.open().await, ana).await, (80, 80));
    })
    .await;
}
