//! Cards: things of the shop, rendered so that any client can draw them. Pure: what is shown is passed in.
//!
//! Invariant: the same input gives the same card, byte for byte. Nothing on a card runs with the clock; what changes by
//! time alone changes at moments that `next_change` tells, so that a card is rendered again then and not before.
//!
//! Never on a card: the shop's notes, why a coupon was issued, addresses and phone numbers. A card stays in the
//! conversation for good, as sent and as shown.

mod draft;
mod link;
mod text;
mod twin;

pub(crate) mod coupon;
pub(crate) mod logistics;
pub(crate) mod order;
pub(crate) mod product;
pub(crate) mod return_refund;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod samples;

use deskwire_protocol::{
    Timestamp,
    card::{ActionName, Card, CardAct},
    ids::ShopId,
};

#[cfg(test)]
pub(crate) use draft::{CARD_BYTES, ITEMS};
pub use link::{LinkError, LinkTemplates, Links};

use crate::locale::{Speech, Zone};

/// What a rendering depends on beside the thing itself.
#[derive(Clone, Copy)]
pub(crate) struct Rendering<'a> {
    /// The buyer's language.
    pub(crate) speech: &'a Speech,
    /// The shop's time zone.
    pub(crate) zone: &'a Zone,
    /// Decides between states only (before and after a deadline); it is never written down.
    pub(crate) now: Timestamp,
    /// Whose pages the links lead to.
    pub(crate) shop_id: &'a ShopId,
    /// Where those pages are.
    pub(crate) links: &'a Links,
    /// What the buyer did on the card, in order; at most one of each kind.
    pub(crate) acts: &'a [CardAct],
}

impl Rendering<'_> {
    /// Something that has happened.
    fn moment(&self, time: Timestamp) -> String {
        self.speech.moment(time, self.zone)
    }

    /// Something that binds.
    fn deadline(&self, time: Timestamp) -> String {
        self.speech.deadline(time, self.zone)
    }

    /// From one such moment to another.
    fn deadlines(&self, from: Timestamp, to: Timestamp) -> String {
        self.speech.from_to(&self.moment(from), &self.deadline(to))
    }

    /// Whether the buyer did this already.
    fn acted(&self, action: ActionName) -> bool {
        self.acts.iter().any(|act| act.action == action)
    }
}

/// Whether a rendering tells anything that the one before did not: it is a revision only then.
pub(crate) fn differs(old: &Card, new: &Card) -> bool {
    Card { revision: old.revision, ..new.clone() } != *old
}

/// The first of some moments that is still ahead.
fn first_after(now: Timestamp, moments: impl IntoIterator<Item = Option<Timestamp>>) -> Option<Timestamp> {
    moments.into_iter().flatten().filter(|moment| *moment > now).min()
}
