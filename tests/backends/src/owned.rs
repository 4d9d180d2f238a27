//! A server process that belongs to this process: a shell script that starts it, says so, and ends it and removes its
//! directory as soon as its standard input closes. The kernel closes that for us, whatever ends this process.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};

/// A running script, ended by dropping this.
#[derive(Debug)]
pub(crate) struct Owned {
    child: Child,
    /// Open for as long as the server shall live.
    stdin: Option<ChildStdin>,
}

impl Owned {
    /// Starts the script and waits for its first line, `ready WORD`; answers that word. Whatever it printed
    /// instead is in the error.
    pub(crate) fn start(mut command: Command, deadline: Duration) -> Result<(Self, String)> {
        use std::os::unix::process::CommandExt;
        // A group of its own: a test runner that kills our group leaves the script alive to tidy up.
        let mut child = command
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let stdout = child.stdout.take().context("the script has no standard output")?;
        let owned = Self { stdin: child.stdin.take(), child };

        let (line_in, line_out) = mpsc::sync_channel(1);
        thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            let mut said = String::new();
            let first = stdout.read_line(&mut said);
            if first.is_ok() && !said.starts_with("ready ") {
                // It is failing: the rest says why. Unreadable output leaves what we have.
                drop(stdout.read_to_string(&mut said));
            }
            // Nobody listens any more once the deadline has passed.
            drop(line_in.send(said));
        });
        let Ok(said) = line_out.recv_timeout(deadline) else {
            bail!("did not become ready within {deadline:?}");
        };
        match said.trim_end().strip_prefix("ready ") {
            Some(word) => Ok((owned, word.to_owned())),
            None => bail!("failed to start:\n{said}"),
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // Waiting keeps the next test from meeting a half-stopped server. A child that cannot be waited for is gone.
        drop(self.child.wait());
    }
}
