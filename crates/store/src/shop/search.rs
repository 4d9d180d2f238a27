//! Search by parts of words, whatever their case, accents and what stands between them, alike on both databases: the text
//! is folded here, and the database only has to find pieces of it (`fts5` with trigrams on `SQLite`, `pg_trgm` on
//! `PostgreSQL`).

use deskwire_protocol::ShopId;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Value};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::{Store, StoreError, row, sql::Params};

/// Shorter words have no trigram: they are looked for in what the longer ones have found.
const TRIGRAM: usize = 3;
/// More words make a query no better.
const WORDS: usize = 8;

/// The text as it is searched: lower case, in one form, without what is not seen; letters of Latin, Greek and Cyrillic
/// without their marks. In other scripts a mark is a vowel, a tone or another letter, and stays.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut sheds = false;
    for c in text.nfkd().filter(|c| !is_unseen(*c)) {
        if is_combining_mark(c) {
            if !sheds {
                folded.push(c);
            }
            continue;
        }
        sheds = sheds_marks(c);
        for c in c.to_lowercase() {
            match c {
                // Letters of their own, which no decomposition takes apart.
                'đ' | 'ð' => folded.push('d'),
                'ø' => folded.push('o'),
                'ł' => folded.push('l'),
                'ı' => folded.push('i'),
                'ß' => folded.push_str("ss"),
                'æ' => folded.push_str("ae"),
                'œ' => folded.push_str("oe"),
                // The store's separator, and what `PostgreSQL` cannot keep.
                '\0' | '\n' => folded.push(' '),
                c => folded.push(c),
            }
        }
    }
    folded.nfc().collect()
}

/// Latin, Greek, Cyrillic.
fn sheds_marks(c: char) -> bool {
    matches!(c,
        '0'..='9' | 'A'..='Z' | 'a'..='z' | '\u{aa}'..='\u{24f}' | '\u{250}'..='\u{2af}' | '\u{370}'..='\u{52f}'
        | '\u{1c80}'..='\u{1c8f}' | '\u{1d00}'..='\u{1dbf}' | '\u{1e00}'..='\u{1fff}' | '\u{2c60}'..='\u{2c7f}'
        | '\u{a640}'..='\u{a69f}' | '\u{a720}'..='\u{a7ff}' | '\u{ab30}'..='\u{ab6f}')
}

/// What changes how other letters look, or where a line may end, and is none itself.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

/// Part of a word: a letter, a digit, or a mark on one.
fn is_of_a_word(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c)
}

/// A name as it is searched: as it is written, and its words by themselves, each after a space.
pub(crate) fn name(text: &str) -> String {
    let folded = fold(text);
    let words: Vec<&str> = folded.split(|c: char| !is_of_a_word(c)).filter(|word| !word.is_empty()).collect();
    let words = format!(" {}", words.join(" "));
    if words.get(1..) == Some(folded.as_str()) { words } else { format!("{folded}\n{words}") }
}

/// A part of an order's id, as it is searched: people write `#1008`.
pub(crate) fn id_part(text: &str) -> String {
    fold(text).trim().trim_start_matches('#').trim_start().to_owned()
}

/// What stands between white space in a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// To be found anywhere, as it is.
    whole: String,
    /// Or these, each at the beginning of a word of a name: `t-shirt` finds a T shirt. None where it is one word.
    parts: Vec<String>,
}

/// The words of a query, folded.
pub(crate) fn words(query: &str) -> Vec<Word> {
    let folded = fold(query);
    let tokens: Vec<&str> = folded.split_whitespace().map(bare).filter(|token| !token.is_empty()).collect();
    let says_something = tokens.iter().any(|token| token.contains(is_of_a_word));
    tokens
        .into_iter()
        // A dash between two words is no word.
        .filter(|token| !says_something || !token.chars().all(joins))
        .take(WORDS)
        .map(|token| {
            let parts = token.split(|c: char| !is_of_a_word(c)).filter(|part| !part.is_empty());
            let parts: Vec<String> = parts.take(WORDS).map(|part| format!(" {part}")).collect();
            let is_one = token.chars().all(is_of_a_word);
            Word { whole: token.to_owned(), parts: if is_one { Vec::new() } else { parts } }
        })
        .collect()
}

