//! The services that are compared, each as its processes.

use std::{collections::HashSet, fs, path::PathBuf, process::Stdio, time::Duration};

use anyhow::{Context, bail, ensure};
use deskwire_test_backends::{Database, Postgres, Redis};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use super::Wire;
use crate::{
    Options,
    process::{CpuTime, Memory},
    server::{Program, Server},
};

const PATIENCE: Duration = Duration::from_secs(30);

/// Limits that guard against one client or one shop would measure themselves.
const LIMITS: &[(&str, &str)] = &[
    ("DESKWIRE_GATEWAY__NEW_SESSIONS_PER_SECOND", "1000000"),
    ("DESKWIRE_GATEWAY__OUTBOX_EVENTS", "16384"),
    ("DESKWIRE_GATEWAY__OUTBOX_BYTES", "16777216"),
];

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    FanOut,
    FanOutOverRedis,
    SocketIo,
    Uws,
    OneNode,
    TwoNodes,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] =
        [Self::FanOut, Self::FanOutOverRedis, Self::SocketIo, Self::Uws, Self::OneNode, Self::TwoNodes];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::FanOut => "L: bare fan-out, one process",
            Self::FanOutOverRedis => "L: bare fan-out, two over Redis",
            Self::SocketIo => "Socket.IO, two over Redis",
            Self::Uws => "uWebSockets.js, one process",
            Self::OneNode => "Deskwire, one node, SQLite",
            Self::TwoNodes => "Deskwire, two nodes, PostgreSQL and Redis",
        }
    }

    /// For a plot.
    pub(crate) const fn short_name(self) -> &'static str {
        match self {
            Self::FanOut => "L alone",
            Self::FanOutOverRedis => "L over Redis",
            Self::SocketIo => "Socket.IO over Redis",
            Self::Uws => "uWebSockets.js",
            Self::OneNode => "Deskwire, one node",
            Self::TwoNodes => "Deskwire, two nodes",
        }
    }

    /// Whether what is sent is kept.
    pub(crate) const fn is_durable(self) -> bool {
        matches!(self, Self::OneNode | Self::TwoNodes)
    }

    const fn wire(self) -> Wire {
        match self {
            Self::FanOut | Self::FanOutOverRedis | Self::Uws => Wire::Plain,
            Self::SocketIo => Wire::SocketIo,
            Self::OneNode | Self::TwoNodes => Wire::Deskwire,
        }
    }
}

/// What is needed to start any of them.
pub(crate) struct Services<'o> {
    options: &'o Options,
    program: &'o Program,
    node_modules: PathBuf,
    fan_out: PathBuf,
    redis: Redis,
    postgres: Postgres,
}

impl<'o> Services<'o> {
    pub(crate) async fn prepare(options: &'o Options, program: &'o Program) -> anyhow::Result<Self> {
        let node_modules =
            options.node_modules.clone().context("--node-modules: where Socket.IO is installed")?;
        // The backends are on the core of those that they serve: whoever starts them hands its own on.
        let own = affinity()?;
        if let Some(core) = program.core {
            pin(&core.to_string())?;
        }
        let started = async { anyhow::Ok((Redis::start().await?, Postgres::start().await?)) }.await;
        pin(&own)?;
        let (redis, postgres) = started?;
        let fan_out = std::env::current_exe()?.with_file_name("fan-out");
        ensure!(fan_out.is_file(), "{} is not built", fan_out.display());
        Ok(Self { options, program, node_modules, fan_out, redis, postgres })
    }

    /// With all limits as they are by default but those that the benchmark has everywhere.
    pub(crate) async fn start_usual(&self, kind: Kind) -> anyhow::Result<Service> {
        self.start_with(kind, &[]).await
    }

    pub(crate) async fn start(&self, kind: Kind) -> anyhow::Result<Service> {
        self.start_with(kind, LIMITS).await
    }

    async fn start_with(&self, kind: Kind, limits: &[(&str, &str)]) -> anyhow::Result<Service> {
        let mut service = Service { kind, processes: vec![], nodes: vec![], others: vec![], database: None };
        let redis = self.redis.url();
        match kind {
            Kind::FanOut => service.processes.push(self.process(self.fan_out(&[])).await?),
            Kind::FanOutOverRedis => {
                for _ in 0..2 {
                    service.processes.push(self.process(self.fan_out(&[redis])).await?);
                }
                service.others = vec![self.redis_process()?];
            }
            Kind::SocketIo => {
                for _ in 0..2 {
                    let mut command = self.node("socketio.mjs");
                    command.env("REDIS_URL", redis);
                    service.processes.push(self.process(command).await?);
                }
                service.others = vec![self.redis_process()?];
            }
            Kind::Uws => service.processes.push(self.process(self.node("uws.mjs")).await?),
            Kind::OneNode => {
                let directory = Program::directory(&self.options.work_dir)?;
                service.nodes.push(self.program.start_with(directory, limits).await?);
            }
            Kind::TwoNodes => {
                let database = self.postgres.create_database().await?;
                let prefix = Redis::fresh_name();
                let mut settings = limits.to_vec();
                settings.extend([
                    ("DESKWIRE_DATABASE_URL", database.url()),
                    ("DESKWIRE_REDIS_URL", redis),
                    ("DESKWIRE_BUS__PREFIX", prefix.as_str()),
                ]);
                for _ in 0..2 {
                    let directory = Program::directory(&self.options.work_dir)?;
                    service.nodes.push(self.program.start_with(directory, &settings).await?);
                }
                service.others = vec![self.redis_process()?, self.postgres_process()?];
                service.database = Some(database);
            }
        }
        Ok(service)
    }

