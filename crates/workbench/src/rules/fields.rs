//! What a field of the shop's documents must be: bounded, printable by every store, in a time that calendars reach.

use std::{collections::HashSet, fmt::Display, hash::Hash, time::Duration};

use deskwire_protocol::{
    Timestamp,
    text::{TextError, check_text},
};

use crate::error::WorkbenchError;

/// The longest address of a picture, in bytes.
const ADDRESS_BYTES: usize = 2_048;

/// The start of the year 10000, which calendars and ISO 8601 do not reach.
const YEAR_10000: i64 = 253_402_300_800_000;

/// The longest text that a list of products or coupons is searched for, in characters.
pub(crate) const QUERY_CHARS: usize = 200;

/// The longest part of an id that a list is searched for, in characters.
pub(crate) const ID_PART_CHARS: usize = 128;

/// How far the clock of the shop's systems may be ahead of the server's.
const AHEAD: Duration = Duration::from_hours(24);

/// A text that must say something.
pub(crate) fn text(field: &str, value: &str, limit: usize) -> Result<(), WorkbenchError> {
    check_text(value, limit).map_err(|problem| WorkbenchError::invalid(field, problem))
}

/// A text that may be missing or empty.
pub(crate) fn optional_text(field: &str, value: Option<&String>, limit: usize) -> Result<(), WorkbenchError> {
    match value.map(|value| check_text(value, limit)) {
        Some(Err(problem @ (TextError::TooLong { .. } | TextError::Nul))) => {
            Err(WorkbenchError::invalid(field, problem))
        }
        None | Some(Ok(()) | Err(TextError::Empty)) => Ok(()),
    }
}

/// What a list is searched for, which may be anything but long.
pub(crate) fn sought(field: &str, value: Option<&String>, limit: usize) -> Result<(), WorkbenchError> {
    if value.is_some_and(|value| value.chars().count() > limit) {
        return Err(WorkbenchError::invalid(field, TextError::TooLong { limit }));
    }
    Ok(())
}

/// A text that says something, or nothing: blank is none.
pub(crate) fn said(value: Option<&String>) -> Option<String> {
    value.filter(|text| !text.trim().is_empty()).cloned()
}

/// A time that calendars reach.
pub(crate) fn time(field: &str, time: Timestamp) -> Result<(), WorkbenchError> {
    if time.millis() < 0 {
        Err(WorkbenchError::invalid(field, "must not be before 1970: it is in Unix milliseconds"))
    } else if time.millis() >= YEAR_10000 {
        Err(WorkbenchError::invalid(field, "must be before the year 10000: it is in Unix milliseconds"))
    } else {
        Ok(())
    }
}

/// A time that may be missing.
pub(crate) fn optional_time(field: &str, value: Option<Timestamp>) -> Result<(), WorkbenchError> {
    value.map_or(Ok(()), |value| time(field, value))
}

/// A time at which something happened already. One far ahead would make every later change look stale.
pub(crate) fn past(field: &str, value: Timestamp, now: Timestamp) -> Result<(), WorkbenchError> {
    time(field, value)?;
    if value > now.plus(AHEAD) {
        return Err(WorkbenchError::invalid(field, "must not be more than a day ahead"));
    }
    Ok(())
}

/// When something was made and when it last changed.
pub(crate) fn made_and_changed(
    create_time: Timestamp,
    update_time: Timestamp,
    now: Timestamp,
) -> Result<(), WorkbenchError> {
    past("create_time", create_time, now)?;
    past("update_time", update_time, now)?;
    if update_time < create_time {
        return Err(WorkbenchError::invalid("update_time", "must not be before `create_time`"));
    }
    Ok(())
}

/// The address of a picture that others are to see: on the web, or on this server.
pub(crate) fn image(field: &str, value: Option<&String>) -> Result<(), WorkbenchError> {
    let Some(address) = value.filter(|address| !address.is_empty()) else { return Ok(()) };
    let on_this_server = address.starts_with('/') && !address.starts_with("//");
    if !on_this_server && !address.starts_with("http://") && !address.starts_with("https://") {
        return Err(WorkbenchError::invalid(field, "must begin with https://, http:// or /"));
    }
    printable(field, address)
}

/// An address that begins with `https://`.
pub(crate) fn https(field: &str, address: &str) -> Result<(), WorkbenchError> {
    if address.strip_prefix("https://").is_none_or(|rest| rest.is_empty() || rest.starts_with('/')) {
        return Err(WorkbenchError::invalid(field, "must be an https:// address"));
    }
    printable(field, address)
}

