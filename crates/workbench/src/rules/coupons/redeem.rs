//! On what a claimed coupon is used, and what it takes off: exactly, and never more than the price.

use std::cmp::Reverse;

use deskwire_protocol::{
    Timestamp,
    coupon::{Claim, Coupon, DiscountType, ProductScope, ThresholdType},
    ids::{OrderId, ProductId},
    money::Money,
};

use crate::error::WorkbenchError;

const FIELD: &str = "coupon_id";

/// A coupon used on an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Redeemed {
    /// With one use more.
    pub(crate) coupon: Coupon,
    /// The claim that is used up.
    pub(crate) claim: Claim,
    /// What it takes off.
    pub(crate) discount: Money,
}

/// Uses a claim of the coupon on an order of one product for this price. Of several the one that ends first. A coupon
/// that the shop has ended can still be used by those who have claimed it.
pub(crate) fn redeem(
    coupon: &Coupon,
    claims: &[Claim],
    order_id: &OrderId,
    product_id: &ProductId,
    price: Money,
    now: Timestamp,
) -> Result<Redeemed, WorkbenchError> {
    let claim = usable(claims, now)?;
    let applies = match coupon.product_scope {
        ProductScope::FullShop => true,
        ProductScope::SpecificProducts => coupon.product_ids.contains(product_id),
    };
    if !applies {
        return Err(WorkbenchError::invalid(FIELD, "is not valid for this product"));
    }
    if let (ThresholdType::MinSpend, Some(min_spend)) = (coupon.threshold.kind, coupon.threshold.min_spend) {
        if min_spend.currency != price.currency {
            return Err(other_currency());
        }
        if price.minor < min_spend.minor {
            return Err(WorkbenchError::invalid(
                FIELD,
                format_args!("needs an order of at least {min_spend}; this one is {price}"),
            ));
        }
    }
    if let Some(limit) = coupon.usage_limits.redemption_limit
        && coupon.redeemed_count >= limit
    {
        return Err(WorkbenchError::limit(limit, "uses of this coupon"));
    }
    let discount = discount(coupon, price)?;
    let redeemed_count = coupon
        .redeemed_count
        .checked_add(1)
        .ok_or_else(|| WorkbenchError::limit(u32::MAX, "uses of this coupon"))?;
    Ok(Redeemed {
        coupon: Coupon { redeemed_count, ..coupon.clone() },
        claim: Claim { order_id: Some(order_id.clone()), ..claim.clone() },
        discount,
    })
}

/// Takes a use back, as when the order was not paid: the claim can be used again while its time lasts.
pub(crate) fn give_back(coupon: &Coupon, claim: &Claim) -> (Coupon, Claim) {
    let uses = u32::from(claim.order_id.is_some());
    let redeemed_count = coupon.redeemed_count.saturating_sub(uses);
    (Coupon { redeemed_count, ..coupon.clone() }, Claim { order_id: None, ..claim.clone() })
}

/// An unused claim that can be used now.
fn usable(claims: &[Claim], now: Timestamp) -> Result<&Claim, WorkbenchError> {
    let unused = || claims.iter().filter(|claim| claim.order_id.is_none());
    if let Some(claim) = unused()
        .filter(|claim| claim.start_time <= now && now < claim.end_time)
        .min_by_key(|claim| (claim.end_time, claim.number))
    {
        return Ok(claim);
    }
    let problem = match unused().max_by_key(|claim| Reverse(claim.start_time)) {
        Some(claim) if now < claim.start_time => "cannot be used yet",
        Some(_) => "can no longer be used",
        None if claims.is_empty() => "was not claimed",
        None => "was used already",
    };
    Err(WorkbenchError::invalid(FIELD, problem))
}

/// What the coupon takes off a price: a percentage is rounded down, and nothing takes off more than the price.
fn discount(coupon: &Coupon, price: Money) -> Result<Money, WorkbenchError> {
    let terms = &coupon.discount;
    let (wanted, most) = match terms.kind {
        DiscountType::AmountOff => (terms.reduction_amount, None),
        DiscountType::PercentOff => (terms.percentage.map(|part| part.of(price)), terms.max_discount),
    };
    // Absent amounts were refused when the coupon was made.
    let wanted = wanted.unwrap_or(Money { minor: 0, ..price });
    if wanted.currency != price.currency || most.is_some_and(|most| most.currency != price.currency) {
        return Err(other_currency());
    }
    let most = most.map_or(i64::MAX, |most| most.minor);
    Ok(Money { minor: wanted.minor.min(most).min(price.minor).max(0), ..price })
}

fn other_currency() -> WorkbenchError {
    WorkbenchError::invalid(FIELD, "is of another currency than this product")
}

#[cfg(test)]
mod tests {
    use deskwire_protocol::coupon::{Discount, Percentage, Threshold};
    use proptest::prelude::*;

    use super::*;
    use crate::rules::{
        coupons::{Claimed, claim},
        samples::{DAY, NOW, buyer, coupon, field_of, money},
    };

