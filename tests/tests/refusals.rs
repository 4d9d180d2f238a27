//! Every way to be refused: the error's type, the field it names, the limit it tells, and that nothing else suffers.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should say where")]

use std::time::Duration;

use deskwire_protocol::{MethodName, spec::example};
use deskwire_tests::{
    Client, Codec, Connect, Role, RpcError, Server, ServerOptions, Setting, User, everywhere,
};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

/// The params of the contract's own example, about this conversation.
fn params_of(method: MethodName, here: &str) -> Value {
    let mut params = example(method).params;
    if params.get("conversation_id").is_some() {
        params["conversation_id"] = here.into();
    }
    if params.get("message_id").is_some() {
        params["message_id"] = format!("{here}-1").into();
    }
    params
}

fn takes_a_conversation(method: MethodName) -> bool {
    example(method).params.get("conversation_id").is_some()
}

async fn refused(client: &mut Client, method: &str, params: Value) -> RpcError {
    let answer = client.call(method, params.clone()).await;
    answer.expect_err(&format!("{method} {params} should be refused"))
}

everywhere! {
    async fn what_is_not_the_callers_is_not_found_and_looks_as_if_it_did_not_exist(setting: Setting) {
        let server = Server::start(setting).await;
        let mut ana = server.buyer("ana").await;
        let here = ana.open().await;
        ana.say(&here, "private").await;
        let before = ana.history(&here).await;
        let mut strangers = [
            server.buyer("eve").await,
            server.join(&User::buyer("ana").of_shop("shop-2")).await,
            server.join(&User::agent("bo").of_shop("shop-2")).await,
            server.join(&User::admin("root").of_shop("shop-2")).await,
        ];
        for (number, stranger) in strangers.iter_mut().enumerate() {
            let role = [Role::Buyer, Role::Buyer, Role::Agent, Role::Admin][number];
            for &method in MethodName::ALL.iter().filter(|method| takes_a_conversation(**method)) {
                let name = method.as_str();
                let theirs = refused(stranger, name, params_of(method, &here)).await;
                if !method.roles().contains(&role) {
                    assert_eq!(theirs.kind(), "authorization", "{name}");
                    continue;
                }
                let nowhere = refused(stranger, name, params_of(method, "7")).await;
                assert_eq!(theirs.kind(), "not_found", "{name}: {theirs:?}");
                assert_eq!(theirs, nowhere, "{name}");
            }
            for method in ["conversation.list", "conversation.sync"] {
                let seen = stranger.call(method, json!({})).await.unwrap();
                assert_eq!(seen["conversations"], json!([]), "{method}");
            }
            let resume = json!({"resume": [{"conversation_id": here, "after_seq": 0}], "token": "none"});
            assert_eq!(refused(stranger, "session.start", resume).await.kind(), "already_exists");
        }
        assert_eq!(ana.history(&here).await, before);
        assert_eq!(ana.pushes_so_far("typing").await, Vec::<Value>::new());
    }

    async fn a_seventeenth_request_in_flight_is_refused_and_the_sixteen_are_answered(setting: Setting) {
        let server = Server::start(setting).await;
        let (mut ana, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
        let here = ana.open().await;
        let grip = server.hold_writes().await;
        let mut waiting = Vec::new();
        for number in 0..16 {
            waiting.push(bo.request("message.send", Client::message(&here, &format!("m-{number}"), "hold on")).await);
        }
        let full = refused(&mut bo, "message.send", Client::message(&here, "m-16", "too much")).await;
        assert_eq!((full.kind(), &full.data["limit"]), ("pending_requests_limit_reached", &json!(16)));
        assert_eq!(refused(&mut bo, "conversation.get", json!({"conversation_id": here})).await.kind(), "pending_requests_limit_reached");
        // Another socket has places of its own.
        assert_eq!(ana.history(&here).await, Vec::<Value>::new());
        grip.let_go().await;
        for (place, id) in (1..).zip(waiting) {
            assert_eq!(bo.reply(id).await.unwrap()["seq"], place);
        }
        bo.say(&here, "room again").await;
    }

    async fn a_request_that_takes_too_long_is_told_so_and_may_be_asked_again(setting: Setting) {
        let server = ServerOptions::new(setting).env("DESKWIRE_GATEWAY__REQUEST_TIMEOUT_SECONDS", 1).start().await;
        let mut ana = server.buyer("ana").await;
        let here = ana.open().await;
        let send = Client::message(&here, "m-1", "slowly");
        let grip = server.hold_writes().await;
        assert_eq!(refused(&mut ana, "message.send", send.clone()).await.kind(), "request_timeout");
        grip.let_go().await;
        assert_eq!(ana.call("message.send", send.clone()).await.unwrap()["seq"], 1);
        assert_eq!(ana.call("message.send", send).await.unwrap()["seq"], 1);
        assert_eq!(ana.texts(&here).await, ["slowly"]);
    }

    async fn a_message_is_recalled_within_two_minutes_and_not_later(setting: Setting) {
        let server = Server::start(setting).await;
        let mut ana = server.buyer("ana").await;
        let here = ana.open().await;
        let (old, young) = (ana.say(&here, "old").await, ana.say(&here, "young").await);
        server.execute("UPDATE message SET create_time = create_time - 121000 WHERE seq = 1").await;
        server.execute("UPDATE message SET create_time = create_time - 100000 WHERE seq = 2").await;
        let recall = |sent: &Value| json!({"conversation_id": here, "message_id": sent["message_id"]});
        let late = refused(&mut ana, "message.recall", recall(&old)).await;
        assert_eq!(late.kind(), "not_sendable");
        assert!(late.message.contains("120 seconds"), "{late:?}");
        ana.call("message.recall", recall(&young)).await.unwrap();
        assert_eq!(ana.texts(&here).await, ["old", "This message was recalled."]);
    }

    async fn a_row_that_cannot_be_read_is_an_internal_error_found_in_the_log_and_nothing_more(setting: Setting) {
        let server = Server::start(setting).await;
        let (mut ana, mut eva) = (server.buyer("ana").await, server.buyer("eva").await);
        let (here, there) = (ana.open().await, eva.open().await);
        ana.say(&here, "hello").await;
        server.execute(&format!("UPDATE message SET content = 'mould' WHERE conversation_id = {here}")).await;
        let failed = refused(&mut ana, "conversation.history", json!({"conversation_id": here})).await;
        assert_eq!(failed.kind(), "internal");
        assert!(!failed.message.contains("mould") && !failed.message.contains("message"), "no detail: {failed:?}");
        let request_id = failed.data["request_id"].as_str().expect("what finds it in the log");
        assert!(server.log().contains(request_id), "{}", server.log());
        eva.say(&there, "all is well here").await;
        ana.call("session.ping", json!({})).await.unwrap();
    }
}

#[tokio::test]
async fn a_frame_that_is_no_request_is_answered_in_its_place_and_the_socket_lives() {
    let server = Server::start(Setting::default()).await;
    let mut bystander = server.buyer("eve").await;
    let theirs = bystander.open().await;
    let mut ana = server.buyer("ana").await;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let deep_params =
        format!("{{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"session.ping\",\"params\":{{\"a\":{deep}}}}}");
    let deep_id = format!("{{\"jsonrpc\":\"2.0\",\"id\":{deep},\"method\":\"session.ping\"}}");
    for (frame, id, kind) in [
        ("", json!(null), "parse_error"),
        ("{", json!(null), "parse_error"),
        ("hello", json!(null), "parse_error"),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"session.ping\"} x", json!(null), "parse_error"),
        ("[{\"jsonrpc\"", json!(null), "parse_error"),
        (&deep_params, json!(9), "validation"),
        (&deep_id, json!(null), "invalid_request"),
        ("7", json!(null), "invalid_request"),
        ("null", json!(null), "invalid_request"),
        ("\"session.ping\"", json!(null), "invalid_request"),
        ("[]", json!(null), "invalid_request"),
        ("{}", json!(null), "invalid_request"),
        ("{\"jsonrpc\":\"2.0\",\"id\":\"x\"}", json!("x"), "invalid_request"),
        ("{\"jsonrpc\":\"1.0\",\"id\":9,\"method\":\"session.ping\"}", json!(9), "invalid_request"),
        ("{\"id\":9,\"method\":\"session.ping\"}", json!(9), "invalid_request"),
        ("{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":7}", json!(9), "invalid_request"),
        ("{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"session.ping\"}", json!(null), "invalid_request"),
        ("{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"session.ping\"}", json!(null), "invalid_request"),
        ("{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"no.such\"}", json!(9), "method_not_found"),
        ("{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"Session.Ping\"}", json!(9), "method_not_found"),
        ("{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"\"}", json!(9), "method_not_found"),
        ("{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"session.ping\",\"params\":7}", json!(9), "validation"),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"session.ping\",\"params\":[{},{}]}",
            json!(9),
            "validation",
        ),
        ("{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"session.ping\",\"params\":[7]}", json!(9), "validation"),
    ] {
        ana.send(Message::text(frame)).await;
        let shown = &frame[..frame.len().min(80)];
        let answer = ana.reply(id).await;
        assert_eq!(answer.expect_err(shown).kind(), kind, "{shown}");
    }
    // Ids come back as they were: also those that no number type of ours could hold.
    for id in ["18446744073709551616", "-1", "1.5", "\"\"", "\"ä\\u0000\"", "null"] {
        ana.send(Message::text(format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"session.ping\"}}")))
            .await;
        let Message::Text(answer) = ana.frame().await else { panic!("a text frame") };
        assert!(answer.contains(&format!("\"id\":{id},")), "{answer}");
    }
    bystander.say(&theirs, "nothing noticed").await;
}

