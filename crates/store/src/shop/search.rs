//! Search by parts of words, whatever their case and accents, alike on both databases: the text is folded here, and the
//! database only has to find pieces of it (`fts5` with trigrams on `SQLite`, `pg_trgm` on `PostgreSQL`).

use deskwire_protocol::ShopId;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Value};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::{Store, StoreError, row, sql::Params};

/// Shorter words have no trigram: they are looked for in what the longer ones have found.
const TRIGRAM: usize = 3;
/// More words make a query no better.
const WORDS: usize = 8;

/// The text as it is searched: lower case, without accents, in one form.
pub(crate) fn fold(text: &str) -> String {
    let bare = text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase);
    let mut folded = String::with_capacity(text.len());
    for c in bare {
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
    folded
}

/// The words of a query, folded.
pub(crate) fn words(query: &str) -> Vec<String> {
    fold(query).split_whitespace().take(WORDS).map(str::to_owned).collect()
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
        words: &[String],
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
                if word.chars().count() >= TRIGRAM {
                    let quoted = word.replace('"', "\"\"");
                    pattern += &format!(" AND {{{}}} : \"{quoted}\"", columns.join(" "));
                } else {
                    let part = params.push(like(word));
                    let found: Vec<_> =
                        columns.iter().map(|column| format!("s.{column} LIKE {part} ESCAPE '\\'")).collect();
                    short += &format!(" AND ({})", found.join(" OR "));
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
            from += &format!(" AND s.{column} LIKE {} ESCAPE '\\'", params.push(like(word)));
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
            ("ข้าว", "ขาว"),
        ] {
            assert_eq!(fold(text), folded, "{text:?}");
        }
    }

    #[test]
    fn what_means_something_to_like_is_looked_for_as_it_is() {
        assert_eq!(like("50%_\\"), "%50\\%\\_\\\\%");
    }

    #[test]
    fn every_shop_is_a_trigram_of_its_own() {
        let scope = scope_of(6_400 * 6_400 + 1).unwrap();
        assert_eq!(scope.chars().count(), 3);
        assert_ne!(scope_of(0), scope_of(1));
        assert_eq!(scope_of(i64::MAX), None);
    }
}
