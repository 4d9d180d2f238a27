//! The people of a test, as the shop's own back end would name them in a token.

use std::time::Duration;

use deskwire_protocol::Role;
use serde_json::{Value, json};

/// Someone to mint a token for.
#[derive(Debug, Clone)]
pub struct User {
    pub(crate) role: Role,
    pub(crate) shop: String,
    pub(crate) id: String,
    pub(crate) ttl: Option<Duration>,
}

impl User {
    /// The shop of everyone of whom nothing else is said.
    pub const SHOP: &str = "shop-1";

    /// A buyer of the usual shop.
    pub fn buyer(id: impl Into<String>) -> Self {
        Self::new(Role::Buyer, id)
    }

    /// An agent of the usual shop.
    pub fn agent(id: impl Into<String>) -> Self {
        Self::new(Role::Agent, id)
    }

    /// An administrator of the usual shop.
    pub fn admin(id: impl Into<String>) -> Self {
        Self::new(Role::Admin, id)
    }

    fn new(role: Role, id: impl Into<String>) -> Self {
        Self { role, shop: Self::SHOP.into(), id: id.into(), ttl: None }
    }

    /// As tokens and command lines write it.
    pub(crate) const fn role(&self) -> &'static str {
        match self.role {
            Role::Buyer => "BUYER",
            Role::Agent => "AGENT",
            Role::Admin => "ADMIN",
        }
    }

    /// What a token of theirs says, but for the times.
    pub fn claims(&self) -> Value {
        json!({"sub": self.id, "role": self.role(), "shop": self.shop, "name": self.id})
    }

    /// In another shop.
    #[must_use]
    pub fn of_shop(mut self, shop: impl Into<String>) -> Self {
        self.shop = shop.into();
        self
    }

    /// With a token that runs out after so long.
    #[must_use]
    pub fn for_only(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }
}
