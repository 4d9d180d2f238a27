//! A directory of its own in which commands of the binary are run to their end: for what needs no running server.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use tempfile::TempDir;
use tokio::process::Command;

use crate::{binary, within};

/// An empty directory, and the binary run in it.
#[derive(Debug)]
pub struct Directory {
    directory: TempDir,
}

/// How a command ended, and what it wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Directory {
    /// An empty one.
    #[expect(clippy::new_without_default, reason = "it makes a directory on the disk")]
    pub fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("deskwire-test-").tempdir();
        Self { directory: directory.expect("a temporary directory") }
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file; answers its path as text.
    pub fn write(&self, name: &str, content: &str) -> String {
        let path = self.path(name);
        fs::write(&path, content).expect("the file is written");
        path.to_str().expect("the path is UTF-8").to_owned()
    }

    /// The names of what is in it.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(Path::new(self.directory.path())).expect("the directory is there");
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        let mut names: Vec<_> = entries.map(|entry| name(entry.expect("an entry"))).collect();
        names.sort_unstable();
        names
    }

    /// A command of the binary, with nothing in its environment that is meant for it.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bare(&binary("deskwire"));
        command.args(arguments).current_dir(self.directory.path());
        command
    }

    /// Another program than the binary, likewise.
    pub fn program(&self, program: &Path) -> Command {
        let mut command = bare(program);
        command.current_dir(self.directory.path());
        command
    }

    /// A line as someone pastes it into a shell in this directory.
    pub fn pasted(&self, line: &str) -> Command {
        let mut command = bare(Path::new("sh"));
        command.args(["-c", &format!("exec {line}")]).current_dir(self.directory.path());
        command
    }

    /// Runs a command to its end.
    pub async fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, &[]).await
    }

    /// The same with environment variables.
    pub async fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
        let mut command = self.command(arguments);
        command.envs(environment.iter().copied()).stdin(Stdio::null());
        let output = within(format!("deskwire {arguments:?}"), command.output()).await;
        let output = output.expect("deskwire can be run");
        let text = |bytes| String::from_utf8(bytes).expect("it writes UTF-8");
        Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// A program without the developer's own settings, which are not the test's. It ends with the test.
pub(crate) fn bare(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("DESKWIRE_")) {
            command.env_remove(name);
        }
    }
    command.kill_on_drop(true);
    command
}
