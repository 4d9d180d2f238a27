//! Standard output: what scripts read. Everything else goes to standard error.

use std::io::{self, Write};

/// Writes a line and flushes it, so that a reader at the other end of a pipe has it now.
pub(crate) fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}
