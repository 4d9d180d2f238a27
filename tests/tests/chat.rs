//! People talk: what each of them gets to see, on every codec and store.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should say where")]

use deskwire_protocol::{Method, MethodName, method};
use deskwire_tests::{Client, Server, ServerOptions, Setting, User, everywhere};
use serde_json::{Value, json};

fn texts(messages: &[Value]) -> Vec<&str> {
    messages.iter().filter_map(|message| message["content"]["text"].as_str()).collect()
}

fn seqs(messages: &[Value]) -> Vec<i64> {
    messages.iter().filter_map(|message| message["seq"].as_i64()).collect()
}

async fn conversation(client: &mut Client, id: &str) -> Value {
    let got = client.call("conversation.get", json!({"conversation_id": id})).await;
    got.expect("it is the caller's")["conversation"].clone()
}

async fn page(client: &mut Client, params: Value) -> (Vec<Value>, bool) {
    let page = client.call("conversation.history", params).await.expect("the history may be read");
    let messages = page["messages"].as_array().expect("messages").clone();
    (messages, page["has_more"].as_bool().expect("has_more"))
}

everywhere! {
    async fn two_agents_answer_many_buyers_and_every_conversation_stays_apart(setting: Setting) {
        let server = Server::start(setting).await;
        let mut agents = [server.agent("ada").await, server.agent("bo").await];
        let mut buyers = Vec::new();
        for number in 0..6 {
            let mut buyer = server.buyer(&format!("buyer-{number}")).await;
            let here = buyer.open().await;
            for agent in &mut agents {
                agent.attach(&here).await;
            }
            buyers.push((buyer, here));
        }
        for (number, (buyer, here)) in buyers.iter_mut().enumerate() {
            for word in ["Hello,", "where is", "my parcel?"] {
                buyer.say(here, &format!("{word} {number}")).await;
            }
        }
        for (number, (buyer, here)) in buyers.iter_mut().enumerate() {
            let [answering, listening] = &mut agents;
            answering.hears(&format!("my parcel? {number}")).await;
            answering.say(here, &format!("On its way, {number}")).await;
            listening.hears(&format!("On its way, {number}")).await;
            buyer.hears(&format!("On its way, {number}")).await;
        }
        for (number, (buyer, here)) in buyers.iter_mut().enumerate() {
            let said = [
                format!("Hello, {number}"), format!("where is {number}"),
                format!("my parcel? {number}"), format!("On its way, {number}"),
            ];
            assert_eq!(buyer.texts(here).await, said);
            for agent in &mut agents {
                assert_eq!(agent.texts(here).await, said);
            }
        }
    }

    async fn a_message_arrives_with_its_sender_its_place_and_its_text_as_written(setting: Setting) {
        let server = Server::start(setting).await;
        let (mut ana, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
        let here = ana.open().await;
        bo.attach(&here).await;
        let text = "Olá 👋🏽\n\n  two paragraphs,\ttab, \"quotes\" \\ and \u{202e}right to left\u{202c} 漢字";
        let sent = ana.call("message.send", Client::message(&here, "m-1", text)).await.unwrap();
        let heard = bo.push("message.created").await;
        let message = &heard["message"];
        assert_eq!((&heard["seq"], &heard["prev_seq"]), (&json!(1), &json!(0)));
        assert_eq!(heard["conversation_id"], here);
        assert_eq!(message["content"], json!({"type": "TEXT", "text": text}));
        assert_eq!(message["sender"], json!({"role": "BUYER", "user_id": "ana", "name": "ana"}));
        assert_eq!((&message["visibility"], &message["revision"], &message["recalled"]), (&json!("ALL"), &json!(0), &json!(false)));
        assert_eq!(message["client_message_id"], "m-1");
        for field in ["message_id", "seq", "create_time"] {
            assert_eq!(sent[field], message[field], "{field}");
        }
        assert_eq!(ana.push("message.created").await, heard, "the sender sees what the others see");
        assert_eq!(bo.history(&here).await, std::slice::from_ref(message));
        assert_eq!(conversation(&mut bo, &here).await["latest_message"], *message);
    }

    async fn several_devices_of_one_person_see_the_same(setting: Setting) {
        let server = Server::start(setting).await;
        let (mut phone, mut laptop) = (server.buyer("ana").await, server.buyer("ana").await);
        let (mut desk, mut tablet) = (server.agent("bo").await, server.agent("bo").await);
        let here = phone.open().await;
        assert_eq!(laptop.open().await, here, "one conversation of a buyer and a shop");
        desk.attach(&here).await;
        tablet.attach(&here).await;
        phone.say(&here, "from the phone").await;
        laptop.say(&here, "from the laptop").await;
        desk.say(&here, "from the desk").await;
        tablet.say(&here, "from the tablet").await;
        let said = ["from the phone", "from the laptop", "from the desk", "from the tablet"];
        for device in [&mut phone, &mut laptop, &mut desk, &mut tablet] {
            for (place, text) in said.iter().enumerate() {
                let heard = device.push("message.created").await;
                assert_eq!((&heard["message"]["content"]["text"], &heard["seq"]), (&json!(text), &json!(place + 1)));
            }
            assert_eq!(device.pushes_so_far("message.created").await, Vec::<Value>::new());
        }
    }

    async fn history_is_paged_from_the_end_and_from_the_beginning(setting: Setting) {
        let server = ServerOptions::new(setting).env("DESKWIRE_GATEWAY__BUYER_SEND_BURST", 100).start().await;
        let mut ana = server.buyer("ana").await;
        let here = ana.open().await;
        for number in 1..=25 {
            ana.say(&here, &number.to_string()).await;
        }
        let of = |more: Value| {
            let mut params = json!({"conversation_id": here});
            params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            params
        };
        let (newest, more) = page(&mut ana, of(json!({}))).await;
        assert_eq!((seqs(&newest), more), ((6..=25).collect(), true), "20 when no limit is given");
        let (older, more) = page(&mut ana, of(json!({"before_seq": 6, "limit": 4}))).await;
        assert_eq!((seqs(&older), more), (vec![2, 3, 4, 5], true));
        let (oldest, more) = page(&mut ana, of(json!({"before_seq": 2, "limit": 4}))).await;
        assert_eq!((seqs(&oldest), more), (vec![1], false));
        let (from_start, more) = page(&mut ana, of(json!({"after_seq": 0, "limit": 10}))).await;
        assert_eq!((seqs(&from_start), more), ((1..=10).collect(), true));
        let (to_end, more) = page(&mut ana, of(json!({"after_seq": 15, "limit": 10}))).await;
        assert_eq!((seqs(&to_end), more), ((16..=25).collect(), false), "exactly a page is no reason for another");
        assert_eq!(page(&mut ana, of(json!({"after_seq": 25}))).await, (vec![], false));
        assert_eq!(page(&mut ana, of(json!({"before_seq": 1}))).await, (vec![], false));
        assert_eq!(texts(&to_end), (16..=25).map(|number| number.to_string()).collect::<Vec<_>>());
    }

    async fn read_marks_move_forward_and_unread_counts_follow_on_both_sides(setting: Setting) {
        let server = Server::start(setting).await;
        let (mut ana, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
        let here = ana.open().await;
        bo.attach(&here).await;
        for text in ["one", "two", "three"] {
            ana.say(&here, text).await;
        }
        let mark = |seq: i64| json!({"conversation_id": here, "seq": seq});
        assert_eq!(conversation(&mut bo, &here).await["unread_count"], 3);
        assert_eq!(conversation(&mut ana, &here).await["unread_count"], 0, "one's own are not unread");
        let read = bo.call("conversation.read", mark(2)).await.unwrap();
        assert_eq!(read, json!({"seq": 2, "unread_count": 1}));
        let told = ana.push("read.updated").await;
        assert_eq!((&told["seq"], &told["conversation_id"]), (&json!(2), &json!(here)));
        assert_eq!(told["reader"], json!({"role": "CUSTOMER_SERVICE", "user_id": "bo", "name": "bo"}));
        let back = bo.call("conversation.read", mark(1)).await.unwrap();
        assert_eq!(back, json!({"seq": 2, "unread_count": 1}), "a mark never goes back");
        bo.say(&here, "four").await;
        assert_eq!(conversation(&mut ana, &here).await["unread_count"], 1);
        assert_eq!(ana.call("conversation.read", mark(4)).await.unwrap(), json!({"seq": 4, "unread_count": 0}));
        assert_eq!(bo.push_where("read.updated", |told| told["reader"]["role"] == "BUYER").await["seq"], 4);
        let shown = conversation(&mut bo, &here).await;
        assert_eq!((&shown["buyer_read_seq"], &shown["shop_read_seq"]), (&json!(4), &json!(2)));
        let ahead = bo.call("conversation.read", mark(5)).await.unwrap_err();
        assert_eq!((ahead.kind(), ahead.field()), ("validation", Some("seq")));
    }

    async fn a_private_note_never_reaches_the_buyer(setting: Setting) {
        let server = Server::start(setting).await;
        let (mut ana, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
        let mut away = server.buyer("ana").await;
        let here = ana.open().await;
        bo.attach(&here).await;
        ana.say(&here, "before").await;
        let note = json!({"conversation_id": here, "client_message_id": "note-1", "text": "SECRET: asks every week"});
        let written = bo.call("conversation.note", note.clone()).await.unwrap();
        assert_eq!(bo.call("conversation.note", note).await.unwrap(), written, "a note sent twice is one");
        bo.say(&here, "after").await;

        // The buyer's sequence has no hole where the note stands, and nothing of the note is anywhere.
        let heard = ana.hears("after").await;
        assert_eq!((&heard["seq"], &heard["prev_seq"]), (&json!(3), &json!(1)));
        assert_eq!(texts(&ana.history(&here).await), ["before", "after"]);
        let missed = away.attach_after(&here, 0).await;
        assert_eq!(missed["events"].as_array().unwrap().len(), 2);
        let shown = conversation(&mut ana, &here).await;
        let list = ana.call("conversation.list", json!({})).await.unwrap();
        let sync = ana.call("conversation.sync", json!({})).await.unwrap();
        let summaries = away.pushes_so_far("conversation.updated").await;
        for seen in [&missed, &shown, &list, &sync, &json!(summaries)] {
            assert!(!seen.to_string().contains("SECRET"), "{seen}");
        }
        // Nor can the buyer get at it by its id.
        let recall = json!({"conversation_id": here, "message_id": written["message_id"]});
        assert_eq!(ana.call("message.recall", recall).await.unwrap_err().kind(), "not_found");
        // The agents have it, in its place.
        let history = bo.history(&here).await;
        assert_eq!(texts(&history), ["before", "SECRET: asks every week", "after"]);
        assert_eq!(history[1]["visibility"], "AGENTS");
    }

    async fn a_note_as_the_newest_event_leaves_the_buyers_view_as_it_was(setting: Setting) {
        let server = Server::start(setting).await;
        let (mut ana, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
        let here = ana.open().await;
        ana.say(&here, "hello").await;
        let before = conversation(&mut ana, &here).await;
        let note = json!({"conversation_id": here, "client_message_id": "n", "text": "hidden"});
        bo.call("conversation.note", note).await.unwrap();
        let after = conversation(&mut ana, &here).await;
        for field in ["last_seq", "latest_message", "unread_count"] {
            assert_eq!(after[field], before[field], "{field}");
        }
        // What the buyer may still do at their own last event, they may.
        let mut send = Client::message(&here, "m", "still last");
        send["if_last_seq"] = json!(1);
        assert_eq!(ana.call("message.send", send).await.unwrap()["seq"], 3);
    }

    async fn a_recalled_message_is_gone_from_everywhere(setting: Setting) {
        let server = Server::start(setting).await;
        let (mut ana, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
        let here = ana.open().await;
        bo.attach(&here).await;
        let regretted = ana.say(&here, "my card number is SECRET").await;
        ana.say(&here, "forget that").await;
        let recall = json!({"conversation_id": here, "message_id": regretted["message_id"]});
        let foreign = bo.call("message.recall", recall.clone()).await.unwrap_err();
        assert_eq!(foreign.kind(), "authorization", "only the sender takes a message back");
        assert_eq!(ana.call("message.recall", recall.clone()).await.unwrap(), json!({"seq": 3}));
        let revised = bo.push("message.revised").await;
        assert_eq!((&revised["seq"], &revised["prev_seq"]), (&json!(3), &json!(2)));
        let message = &revised["message"];
        assert_eq!((&message["seq"], &message["revision"], &message["recalled"]), (&json!(1), &json!(1), &json!(true)));
        assert_eq!(message["content"]["code"], "MESSAGE_RECALLED");
        assert_eq!(ana.call("message.recall", recall).await.unwrap_err().kind(), "already_exists");

        let history = bo.history(&here).await;
        assert_eq!((seqs(&history), &history[0]), (vec![1, 2], message), "once, in its place, in its latest revision");
        assert_eq!(conversation(&mut bo, &here).await["unread_count"], 1);
        let missed = server.agent("bo").await.attach_after(&here, 0).await;
        let events: Vec<_> = missed["events"].as_array().unwrap().iter().map(|event| &event["event"]).collect();
        assert_eq!(events, ["message.created", "message.created", "message.revised"]);
        for seen in [json!(history), missed, conversation(&mut ana, &here).await] {
            assert!(!seen.to_string().contains("SECRET"), "{seen}");
        }
    }

    async fn an_agent_takes_assigns_transfers_closes_and_reopens_and_the_buyer_sees_it(setting: Setting) {
        let server = Server::start(setting).await;
        let (mut ana, mut bo, mut cem) =
            (server.buyer("ana").await, server.agent("bo").await, server.agent("cem").await);
        let here = ana.open().await;
        let this = || json!({"conversation_id": here});
        ana.say(&here, "anyone there?").await;

        let taken = bo.call("conversation.take", this()).await.unwrap();
        assert_eq!(taken["conversation"]["assignee"]["user_id"], "bo");
        let told = ana.push_where("message.created", |push| push["message"]["content"]["type"] == "ALLOCATED_SERVICE").await;
        assert_eq!(told["message"]["content"]["assignee"]["user_id"], "bo");
        assert_eq!(told["message"]["sender"]["role"], "SYSTEM");
        let late = cem.call("conversation.take", this()).await.unwrap_err();
        assert_eq!((late.kind(), &late.data["current"]["assignee"]), ("conflict", &json!("bo")));

        let given = bo.call("conversation.transfer", json!({"conversation_id": here, "agent_id": "cem", "note": "SECRET: be kind"})).await.unwrap();
        assert_eq!(given["conversation"]["assignee"]["user_id"], "cem");
        // The take attached bo, so the transfer's note reaches him as an event.
        assert_eq!(bo.hears("SECRET: be kind").await["message"]["visibility"], "AGENTS");
        let back = cem.call("conversation.assign", this()).await.unwrap();
        assert_eq!(back["conversation"].get("assignee"), None, "back to the queue");
        let stale = json!({"conversation_id": here, "agent_id": "cem", "if_assignee": "bo"});
        assert_eq!(bo.call("conversation.assign", stale).await.unwrap_err().kind(), "conflict");
        let exact = json!({"conversation_id": here, "agent_id": "cem", "if_assignee": null});
        assert_eq!(bo.call("conversation.assign", exact).await.unwrap()["conversation"]["assignee"]["user_id"], "cem");
        let nobody = json!({"conversation_id": here, "agent_id": "ana"});
        let nobody = bo.call("conversation.assign", nobody).await.unwrap_err();
        assert_eq!((nobody.kind(), nobody.field()), ("validation", Some("agent_id")), "a buyer is no agent");

        let closed = cem.call("conversation.close", this()).await.unwrap();
        assert_eq!(closed["conversation"]["status"], "CLOSED");
        ana.push_where("message.created", |push| push["message"]["content"]["code"] == "CONVERSATION_CLOSED").await;
        let refused = cem.call("message.send", Client::message(&here, "late", "one more thing")).await.unwrap_err();
        assert_eq!(refused.kind(), "chat_inactive");
        assert_eq!(cem.call("conversation.take", this()).await.unwrap_err().kind(), "chat_inactive");
        assert_eq!(cem.call("conversation.reopen", this()).await.unwrap()["conversation"]["status"], "OPEN");
        ana.push_where("message.created", |push| push["message"]["content"]["code"] == "CONVERSATION_REOPENED").await;
        cem.call("conversation.close", this()).await.unwrap();
        ana.say(&here, "me again").await;
        assert_eq!(conversation(&mut ana, &here).await["status"], "OPEN", "the buyer's message opens it again");
        for seen in ana.history(&here).await {
            assert!(!seen.to_string().contains("SECRET"), "{seen}");
        }
    }

    async fn tags_are_the_agents_own(setting: Setting) {
        let server = Server::start(setting).await;
        let (mut ana, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
        let here = ana.open().await;
        let tag = |tag: &str| json!({"conversation_id": here, "tag": tag});
        for name in ["vip", "refund", "vip"] {
            bo.call("conversation.tag", tag(name)).await.unwrap();
        }
        assert_eq!(conversation(&mut bo, &here).await["tags"], json!(["vip", "refund"]));
        assert_eq!(conversation(&mut ana, &here).await["tags"], json!([]));
        let left = bo.call("conversation.untag", tag("vip")).await.unwrap();
        assert_eq!(left["conversation"]["tags"], json!(["refund"]));
        assert_eq!(ana.call("conversation.tag", tag("x")).await.unwrap_err().kind(), "authorization");
        assert_eq!(ana.pushes_so_far("message.created").await, Vec::<Value>::new(), "a tag is no event for the buyer");
    }

    async fn a_send_on_a_condition_that_no_longer_holds_tells_how_things_are(setting: Setting) {
        let server = Server::start(setting).await;
        let (mut ana, mut bo, mut cem) =
            (server.buyer("ana").await, server.agent("bo").await, server.agent("cem").await);
        let here = ana.open().await;
        ana.say(&here, "how long?").await;
        let on = |id: &str, text: &str, condition: Value| {
            let mut send = Client::message(&here, id, text);
            send.as_object_mut().unwrap().extend(condition.as_object().unwrap().clone());
            send
        };
        // Both agents answer what they see; one is first, and the other is shown the answer instead of doubling it.
        let first = bo.call("message.send", on("b1", "two days", json!({"if_last_seq": 1}))).await.unwrap();
        let late = cem.call("message.send", on("c1", "a week", json!({"if_last_seq": 1}))).await.unwrap_err();
        assert_eq!(late.kind(), "conflict");
        assert_eq!(late.data["current"]["last_seq"], 2);
        assert_eq!(late.data["current"]["latest_message"]["content"]["text"], "two days");
        let again = bo.call("message.send", on("b1", "two days", json!({"if_last_seq": 1}))).await.unwrap();
        assert_eq!(again, first, "a resend gets its first answer though the condition no longer holds");
        cem.call("message.send", on("c2", "or three", json!({"if_last_seq": 2}))).await.unwrap();

        cem.call("conversation.take", json!({"conversation_id": here})).await.unwrap();
        let not_mine = bo.call("message.send", on("b2", "hi", json!({"if_assignee": "bo"}))).await.unwrap_err();
        assert_eq!((not_mine.kind(), &not_mine.data["current"]["assignee"]), ("conflict", &json!("cem")));
        assert_eq!(bo.call("message.send", on("b3", "hi", json!({"if_assignee": null}))).await.unwrap_err().kind(), "conflict");
        bo.call("message.send", on("b4", "three it is", json!({"if_assignee": "cem"}))).await.unwrap();
        assert_eq!(ana.texts(&here).await, ["how long?", "two days", "or three", "three it is"]);
    }

    async fn a_list_is_paged_by_latest_change_and_filtered_by_status(setting: Setting) {
        let server = Server::start(setting).await;
        let mut bo = server.agent("bo").await;
        let mut opened = Vec::new();
        for number in 0..7 {
            let mut buyer = server.buyer(&format!("buyer-{number}")).await;
            let here = buyer.open().await;
            buyer.say(&here, "hello").await;
            opened.push(here);
        }
        bo.call("conversation.close", json!({"conversation_id": opened[3]})).await.unwrap();
        let mut listed = Vec::new();
        let mut token = String::new();
        let mut sizes = Vec::new();
        loop {
            let params = json!({"page_size": 3, "page_token": token});
            let page = bo.call("conversation.list", params).await.unwrap();
            let rows = page["conversations"].as_array().unwrap();
            sizes.push(rows.len());
            listed.extend(rows.iter().map(|row| row["conversation_id"].as_str().unwrap().to_owned()));
            page["next_page_token"].as_str().unwrap().clone_into(&mut token);
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(sizes, [3, 3, 1]);
        assert_eq!(listed[0], opened[3], "closed last, so changed last");
        listed.sort_unstable();
        let mut all = opened.clone();
        all.sort_unstable();
        assert_eq!(listed, all, "each once");
        let closed = bo.call("conversation.list", json!({"status": "CLOSED"})).await.unwrap();
        assert_eq!(closed["conversations"].as_array().unwrap().len(), 1);
        let open = bo.call("conversation.list", json!({"status": "OPEN", "page_size": 100})).await.unwrap();
        assert_eq!(open["conversations"].as_array().unwrap().len(), 6);
        let mut own = server.buyer("buyer-1").await;
        let own = own.call("conversation.list", json!({})).await.unwrap();
        assert_eq!(own["conversations"].as_array().unwrap().len(), 1, "a buyer lists their own");
    }

    async fn every_method_of_the_contract_answers_in_its_own_type(setting: Setting) {
        let server = Server::start(setting).await;
        let mut answered = Vec::new();
        let mut ana = server.buyer("ana").await;
        answered.push(MethodName::SessionStart);
        of_type::<method::SessionStart>(ana.started());
        let mut bo = server.agent("bo").await;
        drop(server.agent("cem").await);
        let here = ana.open().await;
        let sent = ana.say(&here, "hello").await;
        let message = Client::message(&here, "m-1", "hello again");
        let token = server.sign(&User::buyer("ana"));
        let this = || json!({"conversation_id": here});
        // In an order in which each is possible.
        ask::<method::SessionPing>(&mut ana, json!({}), &mut answered).await;
        ask::<method::RpcDiscover>(&mut ana, json!({}), &mut answered).await;
        ask::<method::SessionRefresh>(&mut ana, json!({"token": token}), &mut answered).await;
        ask::<method::ConversationOpen>(&mut ana, json!({"entry": {"type": "BUYER_ENTER_FROM_ORDER", "order_id": "o-1"}}), &mut answered).await;
        ask::<method::ConversationList>(&mut bo, json!({}), &mut answered).await;
        ask::<method::ConversationGet>(&mut bo, this(), &mut answered).await;
        ask::<method::ConversationHistory>(&mut bo, this(), &mut answered).await;
        ask::<method::ConversationAttach>(&mut bo, json!({"conversation_id": here, "after_seq": 0}), &mut answered).await;
        ask::<method::ConversationDetach>(&mut bo, this(), &mut answered).await;
        ask::<method::ConversationRead>(&mut bo, json!({"conversation_id": here, "seq": 1}), &mut answered).await;
        ask::<method::ConversationTyping>(&mut bo, this(), &mut answered).await;
        ask::<method::ConversationSync>(&mut bo, json!({}), &mut answered).await;
        ask::<method::ConversationTake>(&mut bo, this(), &mut answered).await;
        ask::<method::ConversationAssign>(&mut bo, json!({"conversation_id": here, "agent_id": "cem"}), &mut answered).await;
        ask::<method::ConversationTransfer>(&mut bo, json!({"conversation_id": here, "agent_id": "bo", "note": "yours"}), &mut answered).await;
        ask::<method::ConversationTag>(&mut bo, json!({"conversation_id": here, "tag": "vip"}), &mut answered).await;
        ask::<method::ConversationUntag>(&mut bo, json!({"conversation_id": here, "tag": "vip"}), &mut answered).await;
        ask::<method::ConversationNote>(&mut bo, json!({"conversation_id": here, "client_message_id": "n-1", "text": "note"}), &mut answered).await;
        ask::<method::ConversationClose>(&mut bo, this(), &mut answered).await;
        ask::<method::ConversationReopen>(&mut bo, this(), &mut answered).await;
        ask::<method::MessageSend>(&mut ana, message, &mut answered).await;
        ask::<method::MessageRecall>(&mut ana, json!({"conversation_id": here, "message_id": sent["message_id"]}), &mut answered).await;
        // The others: `workbench.rs`.
        let of_chat = |name: &str| !["workbench.", "buyer.", "card."].iter().any(|noun| name.starts_with(noun));
        for method in MethodName::ALL.iter().filter(|method| of_chat(method.as_str())) {
            assert!(answered.contains(method), "{} was never called", method.as_str());
        }
    }
}

async fn ask<M: Method>(client: &mut Client, params: Value, answered: &mut Vec<MethodName>) {
    let name = M::NAME.as_str();
    let result = client.call(name, params).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    of_type::<M>(&result);
    answered.push(M::NAME);
}

/// The answer is what the contract's type for it would write: nothing lost, nothing added.
fn of_type<M: Method>(result: &Value) {
    let name = M::NAME.as_str();
    let typed: M::Result =
        serde_json::from_value(result.clone()).unwrap_or_else(|error| panic!("{name}: {error}: {result}"));
    assert_eq!(serde_json::to_value(typed).unwrap(), *result, "{name}");
}

#[tokio::test]
async fn session_start_tells_the_caller_and_the_limits_in_force() {
    let server = ServerOptions::new(Setting::default())
        .env("DESKWIRE_GATEWAY__BATCH", 5)
        .env("DESKWIRE_CHAT__ATTACH_PAGE", 7)
        .start()
        .await;
    let ana = server.buyer("ana").await;
    let started = ana.started();
    assert_eq!(started["user"], json!({"user_id": "ana", "role": "BUYER", "name": "ana"}));
    assert_eq!(started["shop"], json!({"shop_id": User::SHOP}));
    assert_eq!(started["heartbeat"], json!({"interval_ms": 25_000, "timeout_ms": 10_000}));
    let limits = &started["limits"];
    for (limit, value) in [
        ("frame_bytes", 65_536),
        ("text_chars", 2_000),
        ("batch", 5),
        ("in_flight", 16),
        ("sends_per_second", 5),
        ("send_burst", 10),
        ("sessions", 8),
        ("outbox_events", 256),
        ("outbox_bytes", 524_288),
        ("history_page", 100),
        ("attach_page", 7),
        ("request_timeout_ms", 15_000),
    ] {
        assert_eq!(limits[limit], value, "{limit}");
    }
    let bo = server.agent("bo").await;
    let limits = &bo.started()["limits"];
    assert_eq!(
        (&limits["sends_per_second"], &limits["send_burst"], &limits["sessions"]),
        (&json!(20), &json!(40), &json!(16))
    );
}

#[tokio::test]
async fn typing_reaches_the_others_and_not_the_one_who_types() {
    let server = Server::start(Setting::default()).await;
    let (mut ana, mut phone) = (server.buyer("ana").await, server.buyer("ana").await);
    let (mut bo, mut cem) = (server.agent("bo").await, server.agent("cem").await);
    let here = ana.open().await;
    phone.open().await;
    bo.attach(&here).await;
    cem.attach(&here).await;
    ana.call("conversation.typing", json!({"conversation_id": here})).await.unwrap();
    for agent in [&mut bo, &mut cem] {
        let told = agent.push("typing").await;
        assert_eq!((&told["sender"]["user_id"], &told["typing"]), (&json!("ana"), &json!(true)));
        assert_eq!(told["expires_in_ms"], 6_000);
    }
    bo.call("conversation.typing", json!({"conversation_id": here, "typing": false})).await.unwrap();
    for other in [&mut ana, &mut phone, &mut cem] {
        let told = other.push("typing").await;
        assert_eq!((&told["sender"]["user_id"], &told["typing"]), (&json!("bo"), &json!(false)));
    }
    for client in [&mut ana, &mut phone, &mut bo] {
        assert_eq!(client.pushes_so_far("typing").await, Vec::<Value>::new());
    }
}

#[tokio::test]
async fn presence_begins_with_the_first_device_and_ends_with_the_last() {
    let server = Server::start(Setting::default()).await;
    let (mut ana, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
    let here = ana.open().await;
    let attached = bo.attach(&here).await;
    assert_eq!(attached["presence"], json!([{"role": "BUYER", "user_id": "ana", "online": true}]));
    assert_eq!(
        ana.push("presence").await,
        json!({"role": "CUSTOMER_SERVICE", "user_id": "bo", "online": true})
    );
    let mut phone = server.buyer("ana").await;
    let open = phone.attach(&here).await;
    assert_eq!(open["presence"], json!([{"role": "CUSTOMER_SERVICE", "user_id": "bo", "online": true}]));
    ana.leave().await;
    // One device is left, so ana is there: what the agent hears next of ana is their last word.
    phone.say(&here, "still here").await;
    bo.hears("still here").await;
    assert_eq!(bo.pushes_so_far("presence").await, Vec::<Value>::new());
    phone.leave().await;
    assert_eq!(bo.push("presence").await, json!({"role": "BUYER", "user_id": "ana", "online": false}));
    let _again = server.buyer("ana").await;
    assert_eq!(bo.push("presence").await, json!({"role": "BUYER", "user_id": "ana", "online": true}));
}

#[tokio::test]
async fn a_buyer_brings_where_they_come_from_and_it_is_told_once_while_it_is_the_newest() {
    let server = Server::start(Setting::default()).await;
    let (mut ana, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
    let product = json!({"entry": {"type": "BUYER_ENTER_FROM_PRODUCT", "product_id": "p-7"}});
    let opened = ana.call("conversation.open", product.clone()).await.unwrap();
    let here = opened["conversation"]["conversation_id"].as_str().unwrap().to_owned();
    assert_eq!(opened["conversation"]["last_seq"], 1);
    ana.call("conversation.open", product.clone()).await.unwrap();
    let history = bo.history(&here).await;
    assert_eq!(history.len(), 1);
    assert_eq!(history[0]["content"], json!({"type": "BUYER_ENTER_FROM_PRODUCT", "product_id": "p-7"}));
    ana.say(&here, "is it blue?").await;
    ana.call("conversation.open", product).await.unwrap();
    assert_eq!(bo.history(&here).await.len(), 3, "after other messages it is news again");
}

#[tokio::test]
async fn agents_who_are_not_attached_get_summaries_and_no_events() {
    let server = Server::start(Setting::default()).await;
    let (mut ana, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
    let mut other_shop = server.join(&User::agent("eve").of_shop("shop-2")).await;
    let here = ana.open().await;
    ana.say(&here, "anyone?").await;
    let summary =
        bo.push_where("conversation.updated", |told| told["conversation"]["unread_count"] == 1).await;
    assert_eq!(summary["conversation"]["conversation_id"], here);
    assert_eq!(summary["conversation"]["latest_message"]["content"]["text"], "anyone?");
    assert_eq!(bo.pushes_so_far("message.created").await, Vec::<Value>::new());
    assert_eq!(other_shop.pushes_so_far("conversation.updated").await, Vec::<Value>::new());
}

#[tokio::test]
async fn after_detach_no_event_comes_and_attaching_again_brings_what_was_missed() {
    let server = Server::start(Setting::default()).await;
    let (mut ana, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
    let here = ana.open().await;
    bo.attach(&here).await;
    ana.say(&here, "one").await;
    bo.hears("one").await;
    bo.call("conversation.detach", json!({"conversation_id": here})).await.unwrap();
    ana.say(&here, "two").await;
    assert_eq!(bo.pushes_so_far("message.created").await, Vec::<Value>::new());
    let missed = bo.attach_after(&here, 1).await;
    assert_eq!(missed["events"][0]["message"]["content"]["text"], "two");
    assert_eq!((&missed["last_seq"], &missed["has_more"]), (&json!(2), &json!(false)));
    ana.say(&here, "three").await;
    bo.hears("three").await;
}

#[tokio::test]
async fn a_json_client_and_a_messagepack_client_talk_with_each_other() {
    use deskwire_tests::{Codec, Connect};
    let server = Server::start(Setting::default()).await;
    let mut ana = Connect::to(&server).codec(Codec::MsgPack).open().await.unwrap();
    ana.start(&server.sign(&User::buyer("ana"))).await;
    let mut bo = server.agent("bo").await;
    let here = ana.open().await;
    bo.attach(&here).await;
    ana.say(&here, "packed").await;
    let by_bo = bo.hears("packed").await;
    assert_eq!(ana.hears("packed").await, by_bo, "the same document in both encodings");
    bo.say(&here, "in text").await;
    ana.hears("in text").await;
}
