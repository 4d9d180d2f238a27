//! How coupons are made: a regular one, one like another, and a personalized one that makes something good.

use std::time::Duration;

use deskwire_protocol::{
    Timestamp, UserId,
    coupon::{
        ClaimDuration, Coupon, CouponCreateParams, CouponDuplicateParams, CouponIssueParams, CouponStatus,
        DisplayType, Issue, ProductScope, RedemptionDuration, RedemptionType, UsageLimits,
    },
    ids::CouponId,
    order::Order,
};

use super::{
    check::{REASON_CHARS, check, check_end},
    standing,
};
use crate::{error::WorkbenchError, rules::fields};

const DAY: Duration = Duration::from_hours(24);

/// A regular coupon.
pub(crate) fn create(
    params: &CouponCreateParams,
    id: CouponId,
    now: Timestamp,
) -> Result<Coupon, WorkbenchError> {
    let CouponCreateParams {
        client_coupon_id: _,
        title,
        discount,
        threshold,
        product_scope,
        product_ids,
        claim_duration,
        redemption_duration,
        usage_limits,
    } = params.clone();
    made(
        &Coupon {
            id,
            title,
            status: CouponStatus::NotStart,
            display_type: DisplayType::Regular,
            discount,
            threshold,
            product_scope,
            product_ids,
            claim_duration,
            redemption_duration,
            usage_limits,
            issue: None,
            claimed_count: 0,
            redeemed_count: 0,
            remaining: None,
            create_time: now,
            update_time: now,
            version: 1,
            link: None,
        },
        now,
    )
}

/// A coupon like another, with nothing claimed. Times to use it that are told by the calendar move with the times to
/// claim it.
pub(crate) fn duplicate(
    like: &Coupon,
    params: &CouponDuplicateParams,
    id: CouponId,
    now: Timestamp,
) -> Result<Coupon, WorkbenchError> {
    let old = like.claim_duration;
    let claim_duration = params.claim_duration.unwrap_or_else(|| ClaimDuration {
        start_time: now,
        end_time: now.plus(old.end_time.since(old.start_time)),
    });
    let moved = |time: Timestamp, from: Timestamp, to: Timestamp| {
        let by = to.millis().saturating_sub(from.millis());
        Timestamp::from_millis(time.millis().saturating_add(by))
    };
    let redemption_duration = RedemptionDuration {
        start_time: like
            .redemption_duration
            .start_time
            .map(|time| moved(time, old.start_time, claim_duration.start_time)),
        end_time: like
            .redemption_duration
            .end_time
            .map(|time| moved(time, old.end_time, claim_duration.end_time)),
        ..like.redemption_duration.clone()
    };
    made(
        &Coupon {
            id,
            title: params.title.clone().unwrap_or_else(|| like.title.clone()),
            status: CouponStatus::NotStart,
            claim_duration,
            redemption_duration,
            claimed_count: 0,
            redeemed_count: 0,
            remaining: None,
            create_time: now,
            update_time: now,
            version: 1,
            link: None,
            ..like.clone()
        },
        now,
    )
}

/// A personalized coupon: one claim of one buyer, used once, to make something good. The order that it makes good must
/// be this buyer's.
pub(crate) fn issue(
    params: &CouponIssueParams,
    buyer_id: &UserId,
    order: Option<&Order>,
    id: CouponId,
    now: Timestamp,
) -> Result<Coupon, WorkbenchError> {
    if let Some(order_id) = &params.order_id
        && order.is_none_or(|order| order.id != *order_id || order.user_id != *buyer_id)
    {
        return Err(WorkbenchError::NotFound);
    }
    if !(1..=365).contains(&params.valid_days) {
        return Err(WorkbenchError::invalid("valid_days", "must be 1 to 365"));
    }
    fields::text("reason", &params.reason, REASON_CHARS)?;
    let end_time = now.plus(DAY * params.valid_days);
    let issue = Issue {
        buyer_id: buyer_id.clone(),
        reason: params.reason.clone(),
        order_id: params.order_id.clone(),
    };
    made(
        &Coupon {
            id,
            title: params.title.clone(),
            status: CouponStatus::Ongoing,
            display_type: DisplayType::Chat,
            discount: params.discount.clone(),
            threshold: params.threshold.clone(),
            product_scope: ProductScope::FullShop,
            product_ids: Vec::new(),
            claim_duration: ClaimDuration { start_time: now, end_time },
            redemption_duration: RedemptionDuration {
                kind: RedemptionType::Absolute,
                start_time: Some(now),
                end_time: Some(end_time),
                relative_days: None,
            },
            usage_limits: UsageLimits {
                total_claim_limit: Some(1),
                single_buyer_claim_limit: 1,
                redemption_limit: Some(1),
            },
            issue: Some(issue),
            claimed_count: 0,
            redeemed_count: 0,
            remaining: None,
            create_time: now,
            update_time: now,
            version: 1,
            link: None,
        },
        now,
    )
}

