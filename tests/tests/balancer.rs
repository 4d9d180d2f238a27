//! The balancer of `compose.yaml` before two nodes: the same HAProxy configuration, here as a plain process. Sockets are spread,
//! and whoever loses one, for whatever reason, is back on the other node at the first try.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use deskwire_tests::{
    Backend, Client, Closed, Connect, Directory, Redis, Response, Server, ServerOptions, Setting, User, http,
    within,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    net::{TcpListener, TcpStream},
    process::{Child, ChildStdout, Command},
};

/// Two nodes behind HAProxy.
struct Service {
    // Dropped in this order: first those who use the last.
    balancer: String,
    _haproxy: Child,
    log: Lines<BufReader<ChildStdout>>,
    nodes: [Server; 2],
    _redis: Redis,
}

impl Service {
    async fn start() -> Self {
        let redis = within("Redis", Redis::start()).await.unwrap();
        let setting = Setting { backend: Backend::Postgres, ..Setting::default() };
        let one = ServerOptions::new(setting).redis(&redis).start().await;
        let two = ServerOptions::beside(&one).start().await;
        let balancer = free_address().await;
        let mut haproxy = Command::new(haproxy())
            .args(["-db", "-f"])
            .arg(deployed("haproxy.cfg"))
            .env("DESKWIRE_BALANCER", &balancer)
            .env("DESKWIRE_NODE_1", one.address())
            .env("DESKWIRE_NODE_2", two.address())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let log = BufReader::new(haproxy.stdout.take().unwrap()).lines();
        within("HAProxy", async {
            while TcpStream::connect(&balancer).await.is_err() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        Self { balancer, _haproxy: haproxy, log, nodes: [one, two], _redis: redis }
    }

    /// Someone who connects to the balancer once: it is refused to no one.
    async fn join(&self, user: &User) -> Client {
        // All that is taken from it is what its clients speak.
        let node = self.nodes.iter().find(|node| node.runs()).unwrap();
        let opened = Connect::to(node).by_way_of(&self.balancer).open().await;
        let mut client = opened.unwrap_or_else(|status| panic!("refused with {status}"));
        client.start(&self.nodes[0].sign(user)).await;
        client
    }

    /// Reads on until the balancer has said this.
    async fn says(&mut self, what: &str) {
        within(what, async { while !self.log.next_line().await.unwrap().unwrap().contains(what) {} }).await;
    }

    async fn signal(&self, node: usize, signal: &str) {
        let process = self.nodes[node].process_id().to_string();
        let sent = within("kill", Command::new("kill").args([signal, &process]).status()).await;
        assert!(sent.unwrap().success());
    }

    async fn get(&self, path: &str) -> Response {
        http::get(&self.balancer, path).await
    }

    /// Ana and Bo, each on a node of their own, in Ana's conversation; and the number of the node that has Ana.
    async fn people(&self) -> (Client, Client, String, usize) {
        let mut ana = self.join(&User::buyer("ana")).await;
        let node = usize::from(sockets(&self.nodes[0]).await != 1);
        let mut bo = self.join(&User::agent("bo")).await;
        assert_eq!(
            [sockets(&self.nodes[0]).await, sockets(&self.nodes[1]).await],
            [1, 1],
            "the other node had fewer"
        );
        let here = ana.open().await;
        bo.attach(&here).await;
        (ana, bo, here, node)
    }
}

/// The WebSockets of a node.
async fn sockets(node: &Server) -> usize {
    let metrics = node.get("/metrics").await.body;
    let line = metrics.lines().find_map(|line| line.strip_prefix("deskwire_sockets "));
    line.unwrap_or("0").parse().unwrap()
}

/// A file of what is deployed.
fn deployed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("deploy").join(name)
}

/// Debian has it where only root's PATH leads.
fn haproxy() -> &'static str {
    if Path::new("/usr/sbin/haproxy").is_file() { "/usr/sbin/haproxy" } else { "haproxy" }
}

/// An address at which nothing listens.
async fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string()
}

#[tokio::test]
async fn sockets_are_spread_over_the_nodes_and_people_talk_through_the_balancer() {
    let service = Service::start().await;
    let (mut ana, mut bo, here, _) = service.people().await;
    for number in 0..5 {
        ana.say(&here, &format!("question {number}")).await;
        bo.hears(&format!("question {number}")).await;
        bo.say(&here, &format!("answer {number}")).await;
        ana.hears(&format!("answer {number}")).await;
    }
    assert_eq!(service.get("/readyz").await.json()["ready"], true);
    assert_eq!(service.get("/metrics").await.status, 404, "figures are not for the public");
}

