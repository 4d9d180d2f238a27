//! The binary as operators and scripts meet it: its command line, its settings, its HTTP side, TLS, and a disk or a
//! database that refuses.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use deskwire_test_backends::Postgres;
use deskwire_tests::{
    Backend, Client, Codec, Connect, Directory, Ran, Server, ServerOptions, Setting, Terminal, User, within,
};
use futures::{SinkExt, StreamExt};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStderr, Command},
};
use tokio_tungstenite::tungstenite::Message;

const NEVER: u64 = 4_102_444_800;

/// A server as someone starts it, who reads what it shows.
struct Serving {
    _child: Child,
    screen: Lines<BufReader<ChildStderr>>,
}

impl Serving {
    fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let screen = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { _child: child, screen }
    }

    /// The next line with this in it.
    async fn shows(&mut self, part: &str) -> String {
        loop {
            let line = within(part, self.screen.next_line()).await.unwrap();
            let line = line.unwrap_or_else(|| panic!("it ended before {part}"));
            if line.contains(part) {
                return line.trim().to_owned();
            }
        }
    }
}

/// The settings by which a server has this certificate.
fn certificate_files(
    directory: &Directory,
    made: &rcgen::CertifiedKey<rcgen::KeyPair>,
) -> [(&'static str, String); 2] {
    [
        ("DESKWIRE_GATEWAY__TLS_CERTIFICATE_FILE", directory.write("cert.pem", &made.cert.pem())),
        ("DESKWIRE_GATEWAY__TLS_KEY_FILE", directory.write("key.pem", &made.signing_key.serialize_pem())),
    ]
}

/// Commands and settings.
mod command_line {
    use super::*;

    #[tokio::test]
    async fn serve_says_one_line_on_standard_output_and_ends_in_order_at_either_signal() {
        for signal in ["TERM", "INT"] {
            let directory = Directory::new();
            let mut command = directory.command(&["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"]);
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            let mut stdout = BufReader::new(child.stdout.take().unwrap());
            let mut line = String::new();
            within("the ready line", stdout.read_line(&mut line)).await.unwrap();
            let address = line.strip_prefix("listening on http://").and_then(|rest| rest.strip_suffix('\n'));
            let address = address.unwrap_or_else(|| panic!("{line:?}"));
            within("a connection", TcpStream::connect(address)).await.expect("ready means ready");
            let id = child.id().unwrap();
            let sent = Command::new("sh").args(["-c", &format!("kill -{signal} {id}")]).status();
            assert!(within("kill", sent).await.unwrap().success());
            let output = within("the end", child.wait_with_output()).await.unwrap();
            assert_eq!(output.status.code(), Some(0), "{signal}");
            let mut rest = String::new();
            within("the rest", stdout.read_to_string(&mut rest)).await.unwrap();
            assert_eq!(rest, "", "nothing but the ready line");
        }
    }

    #[tokio::test]
    async fn the_commands_that_the_first_start_shows_have_two_people_talking() {
        let directory = Directory::new();
        let command = directory.command(&["serve", "--listen", "127.0.0.1:0", "--data-dir", "my data"]);
        let mut serving = Serving::start(command);
        let mut alice = Terminal::start(directory.pasted(&serving.shows("connect --as buyer").await));
        let mut mia = Terminal::start(directory.pasted(&serving.shows("connect --as agent").await));
        let pasted = serving.shows("npx --yes wscat -c ws://").await;
        let (_, header) = pasted.split_once("/v1/ws -H ").unwrap();
        let mut printing = directory.pasted(&format!("printf %s {header}"));
        printing.stdout(Stdio::piped());
        let header = within("the shell", printing.output()).await.unwrap().stdout;
        let header = String::from_utf8(header).unwrap();
        assert!(header.starts_with("authorization: Bearer eyJ"), "made when it is pasted: {header}");
        alice.shows("you are Alice").await;
        mia.shows("you are Mia").await;
        alice.type_line("Hello from a pasted line").await;
        mia.shows("Hello from a pasted line").await;
        drop(serving);
    }

    #[tokio::test]
    async fn a_token_is_printed_alone_and_is_good_for_the_server_that_starts_later() {
        let directory = Directory::new();
        let token = ["token", "--role", "BUYER", "--shop", "s-1", "--sub", "b-1", "--data-dir", "data"];
        let ran = directory.run(&[&token[..], &["--name", "José", "--ttl", "60"]].concat()).await;
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
        let printed = ran.stdout.strip_suffix('\n').unwrap();
        assert!(!printed.contains(char::is_whitespace), "{printed:?}");
        let claims = jsonwebtoken::dangerous::insecure_decode::<Value>(printed).unwrap().claims;
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);
        for (claim, value) in [("role", "BUYER"), ("shop", "s-1"), ("sub", "b-1"), ("name", "José")] {
            assert_eq!(claims[claim], value);
        }
        let mode = |name: &str| fs::metadata(directory.path(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("data"), mode("data/token-secret")), (0o700, 0o600));
        let secret = fs::read_to_string(directory.path("data/token-secret")).unwrap();
        let key = jsonwebtoken::DecodingKey::from_secret(secret.trim().as_bytes());
        jsonwebtoken::decode::<Value>(printed, &key, &jsonwebtoken::Validation::default()).unwrap();
        let again = directory.run(&token).await;
        assert_eq!(fs::read_to_string(directory.path("data/token-secret")).unwrap(), secret, "made once");
        assert_ne!(again.stdout, ran.stdout);
        for wrong in
            [&["token", "--role", "buyer"][..], &["token", "--role", "BUYER", "--shop", "s"], &["dance"]]
        {
            let ran = directory.run(wrong).await;
            assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{wrong:?}");
        }
    }

    #[tokio::test]
    async fn the_first_start_makes_the_secret_for_its_owner_only_and_keeps_it() {
        let mut server = Server::start(Setting::default()).await;
        let secret = server.secret();
        let file = server.data_dir().join("token-secret");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(secret.len() >= 32);
        let token = server.token(&User::buyer("ana")).await;
        server.kill().await;
        server.start_again().await;
        assert_eq!(server.secret(), secret);
        server.connect().await.start(&token).await;
    }

    #[tokio::test]
    async fn a_file_overrides_the_defaults_the_environment_the_file_and_flags_the_environment() {
        let directory = Directory::new();
        let listen = |ran: &Ran| {
            let line = ran.stdout.lines().find(|line| line.starts_with("listen = "));
            line.unwrap_or_else(|| panic!("{ran:?}")).to_owned()
        };
        let defaults = directory.run(&["check-config"]).await;
        assert_eq!(defaults.code, Some(0));
        assert_eq!(listen(&defaults), "listen = \"127.0.0.1:7420\"  # the built-in defaults");
        let file = directory.write("deskwire.toml", "listen = \"127.0.0.1:1001\"\n");
        let by_file = directory.run(&["check-config"]).await;
        assert_eq!(listen(&by_file), "listen = \"127.0.0.1:1001\"  # the file deskwire.toml");
        let named = directory.run(&["check-config", "--config", &file]).await;
        assert_eq!(listen(&named), format!("listen = \"127.0.0.1:1001\"  # the file {file}"));
        let environment = [("DESKWIRE_LISTEN", "127.0.0.1:1002")];
        let by_variable = directory.run_with(&["check-config"], &environment).await;
        let expected = "listen = \"127.0.0.1:1002\"  # the environment variable DESKWIRE_LISTEN";
        assert_eq!(listen(&by_variable), expected);
        let flag = ["check-config", "--listen", "127.0.0.1:1003"];
        let by_flag = directory.run_with(&flag, &environment).await;
        assert_eq!(listen(&by_flag), "listen = \"127.0.0.1:1003\"  # the flag --listen");
        assert_eq!(directory.names(), ["deskwire.toml"], "looking changes nothing");
    }

    #[tokio::test]
    async fn what_check_config_shows_is_a_file_that_means_the_same_with_secrets_hidden() {
        let directory = Directory::new();
        let secrets = [
            ("DESKWIRE_AUTH__HS256_SECRET", "a-secret-of-at-least-thirty-two-bytes"),
            ("DESKWIRE_DATABASE_URL", "postgres://user:p4ssw0rd@db/deskwire"),
        ];
        let hidden = directory.run_with(&["check-config"], &secrets).await;
        assert_eq!(hidden.code, Some(0), "{hidden:?}");
        assert!(!hidden.stdout.contains("a-secret") && !hidden.stdout.contains("p4ssw0rd"), "{hidden:?}");
        assert!(hidden.stdout.contains("postgres://user:(hidden)@db/deskwire"), "{hidden:?}");
        let shown = directory.run(&["check-config"]).await.stdout;
        let file = directory.write("shown.toml", &shown);
        let again = directory.run(&["check-config", "--config", &file]).await;
        let values = |text: &str| {
            text.lines().map(|line| line.split("  # ").next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(values(&again.stdout), values(&shown));
    }

    #[tokio::test]
    async fn a_wrong_setting_is_refused_by_its_name_before_anything_is_bound_or_made() {
        let directory = Directory::new();
        // Whoever got as far as binding would fail on this port, and not on the setting.
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        for (toml, key) in [
            ("listn = \"127.0.0.1:1\"", "listn"),
            ("listen = \"somewhere\"", "listen"),
            ("[gateway]\nbatch = 0", "gateway.batch"),
            ("[gateway]\nbatch = -1", "gateway.batch"),
            ("[gateway]\nbatch = \"many\"", "gateway.batch"),
            ("[gateway]\nping_intervall_seconds = 5", "gateway.ping_intervall_seconds"),
            ("[gateway]\nrequest_timeout_seconds = 99999999999", "gateway.request_timeout_seconds"),
            ("[gateway]\ntls_key_file = \"key.pem\"", "gateway.tls_certificate_file"),
            ("[gateway]\nallowed_origins = [\"shop.example\"]", "gateway.allowed_origins"),
            ("[gatway]\nbatch = 5", "gatway"),
            ("gateway = 5", "gateway"),
            ("[chat]\nwriters = 65", "chat.writers"),
            ("[auth]\nhs256_secret = \"short\"", "auth.hs256_secret"),
            ("database_url = \"mysql://db\"", "database_url"),
            ("redis_url = \"http://127.0.0.1\"", "redis_url"),
            ("data_dir = \"\"", "data_dir"),
            ("[log]\nlevel = \"a=b=c\"", "log.level"),
            ("[log]\nformat = \"xml\"", "log.format"),
        ] {
            let file = directory.write("wrong.toml", toml);
            let mut answers = Vec::new();
            for command in [&["check-config"][..], &["serve", "--data-dir", "data"]] {
                let mut arguments = [command, &["--config", &file]].concat();
                if key != "listen" {
                    arguments.extend(["--listen", &address]);
                }
                if key == "data_dir" {
                    arguments.retain(|argument| !["--data-dir", "data"].contains(argument));
                }
                let ran = directory.run(&arguments).await;
                assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{toml}: {ran:?}");
                assert!(ran.stderr.contains(&format!("`{key}`")), "{toml}: {}", ran.stderr);
                answers.push(ran.stderr);
            }
            assert_eq!(answers[0], answers[1]);
        }
        let ran = directory.run_with(&["serve"], &[("DESKWIRE_GATEWAY__BTCH", "5")]).await;
        assert_eq!(ran.code, Some(2));
        assert!(
            ran.stderr.contains("`gateway.btch`") && ran.stderr.contains("DESKWIRE_GATEWAY__BTCH"),
            "{ran:?}"
        );
        let ran = directory.run(&["serve", "--config", "missing.toml"]).await;
        assert!(ran.code == Some(2) && ran.stderr.contains("missing.toml"), "{ran:?}");
        assert_eq!(directory.names(), ["wrong.toml"], "nothing was made");
        // Right settings on a port that is taken: that is said, with the address.
        let ran = directory.run(&["serve", "--listen", &address, "--data-dir", "data"]).await;
        assert!(ran.code == Some(1) && ran.stderr.contains(&address) && ran.stdout.is_empty(), "{ran:?}");
    }

    #[tokio::test]
    async fn openrpc_prints_the_contract_and_discover_answers_the_same() {
        let kept: Value = serde_json::from_str(include_str!("../../protocol/openrpc.json")).unwrap();
        let ran = Directory::new().run(&["openrpc"]).await;
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
        assert_eq!(serde_json::from_str::<Value>(&ran.stdout).unwrap(), kept);
        let server = Server::start(Setting::default()).await;
        let mut anyone = server.connect().await;
        assert_eq!(anyone.call("rpc.discover", json!({})).await.unwrap(), kept);
    }

    #[tokio::test]
    async fn migrate_brings_a_database_up_to_date_and_serve_can_be_told_to_leave_that_to_it() {
        let database = Postgres::shared().await.unwrap().create_database().await.unwrap();
        let directory = Directory::new();
        let file = format!("sqlite://{}", directory.path("chat.sqlite").display());
        for url in [&file, database.url()] {
            let to = ["--data-dir", "data", "--database-url", url];
            let run = async |command: &[&str]| directory.run(&[command, &to[..]].concat()).await;
            let pending = run(&["migrate", "--check"]).await;
            assert!(pending.code == Some(1) && pending.stdout.starts_with("pending "), "{pending:?}");
            let old = [("DESKWIRE_DATABASE__MIGRATE", "false")];
            let serve = [&["serve", "--listen", "127.0.0.1:0"][..], &to[..]].concat();
            let refused = directory.run_with(&serve, &old).await;
            assert!(refused.code == Some(1) && refused.stderr.contains("deskwire migrate"), "{refused:?}");
            assert_eq!(refused.stdout, "", "it was never ready");
            let applied = run(&["migrate"]).await;
            assert!(applied.code == Some(0) && applied.stdout.starts_with("applied "), "{applied:?}");
            for command in [&["migrate"][..], &["migrate", "--check"]] {
                let ran = run(command).await;
                assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "the schema is up to date\n"));
            }
        }
        let migrated = ServerOptions::new(Setting::default())
            .env("DESKWIRE_DATABASE_URL", file)
            .env("DESKWIRE_DATABASE__MIGRATE", "false")
            .start()
            .await;
        migrated.buyer("ana").await.open().await;
    }

    #[tokio::test]
    async fn a_log_is_json_lines_without_texts_and_tokens() {
        let server = ServerOptions::new(Setting::default())
            .env("DESKWIRE_DEMO", "false")
            .env("DESKWIRE_LOG__LEVEL", "trace")
            .start()
            .await;
        let token = server.token(&User::buyer("ana")).await;
        let mut ana = server.connect().await;
        ana.start(&token).await;
        let here = ana.open().await;
        ana.say(&here, "my phone number is 0123456789").await;
        ana.call("message.send", Client::message(&here, "m", &"0123456789".repeat(201))).await.unwrap_err();
        let mut eve = server.connect().await;
        eve.call("session.start", json!({"token": format!("{token}x")})).await.unwrap_err();
        ana.leave().await;
        let log = server.log();
        assert!(log.contains("session started"), "{log}");
        for line in log.lines() {
            let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(line["level"].is_string() && line["timestamp"].is_string(), "{line}");
        }
        assert!(!log.contains("0123456789"), "a text is in the log");
        assert!(!log.contains(token.rsplit('.').next().unwrap()), "a token is in the log");
        assert!(!log.contains(&server.secret()), "the secret is in the log");
    }
}

