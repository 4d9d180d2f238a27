//! What open workbenches are told of what was written: each buyer's things to those who have that buyer before them, and
//! the shop's one by one unless they are many.

use deskwire_chat::bus;
use deskwire_protocol::{ShopId, Timestamp, card::ThingKind, event::WorkbenchChanged, order::Editor};

use deskwire_store::{Shelf, ShopChanges};

use super::{Documents, Outcomes, Written};
use crate::{Workbench, WorkbenchError, workbench::notices};

/// More products or coupons than this in one call are told as one change of all: every agent of the shop gets them, and
/// reading the page again costs less than so many events.
const ONE_BY_ONE: usize = 50;

impl Workbench {
    /// Writes one document.
    pub(super) async fn put_one_and_tell(
        &self,
        shop_id: &ShopId,
        editor: &Editor,
        document: &Documents,
    ) -> Result<Written, WorkbenchError> {
        let outcomes = self.put_and_tell(shop_id, editor, document).await?;
        outcomes.into_iter().next().ok_or(WorkbenchError::NotFound)?
    }

    /// Writes documents, then tells those who are connected to this process.
    pub(super) async fn put_and_tell(
        &self,
        shop_id: &ShopId,
        editor: &Editor,
        documents: &Documents,
    ) -> Result<Outcomes, WorkbenchError> {
        let look = |loaded: &Shelf, changes: &mut ShopChanges, now| {
            changes.webhook_events = self.webhook_events(shop_id, loaded, changes, now);
            (notices(loaded, changes, now), !changes.posts.is_empty())
        };
        let (outcomes, (notices, owes)) =
            self.intake().take_in(shop_id, editor, documents, None, look).await?;
        if owes {
            self.owed().notify_one();
        }
        if !notices.is_empty() {
            self.stale().notify_one();
            self.chat().tell_workbenches(shop_id, gathered(notices, self.now())).await;
        }
        Ok(outcomes)
    }
}

/// Changes of many things of the whole shop become one, without an id.
fn gathered(notices: Vec<bus::Workbench>, now: Timestamp) -> Vec<bus::Workbench> {
    let mut kept = notices;
    for kind in [ThingKind::Product, ThingKind::Coupon] {
        let of_kind = |notice: &bus::Workbench| match notice {
            bus::Workbench::Changed(changed) => changed.kind == kind && changed.buyer_id.is_none(),
            bus::Workbench::DeadlineNear(_) | bus::Workbench::Orders(_) => false,
        };
        if kept.iter().filter(|notice| of_kind(notice)).count() > ONE_BY_ONE {
            kept.retain(|notice| !of_kind(notice));
            kept.push(bus::Workbench::Changed(WorkbenchChanged {
                kind,
                id: String::new(),
                order_id: None,
                buyer_id: None,
                update_time: now,
            }));
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(kind: ThingKind, id: &str, buyer: Option<&str>) -> bus::Workbench {
        bus::Workbench::Changed(WorkbenchChanged {
            kind,
            id: id.into(),
            order_id: None,
            buyer_id: buyer.map(|id| id.parse().unwrap()),
            update_time: Timestamp::from_millis(7),
        })
    }

    #[test]
    fn many_products_are_told_as_one_change_of_all() {
        let now = Timestamp::from_millis(7);
        let few = vec![changed(ThingKind::Product, "p-1", None); ONE_BY_ONE];
        assert_eq!(gathered(few.clone(), now), few);

        let mut many = few;
        many.push(changed(ThingKind::Product, "p-2", None));
        many.push(changed(ThingKind::Order, "o-1", Some("b-1")));
        let told = gathered(many, now);
        let expected = [changed(ThingKind::Order, "o-1", Some("b-1")), changed(ThingKind::Product, "", None)];
        assert_eq!(told, expected);
    }

    #[test]
    fn every_buyers_things_are_told_however_many() {
        let now = Timestamp::from_millis(7);
        let orders: Vec<_> =
            (0..500).map(|n| changed(ThingKind::Order, "o", Some(&format!("b-{n}")))).collect();
        assert_eq!(gathered(orders.clone(), now), orders);
    }
}
