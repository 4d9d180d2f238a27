//! How coupons change. Once one has begun only its name, its end and its quantity change, and the quantity never goes
//! below what was claimed.

use deskwire_protocol::{
    Timestamp,
    card::NotSendableCode,
    coupon::{Coupon, CouponStatus, CouponUpdateParams},
};

use super::{
    check::{check, check_end},
    standing, status_at,
};
use crate::{
    error::WorkbenchError,
    rules::{
        fields,
        refusal::refused,
        write::{Write, differing},
    },
};

/// Changes a coupon, where `version` is the one that stands. The same change again, as after a lost answer, is none.
pub(crate) fn update(
    stored: &Coupon,
    params: &CouponUpdateParams,
    now: Timestamp,
) -> Result<Write<Coupon>, WorkbenchError> {
    let wanted = with(stored, params);
    let changes = !changed_fields(stored, &wanted).is_empty();
    if params.version != stored.version {
        let is_a_repeat = !changes && params.version.checked_add(1) == Some(stored.version);
        if is_a_repeat {
            return Ok(Write::Unchanged);
        }
        return Err(WorkbenchError::CouponConflict(Box::new(standing(stored, now))));
    }
    if !changes {
        return Ok(Write::Unchanged);
    }
    may_change(stored, &wanted, now)?;
    check_end(&wanted, now)?;
    changed(stored, Coupon { update_time: now, ..wanted }, now)
}

fn with(stored: &Coupon, params: &CouponUpdateParams) -> Coupon {
    let CouponUpdateParams {
        coupon_id: _,
        version: _,
        title,
        discount,
        threshold,
        product_scope,
        product_ids,
        claim_duration,
        redemption_duration,
        usage_limits,
    } = params.clone();
    Coupon {
        title: title.unwrap_or_else(|| stored.title.clone()),
        discount: discount.unwrap_or_else(|| stored.discount.clone()),
        threshold: threshold.unwrap_or_else(|| stored.threshold.clone()),
        product_scope: product_scope.unwrap_or(stored.product_scope),
        product_ids: product_ids.unwrap_or_else(|| stored.product_ids.clone()),
        claim_duration: claim_duration.unwrap_or(stored.claim_duration),
        redemption_duration: redemption_duration.unwrap_or_else(|| stored.redemption_duration.clone()),
        usage_limits: usage_limits.unwrap_or(stored.usage_limits),
        ..stored.clone()
    }
}

/// Ends a coupon. What was claimed can still be used.
pub(crate) fn deactivate(stored: &Coupon, now: Timestamp) -> Result<Write<Coupon>, WorkbenchError> {
    match status_at(stored, now) {
        CouponStatus::Deactivated => Ok(Write::Unchanged),
        CouponStatus::Expired => Err(refused(NotSendableCode::Expired)),
        CouponStatus::NotStart | CouponStatus::Ongoing => {
            let ended = Coupon { status: CouponStatus::Deactivated, update_time: now, ..stored.clone() };
            changed(stored, ended, now)
        }
    }
}