#[tokio::test]
async fn whoever_is_on_a_node_that_drains_comes_back_on_the_other_and_misses_nothing() {
    let mut service = Service::start().await;
    let (mut ana, mut bo, here, node) = service.people().await;
    ana.say(&here, "before").await;
    bo.hears("before").await;
    service.nodes[node].signal_to_end().await;
    ana.push("session.draining").await;
    // The balancer has not asked /readyz since: whoever comes now is sent to the node that drains first, and heard by the other.
    let mut newcomers = Vec::new();
    for number in 0..4 {
        newcomers.push(service.join(&User::buyer(format!("newcomer-{number}"))).await);
    }
    bo.say(&here, "meanwhile").await;
    assert_eq!(ana.close_code().await, 4000);
    let mut ana = service.join(&User::buyer("ana")).await;
    let missed = ana.attach_after(&here, 1).await;
    assert_eq!(missed["events"][0]["message"]["content"]["text"], "meanwhile");
    ana.say(&here, "after").await;
    bo.hears("after").await;
    assert!(service.nodes[node].ended().await.success());
    assert_eq!(
        sockets(&service.nodes[1 - node]).await,
        6,
        "all are on the other node, and Bo has never left it"
    );
}

#[tokio::test]
async fn a_node_that_answers_on_readyz_no_more_gets_nobody_until_it_does_again() {
    let mut service = Service::start().await;
    let (_ana, _bo, _, node) = service.people().await;
    service.signal(node, "-STOP").await;
    service.says(&format!("Server nodes/node-{} is DOWN", node + 1)).await;
    let mut newcomers = Vec::new();
    for number in 0..4 {
        newcomers.push(service.join(&User::buyer(format!("newcomer-{number}"))).await);
    }
    assert_eq!(sockets(&service.nodes[1 - node]).await, 5, "Bo and all of them");
    service.signal(node, "-CONT").await;
    service.says(&format!("Server nodes/node-{} is UP", node + 1)).await;
    newcomers.push(service.join(&User::buyer("newcomer-4")).await);
    assert_eq!(sockets(&service.nodes[node]).await, 2, "Ana, and who came when it had the fewest");
}

#[tokio::test]
async fn whoever_was_on_a_node_that_was_killed_is_back_at_the_first_try() {
    let mut service = Service::start().await;
    let (mut ana, mut bo, here, node) = service.people().await;
    ana.say(&here, "my last words").await;
    service.nodes[node].kill().await;
    assert!(matches!(ana.closed().await, Closed::Lost));
    let mut ana = service.join(&User::buyer("ana")).await;
    assert_eq!(ana.attach_after(&here, 0).await["events"][0]["message"]["content"]["text"], "my last words");
    bo.hears("my last words").await;
    bo.say(&here, "welcome back").await;
    ana.hears("welcome back").await;
}

#[tokio::test]
async fn the_health_check_of_the_image_tells_whether_a_node_takes_sockets() {
    let mut node = Server::start(Setting::default()).await;
    let (host, port) =
        node.address().split_once(':').map(|(host, port)| (host.to_owned(), port.to_owned())).unwrap();
    let ready = async || {
        let asked = Command::new(deployed("ready")).args([&host, &port]).stderr(Stdio::null()).status();
        within("the health check", asked).await.unwrap().success()
    };
    assert!(ready().await);
    node.kill().await;
    assert!(!ready().await);
}

/// Names of settings with values: those of the nodes in compose.yaml, and those of the image.
fn deployed_settings() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let compose = fs::read_to_string(root.join("compose.yaml")).unwrap();
    let of_compose = compose.lines().filter_map(|line| line.trim().split_once(": "));
    let image = fs::read_to_string(root.join("Dockerfile")).unwrap();
    let of_image = image.split_whitespace().filter_map(|word| word.split_once('='));
    of_compose
        .chain(of_image)
        .filter(|(name, _)| name.starts_with("DESKWIRE_"))
        .map(|(name, value)| (name.to_owned(), interpolated(value.trim_matches('"'))))
        .collect()
}

/// As Compose does it with an `.env` that has only what must be there.
fn interpolated(value: &str) -> String {
    let Some((before, rest)) = value.split_once("${") else { return value.to_owned() };
    let (variable, after) = rest.split_once('}').unwrap();
    let secret = "0123456789abcdef0123456789abcdef";
    format!("{before}{}{after}", variable.split_once(":-").map_or(secret, |(_, default)| default))
}

#[tokio::test]
async fn every_setting_of_compose_yaml_and_of_the_image_is_one_of_the_program() {
    let directory = Directory::new();
    let check = async |settings: &[(String, String)]| {
        let mut command = directory.command(&["check-config"]);
        command.envs(settings.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
        within("check-config", command.output()).await.unwrap()
    };
    let mut settings = deployed_settings();
    assert!(settings.len() >= 8, "{settings:?}");
    let checked = check(&settings).await;
    assert!(checked.status.success(), "{settings:?}: {checked:?}");
    settings.push(("DESKWIRE_DATABASE__MIGRATES".into(), "false".into()));
    let refused = check(&settings).await;
    assert!(String::from_utf8_lossy(&refused.stderr).contains("database.migrates"), "{refused:?}");
}
