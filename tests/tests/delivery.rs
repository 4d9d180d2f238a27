//! No acknowledged message is lost, doubled or out of order: whatever is cut, killed or asked twice.
//!
//! The clients of the harness hold every push to its place by `prev_seq`, so a hole fails any of these tests.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should say where")]

use std::{cell::Cell, collections::HashSet};

use deskwire_tests::{Client, Server, ServerOptions, Setting, everywhere, within};
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Notify;

/// Room for tests that say much at once.
fn talkative(setting: Setting) -> ServerOptions {
    ServerOptions::new(setting)
        .env("DESKWIRE_GATEWAY__BUYER_SEND_BURST", 100_000)
        .env("DESKWIRE_GATEWAY__FRAME_BURST", 100_000)
        .env("DESKWIRE_GATEWAY__IN_FLIGHT", 1_000)
        .env("DESKWIRE_GATEWAY__OUTBOX_EVENTS", 10_000)
        .env("DESKWIRE_GATEWAY__OUTBOX_BYTES", 100_000_000)
}

fn text_of(message: &Value) -> String {
    message["content"]["text"].as_str().unwrap_or_default().to_owned()
}

fn seqs(messages: &[Value]) -> Vec<i64> {
    messages.iter().map(|message| message["seq"].as_i64().expect("a seq")).collect()
}

/// Attaches again and again until nothing is missing; answers the texts that were missed.
async fn catch_up(client: &mut Client, here: &str, mut after: i64) -> Vec<String> {
    let mut missed = Vec::new();
    loop {
        let page = client.attach_after(here, after).await;
        let events = page["events"].as_array().expect("events");
        if let Some(first) = events.first() {
            assert_eq!(first["prev_seq"], after, "a page begins where the one before ended");
        }
        missed.extend(events.iter().map(|event| text_of(&event["message"])));
        after = page["last_seq"].as_i64().expect("last_seq");
        if page["has_more"] == false {
            return missed;
        }
    }
}

