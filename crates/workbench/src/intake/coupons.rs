//! Coupons of the shop's systems.

use deskwire_protocol::{
    ShopId,
    coupon::{Coupon, CouponStatus},
    order::Editor,
};
use deskwire_store::CouponRecord;

use super::{
    Documents, Outcomes, Written,
    stage::{Stage, split, stands},
};
use crate::{
    Workbench, WorkbenchError,
    coupons::{facts, with},
    rules::coupons::upsert,
};

impl Workbench {
    /// Makes or changes coupons. The outer error means that nothing was written.
    pub async fn put_coupons(
        &self,
        shop_id: &ShopId,
        editor: &Editor,
        coupons: Vec<Coupon>,
    ) -> Result<Outcomes, WorkbenchError> {
        self.put_and_tell(shop_id, editor, &Documents::Coupons(coupons)).await
    }
}

impl Stage<'_> {
    pub(super) fn put_coupon(&mut self, coupon: &Coupon) -> Result<Written, WorkbenchError> {
        let stored = stands(&self.coupons, &self.loaded.coupons, &coupon.id);
        let known = stored.map(facts);
        let (written, document) = split(upsert(known.as_ref(), coupon.clone(), self.now)?);
        if let Some(coupon) = document {
            let id = coupon.id.clone();
            let record = match stored {
                Some(stored) => with(stored, coupon),
                None => CouponRecord {
                    deactivated: coupon.status == CouponStatus::Deactivated,
                    coupon,
                    made_as: None,
                    coupon_no: 0,
                    version: 0,
                },
            };
            self.coupons.insert(id, record);
        }
        Ok(written)
    }
}
