//! The rows of a file, read in batches from any place: NDJSON, or CSV with a line of column names.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use anyhow::{Context, bail};
use deskwire_store::ImportFile;
use deskwire_workbench::{Documents, ImportRow};
use serde_json::Value;

use super::{Kind, columns::Columns};

/// The longest row, in bytes: an order of the most line items is far below it.
const ROW_BYTES: usize = 4 << 20;

/// Rows of a file, taken apart.
pub(super) struct Batch {
    pub(super) documents: Documents,
    /// In which lines they begin.
    pub(super) lines: Vec<u64>,
    /// Rows that are none, and why.
    pub(super) unreadable: Vec<(ImportRow, String)>,
    /// From where to where, in bytes.
    pub(super) from: u64,
    pub(super) to: u64,
    /// The last line.
    pub(super) line: u64,
}

/// An open file.
pub(super) struct Rows {
    kind: Kind,
    source: Source,
    offset: u64,
    line: u64,
}

enum Source {
    Lines(BufReader<File>),
    Table {
        reader: Box<csv::Reader<File>>,
        columns: Columns,
        /// Where the file ends, if it does not end with a line end.
        open_end: Option<u64>,
    },
}

impl Rows {
    /// Goes on where an earlier reading ended.
    pub(super) fn open(path: &Path, kind: Kind, progress: &ImportFile) -> anyhow::Result<Self> {
        let mut file = File::open(path).context("cannot be read")?;
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let source = match extension.as_str() {
            "csv" => {
                let open_end = open_end(&mut file)?;
                // Of `\r\n` the reader would take the second with the next row, and count lines wrong. Cells are trimmed.
                let mut reader = csv::ReaderBuilder::new()
                    .flexible(true)
                    .terminator(csv::Terminator::Any(b'\n'))
                    .from_reader(file);
                let names = reader.headers().context("the first line must name the columns")?.clone();
                let columns = Columns::new(&kind.schema(), &names)?;
                if progress.byte_offset > 0 {
                    let mut position = csv::Position::new();
                    position.set_byte(progress.byte_offset).set_line(progress.line + 1);
                    reader.seek(position)?;
                }
                Source::Table { reader: Box::new(reader), columns, open_end }
            }
            "ndjson" | "jsonl" | "json" => {
                file.seek(SeekFrom::Start(progress.byte_offset))?;
                Source::Lines(BufReader::with_capacity(1 << 20, file))
            }
            _ => bail!("must be a file named .ndjson or .csv"),
        };
        Ok(Self { kind, source, offset: progress.byte_offset, line: progress.line })
    }

    /// The next rows, at most so many; none at the end.
    pub(super) fn read(&mut self, most: usize) -> anyhow::Result<Option<Batch>> {
        let mut batch = Batch {
            documents: self.kind.empty(),
            lines: Vec::new(),
            unreadable: Vec::new(),
            from: self.offset,
            to: self.offset,
            line: self.line,
        };
        while batch.lines.len() + batch.unreadable.len() < most {
            let Some((line, row)) = self.next()? else { break };
            let Some(row) = row.transpose() else { continue };
            let taken = row.and_then(|row| {
                self.kind.add(&mut batch.documents, &row).map_err(|problem| {
                    let id = serde_json::from_str::<Value>(&row)
                        .ok()
                        .and_then(|row| Some(row.get(self.kind.id_field())?.as_str()?.to_owned()));
                    (id, problem)
                })?;
                Ok(())
            });
            match taken {
                Ok(()) => batch.lines.push(line),
                Err((id, problem)) => batch.unreadable.push((ImportRow { line, id }, problem)),
            }
        }
        if self.offset == batch.from {
            return Ok(None);
        }
        (batch.to, batch.line) = (self.offset, self.line);
        Ok(Some(batch))
    }

    /// The next row as JSON, with the line in which it begins; no row where the line is empty.
    fn next(&mut self) -> anyhow::Result<Option<(u64, Next)>> {
        match &mut self.source {
            Source::Lines(lines) => {
                let mut bytes = Vec::new();
                let read = lines.by_ref().take(ROW_BYTES as u64).read_until(b'\n', &mut bytes)?;
                if read == 0 {
                    return Ok(None);
                }
                if read == ROW_BYTES && bytes.last() != Some(&b'\n') {
                    bail!("line {} is longer than {ROW_BYTES} bytes: is this a file of rows?", self.line + 1);
                }
                self.offset += read as u64;
                self.line += 1;
                let row = match String::from_utf8(bytes) {
                    Ok(text) => {
                        let text = text.trim().trim_start_matches('\u{feff}');
                        if text.is_empty() { Ok(None) } else { Ok(Some(text.to_owned())) }
                    }
                    Err(_) => Err((None, "is no UTF-8".to_owned())),
                };
                Ok(Some((self.line, row)))
            }
            Source::Table { reader, columns, open_end } => {
                let mut record = csv::ByteRecord::new();
                if !reader.read_byte_record(&mut record)? {
                    // What follows the last row is read too.
                    self.offset = reader.position().byte().max(self.offset);
                    return Ok(None);
                }
                self.offset = reader.position().byte();
                // Line ends are counted, and where a record begins is told before the empty lines that stand before it.
                let line_ends = reader.position().line() - 1;
                self.line = if *open_end == Some(self.offset) { line_ends + 1 } else { line_ends };
                let within = record.as_slice().split(|byte| *byte == b'\n').skip(1).count() as u64;
                let line = self.line.saturating_sub(within);
                let row = match csv::StringRecord::from_byte_record(record) {
                    Ok(record) if record.iter().all(|cell| cell.trim().is_empty()) => Ok(None),
                    Ok(record) => match columns.row(&record) {
                        Ok(row) => Ok(Some(row.to_string())),
                        Err(problem) => Err((columns.cell(&record, self.kind.id_field()), problem)),
                    },
                    Err(_) => Err((None, "is no UTF-8".to_owned())),
                };
                Ok(Some((line, row)))
            }
        }
    }
}

/// Where the file ends, if its last line has no end.
fn open_end(file: &mut File) -> std::io::Result<Option<u64>> {
    let size = file.seek(SeekFrom::End(0))?;
    let mut last = [b'\n'];
    if size > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    file.rewind()?;
    Ok((last != [b'\n']).then_some(size))
}

/// A row, none where the line is empty, or what is wrong with it.
type Next = Result<Option<String>, (Option<String>, String)>;