/// Without what ends a sentence or stands around a word; one that is nothing else stays.
fn bare(token: &str) -> &str {
    const AROUND: &str = ",.;:!?¡¿()[]{}\"'“”„‘’«»‹›、。「」『』";
    let bare = token.trim_matches(|c: char| AROUND.contains(c));
    let bare = bare.strip_prefix('#').filter(|id| !id.is_empty()).unwrap_or(bare);
    if bare.is_empty() { token } else { bare }
}

/// What stands between words.
fn joins(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '&' | '+' | '/' | '|' | '·' | '•')
}

/// A pattern that finds `part` anywhere.
pub(crate) fn like(part: &str) -> String {
    let escaped = part.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

/// The shop as one trigram of letters that no text has: on `SQLite` the index is by text alone, and this makes it by
/// shop and text.
fn scope_of(shop_no: i64) -> Option<String> {
    const FIRST: u32 = 0xE000;
    const LETTERS: i64 = 6_400;
    let letter = |digit: i64| char::from_u32(FIRST + u32::try_from(digit).ok()?);
    if !(0..LETTERS * LETTERS * LETTERS).contains(&shop_no) {
        return None;
    }
    [shop_no / (LETTERS * LETTERS), shop_no / LETTERS % LETTERS, shop_no % LETTERS]
        .into_iter()
        .map(letter)
        .collect()
}

/// Where the words are looked for: the columns of the table `{table}_search`, which numbers its rows as `{table}` does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Index {
    /// `product` or `coupon`.
    pub(crate) table: &'static str,
    /// On `SQLite`.
    pub(crate) columns: &'static [&'static str],
    /// On `PostgreSQL`.
    pub(crate) column: &'static str,
}

impl Word {
    /// The condition that it is found, where `found` is that a piece of text is.
    fn condition(&self, mut found: impl FnMut(&str) -> String) -> String {
        let whole = found(&self.whole);
        if self.parts.is_empty() {
            return whole;
        }
        let parts: Vec<String> = self.parts.iter().map(|part| found(part)).collect();
        format!("({whole} OR ({}))", parts.join(" AND "))
    }

    /// The same for the index of `SQLite`, as far as that can tell: pieces too short for it are left out. None where
    /// nothing of it is long enough.
    fn indexed(&self, columns: &[&str]) -> Option<String> {
        let phrase = |part: &str| format!("{{{}}} : \"{}\"", columns.join(" "), part.replace('"', "\"\""));
        let whole = Some(self.whole.as_str()).filter(|whole| is_long(whole)).map(phrase)?;
        if self.parts.is_empty() {
            return Some(whole);
        }
        let long: Vec<String> =
            self.parts.iter().filter(|part| is_long(part)).map(|part| phrase(part)).collect();
        (!long.is_empty()).then(|| format!("({whole} OR ({}))", long.join(" AND ")))
    }

    /// Whether a piece of it is too short for the index.
    fn has_short(&self) -> bool {
        !is_long(&self.whole) || self.parts.iter().any(|part| !is_long(part))
    }
}

/// Whether it has a trigram.
fn is_long(part: &str) -> bool {
    part.chars().nth(TRIGRAM - 1).is_some()
}

impl Store {
    /// The number of the shop in the index of `SQLite`; none when it never wrote anything to be found.
    pub(crate) async fn search_scope(
        &self,
        connection: &impl ConnectionTrait,
        shop_id: &ShopId,
    ) -> Result<Option<String>, StoreError> {
        let statement = self
            .statement("SELECT shop_no FROM shop_number WHERE shop_id = $1", vec![shop_id.as_str().into()]);
        let Some(row) = connection.query_one_raw(statement).await? else { return Ok(None) };
        Ok(scope_of(row::get(&row, "shop_no")?))
    }

    /// The same, numbered now if it was not.
    pub(crate) async fn make_search_scope(
        &self,
        transaction: &DatabaseTransaction,
        shop_id: &ShopId,
    ) -> Result<String, StoreError> {
        let sql = "INSERT INTO shop_number (shop_id) VALUES ($1) ON CONFLICT DO NOTHING";
        transaction.execute_raw(self.statement(sql, vec![shop_id.as_str().into()])).await?;
        let scope = self.search_scope(transaction, shop_id).await?;
        scope.ok_or_else(|| StoreError::corrupt("shop_number", "has more shops than can be searched"))
    }

