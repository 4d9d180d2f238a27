//! The service under test: three nodes over a PostgreSQL and a Redis of their own, and lines between all of them that can
//! be broken. What is killed here is started again as a supervisor would.

use std::{
    fs::File,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, bail};
use deskwire_test_backends::{Postgres, Redis, free_ports};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdout, Command},
    sync::Mutex,
    time::{Instant, sleep, timeout},
};

use crate::proxy::Proxy;

/// Nodes of the service.
pub const NODES: usize = 3;

/// All nodes share it.
pub const SECRET: &str = "the secret of the fault suite, which nobody else has";

/// To be ready, also where PostgreSQL has to come back first.
const READY: Duration = Duration::from_mins(1);
/// To end in order: the drain, and what is left to do after it.
const END: Duration = Duration::from_secs(45);
/// Between two tries of the supervisor.
const RESTART: Duration = Duration::from_millis(200);

/// What is set other than by default.
const SETTINGS: &[(&str, &str)] = &[
    ("DESKWIRE_DEMO", "false"),
    ("DESKWIRE_LOG__LEVEL", "warn"),
    ("DESKWIRE_AUTH__HS256_SECRET", SECRET),
    // The service is broken here, not its guards against single clients.
    ("DESKWIRE_GATEWAY__BUYER_SENDS_PER_SECOND", "1000"),
    ("DESKWIRE_GATEWAY__BUYER_SEND_BURST", "1000"),
    ("DESKWIRE_GATEWAY__AGENT_SENDS_PER_SECOND", "1000"),
    ("DESKWIRE_GATEWAY__AGENT_SEND_BURST", "1000"),
    ("DESKWIRE_GATEWAY__BUYER_SESSIONS", "200"),
    ("DESKWIRE_GATEWAY__AGENT_SESSIONS", "200"),
    ("DESKWIRE_GATEWAY__DRAIN_DEADLINE_SECONDS", "10"),
    // Tried again for as long as the run takes.
    ("DESKWIRE_CHAT__RECALL_WINDOW_SECONDS", "86400"),
];

/// The program under test.
#[derive(Debug, Clone)]
pub struct Program {
    /// `deskwire`.
    pub binary: PathBuf,
    /// More of its environment.
    pub environment: Vec<(String, String)>,
}

impl Program {
    /// Whoever writes beyond what a file may hold is told so as at a full disk, and gets no signal.
    fn serving(&self) -> Command {
        let mut command = self.with_settings(Command::new("sh"));
        command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]).arg(&self.binary);
        command
    }

    fn command(&self) -> Command {
        self.with_settings(Command::new(&self.binary))
    }

    fn with_settings(&self, mut command: Command) -> Command {
        // The developer's own settings are not the suite's.
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("DESKWIRE_")) {
                command.env_remove(name);
            }
        }
        command
            .envs(SETTINGS.iter().copied())
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }
}

/// One node.
#[derive(Debug)]
pub struct Node {
    program: Program,
    address: SocketAddr,
    directory: PathBuf,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    /// Kept open: the node may go on to write there.
    _stdout: BufReader<ChildStdout>,
}

impl Node {
    fn new(program: Program, port: u16, directory: PathBuf) -> Self {
        Self { program, address: ([127, 0, 0, 1], port).into(), directory, running: Mutex::new(None) }
    }

    /// Where it listens, in each of its lives.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its log, over all its lives.
    pub fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    /// Starts it, again and again until it is ready.
    pub async fn start(&self) -> anyhow::Result<()> {
        let give_up_at = Instant::now() + READY;
        loop {
            match self.try_start().await {
                Ok(running) => {
                    *self.running.lock().await = Some(running);
                    return Ok(());
                }
                Err(error) if Instant::now() > give_up_at => return Err(error),
                Err(_) => sleep(RESTART).await,
            }
        }
    }

    async fn try_start(&self) -> anyhow::Result<Running> {
        std::fs::create_dir_all(&self.directory)?;
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut command = self.program.serving();
        command
            .args(["serve", "--listen", &self.address.to_string(), "--data-dir"])
            .arg(self.directory.join("data"));
        command.stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().with_context(|| format!("{}", self.program.binary.display()))?;
        let mut stdout = BufReader::new(child.stdout.take().context("its output is ours")?);
        let mut line = String::new();
        let ready = async {
            loop {
                line.clear();
                if stdout.read_line(&mut line).await? == 0 {
                    bail!("a node ended before it was ready: see {}", self.log().display());
                }
                if line.starts_with("listening on ") {
                    return Ok(());
                }
            }
        };
        timeout(READY, ready).await.context("a node is not ready")??;
        Ok(Running { child, _stdout: stdout })
    }

    /// Ends it as a power cut would.
    pub async fn kill(&self) -> anyhow::Result<()> {
        if let Some(mut running) = self.running.lock().await.take() {
            timeout(END, running.child.kill()).await.context("a killed node does not end")??;
        }
        Ok(())
    }

    /// Asks it to end, and waits until it has. An error when it ends otherwise than in order.
    pub async fn terminate(&self) -> anyhow::Result<()> {
        let Some(mut running) = self.running.lock().await.take() else { return Ok(()) };
        signal(&running.child, "TERM").await?;
        let status = timeout(END, running.child.wait()).await.context("a node does not end")??;
        if !status.success() {
            bail!("a node was asked to end, and ended with {status}: see {}", self.log().display());
        }
        Ok(())
    }