/// The terminal client.
mod connect {
    use super::*;

    #[tokio::test]
    async fn two_terminals_talk_and_call_methods_in_both_encodings() {
        let server = Server::start(Setting::default()).await;
        let url = server.url();
        let to = |side: &'static str, codec: &'static str| {
            server.terminal(&["connect", "--as", side, "--url", &url, "--codec", codec])
        };
        let mut mia = to("agent", "msgpack");
        mia.shows("you are Mia").await;
        let mut alice = to("buyer", "json");
        alice.shows("you are Alice").await;
        alice.type_line("Where is my parcel?").await;
        mia.shows("Where is my parcel?").await;
        mia.type_line("On its way.").await;
        alice.shows("Mia Lindqvist has the chat now").await;
        alice.shows("Mia Lindqvist: On its way.").await;
        alice.type_line("/conversation.history").await;
        alice.shows("conversation.history -> ").await;
        alice.shows("\"has_more\": false").await;
        alice.type_line("/conversation.take").await;
        alice.shows("! conversation.take: ").await;
        alice.type_line("//slash").await;
        mia.shows("/slash").await;
        alice.type_line("/recall").await;
        mia.shows("took back a message").await;
        mia.type_line("/conversation.note {\"typo\":1}").await;
        mia.shows("! conversation.note: ").await;
        for terminal in [alice, mia] {
            let (status, shown) = terminal.end().await;
            assert_eq!(status.code(), Some(0), "{shown:#?}");
        }
    }

