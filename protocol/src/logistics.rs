//! Parcels and their way.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{ClientMessageId, ConversationId, LineItemId, OrderId, PackageId, Timestamp};

/// How far the shop has come with a package, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PackageStatus {
    /// To be packed.
    ToFulfill,
    /// Being packed.
    Processing,
    /// On its way.
    Fulfilling,
    /// Delivered.
    Completed,
    /// Will not be delivered.
    Cancelled,
}

impl PackageStatus {
    /// Whether a package may go from here to `next`: forward only, and to `CANCELLED` while it has not arrived;
    /// staying is allowed.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (Self::Cancelled | Self::Completed, next) => self == next,
            (Self::ToFulfill | Self::Processing | Self::Fulfilling, next) => self <= next,
        }
    }
}

/// What the carrier says happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TrackingCode {
    /// Nothing known yet.
    Pending,
    /// Announced to the carrier.
    InfoReceived,
    /// With the carrier.
    InTransit,
    /// In the delivery van.
    OutForDelivery,
    /// No one was there.
    AttemptFail,
    /// Handed over.
    Delivered,
    /// To be fetched.
    AvailableForPickup,
    /// Held up, lost, damaged, returned.
    Exception,
    /// Nothing was heard for too long.
    Expired,
}

/// One step of a parcel's way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TrackingEvent {
    /// What happened.
    pub code: TrackingCode,
    /// In the carrier's words.
    pub description: String,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// When.
    pub update_time: Timestamp,
}

/// How many of a line item are in a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PackedItem {
    /// Of the order.
    pub id: LineItemId,
    /// How many.
    #[schemars(range(min = 1))]
    pub quantity: u32,
}

/// A parcel of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Package {
    /// As the shop names it.
    pub id: PackageId,
    /// Of which order.
    pub order_id: OrderId,
    /// How far the shop has come.
    pub status: PackageStatus,
    /// When it last changed.
    pub update_time: Timestamp,
    /// The carrier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping_provider: Option<String>,
    /// The carrier's number: the tracking ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_number: Option<String>,
    /// As the buyer chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_option_name: Option<String>,
    /// Expected not before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predict_delivery_time_min: Option<Timestamp>,
    /// Expected not after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predict_delivery_time_max: Option<Timestamp>,
    /// Of the destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// What is in it.
    #[serde(default)]
    pub line_items: Vec<PackedItem>,
    /// Its way, newest first.
    #[serde(default)]
    pub tracking: Vec<TrackingEvent>,
}

/// The parcels of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogisticsResult {
    /// Of which order.
    pub order_id: OrderId,
    /// In the order in which they were made.
    pub packages: Vec<Package>,
    /// The tracking page.
    pub link: String,
}

/// `workbench.logistics.send_card`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogisticsSendCardParams {
    /// Into which conversation.
    pub conversation_id: ConversationId,
    /// The same for every try.
    pub client_message_id: ClientMessageId,
    /// Of which order.
    pub order_id: OrderId,
    /// Of which of its packages; without it the one that changed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package_id: Option<PackageId>,
}
