//! Why a load could not be put on the service at all. What goes wrong under load is no error but a finding.

use std::path::PathBuf;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file that was named cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The scenario says something that cannot be done; the sentence names the key.
    #[error("{}: {problem}", path.display())]
    Scenario {
        /// The scenario's file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// There is no token for someone of the scenario.
    #[error("no token: {0}")]
    Token(String),
    /// The address is none, or nobody there speaks Deskwire.
    #[error("{url}: {problem}")]
    Service {
        /// Where.
        url: String,
        /// What happened.
        problem: String,
    },
    /// This process cannot open as many sockets as the scenario has people.
    #[error(
        "the scenario opens {sockets} sockets and this process may open {files} files: raise it by `ulimit -n`, or lower --scale"
    )]
    Files {
        /// Sockets of the scenario.
        sockets: u64,
        /// Files that may be open.
        files: u64,
    },
}
