//! The coupon card: what it takes off, under which conditions, and whether this buyer can claim it, has it, or used it.

use deskwire_protocol::{
    Timestamp, UserId,
    card::{ActionName, Card, CardAction, CardKind, CardStatus, NotSendableCode, Tone},
    coupon::{
        Claim, Coupon, CouponStatus, DiscountType, DisplayType, ProductScope, RedemptionType, ThresholdType,
    },
};
use serde_json::json;

use super::{
    Rendering,
    draft::{self, Draft},
    first_after,
    text::{self, NAME_CHARS},
};
use crate::{locale::Speech, rules};

/// Up to how many claims that are left are told by number: a card that told each claim of a coupon sent to many would
/// be rendered again in all their conversations, and says nothing more to a buyer.
const FEW: u32 = 10;

/// A coupon in the eyes of one buyer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offer<'a> {
    /// Which.
    pub(crate) coupon: &'a Coupon,
    /// Who sees the card.
    pub(crate) buyer_id: &'a UserId,
    /// All that this buyer has of it.
    pub(crate) claims: &'a [Claim],
}

/// How a coupon stands for its buyer.
#[derive(Debug, Clone, Copy)]
enum Standing<'a> {
    /// Can be claimed.
    Claimable,
    /// Claimed, and can be used; whether it can be claimed once more.
    Claimed { claim: &'a Claim, again: bool },
    /// Claimed, and all used.
    Used,
    /// Claimed, and not used in time.
    Lapsed,
    /// Cannot be claimed, and why.
    Not(NotSendableCode),
}

/// A coupon, as its buyer may see it.
pub(crate) fn render(offer: Offer<'_>, rendering: &Rendering<'_>) -> Card {
    let Offer { coupon, claims, .. } = offer;
    let speech = rendering.speech;
    let standing = standing(offer, rendering.now);
    let title = text::line(&coupon.title, NAME_CHARS)
        .or_else(|| text::line(coupon.id.as_str(), NAME_CHARS))
        .unwrap_or_default();
    let mut card = Draft::new(CardKind::Coupon, coupon.id.as_str(), title, status(standing, speech));
    card.subtitle = discount(coupon, speech);
    conditions(&mut card, offer, standing, rendering);

    let number = rules::coupons::next_number(claims);
    card.actions.push(CardAction {
        action: ActionName::Claim,
        label: speech.do_claim(),
        url: None,
        method: Some("buyer.coupons.claim".into()),
        params: Some(json!({ "coupon_id": coupon.id, "number": number })),
        enabled: match standing {
            Standing::Claimable | Standing::Claimed { again: true, .. } => true,
            Standing::Claimed { again: false, .. } | Standing::Used | Standing::Lapsed | Standing::Not(_) => {
                false
            }
        },
    });
    let page = rendering.links.coupon_detail(rendering.shop_id, &coupon.id);
    card.page(ActionName::Open, speech.do_open(), page);
    card.finish(rendering)
}

/// When the card next looks different though nobody claimed: when the coupon begins or ends, or what the buyer has of it
/// lapses.
pub(crate) fn next_change(offer: Offer<'_>, now: Timestamp) -> Option<Timestamp> {
    let Offer { coupon, claims, .. } = offer;
    let unused = claims.iter().filter(|claim| claim.order_id.is_none());
    let ends = unused.map(|claim| Some(claim.end_time));
    let ended = coupon.status == CouponStatus::Deactivated;
    let duration = coupon.claim_duration;
    let own = [Some(duration.start_time), Some(duration.end_time), coupon.redemption_duration.end_time];
    first_after(now, own.into_iter().filter(|_| !ended).chain(ends))
}

