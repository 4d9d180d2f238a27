//! What the shop is expected to do about an order. Derived from what there is, never kept.

use std::time::Duration;

use deskwire_protocol::{
    Timestamp,
    order::{CancellationInitiator, Consequence, DeadlineKind, Order, OrderStatus, PendingAction},
};

/// From how long before a deadline on it is pressing.
const PRESSING: Duration = Duration::from_hours(24);

/// What is to be done about an order with its returns, the most urgent first.
pub(crate) fn pending_actions(order: &Order, now: Timestamp) -> Vec<PendingAction> {
    let deadlines: Vec<_> = order.deadlines_at(now).collect();
    let shipping = deadlines.iter().find(|deadline| deadline.kind == DeadlineKind::ShippingDue);
    let presses = |due_time: Timestamp| due_time.minus(PRESSING) <= now;
    let auto_cancelling = deadlines.iter().any(|deadline| {
        deadline.consequence == Consequence::AutoCancelled && !deadline.overdue && presses(deadline.due_time)
    });
    let cancellation_requested = order.status != OrderStatus::Cancelled
        && order.status.may_become(OrderStatus::Cancelled)
        && order.cancellation_initiator == Some(CancellationInitiator::Buyer);
    let return_requested = order.returns.iter().any(|request| request.return_status.is_pending());
    [
        (PendingAction::AutoCancelling, auto_cancelling),
        (PendingAction::ShippingOverdue, shipping.is_some_and(|deadline| deadline.overdue)),
        (
            PendingAction::ShipWithin24Hours,
            shipping.is_some_and(|deadline| !deadline.overdue && presses(deadline.due_time)),
        ),
        (PendingAction::CancellationRequested, cancellation_requested),
        (PendingAction::ReturnRequested, return_requested),
    ]
    .into_iter()
    .filter_map(|(action, is_pending)| is_pending.then_some(action))
    .collect()
}

#[cfg(test)]
mod tests {
    use deskwire_protocol::{
        ids::ReturnId,
        order::{Deadlines, ReturnState},
        returns::ReturnStatus,
    };

    use super::*;
    use crate::rules::samples::{NOW, order};

    const HOUR: Duration = Duration::from_hours(1);

    fn due(status: OrderStatus, ship: Option<Timestamp>, cancel: Option<Timestamp>) -> Vec<PendingAction> {
        let deadlines =
            Deadlines { shipping_due_time: ship, cancel_order_sla_time: cancel, ..Deadlines::default() };
        pending_actions(&Order { deadlines, ..order(status) }, NOW)
    }

    #[test]
    fn deadlines_press_from_a_day_before_while_the_order_waits_for_them() {
        let (soon, far, past) = (NOW.plus(HOUR * 24), NOW.plus(HOUR * 25), NOW.minus(HOUR));
        let waiting = OrderStatus::AwaitingShipment;
        assert_eq!(due(waiting, Some(soon), Some(far)), [PendingAction::ShipWithin24Hours]);
        assert_eq!(due(waiting, Some(far), None), []);
        assert_eq!(
            due(waiting, Some(past), Some(soon)),
            [PendingAction::AutoCancelling, PendingAction::ShippingOverdue]
        );
        assert_eq!(due(OrderStatus::InTransit, Some(past), Some(soon)), [], "it was shipped");
        let deadlines = Deadlines { payment_due_time: Some(soon), ..Deadlines::default() };
        let unpaid = Order { deadlines, ..order(OrderStatus::Unpaid) };
        assert_eq!(pending_actions(&unpaid, NOW), [PendingAction::AutoCancelling]);
    }

    #[test]
    fn what_the_buyer_asked_for_is_pending_until_it_is_answered() {
        let asks =
            |status| Order { cancellation_initiator: Some(CancellationInitiator::Buyer), ..order(status) };
        let waiting = asks(OrderStatus::AwaitingShipment);
        assert_eq!(pending_actions(&waiting, NOW), [PendingAction::CancellationRequested]);
        assert_eq!(pending_actions(&asks(OrderStatus::Cancelled), NOW), []);
        assert_eq!(pending_actions(&asks(OrderStatus::InTransit), NOW), []);
        let returned = |return_status| {
            let return_id = ReturnId::new("r-1").unwrap();
            let returns = vec![ReturnState { return_id, return_status, update_time: NOW }];
            pending_actions(&Order { returns, ..order(OrderStatus::Delivered) }, NOW)
        };
        assert_eq!(returned(ReturnStatus::ReturnOrRefundRequestPending), [PendingAction::ReturnRequested]);
        assert_eq!(returned(ReturnStatus::AwaitingBuyerShip), []);
    }
}
