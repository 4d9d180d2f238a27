//! Text from outside made fit for a card: one line, bounded, and without characters that hide or turn about what
//! stands around it. The text itself is not judged.

/// The longest name (of an order, a product, a coupon, a variant), in characters.
pub(super) const NAME_CHARS: usize = 200;

/// The longest name among several, in characters.
pub(super) const ITEM_CHARS: usize = 120;

/// The longest sentence that a person wrote, in characters.
pub(super) const SENTENCE_CHARS: usize = 300;

/// The longest word: a carrier, a number of a parcel, a postal code, in characters.
pub(super) const WORD_CHARS: usize = 80;

/// The longest address of a picture, in bytes. A longer one, or one of another scheme than http(s), is left out.
const IMAGE_BYTES: usize = 512;

/// In one line of at most `limit` characters; nothing where nothing is left.
pub(super) fn line(text: &str, limit: usize) -> Option<String> {
    let mut line = String::with_capacity(text.len().min(limit * 4));
    let mut chars = 0;
    let mut space = false;
    for letter in text.chars() {
        // Control characters part words as spaces do: they stood for something.
        if letter.is_whitespace() || letter.is_control() {
            space = !line.is_empty();
            continue;
        }
        if is_invisible(letter) {
            continue;
        }
        if chars + usize::from(space) >= limit {
            return Some(cut(line));
        }
        if space {
            line.push(' ');
            chars += 1;
            space = false;
        }
        line.push(letter);
        chars += 1;
    }
    (!line.is_empty()).then_some(line)
}

/// The same of what may be absent.
pub(super) fn optional_line(text: Option<&String>, limit: usize) -> Option<String> {
    text.and_then(|text| line(text, limit))
}

/// At most `limit` characters of a line that was made here, with every isolate that is left open closed.
pub(super) fn shortened(line: String, limit: usize) -> String {
    let Some((end, _)) = line.char_indices().nth(limit) else { return line };
    let mut short = cut(line[..end].to_owned());
    let mut open: usize = 0;
    for letter in short.chars() {
        match letter {
            '\u{2068}' => open += 1,
            '\u{2069}' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    short.extend(std::iter::repeat_n('\u{2069}', open));
    short
}

/// The address of a picture, where it is one that a client can load without harm.
pub(super) fn image(address: Option<&String>) -> Option<String> {
    let address = address?;
    let loadable = ["https://", "http://", "/"].iter().any(|start| address.starts_with(start));
    // Neither white space nor what would end an attribute or hide a part of the address.
    let plain = |letter: char| {
        !letter.is_whitespace()
            && !letter.is_control()
            && !is_invisible(letter)
            && !"\"'<>\\`".contains(letter)
    };
    (loadable && !address.starts_with("//") && address.len() <= IMAGE_BYTES && address.chars().all(plain))
        .then(|| address.clone())
}

/// The last character gives way to an ellipsis.
fn cut(mut line: String) -> String {
    line.pop();
    while line.ends_with([' ', '\u{200d}']) {
        line.pop();
    }
    line.push('…');
    line
}

/// Marks that turn the direction of text, join or part words unseen, or carry hidden messages (tags). Zero-width
/// joiners stay: families of emoji and several scripts are written with them.
const fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_and_nothing_hides_in_it() {
        for (text, clean) in [
            ("  T-shirt \r\n\t black\u{0}M ", Some("T-shirt black M")),
            ("gpj.\u{202e}exe\u{2066}x\u{200f}", Some("gpj.exex")),
            ("👩\u{200d}👩\u{200d}👧 ช่าง", Some("👩\u{200d}👩\u{200d}👧 ช่าง")),
            ("\u{feff}\u{200b} \u{7}", None),
            ("", None),
        ] {
            assert_eq!(line(text, 50).as_deref(), clean, "{text:?}");
        }
    }

    #[test]
    fn a_line_is_cut_at_its_limit_and_says_so() {
        assert_eq!(line("abcde", 5).as_deref(), Some("abcde"));
        assert_eq!(line("abcdef", 5).as_deref(), Some("abcd…"));
        assert_eq!(line("abc  def", 5).as_deref(), Some("abc…"));
        assert_eq!(line(&"é".repeat(10_000), 200).map(|line| line.chars().count()), Some(200));
    }

    #[test]
    fn what_is_shortened_leaves_no_isolate_open() {
        assert_eq!(shortened("a \u{2068}שלום\u{2069} b".into(), 5), "a \u{2068}ש…\u{2069}");
        assert_eq!(shortened("abc".into(), 5), "abc");
    }

    #[test]
    fn only_pictures_that_a_client_can_load_without_harm_are_shown() {
        for good in ["https://img.example/a.jpg?w=1", "/uploads/1.png"] {
            assert_eq!(image(Some(&good.to_owned())).as_deref(), Some(good));
        }
        for bad in [
            "javascript:alert(1)",
            "data:image/png;base64,AA",
            "//evil.example/a",
            "https://a/\" onload=x",
            "",
            "https://a/ b",
        ] {
            assert_eq!(image(Some(&bad.to_owned())), None, "{bad:?}");
        }
        assert_eq!(image(Some(&format!("https://a/{}", "x".repeat(600)))), None);
    }
}