    #[tokio::test]
    async fn lines_from_a_pipe_are_all_acknowledged_before_it_ends() {
        let server = Server::start(Setting::default()).await;
        let mut alice = server.terminal(&["connect", "--as", "buyer", "--url", &server.url()]);
        let lines: Vec<_> = (1..=15).map(|number| format!("line {number}")).collect();
        for line in &lines {
            alice.type_line(line).await;
        }
        let (status, shown) = alice.end().await;
        assert_eq!(status.code(), Some(0), "{shown:#?}");
        let mut agent = server.join(&User::agent("bo").of_shop("demo")).await;
        let list = agent.call("conversation.list", json!({})).await.unwrap();
        let here = list["conversations"][0]["conversation_id"].as_str().unwrap().to_owned();
        assert_eq!(agent.texts(&here).await, lines);
    }

    #[tokio::test]
    async fn what_was_above_the_rate_is_sent_again_however_much_is_said_meanwhile() {
        let server = ServerOptions::new(Setting::default())
            .env("DESKWIRE_GATEWAY__AGENT_SENDS_PER_SECOND", 2)
            .env("DESKWIRE_GATEWAY__AGENT_SEND_BURST", 1)
            .env("DESKWIRE_GATEWAY__BUYER_SENDS_PER_SECOND", 1_000)
            .env("DESKWIRE_GATEWAY__BUYER_SEND_BURST", 100_000)
            .env("DESKWIRE_GATEWAY__FRAME_BURST", 100_000)
            .start()
            .await;
        let ana = User::buyer("ana").of_shop("demo");
        let (mut talks, mut listens) = (server.join(&ana).await, server.join(&ana).await);
        let here = talks.open().await;
        listens.open().await;
        let mut mia = server.terminal(&["connect", "--as", "agent", "--url", &server.url()]);
        mia.shows("you are Mia").await;
        talks.say(&here, "hello").await;
        mia.shows("hello").await;
        for number in 1..=4 {
            mia.type_line(&format!("line {number}")).await;
        }
        let talking = async {
            loop {
                talks.say(&here, "and another thing").await;
                talks.pushes_so_far("message.created").await;
            }
        };
        let heard = async {
            for number in 1..=4 {
                listens.hears(&format!("line {number}")).await;
            }
        };
        tokio::select! {
            () = talking => {}
            () = heard => {}
        }
    }

