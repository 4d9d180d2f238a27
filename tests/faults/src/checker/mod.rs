//! Goes over what was seen from outside and says what is wrong with it. A pure function: the same record, the same verdict.

mod figures;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    sync::Arc,
};

use crate::record::{Entry, Event, What};
pub use figures::{Figures, Spread};

/// Within this many milliseconds of quiet everyone has everything.
pub const CATCH_UP: u64 = 10_000;

/// The little that the checker must know of a person.
#[derive(Debug, Clone)]
pub struct Witness {
    /// Role and id.
    pub user: String,
    /// A buyer, or else an agent.
    pub buyer: bool,
    /// To which conversations they are attached.
    pub conversations: Vec<usize>,
}

/// A conversation as it is read at the end, from one node by one side.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Which.
    pub conversation: usize,
    /// From which node.
    pub node: usize,
    /// By its buyer, or else by an agent.
    pub buyer: bool,
    /// Each message once, in its latest revision, by its `seq`.
    pub rows: Vec<Row>,
    /// All events from the first.
    pub events: Vec<Event>,
}

/// A message of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its place.
    pub seq: i64,
    /// Under which it was sent.
    pub id: Option<String>,
    /// Role and id of its sender; `None` for the server's own.
    pub user: Option<String>,
    /// What it is about.
    pub thing: u64,
    /// A hash of its content.
    pub content: u64,
    /// Whether only agents may see it.
    pub private: bool,
    /// Its revision.
    pub revision: i64,
    /// Whether it is recalled.
    pub recalled: bool,
}

/// When everything was whole and everyone silent.
#[derive(Debug, Clone, Default)]
pub struct Quiet {
    /// From then on, in milliseconds of the record.
    pub at: u64,
    /// The last event of each conversation, as read then: of the agents' side, and of the buyer's.
    pub heads: Vec<(i64, i64)>,
}

/// All that is judged.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'e> {
    /// Who was there.
    pub witnesses: &'e [Witness],
    /// What was seen.
    pub entries: &'e [Entry],
    /// When there was quiet.
    pub quiet: &'e Quiet,
    /// What is there at the end.
    pub readings: &'e [Reading],
}

/// Kinds of what can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Acknowledged, and not in the history.
    Lost,
    /// In the history, and nobody sent it so.
    Unsent,
    /// More than once in the history, or acknowledged as two.
    Doubled,
    /// The sequence has a hole, or a place that is taken twice.
    Hole,
    /// A sender's messages are not in the order in which they were sent.
    Disordered,
    /// A receiver was not given the next event, but a later one.
    Skipped,
    /// A receiver was given an event again.
    Repeated,
    /// A receiver had not everything in time.
    Stale,
    /// The same is not the same everywhere.
    Differs,
    /// Someone saw what is not theirs.
    Leaked,
    /// A send had no answer although all was whole again.
    Unanswered,
    /// A process ended that nobody had ended.
    Died,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Of which kind.
    pub kind: Kind,
    /// What exactly.
    pub what: String,
}

/// What the checker says.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// Everything that is wrong.
    pub violations: Vec<Violation>,
    /// What was measured.
    pub figures: Figures,
}

impl Verdict {
    /// How many violations of this kind.
    pub fn count(&self, kind: Kind) -> usize {
        self.violations.iter().filter(|violation| violation.kind == kind).count()
    }

    /// The kinds that occur, each with its number.
    pub fn kinds(&self) -> BTreeMap<Kind, usize> {
        let mut kinds = BTreeMap::new();
        for violation in &self.violations {
            *kinds.entry(violation.kind).or_default() += 1;
        }
        kinds
    }

    fn add(&mut self, kind: Kind, what: impl fmt::Display) {
        self.violations.push(Violation { kind, what: what.to_string() });
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// The first of each kind say enough.
        const SHOWN: usize = 5;
        if self.violations.is_empty() {
            return f.write_str("nothing is wrong");
        }
        for (kind, number) in self.kinds() {
            writeln!(f, "{kind:?}: {number}")?;
            for violation in self.violations.iter().filter(|violation| violation.kind == kind).take(SHOWN) {
                writeln!(f, "  {}", violation.what)?;
            }
        }
        Ok(())
    }
}

