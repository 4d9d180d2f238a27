//! The one deadline of every wait.

use std::{fmt, future::Future, time::Duration};

/// Long enough for a loaded machine; whoever waits that long waits for nothing.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// What the future gives, or a panic that says what did not happen.
pub async fn within<T>(what: impl fmt::Display, future: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(DEADLINE, future).await;
    done.unwrap_or_else(|_| panic!("{what}: not within {DEADLINE:?}"))
}