    #[tokio::test]
    async fn it_says_why_it_cannot_talk() {
        let server = Server::start(Setting::default()).await;
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let nobody = format!("ws://{free}/v1/ws");
        let nobody = server.run_to_end(&["connect", "--as", "buyer", "--url", &nobody]).await;
        assert_eq!(nobody.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&nobody.stderr).contains("nobody listens at"));
        let url = server.url();
        let refused = server.run_to_end(&["connect", "--as", "buyer", "--url", &url, "--token", "x"]).await;
        assert_eq!(refused.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&refused.stderr).contains("the token is malformed"));
    }

    #[tokio::test]
    async fn it_tells_that_the_server_is_going_and_connects_again() {
        let mut server = Server::start(Setting::default()).await;
        let mut alice = server.terminal(&["connect", "--as", "buyer", "--url", &server.url()]);
        alice.shows("you are Alice").await;
        assert_eq!(server.terminate().await.code(), Some(0));
        alice.shows("connecting again").await;
    }

    #[tokio::test]
    async fn it_comes_again_when_a_server_that_took_nobody_says_so() {
        let options = ServerOptions::new(Setting::default()).env("DESKWIRE_GATEWAY__MAX_SOCKETS", 1);
        let server = options.start().await;
        let first = server.connect().await;
        let mut alice = server.terminal(&["connect", "--as", "buyer", "--url", &server.url()]);
        alice.shows("takes nobody now; connecting again").await;
        let refused_at = Instant::now();
        first.leave().await;
        alice.shows("you are Alice").await;
        // The least that it may have been told, but for what its line took to get here.
        assert!(refused_at.elapsed() > Duration::from_millis(900), "{:?}", refused_at.elapsed());
    }
}

