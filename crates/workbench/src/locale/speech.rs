//! One language, ready to be spoken: its messages, numbers, money and dates. Made once and shared by all renderings.

use deskwire_protocol::{Timestamp, coupon::Percentage, money::Money};
use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use icu_calendar::Gregorian;
use icu_datetime::{
    FixedCalendarDateTimeFormatter,
    fieldsets::{YMD, YMDT},
};
use icu_decimal::{DecimalFormatter, input::Decimal, options::DecimalFormatterOptions};
use unic_langid::LanguageIdentifier;

use super::{Locale, Zone, money};

/// A language that cannot be spoken: its words or its data are not as the binary was tested.
#[derive(Debug, thiserror::Error)]
#[error("the language {} cannot be made ready: {problem}", locale.tag())]
pub struct LocaleError {
    locale: Locale,
    problem: String,
}

/// All languages. Made once, when the process starts.
pub(crate) struct Speeches([Speech; Locale::ALL.len()]);

/// One language.
pub(crate) struct Speech {
    locale: Locale,
    words: FluentBundle<FluentResource>,
    numbers: DecimalFormatter,
    dates: FixedCalendarDateTimeFormatter<Gregorian, YMD>,
    times: FixedCalendarDateTimeFormatter<Gregorian, YMDT>,
}

impl Speeches {
    /// Reads the words of all languages; fails only where the binary itself is wrong.
    pub(crate) fn load() -> Result<Self, LocaleError> {
        let [en, pt, id, th, vi, es, es_mx] = Locale::ALL.map(Speech::load);
        Ok(Self([en?, pt?, id?, th?, vi?, es?, es_mx?]))
    }

    /// One of them.
    pub(crate) fn of(&self, locale: Locale) -> &Speech {
        &self.0[locale.index()]
    }
}

impl Speech {
    fn load(locale: Locale) -> Result<Self, LocaleError> {
        let failed = |problem: String| LocaleError { locale, problem };
        let language: LanguageIdentifier =
            locale.tag().parse().map_err(|error| failed(format!("tag: {error}")))?;
        let mut words = FluentBundle::new_concurrent(vec![language]);
        // Isolates are put where they are needed only (`isolated`): text without right-to-left names has no
        // invisible characters.
        words.set_use_isolating(false);
        let resource = FluentResource::try_new(locale.source().to_owned())
            .map_err(|(_, errors)| failed(format!("words: {errors:?}")))?;
        words.add_resource(resource).map_err(|errors| failed(format!("words: {errors:?}")))?;

        let data = |error: icu_provider::DataError| failed(format!("numbers: {error}"));
        let tag = icu_locale(locale).map_err(|error| failed(format!("tag: {error}")))?;
        let numbers =
            DecimalFormatter::try_new((&tag).into(), DecimalFormatterOptions::default()).map_err(data)?;
        // The Gregorian calendar in Thai too: that is the one shops and parcels go by, and the one on the tracking page.
        let dates = FixedCalendarDateTimeFormatter::try_new((&tag).into(), YMD::medium())
            .map_err(|error| failed(format!("dates: {error}")))?;
        let times = FixedCalendarDateTimeFormatter::try_new((&tag).into(), YMD::medium().with_time_hm())
            .map_err(|error| failed(format!("times: {error}")))?;
        Ok(Self { locale, words, numbers, dates, times })
    }

    /// Which language it is.
    pub(crate) const fn locale(&self) -> Locale {
        self.locale
    }

    /// With all digits of its currency, or none where they are all zero and people leave them out.
    pub(crate) fn money(&self, money: Money) -> String {
        money::format(self.locale, &self.numbers, money)
    }

    /// A count: `1,250`.
    pub(crate) fn count(&self, count: u64) -> String {
        self.numbers.format(&Decimal::from(count)).to_string()
    }

    /// A part of a hundred: `12.5%`.
    pub(crate) fn percent(&self, percentage: Percentage) -> String {
        let mut number = Decimal::from(percentage.basis_points());
        number.multiply_pow10(-2);
        number.trim_end();
        self.percentage(&self.numbers.format(&number).to_string())
    }

    /// A day: `Nov 12, 2026`.
    pub(crate) fn day(&self, time: Timestamp, zone: &Zone) -> String {
        zone.local(time)
            .map_or_else(String::new, |local| self.dates.format(&local.date_time.date).to_string())
    }

    /// Something that has happened: `Nov 12, 2026, 6:05 PM`.
    pub(crate) fn moment(&self, time: Timestamp, zone: &Zone) -> String {
        zone.local(time).map_or_else(String::new, |local| self.times.format(&local.date_time).to_string())
    }

    /// A moment that binds, so that nobody may mistake it: `Nov 12, 2026, 6:05 PM (GMT+7)`.
    pub(crate) fn deadline(&self, time: Timestamp, zone: &Zone) -> String {
        zone.local(time).map_or_else(String::new, |local| {
            format!("{} ({})", self.times.format(&local.date_time), local.offset())
        })
    }

    /// From one day to another; one day where they are the same.
    pub(crate) fn days(&self, from: Timestamp, to: Timestamp, zone: &Zone) -> String {
        let (from, to) = (self.day(from, zone), self.day(to, zone));
        if from == to { from } else { self.from_to(&from, &to) }
    }

    /// A message with its variables. Every message and variable is held by a test, so nothing can be missing.
    pub(super) fn say(&self, key: &'static str, words: &Words<'_>) -> String {
        let Some(pattern) = self.words.get_message(key).and_then(|message| message.value()) else {
            return key.to_owned();
        };
        let mut errors = Vec::new();
        let said = self.words.format_pattern(pattern, Some(&words.arguments), &mut errors);
        debug_assert!(errors.is_empty(), "{key}: {errors:?}");
        said.into_owned()
    }
}

/// The variables of a message.
pub(super) struct Words<'a> {
    speech: &'a Speech,
    arguments: FluentArgs<'a>,
}

impl<'a> Words<'a> {
    pub(super) fn new(speech: &'a Speech) -> Self {
        Self { speech, arguments: FluentArgs::new() }
    }

    /// Text within text: a name that is written from right to left keeps to itself.
    pub(super) fn text(&mut self, name: &'static str, text: &str) {
        self.arguments.set(name, isolated(text));
    }

    /// A count: `name` decides between one and many, `n` is how it is written.
    pub(super) fn count(&mut self, name: &'static str, count: u64) {
        // A plural form depends on the last digits only; what is above is beyond a float's exactness.
        let exact = u32::try_from(count).unwrap_or(u32::MAX);
        self.arguments.set(name, FluentValue::from(exact));
        self.arguments.set("n", self.speech.count(count));
    }
}

/// In an isolate (U+2068 to U+2069), where letters in it are written from right to left: otherwise they would turn the
/// words around them about.
pub(crate) fn isolated(text: &str) -> String {
    if text.chars().any(is_right_to_left) { format!("\u{2068}{text}\u{2069}") } else { text.to_owned() }
}

/// Hebrew, Arabic, Syriac, Thaana, N'Ko and their kin: the blocks of Unicode whose letters are R or AL.
const fn is_right_to_left(letter: char) -> bool {
    matches!(letter,
        '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefe}'
        | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

/// The tag as ICU4X takes it.
pub(super) fn icu_locale(locale: Locale) -> Result<icu_locale_core::Locale, icu_locale_core::ParseError> {
    icu_locale_core::Locale::try_from_str(locale.tag())
}
