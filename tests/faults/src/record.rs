//! What is seen from outside, in the order in which it was seen: kept in memory, and in a file, a line of JSON each.

use std::{
    fs::File,
    hash::{DefaultHasher, Hash, Hasher},
    io::{BufWriter, Write},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use serde::Serialize;
use serde_json::Value;

/// Who notes what the faults are.
pub const NOBODY: usize = usize::MAX;

/// One thing that was seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// Milliseconds since the run began.
    pub at: u64,
    /// By whom: a place in the cast, or [`NOBODY`].
    pub person: usize,
    /// What.
    pub what: What,
}

/// What can be seen. Conversations are places in the cast's list; `socket` counts the sockets of one person.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A socket was accepted.
    Connected { socket: u32, node: usize },
    /// It is attached to all conversations of the person.
    Ready { socket: u32 },
    /// It ended; without a code when it was cut, or given up.
    Closed { socket: u32, code: Option<u16>, why: String },
    /// A try to send.
    Tried { socket: u32, conversation: usize, id: Arc<str>, thing: u64, private: bool },
    /// Its answer.
    Acknowledged { socket: u32, id: Arc<str>, seq: i64 },
    /// Its answer, when it may not be sent at all.
    Refused { id: Arc<str>, kind: String },
    /// A try to recall.
    TriedRecall { conversation: usize, seq: i64 },
    /// Its answer.
    Recalled { conversation: usize, seq: i64 },
    /// The answer to attaching after an event; `whole` when nothing is left to fetch.
    Attached { socket: u32, conversation: usize, after: i64, last_seq: i64, whole: bool },
    /// An event in sequence; `live` when pushed, else a part of the answer before.
    Arrived { conversation: usize, live: bool, event: Event },
    /// The receiver should not have seen this.
    Leaked { what: String },
    /// A fault begins.
    Broke { fault: usize, kind: &'static str, node: usize },
    /// All is whole again, so far as this fault broke it.
    Healed { fault: usize },
    /// A process ended that nobody had ended.
    Died { node: usize, status: String },
}

/// An event of a conversation's sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Its place.
    pub seq: i64,
    /// The one before it that the receiver may see.
    pub prev_seq: i64,
    /// The message that it created or revised.
    pub message_seq: i64,
    /// The message's revision.
    pub revision: i64,
    /// Whether the message is recalled.
    pub recalled: bool,
    /// Whether only agents may see it.
    pub private: bool,
    /// A hash of the content.
    pub content: u64,
}

impl Event {
    /// As the wire writes it.
    ///
    /// # Panics
    /// When it is not as the contract says.
    pub fn read(wire: &Value) -> Self {
        let number = |value: &Value| value.as_i64().unwrap_or_else(|| panic!("no number in {wire}"));
        let message = &wire["message"];
        Self {
            seq: number(&wire["seq"]),
            prev_seq: number(&wire["prev_seq"]),
            message_seq: number(&message["seq"]),
            revision: number(&message["revision"]),
            recalled: message["recalled"] == true,
            private: message["visibility"] == "AGENTS",
            content: hash(&message["content"]),
        }
    }
}

/// A hash of a whole document.
pub fn hash(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.to_string().hash(&mut hasher);
    hasher.finish()
}

/// What a content is about, however it is rendered: a text itself, or the thing that a card shows.
pub fn thing(content: &Value) -> u64 {
    let said = ["text", "coupon_id"].iter().find_map(|name| content[name].as_str()).unwrap_or("");
    thing_of(content["type"].as_str().unwrap_or(""), said)
}

/// The same of a content that is to be sent.
pub fn thing_of(kind: &str, said: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (kind, said).hash(&mut hasher);
    hasher.finish()
}

/// Takes down what is seen.
#[derive(Debug)]
pub struct Record {
    began: Instant,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    entries: Vec<Entry>,
    file: Option<BufWriter<File>>,
}

impl Record {
    /// An empty one; also kept in the file, if one is named.
    pub fn begin(file: Option<&Path>) -> std::io::Result<Self> {
        let file = file.map(File::create).transpose()?.map(BufWriter::new);
        Ok(Self { began: Instant::now(), kept: Mutex::new(Kept { entries: Vec::new(), file }) })
    }

    /// Milliseconds since it began.
    pub fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Takes down one thing. The time is read under the lock, so that times never go back.
    pub fn note(&self, person: usize, what: What) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = Entry { at: self.now(), person, what };
        if let Some(file) = &mut kept.file {
            let line = serde_json::to_string(&entry).expect("an entry can be JSON");
            writeln!(file, "{line}").expect("the record can be written");
        }
        kept.entries.push(entry);
    }

    /// All that was taken down.
    pub fn end(&self) -> std::io::Result<Vec<Entry>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut file) = kept.file.take() {
            file.flush()?;
        }
        Ok(std::mem::take(&mut kept.entries))
    }
}
