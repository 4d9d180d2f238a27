//! Whether a coupon holds together: a discount of one kind, one currency, times in order, limits that can be kept.

use deskwire_protocol::{
    Timestamp,
    coupon::{
        Coupon, Discount, DiscountType, DisplayType, ProductScope, RedemptionDuration, RedemptionType,
        TITLE_CHARS, Threshold, ThresholdType, UsageLimits,
    },
    money::{Currency, Money},
};

use crate::{
    error::WorkbenchError,
    rules::{amounts, fields},
};

/// The most products that a coupon names.
const PRODUCTS: usize = 500;

/// The most claims of one buyer.
const CLAIMS_OF_ONE: u32 = 100;

/// The most days that a claim can be used.
const RELATIVE_DAYS: u32 = 3_650;

/// The longest reason of a personalized coupon, in characters.
pub(super) const REASON_CHARS: usize = 500;

/// Whether a coupon holds together by itself.
pub(super) fn check(coupon: &Coupon) -> Result<(), WorkbenchError> {
    fields::text("title", &coupon.title, TITLE_CHARS)?;
    let currency = currency(&coupon.discount, &coupon.threshold);
    check_discount(&coupon.discount, currency)?;
    check_threshold(&coupon.threshold, currency)?;
    check_scope(coupon)?;
    check_times(coupon)?;
    check_limits(&coupon.usage_limits)?;
    check_issue(coupon)
}

/// A coupon that agents make or change is not over yet.
pub(super) fn check_end(coupon: &Coupon, now: Timestamp) -> Result<(), WorkbenchError> {
    if coupon.claim_duration.end_time <= now {
        return Err(WorkbenchError::invalid("claim_duration.end_time", "must be ahead"));
    }
    Ok(())
}

/// The first amount tells in which currency all must be.
fn currency(discount: &Discount, threshold: &Threshold) -> Option<Currency> {
    [discount.reduction_amount, discount.max_discount, threshold.min_spend]
        .into_iter()
        .flatten()
        .map(|money| money.currency)
        .next()
}

fn check_discount(discount: &Discount, currency: Option<Currency>) -> Result<(), WorkbenchError> {
    let Discount { kind, reduction_amount, percentage, max_discount } = discount;
    match kind {
        DiscountType::AmountOff => {
            fields::absent("discount.percentage", percentage.as_ref(), "it belongs to PERCENT_OFF")?;
            fields::absent("discount.max_discount", max_discount.as_ref(), "it belongs to PERCENT_OFF")?;
            needed("discount.reduction_amount", *reduction_amount, currency, "with AMOUNT_OFF")
        }
        DiscountType::PercentOff => {
            fields::absent(
                "discount.reduction_amount",
                reduction_amount.as_ref(),
                "it belongs to AMOUNT_OFF",
            )?;
            if percentage.is_none() {
                return Err(WorkbenchError::invalid("discount.percentage", "is needed with PERCENT_OFF"));
            }
            positive("discount.max_discount", *max_discount, currency)
        }
    }
}

fn check_threshold(threshold: &Threshold, currency: Option<Currency>) -> Result<(), WorkbenchError> {
    let Threshold { kind, min_spend } = threshold;
    match kind {
        ThresholdType::None => {
            fields::absent("threshold.min_spend", min_spend.as_ref(), "it belongs to MIN_SPEND")
        }
        ThresholdType::MinSpend => needed("threshold.min_spend", *min_spend, currency, "with MIN_SPEND"),
    }
}

fn needed(
    field: &str,
    money: Option<Money>,
    currency: Option<Currency>,
    when: &str,
) -> Result<(), WorkbenchError> {
    if money.is_none() {
        return Err(WorkbenchError::invalid(field, format_args!("is needed {when}")));
    }
    positive(field, money, currency)
}

fn positive(field: &str, money: Option<Money>, currency: Option<Currency>) -> Result<(), WorkbenchError> {
    match (money, currency) {
        (Some(money), Some(currency)) => amounts::check_positive(field, money, currency),
        (None, _) | (_, None) => Ok(()),
    }
}

fn check_scope(coupon: &Coupon) -> Result<(), WorkbenchError> {
    match coupon.product_scope {
        ProductScope::FullShop => {
            fields::absent("product_ids", coupon.product_ids.first(), "they belong to SPECIFIC_PRODUCTS")
        }
        ProductScope::SpecificProducts => {
            fields::count("product_ids", coupon.product_ids.len(), 1, PRODUCTS)?;
            fields::unique(coupon.product_ids.iter(), |place| format!("product_ids[{place}]"))
        }
    }
}

