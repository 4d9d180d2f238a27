//! Coupons, written by the shop's systems and ended.

use axum::http::Method;
use deskwire_protocol::{
    ShopId,
    coupon::{Coupon, CouponParams, CouponResult, CouponsListParams, CouponsListResult},
    ids::CouponId,
    order::Editor,
};
use deskwire_store::ApiScope::{CouponsRead, CouponsWrite};
use deskwire_workbench::{PageOf, ShopCoupons, Workbench};
use serde_json::Value;

use super::{
    document::{Document, Taken, put_many, put_one},
    endpoint::{Call, Endpoint},
    examples,
    input::Query,
    orders::MANY,
    output::Shown,
    refusal::Refusal,
};

pub(super) fn endpoints() -> Vec<Endpoint> {
    [
        Endpoint::new((Method::GET, "/coupons"), "coupons.list", CouponsRead, "The shop's coupons, newest first.", list),
        Endpoint::new(
            (Method::POST, "/coupons"),
            "coupons.put_many",
            CouponsWrite,
            "Writes many coupons.",
            put_many::<Coupon>,
        )
        .described(MANY),
        Endpoint::new((Method::GET, "/coupons/{coupon_id}"), "coupons.get", CouponsRead, "A coupon.", get),
        Endpoint::new(
            (Method::PUT, "/coupons/{coupon_id}"),
            "coupons.put",
            CouponsWrite,
            "Writes a coupon.",
            put_one::<Coupon>,
        )
        .described(
            "Once it has begun only its title, the end of its claims and its quantity change. Of `status` only \
             `DEACTIVATED` matters, which ends it. A `version` that is sent must be the one that stands.",
        ),
        Endpoint::new(
            (Method::POST, "/coupons/{coupon_id}/deactivate"),
            "coupons.deactivate",
            CouponsWrite,
            "Ends a coupon.",
            deactivate,
        )
        .described("What was claimed can still be used. Ending it twice is ending it once."),
    ]
    .into_iter()
    .map(|endpoint| endpoint.under("Coupons"))
    .collect()
}

impl Document for Coupon {
    type Id = CouponId;
    const ID: &'static str = "id";
    const PLURAL: &'static str = "coupons";
    fn id(&self) -> &CouponId {
        &self.id
    }
    fn example() -> Value {
        examples::coupon()
    }
    async fn put(workbench: &Workbench, shop_id: &ShopId, editor: &Editor, documents: Vec<Self>) -> Taken {
        workbench.put_coupons(shop_id, editor, documents).await
    }
}

async fn list(
    call: Call,
    (): (),
    Query(query): Query<CouponsListParams>,
) -> Result<Shown<CouponsListResult>, Refusal> {
    let CouponsListParams { query: text, display_type, buyer_id, status, page_size, page_token } = query;
    let which = ShopCoupons { text, status, display_type, buyer_id };
    let page = PageOf { size: page_size, token: page_token };
    let (coupons, next_page_token) = call.workbench().shop_coupons(call.caller(), which, page).await?;
    Ok(Shown(CouponsListResult { coupons, next_page_token, manage_link: None }))
}

async fn get(call: Call, coupon_id: CouponId, (): ()) -> Result<Shown<CouponResult>, Refusal> {
    Ok(Shown(call.workbench().coupons_get(call.caller(), CouponParams { coupon_id }).await?))
}

async fn deactivate(call: Call, coupon_id: CouponId, (): ()) -> Result<Shown<CouponResult>, Refusal> {
    Ok(Shown(call.workbench().coupons_deactivate(call.caller(), CouponParams { coupon_id }).await?))
}
