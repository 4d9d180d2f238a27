//! A shop's things as the store keeps them: the wire's types, and beside them what only the server needs.

use deskwire_protocol::{
    ConversationId, MessageId, Seq, ShopId, Timestamp, UserId,
    coupon::{Claim, Coupon},
    ids::{ClientCouponId, ClientOrderId, ClientReturnId, CouponId, OrderId, ProductId},
    logistics::Package,
    order::{EditorKind, Order, SellerNote},
    product::Product,
    returns::Return,
};

use crate::MessageRecord;

/// An order. Of `order` the parts that come from elsewhere (note, parcels, returns, reminder, links) are left empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRecord {
    /// As the shop's systems or `buyer.orders.place` made it.
    pub order: Order,
    /// As the buyer's client chose, where the buyer placed it here.
    pub client_order_id: Option<ClientOrderId>,
    /// When the shop's agents are to be told that its nearest deadline is near; none once they were told.
    pub remind_time: Option<Timestamp>,
    /// When it is cancelled by itself unless it was paid; only while it was placed here and is not paid.
    pub lapse_time: Option<Timestamp>,
    /// The current note.
    pub note: Option<SellerNote>,
    /// Counts the changes of the order, its parcels and its returns.
    pub version: i64,
}

/// A parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageRecord {
    /// As the shop's systems made it.
    pub package: Package,
    /// When it was made: the order in which an order's parcels are listed.
    pub create_time: Timestamp,
}

/// A return. Of `request` the link is left empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnRequestRecord {
    /// With all its steps.
    pub request: Return,
    /// Whose.
    pub buyer_id: UserId,
    /// As the buyer's client chose, where the buyer asked for it here.
    pub client_return_id: Option<ClientReturnId>,
    /// When it is approved by itself, while the shop has to answer.
    pub answer_due_time: Option<Timestamp>,
}

/// A product. Of `product` the link, stock and price range are left empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductRecord {
    /// With its variants and their inventory.
    pub product: Product,
    /// How many of its sold variants there are.
    pub stock: u64,
    /// Its place in lists, the newest last; 0 before it is written.
    pub product_no: i64,
    /// Counts its changes.
    pub version: i64,
}

/// A coupon. Of `coupon` the status, remaining and link are left as they are not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CouponRecord {
    /// With its counts.
    pub coupon: Coupon,
    /// Ended early.
    pub deactivated: bool,
    /// The agent who made it here, and what that agent's client named it.
    pub made_as: Option<(UserId, ClientCouponId)>,
    /// Its place in lists, the newest last; 0 before it is written.
    pub coupon_no: i64,
    /// Counts its changes, claims and uses included.
    pub version: i64,
}

/// A buyer's claim of a coupon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRecord {
    /// Whose.
    pub buyer_id: UserId,
    /// Of which coupon, since when, until when, used for what.
    pub claim: Claim,
    /// On which card it was claimed, where it was on one.
    pub message_id: Option<MessageId>,
}

/// What a card shows, so that a change of it finds the card: an order with its parcels and returns, a product, a coupon.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// An order, its parcels, its returns.
    Order(OrderId),
    /// A product.
    Product(ProductId),
    /// A coupon.
    Coupon(CouponId),
}

impl Subject {
    /// As it was written.
    pub(crate) fn read(kind: &str, id: String) -> Result<Self, crate::StoreError> {
        let wrong = |problem: &dyn std::fmt::Display| {
            crate::StoreError::corrupt("card", format_args!("subject: {problem}"))
        };
        match kind {
            "ORDER" => OrderId::new(id).map(Self::Order).map_err(|problem| wrong(&problem)),
            "PRODUCT" => ProductId::new(id).map(Self::Product).map_err(|problem| wrong(&problem)),
            "COUPON" => CouponId::new(id).map(Self::Coupon).map_err(|problem| wrong(&problem)),
            other => Err(wrong(&other)),
        }
    }

    /// As the store writes it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Order(_) => "ORDER",
            Self::Product(_) => "PRODUCT",
            Self::Coupon(_) => "COUPON",
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Order(id) => id.as_str(),
            Self::Product(id) => id.as_str(),
            Self::Coupon(id) => id.as_str(),
        }
    }
}

/// A message that shows a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CardPlace {
    /// In which conversation.
    pub conversation_id: ConversationId,
    /// At which place.
    pub message_seq: Seq,
}

/// A message that shows a thing, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownCard {
    /// The message in its latest revision.
    pub message: MessageRecord,
    /// Whose conversation it is in.
    pub buyer_id: UserId,
    /// The buyer's language, where it is known.
    pub locale: Option<String>,
}

impl ShownCard {
    /// Where it is.
    #[must_use]
    pub const fn place(&self) -> CardPlace {
        CardPlace { conversation_id: self.message.conversation_id, message_seq: self.message.seq }
    }
}

/// A card, and the version of its thing that it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardRecord {
    /// Of which shop.
    pub shop_id: ShopId,
    /// What it shows.
    pub subject: Subject,
    /// Where it is.
    pub place: CardPlace,
    /// The thing's `version` when the card was rendered.
    pub version: i64,
    /// When it looks different by time alone, where nobody else looks after that.
    pub next_change: Option<Timestamp>,
}

/// Cards of a thing that are to be rendered again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardRefresh {
    /// Of which shop.
    pub shop_id: ShopId,
    /// Of which thing.
    pub subject: Subject,
    /// Changes whenever the thing does, or someone takes it.
    pub generation: i64,
}

/// A message that the server owes a conversation: what a buyer did outside of it, told in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostRecord {
    /// Its number; 0 before it is written.
    pub post_no: i64,
    /// Into the conversation of this buyer.
    pub buyer_id: UserId,
    /// What it is known by: posting twice has one effect.
    pub client_message_id: deskwire_protocol::ClientMessageId,
    /// Which card.
    pub kind: deskwire_protocol::card::CardKind,
    /// Of which thing: an order's id, a return's, a coupon's.
    pub reference: String,
}

/// What came of something that was done to a thing. What was refused changed nothing, and leaves no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuditResult {
    /// It was not there before.
    Created,
    /// It is another.
    Changed,
    /// It is no more.
    Removed,
}

impl AuditResult {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Changed => "CHANGED",
            Self::Removed => "REMOVED",
        }
    }
}

/// Who did what to which thing of the shop, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// When.
    pub time: Timestamp,
    /// From where.
    pub actor_kind: EditorKind,
    /// The buyer, the agent, the API key.
    pub actor_id: String,
    /// What, as a method is named: `returns.approve`.
    pub action: &'static str,
    /// On what.
    pub thing_kind: &'static str,
    /// On which.
    pub thing_id: String,
    /// What came of it.
    pub result: AuditResult,
    /// What else matters.
    pub detail: Option<String>,
}
