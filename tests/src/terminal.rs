//! A command of the binary at whose terminal someone sits: lines are typed into it, and what it shows is read.

use std::{
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use crate::{DEADLINE, Server, within};

/// A running command, talked to through pipes.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    keyboard: ChildStdin,
    screen: Lines<BufReader<ChildStdout>>,
    /// All lines so far.
    shown: Vec<String>,
}

impl Server {
    /// Starts a command of the binary to talk with.
    pub fn terminal(&self, arguments: &[&str]) -> Terminal {
        Terminal::start(self.command(arguments))
    }
}

impl Terminal {
    /// Starts a command to talk with.
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().expect("deskwire can be run");
        let keyboard = child.stdin.take().expect("its input is ours");
        let screen = BufReader::new(child.stdout.take().expect("its output is ours")).lines();
        Self { child, keyboard, screen, shown: Vec::new() }
    }

    /// Types a line.
    pub async fn type_line(&mut self, line: &str) {
        let line = format!("{line}\n");
        within("typing", self.keyboard.write_all(line.as_bytes())).await.expect("it reads its input");
    }

    /// The id of its process.
    pub fn process_id(&self) -> u32 {
        self.child.id().expect("it has not been waited for")
    }

    /// Reads until a line with this in it is shown; answers that line.
    pub async fn shows(&mut self, part: &str) -> String {
        self.shows_within(DEADLINE, part).await
    }

    /// The same of a command that may take so long for a line.
    pub async fn shows_within(&mut self, deadline: Duration, part: &str) -> String {
        loop {
            let line = timeout(deadline, self.screen.next_line()).await;
            let line =
                line.unwrap_or_else(|_| panic!("{part:?} not within {deadline:?} after {:#?}", self.shown));
            let line = line.expect("its output can be read");
            let line = line.unwrap_or_else(|| panic!("it ended before {part:?}: {:#?}", self.shown));
            self.shown.push(line.clone());
            if line.contains(part) {
                return line;
            }
        }
    }

    /// Ends the input, as Ctrl-D does; answers how it ended and all that it has shown.
    pub async fn end(mut self) -> (ExitStatus, Vec<String>) {
        drop(self.keyboard);
        while let Some(line) = within("its last lines", self.screen.next_line()).await.expect("its output") {
            self.shown.push(line);
        }
        (within("its end", self.child.wait()).await.expect("it is our child"), self.shown)
    }
}