    fn pinned(&self, program: &std::ffi::OsStr) -> Command {
        match self.program.core {
            Some(core) => {
                let mut command = Command::new("taskset");
                command.args(["-c", &core.to_string()]).arg(program);
                command
            }
            None => Command::new(program),
        }
    }

    fn fan_out(&self, arguments: &[&str]) -> Command {
        let mut command = self.pinned(self.fan_out.as_os_str());
        command.args(arguments);
        command
    }

    fn node(&self, script: &str) -> Command {
        let mut command = self.pinned("node".as_ref());
        command.arg(self.node_modules.with_file_name(script)).env("NODE_ENV", "production");
        command
    }

    async fn process(&self, mut command: Command) -> anyhow::Result<Process> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
        let mut child =
            command.spawn().with_context(|| format!("{}", command.as_std().get_program().display()))?;
        let mut stdout = BufReader::new(child.stdout.take().context("its output is ours")?);
        let mut line = String::new();
        timeout(PATIENCE, stdout.read_line(&mut line)).await.context("a peer is not ready")??;
        let address = line.trim_end().strip_prefix("listening on http://").context("a peer did not start")?;
        Ok(Process { child, address: address.to_owned(), _stdout: stdout })
    }

    fn redis_process(&self) -> anyhow::Result<String> {
        let port = self.redis.url().rsplit(':').next().context("a port")?;
        find("redis-server", &format!(":{port}"))
    }

    fn postgres_process(&self) -> anyhow::Result<String> {
        let (_, rest) = self.postgres.url().rsplit_once(':').context("a port")?;
        let port = rest.split('/').next().context("a port")?;
        find("postgres", &format!("\0-p\0{port}\0"))
    }
}

/// The process whose command line has both.
fn find(program: &str, argument: &str) -> anyhow::Result<String> {
    for process in processes()? {
        let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line);
        if line.split('\0').next().is_some_and(|first| first.contains(program)) && line.contains(argument) {
            return Ok(process);
        }
    }
    bail!("no {program} runs with {argument:?}")
}

fn processes() -> anyhow::Result<Vec<String>> {
    let names = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).collect())
}

/// The cores that this process may use.
fn affinity() -> anyhow::Result<String> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).context("a list")?;
    Ok(line.trim().to_owned())
}

/// This process, with all its threads, uses these cores from now on.
fn pin(cores: &str) -> anyhow::Result<()> {
    for thread in fs::read_dir("/proc/self/task")? {
        let thread = thread?;
        let mut taskset = std::process::Command::new("taskset");
        taskset.args(["-cp", cores]).arg(thread.file_name()).stdout(Stdio::null()).stderr(Stdio::null());
        // A thread that has just ended uses no core.
        ensure!(taskset.status()?.success() || !thread.path().exists(), "taskset failed");
    }
    Ok(())
}

/// A process that is no node of Deskwire.
struct Process {
    child: Child,
    address: String,
    /// Kept open: it may go on to write there.
    _stdout: BufReader<ChildStdout>,
}

/// A service that runs; it ends when this is dropped.
pub(crate) struct Service {
    pub(crate) kind: Kind,
    processes: Vec<Process>,
    nodes: Vec<Server>,
    /// Redis and PostgreSQL, where it needs them.
    others: Vec<String>,
    /// Dropped after those who use it.
    database: Option<Database>,
}

impl Service {
    pub(crate) fn wire(&self) -> Wire {
        self.kind.wire()
    }

    /// Where to connect, by turns.
    pub(crate) fn address(&self, turn: usize) -> &str {
        let addresses: Vec<&str> = self
            .processes
            .iter()
            .map(|process| process.address.as_str())
            .chain(self.nodes.iter().map(Server::address))
            .collect();
        addresses[turn % addresses.len()]
    }

    /// Time on a core of all its processes, Redis and PostgreSQL with all their children included.
    pub(crate) fn cpu_time(&self) -> anyhow::Result<CpuTime> {
        let mut total = CpuTime::default();
        for process in self.own()? {
            total = total.and(CpuTime::of(&process)?);
        }
        if self.others.is_empty() {
            return Ok(total);
        }
        let mut family: HashSet<String> = self.others.iter().cloned().collect();
        let parents: Vec<(String, String)> =
            processes()?.into_iter().filter_map(|process| Some((parent(&process)?, process))).collect();
        // Children of children: as often as something is added.
        loop {
            let before = family.len();
            let children = parents.iter().filter(|(parent, _)| family.contains(parent));
            let children: Vec<String> = children.map(|(_, child)| child.clone()).collect();
            family.extend(children);
            if family.len() == before {
                break;
            }
        }
        for process in family {
            // One that has just ended is in nobody's way.
            if let Ok(time) = CpuTime::of(&process) {
                total = total.and(time);
            }
        }
        Ok(total)
    }

    /// Of its own processes, without Redis and PostgreSQL.
    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        let mut total = 0;
        for process in self.own()? {
            total += Memory::of(&process)?.pss;
        }
        Ok(total)
    }

    fn own(&self) -> anyhow::Result<Vec<String>> {
        let peers = self
            .processes
            .iter()
            .map(|process| Ok(process.child.id().context("a peer has ended")?.to_string()));
        peers.chain(self.nodes.iter().map(Server::process)).collect()
    }

    /// Sockets that were given up because they did not read.
    pub(crate) async fn slow_consumers(&self) -> anyhow::Result<f64> {
        let mut given_up = 0.0;
        for node in &self.nodes {
            given_up += node.counters().await?.of("deskwire_slow_consumers_total");
        }
        Ok(given_up)
    }

    pub(crate) async fn end(self) -> anyhow::Result<()> {
        for mut process in self.processes {
            process.child.kill().await?;
        }
        for node in self.nodes {
            node.end().await?;
        }
        Ok(())
    }
}

fn parent(process: &str) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(1).map(str::to_owned)
}