/// HTTP, TLS and the upgrade.
mod http {
    use super::*;

    #[tokio::test]
    async fn health_readiness_and_metrics_tell_how_it_is() {
        let server = Server::start(Setting::default()).await;
        assert_eq!(server.get("/healthz").await.body, "{\"status\":\"ok\"}");
        let ready = server.get("/readyz").await;
        let ready_body: Value = serde_json::from_str(&ready.body).unwrap();
        assert_eq!(
            (ready.status, ready_body),
            (200, json!({"ready": true, "degraded": false, "draining": false, "store": "ok", "bus": "ok"}))
        );
        let (mut ana, _bo) = (server.buyer("ana").await, server.agent("bo").await);
        let here = ana.open().await;
        ana.say(&here, "hello").await;
        ana.call("conversation.get", json!({"conversation_id": "1"})).await.unwrap_err();
        ana.call("no.such.method.of.mine", json!({})).await.unwrap_err();
        let metrics = server.get("/metrics").await;
        assert!(metrics.headers.contains("content-type: text/plain; version=0.0.4"), "{metrics:?}");
        for line in [
            "deskwire_sockets 2",
            "deskwire_sessions{side=\"buyer\"} 1",
            "deskwire_sessions{side=\"agent\"} 1",
            "deskwire_requests_total{method=\"message.send\",outcome=\"ok\"} 1",
            "deskwire_requests_total{method=\"conversation.get\",outcome=\"not_found\"} 1",
            "deskwire_requests_total{method=\"unknown\",outcome=\"method_not_found\"} 1",
            "deskwire_events_committed_total 1",
        ] {
            assert!(metrics.body.lines().any(|shown| shown == line), "{line}:\n{}", metrics.body);
        }
        for family in ["deskwire_reply_seconds", "deskwire_commit_seconds", "deskwire_commit_batch_commands"]
        {
            assert!(metrics.body.contains(&format!("# TYPE {family} ")), "{family}:\n{}", metrics.body);
        }
        assert!(!metrics.body.contains("no.such.method"), "a client cannot invent a series");
        assert_eq!(server.get("/nothing/here").await.status, 404);
        assert_eq!(server.get("/v1/ws").await.status, 426);
    }