fn printable(field: &str, address: &str) -> Result<(), WorkbenchError> {
    if address.len() > ADDRESS_BYTES {
        return Err(WorkbenchError::invalid(field, format_args!("must be at most {ADDRESS_BYTES} bytes")));
    }
    if address.chars().any(|character| character.is_whitespace() || character.is_control()) {
        return Err(WorkbenchError::invalid(field, "must not contain white space or control characters"));
    }
    Ok(())
}

/// What the server makes and no one may write.
pub(crate) fn absent(
    field: &str,
    given: Option<impl Sized>,
    instead: impl Display,
) -> Result<(), WorkbenchError> {
    given.map_or(Ok(()), |_| Err(WorkbenchError::invalid(field, format_args!("must be absent: {instead}"))))
}

/// How many there may be.
pub(crate) fn count(field: &str, count: usize, least: usize, most: usize) -> Result<(), WorkbenchError> {
    if count < least || count > most {
        return Err(WorkbenchError::invalid(field, format_args!("must have {least} to {most} elements")));
    }
    Ok(())
}

/// A number of pieces.
pub(crate) fn quantity(field: &str, quantity: u32) -> Result<(), WorkbenchError> {
    if quantity == 0 {
        return Err(WorkbenchError::invalid(field, "must be at least 1"));
    }
    Ok(())
}

/// No id stands twice; `path` names the place of the second.
pub(crate) fn unique<T: Hash + Eq>(
    ids: impl Iterator<Item = T>,
    path: impl Fn(usize) -> String,
) -> Result<(), WorkbenchError> {
    let mut seen = HashSet::new();
    for (place, id) in ids.enumerate() {
        if !seen.insert(id) {
            return Err(WorkbenchError::invalid(path(place), "stands there twice"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::samples::field_of;

    #[test]
    fn a_time_is_one_that_calendars_reach() {
        for good in [0, YEAR_10000 - 1] {
            assert!(time("t", Timestamp::from_millis(good)).is_ok());
        }
        for bad in [-1, i64::MIN, YEAR_10000, i64::MAX] {
            assert_eq!(field_of(time("t", Timestamp::from_millis(bad))), "t");
        }
    }

    #[test]
    fn what_happened_is_not_far_ahead() {
        let now = Timestamp::from_millis(1_764_000_000_000);
        assert!(past("t", now.plus(Duration::from_hours(23)), now).is_ok());
        assert_eq!(field_of(past("t", now.plus(Duration::from_hours(25)), now)), "t");
        let before = now.minus(Duration::from_secs(1));
        assert_eq!(field_of(made_and_changed(now, before, now)), "update_time");
    }

    #[test]
    fn an_address_that_could_do_something_else_is_refused() {
        for good in ["https://a.example/x.png", "http://a.example/x.png", "/files/x.png", ""] {
            assert!(image("i", Some(&good.to_owned())).is_ok(), "{good}");
        }
        for bad in ["javascript:alert(1)", "data:image/png;base64,x", "//a.example/x", "https://a b", "x.png"]
        {
            assert_eq!(field_of(image("i", Some(&bad.to_owned()))), "i", "{bad}");
        }
        for bad in ["http://a.example/x.png", "/files/x.png", "https://", "https:///x", "HTTPS://a", ""] {
            assert_eq!(field_of(https("i", bad)), "i", "{bad}");
        }
        assert_eq!(field_of(https("i", &format!("https://a/{}", "x".repeat(2_048)))), "i");
        assert!(https("i", "https://a.example/x.png").is_ok());
    }

    #[test]
    fn an_empty_text_is_none_where_none_is_allowed() {
        assert!(optional_text("t", Some(&String::new()), 3).is_ok());
        assert!(optional_text("t", None, 3).is_ok());
        assert_eq!(field_of(optional_text("t", Some(&"abcd".to_owned()), 3)), "t");
        assert_eq!(field_of(optional_text("t", Some(&"a\0".to_owned()), 3)), "t");
        assert_eq!(said(Some(&"  ".to_owned())), None);
    }

    #[test]
    fn the_second_of_two_is_named() {
        let ids = ["a", "b", "a"];
        assert_eq!(field_of(unique(ids.iter(), |place| format!("x[{place}]"))), "x[2]");
    }
}
