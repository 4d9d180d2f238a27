//! Returns, refunds and replacements: what may be asked for, what goes back, and how a request goes on.
//!
//! Where a replacement is approved it goes from pending to complete at once: the field's statuses have no step between.

mod answer;
mod eligibility;
mod refund;
mod submit;
mod upsert;

use std::time::Duration;

use deskwire_protocol::{
    Timestamp,
    logistics::Package,
    order::Order,
    returns::{Return, ReturnStatus, SellerAction, SellerNextAction},
};

pub(crate) use answer::{Answered, answer, approve_overdue};
pub(crate) use eligibility::{eligibility, open_until, opens_at, sendable};
pub(crate) use submit::submit;
pub(crate) use upsert::{changed_fields, upsert};

/// The times that rules on returns reckon with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReturnTimes {
    /// So long after delivery something can be returned.
    pub(crate) window: Duration,
    /// So long the shop has to answer; then the request is approved by itself.
    pub(crate) answer_within: Duration,
}

impl Default for ReturnTimes {
    fn default() -> Self {
        Self { window: Duration::from_hours(30 * 24), answer_within: Duration::from_hours(48) }
    }
}

/// An order with all that came of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OrderFile<'a> {
    /// The order.
    pub(crate) order: &'a Order,
    /// Its parcels.
    pub(crate) packages: &'a [Package],
    /// Its returns.
    pub(crate) returns: &'a [Return],
}

/// What the shop may do with a request in this status, and until when.
fn next_actions(status: ReturnStatus, deadline: Timestamp) -> Vec<SellerNextAction> {
    if status.is_pending() {
        [SellerAction::Approve, SellerAction::Reject]
            .map(|action| SellerNextAction { action, deadline })
            .to_vec()
    } else {
        Vec::new()
    }
}

/// When a request is approved by itself, while the shop has to answer it.
pub(crate) fn answer_due_time(request: &Return) -> Option<Timestamp> {
    request
        .seller_next_action_response
        .iter()
        .map(|next| next.deadline)
        .min()
        .filter(|_| request.return_status.is_pending())
}

#[cfg(test)]
mod tests {
    use deskwire_protocol::{
        ids::ReturnId,
        order::Order,
        returns::{Return, ReturnLineItem, ReturnReason, ReturnRecord, ReturnRole, ReturnStatus, ReturnType},
    };

    use super::{ReturnTimes, next_actions, refund::nothing};
    use crate::rules::samples::{DAY, NOW};

    pub(super) const ALL: [ReturnStatus; 14] = [
        ReturnStatus::ReturnOrRefundRequestPending,
        ReturnStatus::RefundOrReturnRequestReject,
        ReturnStatus::AwaitingBuyerShip,
        ReturnStatus::BuyerShippedItem,
        ReturnStatus::RejectReceivePackage,
        ReturnStatus::ReturnOrRefundRequestSuccess,
        ReturnStatus::ReturnOrRefundRequestCancel,
        ReturnStatus::ReturnOrRefundRequestComplete,
        ReturnStatus::AwaitingBuyerResponse,
        ReturnStatus::ReplacementRequestPending,
        ReturnStatus::ReplacementRequestReject,
        ReturnStatus::ReplacementRequestRefundSuccess,
        ReturnStatus::ReplacementRequestCancel,
        ReturnStatus::ReplacementRequestComplete,
    ];

    /// A pending request of yesterday, for no money.
    pub(super) fn request(order: &Order, return_type: ReturnType, items: Vec<ReturnLineItem>) -> Return {
        let return_status = ReturnStatus::first(return_type);
        let create_time = NOW.minus(DAY);
        Return {
            return_id: ReturnId::new("r-1").unwrap(),
            order_id: order.id.clone(),
            return_type,
            return_status,
            return_reason: ReturnReason::Damaged,
            return_reason_text: None,
            role: ReturnRole::Buyer,
            create_time,
            update_time: create_time,
            refund_amount: nothing(order),
            return_tracking_number: None,
            return_line_items: items,
            records: vec![ReturnRecord {
                event: return_status,
                role: ReturnRole::Buyer,
                description: "Asked.".into(),
                note: None,
                reason_text: None,
                images: Vec::new(),
                create_time,
            }],
            seller_next_action_response: next_actions(
                return_status,
                create_time.plus(ReturnTimes::default().answer_within),
            ),
            link: None,
        }
    }
}
