//! What of an order can be returned, in which way, for which reasons; and why not.
//!
//! Before delivery only the money can be asked for, because nothing came, and only when it is overdue. After delivery
//! everything can be asked for while the window is open. A change of mind needs the goods back.

use std::time::Duration;

use deskwire_protocol::{
    Timestamp,
    card::NotSendableCode,
    ids::LineItemId,
    logistics::PackageStatus,
    order::{LineItem, OrderStatus},
    returns::{
        Eligibility, EligibilityResult, IneligibleCode, LineItemEligibility, ReturnReason, ReturnType,
    },
};

use super::{OrderFile, ReturnTimes};
use crate::rules::logistics::delivered_at;

/// In which ways something can be asked for, in the order in which they are told.
const TYPES: [ReturnType; 3] = [ReturnType::Refund, ReturnType::ReturnAndRefund, ReturnType::Replacement];

/// Where a line item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whereabouts {
    Unpaid,
    Cancelled,
    AtTheShop,
    OnTheWay { overdue: bool },
    WithTheBuyer { since: Timestamp },
}

/// What of an order can be returned now.
pub(crate) fn eligibility(file: OrderFile<'_>, times: &ReturnTimes, now: Timestamp) -> EligibilityResult {
    let line_items: Vec<_> =
        file.order.line_items.iter().map(|item| of_item(file, item, times, now)).collect();
    EligibilityResult {
        order_id: file.order.id.clone(),
        eligibility: TYPES.map(|request_type| of_order(request_type, &line_items)).to_vec(),
        line_items,
    }
}

/// Whether the card that invites to a request may be sent; if not, why, in words.
pub(crate) fn sendable(result: &EligibilityResult) -> Result<(), (NotSendableCode, String)> {
    if result.eligibility.iter().any(|way| way.eligible) {
        return Ok(());
    }
    let reason = result.eligibility.iter().find_map(|way| way.ineligible_reason.clone());
    let reason = reason.unwrap_or_else(|| crate::rules::refusal::reason(NotSendableCode::NotEligible).into());
    Err((NotSendableCode::NotEligible, reason))
}

/// Until when something of the order can be returned, of what can be now; none where that has no end.
pub(crate) fn open_until(file: OrderFile<'_>, times: &ReturnTimes, now: Timestamp) -> Option<Timestamp> {
    let left = file.order.line_items.iter().filter(|item| quantity_left(file, item) > 0);
    let mut until = None;
    for item in left {
        match whereabouts(file, item, now) {
            // The window's last moment is still within it.
            Whereabouts::WithTheBuyer { since } if now.since(since) <= times.window => {
                until = until.max(Some(since.plus(times.window + Duration::from_millis(1))));
            }
            Whereabouts::OnTheWay { overdue: true } => return None,
            Whereabouts::Unpaid
            | Whereabouts::Cancelled
            | Whereabouts::AtTheShop
            | Whereabouts::OnTheWay { overdue: false }
            | Whereabouts::WithTheBuyer { .. } => {}
        }
    }
    until
}

/// When the money for what is on its way can be asked for because it should have come by then.
pub(crate) fn opens_at(file: OrderFile<'_>, now: Timestamp) -> Option<Timestamp> {
    let is_waited_for = file.order.line_items.iter().any(|item| {
        quantity_left(file, item) > 0
            && whereabouts(file, item, now) == Whereabouts::OnTheWay { overdue: false }
    });
    due_time(file).filter(|due| is_waited_for && *due > now)
}

/// How many of a line item are neither returned nor asked for.
pub(super) fn quantity_left(file: OrderFile<'_>, item: &LineItem) -> u32 {
    item.quantity.saturating_sub(quantity_requested(file, &item.id))
}

fn quantity_requested(file: OrderFile<'_>, id: &LineItemId) -> u32 {
    file.returns
        .iter()
        .filter(|request| !request.return_status.is_void())
        .flat_map(|request| &request.return_line_items)
        .filter(|item| item.order_line_item_id == *id)
        .fold(0, |sum, item| sum.saturating_add(item.quantity))
}

fn of_item(file: OrderFile<'_>, item: &LineItem, times: &ReturnTimes, now: Timestamp) -> LineItemEligibility {
    let quantity = quantity_left(file, item);
    let whereabouts = whereabouts(file, item, now);
    let eligibility = TYPES
        .map(|request_type| match reasons(request_type, whereabouts, quantity, times, now) {
            Ok(reasons) => eligible(request_type, reasons.to_vec()),
            Err(code) => ineligible(request_type, code),
        })
        .to_vec();
    LineItemEligibility {
        order_line_item_id: item.id.clone(),
        sku_id: item.sku_id.clone(),
        quantity,
        eligibility,
    }
}