/// Checked, with the status of its time.
fn made(coupon: &Coupon, now: Timestamp) -> Result<Coupon, WorkbenchError> {
    check(coupon)?;
    check_end(coupon, now)?;
    Ok(standing(coupon, now))
}

#[cfg(test)]
mod tests {
    use deskwire_protocol::{ConversationId, ids::ClientCouponId, order::OrderStatus};

    use super::*;
    use crate::rules::samples::{NOW, buyer, coupon, field_of, order};

    fn id(id: &str) -> CouponId {
        CouponId::new(id).unwrap()
    }

    #[test]
    fn a_coupon_is_made_with_the_status_of_its_time() {
        let make = |start: Timestamp, end: Timestamp| {
            let like = coupon();
            create(
                &CouponCreateParams {
                    client_coupon_id: ClientCouponId::new("x").unwrap(),
                    title: like.title,
                    discount: like.discount,
                    threshold: like.threshold,
                    product_scope: like.product_scope,
                    product_ids: like.product_ids,
                    claim_duration: ClaimDuration { start_time: start, end_time: end },
                    redemption_duration: like.redemption_duration,
                    usage_limits: like.usage_limits,
                },
                id("c-9"),
                NOW,
            )
        };
        let now = make(NOW, NOW.plus(DAY)).unwrap();
        assert_eq!((now.status, now.remaining, now.version), (CouponStatus::Ongoing, Some(10), 1));
        let later = make(NOW.plus(DAY), NOW.plus(DAY * 2)).unwrap();
        assert_eq!(later.status, CouponStatus::NotStart);
        assert_eq!(field_of(make(NOW.minus(DAY), NOW)), "claim_duration.end_time");
    }

    #[test]
    fn a_duplicate_has_times_of_its_own_and_nothing_claimed() {
        let mut like = coupon();
        like.claimed_count = 7;
        like.status = CouponStatus::Deactivated;
        like.redemption_duration = RedemptionDuration {
            kind: RedemptionType::Absolute,
            start_time: Some(like.claim_duration.start_time.plus(DAY)),
            end_time: Some(like.claim_duration.end_time.plus(DAY)),
            relative_days: None,
        };
        let params = CouponDuplicateParams {
            coupon_id: id("c-1"),
            client_coupon_id: ClientCouponId::new("x").unwrap(),
            title: None,
            claim_duration: None,
        };
        let copy = duplicate(&like, &params, id("c-2"), NOW).unwrap();
        assert_eq!((copy.claimed_count, copy.remaining, copy.version), (0, Some(10), 1));
        assert_eq!((copy.status, copy.claim_duration.end_time), (CouponStatus::Ongoing, NOW.plus(DAY * 6)));
        assert_eq!(copy.redemption_duration.start_time, Some(NOW.plus(DAY)));
        assert_eq!(copy.redemption_duration.end_time, Some(NOW.plus(DAY * 7)));
    }

    #[test]
    fn a_personalized_coupon_is_for_one_buyer_and_that_buyers_order() {
        let like = coupon();
        let params = CouponIssueParams {
            conversation_id: ConversationId::new(1).unwrap(),
            client_coupon_id: ClientCouponId::new("x").unwrap(),
            title: "Sorry".into(),
            discount: like.discount,
            threshold: like.threshold,
            reason: "The parcel was late.".into(),
            order_id: Some(order(OrderStatus::Delivered).id),
            valid_days: 30,
        };
        let of_order = order(OrderStatus::Delivered);
        let issued = issue(&params, &buyer("b-1"), Some(&of_order), id("c-9"), NOW).unwrap();
        assert_eq!((issued.display_type, issued.remaining), (DisplayType::Chat, Some(1)));
        assert_eq!(issued.issue.as_ref().map(|issue| &issue.buyer_id), Some(&buyer("b-1")));
        assert_eq!(issued.claim_duration.end_time, NOW.plus(DAY * 30));
        for (who, order) in [("b-2", Some(&of_order)), ("b-1", None)] {
            assert!(matches!(
                issue(&params, &buyer(who), order, id("c-9"), NOW),
                Err(WorkbenchError::NotFound)
            ));
        }
        let silent = CouponIssueParams { reason: " ".into(), ..params };
        assert_eq!(field_of(issue(&silent, &buyer("b-1"), Some(&of_order), id("c-9"), NOW)), "reason");
    }
}
