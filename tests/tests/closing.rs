//! Every way in which the server ends a socket: what triggers it, the code that tells the client what to do, and that
//! no other socket notices.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::time::{Duration, Instant};

use deskwire_protocol::CloseCode;
use deskwire_tests::{
    Backend, Client, Closed, Codec, Connect, Server, ServerOptions, Setting, User, everywhere, signed, within,
};
use futures::future::join_all;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::Message;

fn options() -> ServerOptions {
    ServerOptions::new(Setting::default())
}

/// The socket ends with this code and the sentence that belongs to it.
async fn ends_with(client: &mut Client, code: CloseCode) {
    let reason = code.sentence().to_owned();
    assert_eq!(client.closed().await, Closed::With { code: code.code(), reason });
}

/// Two people whose talk nothing may disturb.
struct Bystanders {
    buyer: Client,
    agent: Client,
    here: String,
}

impl Bystanders {
    async fn of(server: &Server) -> Self {
        let (mut buyer, mut agent) = (server.buyer("by").await, server.agent("stander").await);
        let here = buyer.open().await;
        agent.attach(&here).await;
        Self { buyer, agent, here }
    }

    async fn talk(&mut self) {
        let text = Client::fresh_id();
        self.buyer.say(&self.here, &text).await;
        self.agent.hears(&text).await;
    }
}