fn check_times(coupon: &Coupon) -> Result<(), WorkbenchError> {
    let claim = coupon.claim_duration;
    fields::time("claim_duration.start_time", claim.start_time)?;
    fields::time("claim_duration.end_time", claim.end_time)?;
    if claim.start_time >= claim.end_time {
        return Err(WorkbenchError::invalid("claim_duration.end_time", "must be after `start_time`"));
    }
    let RedemptionDuration { kind, start_time, end_time, relative_days } = &coupon.redemption_duration;
    match kind {
        RedemptionType::Relative => {
            let where_ = "it belongs to ABSOLUTE";
            fields::absent("redemption_duration.start_time", start_time.as_ref(), where_)?;
            fields::absent("redemption_duration.end_time", end_time.as_ref(), where_)?;
            let days = relative_days.unwrap_or(0);
            if !(1..=RELATIVE_DAYS).contains(&days) {
                return Err(WorkbenchError::invalid(
                    "redemption_duration.relative_days",
                    format_args!("must be 1 to {RELATIVE_DAYS} with RELATIVE"),
                ));
            }
        }
        RedemptionType::Absolute => {
            let where_ = "it belongs to RELATIVE";
            fields::absent("redemption_duration.relative_days", relative_days.as_ref(), where_)?;
            let needed = |field: &str| WorkbenchError::invalid(field, "is needed with ABSOLUTE");
            let start = start_time.ok_or_else(|| needed("redemption_duration.start_time"))?;
            let end = end_time.ok_or_else(|| needed("redemption_duration.end_time"))?;
            fields::time("redemption_duration.start_time", start)?;
            fields::time("redemption_duration.end_time", end)?;
            if start >= end {
                return Err(WorkbenchError::invalid(
                    "redemption_duration.end_time",
                    "must be after `start_time`",
                ));
            }
            // Whoever claims it last must still be able to use it.
            if end < claim.end_time {
                return Err(WorkbenchError::invalid(
                    "redemption_duration.end_time",
                    "must not be before `claim_duration.end_time`",
                ));
            }
        }
    }
    Ok(())
}

fn check_limits(limits: &UsageLimits) -> Result<(), WorkbenchError> {
    let UsageLimits { total_claim_limit, single_buyer_claim_limit, redemption_limit } = limits;
    if !(1..=CLAIMS_OF_ONE).contains(single_buyer_claim_limit) {
        return Err(WorkbenchError::invalid(
            "usage_limits.single_buyer_claim_limit",
            format_args!("must be 1 to {CLAIMS_OF_ONE}"),
        ));
    }
    if total_claim_limit.is_some_and(|total| total < *single_buyer_claim_limit) {
        return Err(WorkbenchError::invalid(
            "usage_limits.total_claim_limit",
            "must be at least 1, and not below `single_buyer_claim_limit`",
        ));
    }
    redemption_limit.map_or(Ok(()), |limit| fields::quantity("usage_limits.redemption_limit", limit))
}

