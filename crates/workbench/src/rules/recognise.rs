//! Which parts of a message may be ids of orders. It only proposes: whether the buyer has such an order is for the store.

use std::borrow::Cow;

use deskwire_protocol::ids::{ID_BYTES, OrderId};
use unicode_normalization::UnicodeNormalization;

/// The most candidates of one message; the first ones count.
const CANDIDATES: usize = 20;

/// The shortest candidate, in characters: shorter ones are prices, sizes and dates.
const SHORTEST: usize = 4;

/// The text as an id is read in it: full-width letters are letters, and what is not seen is not there.
fn plain(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let is_unseen = |c: &char| matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}');
    Cow::Owned(text.nfkc().filter(|c| !is_unseen(c)).collect())
}

/// Tokens of 4 to 128 characters with a digit, in the order of the text, each once: first as written between white
/// space, then the parts between marks, as in `order:1234` or a link. One pass over the text for each way to split it.
pub(crate) fn order_ids(text: &str) -> Vec<OrderId> {
    let mut found = Vec::new();
    for word in plain(text).split_whitespace() {
        if found.len() >= CANDIDATES {
            break;
        }
        // Most words of most messages: nothing in them can be an id.
        if !word.contains(|character: char| character.is_ascii_digit()) {
            continue;
        }
        let word = word.trim_matches(|character: char| !character.is_alphanumeric());
        propose(word, &mut found);
        for part in word.split(is_mark) {
            propose(part.trim_matches(|character: char| !character.is_alphanumeric()), &mut found);
        }
        // An id right after letters of a script that leaves no space: 订单576461413038785752.
        if !word.is_ascii() {
            for part in word.split(|character: char| !character.is_ascii() || is_mark(character)) {
                propose(part.trim_matches(|character: char| !character.is_alphanumeric()), &mut found);
            }
        }
    }
    found
}

/// What may stand between an id and something else, but not within an id.
fn is_mark(character: char) -> bool {
    !character.is_alphanumeric() && !matches!(character, '-' | '_' | '.')
}

fn propose(token: &str, found: &mut Vec<OrderId>) {
    let fits = token.len() <= ID_BYTES
        && token.chars().any(|character| character.is_ascii_digit())
        && token.chars().nth(SHORTEST - 1).is_some();
    if fits
        && found.len() < CANDIDATES
        && !found.iter().any(|id| id.as_str() == token)
        && let Ok(id) = OrderId::new(token)
    {
        found.push(id);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ids(text: &str) -> Vec<String> {
        order_ids(text).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_id_is_found_wherever_it_stands() {
        for (text, id) in [
            ("576461413038785752", "576461413038785752"),
            ("Where is 576461413038785752?", "576461413038785752"),
            ("my order (#O-2026-0042), please!", "O-2026-0042"),
            ("order:AB_12.7 late", "AB_12.7"),
            ("ＤＥＭＯ－１００８？", "DEMO-1008"),
            ("DEMO-\u{200b}1008\u{feff}", "DEMO-1008"),
            ("https://shop.example/orders/576461413038785752?x=1", "576461413038785752"),
            ("订单576461413038785752在哪里", "576461413038785752"),
            ("«576461413038785752»", "576461413038785752"),
            ("“e481f51cbdc54678b7cc49136f2d6af7”", "e481f51cbdc54678b7cc49136f2d6af7"),
        ] {
            assert!(ids(text).iter().any(|found| found == id), "{text:?}: {:?}", ids(text));
        }
    }

    #[test]
    fn words_prices_and_sizes_are_none() {
        assert_eq!(ids("I want 2 of the 38s, size XL, hello there"), Vec::<String>::new());
        assert_eq!(ids(""), Vec::<String>::new());
        assert_eq!(ids(&"1".repeat(129)), Vec::<String>::new());
        assert_eq!(ids(&"1".repeat(128)).len(), 1);
    }

    #[test]
    fn each_is_named_once_and_at_most_twenty() {
        assert_eq!(ids("1234 1234, #1234"), ["1234"]);
        let many: Vec<_> = (1000..2000).map(|number| number.to_string()).collect();
        assert_eq!(ids(&many.join(" ")), many[..20]);
    }

    proptest! {
        #[test]
        fn hostile_text_gives_few_well_formed_candidates(text in "\\PC*") {
            let found = order_ids(&text);
            prop_assert!(found.len() <= CANDIDATES);
            for id in found {
                prop_assert!(plain(&text).contains(id.as_str()));
            }
        }
    }

    #[test]
    fn a_long_text_is_read_in_linear_time() {
        // Quadratic work on these would be a billion steps, and the test would not end in its time.
        for text in
            ["1a,".repeat(200_000), "1".repeat(600_000), "é1/".repeat(200_000), "....".repeat(150_000)]
        {
            assert!(order_ids(&text).len() <= CANDIDATES);
        }
    }
}
