//! `deskwire load` against real nodes: what it reports, when it fails, and the scenarios that are shipped.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::{fs, path::PathBuf, process::Stdio, time::Duration};

use deskwire_tests::{Backend, Directory, Ran, Redis, Server, ServerOptions, Setting, User, within};
use serde_json::Value;
use tokio::{process::Child, time::timeout};

/// Everything once, in a few seconds: chat, cards, a coupon that is rushed, sockets that go and come back, slow readers.
const EVERYTHING: &str = r#"
name = "Everything"
duration = "5s"
codec = "both"
[buyers]
count = 30
ramp = "1s"
every = "500ms"
mix = { message = 6, history = 1, read = 2, typing = 1, orders = 1, product = 1, claim = 2, act = 2, place = 1 }
[agents]
count = 2
answers = 0.5
think = "200ms"
every = "200ms"
# What a test looks for is drawn so often that it is sure to come.
mix = { message = 1, history = 1, read = 1, typing = 1, orders = 6, products = 1, coupons = 1, check = 1, product_card = 6, coupon_card = 1, order_card = 1, take = 1 }
[slow_readers]
count = 2
hold = "2s"
[coupon]
claims = 10
[reconnects]
every = "4s"
pause = "200ms"
[[storm]]
at = "3s"
within = "200ms"
[limits]
# What can be broken on a machine that is busy with other tests is left to people who load.
reply.max = "1m"
delivery.max = "1m"
rpc.max = "1m"
expected_errors = ["not_sendable", "limit_reached", "conflict"]
"#;

/// A load takes its time, and then reads all conversations again.
const PATIENCE: Duration = Duration::from_secs(90);

/// A server, and a place for scenarios and reports.
struct Shop {
    server: Server,
    files: Directory,
}

impl Shop {
    async fn open() -> Self {
        Self { server: Server::start(Setting::default()).await, files: Directory::new() }
    }

    /// Starts a load on the server.
    fn begin(&self, scenario: &str, more: &[&str]) -> Child {
        let url = self.server.url();
        let report = self.files.path("report.json");
        let mut arguments = vec!["load", scenario, "--url", &url, "--json", report.to_str().unwrap()];
        arguments.extend(more);
        let mut command = self.server.command(&arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    async fn load(&self, scenario: &str, more: &[&str]) -> (Ran, Value) {
        self.finish(self.begin(scenario, more)).await
    }

    /// How a load ended, and its report.
    async fn finish(&self, load: Child) -> (Ran, Value) {
        let output = timeout(PATIENCE, load.wait_with_output()).await.unwrap().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let ran =
            Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
        let report = fs::read_to_string(self.files.path("report.json")).unwrap_or_default();
        (ran, serde_json::from_str(&report).unwrap_or_default())
    }
}

/// Every message came once and in order, and there was something to check.
fn assert_clean(ran: &Ran, report: &Value) {
    let verdict = &report["verdict"];
    for figure in ["lost", "doubled", "disordered", "altered", "overclaimed", "unchecked"] {
        assert_eq!(verdict[figure], 0, "{figure}: {verdict:#}\n{ran:?}");
    }
    assert!(verdict["checked_messages"].as_u64().unwrap() > 0, "{ran:?}");
    assert!(verdict["checked_receivers"].as_u64().unwrap() > 0, "{ran:?}");
}

#[tokio::test]
async fn a_load_of_everything_passes_and_its_report_has_the_documented_fields() {
    let shop = Shop::open().await;
    let scenario = shop.files.write("everything.toml", EVERYTHING);
    let page = shop.files.path("report.html");
    let (ran, report) = shop.load(&scenario, &["--html", page.to_str().unwrap()]).await;
    assert_clean(&ran, &report);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.trim_end().ends_with("PASSED"), "{ran:?}");
    let count = |name: &str| report["counts"][name].as_u64().unwrap_or_else(|| panic!("{name}: {report:#}"));
    for name in ["messages_acknowledged", "deliveries", "rpcs_answered", "requests", "sockets_left"] {
        assert!(count(name) > 0, "{name}: {report:#}");
    }
    // Everyone came, and everyone was lost in the storm.
    assert!(count("connections") >= 2 * 32, "{report:#}");
    for name in ["connect", "resume", "reply", "delivery", "rpc", "pacing_lag"] {
        let latencies = &report["latencies"][name];
        for figure in ["count", "mean", "p50", "p90", "p99", "p99.9", "max"] {
            assert!(
                latencies[figure].as_f64().is_some_and(|figure| figure > 0.0),
                "{name}.{figure}: {latencies}"
            );
        }
        assert!(report["distributions"][name].as_array().is_some_and(|points| points.len() > 3), "{name}");
    }
    for method in
        ["message.send", "conversation.history", "workbench.orders.list", "workbench.products.send_card"]
    {
        assert!(report["methods"][method]["count"].as_u64().unwrap() > 0, "{method}: {report:#}");
    }
    assert_eq!((&report["format"], &report["passed"]), (&1.into(), &true.into()));
    assert_eq!((&report["people"]["buyers"], &report["people"]["slow_readers"]), (&30.into(), &2.into()));
    assert!(report["rates"]["messages"].as_f64().unwrap() > 1.0);
    assert!(report["timeline"].as_array().unwrap().len() >= 4);
    assert!(report["limits"].as_array().unwrap().iter().any(|limit| limit["name"] == "reply.max"));
    assert!(report["client"]["pacing_lag"].is_null(), "it stands among the latencies");
    let page = fs::read_to_string(page).unwrap();
    assert!(
        page.contains("<svg") && page.contains("Passed") && !page.contains("src=") && !page.contains("href=")
    );
}

#[tokio::test]
async fn a_broken_limit_and_a_wrong_scenario_have_exit_codes_of_their_own() {
    let shop = Shop::open().await;
    let strict = EVERYTHING.replace("reply.max = \"1m\"", "reply.p50 = \"1us\"");
    let scenario = shop.files.write("strict.toml", &strict);
    let (ran, report) = shop.load(&scenario, &["--duration", "2s", "--scale", "0.2"]).await;
    assert_clean(&ran, &report);
    assert_eq!((ran.code, &report["passed"]), (Some(4), &false.into()), "{ran:?}");
    let limit =
        report["limits"].as_array().unwrap().iter().find(|limit| limit["name"] == "reply.p50").unwrap();
    assert_eq!(limit["kept"], false);
    assert!(ran.stdout.contains("BROKEN") && ran.stdout.trim_end().ends_with("FAILED"), "{ran:?}");
    let wrong = shop.files.write("wrong.toml", &EVERYTHING.replace("every = \"200ms\"", "evry = \"200ms\""));
    let (ran, _) = shop.load(&wrong, &[]).await;
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("wrong.toml") && ran.stderr.contains("evry"), "{ran:?}");
    let nobody = shop.server.command(&["load", &scenario, "--url", "ws://127.0.0.1:1/v1/ws"]).output();
    let nobody = within("the load", nobody).await.unwrap();
    assert_eq!(nobody.status.code(), Some(1));
    assert!(String::from_utf8(nobody.stderr).unwrap().contains("ws://127.0.0.1:1"));
}