/// What the buyer has comes first: it stays usable whatever became of the coupon.
fn standing(offer: Offer<'_>, now: Timestamp) -> Standing<'_> {
    let Offer { coupon, buyer_id, claims } = offer;
    let claimable = rules::coupons::sendable(coupon, claims, buyer_id, now);
    if claimable == Err(NotSendableCode::NotFound) {
        return Standing::Not(NotSendableCode::NotFound);
    }
    let unused = || claims.iter().filter(|claim| claim.order_id.is_none());
    let usable = unused().filter(|claim| now < claim.end_time).min_by_key(|claim| claim.end_time);
    match (usable, claimable) {
        (Some(claim), claimable) => Standing::Claimed { claim, again: claimable.is_ok() },
        (None, Ok(())) => Standing::Claimable,
        (None, Err(_)) if unused().next().is_some() => Standing::Lapsed,
        (None, Err(_)) if !claims.is_empty() => Standing::Used,
        (None, Err(why)) => Standing::Not(why),
    }
}

fn status(standing: Standing<'_>, speech: &Speech) -> CardStatus {
    let why = match standing {
        Standing::Claimable => {
            return draft::status(CouponStatus::Ongoing, speech.coupon_claimable(), Tone::Info);
        }
        Standing::Claimed { .. } => return draft::status("CLAIMED", speech.coupon_claimed(), Tone::Success),
        Standing::Used => return draft::status("REDEEMED", speech.coupon_used(), Tone::Neutral),
        Standing::Lapsed => {
            return draft::status(CouponStatus::Expired, speech.coupon_expired(), Tone::Danger);
        }
        Standing::Not(why) => why,
    };
    match why {
        NotSendableCode::NotStarted => {
            draft::status(CouponStatus::NotStart, speech.coupon_not_started(), Tone::Neutral)
        }
        NotSendableCode::Expired => {
            draft::status(CouponStatus::Expired, speech.coupon_expired(), Tone::Danger)
        }
        NotSendableCode::Deactivated => {
            draft::status(CouponStatus::Deactivated, speech.coupon_ended(), Tone::Danger)
        }
        NotSendableCode::Exhausted => draft::status(why, speech.coupon_exhausted(), Tone::Danger),
        NotSendableCode::AlreadyClaimed => draft::status("CLAIMED", speech.coupon_claimed(), Tone::Success),
        // Another buyer's coupon; the others are no reasons of a coupon. Nothing is told of why.
        NotSendableCode::NotFound
        | NotSendableCode::ChatInactive
        | NotSendableCode::NoLogistics
        | NotSendableCode::NotEligible
        | NotSendableCode::NotLive
        | NotSendableCode::OutOfStock => {
            draft::status("UNAVAILABLE", speech.coupon_not_yours(), Tone::Neutral)
        }
    }
}

/// What it takes off.
fn discount(coupon: &Coupon, speech: &Speech) -> Option<String> {
    let discount = &coupon.discount;
    match discount.kind {
        DiscountType::AmountOff => Some(speech.amount_off(&speech.money(discount.reduction_amount?))),
        DiscountType::PercentOff => {
            let percent = speech.percent(discount.percentage?);
            Some(match discount.max_discount {
                Some(max) => speech.percent_off_up_to(&percent, &speech.money(max)),
                None => speech.percent_off(&percent),
            })
        }
    }
}

fn conditions(card: &mut Draft, offer: Offer<'_>, standing: Standing<'_>, rendering: &Rendering<'_>) {
    let Offer { coupon, claims, .. } = offer;
    let speech = rendering.speech;
    match standing {
        Standing::Claimed { claim, .. } => {
            let until = if claim.start_time > claim.claim_time {
                (speech.usable(), rendering.deadlines(claim.start_time, claim.end_time))
            } else {
                (speech.use_by(), rendering.deadline(claim.end_time))
            };
            card.field(until.0, until.1);
        }
        Standing::Claimable => {
            card.field(speech.claim_by(), rendering.deadline(coupon.claim_duration.end_time));
            card.optional_field(speech.usable(), usable(coupon, rendering));
        }
        Standing::Not(NotSendableCode::NotStarted) => {
            card.field(speech.claim_from(), rendering.deadline(coupon.claim_duration.start_time));
            card.optional_field(speech.usable(), usable(coupon, rendering));
        }
        Standing::Used | Standing::Lapsed | Standing::Not(_) => {}
    }
    let min_spend = match coupon.threshold.kind {
        ThresholdType::None => Some(speech.no_min_spend()),
        ThresholdType::MinSpend => coupon.threshold.min_spend.map(|amount| speech.money(amount)),
    };
    card.optional_field(speech.min_spend(), min_spend);
    let scope = match coupon.product_scope {
        ProductScope::FullShop => speech.all_products(),
        ProductScope::SpecificProducts => {
            speech.some_products(u64::try_from(coupon.product_ids.len()).unwrap_or(u64::MAX))
        }
    };
    card.field(speech.valid_for(), scope);
    match coupon.display_type {
        DisplayType::Regular => {}
        DisplayType::Chat => card.field(speech.personal(), speech.only_you()),
    }
    let limit = coupon.usage_limits.single_buyer_claim_limit;
    if limit > 1 {
        card.field(speech.per_buyer(), speech.times(u64::from(limit)));
    }
    let claimable = matches!(standing, Standing::Claimable | Standing::Claimed { again: true, .. });
    let left = rules::coupons::remaining(coupon).filter(|left| (1..=FEW).contains(left));
    // Of a coupon for one the one that is left is no news.
    let shared = coupon.display_type == DisplayType::Regular;
    if let Some(left) = left.filter(|_| claimable && shared) {
        card.field(speech.left(), speech.coupons_few(&speech.count(u64::from(left))));
    }
    debug_assert!(claims.iter().all(|claim| claim.coupon_id == coupon.id), "claims of another coupon");
}

/// When it can be used, once claimed.
fn usable(coupon: &Coupon, rendering: &Rendering<'_>) -> Option<String> {
    let duration = &coupon.redemption_duration;
    match duration.kind {
        RedemptionType::Absolute => Some(rendering.deadlines(duration.start_time?, duration.end_time?)),
        RedemptionType::Relative => {
            Some(rendering.speech.days_after_claim(u64::from(duration.relative_days?)))
        }
    }
}
