//! The schema comes up once, however often and from however many nodes it is asked for.

use deskwire_store::{Store, StoreConfig, StoreError};
use futures::future::join_all;

use crate::{
    on_each_database,
    world::{Backend, Send, World, buyer, head, open, send},
};

on_each_database! {
    migrating_again_changes_nothing_and_keeps_what_is_there
    nodes_that_start_at_once_bring_the_schema_up_once
}

async fn migrating_again_changes_nothing_and_keeps_what_is_there(backend: Backend) {
    let world = World::new(backend).await;
    let store = world.open().await;
    let pending = store.pending_migrations().await.unwrap();
    assert!(!pending.is_empty());
    assert_eq!(store.migrate().await.unwrap(), pending);
    let ana = open(&store, &buyer("ana"), 1).await;
    send(&store, &[Send::by_buyer(ana, "hello")]).await.unwrap();
    for store in [store, world.open().await] {
        assert_eq!(store.pending_migrations().await.unwrap(), Vec::<String>::new());
        assert_eq!(store.migrate().await.unwrap(), Vec::<String>::new());
        assert_eq!(head(&store, ana).await, (1, 1));
    }
}

async fn nodes_that_start_at_once_bring_the_schema_up_once(backend: Backend) {
    let world = World::new(backend).await;
    let nodes = join_all((0..6).map(|_| world.open())).await;
    let outcomes = join_all(nodes.iter().map(Store::migrate)).await;
    let applied: Vec<Vec<String>> = outcomes.into_iter().map(Result::unwrap).collect();
    assert_eq!(applied.iter().filter(|applied| !applied.is_empty()).count(), 1, "{applied:?}");
    for node in &nodes {
        assert_eq!(node.pending_migrations().await.unwrap(), Vec::<String>::new());
        assert!(node.is_empty().await.unwrap());
    }
}

#[tokio::test]
async fn an_address_of_another_kind_is_refused_without_telling_it() {
    for url in ["", "mysql://user:secret@host/db", "chat.db", "http://secret@host"] {
        let refused = Store::open(&StoreConfig::at(url)).await.err();
        let Some(StoreError::Config(problem)) = refused else { panic!("{url}: {refused:?}") };
        assert!(!problem.contains("secret"), "{problem}");
    }
    let told = format!("{:?}", StoreConfig::at("postgres://user:secret@host/db"));
    assert!(!told.contains("secret"), "{told}");
}