    #[tokio::test]
    async fn only_pages_of_listed_origins_and_programs_without_origin_may_connect() {
        let server = ServerOptions::new(Setting::default())
            .env("DESKWIRE_GATEWAY__ALLOWED_ORIGINS", "https://desk.example, https://shop.example")
            .start()
            .await;
        for origin in ["https://desk.example", "https://shop.example"] {
            Connect::to(&server).header("origin", origin).open().await.expect(origin);
        }
        for origin in ["https://evil.example", "http://desk.example", "https://desk.example:444", "null", ""]
        {
            assert_eq!(
                Connect::to(&server).header("origin", origin).open().await.unwrap_err(),
                403,
                "{origin}"
            );
        }
        server.buyer("ana").await.open().await;
        let open = Server::start(Setting::default()).await;
        Connect::to(&open).header("origin", "https://any.example").open().await.expect("none is listed");
    }

    #[tokio::test]
    async fn the_first_subprotocol_that_it_speaks_is_chosen_and_json_when_none_is_asked_for() {
        let server = Server::start(Setting::default()).await;
        let asking = |codec: Codec, list: Option<&str>| {
            let connect = Connect::to(&server).codec(codec).without_subprotocol();
            match list {
                Some(list) => connect.header("sec-websocket-protocol", list),
                None => connect,
            }
        };
        for (codec, list) in [
            (Codec::Json, None),
            (Codec::Json, Some("deskwire.v1.json")),
            (Codec::MsgPack, Some("deskwire.v1.msgpack")),
            (Codec::Json, Some("deskwire.v1.json, deskwire.v1.msgpack")),
            (Codec::MsgPack, Some("chat, deskwire.v1.msgpack, deskwire.v1.json")),
        ] {
            // The client of the harness panics at a frame of the other codec.
            let mut client = asking(codec, list).open().await.unwrap();
            client.call("session.ping", json!({})).await.unwrap();
        }
        assert_eq!(asking(Codec::Json, Some("chat, deskwire.v2.json")).open().await.unwrap_err(), 400);
    }

    #[tokio::test]
    async fn a_header_authenticates_the_upgrade() {
        let server = Server::start(Setting::default()).await;
        let bearer = format!("Bearer {}", server.sign(&User::buyer("ana")));
        let mut ana = Connect::to(&server).header("authorization", &bearer).open().await.unwrap();
        let here = ana.open().await;
        ana.say(&here, "no session.start was needed").await;
        let started = ana.call("session.start", json!({})).await.expect("it may follow, for what it tells");
        assert_eq!(started["user"]["user_id"], "ana");
        for wrong in ["Bearer x", "Basic YW5hOmFuYQ==", "x"] {
            assert_eq!(Connect::to(&server).header("authorization", wrong).open().await.unwrap_err(), 401);
        }
    }

    #[tokio::test]
    async fn the_printed_command_reaches_a_server_with_a_certificate_that_nobody_vouches_for() {
        let directory = Directory::new();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let mut command = directory.command(&["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"]);
        command.envs(certificate_files(&directory, &made));
        let mut serving = Serving::start(command);
        let printed = serving.shows("connect --as buyer").await;
        let mut alice = Terminal::start(directory.pasted(&printed));
        alice.shows("you are Alice").await;
        let (without, _) = printed.split_once(" --ca ").expect("whom to trust");
        assert!(without.contains("wss://localhost:"), "the name of the certificate: {printed}");
        for (wrong, says) in
            [(without.to_owned(), "--ca FILE"), (format!("{without} --ca missing.pem"), "missing.pem")]
        {
            let mut command = directory.pasted(&wrong);
            let ran = within(&wrong, command.stdin(Stdio::null()).output()).await.unwrap();
            let said = String::from_utf8(ran.stderr).unwrap();
            assert!(!ran.status.success() && said.contains(says), "{said}");
        }
    }