/// An order can be returned in a way if any of its items can, for the reasons of any of them. If none can, the reason
/// that may pass is told before those that stay.
fn of_order(request_type: ReturnType, items: &[LineItemEligibility]) -> Eligibility {
    let ways =
        || items.iter().flat_map(|item| &item.eligibility).filter(|way| way.request_type == request_type);
    if ways().any(|way| way.eligible) {
        let mut reasons: Vec<ReturnReason> = Vec::new();
        for reason in ways().flat_map(|way| &way.available_reason_names) {
            if !reasons.contains(reason) {
                reasons.push(*reason);
            }
        }
        return eligible(request_type, reasons);
    }
    let codes: Vec<_> = ways().filter_map(|way| way.ineligible_code).collect();
    let code = [
        IneligibleCode::NotPaid,
        IneligibleCode::OrderCancelled,
        IneligibleCode::NotDelivered,
        IneligibleCode::NotShipped,
        IneligibleCode::AlreadyRequested,
        IneligibleCode::WindowClosed,
    ]
    .into_iter()
    .find(|code| codes.contains(code));
    ineligible(request_type, code.unwrap_or(IneligibleCode::NotDelivered))
}

fn eligible(request_type: ReturnType, available_reason_names: Vec<ReturnReason>) -> Eligibility {
    Eligibility {
        request_type,
        eligible: true,
        ineligible_code: None,
        ineligible_reason: None,
        available_reason_names,
    }
}

fn ineligible(request_type: ReturnType, code: IneligibleCode) -> Eligibility {
    Eligibility {
        request_type,
        eligible: false,
        ineligible_code: Some(code),
        ineligible_reason: Some(why(code, request_type).into()),
        available_reason_names: Vec::new(),
    }
}

fn why(code: IneligibleCode, request_type: ReturnType) -> &'static str {
    match (code, request_type) {
        (IneligibleCode::NotPaid, _) => "The order is not paid: there is nothing to give back.",
        (IneligibleCode::NotShipped, _) => "The order is not shipped: it can be cancelled instead.",
        (IneligibleCode::NotDelivered, ReturnType::Refund) => {
            "The order is on its way and not overdue: a refund can be requested once it is delivered or late."
        }
        (IneligibleCode::NotDelivered, ReturnType::ReturnAndRefund | ReturnType::Replacement) => {
            "The order is not delivered yet."
        }
        (IneligibleCode::OrderCancelled, _) => "The order is cancelled.",
        (IneligibleCode::WindowClosed, _) => "The order was delivered too long ago.",
        (IneligibleCode::AlreadyRequested, _) => {
            "All of it is returned already, or a request for it is open."
        }
    }
}

/// The reasons that may be given for a line item, or why it cannot be returned in this way.
fn reasons(
    request_type: ReturnType,
    whereabouts: Whereabouts,
    quantity_left: u32,
    times: &ReturnTimes,
    now: Timestamp,
) -> Result<&'static [ReturnReason], IneligibleCode> {
    use ReturnReason::{
        Damaged, Defective, MissingProduct, NoNeed, NotMatchDescription, NotReceived, WrongProduct,
    };
    match whereabouts {
        Whereabouts::Unpaid => Err(IneligibleCode::NotPaid),
        Whereabouts::Cancelled => Err(IneligibleCode::OrderCancelled),
        Whereabouts::AtTheShop => Err(IneligibleCode::NotShipped),
        Whereabouts::OnTheWay { .. } | Whereabouts::WithTheBuyer { .. } if quantity_left == 0 => {
            Err(IneligibleCode::AlreadyRequested)
        }
        Whereabouts::OnTheWay { overdue } => match request_type {
            ReturnType::Refund if overdue => Ok(&[NotReceived]),
            ReturnType::Refund | ReturnType::ReturnAndRefund | ReturnType::Replacement => {
                Err(IneligibleCode::NotDelivered)
            }
        },
        Whereabouts::WithTheBuyer { since } if now.since(since) > times.window => {
            Err(IneligibleCode::WindowClosed)
        }
        Whereabouts::WithTheBuyer { .. } => Ok(match request_type {
            ReturnType::Refund => {
                &[NotMatchDescription, MissingProduct, Damaged, Defective, WrongProduct, NotReceived]
            }
            ReturnType::ReturnAndRefund => {
                &[NoNeed, NotMatchDescription, MissingProduct, Damaged, Defective, WrongProduct]
            }
            ReturnType::Replacement => {
                &[NotMatchDescription, MissingProduct, Damaged, Defective, WrongProduct]
            }
        }),
    }
}