/// Judges.
pub fn check(evidence: Evidence<'_>) -> Verdict {
    let mut verdict = Verdict::default();
    let sends = Sends::gather(evidence);
    for reading in evidence.readings {
        check_sequence(reading, &mut verdict);
        check_rows(reading, &mut verdict);
    }
    check_everywhere(evidence.readings, &mut verdict);
    sends.check(evidence, &mut verdict);
    check_order(evidence, &mut verdict);
    check_recalls(evidence, &mut verdict);
    check_streams(evidence, &mut verdict);
    for Entry { at, person, what } in evidence.entries {
        match what {
            What::Leaked { what } => {
                verdict.add(Kind::Leaked, format_args!("person {person} at {at} ms saw {what}"));
            }
            What::Died { node, status } => verdict.add(Kind::Died, format_args!("node {node}: {status}")),
            _ => {}
        }
    }
    verdict.figures = Figures::of(evidence, &verdict);
    verdict
}

/// The sequence: 1, 2, 3 for agents; for the buyer each event names the one before it.
fn check_sequence(reading: &Reading, verdict: &mut Verdict) {
    let Reading { conversation, node, buyer, events, .. } = reading;
    let mut last = 0;
    for event in events {
        let follows = event.prev_seq == last && event.seq > last && (*buyer || event.seq == last + 1);
        if !follows {
            let side = if *buyer { "buyer" } else { "agent" };
            verdict.add(
                Kind::Hole,
                format_args!(
                    "conversation {conversation}, node {node}, {side}: {} (after {}) stands behind {last}",
                    event.seq, event.prev_seq
                ),
            );
        }
        last = event.seq;
        if *buyer && event.private {
            verdict.add(
                Kind::Leaked,
                format_args!("conversation {conversation}: the buyer can read note {}", event.seq),
            );
        }
    }
}

/// The history is what the events make of it.
fn check_rows(reading: &Reading, verdict: &mut Verdict) {
    let Reading { conversation, node, buyer, rows, events } = reading;
    let mut latest: BTreeMap<i64, &Event> = BTreeMap::new();
    for event in events {
        latest.insert(event.message_seq, event);
    }
    let told: Vec<_> = latest.values().map(|e| (e.message_seq, e.revision, e.recalled, e.private)).collect();
    let kept: Vec<_> = rows.iter().map(|row| (row.seq, row.revision, row.recalled, row.private)).collect();
    if told != kept {
        let odd: Vec<_> = told
            .iter()
            .filter(|message| !kept.contains(message))
            .chain(kept.iter().filter(|message| !told.contains(message)))
            .take(4)
            .collect();
        verdict.add(
            Kind::Differs,
            format_args!(
                "conversation {conversation}, node {node}, buyer {buyer}: history and events: {odd:?}"
            ),
        );
        return;
    }
    for (row, event) in rows.iter().zip(latest.values()) {
        if row.content != event.content {
            verdict.add(
                Kind::Differs,
                format_args!(
                    "conversation {conversation}, node {node}: message {} is another in the events",
                    row.seq
                ),
            );
        }
    }
}

/// Every node and both sides show the same.
fn check_everywhere(readings: &[Reading], verdict: &mut Verdict) {
    let mut first: HashMap<(usize, bool), &Reading> = HashMap::new();
    for reading in readings {
        let Reading { conversation, node, buyer, .. } = reading;
        let known = *first.entry((*conversation, *buyer)).or_insert(reading);
        if known.rows != reading.rows || known.events != reading.events {
            verdict.add(
                Kind::Differs,
                format_args!(
                    "conversation {conversation}, buyer {buyer}: nodes {} and {node} differ",
                    known.node
                ),
            );
        }
    }
    for ((conversation, buyer), reading) in &first {
        if !buyer {
            continue;
        }
        let Some(agents) = first.get(&(*conversation, false)) else { continue };
        let public: Vec<_> = agents.rows.iter().filter(|row| !row.private).collect();
        if public != reading.rows.iter().collect::<Vec<_>>() {
            verdict.add(
                Kind::Differs,
                format_args!("conversation {conversation}: buyer and agents read different messages"),
            );
        }
    }
}

/// What one person sent under one id.
struct Send<'e> {
    person: usize,
    conversation: usize,
    thing: u64,
    private: bool,
    acknowledged: Vec<i64>,
    refused: Option<&'e str>,
}

struct Sends<'e> {
    /// By sender and id.
    by_id: HashMap<(&'e str, &'e str), Send<'e>>,
}