#[tokio::test]
async fn people_of_a_file_of_tokens_come_and_the_same_people_come_again() {
    let shop = Shop::open().await;
    // So few, in so short a time, must talk a lot: what is drawn could else be a run without a message.
    let small = EVERYTHING
        .replace("[slow_readers]\ncount = 2", "[slow_readers]\ncount = 0")
        .replace("every = \"500ms\"\nmix = { message = 6", "every = \"100ms\"\nmix = { message = 60");
    let scenario = shop.files.write("small.toml", &small);
    let people = [
        User::buyer("ana").of_shop("demo"),
        User::buyer("cleo").of_shop("demo"),
        User::agent("bo").of_shop("demo"),
    ];
    let tokens: Vec<String> = people.iter().map(|user| shop.server.sign(user)).collect();
    let tokens = shop.files.write("tokens", &tokens.join("\n"));
    let smaller = ["--duration", "2s", "--scale", "0.05", "--tokens", &tokens];
    let (ran, report) = shop.load(&scenario, &smaller).await;
    assert_clean(&ran, &report);
    assert_eq!((&report["people"]["buyers"], &report["people"]["agents"]), (&2.into(), &1.into()));
    // Their conversations have begun already.
    let (ran, report) = shop.load(&scenario, &smaller).await;
    assert_clean(&ran, &report);
    let (ran, _) = shop.load(&scenario, &["--tokens", &tokens]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("2 tokens"), "{ran:?}");
}

#[tokio::test]
async fn every_shipped_scenario_runs_and_so_does_that_of_the_guide() {
    let shop = Shop::open().await;
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../scripts/load");
    let mut scenarios: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    scenarios.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    assert!(scenarios.len() >= 5, "{scenarios:?}");
    let guide = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/load.md");
    let guide = fs::read_to_string(guide).unwrap();
    let example = guide.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    scenarios.push(shop.files.write("guide.toml", example).into());
    for path in scenarios {
        // Few enough for a test, and enough that someone is sure to write within its time.
        let is_large = ["flash-sale.toml", "reconnect-storm.toml"].iter().any(|name| path.ends_with(name));
        let scale = if is_large { "0.05" } else { "0.5" };
        let (ran, report) = shop.load(path.to_str().unwrap(), &["--scale", scale, "--duration", "3s"]).await;
        assert!(matches!(ran.code, Some(0 | 4)), "{}: {ran:?}", path.display());
        assert_clean(&ran, &report);
        // How fast it is on a machine that is busy with other tests says nothing.
        for limit in report["limits"].as_array().unwrap() {
            let name = limit["name"].as_str().unwrap();
            if matches!(name, "errors" | "disconnects") {
                assert_eq!(limit["kept"], true, "{}: {report:#}", path.display());
            }
        }
    }
}

#[tokio::test]
async fn a_node_that_is_killed_under_load_loses_nothing() {
    let redis = within("Redis", Redis::start()).await.unwrap();
    let setting = Setting { backend: Backend::Postgres, ..Setting::default() };
    let server = ServerOptions::new(setting).redis(&redis).start().await;
    let mut other = ServerOptions::beside(&server).start().await;
    let shop = Shop { server, files: Directory::new() };
    let forgiving = EVERYTHING.replace("duration = \"5s\"", "duration = \"6s\"");
    let scenario = shop.files.write("killed.toml", &format!("{forgiving}errors = 1.0\ndisconnects = 1000\n"));
    let mut watch = shop.server.join(&User::agent("watch").of_shop("demo")).await;
    let url = other.url();
    let load = shop.begin(&scenario, &["--url", &url]);
    // The load is in full course when so much has happened.
    for _ in 0..100 {
        watch.push("conversation.updated").await;
    }
    other.kill().await;
    let (ran, report) = shop.finish(load).await;
    assert_clean(&ran, &report);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(report["counts"]["sockets_lost"].as_u64().unwrap() >= 5, "{report:#}");
    assert!(report["counts"]["messages_resent"].as_u64().is_some());
}