    /// Rows of `index.table` that have all the words, as a `FROM … WHERE` in which the row is `t`; none when nothing can
    /// be found.
    pub(crate) async fn searched(
        &self,
        params: &mut Params,
        index: Index,
        shop_id: &ShopId,
        words: &[Word],
    ) -> Result<Option<String>, StoreError> {
        let Index { table, columns, column } = index;
        let number = format!("{table}_no");
        if words.is_empty() {
            return Ok(Some(format!("{table} AS t WHERE t.shop_id = {}", params.push(shop_id.as_str()))));
        }
        if self.backend() == DbBackend::Sqlite {
            let Some(scope) = self.search_scope(self.reading(), shop_id).await? else { return Ok(None) };
            let mut pattern = format!("scope : \"{scope}\"");
            let mut short = String::new();
            for word in words {
                if let Some(indexed) = word.indexed(columns) {
                    pattern += &format!(" AND {indexed}");
                }
                if word.has_short() {
                    let found = word.condition(|part| {
                        let part = params.push(like(part));
                        let found: Vec<_> = columns
                            .iter()
                            .map(|column| format!("s.{column} LIKE {part} ESCAPE '\\'"))
                            .collect();
                        format!("({})", found.join(" OR "))
                    });
                    short += &format!(" AND {found}");
                }
            }
            let pattern: Value = pattern.into();
            return Ok(Some(format!(
                "{table}_search AS s CROSS JOIN {table} AS t ON t.{number} = s.rowid
                 WHERE {table}_search MATCH {}{short}",
                params.push(pattern)
            )));
        }
        let mut from = format!(
            "{table}_search AS s JOIN {table} AS t ON t.{number} = s.{number} WHERE s.shop_id = {}",
            params.push(shop_id.as_str())
        );
        for word in words {
            let found =
                word.condition(|part| format!("s.{column} LIKE {} ESCAPE '\\'", params.push(like(part))));
            from += &format!(" AND {found}");
        }
        Ok(Some(from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_and_compatibility_forms_are_the_same_to_a_search() {
        for (text, folded) in [
            ("Ação CAFÉ", "acao cafe"),
            ("Điện thoại", "dien thoai"),
            ("Straße", "strasse"),
            ("ﬁne Ⅻ ①", "fine xii 1"),
            ("İstanbul", "istanbul"),
            ("a\0b\nc", "a b c"),
            ("ข้าวดี", "ข้าวดี"),
            ("हिन्दी", "हिन्दी"),
            ("が か", "が か"),
            ("한글", "한글"),
            ("Ελλάς ёлка", "ελλας елка"),
            ("LI\u{200b}NEN", "linen"),
        ] {
            assert_eq!(fold(text), folded, "{text:?}");
        }
    }

    #[test]
    fn what_means_something_to_like_is_looked_for_as_it_is() {
        assert_eq!(like("50%_\\"), "%50\\%\\_\\\\%");
    }

    #[test]
    fn a_query_is_split_at_white_space_and_at_what_is_no_letter() {
        let told = |query: &str| -> Vec<String> {
            let word = |word: Word| format!("{}{}", word.whole, word.parts.join("+"));
            words(query).into_iter().map(word).collect()
        };
        assert_eq!(told(" LINEN, shirt "), ["linen", "shirt"]);
        assert_eq!(told("linen-shirt"), ["linen-shirt linen+ shirt"]);
        assert_eq!(told("linen – “shirt”"), ["linen", "shirt"]);
        assert_eq!(told("#1008"), ["1008"]);
        assert_eq!(told("50% *"), ["50% 50", "*"]);
        assert_eq!(told("-"), ["-"], "nothing else was said");
        assert_eq!(name("Linen, shirt"), "linen, shirt\n linen shirt");
        assert_eq!(name("Linen shirt"), " linen shirt");
        assert_eq!(id_part(" #DEMO-1008 "), "demo-1008");
    }

    #[test]
    fn every_shop_is_a_trigram_of_its_own() {
        let scope = scope_of(6_400 * 6_400 + 1).unwrap();
        assert_eq!(scope.chars().count(), 3);
        assert_ne!(scope_of(0), scope_of(1));
        assert_eq!(scope_of(i64::MAX), None);
    }
}
