//! Text that others chose: kept to the byte, or refused in plain words.

use deskwire_protocol::{ClientMessageId, Role, ShopId, UserId, Visibility};
use deskwire_store::{Scope, Side, StoreError, UserRecord};

use crate::{
    on_each_database,
    world::{Backend, NOW, Send, World, buyer, head, history, id, join, open, send, text},
};

on_each_database! {
    whatever_is_said_is_read_back_to_the_byte
    ids_that_differ_in_anything_are_different
    names_are_read_back_to_the_byte
    a_name_with_a_nul_is_kept_or_refused_and_harms_nothing
    a_sender_with_a_nul_in_the_name_is_kept_or_refused_as_a_whole
}

/// Said by people who mean well, and by others.
fn hostile() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "two\n\nparagraphs\r\n\tand a tab",
        "a\0b",
        "\0",
        "\u{1}\u{7f}\u{85}\u{2028}\u{2029}\u{feff}",
        "👩‍👩‍👧‍👦🏳️‍🌈🇧🇷🧑🏿‍🚀",
        "שלום \u{202e}reversed\u{202c} مرحبا",
        "é e\u{301} — Ä A\u{308} ﬁ ß İ ı",
        "\u{10ffff}\u{fffd}\u{e000}",
        "'; DROP TABLE message; --",
        "$1 ? ?1 :name @name {0} %s \\ \\\\ \\u0000 \" ' `",
        "{\"type\":\"TEXT\",\"text\":\"not me\"}",
        "\\x00 \\N NULL null",
    ]
    .map(Into::into)
    .into();
    texts.push("Zalgo\u{300}\u{301}\u{302}\u{303}".repeat(500));
    texts.push("long 🚚 ".repeat(200_000));
    texts
}

async fn whatever_is_said_is_read_back_to_the_byte(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let ana = open(&store, &buyer("ana"), 1).await;
    let texts = hostile();
    let sends: Vec<Send> = texts
        .iter()
        .enumerate()
        .map(|(number, text)| Send { text: text.clone(), ..Send::by_buyer(ana, &format!("key {number}")) })
        .collect();
    send(&store, &sends).await.unwrap();
    let messages = history(&store, ana, Side::Buyer).await;
    assert!(messages.iter().map(text).eq(texts.iter().map(String::as_str)));
}

async fn ids_that_differ_in_anything_are_different(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    // What collations, trimming and normalisation would take for equal.
    let ids =
        ["José", "Jose\u{301}", "jose", "JOSE", "josé", "jose ", " jose", "𝗷𝗼𝘀𝗲", "j'ose", "%", "_", "🙂"];
    for (number, user) in (1..).zip(ids) {
        assert_eq!(open(&store, &buyer(user), number).await, id(number), "{user:?}");
    }
    for (number, user) in (1..).zip(ids) {
        let record = store.conversation(&buyer(user), id(number)).await.unwrap().unwrap();
        assert_eq!(record.buyer.user_id.as_str(), user);
        let scope =
            Scope { shop_id: ShopId::new("SHOP").unwrap(), role: Role::Agent, user_id: record.buyer.user_id };
        assert_eq!(store.conversation(&scope, id(number)).await.unwrap(), None, "shops alike");
        // The longest that an id may be, and each sends under it.
        let key = ClientMessageId::new(format!("{user}{}", "x".repeat(128 - user.len()))).unwrap();
        let mut sent = Send { key, ..Send::by_buyer(id(1), "said") };
        sent.sender.user_id = Some(UserId::new(user).unwrap());
        assert_eq!(send(&store, &[sent.clone(), sent]).await.unwrap(), [crate::world::seq(number); 2]);
    }
}

async fn names_are_read_back_to_the_byte(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let ana = open(&store, &buyer("ana"), 1).await;
    for name in hostile().into_iter().filter(|name| !name.contains('\0')) {
        let user =
            UserRecord { user_id: buyer("ana").user_id, name: name.clone(), locale: Some(name.clone()) };
        store.put_user(&buyer("ana"), &user, NOW).await.unwrap();
        let record = store.conversation(&buyer("ana"), ana).await.unwrap().unwrap();
        assert!(record.buyer.name == name, "{name:.40?}");
    }
}

/// PostgreSQL has no text with a NUL.
fn refused<T: std::fmt::Debug>(outcome: &Result<T, StoreError>, backend: Backend) -> bool {
    match (backend, outcome) {
        (Backend::Sqlite, Ok(_)) => false,
        (Backend::Postgres, Err(error)) => {
            assert!(!error.is_unavailable(), "trying again will not help: {error}");
            true
        }
        _ => panic!("{backend:?}: {outcome:?}"),
    }
}

async fn a_name_with_a_nul_is_kept_or_refused_and_harms_nothing(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let ana = open(&store, &buyer("ana"), 1).await;
    let user = UserRecord { user_id: buyer("ana").user_id, name: "A\0na".into(), locale: None };
    let outcome = store.put_user(&buyer("ana"), &user, NOW).await;
    let expected = if refused(&outcome, backend) { "ana's name" } else { "A\0na" };
    let record = store.conversation(&buyer("ana"), ana).await.unwrap().unwrap();
    assert_eq!(record.buyer.name, expected);
    join(&store, &buyer("ana")).await;
}

async fn a_sender_with_a_nul_in_the_name_is_kept_or_refused_as_a_whole(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let ana = open(&store, &buyer("ana"), 1).await;
    let mut strange = Send { visibility: Visibility::Agents, ..Send::by_agent(ana, "strange") };
    strange.sender.name = "Gr\0ace".into();
    let outcome = send(&store, &[Send::by_buyer(ana, "before"), strange]).await;
    let (last, names) = if refused(&outcome, backend) { (1, vec![]) } else { (3, vec!["Ana", "Gr\0ace"]) };
    let messages = history(&store, ana, Side::Shop).await;
    assert_eq!(messages.iter().map(|message| &*message.sender.name).collect::<Vec<_>>(), names);
    send(&store, &[Send::by_buyer(ana, "after")]).await.unwrap();
    assert_eq!(head(&store, ana).await.0, last);
}
