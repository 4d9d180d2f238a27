//! What the shop under load sells: listed by an agent before the load begins, so that people ask for what is there. A coupon
//! that is to be rushed is made here, and counted afterwards.

use deskwire_protocol::{
    MethodName, Timestamp,
    coupon::{
        ClaimDuration, CouponCreateParams, CouponParams, CouponsListParams, Discount, DiscountType,
        DisplayType, Percentage, ProductScope, RedemptionDuration, RedemptionType, Threshold, UsageLimits,
    },
    ids::{ClientCouponId, CouponId, ProductId, SkuId},
    page::PageSize,
    product::ProductsListParams,
};
use serde::Deserialize;

use crate::{
    scenario::Rushed,
    scout::{Scout, Unanswered},
    wire::Unreadable,
};

const DAY: i64 = 24 * 3_600_000;

/// What there is to ask for; empty lists where the shop has nothing of it.
#[derive(Debug, Default)]
pub(crate) struct Shop {
    pub(crate) products: Vec<ProductId>,
    pub(crate) skus: Vec<SkuId>,
    pub(crate) coupons: Vec<CouponId>,
    /// The coupon that was made for the run.
    pub(crate) rushed: Option<CouponId>,
}

#[derive(Deserialize)]
struct Products {
    products: Vec<ProductLook>,
}

#[derive(Deserialize)]
struct ProductLook {
    id: ProductId,
    skus: Vec<SkuLook>,
}

#[derive(Deserialize)]
struct SkuLook {
    id: SkuId,
    inventory: u32,
}

#[derive(Deserialize)]
struct Coupons {
    coupons: Vec<CouponLook>,
}

#[derive(Deserialize)]
struct CouponLook {
    id: CouponId,
    #[serde(default)]
    claimed_count: u64,
}

#[derive(Deserialize)]
struct OneCoupon {
    coupon: CouponLook,
}

impl Shop {
    /// Looks around. `now` is when the coupon begins, should one be made.
    pub(crate) async fn visit(
        agent: &mut Scout,
        rushed: Option<&Rushed>,
        run: &str,
        now: Timestamp,
    ) -> Result<Self, Unanswered> {
        let page_size = PageSize::new(PageSize::MAX).unwrap_or_default();
        let params = ProductsListParams { in_stock: Some(true), page_size, ..ProductsListParams::default() };
        let Products { products } = agent.call(MethodName::WorkbenchProductsList, &params).await?;
        let params = CouponsListParams {
            display_type: Some(DisplayType::Regular),
            page_size,
            ..CouponsListParams::default()
        };
        let Coupons { coupons } = agent.call(MethodName::WorkbenchCouponsList, &params).await?;
        let skus = products.iter().flat_map(|product| &product.skus);
        let mut shop = Self {
            skus: skus.filter(|sku| sku.inventory > 0).map(|sku| sku.id.clone()).collect(),
            products: products.iter().map(|product| product.id.clone()).collect(),
            coupons: coupons.into_iter().map(|coupon| coupon.id).collect(),
            rushed: None,
        };
        if let Some(rushed) = rushed {
            let params = coupon(run, rushed.claims, now)?;
            let made: OneCoupon = agent.call(MethodName::WorkbenchCouponsCreate, &params).await?;
            shop.rushed = Some(made.coupon.id);
        }
        Ok(shop)
    }

    /// How often the coupon that was made for the run was claimed.
    pub(crate) async fn claimed(&self, agent: &mut Scout) -> Result<Option<u64>, Unanswered> {
        let Some(coupon_id) = self.rushed.clone() else { return Ok(None) };
        let got: OneCoupon = agent.call(MethodName::WorkbenchCouponsGet, &CouponParams { coupon_id }).await?;
        Ok(Some(got.coupon.claimed_count))
    }

    /// Ends the coupon that was made for the run.
    pub(crate) async fn leave(&self, agent: &mut Scout) -> Result<(), Unanswered> {
        if let Some(coupon_id) = self.rushed.clone() {
            let _: OneCoupon =
                agent.call(MethodName::WorkbenchCouponsDeactivate, &CouponParams { coupon_id }).await?;
        }
        Ok(())
    }
}

fn coupon(run: &str, claims: u32, now: Timestamp) -> Result<CouponCreateParams, Unreadable> {
    Ok(CouponCreateParams {
        client_coupon_id: ClientCouponId::new(run).map_err(Unreadable::new)?,
        title: format!("Load {run}").chars().take(50).collect(),
        discount: Discount {
            kind: DiscountType::PercentOff,
            reduction_amount: None,
            percentage: Percentage::from_basis_points(1_000),
            max_discount: None,
        },
        threshold: Threshold::default(),
        product_scope: ProductScope::default(),
        product_ids: Vec::new(),
        claim_duration: ClaimDuration {
            start_time: now,
            end_time: Timestamp::from_millis(now.millis() + DAY),
        },
        redemption_duration: RedemptionDuration {
            kind: RedemptionType::Relative,
            start_time: None,
            end_time: None,
            relative_days: Some(7),
        },
        usage_limits: UsageLimits {
            total_claim_limit: Some(claims),
            single_buyer_claim_limit: 1,
            redemption_limit: None,
        },
    })
}
