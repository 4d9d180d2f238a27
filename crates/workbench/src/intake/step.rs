//! How far a file of documents has come, as it is written with each of its batches.

use deskwire_store::{ImportChange, ImportRefusal};

use super::Outcomes;

/// A row of a file that was refused, or whose document is in this batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRow {
    /// In which line it begins, the first is 1.
    pub line: u64,
    /// What it calls itself, as far as that could be read.
    pub id: Option<String>,
}

/// One batch of a file: from where to where it goes, and of which rows its documents are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportStep {
    /// What is in the file.
    pub kind: &'static str,
    /// By what the file is known again.
    pub digest: String,
    /// Where the file has to stand before, in bytes. Where it does not, someone else is reading it.
    pub from: u64,
    /// Where it stands after.
    pub to: u64,
    /// The last line read.
    pub line: u64,
    /// The rows of the documents, in their order.
    pub rows: Vec<ImportRow>,
    /// Rows that are no documents, and why.
    pub unreadable: Vec<(ImportRow, String)>,
}

impl ImportStep {
    /// What is to be written of it, now that it is known what came of its documents.
    pub(super) fn record(&self, outcomes: &Outcomes) -> ImportChange {
        let refusal =
            |row: &ImportRow, reason: String| ImportRefusal { line: row.line, id: row.id.clone(), reason };
        let mut refusals: Vec<ImportRefusal> =
            self.unreadable.iter().map(|(row, reason)| refusal(row, reason.clone())).collect();
        let mut accepted = 0;
        for (row, outcome) in self.rows.iter().zip(outcomes) {
            match outcome {
                Ok(_) => accepted += 1,
                Err(error) => refusals.push(refusal(row, error.to_string())),
            }
        }
        refusals.sort_by_key(|refusal| refusal.line);
        ImportChange {
            kind: self.kind,
            digest: self.digest.clone(),
            from: self.from,
            to: self.to,
            line: self.line,
            accepted,
            refusals,
        }
    }
}