impl<'e> Sends<'e> {
    fn gather(evidence: Evidence<'e>) -> Self {
        let mut by_id: HashMap<(&str, &str), Send<'_>> = HashMap::new();
        for Entry { person, what, .. } in evidence.entries {
            let Some(witness) = evidence.witnesses.get(*person) else { continue };
            match what {
                What::Tried { conversation, id, thing, private, .. } => {
                    by_id.entry((&witness.user, id)).or_insert(Send {
                        person: *person,
                        conversation: *conversation,
                        thing: *thing,
                        private: *private,
                        acknowledged: Vec::new(),
                        refused: None,
                    });
                }
                What::Acknowledged { id, seq, .. } => {
                    if let Some(send) = by_id.get_mut(&(&*witness.user, &**id)) {
                        send.acknowledged.push(*seq);
                    }
                }
                What::Refused { id, kind } => {
                    if let Some(send) = by_id.get_mut(&(&*witness.user, &**id)) {
                        send.refused = Some(kind);
                    }
                }
                _ => {}
            }
        }
        Self { by_id }
    }

    fn check(&self, evidence: Evidence<'_>, verdict: &mut Verdict) {
        // One message may be missing in many readings, and is lost once.
        let mut lost: HashSet<(&str, &str)> = HashSet::new();
        for reading in evidence.readings {
            self.check_unsent(reading, verdict);
            let places: HashMap<(&str, &str), i64> = reading
                .rows
                .iter()
                .filter_map(|row| Some(((row.user.as_deref()?, row.id.as_deref()?), row.seq)))
                .collect();
            for ((user, id), send) in &self.by_id {
                if send.conversation != reading.conversation || (reading.buyer && send.private) {
                    continue;
                }
                let Some(seq) = send.acknowledged.first() else { continue };
                match places.get(&(*user, *id)) {
                    None => {
                        if lost.insert((user, id)) {
                            verdict.add(
                                Kind::Lost,
                                format_args!(
                                    "{user}'s {id} was acknowledged as {seq} of conversation {}",
                                    send.conversation
                                ),
                            );
                        }
                    }
                    Some(place) if place != seq => verdict.add(
                        Kind::Doubled,
                        format_args!("{user}'s {id} was acknowledged as {seq} and stands at {place}"),
                    ),
                    Some(_) => {}
                }
            }
        }
        for ((user, id), send) in &self.by_id {
            if send.acknowledged.windows(2).any(|two| two[0] != two[1]) {
                verdict.add(
                    Kind::Doubled,
                    format_args!("{user}'s {id} was acknowledged as {:?}", send.acknowledged),
                );
            }
            if send.acknowledged.is_empty() && send.refused.is_none() {
                verdict.add(
                    Kind::Unanswered,
                    format_args!(
                        "{user}'s {id} (person {}) into conversation {}",
                        send.person, send.conversation
                    ),
                );
            }
        }
    }

    fn check_unsent(&self, reading: &Reading, verdict: &mut Verdict) {
        let Reading { conversation, node, rows, .. } = reading;
        let mut ids = HashSet::new();
        let mut things = HashSet::new();
        for row in rows {
            let Some(user) = row.user.as_deref() else { continue };
            let sent = row.id.as_deref().and_then(|id| self.by_id.get(&(user, id)));
            // A row that has lost its id is known by what it says.
            let sent = sent.or_else(|| {
                let mut same =
                    self.by_id.iter().filter(|((of, _), send)| *of == user && send.thing == row.thing);
                same.next().map(|(_, send)| send).filter(|_| row.id.is_none())
            });
            let as_sent = sent.is_some_and(|send| {
                send.conversation == *conversation
                    && send.private == row.private
                    && (row.recalled || send.thing == row.thing)
            });
            if !as_sent {
                verdict.add(
                    Kind::Unsent,
                    format_args!("conversation {conversation}, node {node}: message {} of {user}", row.seq),
                );
            }
            let again = row.id.as_deref().is_some_and(|id| !ids.insert((user, id)));
            // Every text says something of its own; cards do not.
            let is_text = sent.is_some() && !row.recalled;
            let said_again = is_text && !things.insert((user, row.thing)) && row.id.is_none();
            if again || said_again {
                verdict.add(
                    Kind::Doubled,
                    format_args!(
                        "conversation {conversation}, node {node}: {user}'s message {} is there before",
                        row.seq
                    ),
                );
            }
        }
    }
}

/// A try: when, in which socket, as which of all tries.
struct Tried {
    entry: usize,
    socket: u32,
}