#[tokio::test]
async fn a_binary_frame_that_is_no_request_is_answered_in_its_place_and_the_socket_lives() {
    let server = Server::start(Setting { codec: Codec::MsgPack, ..Setting::default() }).await;
    let mut ana = server.buyer("ana").await;
    let packed = |document: Value| rmp_serde::to_vec(&document).expect("it can be packed");
    let mut deep = packed(json!([0, 9, "session.ping"]));
    deep[0] = 0x94;
    deep.extend(vec![0x91; 10_000]);
    deep.push(0xc0);
    for (frame, id, kind) in [
        (vec![], json!(null), "parse_error"),
        (vec![0xc1], json!(null), "parse_error"),
        (vec![0x94, 0], json!(null), "invalid_request"),
        (b"{\"jsonrpc\":\"2.0\"}".to_vec(), json!(null), "parse_error"),
        (packed(json!({"method": "session.ping"})), json!(null), "parse_error"),
        (packed(json!([])), json!(null), "parse_error"),
        (packed(json!([1, 9, null, {}])), json!(null), "invalid_request"),
        (packed(json!([0, -9, "session.ping", {}])), json!(null), "invalid_request"),
        (packed(json!([0, "x", "session.ping", {}])), json!(null), "invalid_request"),
        (packed(json!([0, 4_294_967_296_u64, "session.ping", {}])), json!(null), "invalid_request"),
        (packed(json!([0, 9, 7, {}])), json!(9), "invalid_request"),
        (packed(json!([0, 9, "session.ping"])), json!(null), "invalid_request"),
        ([packed(json!([0, 9, "session.ping", {}])), vec![0xc0]].concat(), json!(9), "invalid_request"),
        (vec![0x94, 0, 9, 0xa1, b'x', 0xdd, 0xff, 0xff, 0xff, 0xff], json!(9), "invalid_request"),
        (deep, json!(9), "invalid_request"),
        (packed(json!([0, 9, "no.such", {}])), json!(9), "method_not_found"),
        (packed(json!([0, 9, "session.ping", [{}, {}]])), json!(9), "validation"),
        (packed(json!([0, 9, "session.ping", {"more": 1}])), json!(9), "validation"),
    ] {
        ana.send(Message::binary(frame.clone())).await;
        let shown = &frame[..frame.len().min(40)];
        let answer = ana.reply(id).await;
        assert_eq!(answer.unwrap_err().kind(), kind, "{shown:?}");
    }
    ana.call("session.ping", json!([{}])).await.expect("an array that holds the one object");
    ana.open().await;
}