/// A personalized coupon is one claim of one buyer.
fn check_issue(coupon: &Coupon) -> Result<(), WorkbenchError> {
    match (coupon.display_type, &coupon.issue) {
        (DisplayType::Regular, None) => Ok(()),
        (DisplayType::Regular, Some(_)) => {
            Err(WorkbenchError::invalid("issue", "must be absent: it belongs to CHAT"))
        }
        (DisplayType::Chat, None) => Err(WorkbenchError::invalid("issue", "is needed with CHAT")),
        (DisplayType::Chat, Some(issue)) => {
            fields::text("issue.reason", &issue.reason, REASON_CHARS)?;
            let limits = coupon.usage_limits;
            if limits.total_claim_limit != Some(1) {
                return Err(WorkbenchError::invalid("usage_limits.total_claim_limit", "must be 1 with CHAT"));
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use deskwire_protocol::{coupon::Issue, ids::ProductId};

    use super::*;
    use crate::rules::samples::{DAY, NOW, buyer, coupon, field_of, money};

    fn refused(change: impl FnOnce(&mut Coupon)) -> String {
        let mut coupon = coupon();
        change(&mut coupon);
        field_of(check(&coupon))
    }

    #[test]
    fn a_whole_coupon_is_taken() {
        assert!(check(&coupon()).is_ok());
    }

    #[test]
    fn a_title_has_at_most_fifty_characters() {
        assert_eq!(refused(|coupon| coupon.title = "é".repeat(51)), "title");
        assert_eq!(refused(|coupon| coupon.title = " ".into()), "title");
        let fifty = Coupon { title: "é".repeat(50), ..coupon() };
        assert!(check(&fifty).is_ok());
    }

    #[test]
    fn a_discount_is_of_one_kind() {
        let ten = "10".parse().unwrap();
        assert_eq!(refused(|coupon| coupon.discount.percentage = Some(ten)), "discount.percentage");
        assert_eq!(refused(|coupon| coupon.discount.max_discount = Some(money(1))), "discount.max_discount");
        assert_eq!(refused(|coupon| coupon.discount.reduction_amount = None), "discount.reduction_amount");
        assert_eq!(
            refused(|coupon| coupon.discount.reduction_amount = Some(money(0))),
            "discount.reduction_amount"
        );
        let percent = |coupon: &mut Coupon| {
            coupon.discount.kind = DiscountType::PercentOff;
            coupon.discount.reduction_amount = None;
        };
        assert_eq!(refused(percent), "discount.percentage");
        assert_eq!(
            refused(|coupon| coupon.discount.kind = DiscountType::PercentOff),
            "discount.reduction_amount"
        );
        assert_eq!(
            refused(|coupon| {
                percent(coupon);
                coupon.discount.percentage = Some(ten);
                coupon.discount.max_discount = Some(money(-1));
            }),
            "discount.max_discount"
        );
    }

    #[test]
    fn all_amounts_are_of_one_currency() {
        let spend = |code: &str| Threshold {
            kind: ThresholdType::MinSpend,
            min_spend: Some(Money::new(500, code.parse().unwrap())),
        };
        assert_eq!(refused(|coupon| coupon.threshold = spend("BRL")), "threshold.min_spend");
        assert!(check(&Coupon { threshold: spend("EUR"), ..coupon() }).is_ok());
        assert_eq!(
            refused(|coupon| coupon.threshold = Threshold { kind: ThresholdType::MinSpend, min_spend: None }),
            "threshold.min_spend"
        );
        assert_eq!(
            refused(|coupon| coupon.threshold = Threshold { kind: ThresholdType::None, ..spend("EUR") }),
            "threshold.min_spend"
        );
    }

    #[test]
    fn products_are_named_where_they_matter() {
        let product = ProductId::new("p-1").unwrap();
        assert_eq!(refused(|coupon| coupon.product_ids = vec![product.clone()]), "product_ids");
        assert_eq!(refused(|coupon| coupon.product_scope = ProductScope::SpecificProducts), "product_ids");
        assert_eq!(
            refused(|coupon| {
                coupon.product_scope = ProductScope::SpecificProducts;
                coupon.product_ids = vec![product.clone(), product.clone()];
            }),
            "product_ids[1]"
        );
    }

    #[test]
    fn times_are_in_order() {
        let end = coupon().claim_duration.end_time;
        assert_eq!(refused(|coupon| coupon.claim_duration.start_time = end), "claim_duration.end_time");
        let absolute = |start, end| RedemptionDuration {
            kind: RedemptionType::Absolute,
            start_time: Some(start),
            end_time: Some(end),
            relative_days: None,
        };
        assert!(check(&Coupon { redemption_duration: absolute(NOW, end), ..coupon() }).is_ok());
        for bad in [absolute(NOW, NOW), absolute(NOW, end.minus(DAY))] {
            assert_eq!(refused(|coupon| coupon.redemption_duration = bad), "redemption_duration.end_time");
        }
        assert_eq!(
            refused(|coupon| coupon.redemption_duration.relative_days = Some(0)),
            "redemption_duration.relative_days"
        );
        assert_eq!(
            refused(|coupon| coupon.redemption_duration.kind = RedemptionType::Absolute),
            "redemption_duration.relative_days"
        );
    }

    #[test]
    fn limits_can_be_kept() {
        assert_eq!(
            refused(|coupon| coupon.usage_limits.total_claim_limit = Some(0)),
            "usage_limits.total_claim_limit"
        );
        assert_eq!(
            refused(|coupon| coupon.usage_limits.single_buyer_claim_limit = 0),
            "usage_limits.single_buyer_claim_limit"
        );
        assert_eq!(
            refused(|coupon| coupon.usage_limits.single_buyer_claim_limit = 11),
            "usage_limits.total_claim_limit"
        );
        assert_eq!(
            refused(|coupon| coupon.usage_limits.redemption_limit = Some(0)),
            "usage_limits.redemption_limit"
        );
    }

    #[test]
    fn a_personalized_coupon_is_one_claim_of_one_buyer() {
        let issue = Issue { buyer_id: buyer("b-1"), reason: "late parcel".into(), order_id: None };
        assert_eq!(refused(|coupon| coupon.issue = Some(issue.clone())), "issue");
        assert_eq!(refused(|coupon| coupon.display_type = DisplayType::Chat), "issue");
        assert_eq!(
            refused(|coupon| {
                coupon.display_type = DisplayType::Chat;
                coupon.issue = Some(issue.clone());
            }),
            "usage_limits.total_claim_limit"
        );
    }
}
