//! API keys: by which a shop's own systems are known, and what each may do. The secret of a key is not kept, only a
//! hash of it; what makes a key and how it is hashed is not known here.

use std::{collections::BTreeSet, fmt, str::FromStr};

use deskwire_protocol::{ShopId, Timestamp, order::Editor};
use sea_orm::{ConnectionTrait, QueryResult};

use crate::{AuditRecord, AuditResult, Store, StoreError, row};

/// Names an API key; no secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApiKeyId(Box<str>);

impl ApiKeyId {
    /// This number, written with 16 hexadecimal digits.
    #[must_use]
    pub fn from_number(number: u64) -> Self {
        Self(format!("{number:016x}").into_boxed_str())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ApiKeyId {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == 16 && text.bytes().all(is_digit) {
            Ok(Self(text.into()))
        } else {
            Err("must be the 16 hexadecimal digits between the underscores of a key")
        }
    }
}

macro_rules! api_scopes {
    ($($(#[$doc:meta])* $name:ident $word:literal;)*) => {
        /// What an API key may do. To write does not imply to read.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ApiScope {
            $($(#[$doc])* $name,)*
        }

        impl ApiScope {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// As it is written.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

api_scopes! {
    /// Orders with their notes, packages and returns.
    OrdersRead "orders:read";
    /// The same.
    OrdersWrite "orders:write";
    /// Products and their inventory.
    ProductsRead "products:read";
    /// The same.
    ProductsWrite "products:write";
    /// Coupons.
    CouponsRead "coupons:read";
    /// The same.
    CouponsWrite "coupons:write";
    /// Buyers and agents.
    PeopleRead "people:read";
    /// The same.
    PeopleWrite "people:write";
    /// Webhooks and their logs.
    WebhooksRead "webhooks:read";
    /// The same.
    WebhooksWrite "webhooks:write";
}

impl ApiScope {
    /// Whether it only looks.
    #[must_use]
    pub const fn is_reading(self) -> bool {
        match self {
            Self::OrdersRead
            | Self::ProductsRead
            | Self::CouponsRead
            | Self::PeopleRead
            | Self::WebhooksRead => true,
            Self::OrdersWrite
            | Self::ProductsWrite
            | Self::CouponsWrite
            | Self::PeopleWrite
            | Self::WebhooksWrite => false,
        }
    }
}

impl fmt::Display for ApiScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An API key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRecord {
    /// Which.
    pub key_id: ApiKeyId,
    /// Of which shop; it reaches no other.
    pub shop_id: ShopId,
    /// What the shop calls it: what it is used for.
    pub name: String,
    /// Of its secret.
    pub hash: String,
    /// What it may do.
    pub scopes: BTreeSet<ApiScope>,
    /// When it was made.
    pub create_time: Timestamp,
    /// Since when it is worth nothing.
    pub revoke_time: Option<Timestamp>,
}

const TABLE: &str = "api_key";
const API_KEY: &str = "key_id, shop_id, name, hash, scopes, create_time, revoke_time";

fn api_key(row: &QueryResult) -> Result<ApiKeyRecord, StoreError> {
    let words: String = row::get(row, "scopes")?;
    // A word that a newer version gave a key is none that this one could ask it for.
    let scopes =
        ApiScope::ALL.iter().copied().filter(|scope| words.split(' ').any(|word| word == scope.as_str()));
    Ok(ApiKeyRecord {
        key_id: row::needed_id(row, TABLE, "key_id")?,
        shop_id: row::shop_id(row, TABLE)?,
        name: row::get(row, "name")?,
        hash: row::get(row, "hash")?,
        scopes: scopes.collect(),
        create_time: row::time(row, "create_time")?,
        revoke_time: row::get::<Option<i64>>(row, "revoke_time")?.map(Timestamp::from_millis),
    })
}

impl Store {
    /// Keeps a key that `editor` made.
    pub async fn add_api_key(&self, key: &ApiKeyRecord, editor: &Editor) -> Result<(), StoreError> {
        let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
        let mut params = self.params();
        let sql = format!(
            "INSERT INTO api_key ({API_KEY}) VALUES ({}, {}, {}, {}, {}, {}, {})",
            params.push(key.key_id.as_str()),
            params.push(key.shop_id.as_str()),
            params.push(key.name.as_str()),
            params.push(key.hash.as_str()),
            params.push(scopes.join(" ")),
            params.push(key.create_time.millis()),
            params.push(key.revoke_time.map(Timestamp::millis)),
        );
        let made = AuditRecord {
            detail: Some(format!("{}: {}", key.name, scopes.join(" "))),
            ..audit(editor, "api_keys.create", &key.key_id, AuditResult::Created, key.create_time)
        };
        let transaction = self.begin().await?;
        transaction.execute_raw(self.statement(sql, params.values)).await?;
        self.write_audit(&transaction, &key.shop_id, &[made]).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The key of this id, revoked or not. The one query that starts from no shop: the key says which it is of.
    pub async fn api_key(&self, key_id: &ApiKeyId) -> Result<Option<ApiKeyRecord>, StoreError> {
        let mut params = self.params();
        let sql = format!("SELECT {API_KEY} FROM api_key WHERE key_id = {}", params.push(key_id.as_str()));
        let row = self.reading().query_one_raw(self.statement(sql, params.values)).await?;
        row.as_ref().map(api_key).transpose()
    }

    /// The keys of a shop, revoked ones too, oldest first.
    pub async fn api_keys(&self, shop_id: &ShopId) -> Result<Vec<ApiKeyRecord>, StoreError> {
        let mut params = self.params();
        let sql = format!(
            "SELECT {API_KEY} FROM api_key WHERE shop_id = {} ORDER BY create_time, key_id",
            params.push(shop_id.as_str())
        );
        let rows = self.reading().query_all_raw(self.statement(sql, params.values)).await?;
        rows.iter().map(api_key).collect()
    }

    /// From now on the key is worth nothing, as `editor` says; whether the shop has such a key. One that was revoked
    /// before keeps its time.
    pub async fn revoke_api_key(
        &self,
        shop_id: &ShopId,
        key_id: &ApiKeyId,
        editor: &Editor,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut params = self.params();
        let sql = format!(
            "UPDATE api_key SET revoke_time = {} WHERE shop_id = {} AND key_id = {} AND revoke_time IS NULL",
            params.push(now.millis()),
            params.push(shop_id.as_str()),
            params.push(key_id.as_str()),
        );
        let transaction = self.begin().await?;
        let done = transaction.execute_raw(self.statement(sql, params.values)).await?;
        if done.rows_affected() > 0 {
            let revoked = audit(editor, "api_keys.revoke", key_id, AuditResult::Changed, now);
            self.write_audit(&transaction, shop_id, &[revoked]).await?;
            transaction.commit().await?;
            return Ok(true);
        }
        transaction.rollback().await?;
        Ok(self.api_key(key_id).await?.is_some_and(|key| key.shop_id == *shop_id))
    }
}

fn audit(
    editor: &Editor,
    action: &'static str,
    key_id: &ApiKeyId,
    result: AuditResult,
    time: Timestamp,
) -> AuditRecord {
    AuditRecord {
        time,
        actor_kind: editor.kind,
        actor_id: editor.id.clone(),
        action,
        thing_kind: "API_KEY",
        thing_id: key_id.to_string(),
        result,
        detail: None,
    }
}
