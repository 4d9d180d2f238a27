//! Coupons: what one must be, how it changes, who may claim it and on what it is used.
//!
//! Of a coupon's `status` only `DEACTIVATED` is a fact; the others follow from the time and are reckoned anew here.

mod change;
mod check;
mod claim;
mod make;
mod redeem;

use deskwire_protocol::{
    Timestamp,
    coupon::{Coupon, CouponStatus},
};

pub(crate) use change::{changed_fields, deactivate, update, upsert};
pub(crate) use claim::{Claimed, claim, claim_next, next_number, sendable};
pub(crate) use make::{create, duplicate, issue};
pub(crate) use redeem::{Redeemed, give_back, redeem};

/// Whether it can be claimed at a time: from the start of `claim_duration` to before its end.
pub(crate) fn status_at(coupon: &Coupon, now: Timestamp) -> CouponStatus {
    match coupon.status {
        CouponStatus::Deactivated => CouponStatus::Deactivated,
        CouponStatus::NotStart | CouponStatus::Ongoing | CouponStatus::Expired => {
            if now < coupon.claim_duration.start_time {
                CouponStatus::NotStart
            } else if now < coupon.claim_duration.end_time {
                CouponStatus::Ongoing
            } else {
                CouponStatus::Expired
            }
        }
    }
}

/// How many claims are left; none where there is no limit.
pub(crate) fn remaining(coupon: &Coupon) -> Option<u32> {
    coupon.usage_limits.total_claim_limit.map(|limit| limit.saturating_sub(coupon.claimed_count))
}

/// With its status and what is left, as it stands at a time.
pub(crate) fn standing(coupon: &Coupon, now: Timestamp) -> Coupon {
    Coupon { status: status_at(coupon, now), remaining: remaining(coupon), ..coupon.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::samples::{DAY, NOW, coupon};

    #[test]
    fn status_follows_from_the_time_unless_it_was_ended() {
        let mut coupon = coupon();
        let (start, end) = (coupon.claim_duration.start_time, coupon.claim_duration.end_time);
        let before = |time: Timestamp| Timestamp::from_millis(time.millis() - 1);
        assert_eq!(status_at(&coupon, before(start)), CouponStatus::NotStart);
        assert_eq!(status_at(&coupon, start), CouponStatus::Ongoing);
        assert_eq!(status_at(&coupon, before(end)), CouponStatus::Ongoing);
        assert_eq!(status_at(&coupon, end), CouponStatus::Expired);
        coupon.status = CouponStatus::Deactivated;
        assert_eq!(status_at(&coupon, NOW.plus(DAY)), CouponStatus::Deactivated);
    }

    #[test]
    fn what_is_left_is_never_below_nothing() {
        let mut coupon = coupon();
        coupon.claimed_count = 4;
        assert_eq!(standing(&coupon, NOW).remaining, Some(6));
        coupon.claimed_count = 11;
        assert_eq!(remaining(&coupon), Some(0));
        coupon.usage_limits.total_claim_limit = None;
        assert_eq!(remaining(&coupon), None);
    }
}
