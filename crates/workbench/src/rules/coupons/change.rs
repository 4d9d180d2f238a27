//! How coupons are made and changed. Once one has begun only its name, its end and its quantity change, and the quantity
//! never goes below what was claimed.

use std::time::Duration;

use deskwire_protocol::{
    Timestamp, UserId,
    card::NotSendableCode,
    coupon::{
        ClaimDuration, Coupon, CouponCreateParams, CouponDuplicateParams, CouponIssueParams, CouponStatus,
        CouponUpdateParams, DisplayType, Issue, ProductScope, RedemptionDuration, RedemptionType,
        UsageLimits,
    },
    ids::CouponId,
    order::Order,
};

use super::{check::check, standing, status_at};
use crate::{
    error::WorkbenchError,
    rules::{
        fields,
        refusal::refused,
        write::{Write, differing},
    },
};

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
    fields::text("reason", &params.reason, super::check::REASON_CHARS)?;
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

/// A coupon that agents make is not over yet.
fn made(coupon: &Coupon, now: Timestamp) -> Result<Coupon, WorkbenchError> {
    check(coupon)?;
    check_end(coupon, now)?;
    Ok(standing(coupon, now))
}

fn check_end(coupon: &Coupon, now: Timestamp) -> Result<(), WorkbenchError> {
    if coupon.claim_duration.end_time <= now {
        return Err(WorkbenchError::invalid("claim_duration.end_time", "must be ahead"));
    }
    Ok(())
}

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
fn changed_fields(old: &Coupon, new: &Coupon) -> Vec<&'static str> {
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
    use deskwire_protocol::{ConversationId, coupon::Threshold, ids::ClientCouponId, order::OrderStatus};

    use super::*;
    use crate::rules::samples::{NOW, buyer, coupon, field_of, money, order};

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
        Threshold { kind: deskwire_protocol::coupon::ThresholdType::MinSpend, min_spend: Some(money(1000)) }
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