/// What comes of a coupon that the shop's systems wrote. Its status matters only as `DEACTIVATED`, which ends it; its
/// version may be left out.
pub(crate) fn upsert(
    stored: Option<&Coupon>,
    incoming: Coupon,
    now: Timestamp,
) -> Result<Write<Coupon>, WorkbenchError> {
    let mut coupon = incoming;
    fields::absent("remaining", coupon.remaining.as_ref(), "it is reckoned by the server")?;
    fields::absent("link", coupon.link.as_ref(), "it is made by the server")?;
    fields::made_and_changed(coupon.create_time, coupon.update_time, now)?;
    check(&coupon)?;
    let (claimed, redeemed) = stored.map_or((0, 0), |stored| (stored.claimed_count, stored.redeemed_count));
    for (field, given, counted) in [
        ("claimed_count", &mut coupon.claimed_count, claimed),
        ("redeemed_count", &mut coupon.redeemed_count, redeemed),
    ] {
        if *given != 0 && *given != counted {
            return Err(WorkbenchError::invalid(field, "must be absent: it is counted by the server"));
        }
        *given = counted;
    }
    let Some(stored) = stored else {
        coupon.version = 1;
        return Ok(Write::Created(standing(&coupon, now)));
    };
    if coupon.create_time != stored.create_time {
        return Err(WorkbenchError::invalid("create_time", "must stay as it was first written"));
    }
    if coupon.display_type != stored.display_type {
        return Err(WorkbenchError::invalid("display_type", "must stay as it was first written"));
    }
    if coupon.issue != stored.issue {
        return Err(WorkbenchError::invalid("issue", "must stay as it was first written"));
    }
    if coupon.update_time < stored.update_time {
        return Ok(Write::Stale);
    }
    if coupon.version != 0 && coupon.version != stored.version {
        return Err(WorkbenchError::CouponConflict(Box::new(standing(stored, now))));
    }
    let ends = match (stored.status, coupon.status) {
        (CouponStatus::Deactivated, CouponStatus::Deactivated) => false,
        (CouponStatus::Deactivated, _) => {
            return Err(WorkbenchError::invalid("status", "must stay DEACTIVATED"));
        }
        (_, status) => status == CouponStatus::Deactivated,
    };
    coupon.version = stored.version;
    if !ends {
        coupon.status = stored.status;
    }
    let differ = changed_fields(stored, &coupon);
    if differ.is_empty() {
        return Ok(Write::Unchanged);
    }
    if differ.iter().any(|field| !matches!(*field, "status" | "update_time")) {
        may_change(stored, &coupon, now)?;
    }
    changed(stored, coupon, now)
}

/// Whether a coupon may become this one: all of it before it has begun, little after, nothing once it is over.
fn may_change(stored: &Coupon, wanted: &Coupon, now: Timestamp) -> Result<(), WorkbenchError> {
    match status_at(stored, now) {
        CouponStatus::Deactivated => return Err(refused(NotSendableCode::Deactivated)),
        CouponStatus::Expired => return Err(refused(NotSendableCode::Expired)),
        CouponStatus::NotStart => {}
        CouponStatus::Ongoing => check_begun(stored, wanted)?,
    }
    check(wanted)?;
    if wanted.usage_limits.total_claim_limit.is_some_and(|limit| limit < stored.claimed_count) {
        return Err(WorkbenchError::invalid(
            "usage_limits.total_claim_limit",
            format_args!("must be at least {}, as many as were claimed", stored.claimed_count),
        ));
    }
    Ok(())
}

/// Of a coupon that has begun all stays but its name, its ends and its quantity.
fn check_begun(stored: &Coupon, wanted: &Coupon) -> Result<(), WorkbenchError> {
    let (limits, wanted_limits) = (stored.usage_limits, wanted.usage_limits);
    let (redemption, wanted_redemption) = (&stored.redemption_duration, &wanted.redemption_duration);
    for (field, stays) in [
        ("discount", stored.discount == wanted.discount),
        ("threshold", stored.threshold == wanted.threshold),
        ("product_scope", stored.product_scope == wanted.product_scope),
        ("product_ids", stored.product_ids == wanted.product_ids),
        ("claim_duration.start_time", stored.claim_duration.start_time == wanted.claim_duration.start_time),
        ("redemption_duration.type", redemption.kind == wanted_redemption.kind),
        ("redemption_duration.start_time", redemption.start_time == wanted_redemption.start_time),
        ("redemption_duration.relative_days", redemption.relative_days == wanted_redemption.relative_days),
        (
            "usage_limits.single_buyer_claim_limit",
            limits.single_buyer_claim_limit == wanted_limits.single_buyer_claim_limit,
        ),
        ("usage_limits.redemption_limit", limits.redemption_limit == wanted_limits.redemption_limit),
    ] {
        if !stays {
            return Err(WorkbenchError::invalid(
                field,
                "must stay: once a coupon has begun, only its title, end time and quantity change",
            ));
        }
    }
    Ok(())
}