    #[tokio::test]
    async fn with_a_certificate_it_speaks_tls_and_nothing_else() {
        let directory = Directory::new();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let mut options = ServerOptions::new(Setting::default());
        for (name, file) in certificate_files(&directory, &made) {
            options = options.env(name, file);
        }
        let server = options.start().await;
        let mut roots = rustls::RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let silent = TcpStream::connect(server.address()).await.unwrap();
        let stream = TcpStream::connect(server.address()).await.unwrap();
        let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
        let stream = within("the TLS handshake", connector.connect(name, stream)).await.unwrap();
        let url = "wss://localhost/v1/ws";
        let (mut socket, _) =
            within("the upgrade", Box::pin(tokio_tungstenite::client_async(url, stream))).await.unwrap();
        let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "session.ping"}).to_string();
        within("a ping", socket.send(Message::text(ping))).await.unwrap();
        let answer = within("the answer", socket.next()).await.unwrap().unwrap().into_text().unwrap();
        assert!(answer.contains("server_time"), "{answer}");
        // Plain text is no handshake, and silence is none either.
        let mut plain = TcpStream::connect(server.address()).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut plain, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        for (mut stream, what) in [(plain, "plain text"), (silent, "silence")] {
            let mut answer = Vec::new();
            within(format!("the end of {what}"), stream.read_to_end(&mut answer)).await.ok();
            assert!(!answer.starts_with(b"HTTP"), "{what}");
        }
    }
}

/// Keys.
mod tokens {
    use super::*;

    fn signed_by(kid: &str, secret: &str) -> String {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(kid.into());
        let mut claims = User::buyer("ana").claims();
        claims["exp"] = NEVER.into();
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    }

    async fn start_with(server: &Server, token: &str) -> bool {
        let mut client = server.connect().await;
        client.call("session.start", json!({"token": token})).await.is_ok()
    }

    #[tokio::test]
    async fn a_key_is_replaced_while_older_tokens_still_live() {
        let (old, new) = ("the-old-secret-of-thirty-two-bytes", "the-new-secret-of-thirty-two-bytes");
        let server = ServerOptions::new(Setting::default())
            .config(format!(
                "[auth]\nkid = \"new\"\nhs256_secret = \"{new}\"\nolder_hs256_secrets = [\"old:{old}\"]"
            ))
            .start()
            .await;
        assert!(start_with(&server, &signed_by("new", new)).await);
        assert!(start_with(&server, &signed_by("old", old)).await);
        assert!(!start_with(&server, &signed_by("new", old)).await, "the key that the id names decides");
        assert!(!start_with(&server, &signed_by("other", new)).await);
        let minted = server.token(&User::buyer("ana")).await;
        assert_eq!(jsonwebtoken::decode_header(&minted).unwrap().kid.as_deref(), Some("new"));
        assert!(start_with(&server, &minted).await);
        assert!(!server.data_dir().join("token-secret").exists(), "none is made where one is configured");
    }

    #[tokio::test]
    async fn a_shop_that_signs_with_its_own_key_shares_only_the_public_one() {
        let directory = Directory::new();
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let file = directory.write("public.pem", &key.public_key_pem());
        let server = ServerOptions::new(Setting::default())
            .env("DESKWIRE_AUTH__EDDSA_PUBLIC_KEY_FILE", &file)
            .start()
            .await;
        let mut claims = User::buyer("ana").claims();
        claims["exp"] = NEVER.into();
        let private = EncodingKey::from_ed_pem(key.serialize_pem().as_bytes()).unwrap();
        let token = jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &private).unwrap();
        assert!(start_with(&server, &token).await);
        // The public key is no secret: who signs with it as if it were one gets nowhere.
        let public = fs::read_to_string(&file).unwrap();
        assert!(!start_with(&server, &deskwire_tests::signed(Algorithm::HS256, &claims, &public)).await);
        let minted = server.run_to_end(&["token", "--role", "BUYER", "--shop", "s", "--sub", "b"]).await;
        assert_eq!(minted.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&minted.stderr).contains("cannot mint"), "{minted:?}");
    }
}

/// A store that refuses.
mod store {
    use super::*;

