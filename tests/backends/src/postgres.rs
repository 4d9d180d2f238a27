//! A real PostgreSQL cluster, and a database of its own for each test.

use std::{
    env, fmt, fs,
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::{free_ports, owned::Owned};

/// Where the address of a cluster that is already running is read from.
pub const URL_VARIABLE: &str = "DESKWIRE_TEST_POSTGRES_URL";

/// `initdb` takes 3 s on a quiet disk.
const START_DEADLINE: Duration = Duration::from_mins(2);

/// Recovery takes a second or two.
const RESTART_DEADLINE: Duration = Duration::from_mins(1);

const INSTALL: &str = "install PostgreSQL (Debian: apt-get install postgresql), or set DESKWIRE_TEST_POSTGRES_URL to \
                       a cluster in which this user may create databases";

/// A PostgreSQL cluster that tests may use as they like.
#[derive(Debug)]
pub struct Postgres {
    url: String,
    psql: PathBuf,
    owned: Option<Own>,
}

/// A cluster that this process started.
#[derive(Debug)]
struct Own {
    programs: PathBuf,
    directory: PathBuf,
    /// Ends it, whatever was started in its directory last.
    _script: Owned,
}

impl Postgres {
    /// The cluster of this process: the one that [`URL_VARIABLE`] names, else one started now. All callers get the same.
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceLock<std::result::Result<Postgres, String>> = OnceLock::new();
        let shared = spawn_blocking(|| {
            // The error is kept as text, since every caller is told it.
            SHARED.get_or_init(|| {
                Self::named().unwrap_or_else(Self::start_now).map_err(|error| format!("{error:#}"))
            })
        });
        shared.await?.as_ref().map_err(|error| anyhow!("{error}"))
    }

    /// Starts a cluster of the caller's own, to stop or break at will. It ends when this is dropped.
    pub async fn start() -> Result<Self> {
        spawn_blocking(Self::start_now).await?
    }

    /// The address of the cluster's own database `postgres`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// An empty database of a new name, dropped with the returned value.
    pub async fn create_database(&self) -> Result<Database> {
        let name = format!("test_{}", Uuid::new_v4().simple());
        let database = Database {
            url: with_database(&self.url, &name)?,
            name,
            cluster_url: self.url.clone(),
            psql: self.psql.clone(),
        };
        let statement = format!("CREATE DATABASE {}", database.name);
        let (psql, url) = (self.psql.clone(), self.url.clone());
        spawn_blocking(move || run(&psql, &url, &statement)).await??;
        Ok(database)
    }

    /// Ends the cluster of the caller's own as a crash would: by SIGKILL of its first process. The others end with it.
    pub async fn kill(&self) -> Result<()> {
        let pid_file = self.own()?.directory.join("data/postmaster.pid");
        let text = fs::read_to_string(&pid_file).with_context(|| format!("{}", pid_file.display()))?;
        let postmaster = text.lines().next().context("postmaster.pid is empty")?.to_owned();
        spawn_blocking(move || kill(&postmaster)).await?
    }

    /// Starts the killed cluster again, at the same address and on what it left.
    pub async fn start_again(&self) -> Result<()> {
        let own = self.own()?;
        let (programs, directory) = (own.programs.clone(), own.directory.clone());
        spawn_blocking(move || restart(&programs, &directory)).await?
    }

    /// Ends one process that serves a connection of `deskwire`, by SIGKILL: then PostgreSQL ends all others and recovers,
    /// since what they share may be broken. Whether there was one.
    pub async fn kill_backend(&self) -> Result<bool> {
        self.own()?;
        let statement = "SELECT pid FROM pg_stat_activity WHERE application_name = 'deskwire'
                         ORDER BY state = 'idle', random() LIMIT 1";
        let (psql, url) = (self.psql.clone(), self.url.clone());
        spawn_blocking(move || {
            let found = run(&psql, &url, statement)?;
            if found.is_empty() {
                return Ok(false);
            }
            kill(&found).map(|()| true)
        })
        .await?
    }

    fn own(&self) -> Result<&Own> {
        self.owned.as_ref().context("this cluster is not ours to break")
    }

    /// Whether this value started the cluster and ends it.
    #[must_use]
    pub fn is_owned(&self) -> bool {
        self.owned.is_some()
    }

    fn named() -> Option<Result<Self>> {
        let url = env::var(URL_VARIABLE).ok().filter(|url| !url.is_empty())?;
        Some(psql().map(|psql| Self { url, psql, owned: None }))
    }

    fn start_now() -> Result<Self> {
        let programs = server_programs()?;
        let directory = tempfile::Builder::new().prefix("deskwire-postgres-").tempdir()?;
        let mut command = as_unprivileged(directory.path())?;
        command
            .args(["sh", "-c", include_str!("postgres.sh"), "postgres.sh"])
            .arg(&programs)
            .arg(directory.path());
        command.args(free_ports::<5>()?.map(|port| port.to_string()));
        let (owned, port) = Owned::start(command, START_DEADLINE)
            .with_context(|| format!("PostgreSQL of {}", programs.display()))?;
        // From here on the script removes it, also when this process is killed.
        let directory = directory.keep();
        let owned = Own { programs, directory, _script: owned };
        let url = format!("postgres://deskwire@127.0.0.1:{port}/postgres");
        Ok(Self { url, psql: psql()?, owned: Some(owned) })
    }
}