fn changed(stored: &Coupon, wanted: Coupon, now: Timestamp) -> Result<Write<Coupon>, WorkbenchError> {
    let version = stored
        .version
        .checked_add(1)
        .ok_or_else(|| WorkbenchError::limit(u32::MAX, "versions of a coupon"))?;
    let fields = changed_fields(stored, &wanted);
    let document = standing(&Coupon { version, ..wanted }, now);
    Ok(Write::Changed { document, fields })
}

/// The wire's names of the fields in which two coupons differ; of their status only whether they were ended.
pub(crate) fn changed_fields(old: &Coupon, new: &Coupon) -> Vec<&'static str> {
    let mut fields = differing!(
        Coupon,
        old,
        new,
        [
            title,
            display_type,
            discount,
            threshold,
            product_scope,
            product_ids,
            claim_duration,
            redemption_duration,
            usage_limits,
            issue,
            create_time,
            update_time,
        ],
        ignoring [id, status, claimed_count, redeemed_count, remaining, version, link]
    );
    let ended = |coupon: &Coupon| coupon.status == CouponStatus::Deactivated;
    if ended(old) != ended(new) {
        fields.push("status");
    }
    fields
}

#[cfg(test)]
mod tests {
    use deskwire_protocol::{
        coupon::{ClaimDuration, Threshold, ThresholdType, UsageLimits},
        ids::CouponId,
    };

    use super::*;
    use crate::rules::samples::{DAY, NOW, coupon, field_of, money};

    fn id(id: &str) -> CouponId {
        CouponId::new(id).unwrap()
    }

    fn params(version: u32) -> CouponUpdateParams {
        CouponUpdateParams {
            coupon_id: id("c-1"),
            version,
            title: None,
            discount: None,
            threshold: None,
            product_scope: None,
            product_ids: None,
            claim_duration: None,
            redemption_duration: None,
            usage_limits: None,
        }
    }

    fn document(write: Result<Write<Coupon>, WorkbenchError>) -> Coupon {
        write.unwrap().document().expect("nothing to write")
    }

    fn limits(total: Option<u32>) -> UsageLimits {
        UsageLimits { total_claim_limit: total, ..coupon().usage_limits }
    }

    #[test]
    fn after_it_has_begun_only_title_end_and_quantity_change() {
        let stored = coupon();
        let end = NOW.plus(DAY * 9);
        let allowed = CouponUpdateParams {
            title: Some("Hello again".into()),
            claim_duration: Some(ClaimDuration { end_time: end, ..stored.claim_duration }),
            usage_limits: Some(limits(Some(20))),
            ..params(1)
        };
        let Write::Changed { document, fields } = update(&stored, &allowed, NOW).unwrap() else {
            panic!("not changed")
        };
        assert_eq!(fields, ["title", "claim_duration", "usage_limits", "update_time"]);
        assert_eq!((document.version, document.remaining, document.update_time), (2, Some(20), NOW));

        for (change, field) in [
            (CouponUpdateParams { threshold: Some(min_spend()), ..params(1) }, "threshold"),
            (
                CouponUpdateParams {
                    claim_duration: Some(ClaimDuration { start_time: NOW, end_time: end }),
                    ..params(1)
                },
                "claim_duration.start_time",
            ),
            (
                CouponUpdateParams {
                    usage_limits: Some(UsageLimits { single_buyer_claim_limit: 2, ..limits(Some(10)) }),
                    ..params(1)
                },
                "usage_limits.single_buyer_claim_limit",
            ),
            (
                CouponUpdateParams {
                    claim_duration: Some(ClaimDuration { end_time: NOW, ..stored.claim_duration }),
                    ..params(1)
                },
                "claim_duration.end_time",
            ),
        ] {
            assert_eq!(field_of(update(&stored, &change, NOW)), field);
        }
        let before = NOW.minus(DAY * 2);
        let change = CouponUpdateParams { threshold: Some(min_spend()), ..params(1) };
        assert!(update(&stored, &change, before).is_ok(), "before it has begun everything changes");
    }

    fn min_spend() -> Threshold {
        Threshold { kind: ThresholdType::MinSpend, min_spend: Some(money(1000)) }
    }