    fn claimed(coupon: &Coupon) -> Claim {
        match claim(coupon, &[], &buyer("b-1"), 1, NOW).unwrap() {
            Claimed::New { claim, .. } | Claimed::Already(claim) => claim,
        }
    }

    fn used(
        coupon: &Coupon,
        claims: &[Claim],
        price: Money,
        now: Timestamp,
    ) -> Result<Redeemed, WorkbenchError> {
        let order_id = OrderId::new("o-9").unwrap();
        redeem(coupon, claims, &order_id, &ProductId::new("p-1").unwrap(), price, now)
    }

    fn problem(result: Result<Redeemed, WorkbenchError>) -> String {
        match result {
            Err(WorkbenchError::Invalid { field, problem }) if field == "coupon_id" => problem,
            other => panic!("{other:?}"),
        }
    }

    fn percent(percentage: &str, max_discount: Option<i64>) -> Coupon {
        let discount = Discount {
            kind: DiscountType::PercentOff,
            reduction_amount: None,
            percentage: Some(percentage.parse().unwrap()),
            max_discount: max_discount.map(money),
        };
        Coupon { discount, ..coupon() }
    }

    #[test]
    fn a_claim_is_used_once() {
        let coupon = coupon();
        let claim = claimed(&coupon);
        let redeemed = used(&coupon, std::slice::from_ref(&claim), money(1000), NOW).unwrap();
        assert_eq!((redeemed.discount, redeemed.coupon.redeemed_count), (money(200), 1));
        assert_eq!(redeemed.claim.order_id.as_ref().map(OrderId::as_str), Some("o-9"));
        assert_eq!(problem(used(&coupon, &[redeemed.claim], money(1000), NOW)), "was used already");
        assert_eq!(problem(used(&coupon, &[], money(1000), NOW)), "was not claimed");
        assert_eq!(
            problem(used(&coupon, std::slice::from_ref(&claim), money(1000), claim.end_time)),
            "can no longer be used"
        );
        assert_eq!(problem(used(&coupon, &[claim], money(1000), NOW.minus(DAY))), "cannot be used yet");
    }

    #[test]
    fn of_several_claims_the_one_that_ends_first_is_used() {
        let coupon = coupon();
        let first = claimed(&coupon);
        let sooner = Claim { number: 2, end_time: NOW.plus(DAY), ..first.clone() };
        let gone = Claim { number: 3, end_time: NOW, ..first.clone() };
        let redeemed = used(&coupon, &[first, sooner, gone], money(1000), NOW).unwrap();
        assert_eq!(redeemed.claim.number, 2);
    }

    #[test]
    fn product_minimum_currency_and_uses_are_held() {
        let mut coupon = coupon();
        let claims = [claimed(&coupon)];
        coupon.threshold = Threshold { kind: ThresholdType::MinSpend, min_spend: Some(money(1000)) };
        assert!(used(&coupon, &claims, money(1000), NOW).is_ok());
        assert_eq!(field_of(used(&coupon, &claims, money(999), NOW)), "coupon_id");
        let yen = Money::new(1000, "JPY".parse().unwrap());
        assert_eq!(field_of(used(&coupon, &claims, yen, NOW)), "coupon_id");
        coupon.product_scope = ProductScope::SpecificProducts;
        coupon.product_ids = vec![ProductId::new("p-2").unwrap()];
        assert_eq!(problem(used(&coupon, &claims, money(1000), NOW)), "is not valid for this product");
        coupon.product_ids.push(ProductId::new("p-1").unwrap());
        coupon.usage_limits.redemption_limit = Some(1);
        coupon.redeemed_count = 1;
        let over = used(&coupon, &claims, money(1000), NOW);
        assert!(matches!(over, Err(WorkbenchError::LimitReached { limit: 1, .. })));
    }

    #[test]
    fn a_percentage_is_rounded_down_and_capped() {
        let taken =
            |coupon: &Coupon, price| used(coupon, &[claimed(coupon)], money(price), NOW).unwrap().discount;
        assert_eq!(taken(&percent("12.5", None), 999), money(124));
        assert_eq!(taken(&percent("50", Some(300)), 999), money(300));
        assert_eq!(taken(&percent("100", None), 999), money(999));
        assert_eq!(taken(&coupon(), 150), money(150), "2.00 off 1.50 is 1.50");
    }

    proptest! {
        #[test]
        fn a_discount_never_exceeds_the_price(
            price in 0..i64::MAX,
            amount in 1..i64::MAX,
            basis_points in 1_u16..=10_000,
            most in prop::option::of(1..i64::MAX),
        ) {
            let mut percent = percent("1", most);
            percent.discount.percentage = Percentage::from_basis_points(basis_points);
            let mut fixed = coupon();
            fixed.discount.reduction_amount = Some(money(amount));
            for coupon in [percent, fixed] {
                let got = used(&coupon, &[claimed(&coupon)], money(price), NOW).unwrap().discount.minor;
                prop_assert!((0..=price).contains(&got));
                prop_assert!(coupon.discount.max_discount.is_none_or(|most| got <= most.minor));
            }
        }
    }
}
