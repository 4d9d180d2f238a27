//! Parcels of the shop's systems, and the steps of their way.

use deskwire_protocol::{
    ShopId,
    ids::PackageId,
    logistics::{Package, TrackingEvent},
    order::Editor,
};
use deskwire_store::PackageRecord;

use super::{
    Documents, Outcomes, Written,
    stage::{Stage, split, stands},
};
use crate::{
    Workbench, WorkbenchError,
    rules::logistics::{PACKAGES, track, upsert},
};

impl Workbench {
    /// Makes or changes parcels. The outer error means that nothing was written.
    pub async fn put_packages(
        &self,
        shop_id: &ShopId,
        editor: &Editor,
        packages: Vec<Package>,
    ) -> Result<Outcomes, WorkbenchError> {
        self.put_and_tell(shop_id, editor, &Documents::Packages(packages)).await
    }

    /// Adds steps to a parcel's way, all or none; those known already are left out.
    pub async fn add_tracking(
        &self,
        shop_id: &ShopId,
        editor: &Editor,
        package_id: &PackageId,
        events: Vec<TrackingEvent>,
    ) -> Result<Written, WorkbenchError> {
        let documents = Documents::Tracking(vec![(package_id.clone(), events)]);
        self.put_one_and_tell(shop_id, editor, &documents).await
    }
}

impl Stage<'_> {
    pub(super) fn put_package(&mut self, package: &Package) -> Result<Written, WorkbenchError> {
        let order = self.loaded.orders.get(&package.order_id);
        let order = &order.ok_or_else(|| no_order("order_id"))?.order;
        let stored = stands(&self.packages, &self.loaded.packages, &package.id);
        let known = stored.map(|record| &record.package);
        let (written, document) = split(upsert(order, known, package.clone(), self.now)?);
        if let Some(package) = document {
            let create_time = stored.map_or(self.now, |record| record.create_time);
            if stored.is_none() {
                let parcels = self.parcels.entry(package.order_id.clone()).or_default();
                if *parcels >= PACKAGES {
                    return Err(WorkbenchError::limit(PACKAGES as u64, "packages of an order"));
                }
                *parcels += 1;
            }
            self.packages.insert(package.id.clone(), PackageRecord { package, create_time });
        }
        Ok(written)
    }

    pub(super) fn track(
        &mut self,
        id: &PackageId,
        events: &[TrackingEvent],
    ) -> Result<Written, WorkbenchError> {
        let stored = stands(&self.packages, &self.loaded.packages, id).ok_or(WorkbenchError::NotFound)?;
        let (written, document) = split(track(&stored.package, events.to_vec(), self.now)?);
        if let Some(package) = document {
            let record = PackageRecord { package, ..stored.clone() };
            self.packages.insert(id.clone(), record);
        }
        Ok(written)
    }
}

/// What a document belongs to must be there first.
pub(super) fn no_order(field: &str) -> WorkbenchError {
    WorkbenchError::invalid(field, "names no order of this shop: write the order first")
}
