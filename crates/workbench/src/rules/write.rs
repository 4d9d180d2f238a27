//! What came of a document that the shop's systems wrote: the same again changes nothing, and what is older than what
//! stands is left out.

/// What is to be done with a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Write<T> {
    /// There was none.
    Created(T),
    /// It replaces the stored one.
    Changed {
        /// As it is to be stored.
        document: T,
        /// The wire's names of the fields that differ.
        fields: Vec<&'static str>,
    },
    /// It says what is stored.
    Unchanged,
    /// Its `update_time` is before the stored one's.
    Stale,
}

impl<T> Write<T> {
    /// What is to be stored, if anything.
    pub(crate) fn document(self) -> Option<T> {
        match self {
            Self::Created(document) | Self::Changed { document, .. } => Some(document),
            Self::Unchanged | Self::Stale => None,
        }
    }

    pub(crate) fn of(
        stored: Option<&T>,
        document: T,
        fields: impl FnOnce(&T, &T) -> Vec<&'static str>,
    ) -> Self {
        let Some(stored) = stored else { return Self::Created(document) };
        let fields = fields(stored, &document);
        if fields.is_empty() { Self::Unchanged } else { Self::Changed { document, fields } }
    }
}

/// The names of the fields in which two documents differ. All fields are named, so that a new one is not forgotten.
macro_rules! differing {
    ($type:ident, $old:expr, $new:expr, [$($field:ident),* $(,)?], ignoring [$($ignored:ident),* $(,)?]) => {{
        let $type { $($field: _,)* $($ignored: _,)* } = $new;
        let mut fields = Vec::new();
        $(if $old.$field != $new.$field { fields.push(stringify!($field)); })*
        fields
    }};
}

pub(crate) use differing;
