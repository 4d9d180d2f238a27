//! Every row that was refused, with its line and its reason: for people on standard error, for programs in a file.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use anyhow::Context;
use deskwire_protocol::ShopId;
use deskwire_store::{ImportRefusal, Store};
use serde_json::json;

use super::Kind;

/// Read at once.
const PAGE: u32 = 1_000;

/// Where refused rows are told.
pub(super) struct Report(Option<BufWriter<File>>);

impl Report {
    pub(super) fn new(path: Option<&Path>) -> anyhow::Result<Self> {
        let file = path.map(File::create).transpose().context("the report cannot be written")?;
        Ok(Self(file.map(BufWriter::new)))
    }

    /// Those of a file, also of readings that broke off.
    pub(super) async fn refusals(
        &mut self,
        store: &Store,
        shop_id: &ShopId,
        path: &Path,
        kind: Kind,
        digest: &str,
    ) -> anyhow::Result<()> {
        let mut after = 0;
        loop {
            let refusals = store.import_refusals(shop_id, kind.name(), digest, after, PAGE).await?;
            let Some(last) = refusals.last() else { return Ok(()) };
            after = last.line;
            for ImportRefusal { line, id, reason } in refusals {
                let named = id.as_ref().map_or_else(String::new, |id| format!(" ({id})"));
                eprintln!("{}:{line}{named}: {reason}", path.display());
                if let Some(file) = &mut self.0 {
                    let row = json!({
                        "file": path.display().to_string(), "kind": kind.name(), "line": line, "id": id,
                        "reason": reason,
                    });
                    writeln!(file, "{row}").context("the report cannot be written")?;
                }
            }
        }
    }

    pub(super) fn finish(self) -> anyhow::Result<()> {
        self.0.map_or(Ok(()), |mut file| file.flush()).context("the report cannot be written")
    }
}