    #[test]
    fn the_quantity_never_goes_below_what_was_claimed() {
        let mut stored = coupon();
        stored.claimed_count = 7;
        let to = |total| CouponUpdateParams { usage_limits: Some(limits(total)), ..params(1) };
        assert_eq!(field_of(update(&stored, &to(Some(6)), NOW)), "usage_limits.total_claim_limit");
        assert_eq!(document(update(&stored, &to(Some(7)), NOW)).remaining, Some(0));
        assert_eq!(document(update(&stored, &to(None), NOW)).remaining, None);
    }

    #[test]
    fn a_stale_edit_gets_the_coupon_and_a_repeat_is_none() {
        let stored = coupon();
        let change = CouponUpdateParams { title: Some("Hello".into()), ..params(1) };
        let second = document(update(&stored, &change, NOW));
        assert_eq!(update(&second, &change, NOW).unwrap(), Write::Unchanged, "the same again");
        let other = CouponUpdateParams { title: Some("Another".into()), ..params(1) };
        let Err(WorkbenchError::CouponConflict(current)) = update(&second, &other, NOW) else {
            panic!("no conflict")
        };
        assert_eq!(*current, second);
        assert_eq!(update(&second, &params(2), NOW).unwrap(), Write::Unchanged);
    }

    #[test]
    fn what_is_over_stays_as_it_was() {
        let stored = coupon();
        let change = CouponUpdateParams { title: Some("Hello".into()), ..params(1) };
        let over = stored.claim_duration.end_time;
        assert!(matches!(
            update(&stored, &change, over),
            Err(WorkbenchError::NotSendable { code: NotSendableCode::Expired, .. })
        ));
        let ended = document(deactivate(&stored, NOW));
        assert_eq!((ended.status, ended.version), (CouponStatus::Deactivated, 2));
        assert_eq!(deactivate(&ended, NOW).unwrap(), Write::Unchanged);
        let change = CouponUpdateParams { version: 2, ..change };
        assert!(matches!(
            update(&ended, &change, NOW),
            Err(WorkbenchError::NotSendable { code: NotSendableCode::Deactivated, .. })
        ));
        assert!(matches!(
            deactivate(&stored, over),
            Err(WorkbenchError::NotSendable { code: NotSendableCode::Expired, .. })
        ));
    }

    #[test]
    fn the_shops_systems_write_terms_and_not_counts() {
        let mut stored = coupon();
        stored.claimed_count = 7;
        let mut same = coupon();
        same.version = 0;
        assert_eq!(upsert(Some(&stored), same.clone(), NOW).unwrap(), Write::Unchanged);

        let newer = Coupon { title: "Hello".into(), update_time: NOW, ..same.clone() };
        let written = document(upsert(Some(&stored), newer, NOW));
        assert_eq!((written.claimed_count, written.version, written.remaining), (7, 2, Some(3)));

        let counted = Coupon { claimed_count: 1, ..same.clone() };
        assert_eq!(field_of(upsert(Some(&stored), counted, NOW)), "claimed_count");
        let older = Coupon { title: "Old".into(), create_time: stored.create_time, ..same.clone() };
        let stored_later = Coupon { update_time: NOW, ..stored.clone() };
        assert_eq!(upsert(Some(&stored_later), older, NOW).unwrap(), Write::Stale);

        let ended = Coupon { status: CouponStatus::Deactivated, update_time: NOW, ..same.clone() };
        let ended = document(upsert(Some(&stored), ended, NOW));
        assert_eq!(ended.status, CouponStatus::Deactivated);
        let again = Coupon { update_time: NOW, version: 0, ..same };
        assert_eq!(field_of(upsert(Some(&ended), again, NOW)), "status");
    }

    #[test]
    fn an_import_may_bring_a_coupon_that_is_over() {
        let mut over = coupon();
        over.claim_duration = ClaimDuration { start_time: NOW.minus(DAY * 9), end_time: NOW.minus(DAY * 8) };
        assert_eq!(document(upsert(None, over, NOW)).status, CouponStatus::Expired);
    }
}
