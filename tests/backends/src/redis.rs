//! A real Redis server.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::{free_ports, owned::Owned};

/// Where the address of a server that is already running is read from.
pub const URL_VARIABLE: &str = "DESKWIRE_TEST_REDIS_URL";

/// It takes 50 ms on a quiet machine.
const START_DEADLINE: Duration = Duration::from_secs(30);

const INSTALL: &str = "install Redis 7 (Debian: apt-get install redis-server)";

/// Whether a server is alone, or a cluster of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Alone,
    Cluster,
}

/// A Redis server that tests may use as they like.
#[derive(Debug)]
pub struct Redis {
    url: String,
    cli: PathBuf,
    port: u16,
    kind: Kind,
    arguments: Vec<String>,
    owned: Option<Owned>,
}

impl Redis {
    /// The server of this process: the one that [`URL_VARIABLE`] names, else one started now. All callers get the same, so
    /// each should take a name of its own by [`Redis::fresh_name`], and leave the server as it is.
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceLock<std::result::Result<Redis, String>> = OnceLock::new();
        let shared = spawn_blocking(|| {
            // The error is kept as text, since every caller is told it.
            SHARED.get_or_init(|| {
                Self::named()
                    .unwrap_or_else(|| Self::start_now(Kind::Alone, None, vec![]))
                    .map_err(|error| format!("{error:#}"))
            })
        });
        shared.await?.as_ref().map_err(|error| anyhow!("{error}"))
    }

    /// Starts a server of the caller's own, to stop or break at will. It ends when this is dropped.
    pub async fn start() -> Result<Self> {
        spawn_blocking(|| Self::start_now(Kind::Alone, None, vec![])).await?
    }

    /// The same with further arguments of `redis-server`.
    pub async fn start_with(arguments: Vec<String>) -> Result<Self> {
        spawn_blocking(|| Self::start_now(Kind::Alone, None, arguments)).await?
    }

    /// The same as a cluster that has one member.
    pub async fn start_cluster() -> Result<Self> {
        spawn_blocking(|| Self::start_now(Kind::Cluster, None, vec![])).await?
    }

    /// A server that does not run, with an address at which it can be started.
    pub async fn not_started() -> Result<Self> {
        let mut redis = Self::start().await?;
        redis.kill().await?;
        Ok(redis)
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// `redis://…`, fit for `--redis-url`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A name that no other test has, for those who share a server.
    #[must_use]
    pub fn fresh_name() -> String {
        format!("test-{}", Uuid::new_v4().simple())
    }

    /// Ends the server by SIGKILL.
    pub async fn kill(&mut self) -> Result<()> {
        let owned = self.owned.take().context("this server is not ours to kill")?;
        // The script kills it, and waits for its end.
        spawn_blocking(move || drop(owned)).await?;
        Ok(())
    }

    /// Starts the server again at the same address; it remembers nothing.
    pub async fn start_again(&mut self) -> Result<()> {
        if self.owned.is_some() {
            bail!("the server still runs");
        }
        let (kind, port, arguments) = (self.kind, self.port, self.arguments.clone());
        *self = spawn_blocking(move || Self::start_now(kind, Some(port), arguments)).await??;
        Ok(())
    }

    /// What the server answers to a command, as `redis-cli` prints it.
    pub async fn command(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.cli);
        command.args(["-u", &self.url, "-e"]).args(arguments);
        let output = spawn_blocking(move || command.output()).await?.context("cannot run redis-cli")?;
        if !output.status.success() {
            bail!("redis-cli {arguments:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn named() -> Option<Result<Self>> {
        let url = env::var(URL_VARIABLE).ok().filter(|url| !url.is_empty())?;
        Some(program("redis-cli").map(|cli| Self {
            url,
            cli,
            port: 0,
            kind: Kind::Alone,
            arguments: vec![],
            owned: None,
        }))
    }

    fn start_now(kind: Kind, port: Option<u16>, arguments: Vec<String>) -> Result<Self> {
        let (server, cli) = (program("redis-server")?, program("redis-cli")?);
        let directory = tempfile::Builder::new().prefix("deskwire-redis-").tempdir()?;
        let mut command = Command::new("sh");
        command
            .args(["-c", include_str!("redis.sh"), "redis.sh"])
            .args([&server, &cli])
            .arg(directory.path())
            .arg(if kind == Kind::Cluster { "yes" } else { "no" });
        let ports = match port {
            Some(port) => vec![port],
            None => free_ports::<5>()?.to_vec(),
        };
        let ports: Vec<_> = ports.iter().map(ToString::to_string).collect();
        command.arg(ports.join(" ")).args(&arguments);
        let (owned, port) =
            Owned::start(command, START_DEADLINE).with_context(|| format!("{}", server.display()))?;
        // From here on the script removes it, also when this process is killed.
        drop(directory.keep());
        let url = format!("redis://127.0.0.1:{port}");
        Ok(Self { url, cli, port: port.parse()?, kind, arguments, owned: Some(owned) })
    }
}

fn program(name: &str) -> Result<PathBuf> {
    let found = env::var_os("PATH").and_then(|path| {
        env::split_paths(&path).map(|directory| directory.join(name)).find(|program| Path::is_file(program))
    });
    found.with_context(|| format!("{name} is not on this machine: {INSTALL}"))
}
