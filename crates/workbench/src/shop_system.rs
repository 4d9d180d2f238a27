//! What the shop's own systems ask for beyond what an agent does: things of the whole shop in any status, and things by
//! themselves that the workbench shows as parts of others.

use deskwire_protocol::{
    UserId,
    coupon::{Coupon, CouponStatus, DisplayType},
    ids::{OrderId, PackageId, ProductId, SkuId},
    logistics::Package,
    order::{Order, OrderStatus},
    page::PageSize,
    product::{Product, ProductSearchBy, ProductStatus, Sku},
};
use deskwire_store::{CouponQuery, OrderQuery, PersonRecord, ProductQuery, Side};

use crate::{
    Caller, Workbench, WorkbenchError,
    page::{at, cut, read, read_at},
    rules::fields::{ID_PART_CHARS, QUERY_CHARS, sought},
};

/// A page of a list: how many, and where the page before ended.
#[derive(Debug, Clone, Default)]
pub struct PageOf {
    /// How many.
    pub size: PageSize,
    /// `next_page_token` of the page before.
    pub token: Option<String>,
}

/// Things, and the token of the page after; it is empty at the end.
pub type Listed<T> = (Vec<T>, String);

/// Which orders of the shop, newest first.
#[derive(Debug, Clone, Default)]
pub struct ShopOrders {
    /// Only this buyer's.
    pub buyer_id: Option<UserId>,
    /// Only these.
    pub status: Option<OrderStatus>,
    /// Only those whose id has this part, in any case.
    pub id_part: Option<String>,
}

/// Which products of the shop, newest first.
#[derive(Debug, Clone, Default)]
pub struct ShopProducts {
    /// Parts of words that must all be found.
    pub text: Option<String>,
    /// Where; everywhere when not said.
    pub by: Option<ProductSearchBy>,
    /// Only these.
    pub status: Option<ProductStatus>,
    /// Only those of which something (nothing) is left.
    pub in_stock: Option<bool>,
}

/// Which coupons of the shop, newest first.
#[derive(Debug, Clone, Default)]
pub struct ShopCoupons {
    /// Parts of words of the name that must all be found.
    pub text: Option<String>,
    /// Only these.
    pub status: Option<CouponStatus>,
    /// Only these.
    pub display_type: Option<DisplayType>,
    /// Of the personalized ones only this buyer's.
    pub buyer_id: Option<UserId>,
}

impl Workbench {
    /// Orders, whoever's.
    pub async fn shop_orders(
        &self,
        caller: &Caller,
        which: ShopOrders,
        page: PageOf,
    ) -> Result<Listed<Order>, WorkbenchError> {
        let ShopOrders { buyer_id, status, id_part } = which;
        sought("order_id", id_part.as_ref(), ID_PART_CHARS)?;
        let (shop_id, size) = (&caller.scope.shop_id, page.size.get());
        let before: Option<(_, OrderId)> = read_at(page.token.as_ref())?;
        let query = OrderQuery { status, id_part: id_part.filter(|part| !part.is_empty()), before };
        let records = match buyer_id {
            Some(buyer_id) => self.store().buyer_orders(shop_id, &buyer_id, &query, size + 1).await?,
            None => self.store().shop_orders(shop_id, &query, size + 1).await?,
        };
        let (records, next) =
            cut(records, size, |record| at(record.order.create_time, record.order.id.as_str()));
        Ok((self.complete(shop_id, records, Side::Shop).await?, next))
    }

    /// A parcel.
    pub async fn shop_package(&self, caller: &Caller, id: &PackageId) -> Result<Package, WorkbenchError> {
        let record = self.store().package(&caller.scope.shop_id, id).await?;
        Ok(record.ok_or(WorkbenchError::NotFound)?.package)
    }

    /// Products, live or not.
    pub async fn shop_products(
        &self,
        caller: &Caller,
        which: ShopProducts,
        page: PageOf,
    ) -> Result<Listed<Product>, WorkbenchError> {
        let ShopProducts { text, by, status, in_stock } = which;
        sought("query", text.as_ref(), QUERY_CHARS)?;
        let (shop_id, size) = (&caller.scope.shop_id, page.size.get());
        let before = read(page.token.as_ref())?;
        let query = ProductQuery { text, by, status, in_stock, category: None, before };
        let records = self.store().find_products(shop_id, &query, size + 1).await?;
        let (records, next) = cut(records, size, |record| record.product_no.to_string());
        Ok((records.into_iter().map(|record| self.complete_product(shop_id, record)).collect(), next))
    }

    /// A variant, and the product that it is of.
    pub async fn shop_sku(&self, caller: &Caller, id: &SkuId) -> Result<(ProductId, Sku), WorkbenchError> {
        let record = self.store().product_of_sku(&caller.scope.shop_id, id).await?;
        let product = record.ok_or(WorkbenchError::NotFound)?.product;
        let sku = product.skus.into_iter().find(|sku| sku.id == *id).ok_or(WorkbenchError::NotFound)?;
        Ok((product.id, sku))
    }

    /// Coupons in any status.
    pub async fn shop_coupons(
        &self,
        caller: &Caller,
        which: ShopCoupons,
        page: PageOf,
    ) -> Result<Listed<Coupon>, WorkbenchError> {
        let ShopCoupons { text, status, display_type, buyer_id } = which;
        sought("query", text.as_ref(), QUERY_CHARS)?;
        let (shop_id, size, now) = (&caller.scope.shop_id, page.size.get(), self.now());
        let before = read(page.token.as_ref())?;
        let query = CouponQuery { text, status, now, display_type, buyer_id, before };
        let records = self.store().find_coupons(shop_id, &query, size + 1).await?;
        let (records, next) = cut(records, size, |record| record.coupon_no.to_string());
        Ok((records.into_iter().map(|record| self.complete_coupon(shop_id, &record, now)).collect(), next))
    }

    /// A buyer, or one of the shop's own people.
    pub async fn shop_person(
        &self,
        caller: &Caller,
        side: Side,
        id: &UserId,
    ) -> Result<PersonRecord, WorkbenchError> {
        let record = self.store().person(&caller.scope.shop_id, side, id).await?;
        record.ok_or(WorkbenchError::NotFound)
    }
}
