//! A small record in which all is well, and for each kind of violation one that has it and no other.

use super::*;
use crate::record::{NOBODY, thing_of};

const ANA: usize = 0;
const BO: usize = 1;

struct Story {
    witnesses: Vec<Witness>,
    entries: Vec<Entry>,
    quiet: Quiet,
    readings: Vec<Reading>,
}

fn text(said: &str) -> u64 {
    thing_of("TEXT", said)
}

fn tried(socket: u32, id: &str, said: &str, private: bool) -> What {
    What::Tried { socket, conversation: 0, id: id.into(), thing: text(said), private }
}

fn acknowledged(socket: u32, id: &str, seq: i64) -> What {
    What::Acknowledged { socket, id: id.into(), seq }
}

fn event(seq: i64, prev_seq: i64, message_seq: i64, private: bool) -> Event {
    let revision = i64::from(seq != message_seq);
    let recalled = seq != message_seq;
    Event { seq, prev_seq, message_seq, revision, recalled, private, content: 100 + seq.unsigned_abs() }
}

fn arrived(live: bool, event: Event) -> What {
    What::Arrived { conversation: 0, live, event }
}

fn attached(after: i64, last_seq: i64) -> What {
    What::Attached { socket: 1, conversation: 0, after, last_seq, whole: true }
}

fn row(seq: i64, user: &str, id: &str, said: &str) -> Row {
    Row {
        seq,
        id: Some(id.into()),
        user: Some(user.into()),
        thing: text(said),
        content: 100 + seq.unsigned_abs(),
        private: false,
        revision: 0,
        recalled: false,
    }
}

impl Story {
    /// Ana says `one`; Bo notes `two`; Ana says `three` and `four` at once, and recalls `three` as event 5.
    fn that_is_well() -> Self {
        let witness = |user: &str, buyer| Witness { user: user.into(), buyer, conversations: vec![0] };
        let for_agents = [
            event(1, 0, 1, false),
            event(2, 1, 2, true),
            event(3, 2, 3, false),
            event(4, 3, 4, false),
            event(5, 4, 3, false),
        ];
        let for_buyer =
            [event(1, 0, 1, false), event(3, 1, 3, false), event(4, 3, 4, false), event(5, 4, 3, false)];
        let mut told = vec![
            (ANA, attached(0, 0)),
            (BO, attached(0, 0)),
            (ANA, tried(1, "a-1", "one", false)),
            (ANA, arrived(true, for_buyer[0])),
            (BO, arrived(true, for_agents[0])),
            (ANA, acknowledged(1, "a-1", 1)),
            (BO, tried(1, "b-1", "two", true)),
            (BO, arrived(true, for_agents[1])),
            (BO, acknowledged(1, "b-1", 2)),
            (ANA, tried(1, "a-2", "three", false)),
            (ANA, tried(1, "a-3", "four", false)),
            (ANA, acknowledged(1, "a-2", 3)),
            (ANA, acknowledged(1, "a-3", 4)),
            (ANA, What::TriedRecall { conversation: 0, seq: 3 }),
            (ANA, What::Recalled { conversation: 0, seq: 3 }),
        ];
        told.extend(for_buyer[1..].iter().map(|event| (ANA, arrived(true, *event))));
        // Bo comes back, and gets the rest in a backlog.
        told.push((BO, attached(2, 5)));
        told.extend(for_agents[2..].iter().map(|event| (BO, arrived(false, *event))));
        let entries = told
            .into_iter()
            .enumerate()
            .map(|(at, (person, what))| Entry { at: at as u64, person, what })
            .collect();
        let note = Row { private: true, ..row(2, "CUSTOMER_SERVICE/bo", "b-1", "two") };
        let recalled = Row {
            recalled: true,
            revision: 1,
            content: 105,
            thing: 0,
            ..row(3, "BUYER/ana", "a-2", "three")
        };
        let agents_rows =
            vec![row(1, "BUYER/ana", "a-1", "one"), note, recalled, row(4, "BUYER/ana", "a-3", "four")];
        let buyers_rows: Vec<_> = agents_rows.iter().filter(|row| !row.private).cloned().collect();
        let readings = [0, 1]
            .into_iter()
            .flat_map(|node| {
                [
                    Reading {
                        conversation: 0,
                        node,
                        buyer: false,
                        rows: agents_rows.clone(),
                        events: for_agents.to_vec(),
                    },
                    Reading {
                        conversation: 0,
                        node,
                        buyer: true,
                        rows: buyers_rows.clone(),
                        events: for_buyer.to_vec(),
                    },
                ]
            })
            .collect();
        Self {
            witnesses: vec![witness("BUYER/ana", true), witness("CUSTOMER_SERVICE/bo", false)],
            entries,
            quiet: Quiet { at: 1_000, heads: vec![(5, 5)] },
            readings,
        }
    }

