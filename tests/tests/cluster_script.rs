//! `scripts/cluster`: what it prints can be pasted, two people talk over two nodes, and nothing of it is left when it ends.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::{io::ErrorKind, path::Path, time::Duration};

use deskwire_tests::{Directory, Terminal, binary, within};
use tokio::{net::TcpStream, process::Command, time::timeout};

/// Starting PostgreSQL from nothing, and ending it, take longer than anything else here.
const PATIENCE: Duration = Duration::from_mins(1);

/// The script at work in a directory of its own.
struct Cluster {
    script: Terminal,
    process: u32,
    directory: Directory,
    /// Of everything that it started.
    addresses: Vec<String>,
    buyer: String,
    agent: String,
}

impl Cluster {
    async fn start() -> Self {
        let directory = Directory::new();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("scripts/cluster");
        let mut command = directory.program(&script);
        command.arg("--binary").arg(binary("deskwire")).args(["--dir", "cluster"]);
        let mut script = Terminal::start(command);
        let process = script.process_id();
        let started = timeout(PATIENCE, async {
            let mut addresses = Vec::new();
            for (line, scheme) in [
                ("node 1: ", "http://"),
                ("node 2: ", "http://"),
                ("Redis: ", "redis://"),
                ("PostgreSQL: ", "@"),
            ] {
                let line = script.shows_within(PATIENCE, line).await;
                let (_, rest) = line.split_once(scheme).unwrap();
                addresses.push(rest.split([',', '/']).next().unwrap().to_owned());
            }
            let buyer = script.shows("connect --as buyer").await;
            let agent = script.shows("connect --as agent").await;
            script.shows("Ctrl-C ends everything").await;
            (addresses, buyer, agent)
        });
        let (addresses, buyer, agent) = started.await.unwrap();
        Self { script, process, directory, addresses, buyer, agent }
    }

    async fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.process.to_string()]).status();
        assert!(within("kill", sent).await.unwrap().success());
    }

    /// Waits until nothing listens any more where the nodes, Redis and PostgreSQL did.
    async fn is_gone(&self) {
        for address in &self.addresses {
            let gone = timeout(PATIENCE, async {
                while let Ok(stream) = TcpStream::connect(address).await {
                    drop(stream);
                    tokio::task::yield_now().await;
                }
            });
            assert!(gone.await.is_ok(), "something still listens at {address}");
        }
        for address in &self.addresses {
            let refused = within("a refusal", TcpStream::connect(address)).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused, "{address}");
        }
    }
}

/// Everything listens where it says that it does.
async fn listening(addresses: &[String]) {
    assert_eq!(addresses.len(), 4);
    for address in addresses {
        drop(within("a connection", TcpStream::connect(address)).await.unwrap());
    }
}

#[tokio::test]
async fn two_people_talk_over_two_nodes_by_what_it_prints_and_nothing_is_left_of_it() {
    let cluster = Cluster::start().await;
    listening(&cluster.addresses).await;
    assert!(cluster.buyer.contains(&cluster.addresses[0]) && cluster.agent.contains(&cluster.addresses[1]));
    let mut buyer = Terminal::start(cluster.directory.pasted(cluster.buyer.trim()));
    buyer.type_line("Hello from the first node").await;
    let mut agent = Terminal::start(cluster.directory.pasted(cluster.agent.trim()));
    agent.shows("Hello from the first node").await;
    agent.type_line("Hello from the second").await;
    buyer.shows("Hello from the second").await;
    drop((buyer.end().await, agent.end().await));

    cluster.signal("-TERM").await;
    cluster.is_gone().await;
    let (status, shown) = cluster.script.end().await;
    assert_eq!(status.code(), Some(143), "{shown:#?}");
    for node in ["node-1", "node-2"] {
        let log =
            std::fs::read_to_string(cluster.directory.path("cluster").join(format!("{node}.log"))).unwrap();
        assert!(log.contains("ended in order"), "{log}");
    }
}

#[tokio::test]
async fn ctrl_c_ends_it_and_nothing_is_left() {
    let cluster = Cluster::start().await;
    listening(&cluster.addresses).await;
    cluster.signal("-INT").await;
    cluster.is_gone().await;
    let (status, shown) = cluster.script.end().await;
    assert_eq!(status.code(), Some(130), "{shown:#?}");
    assert!(shown.iter().any(|line| line.contains("ending the nodes")), "{shown:#?}");
}

#[tokio::test]
async fn nothing_is_left_of_it_when_it_is_killed() {
    let cluster = Cluster::start().await;
    listening(&cluster.addresses).await;
    cluster.signal("-KILL").await;
    cluster.is_gone().await;
}

#[tokio::test]
async fn it_says_what_it_does_not_understand() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("scripts/cluster");
    let directory = Directory::new();
    for (arguments, said) in [
        (&["--nodes", "0"][..], "--nodes is a number from 1 to 9, not `0`"),
        (&["--nodes"], "--nodes needs a value"),
        (&["--fast"], "there is no option `--fast`"),
    ] {
        let ran = within("the script", directory.program(&script).args(arguments).output()).await.unwrap();
        assert_eq!(ran.status.code(), Some(2), "{arguments:?}");
        assert!(String::from_utf8_lossy(&ran.stderr).contains(said), "{arguments:?}: {ran:?}");
    }
}