everywhere! {
    async fn a_resend_after_a_lost_reply_gets_the_first_answer_and_there_is_one_row(setting: Setting) {
        let server = Server::start(setting).await;
        let (mut phone, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
        let here = phone.open().await;
        bo.attach(&here).await;
        phone.request("message.send", Client::message(&here, "m-1", "paid twice?")).await;
        let heard = bo.hears("paid twice?").await;
        // The reply was on its way, and is never read.
        phone.cut();
        bo.say(&here, "looking").await;
        let (mut again, mut laptop) = (server.buyer("ana").await, server.buyer("ana").await);
        let resend = Client::message(&here, "m-1", "paid twice?");
        let (first, second) =
            tokio::join!(again.call("message.send", resend.clone()), laptop.call("message.send", resend));
        let first = first.unwrap();
        assert_eq!(first, second.unwrap());
        for field in ["message_id", "seq", "create_time"] {
            assert_eq!(first[field], heard["message"][field], "{field}");
        }
        assert_eq!(bo.texts(&here).await, ["paid twice?", "looking"]);
        // The same id of another sender is another message.
        let other = bo.call("message.send", Client::message(&here, "m-1", "no, once")).await.unwrap();
        assert_eq!(other["seq"], 3);
    }

    async fn the_same_message_from_eight_devices_at_once_is_one_row_with_one_answer(setting: Setting) {
        let server = Server::start(setting).await;
        let mut devices = Vec::new();
        for _ in 0..8 {
            devices.push(server.buyer("ana").await);
        }
        let here = devices[0].open().await;
        let answers = join_all(devices.iter_mut().map(|device| {
            device.call("message.send", Client::message(&here, "m-1", "once"))
        })).await;
        let answers: HashSet<_> = answers.into_iter().map(|answer| answer.unwrap().to_string()).collect();
        assert_eq!(answers.len(), 1, "{answers:?}");
        assert_eq!(devices[0].texts(&here).await, ["once"]);
    }

    async fn pipelined_sends_keep_their_order_and_every_one_is_answered(setting: Setting) {
        let server = talkative(setting).start().await;
        let (mut ana, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
        let here = ana.open().await;
        bo.attach(&here).await;
        let mut asked = Vec::new();
        for number in 1..=300 {
            let send = Client::message(&here, &format!("m-{number}"), &number.to_string());
            asked.push(ana.request("message.send", send).await);
        }
        for (number, id) in (1..).zip(asked) {
            assert_eq!(ana.reply(id).await.unwrap()["seq"], number);
        }
        for number in 1..=300 {
            assert_eq!(bo.push("message.created").await["message"]["content"]["text"], number.to_string());
        }
    }

    async fn what_was_missed_while_away_comes_page_by_page_and_then_events_go_on(setting: Setting) {
        let server = talkative(setting).env("DESKWIRE_CHAT__ATTACH_PAGE", 20).start().await;
        let (mut ana, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
        let here = ana.open().await;
        bo.attach(&here).await;
        ana.say(&here, "1").await;
        bo.hears("1").await;
        bo.cut();
        for number in 2..=90 {
            ana.request("message.send", Client::message(&here, &format!("m-{number}"), &number.to_string())).await;
        }
        ana.hears("90").await;
        let mut bo = server.agent("bo").await;
        let first = bo.attach_after(&here, 1).await;
        assert_eq!((first["events"].as_array().unwrap().len(), &first["has_more"]), (20, &json!(true)));
        // A part is not the whole: until the last page no event is pushed, so none can overtake what is still missing.
        ana.say(&here, "91").await;
        assert_eq!(bo.pushes_so_far("message.created").await, Vec::<Value>::new());
        let missed = catch_up(&mut bo, &here, first["last_seq"].as_i64().unwrap()).await;
        assert_eq!(missed, (22..=91).map(|number| number.to_string()).collect::<Vec<_>>());
        ana.say(&here, "92").await;
        assert_eq!(bo.push("message.created").await["seq"], 92);
    }

    async fn reconnecting_while_messages_pour_in_misses_none_and_sees_none_twice(setting: Setting) {
        const ROUNDS: usize = 12;
        const EACH: usize = 10;
        let server = talkative(setting).env("DESKWIRE_CHAT__ATTACH_PAGE", 7).start().await;
        let mut ana = server.buyer("ana").await;
        let here = ana.open().await;
        let mut seen = Vec::new();
        for round in 0..ROUNDS {
            let pouring = async {
                let mut asked = Vec::new();
                for number in 0..EACH {
                    let text = format!("{}", round * EACH + number);
                    asked.push(ana.request("message.send", Client::message(&here, &text, &text)).await);
                }
                for id in asked {
                    ana.reply(id).await.unwrap();
                }
            };
            let coming_and_going = async {
                let mut bo = server.agent("bo").await;
                let mut texts = catch_up(&mut bo, &here, i64::try_from(seen.len()).unwrap()).await;
                // Live from here on, and cut in the middle of it.
                while seen.len() + texts.len() < round * EACH + EACH / 2 {
                    texts.push(text_of(&bo.push("message.created").await["message"]));
                }
                bo.cut();
                texts
            };
            let ((), texts) = tokio::join!(pouring, coming_and_going);
            seen.extend(texts);
        }
        seen.extend(catch_up(&mut server.agent("bo").await, &here, i64::try_from(seen.len()).unwrap()).await);
        assert_eq!(seen, (0..ROUNDS * EACH).map(|number| number.to_string()).collect::<Vec<_>>());
    }

    async fn what_follows_the_taking_of_a_conversation_finds_it_taken(setting: Setting) {
        let server = Server::start(setting).await;
        let mut bo = server.agent("bo").await;
        for number in 0..10 {
            let here = server.buyer(&format!("ana-{number}")).await.open().await;
            let take = bo.request("conversation.take", json!({"conversation_id": here})).await;
            let mut send = Client::message(&here, "m-1", "mine");
            send["if_assignee"] = "bo".into();
            let send = bo.request("message.send", send).await;
            bo.reply(take).await.unwrap();
            bo.reply(send).await.expect("in the order of the frames");
        }
    }

    async fn session_start_resumes_several_conversations_at_once(setting: Setting) {
        let server = Server::start(setting).await;
        let mut places = Vec::new();
        for name in ["ana", "eva"] {
            let mut buyer = server.buyer(name).await;
            let here = buyer.open().await;
            buyer.say(&here, "one").await;
            buyer.say(&here, "two").await;
            places.push((buyer, here));
        }
        let mut bo = server.connect().await;
        let token = server.sign(&deskwire_tests::User::agent("bo"));
        let resume = json!([
            {"conversation_id": places[0].1, "after_seq": 1},
            {"conversation_id": "1"},
            {"conversation_id": places[1].1, "after_seq": 0},
        ]);
        let started = bo.call("session.start", json!({"token": token, "resume": resume})).await.unwrap();
        let resumed = &started["resumed"];
        assert_eq!(resumed[0]["attached"]["events"].as_array().unwrap().len(), 1);
        assert_eq!(resumed[1]["error"]["data"]["type"], "not_found");
        assert_eq!(resumed[2]["attached"]["events"].as_array().unwrap().len(), 2);
        for (buyer, here) in &mut places {
            buyer.say(here, "three").await;
            assert_eq!(bo.push("message.created").await["seq"], 3);
        }
    }

    async fn sync_tells_what_changed_while_away(setting: Setting) {
        let server = Server::start(setting).await;
        let mut bo = server.agent("bo").await;
        let mut places = Vec::new();
        for number in 0..5 {
            let mut buyer = server.buyer(&format!("buyer-{number}")).await;
            let here = buyer.open().await;
            buyer.say(&here, "hello").await;
            places.push((buyer, here));
        }
        let first = bo.call("conversation.sync", json!({})).await.unwrap();
        assert_eq!((first["conversations"].as_array().unwrap().len(), &first["has_more"]), (5, &json!(false)));
        bo.cut();
        let (buyer, here) = &mut places[3];
        buyer.say(here, "still there?").await;
        let mut bo = server.agent("bo").await;
        let changed = bo.call("conversation.sync", json!({"cursor": first["cursor"]})).await.unwrap();
        let rows = changed["conversations"].as_array().unwrap();
        let newest = rows.last().expect("something has changed");
        assert_eq!((&newest["conversation_id"], &newest["unread_count"]), (&json!(here), &json!(2)), "oldest change first");
        let again = bo.call("conversation.sync", json!({"cursor": changed["cursor"]})).await.unwrap();
        let still: Vec<_> = again["conversations"].as_array().unwrap().iter().collect();
        assert!(still.iter().all(|row| rows.contains(row)), "nothing new, at most the same again: {still:?}");
    }

    async fn a_killed_server_comes_back_with_every_acknowledged_message_once_and_in_order(setting: Setting) {
        const SENDERS: usize = 4;
        let mut server = talkative(setting).start().await;
        let mut senders = Vec::new();
        for number in 0..SENDERS {
            let mut buyer = server.buyer(&format!("buyer-{number}")).await;
            let here = buyer.open().await;
            senders.push((buyer, here, Vec::new()));
        }
        let (total, enough) = (Cell::new(0_usize), Notify::new());
        let sending = join_all(senders.iter_mut().map(|(buyer, here, acknowledged)| {
            let (total, enough) = (&total, &enough);
            async move {
                for number in 0.. {
                    let text = number.to_string();
                    match buyer.call_or_end("message.send", Client::message(here, &text, &text)).await {
                        Some(answer) => acknowledged.push(answer.expect("it is taken")),
                        None => return,
                    }
                    total.set(total.get() + 1);
                    if total.get() == 40 * SENDERS {
                        enough.notify_one();
                    }
                }
            }
        }));
        let killing = async {
            within("enough acknowledged messages", enough.notified()).await;
            server.kill().await;
        };
        tokio::join!(sending, killing);
        server.start_again().await;

        for (number, (_, here, acknowledged)) in senders.iter().enumerate() {
            let mut buyer = server.buyer(&format!("buyer-{number}")).await;
            let history = buyer.history(here).await;
            // The one message without an answer may have been committed, or not.
            assert!([0, 1].contains(&(history.len() - acknowledged.len())), "{} of {}", history.len(), acknowledged.len());
            assert_eq!(seqs(&history), (1..).take(history.len()).collect::<Vec<i64>>(), "no hole");
            for (place, message) in history.iter().enumerate() {
                assert_eq!(text_of(message), place.to_string(), "each once, in the order of sending");
            }
            for (message, answer) in history.iter().zip(acknowledged) {
                assert_eq!(message["message_id"], answer["message_id"]);
            }
            // Everyone sends the last ones again, as after a lost connection.
            for place in acknowledged.len() - 1..=acknowledged.len() {
                let text = place.to_string();
                let answer = buyer.call("message.send", Client::message(here, &text, &text)).await.unwrap();
                assert_eq!(answer["seq"], place + 1);
                assert!(place >= acknowledged.len() || answer == acknowledged[place], "the first answer again");
            }
            assert_eq!(buyer.texts(here).await.len(), acknowledged.len() + 1);
        }
    }
}

#[tokio::test]
async fn a_batch_is_answered_by_one_array_and_keeps_its_place_among_the_frames() {
    let server = Server::start(Setting::default()).await;
    let (mut ana, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
    let here = ana.open().await;
    bo.attach(&here).await;
    let send = |id: Value, text: &str| json!({"jsonrpc": "2.0", "id": id, "method": "message.send", "params": [Client::message(&here, text, text)]});
    let before = ana.request("message.send", Client::message(&here, "before", "before")).await;
    let silent = json!({"jsonrpc": "2.0", "method": "message.send", "params": Client::message(&here, "silent", "silent")});
    let answers = ana
        .batch(json!([
            send(json!("a"), "first"),
            7,
            silent,
            send(json!(-5), "second"),
            {"jsonrpc": "2.0", "id": "c", "method": "no.such"},
        ]))
        .await;
    assert_eq!(ana.reply(before).await.unwrap()["seq"], 1);
    let ids: Vec<_> = answers.iter().map(|(id, _)| id.clone()).collect();
    assert_eq!(ids, [json!("a"), json!(null), json!(-5), json!("c")]);
    assert_eq!(answers[0].1.as_ref().unwrap()["seq"], 2);
    assert_eq!(answers[1].1.as_ref().unwrap_err().kind(), "invalid_request");
    assert_eq!(answers[2].1.as_ref().unwrap()["seq"], 4);
    assert_eq!(answers[3].1.as_ref().unwrap_err().kind(), "method_not_found");
    ana.say(&here, "after").await;
    for text in ["before", "first", "silent", "second", "after"] {
        assert_eq!(bo.push("message.created").await["message"]["content"]["text"], text);
    }
}

#[tokio::test]
async fn what_the_bus_did_not_bring_the_repair_sweep_brings() {
    let setting = Setting { backend: deskwire_tests::Backend::Postgres, ..Setting::default() };
    let one = Server::start(setting).await;
    // A second node over the same database. There is no bus between them: it hears of nothing.
    let other = ServerOptions::new(Setting::default())
        .env("DESKWIRE_DATABASE_URL", one.database_url())
        .env("DESKWIRE_AUTH__HS256_SECRET", one.secret())
        .start()
        .await;
    let mut ana = one.buyer("ana").await;
    let here = ana.open().await;
    let mut bo = other.connect().await;
    bo.start(&one.sign(&deskwire_tests::User::agent("bo"))).await;
    bo.attach(&here).await;
    for text in ["one", "two", "three"] {
        ana.say(&here, text).await;
    }
    for place in 1..=3 {
        assert_eq!(bo.push("message.created").await["seq"], place);
    }
    bo.say(&here, "four").await;
    assert_eq!(ana.hears("four").await["seq"], 4);
}

#[tokio::test]
async fn two_nodes_that_race_for_one_message_give_one_answer() {
    let setting = Setting { backend: deskwire_tests::Backend::Postgres, ..Setting::default() };
    let one = talkative(setting).start().await;
    let other = talkative(Setting::default())
        .env("DESKWIRE_DATABASE_URL", one.database_url())
        .env("DESKWIRE_AUTH__HS256_SECRET", one.secret())
        .start()
        .await;
    let mut here_device = one.buyer("ana").await;
    let mut there_device = other.connect().await;
    there_device.start(&one.sign(&deskwire_tests::User::buyer("ana"))).await;
    let here = here_device.open().await;
    for number in 1..=20 {
        let send = Client::message(&here, &format!("m-{number}"), &number.to_string());
        let (first, second) = tokio::join!(
            here_device.call("message.send", send.clone()),
            there_device.call("message.send", send)
        );
        let first = first.unwrap();
        assert_eq!(first, second.unwrap());
        assert_eq!(first["seq"], number);
    }
}

#[tokio::test]
async fn a_shop_of_more_conversations_than_a_page_is_synced_page_by_page() {
    let server = Server::start(Setting::default()).await;
    let mut opened = HashSet::new();
    for number in 0..230 {
        opened.insert(server.buyer(&format!("buyer-{number}")).await.open().await);
    }
    let mut bo = server.agent("bo").await;
    let mut found = HashSet::new();
    let mut cursor = json!("");
    let mut pages = 0;
    loop {
        let page = bo.call("conversation.sync", json!({"cursor": cursor})).await.unwrap();
        let rows = page["conversations"].as_array().unwrap();
        found.extend(rows.iter().map(|row| row["conversation_id"].as_str().unwrap().to_owned()));
        cursor = page["cursor"].clone();
        pages += 1;
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!((found == opened, pages), (true, 3));
}