/// A database for one test.
#[derive(Debug)]
pub struct Database {
    url: String,
    name: String,
    cluster_url: String,
    psql: PathBuf,
}

impl Database {
    /// `postgres://…`, fit for `--database-url`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // FORCE: a server that the test killed may still be counted as connected.
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        if let Err(error) = run(&self.psql, &self.cluster_url, &statement) {
            // The cluster's end removes it too; a test that stopped the cluster itself has nothing to answer for.
            eprintln!("test database {} stays until its cluster ends: {error:#}", self.name);
        }
    }
}

/// The directory that holds `initdb` and `postgres`: on the PATH, or the newest of Debian's.
fn server_programs() -> Result<PathBuf> {
    let complete =
        |directory: &PathBuf| ["initdb", "postgres", "pg_ctl"].iter().all(|p| directory.join(p).is_file());
    let on_path = env::var_os("PATH").and_then(|path| env::split_paths(&path).find(complete));
    on_path
        .or_else(|| {
            let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
            let mut found: Vec<(u32, PathBuf)> = versions
                .filter_map(|entry| {
                    let entry = entry.ok()?;
                    let version = entry.file_name().to_str()?.parse().ok()?;
                    Some((version, entry.path().join("bin")))
                })
                .filter(|(_, directory)| complete(directory))
                .collect();
            found.sort();
            found.pop().map(|(_, directory)| directory)
        })
        .with_context(|| {
            format!("PostgreSQL's initdb, postgres and pg_ctl are not on this machine: {INSTALL}")
        })
}

fn psql() -> Result<PathBuf> {
    let on_path = env::var_os("PATH").and_then(|path| {
        env::split_paths(&path).map(|directory| directory.join("psql")).find(|psql| psql.is_file())
    });
    on_path
        .or_else(|| Some(server_programs().ok()?.join("psql")).filter(|psql| psql.is_file()))
        .context("psql is not on this machine: install it (Debian: apt-get install postgresql-client)")
}

/// PostgreSQL refuses to run as root: then it runs as the user `postgres`, who is given the directory.
fn as_unprivileged(directory: &Path) -> Result<Command> {
    if fs::metadata("/proc/self")?.uid() != 0 {
        return Ok(Command::new("env"));
    }
    let ids = Command::new("id").args(["-u", "postgres"]).output().context("cannot run id")?;
    let uid = String::from_utf8_lossy(&ids.stdout).trim().parse().ok().with_context(|| {
        format!("as root, PostgreSQL is run as the user `postgres`, and there is none: {INSTALL}")
    })?;
    chown(directory, Some(uid), None)?;
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
    // The caller's directory may be closed to that user.
    command.current_dir(directory);
    Ok(command)
}

/// The same cluster's address for another database.
fn with_database(url: &str, database: &str) -> Result<String> {
    let (place, query) = url.split_once('?').map_or((url, None), |(place, query)| (place, Some(query)));
    let (_, authority) =
        place.split_once("://").with_context(|| format!("{URL_VARIABLE} is no URL: {url}"))?;
    let server = match authority.find('/') {
        Some(at) => &place[..place.len() - authority.len() + at],
        None => place,
    };
    Ok(match query {
        Some(query) => format!("{server}/{database}?{query}"),
        None => format!("{server}/{database}"),
    })
}

/// Ends a process at once.
fn kill(process: &str) -> Result<()> {
    let status = Command::new("sh").args(["-c", "kill -KILL \"$1\"", "sh", process]).status()?;
    if !status.success() {
        bail!("process {process} cannot be killed");
    }
    Ok(())
}

/// Until the processes of the cluster's former life have ended, the new one refuses to start.
fn restart(programs: &Path, directory: &Path) -> Result<()> {
    use std::os::unix::process::CommandExt;
    let give_up_at = Instant::now() + RESTART_DEADLINE;
    loop {
        let status = as_unprivileged(directory)?
            .arg(programs.join("pg_ctl"))
            // With the options of the first start, which PostgreSQL keeps beside its data.
            .args(["restart", "-w", "-t", "60", "-m", "immediate", "-D"])
            .arg(directory.join("data"))
            .arg("-l")
            .arg(directory.join("log"))
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if status.success() {
            return Ok(());
        }
        if Instant::now() > give_up_at {
            let log = fs::read_to_string(directory.join("log")).unwrap_or_default();
            bail!("PostgreSQL does not start again:\n{log}");
        }
    }
}

/// What the statement answers.
fn run(psql: &Path, url: &str, statement: &str) -> Result<String> {
    let output = Command::new(psql)
        .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", statement])
        .env("PGCONNECT_TIMEOUT", "10")
        .env("PGOPTIONS", "-c statement_timeout=60s")
        .output()
        .with_context(|| format!("cannot run {}", psql.display()))?;
    if !output.status.success() {
        bail!("{statement}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_of_an_address_is_exchanged() {
        for (url, expected) in [
            ("postgres://u@127.0.0.1:5432/postgres", "postgres://u@127.0.0.1:5432/t"),
            ("postgres://u:p@h/a?sslmode=disable", "postgres://u:p@h/t?sslmode=disable"),
            ("postgres://u@h", "postgres://u@h/t"),
        ] {
            assert_eq!(with_database(url, "t").unwrap(), expected);
        }
        assert!(with_database("nonsense", "t").is_err());
    }
}
