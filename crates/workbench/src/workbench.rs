//! The handle: what every noun of the workbench needs, and the one way to change a thing of a shop.

use std::sync::Arc;

use deskwire_chat::{Chat, Clock, bus};
use deskwire_protocol::{
    ShopId, Timestamp, UserId,
    card::ThingKind,
    event::WorkbenchChanged,
    ids::OrderId,
    order::{Editor, EditorKind},
};
use deskwire_store::{AuditRecord, Scope, Shelf, ShopChanges, Store, Wanted};
use tokio::sync::Notify;

use crate::{WorkbenchConfig, error::WorkbenchError};

/// A cheap handle to the workbench.
#[derive(Clone)]
pub struct Workbench {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) chat: Chat,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) config: WorkbenchConfig,
    /// Something was changed whose cards may have to be rendered again, or a message is owed.
    pub(crate) work: Notify,
}

/// Who calls: the session's user, within the scope of the session's token.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The shop and the user.
    pub scope: Scope,
    /// As others see them.
    pub name: String,
}

impl Caller {
    /// As what this caller changes things.
    pub(crate) fn editor(&self) -> Editor {
        Editor {
            kind: match self.scope.side() {
                deskwire_store::Side::Buyer => EditorKind::Buyer,
                deskwire_store::Side::Shop => EditorKind::Agent,
            },
            id: self.scope.user_id.to_string(),
            name: self.name.clone(),
        }
    }
}

/// What is being done, for the audit.
#[derive(Debug, Clone)]
pub(crate) struct Deed {
    pub(crate) editor: Editor,
    /// As the method is named: `returns.approve`.
    pub(crate) action: &'static str,
    pub(crate) kind: ThingKind,
    pub(crate) id: String,
}

impl Workbench {
    /// The workbench over a store, whose cards go into the conversations of a chat.
    #[must_use]
    pub fn new(store: Store, chat: Chat, clock: Arc<dyn Clock>, config: WorkbenchConfig) -> Self {
        Self { inner: Arc::new(Inner { store, chat, clock, config, work: Notify::new() }) }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Changes things of a shop: loads under locks, asks `decide`, writes all or nothing with a row of audit, then tells
    /// the open workbenches and wakes the renderer of cards.
    pub(crate) async fn change<R: Send>(
        &self,
        shop_id: &ShopId,
        wanted: &Wanted,
        deed: Deed,
        decide: impl FnOnce(&Shelf, Timestamp) -> Result<(ShopChanges, R), WorkbenchError> + Send,
    ) -> Result<R, WorkbenchError> {
        let now = self.now();
        let decided = self.store().change(shop_id, wanted, now, |loaded| match decide(loaded, now) {
            Ok((mut changes, answer)) => {
                let notices = notices(loaded, &changes, now);
                if changes != ShopChanges::default() {
                    changes.audit.push(deed.record(now));
                }
                (changes, Ok((answer, notices)))
            }
            Err(error) => (ShopChanges::default(), Err(error)),
        });
        let (answer, notices) = decided.await??;
        if !notices.is_empty() {
            self.inner.chat.tell_workbenches(shop_id, notices).await;
            self.inner.work.notify_one();
        }
        Ok(answer)
    }
}

impl Deed {
    fn record(self, time: Timestamp) -> AuditRecord {
        let Self { editor, action, kind, id } = self;
        AuditRecord {
            time,
            actor_kind: editor.kind,
            actor_id: editor.id,
            action,
            thing_kind: kind.as_str(),
            thing_id: id,
            result: "ok",
            detail: None,
        }
    }
}

/// What open workbenches are told of these changes.
fn notices(loaded: &Shelf, changes: &ShopChanges, now: Timestamp) -> Vec<bus::Workbench> {
    let told = |kind, id: &str, order_id: Option<&OrderId>, buyer_id: Option<&UserId>| {
        bus::Workbench::Changed(WorkbenchChanged {
            kind,
            id: id.to_owned(),
            order_id: order_id.cloned(),
            buyer_id: buyer_id.cloned(),
            update_time: now,
        })
    };
    let mut notices = Vec::new();
    for record in &changes.orders {
        let (order, stored) = (&record.order, loaded.orders.get(&record.order.id));
        if stored.map(|stored| &stored.order) != Some(order) {
            notices.push(told(ThingKind::Order, order.id.as_str(), None, Some(&order.user_id)));
        }
        if stored.and_then(|stored| stored.note.as_ref()) != record.note.as_ref() {
            notices.push(told(ThingKind::SellerNote, order.id.as_str(), Some(&order.id), Some(&order.user_id)));
        }
    }
    for record in &changes.packages {
        let package = &record.package;
        let order = changes.orders.iter().find(|order| order.order.id == package.order_id);
        let buyer_id = order.or_else(|| loaded.orders.get(&package.order_id)).map(|order| &order.order.user_id);
        notices.push(told(ThingKind::Package, package.id.as_str(), Some(&package.order_id), buyer_id));
    }
    for record in &changes.returns {
        let request = &record.request;
        let order_id = Some(&request.order_id);
        notices.push(told(ThingKind::Return, request.return_id.as_str(), order_id, Some(&record.buyer_id)));
    }
    for record in &changes.products {
        notices.push(told(ThingKind::Product, record.product.id.as_str(), None, None));
    }
    for record in &changes.coupons {
        let buyer_id = record.coupon.issue.as_ref().map(|issue| &issue.buyer_id);
        notices.push(told(ThingKind::Coupon, record.coupon.id.as_str(), None, buyer_id));
    }
    notices
}
