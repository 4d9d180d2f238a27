//! The plain-text twin of a card: everything on it in words, for clients that draw no cards.

use deskwire_protocol::card::{ActionName, Card, CardItem};

use super::Rendering;
use crate::locale::{Speech, isolated};

/// All of a card in lines. Names that are written from right to left keep to themselves, so that they do not turn about
/// the words beside them.
pub(super) fn text(card: &Card, rendering: &Rendering<'_>) -> String {
    let speech = rendering.speech;
    let mut lines = vec![isolated(&card.title)];
    lines.extend(card.subtitle.as_deref().map(isolated));
    lines.push(labelled(&speech.status(), &card.status.label));
    lines.extend(card.fields.iter().map(|field| labelled(&field.label, &field.value)));
    lines.extend(card.items.iter().map(item));
    for act in &card.acts {
        lines.push(format!("{} · {}", did(act.action, speech), rendering.moment(act.act_time)));
    }
    let mut told: Vec<&str> = Vec::new();
    for action in card.actions.iter().filter(|action| action.enabled) {
        // Of several buttons that lead to one page the first names it.
        if let Some(url) = action.url.as_deref().filter(|url| !told.contains(url)) {
            told.push(url);
            lines.push(labelled(&action.label, url));
        }
    }
    lines.join("\n")
}

fn labelled(label: &str, value: &str) -> String {
    format!("{label}: {}", isolated(value))
}

/// `2 × Name (variant) – price`.
fn item(item: &CardItem) -> String {
    let mut line = "• ".to_owned();
    if let Some(quantity) = item.quantity {
        line += &format!("{quantity} × ");
    }
    line += &isolated(&item.title);
    if let Some(detail) = &item.detail {
        line += &format!(" ({})", isolated(detail));
    }
    if let Some(price) = &item.price {
        line += &format!(" – {price}");
    }
    line
}

fn did(action: ActionName, speech: &Speech) -> String {
    match action {
        ActionName::Open => speech.did_open(),
        ActionName::Confirm => speech.did_confirm(),
        ActionName::Track => speech.did_track(),
        ActionName::RequestReturn => speech.did_request_return(),
        ActionName::PlaceOrder => speech.did_place_order(),
        ActionName::Claim => speech.did_claim(),
    }
}
