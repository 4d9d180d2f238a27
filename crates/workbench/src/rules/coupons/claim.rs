//! Who may claim a coupon: within its time and its limits, a personalized one by its buyer only, and by one number once.

use std::time::Duration;

use deskwire_protocol::{
    Timestamp, UserId,
    card::NotSendableCode,
    coupon::{Claim, Coupon, CouponStatus, DisplayType, RedemptionType},
};

use super::{remaining, status_at};
use crate::{error::WorkbenchError, rules::refusal::refused};

const DAY: Duration = Duration::from_hours(24);

/// What came of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Claimed {
    /// One more.
    New {
        /// With one claim more.
        coupon: Box<Coupon>,
        /// What the buyer has now.
        claim: Claim,
    },
    /// Claimed by this number before: what the buyer has.
    Already(Claim),
}

/// Decides a claim; `claims` are all that this buyer has of the coupon.
pub(crate) fn claim(
    coupon: &Coupon,
    claims: &[Claim],
    buyer_id: &UserId,
    number: u32,
    now: Timestamp,
) -> Result<Claimed, WorkbenchError> {
    if !is_for(coupon, buyer_id) {
        return Err(WorkbenchError::NotFound);
    }
    // First of all: a repeat gets its answer, whatever became of the coupon meanwhile.
    if let Some(claim) = claims.iter().find(|claim| claim.number == number) {
        return Ok(Claimed::Already(claim.clone()));
    }
    let limit = coupon.usage_limits.single_buyer_claim_limit;
    if !(1..=limit).contains(&number) {
        return Err(WorkbenchError::invalid(
            "number",
            format_args!("must be 1 to {limit}, as often as a buyer may claim this coupon"),
        ));
    }
    claimed(coupon, claims, number, now)
}

/// Decides a claim on a card that was not claimed on before: one more, by the next number.
pub(crate) fn claim_next(
    coupon: &Coupon,
    claims: &[Claim],
    buyer_id: &UserId,
    now: Timestamp,
) -> Result<Claimed, WorkbenchError> {
    if !is_for(coupon, buyer_id) {
        return Err(WorkbenchError::NotFound);
    }
    claimed(coupon, claims, next_number(claims), now)
}

/// The number of a buyer's next claim.
pub(crate) fn next_number(claims: &[Claim]) -> u32 {
    let is_free = |number: &u32| claims.iter().all(|claim| claim.number != *number);
    (1..=u32::MAX).find(is_free).unwrap_or(u32::MAX)
}

fn claimed(
    coupon: &Coupon,
    claims: &[Claim],
    number: u32,
    now: Timestamp,
) -> Result<Claimed, WorkbenchError> {
    claimable(coupon, claims, now).map_err(refused)?;
    let (start_time, end_time) = redemption_window(coupon, now);
    let claim =
        Claim { coupon_id: coupon.id.clone(), number, claim_time: now, start_time, end_time, order_id: None };
    let coupon = Coupon { claimed_count: coupon.claimed_count.saturating_add(1), ..coupon.clone() };
    Ok(Claimed::New { coupon: Box::new(coupon), claim })
}

/// Whether the coupon's card may be sent to a buyer who has these claims of it.
pub(crate) fn sendable(
    coupon: &Coupon,
    claims: &[Claim],
    buyer_id: &UserId,
    now: Timestamp,
) -> Result<(), NotSendableCode> {
    if !is_for(coupon, buyer_id) {
        return Err(NotSendableCode::NotFound);
    }
    claimable(coupon, claims, now)
}

/// Whether a buyer may know of the coupon.
fn is_for(coupon: &Coupon, buyer_id: &UserId) -> bool {
    match coupon.display_type {
        DisplayType::Regular => true,
        DisplayType::Chat => coupon.issue.as_ref().is_some_and(|issue| issue.buyer_id == *buyer_id),
    }
}