    #[tokio::test]
    async fn a_full_disk_refuses_writes_and_nothing_else_and_when_there_is_room_all_goes_on() {
        // A file-size limit is a disk that is full for this process. The signal that comes with it is ignored, as
        // there is none at a full disk.
        let mut server = ServerOptions::new(Setting::default())
            .shell("trap '' XFSZ; ulimit -S -f 4096")
            .env("DESKWIRE_GATEWAY__BUYER_SEND_BURST", 100_000)
            .env("DESKWIRE_GATEWAY__FRAME_BURST", 100_000)
            .start()
            .await;
        let (mut ana, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
        let here = ana.open().await;
        bo.attach(&here).await;
        let send = |number: usize| {
            Client::message(&here, &format!("m-{number}"), &format!("{number} {}", "😀".repeat(1_900)))
        };
        let mut acknowledged = Vec::new();
        let refused = loop {
            assert!(acknowledged.len() < 2_000, "the disk is never full");
            match ana.call("message.send", send(acknowledged.len())).await {
                Ok(answer) => acknowledged.push(answer),
                Err(error) => break error,
            }
        };
        assert_eq!(refused.kind(), "service_unavailable", "{refused:?}");
        assert!(refused.retryable() && refused.data["retry_after_ms"].is_u64(), "{refused:?}");
        // It lives: others are refused alike, reading goes on, a resend of what is there gets its answer.
        let again = bo.call("message.send", Client::message(&here, "b-1", &"😀".repeat(2_000))).await;
        assert_eq!(again.unwrap_err().kind(), "service_unavailable");
        assert_eq!(server.get("/healthz").await.status, 200);
        assert_eq!(bo.history(&here).await.len(), acknowledged.len());
        assert_eq!(
            ana.pushes_so_far("message.created").await.len(),
            acknowledged.len(),
            "nothing refused is told"
        );

        let id = server.process_id().to_string();
        let more = Command::new("prlimit").args(["--pid", &id, "--fsize=unlimited"]).status();
        assert!(within("prlimit", more).await.unwrap().success());
        let next = acknowledged.len();
        assert_eq!(ana.call("message.send", send(next)).await.unwrap()["seq"], next + 1, "no hole");
        for (number, first) in acknowledged.iter().enumerate() {
            assert_eq!(ana.call("message.send", send(number)).await.unwrap(), *first);
        }
        bo.say(&here, "room again").await;
        assert_eq!(ana.history(&here).await.len(), next + 2);
        // And it is on the disk, not in a transaction that the full disk has broken.
        server.kill().await;
        server.start_again().await;
        assert_eq!(server.buyer("ana").await.history(&here).await.len(), next + 2);
    }

    #[tokio::test]
    async fn a_database_that_is_away_makes_the_server_wait_and_not_end() {
        let setting = Setting { backend: Backend::Postgres, ..Setting::default() };
        let server =
            ServerOptions::new(setting).env("DESKWIRE_DATABASE__ACQUIRE_TIMEOUT_SECONDS", 1).start().await;
        let (mut ana, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
        let here = ana.open().await;
        bo.attach(&here).await;
        ana.say(&here, "before").await;
        server.take_database_away().await;
        let send = Client::message(&here, "m-1", "during");
        let refused = ana.call("message.send", send.clone()).await.unwrap_err();
        assert_eq!(refused.kind(), "service_unavailable", "{refused:?}");
        let unread = bo.call("conversation.history", json!({"conversation_id": here})).await.unwrap_err();
        assert_eq!(unread.kind(), "service_unavailable", "{unread:?}");
        let ready = server.get("/readyz").await;
        assert_eq!((ready.status, server.get("/healthz").await.status), (503, 200), "{ready:?}");
        // Whoever comes now is told to come back, and may: on the same socket.
        let mut eva = server.connect().await;
        let token = json!({"token": server.sign(&User::buyer("eva"))});
        assert_eq!(eva.call("session.start", token.clone()).await.unwrap_err().kind(), "service_unavailable");

        server.give_database_back().await;
        ana.call("message.send", send).await.expect("the same again, once the database is back");
        eva.call("session.start", token).await.unwrap();
        bo.hears("during").await;
        assert_eq!(bo.texts(&here).await, ["before", "during"]);
        assert_eq!(server.get("/readyz").await.status, 200);
    }

    #[tokio::test]
    async fn a_database_that_takes_no_writes_refuses_them_and_is_read_all_the_same() {
        let server = Server::start(Setting { backend: Backend::Postgres, ..Setting::default() }).await;
        let (mut ana, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
        let here = ana.open().await;
        bo.attach(&here).await;
        ana.say(&here, "before").await;
        server.let_write(false).await;
        let send = Client::message(&here, "m-1", "during");
        let refused = ana.call("message.send", send.clone()).await.unwrap_err();
        assert_eq!(refused.kind(), "service_unavailable", "{refused:?}");
        assert!(refused.retryable() && refused.data["retry_after_ms"].is_u64(), "{refused:?}");
        assert_eq!(bo.texts(&here).await, ["before"]);
        assert_eq!(server.get("/healthz").await.status, 200);

        server.let_write(true).await;
        ana.call("message.send", send).await.expect("the same again, once writes are taken");
        bo.hears("during").await;
        assert_eq!(bo.texts(&here).await, ["before", "during"]);
    }
}