/// Where a line item is. Of an order in several parcels those that came can be returned before the others came.
fn whereabouts(file: OrderFile<'_>, item: &LineItem, now: Timestamp) -> Whereabouts {
    let order = file.order;
    match order.status {
        OrderStatus::Unpaid => Whereabouts::Unpaid,
        OrderStatus::Cancelled => Whereabouts::Cancelled,
        OrderStatus::OnHold | OrderStatus::AwaitingShipment => Whereabouts::AtTheShop,
        OrderStatus::Delivered | OrderStatus::Completed => {
            let by_parcels = file.packages.iter().filter_map(delivered_at).max();
            let since = order.delivery_time.or(by_parcels).unwrap_or(order.update_time);
            Whereabouts::WithTheBuyer { since }
        }
        OrderStatus::PartiallyShipping | OrderStatus::AwaitingCollection | OrderStatus::InTransit => {
            in_parcels(file, item, now)
        }
    }
}

fn in_parcels(file: OrderFile<'_>, item: &LineItem, now: Timestamp) -> Whereabouts {
    let packages = || {
        file.packages.iter().filter(|package| {
            package.status != PackageStatus::Cancelled
                && package.line_items.iter().any(|packed| packed.id == item.id)
        })
    };
    let came = packages().filter_map(|package| {
        let packed = package.line_items.iter().find(|packed| packed.id == item.id)?;
        Some((delivered_at(package)?, packed.quantity))
    });
    let (last, quantity) = came.fold((None, 0_u32), |(last, quantity), (time, more)| {
        (last.max(Some(time)), quantity.saturating_add(more))
    });
    if let Some(since) = last
        && quantity >= item.quantity
    {
        return Whereabouts::WithTheBuyer { since };
    }
    let on_the_way = file.order.status == OrderStatus::InTransit
        || packages()
            .any(|package| matches!(package.status, PackageStatus::Fulfilling | PackageStatus::Completed));
    if on_the_way { Whereabouts::OnTheWay { overdue: is_overdue(file, now) } } else { Whereabouts::AtTheShop }
}

/// Whether an order should have come. Where no one has said when it comes, whoever asks for the money is heard.
fn is_overdue(file: OrderFile<'_>, now: Timestamp) -> bool {
    due_time(file).is_none_or(|due| due <= now)
}

/// When all of it should have come, where anyone said.
fn due_time(file: OrderFile<'_>) -> Option<Timestamp> {
    let predicted = file
        .packages
        .iter()
        .filter(|package| package.status != PackageStatus::Cancelled && delivered_at(package).is_none())
        .filter_map(|package| package.predict_delivery_time_max)
        .max();
    predicted.max(file.order.deadlines.delivery_due_time)
}

#[cfg(test)]
mod tests {
    use deskwire_protocol::{
        ids::SkuId,
        logistics::{Package, TrackingCode, TrackingEvent},
        order::Order,
        returns::{Return, ReturnLineItem, ReturnStatus},
    };

    use super::*;
    use crate::rules::{
        returns::tests::request,
        samples::{DAY, NOW, order, package},
    };

    fn ways(order: &Order, packages: &[Package], returns: &[Return]) -> EligibilityResult {
        eligibility(OrderFile { order, packages, returns }, &ReturnTimes::default(), NOW)
    }

    fn codes(result: &EligibilityResult) -> [Option<IneligibleCode>; 3] {
        let codes: Vec<_> = result.eligibility.iter().map(|way| way.ineligible_code).collect();
        codes.try_into().unwrap()
    }

    #[test]
    fn each_status_says_why_nothing_can_be_returned() {
        for (status, code) in [
            (OrderStatus::Unpaid, IneligibleCode::NotPaid),
            (OrderStatus::OnHold, IneligibleCode::NotShipped),
            (OrderStatus::AwaitingShipment, IneligibleCode::NotShipped),
            (OrderStatus::AwaitingCollection, IneligibleCode::NotShipped),
            (OrderStatus::Cancelled, IneligibleCode::OrderCancelled),
        ] {
            let result = ways(&order(status), &[], &[]);
            assert_eq!(codes(&result), [Some(code); 3], "{status:?}");
            let (refusal, reason) = sendable(&result).unwrap_err();
            assert_eq!(refusal, NotSendableCode::NotEligible);
            assert!(!reason.is_empty());
        }
    }

