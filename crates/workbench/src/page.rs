//! Page tokens: where the page before ended, in a form that clients give back as it is.

use std::str::FromStr;

use deskwire_protocol::Timestamp;

use crate::error::WorkbenchError;

/// One more than a page is read, so that it is known whether more follow.
pub(crate) fn cut<T>(mut rows: Vec<T>, size: u32, token: impl FnOnce(&T) -> String) -> (Vec<T>, String) {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if rows.len() <= size {
        return (rows, String::new());
    }
    rows.truncate(size);
    let next = rows.last().map(token).unwrap_or_default();
    (rows, next)
}

/// `{time}.{id}`: ids may hold points, times do not.
pub(crate) fn at(time: Timestamp, id: &str) -> String {
    format!("{}.{id}", time.millis())
}

/// Reads [`at`].
pub(crate) fn read_at<T: FromStr>(token: Option<&String>) -> Result<Option<(Timestamp, T)>, WorkbenchError> {
    let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
    let parts = token.split_once('.').and_then(|(time, id)| Some((time.parse().ok()?, id.parse().ok()?)));
    let (time, id) = parts.ok_or_else(wrong)?;
    Ok(Some((Timestamp::from_millis(time), id)))
}

/// Reads a number.
pub(crate) fn read<T: FromStr>(token: Option<&String>) -> Result<Option<T>, WorkbenchError> {
    token.filter(|token| !token.is_empty()).map(|token| token.parse().map_err(|_| wrong())).transpose()
}

/// A token of something else.
pub(crate) fn wrong() -> WorkbenchError {
    WorkbenchError::invalid("page_token", "is no `next_page_token` of this list; leave it out to begin again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_knows_whether_more_follow() {
        let token = |row: &u32| row.to_string();
        assert_eq!(cut(vec![1, 2], 2, token), (vec![1, 2], String::new()));
        assert_eq!(cut(vec![1, 2, 3], 2, token), (vec![1, 2], "2".to_owned()));
        assert_eq!(cut(Vec::new(), 2, token), (Vec::new(), String::new()));
    }

    #[test]
    fn a_token_round_trips_and_anything_else_is_refused() {
        let token = at(Timestamp::from_millis(7), "a.b");
        let read_back: Option<(Timestamp, String)> = read_at(Some(&token)).unwrap();
        assert_eq!(read_back, Some((Timestamp::from_millis(7), "a.b".to_owned())));
        assert!(read_at::<String>(Some(&"x".to_owned())).is_err());
        assert!(read::<i64>(Some(&"1x".to_owned())).is_err());
        assert_eq!(read::<i64>(None).unwrap(), None);
    }
}
