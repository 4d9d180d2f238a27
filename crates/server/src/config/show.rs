//! Shows the settings in force, each with its source. Secrets, and passwords in URLs, are never shown.

use std::fmt::Write;

use figment::value::{Dict, Value};

use super::sources::Sources;

/// As TOML that could be a file again, but for what is hidden.
pub(super) fn show(sources: &Sources) -> String {
    let mut out = String::new();
    let mut table = "";
    let mut lines = Vec::new();
    each(&sources.merged, &mut |key, value| lines.push((key.to_owned(), shown(key, value))));
    // Keys outside of a table come first, or TOML would count them to the table above.
    lines.sort_by_key(|(key, _)| key.contains('.'));
    for (key, value) in &lines {
        let (of, name) = key.split_once('.').unwrap_or(("", key));
        if of != table {
            table = of;
            write_line(&mut out, format_args!("\n[{table}]"));
        }
        write_line(&mut out, format_args!("{name} = {value}  # {}", sources.source(key)));
    }
    out
}

fn write_line(out: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    writeln!(out, "{line}").ok();
}

/// Calls with every key, dots between the names, and its value.
pub(super) fn each(dict: &Dict, visit: &mut dyn FnMut(&str, &Value)) {
    fn below(dict: &Dict, parent: &str, visit: &mut dyn FnMut(&str, &Value)) {
        for (name, value) in dict {
            let key = if parent.is_empty() { name.clone() } else { format!("{parent}.{name}") };
            match value {
                Value::Dict(_, inner) => below(inner, &key, visit),
                Value::String(..)
                | Value::Char(..)
                | Value::Bool(..)
                | Value::Num(..)
                | Value::Empty(..)
                | Value::Array(..) => visit(&key, value),
            }
        }
    }
    below(dict, "", visit);
}

fn shown(key: &str, value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    if key.contains("secret") {
        let nothing = text.is_empty() && value.as_array().is_none_or(<[Value]>::is_empty);
        return if nothing { json(value) } else { "\"(hidden)\"".into() };
    }
    if key.ends_with("_url") { json(&Value::from(without_password(text))) } else { json(value) }
}

/// A JSON text, number, truth value or list of texts is the same in TOML.
fn json(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    // The last `@` of the authority: a password may hold one itself, unescaped.
    let authority = rest.split('/').next().unwrap_or(rest);
    let Some(at) = authority.rfind('@') else { return url.to_owned() };
    match authority[..at].split_once(':') {
        Some((user, _)) => format!("{scheme}://{user}:(hidden){}", &rest[at..]),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_not_shown() {
        for (url, shown) in [
            ("postgres://u:p@ss@h/db", "postgres://u:(hidden)@h/db"),
            ("postgres://u@h/db", "postgres://u@h/db"),
            ("postgres://h:5432/db", "postgres://h:5432/db"),
            ("sqlite://a@b/c:d", "sqlite://a@b/c:d"),
            ("", ""),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