    #[test]
    fn what_was_delivered_can_be_returned_while_the_window_is_open() {
        let mut order = order(OrderStatus::Delivered);
        order.delivery_time = Some(NOW.minus(DAY * 30));
        let result = ways(&order, &[], &[]);
        assert_eq!(codes(&result), [None; 3]);
        assert_eq!(sendable(&result), Ok(()));
        let reasons = |way: usize| &result.eligibility[way].available_reason_names;
        assert!(!reasons(0).contains(&ReturnReason::NoNeed), "a change of mind needs the goods back");
        assert!(reasons(1).contains(&ReturnReason::NoNeed));

        order.delivery_time = Some(NOW.minus(DAY * 31));
        assert_eq!(codes(&ways(&order, &[], &[])), [Some(IneligibleCode::WindowClosed); 3]);
    }

    #[test]
    fn the_window_runs_from_what_is_known_of_the_delivery() {
        let order = order(OrderStatus::Completed);
        let mut parcel = package(PackageStatus::Completed);
        parcel.tracking = vec![TrackingEvent {
            code: TrackingCode::Delivered,
            description: String::new(),
            location: None,
            update_time: NOW.minus(DAY * 31),
        }];
        assert_eq!(codes(&ways(&order, &[parcel], &[])), [Some(IneligibleCode::WindowClosed); 3]);
        assert_eq!(codes(&ways(&order, &[], &[])), [None; 3], "its last change was yesterday");
    }

    #[test]
    fn what_is_late_can_be_refunded_because_it_did_not_come() {
        let mut order = order(OrderStatus::InTransit);
        order.deadlines.delivery_due_time = Some(NOW.plus(DAY));
        assert_eq!(codes(&ways(&order, &[], &[])), [Some(IneligibleCode::NotDelivered); 3]);

        order.deadlines.delivery_due_time = Some(NOW);
        let result = ways(&order, &[], &[]);
        let not_delivered = Some(IneligibleCode::NotDelivered);
        assert_eq!(codes(&result), [None, not_delivered, not_delivered]);
        assert_eq!(result.eligibility[0].available_reason_names, [ReturnReason::NotReceived]);

        let mut parcel = package(PackageStatus::Fulfilling);
        parcel.predict_delivery_time_max = Some(NOW.plus(DAY));
        assert_eq!(codes(&ways(&order, &[parcel], &[])), [not_delivered; 3]);
    }

    #[test]
    fn of_several_parcels_what_came_can_be_returned() {
        let mut order = order(OrderStatus::PartiallyShipping);
        order.deadlines.delivery_due_time = Some(NOW.plus(DAY));
        let result = ways(&order, &[package(PackageStatus::Completed)], &[]);
        assert_eq!(codes(&result), [None; 3]);
        let second: Vec<_> = result.line_items[1].eligibility.iter().map(|way| way.ineligible_code).collect();
        assert_eq!(second, [Some(IneligibleCode::NotShipped); 3]);
        assert_eq!(result.line_items[0].quantity, 2);
    }

    #[test]
    fn what_is_asked_for_already_cannot_be_asked_for_again_until_that_is_void() {
        let order = order(OrderStatus::Delivered);
        let item = |id: &str, quantity| ReturnLineItem {
            order_line_item_id: LineItemId::new(id).unwrap(),
            sku_id: SkuId::new(format!("sku-{id}")).unwrap(),
            product_name: "Linen shirt".into(),
            quantity,
        };
        let mut open = request(&order, ReturnType::Refund, vec![item("l-1", 1), item("l-2", 1)]);
        let result = ways(&order, &[], std::slice::from_ref(&open));
        assert_eq!(codes(&result), [None; 3]);
        assert_eq!((result.line_items[0].quantity, result.line_items[1].quantity), (1, 0));
        assert_eq!(
            result.line_items[1].eligibility[0].ineligible_code,
            Some(IneligibleCode::AlreadyRequested)
        );

        let rest = request(&order, ReturnType::Replacement, vec![item("l-1", 1)]);
        assert_eq!(
            codes(&ways(&order, &[], &[open.clone(), rest])),
            [Some(IneligibleCode::AlreadyRequested); 3]
        );
        open.return_status = ReturnStatus::RefundOrReturnRequestReject;
        assert_eq!(ways(&order, &[], &[open]).line_items[1].quantity, 1);
    }
}