/// Each sender's order: who had the answer to one message before sending another, and who sent two over one socket that
/// took both at the first try, finds them in this order.
fn check_order(evidence: Evidence<'_>, verdict: &mut Verdict) {
    struct Sent {
        first: Tried,
        tries: usize,
        answered: Option<(usize, u32, i64)>,
    }
    let mut by_person: HashMap<(usize, usize), Vec<Sent>> = HashMap::new();
    let mut places: HashMap<(usize, Arc<str>), (usize, usize)> = HashMap::new();
    for (entry, Entry { person, what, .. }) in evidence.entries.iter().enumerate() {
        match what {
            What::Tried { socket, conversation, id, .. } => {
                let sent = by_person.entry((*person, *conversation)).or_default();
                let (_, place) = *places.entry((*person, Arc::clone(id))).or_insert_with(|| {
                    sent.push(Sent { first: Tried { entry, socket: *socket }, tries: 0, answered: None });
                    (*conversation, sent.len() - 1)
                });
                sent[place].tries += 1;
            }
            What::Acknowledged { socket, id, seq } => {
                if let Some((conversation, place)) = places.get(&(*person, Arc::clone(id)))
                    && let Some(sent) = by_person.get_mut(&(*person, *conversation))
                {
                    sent[*place].answered.get_or_insert((entry, *socket, *seq));
                }
            }
            _ => {}
        }
    }
    for ((person, conversation), sent) in by_person {
        // In the order of first tries. The greatest place of those answered before a try, by a sweep over both.
        let mut answers: Vec<(usize, i64)> =
            sent.iter().filter_map(|sent| sent.answered.map(|(entry, _, seq)| (entry, seq))).collect();
        answers.sort_unstable();
        let mut known = answers.into_iter().peekable();
        let mut greatest = 0;
        let mut before: Option<(u32, i64)> = None;
        for sent in &sent {
            while let Some((_, seq)) = known.next_if(|(entry, _)| *entry < sent.first.entry) {
                greatest = greatest.max(seq);
            }
            let Some((_, socket, seq)) = sent.answered else { continue };
            if seq < greatest {
                verdict.add(
                    Kind::Disordered,
                    format_args!("person {person}, conversation {conversation}: {seq} was sent after {greatest} was answered"),
                );
            }
            if sent.tries == 1 && socket == sent.first.socket {
                if let Some((of, earlier)) = before
                    && of == socket
                    && earlier > seq
                {
                    verdict.add(
                        Kind::Disordered,
                        format_args!("person {person}, conversation {conversation}: {seq} was sent behind {earlier} on one socket"),
                    );
                }
                before = Some((socket, seq));
            }
        }
    }
}

/// What was recalled is recalled, and nothing else.
fn check_recalls(evidence: Evidence<'_>, verdict: &mut Verdict) {
    let mut tried = HashSet::new();
    let mut done = HashSet::new();
    for Entry { what, .. } in evidence.entries {
        match what {
            What::TriedRecall { conversation, seq } => drop(tried.insert((*conversation, *seq))),
            What::Recalled { conversation, seq } => drop(done.insert((*conversation, *seq))),
            _ => {}
        }
    }
    for reading in evidence.readings {
        for row in &reading.rows {
            let key = (reading.conversation, row.seq);
            if row.recalled && !tried.contains(&key) {
                verdict.add(
                    Kind::Unsent,
                    format_args!("nobody recalled message {} of conversation {}", key.1, key.0),
                );
            }
            if !row.recalled && done.contains(&key) {
                verdict.add(
                    Kind::Lost,
                    format_args!(
                        "message {} of conversation {} was recalled, and stands (node {})",
                        key.1, key.0, reading.node
                    ),
                );
            }
        }
    }
}

/// What one receiver has of one conversation.
#[derive(Default)]
struct Stream {
    last: i64,
    /// A later event than the next one came: until it has attached again nothing is expected.
    broken: bool,
    /// Of a backlog: its end, and whether events still come.
    backlog_to: Option<i64>,
    /// When it first had the last event before the quiet.
    had_all_at: Option<u64>,
}

