//! The logistics card: where a parcel is, when it is expected, and what was heard of it last.

use deskwire_protocol::{
    Timestamp,
    card::{Card, CardItem, CardKind, CardStatus, Tone},
    logistics::{Package, PackageStatus, TrackingCode, TrackingEvent},
    order::Order,
};

use super::{
    Rendering,
    draft::{self, Draft},
    first_after, order,
    text::{self, ITEM_CHARS, SENTENCE_CHARS, WORD_CHARS},
};
use crate::{locale::Speech, rules};

/// A parcel of an order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parcel<'a> {
    /// The order, for the names of what is in the parcel.
    pub(crate) order: &'a Order,
    /// All of its packages, for which of them this is.
    pub(crate) packages: &'a [Package],
    /// This one.
    pub(crate) package: &'a Package,
}

/// A parcel, as the buyer may see it.
pub(crate) fn render(parcel: Parcel<'_>, rendering: &Rendering<'_>) -> Card {
    let Parcel { order, package, .. } = parcel;
    let speech = rendering.speech;
    let mut card = Draft::new(
        CardKind::Logistics,
        package.id.as_str(),
        title(parcel, speech),
        status(parcel, rendering),
    );
    card.image = contents(parcel).find_map(|item| item.image);

    let latest = package.tracking.first();
    card.optional_field(speech.latest_event(), latest.map(|event| told(event, rendering)));
    if let Some(delivered) = rules::logistics::delivered_at(package) {
        card.field(speech.delivered_on(), rendering.moment(delivered));
    } else if package.status != PackageStatus::Cancelled {
        let label = if is_late(package, rendering.now) { speech.was_expected() } else { speech.expected() };
        card.optional_field(label, expected(package, rendering));
    }
    for (label, value) in [
        (speech.carrier(), &package.shipping_provider),
        (speech.tracking_id(), &package.tracking_number),
        (speech.delivery_option(), &package.delivery_option_name),
        (speech.postal_code(), &package.postal_code),
    ] {
        card.optional_field(label, text::optional_line(value.as_ref(), WORD_CHARS));
    }
    let pieces = package.line_items.iter().map(|item| u64::from(item.quantity)).sum();
    if pieces > 0 {
        card.field(speech.contents(), speech.pieces(pieces));
    }
    card.items = contents(parcel).collect();
    card.actions.push(order::track(order, rendering));
    card.finish(rendering)
}

/// When the card next looks different though nothing was heard of the parcel: when it is later than expected.
pub(crate) fn next_change(parcel: Parcel<'_>, now: Timestamp) -> Option<Timestamp> {
    first_after(now, [late_from(parcel.package)])
}

fn title(Parcel { order, packages, package }: Parcel<'_>, speech: &Speech) -> String {
    let order = text::line(order.id.as_str(), ITEM_CHARS).unwrap_or_default();
    let place = packages.iter().position(|other| other.id == package.id);
    match (place, packages.len()) {
        (Some(place), total @ 2..) => {
            let count = |count| speech.count(u64::try_from(count).unwrap_or(u64::MAX));
            speech.parcel_of(&count(place + 1), &count(total), &order)
        }
        _ => speech.parcel(&order),
    }
}

/// What the carrier says, once it says anything; what the shop says before, and of parcels that end.
fn status(Parcel { package, .. }: Parcel<'_>, rendering: &Rendering<'_>) -> CardStatus {
    let speech = rendering.speech;
    let late = is_late(package, rendering.now);
    let on_time = |tone| if late { Tone::Warning } else { tone };
    match package.status {
        PackageStatus::Cancelled => {
            return draft::status(package.status, speech.parcel_cancelled(), Tone::Danger);
        }
        PackageStatus::Completed => {
            return draft::status(TrackingCode::Delivered, speech.tracking_delivered(), Tone::Success);
        }
        PackageStatus::ToFulfill | PackageStatus::Processing | PackageStatus::Fulfilling => {}
    }
    let Some(TrackingEvent { code, .. }) = package.tracking.first() else {
        let label = match package.status {
            PackageStatus::ToFulfill => speech.parcel_preparing(),
            PackageStatus::Processing => speech.parcel_packing(),
            PackageStatus::Fulfilling => speech.parcel_on_its_way(),
            PackageStatus::Completed => speech.tracking_delivered(),
            PackageStatus::Cancelled => speech.parcel_cancelled(),
        };
        return draft::status(package.status, label, on_time(Tone::Neutral));
    };
    let (label, tone) = match code {
        TrackingCode::Pending => (speech.tracking_pending(), on_time(Tone::Neutral)),
        TrackingCode::InfoReceived => (speech.tracking_info_received(), on_time(Tone::Neutral)),
        TrackingCode::InTransit => (speech.parcel_on_its_way(), on_time(Tone::Info)),
        TrackingCode::OutForDelivery => (speech.tracking_out_for_delivery(), on_time(Tone::Info)),
        TrackingCode::AttemptFail => (speech.tracking_attempt_fail(), Tone::Warning),
        TrackingCode::Delivered => (speech.tracking_delivered(), Tone::Success),
        TrackingCode::AvailableForPickup => (speech.tracking_available_for_pickup(), Tone::Warning),
        TrackingCode::Exception => (speech.tracking_exception(), Tone::Danger),
        TrackingCode::Expired => (speech.tracking_expired(), Tone::Warning),
    };
    draft::status(code, label, tone)
}

/// `description, location · time`, in the carrier's words.
fn told(event: &TrackingEvent, rendering: &Rendering<'_>) -> String {
    let what = [Some(&event.description), event.location.as_ref()];
    let what: Vec<_> = what
        .into_iter()
        .filter_map(|part| text::optional_line(part, SENTENCE_CHARS / 2))
        .map(|part| crate::locale::isolated(&part))
        .collect();
    let time = rendering.moment(event.update_time);
    if what.is_empty() { time } else { format!("{} · {time}", what.join(", ")) }
}

fn expected(package: &Package, rendering: &Rendering<'_>) -> Option<String> {
    let (min, max) = (package.predict_delivery_time_min, package.predict_delivery_time_max);
    let (from, to) = (min.or(max)?, max.or(min)?);
    Some(rendering.speech.days(from, to, rendering.zone))
}

/// From when a parcel that has not come counts as late; never once it came or will not come.
fn late_from(package: &Package) -> Option<Timestamp> {
    let ended =
        package.status == PackageStatus::Cancelled || rules::logistics::delivered_at(package).is_some();
    package.predict_delivery_time_max.filter(|_| !ended)
}

fn is_late(package: &Package, now: Timestamp) -> bool {
    late_from(package).is_some_and(|time| time <= now)
}

/// What is in the parcel, by the names of the order.
fn contents(Parcel { order, package, .. }: Parcel<'_>) -> impl Iterator<Item = CardItem> + '_ {
    package.line_items.iter().filter_map(|packed| {
        let item = order.line_items.iter().find(|item| item.id == packed.id)?;
        Some(CardItem { quantity: Some(packed.quantity), ..order::thing(item) })
    })
}
