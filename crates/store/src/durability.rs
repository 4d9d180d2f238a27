//! What the database says of its own durability.

use std::fmt;

use sea_orm::{ConnectionTrait, DbBackend};

use crate::{Store, StoreError};

/// The settings that decide whether a commit survives a loss of power.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Durability {
    settings: Vec<(&'static str, String)>,
    durable: bool,
}

impl Durability {
    /// Whether an acknowledged commit survives a loss of power, as far as the database's settings go.
    #[must_use]
    pub const fn is_durable(&self) -> bool {
        self.durable
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.settings.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{name}={value}")?;
        }
        Ok(())
    }
}

impl Store {
    /// Asks the connection that writes.
    pub async fn durability(&self) -> Result<Durability, StoreError> {
        if self.backend() == DbBackend::Sqlite {
            let journal = self.setting::<String>("PRAGMA journal_mode").await?;
            let synchronous = self.setting::<i32>("PRAGMA synchronous").await?;
            let foreign_keys = self.setting::<i32>("PRAGMA foreign_keys").await?;
            let word = match synchronous {
                0 => "OFF",
                1 => "NORMAL",
                2 => "FULL",
                _ => "EXTRA",
            };
            let durable = synchronous >= 2 && journal.eq_ignore_ascii_case("wal");
            let settings = vec![
                ("journal_mode", journal),
                ("synchronous", word.to_owned()),
                ("foreign_keys", foreign_keys.to_string()),
            ];
            Ok(Durability { settings, durable })
        } else {
            let mut settings = Vec::new();
            for (name, query) in [
                ("fsync", "SHOW fsync"),
                ("synchronous_commit", "SHOW synchronous_commit"),
                ("full_page_writes", "SHOW full_page_writes"),
            ] {
                settings.push((name, self.setting::<String>(query).await?));
            }
            let durable = settings.iter().all(|(_, value)| value != "off");
            Ok(Durability { settings, durable })
        }
    }

    async fn setting<T: sea_orm::TryGetable>(&self, query: &str) -> Result<T, StoreError> {
        let row = self
            .writing()
            .query_one_raw(self.statement(query, vec![]))
            .await?
            .ok_or_else(|| StoreError::corrupt("settings", query))?;
        Ok(row.try_get_by_index(0)?)
    }
}