    fn verdict(&self) -> Verdict {
        check(Evidence {
            witnesses: &self.witnesses,
            entries: &self.entries,
            quiet: &self.quiet,
            readings: &self.readings,
        })
    }

    fn add(&mut self, person: usize, what: What) {
        let at = self.entries.len() as u64;
        self.entries.push(Entry { at, person, what });
    }

    fn all_readings(&mut self, change: impl Fn(&mut Reading)) {
        self.readings.iter_mut().for_each(change);
    }
}

/// The story with this change is found to have these kinds of violations, and no others.
fn found(change: impl FnOnce(&mut Story), kinds: &[Kind]) {
    let mut story = Story::that_is_well();
    change(&mut story);
    let verdict = story.verdict();
    assert_eq!(verdict.kinds().into_keys().collect::<Vec<_>>(), kinds, "{verdict}");
}

#[test]
fn where_all_is_well_nothing_is_found() {
    found(|_| {}, &[]);
    let figures = Story::that_is_well().verdict().figures;
    assert_eq!((figures.sent, figures.acknowledged, figures.recalled, figures.arrived), (4, 4, 1, 9));
}

#[test]
fn a_message_that_was_acknowledged_and_is_not_there_is_lost() {
    let gone = |story: &mut Story| {
        story.add(ANA, tried(1, "a-4", "five", false));
        story.add(ANA, acknowledged(1, "a-4", 6));
    };
    found(gone, &[Kind::Lost]);
}

#[test]
fn a_recall_that_was_acknowledged_and_is_not_there_is_lost() {
    let stands = |story: &mut Story| {
        story.add(ANA, What::TriedRecall { conversation: 0, seq: 4 });
        story.add(ANA, What::Recalled { conversation: 0, seq: 4 });
    };
    found(stands, &[Kind::Lost]);
}

#[test]
fn a_message_that_nobody_sent_is_found() {
    let renamed = |story: &mut Story| {
        story.all_readings(|reading| reading.rows[0].thing = text("something else"));
    };
    found(renamed, &[Kind::Unsent]);
}

#[test]
fn a_message_that_was_refused_may_be_there_or_not_and_an_unanswered_one_is_found() {
    let refused = |story: &mut Story| {
        story.add(ANA, tried(1, "a-4", "five", false));
        story.add(ANA, What::Refused { id: "a-4".into(), kind: "not_sendable".into() });
    };
    found(refused, &[]);
    found(|story| story.add(ANA, tried(1, "a-4", "five", false)), &[Kind::Unanswered]);
}

/// One more message at the end, of which both are told.
fn say_more(story: &mut Story, row: &Row) {
    let (seq, prev_seq) = (row.seq, row.seq - 1);
    let event = event(seq, prev_seq, seq, false);
    story.all_readings(|reading| {
        reading.rows.push(row.clone());
        reading.events.push(event);
    });
    story.add(ANA, arrived(true, event));
    story.add(BO, arrived(true, event));
}

#[test]
fn a_message_that_is_there_twice_is_doubled() {
    found(|story| say_more(story, &row(6, "BUYER/ana", "a-1", "one")), &[Kind::Doubled]);
}

#[test]
fn a_message_that_is_there_again_without_its_id_is_doubled() {
    let nameless =
        |story: &mut Story| say_more(story, &Row { id: None, ..row(6, "BUYER/ana", "a-1", "one") });
    found(nameless, &[Kind::Doubled]);
}

#[test]
fn a_message_whose_tries_had_two_answers_is_doubled() {
    let twice = |story: &mut Story| {
        story.add(ANA, tried(2, "a-1", "one", false));
        story.add(ANA, acknowledged(2, "a-1", 4));
    };
    found(twice, &[Kind::Doubled]);
}

#[test]
fn a_place_that_is_missing_in_the_sequence_is_a_hole() {
    let torn = |story: &mut Story| {
        say_more(story, &row(7, "BUYER/ana", "a-7", "seven"));
        story.all_readings(|reading| {
            if let Some(event) = reading.events.last_mut() {
                event.prev_seq = 5;
            }
        });
        for entry in &mut story.entries {
            if let What::Arrived { event, .. } = &mut entry.what
                && event.seq == 7
            {
                event.prev_seq = 5;
            }
        }
        story.add(ANA, tried(1, "a-7", "seven", false));
        story.add(ANA, acknowledged(1, "a-7", 7));
    };
    found(torn, &[Kind::Hole]);
}

