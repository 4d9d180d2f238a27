//! What chat text must be: bounded, and nothing that a store or a terminal chokes on.

/// The longest text of a message, in characters.
pub const TEXT_CHARS: usize = 2_000;

/// The longest tag, in characters.
pub const TAG_CHARS: usize = 40;

/// Why a text is refused; continues the sentence "`field` …".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing but white space.
    #[error("must not be empty")]
    Empty,
    /// Too long.
    #[error("must be at most {limit} characters")]
    TooLong {
        /// In characters.
        limit: usize,
    },
    /// NUL cannot be kept by every store.
    #[error("must not contain the character U+0000")]
    Nul,
}

/// Checks a text of at most `limit` characters. Paragraphs and emoji are kept as they are.
pub fn check_text(text: &str, limit: usize) -> Result<(), TextError> {
    if text.trim().is_empty() {
        return Err(TextError::Empty);
    }
    // A character is at least one byte, so most texts are settled without counting.
    if text.len() > limit && text.chars().count() > limit {
        return Err(TextError::TooLong { limit });
    }
    if text.contains('\0') {
        return Err(TextError::Nul);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_characters_not_bytes() {
        assert_eq!(check_text(&"é".repeat(5), 5), Ok(()));
        assert_eq!(check_text(&"é".repeat(6), 5), Err(TextError::TooLong { limit: 5 }));
    }

    #[test]
    fn blank_text_and_nul_are_refused() {
        assert_eq!(check_text(" \n\t", 5), Err(TextError::Empty));
        assert_eq!(check_text("a\0", 5), Err(TextError::Nul));
    }
}