everywhere! {
    async fn a_draining_server_answers_what_it_took_and_then_sends_everyone_elsewhere(setting: Setting) {
        let mut server = Server::start(setting).await;
        let (mut ana, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
        let mut undecided = server.connect().await;
        let here = ana.open().await;
        assert_eq!(server.get("/readyz").await.status, 200);
        let grip = server.hold_writes().await;
        let asked = ana.request("message.send", Client::message(&here, "m-1", "just in time")).await;
        let unrelated = ana.request("session.ping", json!({})).await;
        ana.reply(unrelated).await.unwrap();

        server.signal_to_end().await;
        for client in [&mut ana, &mut bo] {
            assert!(client.push("session.draining").await["reconnect_after_ms"].is_u64());
        }
        ends_with(&mut bo, CloseCode::Draining).await;
        ends_with(&mut undecided, CloseCode::Draining).await;
        // While the last one waits for its answer: alive, not ready, and no one new.
        let ready = server.get("/readyz").await;
        assert_eq!((ready.status, ready.body.contains("\"draining\":true")), (503, true), "{ready:?}");
        assert_eq!(server.get("/healthz").await.status, 200);
        assert_eq!(Connect::to(&server).open().await.unwrap_err(), 503);
        grip.let_go().await;
        assert_eq!(ana.reply(asked).await.unwrap()["seq"], 1);
        ends_with(&mut ana, CloseCode::Draining).await;
        assert_eq!(server.ended().await.code(), Some(0));

        server.start_again().await;
        assert_eq!(server.buyer("ana").await.texts(&here).await, ["just in time"]);
    }
}

#[tokio::test]
async fn a_drain_tells_batch_after_batch_and_spreads_their_return() {
    let server = options()
        .env("DESKWIRE_GATEWAY__DRAIN_BATCH", 2)
        .env("DESKWIRE_GATEWAY__DRAIN_PAUSE_MS", 20)
        .start()
        .await;
    let mut clients = Vec::new();
    for number in 0..5 {
        clients.push(server.buyer(&format!("ana-{number}")).await);
    }
    server.signal_to_end().await;
    let mut waits = std::collections::HashSet::new();
    for mut client in clients {
        waits.insert(client.push("session.draining").await["reconnect_after_ms"].as_u64().unwrap());
        ends_with(&mut client, CloseCode::Draining).await;
    }
    assert!(waits.len() > 1, "not all at once: {waits:?}");
}

#[tokio::test]
async fn a_second_signal_ends_the_process_at_once_and_says_1012() {
    let mut server = Server::start(Setting::default()).await;
    let mut ana = server.buyer("ana").await;
    let here = ana.open().await;
    let grip = server.hold_writes().await;
    ana.request("message.send", Client::message(&here, "m-1", "too late?")).await;
    server.signal_to_end().await;
    ana.push("session.draining").await;
    server.signal_to_end().await;
    ends_with(&mut ana, CloseCode::Restarting).await;
    assert_eq!(server.ended().await.code(), Some(1), "not everything was done");
    grip.let_go().await;
    // It was not acknowledged, so the client sends it again, and it is there once.
    server.start_again().await;
    let mut ana = server.buyer("ana").await;
    ana.call("message.send", Client::message(&here, "m-1", "too late?")).await.unwrap();
    assert_eq!(ana.texts(&here).await, ["too late?"]);
}

#[tokio::test]
async fn whoever_is_still_there_when_the_drain_must_end_is_told_1012() {
    let mut server = options().env("DESKWIRE_GATEWAY__DRAIN_DEADLINE_SECONDS", 1).start().await;
    let mut ana = server.buyer("ana").await;
    let here = ana.open().await;
    let grip = server.hold_writes().await;
    ana.request("message.send", Client::message(&here, "m-1", "taken")).await;
    server.signal_to_end().await;
    ends_with(&mut ana, CloseCode::Restarting).await;
    grip.let_go().await;
    assert_eq!(server.ended().await.code(), Some(0), "what was taken is committed all the same");
    server.start_again().await;
    assert_eq!(server.buyer("ana").await.texts(&here).await, ["taken"]);
}

#[tokio::test]
async fn a_reader_too_slow_is_closed_with_4001_and_resumes_without_loss_while_others_notice_nothing() {
    for codec in Codec::ALL {
        let server = ServerOptions::new(Setting { codec, ..Setting::default() })
            .env("DESKWIRE_GATEWAY__PING_TIMEOUT_SECONDS", 1)
            .env("DESKWIRE_GATEWAY__BUYER_SEND_BURST", 100_000)
            .env("DESKWIRE_GATEWAY__FRAME_BURST", 100_000)
            .start()
            .await;
        let (mut ana, mut cem) = (server.buyer("ana").await, server.agent("cem").await);
        let mut bo = Connect::to(&server).receive_buffer(4_096).open().await.unwrap();
        bo.start(&server.sign(&User::agent("bo"))).await;
        let here = ana.open().await;
        cem.attach(&here).await;
        bo.attach(&here).await;
        // From here on bo does not read. Ana and cem talk on until the server has given bo up.
        let mut said = 0;
        let gave_up = |told: &Value| told["user_id"] == "bo" && told["online"] == false;
        while !ana.pushes_so_far("presence").await.iter().any(gave_up) {
            said += 1;
            let text = format!("{said} {}", "😀".repeat(1_900));
            ana.say(&here, &text).await;
            cem.hears(&text).await;
            assert!(said < 5_000, "a reader that never reads was never given up");
        }
        let seen = bo.pushes_to_the_end("message.created").await;
        ends_with(&mut bo, CloseCode::SlowConsumer).await;
        let last = seen.last().map_or(0, |push| push["seq"].as_i64().unwrap());
        assert!(last < said, "it cannot have read all");
        let mut bo = server.agent("bo").await;
        let mut after = last;
        loop {
            let page = bo.attach_after(&here, after).await;
            after = page["last_seq"].as_i64().unwrap();
            if page["has_more"] == false {
                break;
            }
        }
        assert_eq!(after, said);
        ana.say(&here, "welcome back").await;
        bo.hears("welcome back").await;
        assert!(server.get("/metrics").await.body.contains("deskwire_closes_total{code=\"4001\"} 1"));
    }
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_closed_with_4002_and_those_who_answer_stay() {
    let server = options()
        .env("DESKWIRE_GATEWAY__PING_INTERVAL_SECONDS", 1)
        .env("DESKWIRE_GATEWAY__PING_TIMEOUT_SECONDS", 1)
        .start()
        .await;
    let (mut ana, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
    let here = ana.open().await;
    bo.attach(&here).await;
    // Ana's client is not read, so it answers no ping; bo's is, and learns that she is gone.
    let gone = bo.push_where("presence", |told| told["online"] == false).await;
    assert_eq!(gone["user_id"], "ana");
    ends_with(&mut ana, CloseCode::HeartbeatMissed).await;
    bo.say(&here, "still here").await;
}

#[tokio::test]
async fn a_session_that_cannot_begin_for_the_servers_own_reasons_is_closed_with_4003() {
    let server = options().env("DESKWIRE_GATEWAY__REQUEST_TIMEOUT_SECONDS", 1).start().await;
    let bearer = format!("Bearer {}", server.sign(&User::buyer("ana")));
    let grip = server.hold_writes().await;
    // Authenticated by its header, so there is no request whose answer could tell.
    let mut ana = Connect::to(&server).header("authorization", &bearer).open().await.unwrap();
    ends_with(&mut ana, CloseCode::InternalError).await;
    grip.let_go().await;
    let mut ana = Connect::to(&server).header("authorization", &bearer).open().await.unwrap();
    ana.open().await;
}

#[tokio::test]
async fn a_token_that_is_not_accepted_is_told_and_closed_with_4500() {
    let server = Server::start(Setting::default()).await;
    let secret = server.secret();
    let claims = |changes: Value| {
        let mut claims = User::buyer("ana").claims();
        claims["exp"] = json!(4_102_444_800_u64);
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        claims
    };
    let good = server.sign(&User::buyer("ana"));
    let parts: Vec<_> = good.split('.').collect();
    let other_claims = signed(Algorithm::HS256, &claims(json!({"role": "ADMIN"})), &secret);
    let spliced = [parts[0], other_claims.split('.').nth(1).unwrap(), parts[2]].join(".");
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.", parts[1]);
    for (token, what) in [
        (String::new(), "empty"),
        ("a.b.c".into(), "no JWT"),
        (
            signed(Algorithm::HS256, &claims(json!({})), "another secret, as long as a good one"),
            "another secret",
        ),
        (signed(Algorithm::HS384, &claims(json!({})), &secret), "another algorithm"),
        (unsigned, "algorithm none"),
        (spliced, "another's claims under this signature"),
        (signed(Algorithm::HS256, &claims(json!({"exp": 1})), &secret), "expired"),
        (signed(Algorithm::HS256, &claims(json!({"nbf": 4_102_444_800_u64})), &secret), "not valid yet"),
        (signed(Algorithm::HS256, &claims(json!({"role": "OWNER"})), &secret), "no such role"),
        (signed(Algorithm::HS256, &claims(json!({"sub": ""})), &secret), "no user"),
        (signed(Algorithm::HS256, &claims(json!({"shop": null})), &secret), "no shop"),
        (
            signed(Algorithm::HS256, &json!({"sub": "ana", "role": "BUYER", "shop": "s"}), &secret),
            "without an end",
        ),
    ] {
        let mut client = server.connect().await;
        let refused = client.call("session.start", json!({"token": token})).await;
        assert_eq!(refused.expect_err(what).kind(), "authentication", "{what}");
        ends_with(&mut client, CloseCode::AuthenticationFailed).await;
        let bearer = Connect::to(&server).header("authorization", format!("Bearer {token}")).open().await;
        assert_eq!(bearer.expect_err(what), 401, "{what}");
    }
}

#[tokio::test]
async fn a_socket_that_does_not_authenticate_in_time_is_closed_with_4500_whatever_it_says_meanwhile() {
    let server = options().env("DESKWIRE_GATEWAY__AUTHENTICATION_TIMEOUT_SECONDS", 1).start().await;
    let mut bystanders = Bystanders::of(&server).await;
    let (mut silent, mut busy) = (server.connect().await, server.connect().await);
    // Answered until the time is over.
    while busy.call_or_end("session.ping", json!({})).await.is_some() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    ends_with(&mut busy, CloseCode::AuthenticationFailed).await;
    ends_with(&mut silent, CloseCode::AuthenticationFailed).await;
    bystanders.talk().await;
}

#[tokio::test]
async fn a_token_that_runs_out_is_announced_and_closed_with_4501_and_a_refreshed_one_lives_on() {
    let server = Server::start(Setting::default()).await;
    let short = || User::buyer("ana").for_only(Duration::from_secs(2));
    let (mut ends, mut lives) = (server.join(&short()).await, server.join(&short()).await);
    let expire_time = ends.started()["expire_time"].clone();
    assert_eq!(ends.push("session.expiring").await["expire_time"], expire_time);
    lives.push("session.expiring").await;
    lives.call("session.refresh", json!({"token": server.sign(&User::buyer("ana"))})).await.unwrap();
    ends_with(&mut ends, CloseCode::TokenExpired).await;
    let now = lives.call("session.ping", json!({})).await.unwrap()["server_time"].as_i64().unwrap();
    let late = now - expire_time.as_i64().unwrap();
    assert!((0..5_000).contains(&late), "closed {late} ms after the token's end");
    lives.open().await;
}

#[tokio::test]
async fn a_revoked_user_is_closed_with_4502_on_every_device_and_comes_back_with_a_newer_token_only() {
    let server = Server::start(Setting::default()).await;
    let old = server.token(&User::buyer("ana")).await;
    let mut devices = [server.buyer("ana").await, server.connect().await];
    devices[1].start(&old).await;
    // A buyer and an agent may bear the same id; only one of them is meant.
    let mut namesake = server.agent("ana").await;
    let mut other = server.buyer("eva").await;
    let asked_at = Instant::now();
    let revoked =
        server.run_to_end(&["revoke", "--role", "BUYER", "--shop", User::SHOP, "--sub", "ana"]).await;
    assert!(revoked.status.success(), "{revoked:?}");
    for device in &mut devices {
        ends_with(device, CloseCode::Revoked).await;
    }
    assert!(asked_at.elapsed() < Duration::from_secs(5), "{:?}", asked_at.elapsed());
    let mut again = server.connect().await;
    let refused = again.call("session.start", json!({"token": old})).await.unwrap_err();
    assert_eq!(refused.kind(), "authentication");
    ends_with(&mut again, CloseCode::Revoked).await;

    let now = namesake.call("session.ping", json!({})).await.unwrap()["server_time"].as_i64().unwrap();
    let mut claims = User::buyer("ana").claims();
    claims["iat"] = json!(now / 1_000 + 1);
    claims["exp"] = json!(now / 1_000 + 600);
    let mut again = server.connect().await;
    again.start(&signed(Algorithm::HS256, &claims, &server.secret())).await;
    other.call("session.ping", json!({})).await.unwrap();
}

#[tokio::test]
async fn what_is_no_websocket_stream_of_this_encoding_is_closed_with_4503_and_others_notice_nothing() {
    for codec in Codec::ALL {
        let server = Server::start(Setting { codec, ..Setting::default() }).await;
        let mut bystanders = Bystanders::of(&server).await;
        let other_type = match codec {
            Codec::Json => Message::binary(vec![0x94, 0, 1]),
            Codec::MsgPack => Message::text("{}"),
        };
        for mut client in [server.connect().await, server.buyer("ana").await] {
            client.send(other_type.clone()).await;
            ends_with(&mut client, CloseCode::ProtocolError).await;
        }
        let mask = [0; 4];
        let long_ping = [0; 4 + 128];
        for (head, rest, what) in [
            (&[0x81, 0x02][..], &b"{}"[..], "not masked"),
            (&[0x83, 0x80], &mask, "an opcode that does not exist"),
            (&[0xc1, 0x80], &mask, "a reserved bit: no compression was agreed on"),
            (&[0x80, 0x80], &mask, "a continuation of nothing"),
            (&[0x89, 0xfe, 0x00, 0x80], &long_ping, "a ping longer than a control frame may be"),
            (&[0x09, 0x80], &mask, "a ping in fragments"),
            (&[0x81, 0x82, 0, 0, 0, 0], &[0xff, 0xfe], "a text that is no UTF-8"),
        ] {
            let mut client = server.buyer("ana").await;
            client.send_bytes(&[head, rest].concat()).await;
            let closed = client.closed().await;
            assert!(matches!(closed, Closed::With { code: 4503, .. }), "{what}: {closed:?}");
        }
        bystanders.talk().await;
    }
}

#[tokio::test]
async fn a_frame_above_64_kib_is_closed_with_4504_and_others_notice_nothing() {
    for codec in Codec::ALL {
        let server = Server::start(Setting { codec, ..Setting::default() }).await;
        let mut bystanders = Bystanders::of(&server).await;
        for size in [65_537, 8 << 20] {
            let frame = match codec {
                Codec::Json => Message::text("x".repeat(size)),
                Codec::MsgPack => Message::binary(vec![0; size]),
            };
            for mut client in [server.connect().await, server.buyer("ana").await] {
                // The server may close before it has all of it.
                drop(client.try_send(frame.clone()).await);
                ends_with(&mut client, CloseCode::FrameTooLarge).await;
            }
        }
        // In fragments that are each small enough.
        let mut client = server.buyer("ana").await;
        let opcode = if codec == Codec::Json { 0x01 } else { 0x02 };
        for first in [opcode, 0x00] {
            let mut fragment = vec![first, 0xfe, 0x9c, 0x40, 0, 0, 0, 0];
            fragment.extend(vec![b' '; 40_000]);
            client.send_bytes(&fragment).await;
        }
        ends_with(&mut client, CloseCode::FrameTooLarge).await;
        bystanders.talk().await;
    }
}

#[tokio::test]
async fn whoever_keeps_on_above_the_rate_of_frames_is_closed_with_4505() {
    let server = Server::start(Setting::default()).await;
    let mut bystanders = Bystanders::of(&server).await;
    let ping = json!({"jsonrpc": "2.0", "method": "session.ping"}).to_string();
    for frame in [Message::text(ping), Message::Ping(Vec::new().into())] {
        let mut ana = server.buyer("ana").await;
        // 300 at once and 100 a second are taken; this is far more.
        for _ in 0..2_000 {
            if ana.try_send(frame.clone()).await.is_err() {
                break;
            }
        }
        ends_with(&mut ana, CloseCode::RateLimit).await;
    }
    // Before the session there is little to say.
    let mut nobody = server.connect().await;
    for _ in 0..100 {
        nobody.try_send(Message::text("{}")).await.ok();
    }
    ends_with(&mut nobody, CloseCode::RateLimit).await;
    bystanders.talk().await;
}

#[tokio::test]
async fn one_session_too_many_is_closed_with_4506_and_a_free_seat_is_taken_again() {
    let server = Server::start(Setting::default()).await;
    for (user, limit) in [(User::buyer("ana"), 8), (User::agent("ana"), 16)] {
        let mut seated = Vec::new();
        for _ in 0..limit {
            seated.push(server.join(&user).await);
        }
        let mut late = server.connect().await;
        let token = server.sign(&user);
        let refused = late.call("session.start", json!({"token": token})).await.unwrap_err();
        assert_eq!((refused.kind(), &refused.data["limit"]), ("limit_reached", &json!(limit)));
        ends_with(&mut late, CloseCode::SessionLimit).await;
        seated.pop().unwrap().leave().await;
        seated.push(server.join(&user).await);
        for mut client in seated {
            client.call("session.ping", json!({})).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_connection_that_never_finishes_its_request_is_closed_within_ten_seconds() {
    let server = Server::start(Setting::default()).await;
    let mut bystanders = Bystanders::of(&server).await;
    let begun = [
        "",
        "G",
        "GET /v1/ws HT",
        "GET /v1/ws HTTP/1.1\r\nHost: deskwire\r\nUpgrade: websocket\r\n",
        // Answered at once, and then nothing more is asked on the kept connection.
        "GET /healthz HTTP/1.1\r\nHost: deskwire\r\n\r\n",
    ];
    let ends = join_all(begun.map(|begun| {
        let address = server.address().to_owned();
        async move {
            let mut stream = TcpStream::connect(address).await.expect("it listens");
            stream.write_all(begun.as_bytes()).await.expect("it takes bytes");
            let mut answer = String::new();
            // Closed, in order or by a reset: either way it is gone.
            within(format!("the end of {begun:?}"), stream.read_to_string(&mut answer)).await.ok();
        }
    }));
    ends.await;
    bystanders.talk().await;
}

#[tokio::test]
async fn sockets_above_the_bound_are_refused_with_503_and_health_still_answers() {
    let server = options().env("DESKWIRE_GATEWAY__MAX_SOCKETS", 2).start().await;
    let mut bystanders = Bystanders::of(&server).await;
    assert_eq!(Connect::to(&server).open().await.unwrap_err(), 503);
    assert_eq!(server.get("/healthz").await.status, 200);
    bystanders.talk().await;
    bystanders.agent.leave().await;
    // The client sees the end of the socket before the server has put it away.
    let one_is_left =
        async { while !server.get("/metrics").await.body.contains("\ndeskwire_sockets 1\n") {} };
    within("the other place to be free", one_is_left).await;
    server.agent("stander").await.call("session.ping", json!({})).await.unwrap();
}

#[tokio::test]
async fn new_sessions_above_the_rate_are_told_when_to_come_again_and_open_ones_notice_nothing() {
    let setting = Setting { backend: Backend::Postgres, ..Setting::default() };
    let server = ServerOptions::new(setting)
        .env("DESKWIRE_GATEWAY__NEW_SESSIONS_PER_SECOND", 1)
        .env("DESKWIRE_GATEWAY__NEW_SESSION_BURST", 4)
        .start()
        .await;
    let mut bystanders = Bystanders::of(&server).await;
    // Refused before the store is asked for anything: it is not there.
    server.take_database_away().await;
    let mut waits = std::collections::HashSet::new();
    let mut taken = Vec::new();
    let asked_at = Instant::now();
    for _ in 0..20 {
        match Connect::to(&server).attempt().await {
            Ok(client) => taken.push(client),
            Err(refused) => {
                assert_eq!(refused.status, 503, "{refused:?}");
                let wait_ms = refused.json()["retry_after_ms"].as_u64().unwrap();
                assert!((1_000..=5_000).contains(&wait_ms), "{refused:?}");
                assert_eq!(refused.header("retry-after"), Some(&*wait_ms.div_ceil(1_000).to_string()));
                assert!(refused.json()["error"].as_str().unwrap().contains("Retry-After"), "{refused:?}");
                waits.insert(wait_ms);
            }
        }
    }
    let within_the_rate = 2 + asked_at.elapsed().as_secs() + 1;
    assert!(taken.len() as u64 <= within_the_rate, "{} in {:?}", taken.len(), asked_at.elapsed());
    assert!(waits.len() > 1, "not all at once: {waits:?}");
    server.give_database_back().await;
    bystanders.talk().await;
    let counted = format!("deskwire_upgrades_refused_total{{reason=\"rate\"}} {}", 20 - taken.len());
    let metrics = server.get("/metrics").await.body;
    assert!(metrics.contains(&counted), "{counted}: {metrics}");
}

#[test]
fn every_close_code_has_its_test_here() {
    let tested = include_str!("closing.rs");
    for code in CloseCode::ALL {
        assert!(tested.contains(&format!("CloseCode::{code:?})")), "{code:?}");
    }
}
