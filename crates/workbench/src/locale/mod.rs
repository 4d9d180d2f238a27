//! Words, money, dates and plurals in the languages of buyers. Words are Fluent messages, everything else is formatted
//! by ICU4X; nothing here reads a clock or the machine's own settings.

mod money;
mod negotiate;
mod speech;
mod words;
mod zone;

pub(crate) use negotiate::Locale;
pub use speech::LocaleError;
pub(crate) use speech::{Speech, Speeches, isolated};
pub use zone::{Zone, ZoneError};
