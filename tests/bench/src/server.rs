//! The server under load: a real `deskwire serve` process with a database of its own, and what it says of itself.

use std::{
    collections::HashMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use crate::{
    people::SECRET,
    process::{CpuTime, Memory},
};

/// The limits that guard the server against one client would measure themselves. All else is as by default.
const SETTINGS: &str = r#"
listen = "127.0.0.1:0"
demo = false
[gateway]
buyer_sends_per_second = 1000000
buyer_send_burst = 1000000
agent_sends_per_second = 1000000
agent_send_burst = 1000000
frames_per_second = 10000000
frame_burst = 10000000
agent_sessions = 1000
in_flight = 64
[log]
level = "warn"
"#;

const PATIENCE: Duration = Duration::from_secs(30);

/// The binary, and where it runs.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) core: Option<usize>,
}

impl Program {
    /// Starts it on an empty database and waits until it is ready.
    pub(crate) async fn start(&self, work_dir: &Path) -> anyhow::Result<Server> {
        self.start_in(Self::directory(work_dir)?).await
    }

    /// A place for a database and its settings.
    pub(crate) fn directory(work_dir: &Path) -> anyhow::Result<TempDir> {
        let directory = tempfile::Builder::new().prefix("deskwire-bench-").tempdir_in(work_dir)?;
        let settings = directory.path().join("deskwire.toml");
        fs::write(&settings, format!("{SETTINGS}[auth]\nhs256_secret = \"{SECRET}\"\n"))?;
        Ok(directory)
    }

    /// Imports a file of things into a shop; how long it took.
    pub(crate) async fn import(
        &self,
        directory: &TempDir,
        shop: &str,
        kind: &str,
        file: &Path,
    ) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let output = self
            .command(directory)
            .args(["import", "--shop", shop, "--kind", kind])
            .arg("--data-dir")
            .arg(directory.path().join("data"))
            .arg(file)
            .stdin(Stdio::null())
            .output()
            .await?;
        ensure!(output.status.success(), "deskwire import: {}", String::from_utf8_lossy(&output.stderr));
        Ok(began.elapsed())
    }

    fn command(&self, directory: &TempDir) -> Command {
        let mut command = match self.core {
            Some(core) => {
                let mut command = Command::new("taskset");
                command.args(["-c", &core.to_string()]).arg(&self.path);
                command
            }
            None => Command::new(&self.path),
        };
        // The developer's own settings are not the benchmark's.
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("DESKWIRE_")) {
                command.env_remove(name);
            }
        }
        command.arg("--config").arg(directory.path().join("deskwire.toml"));
        command
    }

    /// Starts it on what is there and waits until it is ready.
    pub(crate) async fn start_in(&self, directory: TempDir) -> anyhow::Result<Server> {
        self.start_with(directory, &[]).await
    }

    /// The same with further settings, as environment variables.
    pub(crate) async fn start_with(
        &self,
        directory: TempDir,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Server> {
        let mut command = self.command(&directory);
        command.envs(settings.iter().copied());
        command.arg("serve").arg("--data-dir").arg(directory.path().join("data"));
        command.current_dir(directory.path()).kill_on_drop(true);
        let log = File::create(directory.path().join("log"))?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().with_context(|| format!("{} cannot be run", self.path.display()))?;
        let mut stdout = BufReader::new(child.stdout.take().context("its output is ours")?);
        let address = timeout(PATIENCE, ready(&mut stdout)).await.context("the server is not ready")?;
        let address = match address {
            Ok(address) => address,
            Err(error) => {
                let log = fs::read_to_string(directory.path().join("log")).unwrap_or_default();
                bail!("{error}; its log:\n{log}");
            }
        };
        Ok(Server { child, address, _stdout: stdout, directory })
    }
}

async fn ready(stdout: &mut BufReader<ChildStdout>) -> anyhow::Result<String> {
    let mut line = String::new();
    loop {
        line.clear();
        ensure!(stdout.read_line(&mut line).await? > 0, "the server ended before it was ready");
        if let Some(address) = line.trim_end().strip_prefix("listening on http://") {
            return Ok(address.to_owned());
        }
    }
}

/// A running server; it ends when this is dropped.
pub(crate) struct Server {
    child: Child,
    address: String,
    /// Kept open: the server may go on to write there.
    _stdout: BufReader<ChildStdout>,
    directory: TempDir,
}

impl Server {
    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// `taskset` becomes the server, so this is the server's own.
    pub(crate) fn process(&self) -> anyhow::Result<String> {
        Ok(self.child.id().context("the server has ended")?.to_string())
    }

    pub(crate) fn cpu_time(&self) -> anyhow::Result<CpuTime> {
        CpuTime::of(&self.process()?)
    }

    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        Memory::of(&self.process()?)
    }

    /// Its counters, by name; those with several series are added up.
    pub(crate) async fn counters(&self) -> anyhow::Result<Counters> {
        let mut stream = TcpStream::connect(&self.address).await?;
        let request = format!("GET /metrics HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.address);
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        timeout(PATIENCE, stream.read_to_string(&mut answer)).await??;
        ensure!(answer.starts_with("HTTP/1.1 200"), "/metrics is not to be had");
        let mut counters = HashMap::new();
        for line in answer.lines().filter(|line| line.starts_with("deskwire_") && !line.contains("quantile="))
        {
            if let Some((series, value)) = line.rsplit_once(' ')
                && let Ok(value) = value.parse::<f64>()
            {
                let name = series.split('{').next().unwrap_or(series);
                *counters.entry(name.to_owned()).or_insert(0.0) += value;
            }
        }
        Ok(Counters(counters))
    }

    /// Ends it as a power cut would.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Ends it in order, and says so when it had anything to complain of.
    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        let process = self.process()?;
        Command::new("kill").arg(&process).status().await?;
        let status = timeout(PATIENCE, self.child.wait()).await.context("the server does not end")??;
        let log = fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
        ensure!(status.success(), "the server ended with {status}; its log:\n{log}");
        if !log.is_empty() {
            eprintln!("the server's log:\n{log}");
        }
        Ok(())
    }
}

/// What the server has counted so far.
#[derive(Debug)]
pub(crate) struct Counters(HashMap<String, f64>);

impl Counters {
    /// What there was in all.
    pub(crate) fn of(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(0.0)
    }

    /// What was added since an earlier look.
    pub(crate) fn added(&self, earlier: &Self, name: &str) -> f64 {
        let of = |counters: &Self| counters.0.get(name).copied().unwrap_or(0.0);
        of(self) - of(earlier)
    }
}
