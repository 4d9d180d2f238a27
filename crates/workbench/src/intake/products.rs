//! Products of the shop's systems, and how many there are of each variant.

use deskwire_protocol::{
    ShopId,
    ids::{ProductId, SkuId},
    order::Editor,
    product::Product,
};
use deskwire_store::ProductRecord;

use super::{
    Documents, Outcomes, Written,
    stage::{Stage, split, stands},
};
use crate::{
    Workbench, WorkbenchError,
    rules::products::{InventoryChange, change_inventory, stock, upsert},
};

impl Workbench {
    /// Makes or changes products. The outer error means that nothing was written.
    pub async fn put_products(
        &self,
        shop_id: &ShopId,
        editor: &Editor,
        products: Vec<Product>,
    ) -> Result<Outcomes, WorkbenchError> {
        self.put_and_tell(shop_id, editor, &Documents::Products(products)).await
    }

    /// Sets how many there are of a variant.
    pub async fn put_inventory(
        &self,
        shop_id: &ShopId,
        editor: &Editor,
        sku_id: &SkuId,
        inventory: u32,
    ) -> Result<Written, WorkbenchError> {
        let documents = Documents::Inventory(vec![(sku_id.clone(), inventory)]);
        self.put_one_and_tell(shop_id, editor, &documents).await
    }
}

impl Stage<'_> {
    pub(super) fn put_product(&mut self, product: &Product) -> Result<Written, WorkbenchError> {
        let stored = stands(&self.products, &self.loaded.products, &product.id);
        let known = stored.map(|record| &record.product);
        let (written, document) = split(upsert(known, product.clone(), self.now)?);
        if let Some(product) = document {
            self.check_variants(&product)?;
            let record = with(stored, product);
            let let_go: Vec<SkuId> =
                known.map(|known| known.skus.iter().map(|sku| sku.id.clone()).collect()).unwrap_or_default();
            self.skus.extend(let_go.into_iter().map(|id| (id, None)));
            let id = record.product.id.clone();
            self.skus.extend(record.product.skus.iter().map(|sku| (sku.id.clone(), Some(id.clone()))));
            self.products.insert(id, record);
        }
        Ok(written)
    }

    pub(super) fn put_inventory(&mut self, sku_id: &SkuId, count: u32) -> Result<Written, WorkbenchError> {
        let product_id = self.product_of(sku_id).ok_or(WorkbenchError::NotFound)?.clone();
        let stored = stands(&self.products, &self.loaded.products, &product_id);
        let stored = stored.ok_or(WorkbenchError::NotFound)?;
        let product = change_inventory(&stored.product, sku_id, InventoryChange::Set(count))?;
        if product == stored.product {
            return Ok(Written::Unchanged);
        }
        let record = with(Some(stored), product);
        self.products.insert(product_id, record);
        Ok(Written::Changed)
    }

    /// A variant belongs to one product: its id leads there.
    fn check_variants(&self, product: &Product) -> Result<(), WorkbenchError> {
        let of_another = product
            .skus
            .iter()
            .position(|sku| self.product_of(&sku.id).is_some_and(|owner| *owner != product.id));
        match of_another {
            Some(place) => Err(WorkbenchError::invalid(
                format!("skus[{place}].id"),
                "is a variant of another product of this shop",
            )),
            None => Ok(()),
        }
    }

    pub(super) fn product_of(&self, id: &SkuId) -> Option<&ProductId> {
        match self.skus.get(id) {
            Some(made) => made.as_ref(),
            None => self.loaded.skus.get(id),
        }
    }
}

fn with(stored: Option<&ProductRecord>, product: Product) -> ProductRecord {
    let (product_no, version) = stored.map_or((0, 0), |record| (record.product_no, record.version));
    ProductRecord { stock: stock(&product), product, product_no, version }
}
