//! Of which deadlines agents are told, and when: each so long before it, once; and whoever opens the conversation later
//! is told of those that are near by then.

use std::time::Duration;

use deskwire_protocol::{
    Timestamp, UserId,
    event::DeadlineNear,
    order::{Consequence, DeadlineKind, Order, Reminder},
    returns::Return,
};

/// How an order's reminders stand: as it is stored, and when agents are told next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told<'a> {
    pub(crate) order: &'a Order,
    pub(crate) remind_time: Option<Timestamp>,
}

/// When agents are told next of a deadline of the order. Of one that stays as it was they are told once.
pub(crate) fn remind_time(
    notice: Duration,
    stored: Option<Told<'_>>,
    order: &Order,
    now: Timestamp,
) -> Option<Timestamp> {
    let was_told = |deadline: &Reminder| {
        stored.is_some_and(|stored| {
            let same = |had: Reminder| (had.kind, had.due_time) == (deadline.kind, deadline.due_time);
            stored.order.deadlines_at(now).any(same)
                && stored.remind_time.is_none_or(|next| deadline.due_time.minus(notice) < next)
        })
    };
    ahead(order, now)
        .filter(|deadline| !was_told(deadline))
        .map(|deadline| deadline.due_time.minus(notice))
        .min()
}

/// Of which deadlines agents are told now, where the reminder of `remind_time` is due; and when they are told next.
pub(crate) fn due(
    notice: Duration,
    order: &Order,
    remind_time: Timestamp,
    now: Timestamp,
) -> (Vec<Reminder>, Option<Timestamp>) {
    let time = |deadline: &Reminder| deadline.due_time.minus(notice);
    let told = ahead(order, now).filter(|deadline| (remind_time..=now).contains(&time(deadline))).collect();
    let next = ahead(order, now).map(|deadline| time(&deadline)).filter(|time| *time > now).min();
    (told, next)
}

/// The deadlines that are near and have not passed.
pub(crate) fn near(notice: Duration, order: &Order, now: Timestamp) -> impl Iterator<Item = Reminder> {
    ahead(order, now).filter(move |deadline| deadline.due_time.minus(notice) <= now)
}

/// The event that a deadline of the order is near.
pub(crate) fn of_order(order: &Order, reminder: Reminder) -> DeadlineNear {
    DeadlineNear { order_id: order.id.clone(), return_id: None, buyer_id: order.user_id.clone(), reminder }
}

/// The event that the shop's answer to a request is due; none where its time is over: it is approved by itself then.
pub(crate) fn of_return(
    request: &Return,
    buyer_id: &UserId,
    due_time: Timestamp,
    now: Timestamp,
) -> Option<DeadlineNear> {
    let reminder = Reminder {
        kind: DeadlineKind::ReturnAnswerDue,
        due_time,
        consequence: Consequence::AutoApproved,
        overdue: false,
    };
    (now < due_time).then(|| DeadlineNear {
        order_id: request.order_id.clone(),
        return_id: Some(request.return_id.clone()),
        buyer_id: buyer_id.clone(),
        reminder,
    })
}

fn ahead(order: &Order, now: Timestamp) -> impl Iterator<Item = Reminder> {
    order.deadlines_at(now).filter(|deadline| !deadline.overdue)
}

#[cfg(test)]
mod tests {
    use deskwire_protocol::order::{Deadlines, OrderStatus};

    use super::*;
    use crate::rules::samples::{NOW, order};

    const HOUR: Duration = Duration::from_hours(1);
    const NOTICE: Duration = Duration::from_hours(24);

    /// To be shipped in so many hours, and cancelled in so many.
    fn to_ship(ship: u32, cancel: u32) -> Order {
        let deadlines = Deadlines {
            shipping_due_time: Some(NOW.plus(HOUR * ship)),
            cancel_order_sla_time: Some(NOW.plus(HOUR * cancel)),
            ..Deadlines::default()
        };
        Order { deadlines, ..order(OrderStatus::AwaitingShipment) }
    }

    fn kinds(reminders: impl IntoIterator<Item = Reminder>) -> Vec<DeadlineKind> {
        reminders.into_iter().map(|reminder| reminder.kind).collect()
    }

    #[test]
    fn each_deadline_is_told_in_its_time_and_once() {
        let order = to_ship(30, 60);
        let first = remind_time(NOTICE, None, &order, NOW).unwrap();
        assert_eq!(first, NOW.plus(HOUR * 6));
        let (told, next) = due(NOTICE, &order, first, first);
        assert_eq!((kinds(told), next), (vec![DeadlineKind::ShippingDue], Some(NOW.plus(HOUR * 36))));
        let late = NOW.plus(HOUR * 36);
        let (told, next) = due(NOTICE, &order, late, late);
        assert_eq!((kinds(told), next), (vec![DeadlineKind::CancelOrderSla], None));
    }

    #[test]
    fn deadlines_that_are_near_already_are_told_together() {
        let order = to_ship(2, 5);
        let first = remind_time(NOTICE, None, &order, NOW).unwrap();
        let (told, next) = due(NOTICE, &order, first, NOW);
        assert_eq!(kinds(told), [DeadlineKind::CancelOrderSla, DeadlineKind::ShippingDue]);
        assert_eq!(next, None);
        assert_eq!(kinds(near(NOTICE, &order, NOW.plus(HOUR * 3))), [DeadlineKind::CancelOrderSla]);
    }

    #[test]
    fn a_deadline_that_has_passed_does_not_hide_the_next() {
        let overdue = NOW.plus(HOUR * 3);
        assert_eq!(
            remind_time(NOTICE, None, &to_ship(2, 60), overdue),
            Some(NOW.plus(HOUR * 36)),
            "the cancellation is told though shipping is late"
        );
    }

    #[test]
    fn what_was_told_is_not_told_again_and_what_has_moved_is() {
        let order = to_ship(2, 60);
        let stored = Told { order: &order, remind_time: Some(NOW.plus(HOUR * 36)) };
        assert_eq!(remind_time(NOTICE, Some(stored), &order, NOW), Some(NOW.plus(HOUR * 36)));
        let stored = Told { order: &order, remind_time: None };
        assert_eq!(remind_time(NOTICE, Some(stored), &order, NOW), None);
        let moved = to_ship(30, 60);
        assert_eq!(remind_time(NOTICE, Some(stored), &moved, NOW), Some(NOW.plus(HOUR * 6)));
        let gone = Order { status: OrderStatus::Delivered, ..order.clone() };
        assert_eq!(remind_time(NOTICE, Some(stored), &gone, NOW), None);
    }
}
