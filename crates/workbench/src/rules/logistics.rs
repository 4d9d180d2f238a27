//! Parcels and their way, as the shop's systems write them.

use std::cmp::Reverse;

use deskwire_protocol::{
    Timestamp,
    logistics::{Package, PackageStatus, TrackingCode, TrackingEvent},
    order::Order,
};

use super::{
    fields,
    orders::NAME_CHARS,
    write::{Write, differing},
};
use crate::error::WorkbenchError;

/// The most packages of an order.
pub(crate) const PACKAGES: usize = 50;

/// The most steps of a parcel's way.
pub(crate) const TRACKING_EVENTS: usize = 200;

/// What comes of a package that the shop's systems wrote for this order. Without tracking it keeps what is known of
/// its way; with it, that is its way.
pub(crate) fn upsert(
    order: &Order,
    stored: Option<&Package>,
    incoming: Package,
    now: Timestamp,
) -> Result<Write<Package>, WorkbenchError> {
    let mut package = incoming;
    check(order, &package, now)?;
    package.tracking = in_order(package.tracking, "tracking")?;
    let Some(stored) = stored else { return Ok(Write::Created(package)) };
    if package.order_id != stored.order_id {
        return Err(WorkbenchError::invalid("order_id", "must stay: a package never changes its order"));
    }
    if package.update_time < stored.update_time {
        return Ok(Write::Stale);
    }
    if !stored.status.may_become(package.status) {
        return Err(WorkbenchError::invalid(
            "status",
            "must not go back to an earlier status, nor on from COMPLETED or CANCELLED",
        ));
    }
    if package.tracking.is_empty() {
        package.tracking.clone_from(&stored.tracking);
    }
    Ok(Write::of(Some(stored), package, changed_fields))
}

/// Adds steps to a package's way; those known already are left out.
pub(crate) fn track(
    stored: &Package,
    events: Vec<TrackingEvent>,
    now: Timestamp,
) -> Result<Write<Package>, WorkbenchError> {
    check_tracking(&events, now)?;
    let known = stored.tracking.iter().cloned();
    let tracking = in_order(events.into_iter().chain(known).collect(), "tracking")?;
    let package = Package { tracking, ..stored.clone() };
    Ok(Write::of(Some(stored), package, changed_fields))
}

/// When a package came to the buyer, if it has: as its tracking says, otherwise when it was said to be completed.
pub(crate) fn delivered_at(package: &Package) -> Option<Timestamp> {
    let by_carrier = package
        .tracking
        .iter()
        .filter(|event| event.code == TrackingCode::Delivered)
        .map(|event| event.update_time)
        .max();
    match package.status {
        PackageStatus::Cancelled => None,
        PackageStatus::Completed => Some(by_carrier.unwrap_or(package.update_time)),
        PackageStatus::ToFulfill | PackageStatus::Processing | PackageStatus::Fulfilling => by_carrier,
    }
}

fn check(order: &Order, package: &Package, now: Timestamp) -> Result<(), WorkbenchError> {
    if package.order_id != order.id {
        return Err(WorkbenchError::invalid("order_id", "must be the order's id"));
    }
    fields::past("update_time", package.update_time, now)?;
    fields::optional_time("predict_delivery_time_min", package.predict_delivery_time_min)?;
    fields::optional_time("predict_delivery_time_max", package.predict_delivery_time_max)?;
    if let (Some(min), Some(max)) = (package.predict_delivery_time_min, package.predict_delivery_time_max)
        && min > max
    {
        return Err(WorkbenchError::invalid(
            "predict_delivery_time_max",
            "must not be before `predict_delivery_time_min`",
        ));
    }
    for (field, text, limit) in [
        ("shipping_provider", &package.shipping_provider, NAME_CHARS),
        ("tracking_number", &package.tracking_number, NAME_CHARS),
        ("delivery_option_name", &package.delivery_option_name, NAME_CHARS),
        ("postal_code", &package.postal_code, 20),
    ] {
        fields::optional_text(field, text.as_ref(), limit)?;
    }
    check_items(order, package)?;
    check_tracking(&package.tracking, now)
}

/// Each package holds at most what was bought. Several together may hold more: what was lost or replaced is sent again.
fn check_items(order: &Order, package: &Package) -> Result<(), WorkbenchError> {
    let items = &package.line_items;
    fields::unique(items.iter().map(|item| &item.id), |place| format!("line_items[{place}].id"))?;
    for (place, item) in items.iter().enumerate() {
        let bought = order.line_items.iter().find(|bought| bought.id == item.id);
        let Some(bought) = bought else {
            return Err(WorkbenchError::invalid(
                format!("line_items[{place}].id"),
                "must be one of the order's line items",
            ));
        };
        let field = format!("line_items[{place}].quantity");
        fields::quantity(&field, item.quantity)?;
        if item.quantity > bought.quantity {
            return Err(WorkbenchError::invalid(
                field,
                format_args!("must be at most {}, as many as were bought", bought.quantity),
            ));
        }
    }
    Ok(())
}

fn check_tracking(events: &[TrackingEvent], now: Timestamp) -> Result<(), WorkbenchError> {
    fields::count("tracking", events.len(), 0, TRACKING_EVENTS)?;
    for (place, event) in events.iter().enumerate() {
        fields::past(&format!("tracking[{place}].update_time"), event.update_time, now)?;
        let description = &event.description;
        fields::optional_text(&format!("tracking[{place}].description"), Some(description), 1_000)?;
        fields::optional_text(&format!("tracking[{place}].location"), event.location.as_ref(), NAME_CHARS)?;
    }
    Ok(())
}

