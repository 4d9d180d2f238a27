//! Which of the languages spoken here is nearest to the one that a buyer asks for.

/// A language, as spoken somewhere: words, and how money and dates are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Locale {
    /// English, and what everyone gets whose language is not spoken here.
    English,
    /// Portuguese (Brazil).
    Portuguese,
    /// Indonesian.
    Indonesian,
    /// Thai.
    Thai,
    /// Vietnamese.
    Vietnamese,
    /// Spanish.
    Spanish,
    /// Spanish where a point precedes the cents, as in Mexico: the words of Spanish, other numbers.
    SpanishMexico,
}

/// Where Spanish is spoken and "1.250" is one and a quarter: a wrong guess would be off by a thousand.
const SPANISH_WITH_POINT: [&str; 12] =
    ["mx", "us", "pr", "do", "gt", "hn", "ni", "pa", "pe", "sv", "cu", "419"];

impl Locale {
    /// All of them.
    pub(crate) const ALL: [Self; 7] = [
        Self::English,
        Self::Portuguese,
        Self::Indonesian,
        Self::Thai,
        Self::Vietnamese,
        Self::Spanish,
        Self::SpanishMexico,
    ];

    /// The nearest to a BCP 47 tag: any Portuguese is Brazilian, and what is not spoken here, or is no tag, is English.
    pub(crate) fn negotiate(tag: &str) -> Self {
        let mut subtags = tag.split(['-', '_']).map(str::to_ascii_lowercase);
        let language = subtags.next().unwrap_or_default();
        // `es-Latn-MX`: a script has four letters, what follows the region does not matter here.
        let region = subtags.find(|subtag| subtag.len() != 4).unwrap_or_default();
        match language.as_str() {
            "pt" => Self::Portuguese,
            // Its code until 1989, which Java and older Androids still send.
            "id" | "in" => Self::Indonesian,
            "th" => Self::Thai,
            "vi" => Self::Vietnamese,
            "es" if SPANISH_WITH_POINT.contains(&region.as_str()) => Self::SpanishMexico,
            "es" => Self::Spanish,
            _ => Self::English,
        }
    }

    /// Its BCP 47 tag.
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Portuguese => "pt-BR",
            Self::Indonesian => "id",
            Self::Thai => "th",
            Self::Vietnamese => "vi",
            Self::Spanish => "es",
            Self::SpanishMexico => "es-MX",
        }
    }

    /// Its place in [`Self::ALL`].
    pub(super) const fn index(self) -> usize {
        match self {
            Self::English => 0,
            Self::Portuguese => 1,
            Self::Indonesian => 2,
            Self::Thai => 3,
            Self::Vietnamese => 4,
            Self::Spanish => 5,
            Self::SpanishMexico => 6,
        }
    }

    /// Its words, a Fluent file.
    pub(super) const fn source(self) -> &'static str {
        match self {
            Self::English => include_str!("words/en.ftl"),
            Self::Portuguese => include_str!("words/pt-BR.ftl"),
            Self::Indonesian => include_str!("words/id.ftl"),
            Self::Thai => include_str!("words/th.ftl"),
            Self::Vietnamese => include_str!("words/vi.ftl"),
            Self::Spanish | Self::SpanishMexico => include_str!("words/es.ftl"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_language_is_spoken_and_english_otherwise() {
        for (tag, locale) in [
            ("pt-PT", Locale::Portuguese),
            ("pt", Locale::Portuguese),
            ("PT_br", Locale::Portuguese),
            ("in-ID", Locale::Indonesian),
            ("th-TH-u-ca-buddhist", Locale::Thai),
            ("vi-VN", Locale::Vietnamese),
            ("es-ES", Locale::Spanish),
            ("es", Locale::Spanish),
            ("es-AR", Locale::Spanish),
            ("es-MX", Locale::SpanishMexico),
            ("es-Latn-MX", Locale::SpanishMexico),
            ("es-419", Locale::SpanishMexico),
            ("en-GB", Locale::English),
            ("fr-FR", Locale::English),
            ("ptx", Locale::English),
            ("", Locale::English),
            ("-", Locale::English),
            ("\u{0}\u{202e}", Locale::English),
        ] {
            assert_eq!(Locale::negotiate(tag), locale, "{tag:?}");
        }
    }

    #[test]
    fn every_language_is_the_nearest_to_its_own_tag_and_has_its_place() {
        for (place, locale) in Locale::ALL.into_iter().enumerate() {
            assert_eq!(Locale::negotiate(locale.tag()), locale);
            assert_eq!(locale.index(), place);
        }
    }
}
