//! Bugs that can be planted, so that the fault suite proves that it finds them. Only a debug build with the feature
//! `planted-bugs` can have one; in every other build nothing is planted, and the questions are compiled away.

use std::time::Duration;

#[cfg(all(feature = "planted-bugs", not(debug_assertions)))]
compile_error!("`planted-bugs` is for the fault suite alone: no release build contains them");

/// How long a planted race is held open: about as long as people take from one message to the next.
const RACE: Duration = Duration::from_millis(30);

/// A bug that can be planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A send is answered before its commit.
    AcknowledgeBeforeCommit,
    /// One event of a hundred is not published, and nobody looks for what is missing.
    DropPublishes,
    /// A backlog ends where the conversation stood before its receiver was registered.
    ReadBeforeSubscribe,
    /// A message sent twice is there twice.
    NoDedupe,
    /// The sequence is read in a transaction before the one that writes.
    SequenceOutsideTransaction,
    /// A revision is pushed and not written.
    EditSentLiveOnly,
    /// A private note is published to the buyer, too.
    NoteSentToBuyer,
    /// A resumed session is not given the first event that it missed.
    ResumeOffByOne,
}

#[cfg(feature = "planted-bugs")]
impl Bug {
    /// All of them, by name.
    const NAMES: [(&str, Self); 8] = [
        ("acknowledge-before-commit", Self::AcknowledgeBeforeCommit),
        ("drop-publishes", Self::DropPublishes),
        ("read-before-subscribe", Self::ReadBeforeSubscribe),
        ("no-dedupe", Self::NoDedupe),
        ("sequence-outside-transaction", Self::SequenceOutsideTransaction),
        ("edit-sent-live-only", Self::EditSentLiveOnly),
        ("note-sent-to-buyer", Self::NoteSentToBuyer),
        ("resume-off-by-one", Self::ResumeOffByOne),
    ];
}

/// What is planted in this process: at most one bug.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Planted {
    bug: Option<Bug>,
}

impl Planted {
    /// The bug of this name; `None` where no bug is called so.
    #[cfg(feature = "planted-bugs")]
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Bug::NAMES.iter().find(|(own, _)| *own == name).map(|(_, bug)| Self { bug: Some(*bug) })
    }

    /// Whether this bug is planted.
    #[must_use]
    pub fn has(self, bug: Bug) -> bool {
        cfg!(feature = "planted-bugs") && self.bug == Some(bug)
    }

    /// Holds the race of this bug open, where it is planted: it is to be lost within seconds, not within days.
    pub async fn hold_open(self, bug: Bug) {
        if self.has(bug) {
            tokio::time::sleep(RACE).await;
        }
    }
}