/// Newest first, each once; those of equal times stay as they were.
fn in_order(events: Vec<TrackingEvent>, field: &str) -> Result<Vec<TrackingEvent>, WorkbenchError> {
    let mut once: Vec<TrackingEvent> = Vec::with_capacity(events.len());
    for event in events {
        if !once.contains(&event) {
            once.push(event);
        }
    }
    fields::count(field, once.len(), 0, TRACKING_EVENTS)?;
    once.sort_by_key(|event| Reverse(event.update_time));
    Ok(once)
}

/// The wire's names of the fields in which two packages differ.
pub(crate) fn changed_fields(old: &Package, new: &Package) -> Vec<&'static str> {
    differing!(
        Package,
        old,
        new,
        [
            order_id,
            status,
            update_time,
            shipping_provider,
            tracking_number,
            delivery_option_name,
            predict_delivery_time_min,
            predict_delivery_time_max,
            postal_code,
            line_items,
            tracking,
        ],
        ignoring[id]
    )
}

#[cfg(test)]
mod tests {
    use deskwire_protocol::{ids::LineItemId, logistics::PackedItem, order::OrderStatus};

    use super::*;
    use crate::rules::samples::{DAY, NOW, field_of, order, package};

    fn event(code: TrackingCode, hours_ago: u64) -> TrackingEvent {
        TrackingEvent {
            code,
            description: format!("{hours_ago} hours ago"),
            location: None,
            update_time: NOW.minus(std::time::Duration::from_hours(hours_ago)),
        }
    }

    fn write(stored: Option<&Package>, incoming: Package) -> Result<Write<Package>, WorkbenchError> {
        upsert(&order(OrderStatus::InTransit), stored, incoming, NOW)
    }

    #[test]
    fn a_package_holds_no_more_than_was_bought() {
        let item = |id: &str, quantity| PackedItem { id: LineItemId::new(id).unwrap(), quantity };
        for (items, field) in [
            (vec![item("l-1", 3)], "line_items[0].quantity"),
            (vec![item("l-2", 0)], "line_items[0].quantity"),
            (vec![item("l-2", 1), item("other", 1)], "line_items[1].id"),
            (vec![item("l-2", 1), item("l-2", 1)], "line_items[1].id"),
        ] {
            let package = Package { line_items: items, ..package(PackageStatus::Fulfilling) };
            assert_eq!(field_of(write(None, package)), field);
        }
        assert!(write(None, package(PackageStatus::Fulfilling)).is_ok());
    }

    #[test]
    fn tracking_is_newest_first_and_each_step_once() {
        let mut incoming = package(PackageStatus::Fulfilling);
        incoming.tracking = vec![
            event(TrackingCode::InfoReceived, 30),
            event(TrackingCode::OutForDelivery, 2),
            event(TrackingCode::InTransit, 20),
            event(TrackingCode::InfoReceived, 30),
        ];
        let stored = write(None, incoming).unwrap().document().unwrap();
        let codes: Vec<_> = stored.tracking.iter().map(|event| event.code).collect();
        assert_eq!(
            codes,
            [TrackingCode::OutForDelivery, TrackingCode::InTransit, TrackingCode::InfoReceived]
        );

        assert_eq!(track(&stored, vec![event(TrackingCode::InTransit, 20)], NOW).unwrap(), Write::Unchanged);
        let Write::Changed { document, fields } =
            track(&stored, vec![event(TrackingCode::Delivered, 1)], NOW).unwrap()
        else {
            panic!("not changed")
        };
        assert_eq!((document.tracking.len(), fields), (4, vec!["tracking"]));
        assert_eq!(delivered_at(&document), Some(NOW.minus(std::time::Duration::from_hours(1))));
    }

    #[test]
    fn a_package_without_tracking_keeps_what_is_known_of_its_way() {
        let mut stored = package(PackageStatus::Fulfilling);
        stored.tracking = vec![event(TrackingCode::InTransit, 20)];
        let mut newer = package(PackageStatus::Completed);
        newer.update_time = NOW;
        let document = write(Some(&stored), newer).unwrap().document().unwrap();
        assert_eq!(document.tracking, stored.tracking);
        assert_eq!(delivered_at(&document), Some(NOW));
    }

    #[test]
    fn tracking_is_bounded() {
        let events = |count: u64| (0..count).map(|at| event(TrackingCode::InTransit, at)).collect::<Vec<_>>();
        let stored = package(PackageStatus::Fulfilling);
        assert_eq!(field_of(track(&stored, events(201), NOW)), "tracking");
        let full = track(&stored, events(200), NOW).unwrap().document().unwrap();
        assert_eq!(field_of(track(&full, vec![event(TrackingCode::Delivered, 0)], NOW)), "tracking");
    }

    #[test]
    fn a_package_goes_forward_only_and_the_older_is_left_out() {
        let stored = package(PackageStatus::Completed);
        assert_eq!(field_of(write(Some(&stored), package(PackageStatus::Fulfilling))), "status");
        let mut older = package(PackageStatus::Fulfilling);
        older.update_time = stored.update_time.minus(DAY);
        assert_eq!(write(Some(&stored), older).unwrap(), Write::Stale);
        assert_eq!(write(Some(&stored), stored.clone()).unwrap(), Write::Unchanged);
        assert!(PackageStatus::Fulfilling.may_become(PackageStatus::Cancelled));
        assert!(!PackageStatus::Completed.may_become(PackageStatus::Cancelled));
        assert!(!PackageStatus::Cancelled.may_become(PackageStatus::ToFulfill));
    }
}
