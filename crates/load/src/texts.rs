//! What people write: texts of a file, or a few that are built in. Which one follows from who writes and which message of
//! theirs it is, so that every receiver knows what must have come.

use std::{fs::File, path::Path};

use deskwire_protocol::text::{TEXT_CHARS, check_text};

use crate::LoadError;

/// From short to long, with paragraphs, accents and emoji, as customers of shops write.
const BUILT_IN: &[&str] = &[
    "Hello!",
    "Where is my parcel?",
    "Thank you, that helps 👍",
    "Is the linen shirt in stock in size M? I would like the blue one.",
    "Olá, meu pedido ainda não chegou. Vocês podem verificar, por favor?",
    "Hello, my parcel has not arrived yet. Could you tell me where it is? It was to be here on Monday, and I shall be away from Thursday on.",
    "Selamat pagi, apakah warna hitam masih ada? Saya ingin memesan dua buah untuk dikirim ke Bandung minggu ini juga.",
    "I ordered two mugs.\n\nOne came broken, the other is fine. I have kept the box and can send you a picture; please tell me whether you would rather replace it or pay it back. There is no hurry, but I should like to give it to my sister on the 24th.",
];

/// Texts to choose from; never empty.
#[derive(Debug)]
pub(crate) struct Texts {
    texts: Vec<Box<str>>,
    /// Whether they come from the scenario's file.
    pub(crate) are_own: bool,
}

impl Texts {
    /// Those that are built in.
    pub(crate) fn built_in() -> Self {
        Self { texts: BUILT_IN.iter().map(|&text| text.into()).collect(), are_own: false }
    }

    /// One column of a CSV file; rows that no message may hold are left out.
    pub(crate) fn read(path: &Path, column: &str) -> Result<Self, LoadError> {
        let problem = |problem: String| LoadError::Scenario { path: path.to_owned(), problem };
        let file =
            File::open(path).map_err(|source| LoadError::Unreadable { path: path.to_owned(), source })?;
        let mut reader = csv::Reader::from_reader(file);
        let index = reader
            .headers()
            .map_err(|error| problem(error.to_string()))?
            .iter()
            .position(|name| name == column)
            .ok_or_else(|| problem(format!("there is no column `{column}` in it (texts.column)")))?;
        let mut texts = Vec::new();
        for row in reader.records() {
            let row = row.map_err(|error| problem(error.to_string()))?;
            let text = row.get(index).unwrap_or_default();
            if check_text(text, TEXT_CHARS).is_ok() {
                texts.push(text.into());
            }
        }
        if texts.is_empty() {
            return Err(problem(format!("no row of `{column}` can be sent as a message")));
        }
        Ok(Self { texts, are_own: true })
    }

    /// The text of someone's message of this number.
    pub(crate) fn of(&self, person: u32, number: u32) -> &str {
        // Fibonacci hashing: neighbours write different things.
        let hash = (u64::from(person) << 32 | u64::from(number)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let index = (hash >> 32) % self.texts.len() as u64;
        self.texts.get(usize::try_from(index).unwrap_or(0)).map_or("…", |text| text)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_built_in_can_be_sent_and_is_all_used() {
        let texts = Texts::built_in();
        assert!(BUILT_IN.iter().all(|text| check_text(text, TEXT_CHARS).is_ok()));
        let mut used: Vec<&str> = (0..200).map(|number| texts.of(3, number)).collect();
        used.sort_unstable();
        used.dedup();
        assert_eq!(used.len(), BUILT_IN.len());
    }

    #[test]
    fn a_column_is_read_without_the_rows_that_cannot_be_sent() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("reviews.csv");
        fs::write(&path, "score,said\n5,\"Ótimo,\nrecomendo\"\n4,\n3,Bom\n").unwrap();
        let texts = Texts::read(&path, "said").unwrap();
        assert_eq!(
            texts.texts.iter().map(AsRef::as_ref).collect::<Vec<&str>>(),
            ["Ótimo,\nrecomendo", "Bom"]
        );
        let error = Texts::read(&path, "title").unwrap_err().to_string();
        assert!(error.contains("`title`") && error.contains("texts.column"), "{error}");
    }
}