    /// Sends a signal to the running process.
    pub async fn signal(&self, name: &str) -> anyhow::Result<()> {
        match &*self.running.lock().await {
            Some(running) => signal(&running.child, name).await,
            None => Ok(()),
        }
    }

    /// Sets how far its files may grow; `unlimited` is a word for it. For whom the disk is full cannot write beyond it.
    pub async fn limit_files(&self, bytes: &str) -> anyhow::Result<()> {
        let running = self.running.lock().await;
        let id = running.as_ref().and_then(|running| running.child.id()).context("the node does not run")?;
        let status = Command::new("prlimit")
            .arg(format!("--pid={id}"))
            .arg(format!("--fsize={bytes}:unlimited"))
            .status();
        if !status.await?.success() {
            bail!("prlimit failed");
        }
        Ok(())
    }

    /// How it ended, if it did so by itself.
    pub async fn ended(&self) -> Option<String> {
        let mut running = self.running.lock().await;
        let status = running.as_mut()?.child.try_wait().ok()??;
        *running = None;
        Some(status.to_string())
    }
}

async fn signal(child: &Child, name: &str) -> anyhow::Result<()> {
    let id = child.id().context("the process has ended")?;
    let status = Command::new("sh").args(["-c", &format!("kill -{name} {id}")]).status().await?;
    if !status.success() {
        bail!("a process that runs cannot be signalled");
    }
    Ok(())
}

/// What the nodes share.
#[derive(Debug)]
pub enum Backends {
    /// A PostgreSQL, and a Redis to which each node has a line of its own.
    Shared(Box<Shared>),
    /// One node has a SQLite file.
    Alone,
}

/// What three nodes share.
#[derive(Debug)]
pub struct Shared {
    pub postgres: Postgres,
    pub redis: Mutex<Redis>,
    /// Each node's own.
    pub bus_lines: Vec<Proxy>,
}

/// The service.
#[derive(Debug)]
pub struct Service {
    // Dropped in this order: first those who use the last.
    /// The nodes.
    pub nodes: Vec<Node>,
    /// What they share.
    pub backends: Backends,
    directory: TempDir,
    program: Program,
}

impl Service {
    /// Starts three nodes over PostgreSQL and Redis.
    pub async fn start(program: &Program) -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new().prefix("deskwire-faults-").tempdir()?;
        let postgres = Postgres::start().await?;
        let redis = Redis::start().await?;
        let mut program = program.clone();
        program.environment.push(("DESKWIRE_DATABASE_URL".into(), postgres.url().into()));
        let mut bus_lines = Vec::new();
        let mut nodes = Vec::new();
        for (number, port) in free_ports::<NODES>()?.into_iter().enumerate() {
            let line = Proxy::to(([127, 0, 0, 1], redis.port()).into(), number as u64).await?;
            let mut program = program.clone();
            program.environment.push(("DESKWIRE_REDIS_URL".into(), format!("redis://{}", line.address())));
            nodes.push(Node::new(program, port, directory.path().join(format!("node-{number}"))));
            bus_lines.push(line);
        }
        let backends = Backends::Shared(Box::new(Shared { postgres, redis: Mutex::new(redis), bus_lines }));
        let service = Self { nodes, backends, directory, program };
        for node in &service.nodes {
            node.start().await?;
        }
        Ok(service)
    }

    /// Starts one node on SQLite.
    pub async fn start_alone(program: &Program) -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new().prefix("deskwire-faults-").tempdir()?;
        let [port] = free_ports::<1>()?;
        let home = directory.path().join("node-0");
        let mut program = program.clone();
        let database = format!("sqlite://{}", home.join("data/deskwire.sqlite").display());
        program.environment.push(("DESKWIRE_DATABASE_URL".into(), database));
        let node = Node::new(program.clone(), port, home);
        let service = Self { nodes: vec![node], backends: Backends::Alone, directory, program };
        service.nodes[0].start().await?;
        Ok(service)
    }

    /// Brings coupons of these ids into a shop.
    pub async fn import_coupons(&self, shop: &str, coupons: &[String]) -> anyhow::Result<()> {
        let file = self.directory.path().join(format!("{shop}.ndjson"));
        let lines: Vec<_> = coupons.iter().map(|id| coupon(id).to_string()).collect();
        std::fs::write(&file, lines.join("\n"))?;
        let mut command = self.program.command();
        command
            .args(["import", "--shop", shop, "--kind", "coupons", "--data-dir"])
            .arg(self.data_dir())
            .arg(&file);
        let output = timeout(READY, command.output()).await.context("deskwire import")??;
        if !output.status.success() {
            bail!("deskwire import: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    fn data_dir(&self) -> PathBuf {
        self.directory.path().join("node-0/data")
    }

    /// Where everything lies that the service writes, but for PostgreSQL and Redis.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}

fn coupon(id: &str) -> Value {
    json!({
        "id": id, "title": format!("Welcome {id}"), "status": "ONGOING", "display_type": "REGULAR",
        "discount": {"type": "AMOUNT_OFF", "reduction_amount": {"amount": "5.00", "currency": "EUR"}},
        "threshold": {"type": "NONE"}, "product_scope": "FULL_SHOP",
        "claim_duration": {"start_time": 1_600_000_000_000_i64, "end_time": 4_000_000_000_000_i64},
        "redemption_duration": {"type": "RELATIVE", "relative_days": 7},
        "usage_limits": {"total_claim_limit": 1_000_000, "single_buyer_claim_limit": 1},
        "create_time": 1_600_000_000_000_i64, "update_time": 1_600_000_000_000_i64,
    })
}