/// Each receiver's stream: next after next, what history says, and whole in time.
fn check_streams(evidence: Evidence<'_>, verdict: &mut Verdict) {
    let mut streams: HashMap<(usize, usize), Stream> = HashMap::new();
    let mut truth: HashMap<(usize, bool), HashMap<i64, &Event>> = HashMap::new();
    for reading in evidence.readings {
        truth
            .entry((reading.conversation, reading.buyer))
            .or_insert_with(|| reading.events.iter().map(|event| (event.seq, event)).collect());
    }
    // Of a message that was recalled later, the first content is not told again.
    let recalled: HashSet<(usize, i64)> = evidence
        .readings
        .iter()
        .flat_map(|reading| {
            reading.rows.iter().filter(|row| row.recalled).map(|row| (reading.conversation, row.seq))
        })
        .collect();
    let head = |person: usize, conversation: usize| {
        let (agents, buyer) = evidence.quiet.heads.get(conversation).copied().unwrap_or_default();
        if evidence.witnesses[person].buyer { buyer } else { agents }
    };
    for Entry { at, person, what } in evidence.entries {
        let Some(witness) = evidence.witnesses.get(*person) else { continue };
        match what {
            What::Attached { conversation, after, last_seq, .. } => {
                let stream = streams.entry((*person, *conversation)).or_default();
                stream.missing_backlog(*person, *conversation, verdict);
                stream.broken = false;
                stream.last = *after;
                stream.backlog_to = Some(*last_seq);
                if *last_seq >= head(*person, *conversation) && stream.last >= head(*person, *conversation) {
                    stream.had_all_at.get_or_insert(*at);
                }
            }
            What::Arrived { conversation, live, event } => {
                let stream = streams.entry((*person, *conversation)).or_default();
                if *live {
                    stream.missing_backlog(*person, *conversation, verdict);
                }
                if stream.broken {
                    continue;
                }
                if event.prev_seq != stream.last || event.seq <= stream.last {
                    let (kind, how) = if event.seq <= stream.last {
                        (Kind::Repeated, "again")
                    } else {
                        (Kind::Skipped, "too early")
                    };
                    let by = if *live { "pushed" } else { "in a backlog" };
                    verdict.add(
                        kind,
                        format_args!(
                            "person {person}, conversation {conversation}, {at} ms: {} (after {}) {by} {how}, behind {}",
                            event.seq, event.prev_seq, stream.last
                        ),
                    );
                    if *live {
                        stream.broken = true;
                        continue;
                    }
                }
                stream.last = event.seq;
                if event.seq >= head(*person, *conversation) {
                    stream.had_all_at.get_or_insert(*at);
                }
                if witness.buyer && event.private {
                    verdict.add(
                        Kind::Leaked,
                        format_args!("person {person} got note {} of conversation {conversation}", event.seq),
                    );
                }
                let Some(history) = truth.get(&(*conversation, witness.buyer)) else { continue };
                let same = history.get(&event.seq).is_some_and(|true_event| {
                    let content = recalled.contains(&(*conversation, event.message_seq))
                        || event.content == true_event.content;
                    content
                        && Event { content: 0, recalled: false, ..*event }
                            == Event { content: 0, recalled: false, ..**true_event }
                });
                if !same {
                    verdict.add(
                        Kind::Differs,
                        format_args!(
                            "person {person}, conversation {conversation}: event {} is not in the history so",
                            event.seq
                        ),
                    );
                }
            }
            _ => {}
        }
    }
    check_ends(evidence, streams, head, verdict);
}

/// Each receiver has come to the end, and in time.
fn check_ends(
    evidence: Evidence<'_>,
    mut streams: HashMap<(usize, usize), Stream>,
    head: impl Fn(usize, usize) -> i64,
    verdict: &mut Verdict,
) {
    for (person, witness) in evidence.witnesses.iter().enumerate() {
        for conversation in &witness.conversations {
            let head = head(person, *conversation);
            let stream = streams.remove(&(person, *conversation)).unwrap_or_default();
            stream.missing_backlog_at_end(person, *conversation, verdict);
            let in_time = stream.had_all_at.is_some_and(|at| at <= evidence.quiet.at + CATCH_UP);
            if head > 0 && (stream.last < head || !in_time) {
                verdict.add(
                    Kind::Stale,
                    format_args!(
                        "person {person} has {} of {head} of conversation {conversation}, since {:?} ms (quiet at {} ms)",
                        stream.last, stream.had_all_at, evidence.quiet.at
                    ),
                );
            }
        }
    }
}

impl Stream {
    /// The backlog should have led up to where its answer said that it ends.
    fn missing_backlog(&mut self, person: usize, conversation: usize, verdict: &mut Verdict) {
        if let Some(to) = self.backlog_to.take()
            && self.last != to
        {
            verdict.add(
                Kind::Skipped,
                format_args!(
                    "person {person}, conversation {conversation}: a backlog up to {to} ended at {}",
                    self.last
                ),
            );
            self.last = to;
        }
    }

    fn missing_backlog_at_end(&self, person: usize, conversation: usize, verdict: &mut Verdict) {
        if let Some(to) = self.backlog_to
            && self.last != to
        {
            verdict.add(
                Kind::Skipped,
                format_args!(
                    "person {person}, conversation {conversation}: the last backlog ended at {} of {to}",
                    self.last
                ),
            );
        }
    }
}
