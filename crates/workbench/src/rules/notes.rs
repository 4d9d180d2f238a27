//! The shop's note on an order: two editors never overwrite each other in silence.

use deskwire_protocol::{
    Timestamp,
    order::{Editor, EditorKind, SellerNote},
    text::{TEXT_CHARS, TextError, check_text},
};

use crate::error::WorkbenchError;

/// What came of setting a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoteSet {
    /// A new version.
    Written(SellerNote),
    /// It says so already; none where there never was a note and none is wanted.
    Unchanged(Option<SellerNote>),
}

/// Sets the note of an order, where `version` is the one that stands. The same set again, as after a lost answer, is
/// answered with what it wrote.
pub(crate) fn set(
    current: Option<&SellerNote>,
    text: &str,
    version: u32,
    editor: Editor,
    now: Timestamp,
) -> Result<NoteSet, WorkbenchError> {
    // What is blank says nothing: it takes the note away.
    let text = match check_text(text, TEXT_CHARS) {
        Ok(()) => text,
        Err(TextError::Empty) => "",
        Err(problem @ (TextError::TooLong { .. } | TextError::Nul)) => {
            return Err(WorkbenchError::invalid("text", problem));
        }
    };
    let stands = current.map_or(0, |note| note.version);
    let says_so = current.map_or("", |note| note.text.as_str()) == text;
    let by_this_editor =
        current.is_some_and(|note| note.editor.kind == editor.kind && note.editor.id == editor.id);
    let is_a_repeat = says_so && by_this_editor && version.checked_add(1) == Some(stands);
    if is_a_repeat || (says_so && version == stands) {
        return Ok(NoteSet::Unchanged(current.cloned()));
    }
    if version != stands {
        return Err(WorkbenchError::NoteConflict(Box::new(current.cloned().unwrap_or_else(none))));
    }
    let version =
        stands.checked_add(1).ok_or_else(|| WorkbenchError::limit(u32::MAX, "versions of a note"))?;
    Ok(NoteSet::Written(SellerNote { text: text.to_owned(), version, editor, update_time: now }))
}

/// How it stands where there never was a note.
fn none() -> SellerNote {
    SellerNote {
        text: String::new(),
        version: 0,
        editor: Editor { kind: EditorKind::System, id: String::new(), name: String::new() },
        update_time: Timestamp::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::samples::{NOW, field_of};

    fn editor(id: &str) -> Editor {
        Editor { kind: EditorKind::Agent, id: id.into(), name: id.into() }
    }

    fn written(current: Option<&SellerNote>, text: &str, version: u32, who: &str) -> SellerNote {
        match set(current, text, version, editor(who), NOW).unwrap() {
            NoteSet::Written(note) => note,
            NoteSet::Unchanged(_) => panic!("unchanged"),
        }
    }

    #[test]
    fn versions_count_up_from_one() {
        let first = written(None, "call first", 0, "a");
        assert_eq!((first.version, first.text.as_str()), (1, "call first"));
        let second = written(Some(&first), "ring twice\n\nthen wait", 1, "b");
        assert_eq!((second.version, second.editor.id.as_str()), (2, "b"));
        let gone = written(Some(&second), " \n", 2, "b");
        assert_eq!((gone.version, gone.text.as_str()), (3, ""), "taking it away is a version too");
    }

    #[test]
    fn a_stale_edit_gets_the_current_text() {
        let first = written(None, "call first", 0, "a");
        let second = written(Some(&first), "ring twice", 1, "a");
        for stale in [0, 1, 3] {
            let Err(WorkbenchError::NoteConflict(note)) =
                set(Some(&second), "another", stale, editor("b"), NOW)
            else {
                panic!("no conflict")
            };
            assert_eq!(*note, second);
        }
        let Err(WorkbenchError::NoteConflict(note)) = set(None, "x", 4, editor("b"), NOW) else {
            panic!("no conflict")
        };
        assert_eq!(note.version, 0);
    }

    #[test]
    fn the_same_set_again_is_one_version_but_not_from_another_editor() {
        let first = written(None, "call first", 0, "a");
        let again = set(Some(&first), "call first", 0, editor("a"), NOW).unwrap();
        assert_eq!(again, NoteSet::Unchanged(Some(first.clone())));
        let other = set(Some(&first), "call first", 0, editor("b"), NOW);
        assert!(matches!(other, Err(WorkbenchError::NoteConflict(_))), "b has not seen a's note");
        let same = set(Some(&first), "call first", 1, editor("b"), NOW).unwrap();
        assert_eq!(same, NoteSet::Unchanged(Some(first)));
        assert_eq!(set(None, "", 0, editor("a"), NOW).unwrap(), NoteSet::Unchanged(None));
    }

    #[test]
    fn a_note_is_bounded_and_its_version_does_not_wrap() {
        assert_eq!(field_of(set(None, &"x".repeat(2_001), 0, editor("a"), NOW)), "text");
        let last = SellerNote { version: u32::MAX, ..written(None, "x", 0, "a") };
        let over = set(Some(&last), "y", u32::MAX, editor("a"), NOW);
        assert!(matches!(over, Err(WorkbenchError::LimitReached { .. })));
    }
}
