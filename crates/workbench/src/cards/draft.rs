//! A card being made: what the kinds have in common, and the bounds that every card keeps.

use deskwire_protocol::card::{
    ActionName, Card, CardAction, CardField, CardItem, CardKind, CardStatus, Tone,
};
use serde_json::Value;

use super::{Rendering, text, twin};

/// The most things on a card; of more, a last line says how many.
pub(crate) const ITEMS: usize = 20;

/// The longest card as JSON, in bytes.
pub(crate) const CARD_BYTES: usize = 16 * 1024;

/// What a card keeps of its things and its text, from all to what fits in any case: the most things, and the most
/// characters of any text.
const FITS: [(usize, usize); 7] =
    [(ITEMS, text::SENTENCE_CHARS), (10, 300), (5, 300), (5, 120), (2, 80), (0, 80), (0, 40)];

/// A card before it is bounded and told in words.
pub(super) struct Draft {
    pub(super) kind: CardKind,
    pub(super) reference: String,
    pub(super) title: String,
    pub(super) subtitle: Option<String>,
    pub(super) image: Option<String>,
    pub(super) status: CardStatus,
    pub(super) fields: Vec<CardField>,
    /// All of them; the bounds are kept by [`Draft::finish`].
    pub(super) items: Vec<CardItem>,
    pub(super) actions: Vec<CardAction>,
}

impl Draft {
    pub(super) fn new(kind: CardKind, reference: &str, title: String, status: CardStatus) -> Self {
        Self {
            kind,
            reference: reference.to_owned(),
            title,
            subtitle: None,
            image: None,
            status,
            fields: Vec::new(),
            items: Vec::new(),
            actions: Vec::new(),
        }
    }

    /// A line.
    pub(super) fn field(&mut self, label: String, value: String) {
        self.fields.push(CardField { label, value });
    }

    /// A line, where there is something to say.
    pub(super) fn optional_field(&mut self, label: String, value: Option<String>) {
        if let Some(value) = value {
            self.field(label, value);
        }
    }

    /// A button that leads to a page.
    pub(super) fn page(&mut self, action: ActionName, label: String, url: String) {
        self.actions.push(CardAction {
            action,
            label,
            url: Some(url),
            method: None,
            params: None,
            enabled: true,
        });
    }

    /// The card, within its bounds and with its twin in words.
    pub(super) fn finish(self, rendering: &Rendering<'_>) -> Card {
        let mut card = self.fitted(rendering, FITS[0]);
        for fit in &FITS[1..] {
            if bytes(&card) <= CARD_BYTES {
                break;
            }
            card = self.fitted(rendering, *fit);
        }
        card
    }

    fn fitted(&self, rendering: &Rendering<'_>, (items, chars): (usize, usize)) -> Card {
        let short = |line: &String| text::shortened(line.clone(), chars);
        let mut card = Card {
            kind: self.kind,
            reference: self.reference.clone(),
            revision: 0,
            title: short(&self.title),
            subtitle: self.subtitle.as_ref().map(short),
            image: self.image.clone(),
            status: self.status.clone(),
            fields: self
                .fields
                .iter()
                .map(|field| CardField { label: field.label.clone(), value: short(&field.value) })
                .collect(),
            items: self
                .items
                .iter()
                .take(items)
                .map(|item| CardItem {
                    title: short(&item.title),
                    detail: item.detail.as_ref().map(short),
                    ..item.clone()
                })
                .collect(),
            actions: self.actions.clone(),
            acts: rendering.acts.to_vec(),
            text: String::new(),
            locale: rendering.speech.locale().tag().into(),
        };
        let left = self.items.len().saturating_sub(items);
        if left > 0 {
            let left = u64::try_from(left).unwrap_or(u64::MAX);
            card.items.push(item(rendering.speech.and_more(left)));
        }
        card.text = twin::text(&card, rendering);
        card
    }
}

/// How long a card is on the wire.
fn bytes(card: &Card) -> usize {
    serde_json::to_string(card).map_or(usize::MAX, |json| json.len())
}

/// A thing with a name only.
pub(super) fn item(title: String) -> CardItem {
    CardItem { image: None, title, detail: None, quantity: None, price: None }
}

/// A status: its name for programs, as on the wire.
pub(super) fn status(code: impl serde::Serialize, label: String, tone: Tone) -> CardStatus {
    let code = match serde_json::to_value(code) {
        Ok(Value::String(code)) => code,
        Ok(_) | Err(_) => String::new(),
    };
    CardStatus { code, label, tone }
}
