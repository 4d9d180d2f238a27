//! How far a file of documents has come, as it is written with each of its batches.

use deskwire_store::{ImportChange, ImportRefusal};

use super::{Documents, Outcomes};

/// A row of a file that is no document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRow {
    /// In which line it begins, the first is 1.
    pub line: u64,
    /// What it calls itself, as far as that could be read.
    pub id: Option<String>,
}

/// One batch of a file: from where to where it goes, and of which lines its documents are.
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
    /// In which lines the documents begin, in their order.
    pub lines: Vec<u64>,
    /// Rows that are no documents, and why.
    pub unreadable: Vec<(ImportRow, String)>,
}

impl ImportStep {
    /// What is to be written of it, now that it is known what came of its documents.
    pub(super) fn record(&self, documents: &Documents, outcomes: &Outcomes) -> ImportChange {
        let unreadable = self.unreadable.iter().map(|(row, reason)| ImportRefusal {
            line: row.line,
            id: row.id.clone(),
            reason: reason.clone(),
        });
        let mut refusals: Vec<ImportRefusal> = unreadable.collect();
        let mut accepted = 0;
        for (place, (line, outcome)) in self.lines.iter().zip(outcomes).enumerate() {
            match outcome {
                Ok(_) => accepted += 1,
                Err(error) => refusals.push(ImportRefusal {
                    line: *line,
                    id: documents.id(place).map(str::to_owned),
                    reason: error.to_string(),
                }),
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