#[tokio::test]
async fn an_unknown_field_is_refused_in_every_method_and_named() {
    for codec in Codec::ALL {
        let server = roomy(codec).await;
        let (mut ana, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
        let here = ana.open().await;
        for &method in MethodName::ALL {
            let caller = if method.roles().contains(&Role::Agent) { &mut bo } else { &mut ana };
            let mut params = params_of(method, &here);
            params["surprise"] = json!(1);
            let error = refused(caller, method.as_str(), params).await;
            assert_eq!(
                (error.kind(), error.field()),
                ("validation", Some("surprise")),
                "{}",
                method.as_str()
            );
        }
        assert_eq!(ana.history(&here).await, Vec::<Value>::new(), "nothing was done");
    }
}

/// A server that lets a test ask for much.
async fn roomy(codec: Codec) -> Server {
    ServerOptions::new(Setting { codec, ..Setting::default() })
        .env("DESKWIRE_GATEWAY__BUYER_SEND_BURST", 1_000)
        .env("DESKWIRE_GATEWAY__AGENT_SEND_BURST", 1_000)
        .env("DESKWIRE_GATEWAY__FRAME_BURST", 1_000)
        .start()
        .await
}

#[tokio::test]
async fn a_value_of_the_wrong_type_is_refused_in_every_field_of_every_method_and_named() {
    for codec in Codec::ALL {
        let server = roomy(codec).await;
        let (mut ana, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
        let here = ana.open().await;
        for &method in MethodName::ALL {
            let caller = if method.roles().contains(&Role::Agent) { &mut bo } else { &mut ana };
            let params = params_of(method, &here);
            for field in params.as_object().expect("params are an object").keys() {
                let mut wrong = params.clone();
                // No field of the contract takes a list of lists.
                wrong[field] = json!([[]]);
                let error = refused(caller, method.as_str(), wrong).await;
                let named = error.field().unwrap_or_default();
                assert!(
                    error.kind() == "validation"
                        && (named == field || named.starts_with(&format!("{field}["))),
                    "{} {field}: {error:?}",
                    method.as_str()
                );
            }
        }
    }
}

#[tokio::test]
async fn a_value_out_of_bounds_is_refused_and_its_field_named() {
    for codec in Codec::ALL {
        let server = roomy(codec).await;
        let (mut ana, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
        let here = ana.open().await;
        let send = |id: &str, content: Value| json!({"conversation_id": here, "client_message_id": id, "content": content});
        let text = |text: &str| json!({"type": "TEXT", "text": text});
        let of = |more: Value| {
            let mut params = json!({"conversation_id": here});
            params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            params
        };
        let (long, long_id) = ("é".repeat(2_001), "x".repeat(129));
        for (method, params, field) in [
            ("message.send", send("m", text(&long)), "content.text"),
            ("message.send", send("m", text("")), "content.text"),
            ("message.send", send("m", text(" \n\t ")), "content.text"),
            ("message.send", send("m", text("a\0b")), "content.text"),
            ("message.send", send("m", json!({"type": "TEXT"})), "content.text"),
            ("message.send", send("m", json!({"type": "TEXT", "text": 7})), "content.text"),
            ("message.send", send("m", json!({"type": "TEXT", "text": "x", "html": "x"})), "content.html"),
            ("message.send", send("m", json!({"type": "VIDEO", "text": "x"})), "content.type"),
            ("message.send", send("m", json!({"text": "x"})), "content.type"),
            ("message.send", send("", text("x")), "client_message_id"),
            ("message.send", send(&long_id, text("x")), "client_message_id"),
            ("message.send", send("a\nb", text("x")), "client_message_id"),
            ("message.send", json!({"client_message_id": "m", "content": text("x")}), "conversation_id"),
            (
                "message.send",
                json!({"conversation_id": "007", "client_message_id": "m", "content": text("x")}),
                "conversation_id",
            ),
            (
                "message.send",
                json!({"conversation_id": 7, "client_message_id": "m", "content": text("x")}),
                "conversation_id",
            ),
            ("message.recall", of(json!({"message_id": "7"})), "message_id"),
            ("conversation.history", of(json!({"limit": 0})), "limit"),
            ("conversation.history", of(json!({"limit": 101})), "limit"),
            ("conversation.history", of(json!({"before_seq": -1})), "before_seq"),
            ("conversation.history", of(json!({"before_seq": 1.5})), "before_seq"),
            ("conversation.history", of(json!({"before_seq": 5, "after_seq": 2})), "after_seq"),
            ("conversation.attach", of(json!({"after_seq": 1})), "after_seq"),
            ("conversation.list", json!({"page_size": 101}), "page_size"),
            ("conversation.list", json!({"page_token": "stolen"}), "page_token"),
            ("conversation.list", json!({"status": "HALF"}), "status"),
            ("conversation.sync", json!({"cursor": "1.2.3"}), "cursor"),
            ("conversation.read", of(json!({"seq": 1})), "seq"),
            ("session.refresh", json!({}), "token"),
        ] {
            let error = refused(&mut ana, method, params.clone()).await;
            assert_eq!((error.kind(), error.field()), ("validation", Some(field)), "{method} {params}");
        }
        for (method, params, field) in [
            ("conversation.tag", of(json!({"tag": "x".repeat(41)})), "tag"),
            ("conversation.tag", of(json!({"tag": " "})), "tag"),
            ("conversation.note", of(json!({"client_message_id": "n", "text": long})), "text"),
            ("conversation.transfer", of(json!({"agent_id": "bo", "note": long})), "note"),
            ("conversation.assign", of(json!({"agent_id": "nobody"})), "agent_id"),
        ] {
            let error = refused(&mut bo, method, params.clone()).await;
            assert_eq!((error.kind(), error.field()), ("validation", Some(field)), "{method} {params}");
        }
        let error =
            refused(&mut ana, "conversation.open", json!({"entry": {"type": "BUYER_ENTER_FROM_AFAR"}})).await;
        assert_eq!(error.kind(), "validation");
        // Just within the bounds: characters count, not bytes, and an id of 128 bytes is one.
        ana.call("message.send", send(&"x".repeat(128), text(&"😀".repeat(2_000)))).await.unwrap();
        bo.call("conversation.tag", of(json!({"tag": "é".repeat(40)}))).await.unwrap();
        assert_eq!(ana.texts(&here).await, ["😀".repeat(2_000)]);
    }
}

#[tokio::test]
async fn a_role_calls_what_is_its_own_and_no_one_anything_before_session_start() {
    let server = Server::start(Setting::default()).await;
    let (mut ana, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
    let mut nobody = server.connect().await;
    let here = ana.open().await;
    for &method in MethodName::ALL {
        let name = method.as_str();
        for (client, role) in [(&mut ana, Role::Buyer), (&mut bo, Role::Agent)] {
            if !method.roles().contains(&role) {
                assert_eq!(
                    refused(client, name, params_of(method, &here)).await.kind(),
                    "authorization",
                    "{name}"
                );
            }
        }
        if method.needs_session() {
            let error = refused(&mut nobody, name, params_of(method, &here)).await;
            assert_eq!(error.kind(), "authentication", "{name}");
        }
    }
    nobody.call("session.ping", json!({})).await.unwrap();
    nobody.call("rpc.discover", json!({})).await.unwrap();
    // It is long: once is enough for whoever does not say who they are.
    assert_eq!(refused(&mut nobody, "rpc.discover", json!({})).await.kind(), "limit_reached");
    let discover = json!({"jsonrpc": "2.0", "id": 1, "method": "rpc.discover"});
    for (_, answer) in nobody.batch(json!(vec![discover; 32])).await {
        assert_eq!(answer.unwrap_err().kind(), "limit_reached");
    }
    assert_eq!(refused(&mut nobody, "no.such", json!({})).await.kind(), "method_not_found");
    nobody.start(&server.sign(&User::buyer("eve"))).await;
    let twice =
        refused(&mut nobody, "session.start", json!({"token": server.sign(&User::buyer("eve"))})).await;
    assert_eq!(twice.kind(), "already_exists");
    for other in [User::buyer("mallory"), User::agent("eve"), User::buyer("eve").of_shop("shop-2")] {
        let swap = refused(&mut nobody, "session.refresh", json!({"token": server.sign(&other)})).await;
        assert_eq!(swap.kind(), "authorization", "a session stays its user's");
    }
}

#[tokio::test]
async fn sends_above_the_rate_are_told_when_there_is_room_again() {
    let server = Server::start(Setting::default()).await;
    let (mut ana, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
    let here = ana.open().await;
    for (client, burst, per_second) in [(&mut ana, 10, 5), (&mut bo, 40, 20)] {
        // A send that is refused for its params counts too, and needs no place in flight: so all can come at once.
        let mut asked = Vec::new();
        for _ in 0..2 * burst {
            asked.push(client.request("message.send", json!({})).await);
        }
        let mut answers = Vec::new();
        for id in asked {
            answers.push(client.reply(id).await.unwrap_err());
        }
        let first_told = answers.iter().position(|error| error.kind() == "too_many_requests");
        let first_told = first_told.expect("twice the burst is above the rate");
        assert!(first_told >= burst, "the burst is taken: {first_told}");
        for error in &answers[first_told..] {
            if error.kind() == "too_many_requests" {
                let wait = error.data["retry_after_ms"].as_u64().expect("when to come back");
                assert!((1..=1_000 / per_second).contains(&wait), "{wait}");
            }
        }
        // The wait that the server asks for is enough.
        tokio::time::sleep(Duration::from_millis(1_000 / per_second)).await;
        client.say(&here, "slower").await;
    }
    // Reading is not sending.
    for _ in 0..50 {
        ana.call("session.ping", json!({})).await.unwrap();
    }
}

#[tokio::test]
async fn each_count_limit_tells_its_number() {
    let server = ServerOptions::new(Setting::default()).env("DESKWIRE_CHAT__ATTACHMENTS", 2).start().await;
    let mut bo = server.agent("bo").await;
    let mut places = Vec::new();
    for name in ["ana", "eva", "ida"] {
        places.push(server.buyer(name).await.open().await);
    }
    bo.attach(&places[0]).await;
    bo.attach(&places[1]).await;
    bo.attach(&places[0]).await;
    let full = refused(&mut bo, "conversation.attach", json!({"conversation_id": places[2]})).await;
    assert_eq!((full.kind(), &full.data["limit"]), ("limit_reached", &json!(2)));
    bo.call("conversation.detach", json!({"conversation_id": places[0]})).await.unwrap();
    bo.attach(&places[2]).await;

    for number in 0..20 {
        let tag = json!({"conversation_id": places[0], "tag": format!("tag-{number}")});
        bo.call("conversation.tag", tag).await.unwrap();
    }
    let full =
        refused(&mut bo, "conversation.tag", json!({"conversation_id": places[0], "tag": "one-more"})).await;
    assert_eq!((full.kind(), &full.data["limit"]), ("limit_reached", &json!(20)));

    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "session.ping"});
    assert_eq!(bo.batch(json!(vec![ping.clone(); 32])).await.len(), 32);
    bo.send(Message::text(json!(vec![ping; 33]).to_string())).await;
    let full = bo.reply(Value::Null).await.unwrap_err();
    assert_eq!((full.kind(), &full.data["limit"]), ("limit_reached", &json!(32)));

    let resume = vec![json!({"conversation_id": places[0]}); 33];
    let mut many = server.connect().await;
    let start = json!({"token": server.sign(&User::agent("cem")), "resume": resume});
    let full = refused(&mut many, "session.start", start).await;
    assert_eq!((full.kind(), full.field()), ("validation", Some("resume")));
    let resume = vec![json!({"conversation_id": places[0]}); 2];
    let start = json!({"token": server.sign(&User::agent("cem")), "resume": resume});
    let twice = refused(&mut many, "session.start", start).await;
    assert_eq!((twice.kind(), twice.field()), ("validation", Some("resume[1].conversation_id")));
}

#[tokio::test]
async fn a_batch_takes_as_many_places_in_flight_as_it_has_requests() {
    let server = Server::start(Setting::default()).await;
    let mut bo = server.agent("bo").await;
    let here = server.buyer("ana").await.open().await;
    let grip = server.hold_writes().await;
    let send = |number: usize| {
        let params = Client::message(&here, &format!("m-{number}"), "together");
        json!({"jsonrpc": "2.0", "id": number, "method": "message.send", "params": params})
    };
    let ten: Vec<Value> = (1..=10).map(send).collect();
    bo.send(Message::text(json!(ten).to_string())).await;
    for (_, answer) in bo.batch(json!((11..=17).map(send).collect::<Vec<_>>())).await {
        assert_eq!(answer.unwrap_err().kind(), "pending_requests_limit_reached");
    }
    grip.let_go().await;
    let answers = loop {
        let frame = bo.frame().await.into_text().unwrap();
        if frame.starts_with('[') {
            break serde_json::from_str::<Value>(&frame).unwrap();
        }
    };
    assert_eq!(
        answers.as_array().unwrap().iter().filter(|answer| answer["result"]["seq"].is_i64()).count(),
        10
    );
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "session.ping"});
    for (_, answer) in bo.batch(json!(vec![ping; 32])).await {
        answer.expect("one that is longer has all places to itself");
    }
}

#[tokio::test]
async fn long_answers_are_bounded_together_in_a_batch_and_when_a_session_resumes() {
    const SAID: usize = 60;
    let server =
        ServerOptions::new(Setting::default()).env("DESKWIRE_GATEWAY__BUYER_SEND_BURST", 1_000).start().await;
    let mut places = Vec::new();
    for name in ["ana", "eva", "ina"] {
        let mut buyer = server.buyer(name).await;
        let here = buyer.open().await;
        for _ in 0..SAID {
            buyer.say(&here, &"😀".repeat(1_900)).await;
        }
        places.push(here);
    }
    let mut bo = server.agent("bo").await;
    let params = json!({"conversation_id": places[0], "limit": 100});
    let history = json!({"jsonrpc": "2.0", "id": 1, "method": "conversation.history", "params": params});
    let answers = bo.batch(json!(vec![history; 8])).await;
    let (long, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().map(|(_, answer)| answer).partition(Result::is_ok);
    assert!((2..=4).contains(&long.len()), "a MiB of them: {}", long.len());
    assert!(refused.into_iter().all(|answer| answer.unwrap_err().kind() == "limit_reached"));

    let mut cem = server.connect().await;
    let resume: Vec<Value> =
        places.iter().map(|here| json!({"conversation_id": here, "after_seq": 0})).collect();
    let start = json!({"token": server.sign(&User::agent("cem")), "resume": resume});
    let started = cem.call("session.start", start).await.unwrap();
    let events = |index: usize| started["resumed"][index]["attached"]["events"].as_array().unwrap().len();
    assert!(events(0) > 40 && events(0) + events(1) + events(2) < SAID, "as much as one answer may bring");
    for (index, here) in places.iter().enumerate() {
        let attached = &started["resumed"][index]["attached"];
        assert_eq!(attached["has_more"], true);
        let mut after = attached["last_seq"].as_i64().unwrap();
        assert_eq!(after, i64::try_from(events(index)).unwrap(), "a part never looks like the whole");
        loop {
            let page = cem.attach_after(here, after).await;
            after = page["last_seq"].as_i64().unwrap();
            if page["has_more"] == false {
                break;
            }
        }
        assert_eq!(after, i64::try_from(SAID).unwrap());
    }
}

#[tokio::test]
async fn whatever_writes_a_message_counts_as_a_send() {
    let server = Server::start(Setting::default()).await;
    let (mut ana, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
    let here = ana.open().await;
    let mut too_many = 0;
    for number in 0..20 {
        let entry = json!({"type": "BUYER_ENTER_FROM_PRODUCT", "product_id": format!("p-{number}")});
        if let Err(error) = ana.call("conversation.open", json!({"entry": entry})).await {
            assert_eq!(error.kind(), "too_many_requests");
            too_many += 1;
        }
    }
    assert!(too_many > 0, "ten at once, five a second");
    ana.call("conversation.open", json!({})).await.expect("one that writes nothing does not count");
    for method in ["conversation.close", "conversation.reopen", "conversation.take"] {
        let mut told = false;
        for _ in 0..80 {
            let answer = bo.call(method, json!({"conversation_id": here})).await;
            told |= answer.is_err_and(|error| error.kind() == "too_many_requests");
        }
        assert!(told, "{method}");
    }
}

#[tokio::test]
async fn a_largest_frame_is_taken() {
    let server = Server::start(Setting::default()).await;
    let mut ana = server.buyer("ana").await;
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "session.ping"}).to_string();
    ana.send(Message::text(format!("{ping}{}", " ".repeat(65_536 - ping.len())))).await;
    ana.reply(1).await.unwrap();
}

#[tokio::test]
async fn a_notification_gets_no_answer_not_even_an_error() {
    for codec in Codec::ALL {
        let server = Server::start(Setting { codec, ..Setting::default() }).await;
        let mut ana = server.buyer("ana").await;
        let here = ana.open().await;
        ana.notify("no.such", json!({})).await;
        ana.notify("message.send", json!({"typo": 1})).await;
        ana.notify("message.send", Client::message(&here, "m-1", "quietly")).await;
        ana.call("session.ping", json!({})).await.unwrap();
        ana.hears("quietly").await;
        ana.cut();
        let mut raw = Connect::to(&server).open().await.unwrap();
        raw.notify("conversation.list", json!({})).await;
        raw.call("session.ping", json!({})).await.unwrap();
    }
}