fn claimable(coupon: &Coupon, claims: &[Claim], now: Timestamp) -> Result<(), NotSendableCode> {
    match status_at(coupon, now) {
        CouponStatus::Ongoing => {}
        CouponStatus::NotStart => return Err(NotSendableCode::NotStarted),
        CouponStatus::Expired => return Err(NotSendableCode::Expired),
        CouponStatus::Deactivated => return Err(NotSendableCode::Deactivated),
    }
    // What cannot be used any more is not given away.
    if redemption_window(coupon, now).1 <= now {
        return Err(NotSendableCode::Expired);
    }
    let had = u32::try_from(claims.len()).unwrap_or(u32::MAX);
    if had >= coupon.usage_limits.single_buyer_claim_limit {
        return Err(NotSendableCode::AlreadyClaimed);
    }
    let used_up = coupon.usage_limits.redemption_limit.is_some_and(|limit| coupon.redeemed_count >= limit);
    if used_up || remaining(coupon) == Some(0) || coupon.claimed_count == u32::MAX {
        return Err(NotSendableCode::Exhausted);
    }
    Ok(())
}

/// From when to when a claim made now can be used. Missing times were refused when the coupon was made.
fn redemption_window(coupon: &Coupon, now: Timestamp) -> (Timestamp, Timestamp) {
    let duration = &coupon.redemption_duration;
    match duration.kind {
        RedemptionType::Absolute => (duration.start_time.unwrap_or(now), duration.end_time.unwrap_or(now)),
        RedemptionType::Relative => (now, now.plus(DAY * duration.relative_days.unwrap_or(0))),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use deskwire_protocol::coupon::{Issue, RedemptionDuration};
    use proptest::prelude::*;

    use super::*;
    use crate::rules::samples::{NOW, buyer, coupon, field_of};

    fn code(result: Result<Claimed, WorkbenchError>) -> NotSendableCode {
        match result {
            Err(WorkbenchError::NotSendable { code, .. }) => code,
            other => panic!("claimed: {other:?}"),
        }
    }

    fn new(result: Result<Claimed, WorkbenchError>) -> (Coupon, Claim) {
        match result {
            Ok(Claimed::New { coupon, claim }) => (*coupon, claim),
            other => panic!("not new: {other:?}"),
        }
    }

    #[test]
    fn a_claim_counts_once_and_a_repeat_gets_the_first_one() {
        let (after, first) = new(claim(&coupon(), &[], &buyer("b-1"), 1, NOW));
        assert_eq!((after.claimed_count, first.number), (1, 1));
        assert_eq!((first.start_time, first.end_time), (NOW, NOW.plus(DAY * 7)));

        let later = NOW.plus(DAY * 30);
        let again = claim(&after, std::slice::from_ref(&first), &buyer("b-1"), 1, later).unwrap();
        assert_eq!(again, Claimed::Already(first), "even when the coupon is over");
    }

    #[test]
    fn a_coupon_is_claimed_within_its_time() {
        let mut coupon = coupon();
        let at = |coupon: &Coupon, now| claim(coupon, &[], &buyer("b-1"), 1, now);
        let (start, end) = (coupon.claim_duration.start_time, coupon.claim_duration.end_time);
        assert_eq!(code(at(&coupon, start.minus(DAY))), NotSendableCode::NotStarted);
        assert_eq!(code(at(&coupon, end)), NotSendableCode::Expired);
        coupon.status = CouponStatus::Deactivated;
        assert_eq!(code(at(&coupon, NOW)), NotSendableCode::Deactivated);
    }

    #[test]
    fn limits_of_all_and_of_one_hold() {
        let mut coupon = coupon();
        coupon.claimed_count = 10;
        assert_eq!(code(claim(&coupon, &[], &buyer("b-1"), 1, NOW)), NotSendableCode::Exhausted);
        coupon.usage_limits.total_claim_limit = None;
        let (mut coupon, first) = new(claim(&coupon, &[], &buyer("b-1"), 1, NOW));
        let had = [first];
        assert_eq!(field_of(claim(&coupon, &had, &buyer("b-1"), 2, NOW)), "number");
        assert_eq!(field_of(claim(&coupon, &had, &buyer("b-1"), 0, NOW)), "number");
        assert_eq!(sendable(&coupon, &had, &buyer("b-1"), NOW), Err(NotSendableCode::AlreadyClaimed));
        assert_eq!(sendable(&coupon, &[], &buyer("b-2"), NOW), Ok(()));
        coupon.usage_limits.single_buyer_claim_limit = 2;
        assert!(claim(&coupon, &had, &buyer("b-1"), 2, NOW).is_ok());
        coupon.usage_limits.redemption_limit = Some(1);
        coupon.redeemed_count = 1;
        assert_eq!(code(claim(&coupon, &had, &buyer("b-1"), 2, NOW)), NotSendableCode::Exhausted);
    }

    #[test]
    fn the_next_claim_has_the_first_free_number_within_the_same_limits() {
        let mut coupon = coupon();
        coupon.usage_limits.single_buyer_claim_limit = 2;
        let (coupon, second) = new(claim(&coupon, &[], &buyer("b-1"), 2, NOW));
        let (coupon, first) = new(claim_next(&coupon, std::slice::from_ref(&second), &buyer("b-1"), NOW));
        assert_eq!((coupon.claimed_count, first.number), (2, 1));
        let all = [second, first];
        assert_eq!(code(claim_next(&coupon, &all, &buyer("b-1"), NOW)), NotSendableCode::AlreadyClaimed);
    }

    #[test]
    fn a_personalized_coupon_does_not_exist_for_others() {
        let mut coupon = coupon();
        coupon.display_type = DisplayType::Chat;
        coupon.issue = Some(Issue { buyer_id: buyer("b-1"), reason: "late".into(), order_id: None });
        assert!(matches!(claim(&coupon, &[], &buyer("b-2"), 1, NOW), Err(WorkbenchError::NotFound)));
        assert!(matches!(claim_next(&coupon, &[], &buyer("b-2"), NOW), Err(WorkbenchError::NotFound)));
        assert_eq!(sendable(&coupon, &[], &buyer("b-2"), NOW), Err(NotSendableCode::NotFound));
        assert!(claim(&coupon, &[], &buyer("b-1"), 1, NOW).is_ok());
    }

    #[test]
    fn what_can_no_longer_be_used_cannot_be_claimed() {
        let mut coupon = coupon();
        coupon.redemption_duration = RedemptionDuration {
            kind: RedemptionType::Absolute,
            start_time: Some(NOW.minus(DAY * 2)),
            end_time: Some(NOW),
            relative_days: None,
        };
        assert_eq!(code(claim(&coupon, &[], &buyer("b-1"), 1, NOW)), NotSendableCode::Expired);
        coupon.redemption_duration.end_time = Some(NOW.plus(DAY));
        let (_, claim) = new(claim(&coupon, &[], &buyer("b-1"), 1, NOW));
        assert_eq!((claim.start_time, claim.end_time), (NOW.minus(DAY * 2), NOW.plus(DAY)));
    }

    proptest! {
        #[test]
        fn claims_never_exceed_limits(
            total in 1_u32..12,
            single in 1_u32..4,
            tries in prop::collection::vec((0_usize..8, 0_u32..6, 0_u32..3), 0..120),
        ) {
            let mut coupon = coupon();
            coupon.usage_limits.total_claim_limit = Some(total.max(single));
            coupon.usage_limits.single_buyer_claim_limit = single;
            let mut held: HashMap<usize, Vec<Claim>> = HashMap::new();
            for (who, number, what) in tries {
                // Between claims the shop changes the quantity: never below what was claimed.
                if what == 0 {
                    coupon.usage_limits.total_claim_limit = Some(coupon.claimed_count.max(single).max(number));
                }
                let claims = held.entry(who).or_default();
                let before = coupon.claimed_count;
                match claim(&coupon, claims, &buyer(&format!("b-{who}")), number, NOW) {
                    Ok(Claimed::New { coupon: after, claim }) => {
                        prop_assert_eq!(after.claimed_count, before + 1);
                        prop_assert!(claims.iter().all(|had| had.number != claim.number));
                        claims.push(claim);
                        coupon = *after;
                    }
                    Ok(Claimed::Already(claim)) => prop_assert!(claims.contains(&claim)),
                    Err(_) => {}
                }
                let all: usize = held.values().map(Vec::len).sum();
                prop_assert_eq!(all, usize::try_from(coupon.claimed_count).unwrap());
                prop_assert!(Some(coupon.claimed_count) <= coupon.usage_limits.total_claim_limit);
                prop_assert!(held.values().all(|claims| claims.len() <= usize::try_from(single).unwrap()));
            }
        }
    }
}
