//! Why a thing cannot be sent, claimed or ordered now, in words for each code.

use deskwire_protocol::card::NotSendableCode;

use crate::error::WorkbenchError;

/// The error of this code.
pub(crate) fn refused(code: NotSendableCode) -> WorkbenchError {
    WorkbenchError::not_sendable(code, reason(code))
}

/// Why not, for people.
pub(crate) const fn reason(code: NotSendableCode) -> &'static str {
    match code {
        NotSendableCode::NotFound => "there is no such thing for this buyer",
        NotSendableCode::ChatInactive => "the conversation is closed",
        NotSendableCode::NoLogistics => "the order has no parcel yet",
        NotSendableCode::NotEligible => "nothing of the order can be returned",
        NotSendableCode::NotLive => "the product is not sold now",
        NotSendableCode::OutOfStock => "the product is out of stock",
        NotSendableCode::NotStarted => "the coupon has not begun",
        NotSendableCode::Expired => "the coupon is over",
        NotSendableCode::Deactivated => "the coupon was ended by the shop",
        NotSendableCode::Exhausted => "none of the coupon are left",
        NotSendableCode::AlreadyClaimed => "the buyer has all of this coupon that a buyer may have",
    }
}
