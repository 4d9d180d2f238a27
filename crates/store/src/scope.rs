//! Where every query starts: the shop and the caller of the session's token.

use deskwire_protocol::{Role, ShopId, UserId};

use crate::ConversationRecord;

/// The shop and the caller that a token proved. Nothing is read or written outside of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// The tenant.
    pub shop_id: ShopId,
    /// In which role the caller acts.
    pub role: Role,
    /// The caller.
    pub user_id: UserId,
}

/// Which side of a conversation someone is on, and so which events they may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The buyer: everything but private notes.
    Buyer,
    /// The shop's agents: everything.
    Shop,
}

impl Side {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Buyer => Self::Shop,
            Self::Shop => Self::Buyer,
        }
    }
}

impl Scope {
    /// The caller's side.
    #[must_use]
    pub const fn side(&self) -> Side {
        match self.role {
            Role::Buyer => Side::Buyer,
            Role::Agent | Role::Admin => Side::Shop,
        }
    }

    /// Whether this conversation is the caller's: all of their shop's, or a buyer's own. What queries ask as a condition, for
    /// a record that was read for several callers at once.
    #[must_use]
    pub fn covers(&self, conversation: &ConversationRecord) -> bool {
        self.shop_id == conversation.shop_id
            && match self.side() {
                Side::Shop => true,
                Side::Buyer => self.user_id == conversation.buyer.user_id,
            }
    }
}
