//! The time zone of a shop, by its IANA name, from the database in the binary: every node tells the same time.

use deskwire_protocol::Timestamp;
use icu_datetime::input::{Date, DateTime, Time};
use jiff::tz::TimeZone;

/// What a shop's clocks show. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// No time zone has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be an IANA time zone, as \"Asia/Jakarta\"; {0:?} is none")]
pub struct ZoneError(String);

/// A moment, as clocks and calendars of a zone show it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Local {
    pub(super) date_time: DateTime<icu_calendar::Gregorian>,
    /// East of Greenwich.
    pub(super) offset_seconds: i32,
}

impl Zone {
    /// The zone of shops that named none.
    pub const UTC: Self = Self(TimeZone::UTC);

    /// By its IANA name, in any case.
    pub fn named(name: &str) -> Result<Self, ZoneError> {
        TimeZone::get(name).map(Self).map_err(|_| ZoneError(name.chars().take(64).collect()))
    }

    /// What is beyond the years -9999 to 9999 is told as the nearest moment within.
    pub(super) fn local(&self, time: Timestamp) -> Option<Local> {
        // A day within the ends, so that no offset leads over them.
        const DAY: i64 = 86_400_000;
        let (first, last) = (jiff::Timestamp::MIN.as_millisecond(), jiff::Timestamp::MAX.as_millisecond());
        let millis = time.millis().clamp(first + DAY, last - DAY);
        let moment = jiff::Timestamp::from_millisecond(millis).ok()?;
        let offset = self.0.to_offset(moment);
        let civil = offset.to_datetime(moment);
        let part = |part: i8| u8::try_from(part).ok();
        let date = Date::try_new_gregorian(i32::from(civil.year()), part(civil.month())?, part(civil.day())?)
            .ok()?;
        let time =
            Time::try_new(part(civil.hour())?, part(civil.minute())?, part(civil.second())?, 0).ok()?;
        Some(Local { date_time: DateTime { date, time }, offset_seconds: offset.seconds() })
    }
}

impl Local {
    /// As `GMT+7` or `GMT-3:30`, the same in all languages spoken here.
    pub(super) fn offset(self) -> String {
        let (sign, minutes) = match self.offset_seconds / 60 {
            0 => return "GMT".into(),
            minutes if minutes < 0 => ('-', minutes.unsigned_abs()),
            minutes => ('+', minutes.unsigned_abs()),
        };
        let (hours, minutes) = (minutes / 60, minutes % 60);
        if minutes == 0 { format!("GMT{sign}{hours}") } else { format!("GMT{sign}{hours}:{minutes:02}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offset(zone: &str, time: i64) -> String {
        Zone::named(zone).unwrap().local(Timestamp::from_millis(time)).unwrap().offset()
    }

    #[test]
    fn a_zone_is_known_by_its_name_on_a_bare_machine() {
        let november = 1_794_500_000_000;
        assert_eq!(offset("Asia/Jakarta", november), "GMT+7");
        assert_eq!(offset("America/Sao_Paulo", november), "GMT-3");
        assert_eq!(offset("Asia/Kolkata", november), "GMT+5:30");
        assert_eq!(offset("America/St_Johns", november), "GMT-3:30");
        assert_eq!(offset("UTC", november), "GMT");
        assert_eq!(
            (offset("Europe/Madrid", november), offset("Europe/Madrid", 1_783_000_000_000)),
            ("GMT+1".into(), "GMT+2".into())
        );
        assert!(Zone::named("Atlantis/Center").is_err());
        assert!(Zone::named("").is_err());
        assert!(Zone::named("../../etc/passwd").is_err());
    }

    #[test]
    fn no_time_is_beyond_the_calendar() {
        for time in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX] {
            for zone in ["UTC", "Pacific/Kiritimati", "Etc/GMT+12"] {
                assert!(Zone::named(zone).unwrap().local(Timestamp::from_millis(time)).is_some(), "{time}");
            }
        }
    }
}
