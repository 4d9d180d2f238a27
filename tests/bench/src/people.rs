//! Buyers and agents of shops that exist only here, and the tokens that let them in.

use deskwire_gateway::{Claims, TokenKeys};
use deskwire_protocol::{Role, ShopId, UserId};

/// The secret that the server is configured with; it guards nothing.
pub(crate) const SECRET: &str = "the-benchmark-signs-its-tokens-with-this";
/// The key's name in the server's settings.
const KID: &str = "deskwire-1";
/// The first second of the year 2100: no benchmark takes so long.
const NEVER: i64 = 4_102_444_800;

/// Someone.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) shop: String,
    pub(crate) role: Role,
    pub(crate) id: String,
}

impl Person {
    pub(crate) fn buyer(shop: impl Into<String>, id: impl Into<String>) -> Self {
        Self { shop: shop.into(), role: Role::Buyer, id: id.into() }
    }

    pub(crate) fn agent(shop: impl Into<String>, id: impl Into<String>) -> Self {
        Self { shop: shop.into(), role: Role::Agent, id: id.into() }
    }

    /// A token of theirs.
    pub(crate) fn token(&self) -> anyhow::Result<String> {
        let claims = Claims {
            sub: UserId::new(self.id.as_str())?,
            role: self.role,
            shop: ShopId::new(self.shop.as_str())?,
            exp: NEVER,
            iat: 1,
            name: format!("{} of {}", self.id, self.shop),
            locale: None,
        };
        Ok(TokenKeys::hs256(KID, SECRET).mint(&claims)?)
    }
}