#[test]
fn what_was_sent_after_an_answer_and_stands_before_it_is_disordered() {
    let late = |story: &mut Story| {
        say_more(story, &row(6, "BUYER/ana", "a-6", "six"));
        say_more(story, &row(7, "BUYER/ana", "a-7", "seven"));
        story.add(ANA, tried(1, "a-7", "seven", false));
        story.add(ANA, acknowledged(1, "a-7", 7));
        story.add(ANA, tried(2, "a-6", "six", false));
        story.add(ANA, acknowledged(2, "a-6", 6));
    };
    found(late, &[Kind::Disordered]);
}

#[test]
fn two_messages_of_one_socket_that_stand_in_another_order_are_disordered() {
    let swapped = |story: &mut Story| {
        say_more(story, &row(6, "BUYER/ana", "a-6", "six"));
        say_more(story, &row(7, "BUYER/ana", "a-7", "seven"));
        story.add(ANA, tried(1, "a-7", "seven", false));
        story.add(ANA, tried(1, "a-6", "six", false));
        story.add(ANA, acknowledged(1, "a-7", 7));
        story.add(ANA, acknowledged(1, "a-6", 6));
    };
    found(swapped, &[Kind::Disordered]);
}

/// Takes away the first live event of this place that a person was told.
fn untold(story: &mut Story, person: usize, seq: i64) {
    let place = story
        .entries
        .iter()
        .position(|entry| {
            entry.person == person && matches!(&entry.what, What::Arrived { event, .. } if event.seq == seq)
        })
        .unwrap();
    story.entries.remove(place);
}

#[test]
fn a_receiver_who_is_given_a_later_event_than_the_next_was_made_to_skip_one() {
    let skipped = |story: &mut Story| {
        untold(story, ANA, 3);
        story.add(ANA, attached(1, 5));
        for event in [event(3, 1, 3, false), event(4, 3, 4, false), event(5, 4, 3, false)] {
            story.add(ANA, arrived(false, event));
        }
    };
    found(skipped, &[Kind::Skipped]);
}

#[test]
fn a_backlog_that_leaves_one_out_was_made_to_skip_it() {
    found(|story| untold(story, BO, 3), &[Kind::Skipped]);
    found(|story| untold(story, BO, 5), &[Kind::Skipped, Kind::Stale]);
}

#[test]
fn an_event_that_is_given_again_is_repeated() {
    let again = |story: &mut Story| story.add(BO, arrived(true, event(5, 4, 3, false)));
    found(again, &[Kind::Repeated]);
}

#[test]
fn who_has_not_everything_ten_seconds_after_quiet_is_stale() {
    let late = |story: &mut Story| {
        if let Some(last) = story.entries.last_mut() {
            last.at = story.quiet.at + CATCH_UP + 1;
        }
    };
    found(late, &[Kind::Stale]);
    found(|story| untold(story, ANA, 5), &[Kind::Stale]);
}

#[test]
fn what_is_not_the_same_on_two_nodes_differs() {
    let changed = |story: &mut Story| {
        story.readings[2].rows[0].content = 7;
        story.readings[2].events[0].content = 7;
    };
    found(changed, &[Kind::Differs]);
}

#[test]
fn a_history_that_is_not_what_the_events_say_differs() {
    let unrevised = |story: &mut Story| story.all_readings(|reading| reading.rows[0].revision = 1);
    found(unrevised, &[Kind::Differs]);
}

#[test]
fn an_event_that_was_told_otherwise_than_it_is_kept_differs() {
    let otherwise = |story: &mut Story| {
        if let What::Arrived { event, .. } = &mut story.entries[3].what {
            event.content = 7;
        }
    };
    found(otherwise, &[Kind::Differs]);
}

#[test]
fn a_note_in_the_buyers_history_is_leaked() {
    let noted = |story: &mut Story| {
        let (rows, events) = (story.readings[0].rows.clone(), story.readings[0].events.clone());
        for reading in story.readings.iter_mut().filter(|reading| reading.buyer) {
            (reading.rows, reading.events) = (rows.clone(), events.clone());
        }
    };
    let mut story = Story::that_is_well();
    noted(&mut story);
    assert_eq!(story.verdict().count(Kind::Leaked), 2);
}

#[test]
fn a_note_that_is_pushed_to_the_buyer_is_leaked() {
    let mut story = Story::that_is_well();
    story.add(ANA, arrived(true, event(6, 5, 6, true)));
    assert_eq!(story.verdict().count(Kind::Leaked), 1);
    let foreign =
        |story: &mut Story| story.add(ANA, What::Leaked { what: "something of conversation 8".into() });
    found(foreign, &[Kind::Leaked]);
}

#[test]
fn a_node_that_ends_by_itself_is_found() {
    let died = |story: &mut Story| story.add(NOBODY, What::Died { node: 1, status: "exit status: 1".into() });
    found(died, &[Kind::Died]);
}
