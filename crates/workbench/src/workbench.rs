//! The handle: what every noun of the workbench needs, and the one way to change a thing of a shop.

use std::{future::Future, str::FromStr, sync::Arc, time::Duration};

use deskwire_chat::{Chance, Chat, ChatError, Clock, bus, spawn_vital};
use deskwire_protocol::{
    Role, ShopId, Timestamp, UserId,
    card::ThingKind,
    event::WorkbenchChanged,
    ids::OrderId,
    order::{Editor, EditorKind},
};
use deskwire_store::{CouponRecord, Scope, Shelf, ShopChanges, Side, Store, Wanted};
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    LocaleError, WorkbenchConfig, WorkbenchError,
    audit::{self, Doing},
    intake::Intake,
    locale::{Locale, Speech, Speeches},
};

/// Two who make the same at once: the second tries again and finds what the first made.
pub(crate) const TRIES: usize = 3;

/// For what the workbench does by itself, a step or a page: beyond it the store is as good as away.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// For what is under way when the node ends: a page of cards, not all of them.
const GRACE: Duration = Duration::from_secs(5);

/// A cheap handle to the workbench.
#[derive(Clone)]
pub struct Workbench {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    chat: Chat,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    config: WorkbenchConfig,
    speeches: Speeches,
    intake: Intake,
    /// Something was changed whose cards may have to be rendered again.
    stale: Notify,
    /// A message is owed to a conversation.
    owed: Notify,
    crashed: CancellationToken,
    stop: CancellationToken,
    own_tasks: TaskTracker,
}

/// Who calls: the session's user, within the scope of the session's token, or a system of the shop by its API key.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The shop and the user.
    pub(crate) scope: Scope,
    kind: EditorKind,
    pub(crate) name: String,
}

impl Caller {
    /// The user of a session; `name` is how others see them.
    #[must_use]
    pub fn of_session(scope: Scope, name: String) -> Self {
        let kind = match scope.side() {
            Side::Buyer => EditorKind::Buyer,
            Side::Shop => EditorKind::Agent,
        };
        Self { scope, kind, name }
    }

    /// An API key of a shop: it sees what the shop's own people see.
    #[must_use]
    pub fn of_api_key(shop_id: ShopId, key_id: UserId, name: String) -> Self {
        Self { scope: Scope { shop_id, role: Role::Admin, user_id: key_id }, kind: EditorKind::Api, name }
    }

    /// As what this caller changes things.
    #[must_use]
    pub fn editor(&self) -> Editor {
        Editor { kind: self.kind, id: self.scope.user_id.to_string(), name: self.name.clone() }
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
    /// The workbench over a store, whose cards go into the conversations of a chat. Fails only where the binary's own
    /// languages are broken.
    pub fn new(
        store: Store,
        chat: Chat,
        clock: Arc<dyn Clock>,
        chance: Arc<dyn Chance>,
        config: WorkbenchConfig,
    ) -> Result<Self, LocaleError> {
        let speeches = Speeches::load()?;
        let intake = Intake::new(store.clone(), Arc::clone(&clock), &config);
        Ok(Self {
            inner: Arc::new(Inner {
                store,
                chat,
                clock,
                chance,
                config,
                speeches,
                intake,
                stale: Notify::new(),
                owed: Notify::new(),
                crashed: CancellationToken::new(),
                stop: CancellationToken::new(),
                own_tasks: TaskTracker::new(),
            }),
        })
    }

    /// Starts what goes on by itself, until [`Workbench::finish`]: cards are kept true, messages that are owed are sent,
    /// and what is due is done.
    pub fn start(&self, tasks: &TaskTracker) {
        let Inner { crashed, stop, own_tasks, .. } = &*self.inner;
        let may_end = || {
            let stop = stop.clone();
            move || stop.is_cancelled()
        };
        let (me, until) = (self.clone(), stop.clone());
        let live = async move { me.keep_cards_true(until).await };
        spawn_vital(tasks, "live cards", crashed, may_end(), own_tasks.track_future(live));
        let (me, until) = (self.clone(), stop.clone());
        let owed = async move { me.pay_what_is_owed(until).await };
        spawn_vital(tasks, "owed messages", crashed, may_end(), own_tasks.track_future(owed));
        let (me, until) = (self.clone(), stop.clone());
        let timekeeper = async move { me.keep_time(until).await };
        spawn_vital(tasks, "timekeeper", crashed, may_end(), own_tasks.track_future(timekeeper));
    }

    /// Ends what [`Workbench::start`] started, and waits a little for what is under way: cards that are not rendered yet
    /// are left to other nodes, or the next start, at once. Call it while the chat still takes what is rendered.
    pub async fn finish(&self) {
        let Inner { stop, own_tasks, .. } = &*self.inner;
        stop.cancel();
        own_tasks.close();
        if tokio::time::timeout(GRACE, own_tasks.wait()).await.is_err() {
            tracing::warn!("cards are still being rendered; their leases run out");
        }
    }

    /// Cancelled when a task of [`Workbench::start`] ended by itself: the process cannot go on.
    #[must_use]
    pub fn crashed(&self) -> &CancellationToken {
        &self.inner.crashed
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn chat(&self) -> &Chat {
        &self.inner.chat
    }

    pub(crate) fn intake(&self) -> &Intake {
        &self.inner.intake
    }

    pub(crate) fn config(&self) -> &WorkbenchConfig {
        &self.inner.config
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// A buyer's language, or the nearest that is spoken here.
    pub(crate) fn speech(&self, locale: Option<&str>) -> &Speech {
        self.inner.speeches.of(locale.map_or(Locale::English, Locale::negotiate))
    }

    /// Cards may have to be rendered again.
    pub(crate) fn stale(&self) -> &Notify {
        &self.inner.stale
    }

    /// A message is owed.
    pub(crate) fn owed(&self) -> &Notify {
        &self.inner.owed
    }

    pub(crate) fn chance(&self) -> &dyn Chance {
        self.inner.chance.as_ref()
    }

    /// A new id: nobody guesses it, and ids made later sort later.
    pub(crate) fn draw_id<T: FromStr<Err: std::fmt::Display>>(
        &self,
        kind: &str,
    ) -> Result<T, WorkbenchError> {
        let id = format!("{kind}-{:x}-{:016x}", self.now().millis(), self.inner.chance.number());
        id.parse().map_err(|problem| WorkbenchError::invalid("id", problem))
    }

    /// Changes things of a shop: loads under locks, asks `decide`, writes all or nothing with its rows of audit, then tells
    /// the open workbenches and wakes those who keep cards true. `decide` is asked again where someone else was first.
    pub(crate) async fn change<R: Send>(
        &self,
        shop_id: &ShopId,
        wanted: &Wanted,
        deed: Deed,
        decide: impl Fn(&Shelf, Timestamp) -> Result<(ShopChanges, R), WorkbenchError> + Send + Sync,
    ) -> Result<R, WorkbenchError> {
        let mut tries = 1;
        loop {
            match self.try_change(shop_id, wanted, &deed, &decide).await {
                Err(WorkbenchError::Store(error)) if error.is_collision() && tries < TRIES => tries += 1,
                outcome => return outcome,
            }
        }
    }

    async fn try_change<R: Send>(
        &self,
        shop_id: &ShopId,
        wanted: &Wanted,
        deed: &Deed,
        decide: &(impl Fn(&Shelf, Timestamp) -> Result<(ShopChanges, R), WorkbenchError> + Send + Sync),
    ) -> Result<R, WorkbenchError> {
        let now = self.now();
        let decided = self.store().change(shop_id, wanted, now, |loaded| match decide(loaded, now) {
            Ok((mut changes, answer)) => {
                let notices = notices(loaded, &changes, now);
                changes.audit = audit::rows(loaded, &changes, deed.doing(now));
                changes.webhook_events = self.webhook_events(shop_id, loaded, &changes, now);
                let owes = !changes.posts.is_empty();
                (changes, Ok((answer, notices, owes)))
            }
            Err(error) => (ShopChanges::default(), Err(error)),
        });
        let (answer, notices, owes) = decided.await??;
        if owes {
            self.owed().notify_one();
        }
        if !notices.is_empty() {
            self.stale().notify_one();
            self.chat().tell_workbenches(shop_id, notices).await;
        }
        Ok(answer)
    }
}

impl Deed {
    fn doing(&self, now: Timestamp) -> Doing<'_> {
        let Self { editor, action, kind, id } = self;
        Doing { editor, action, target: Some((*kind, id.as_str())), now }
    }
}

/// Work that nobody waits for: a store that does not answer must not hold it up for ever. What it has not done by then is
/// found again.
pub(crate) async fn in_time<T>(
    work: impl Future<Output = Result<T, WorkbenchError>>,
) -> Result<T, WorkbenchError> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or(Err(WorkbenchError::Chat(ChatError::Timeout)))
}

/// What the server does by itself is done by it.
pub(crate) fn system() -> Editor {
    Editor { kind: EditorKind::System, id: "deskwire".into(), name: "System".into() }
}

/// What open workbenches are told of these changes.
pub(crate) fn notices(loaded: &Shelf, changes: &ShopChanges, now: Timestamp) -> Vec<bus::Workbench> {
    let told = |kind, id: &str, order_id: Option<&OrderId>, buyer_id: Option<&UserId>| {
        changed(kind, id, order_id, buyer_id, now)
    };
    let mut notices = Vec::new();
    for record in &changes.orders {
        let (order, stored) = (&record.order, loaded.orders.get(&record.order.id));
        if stored.map(|stored| &stored.order) != Some(order) {
            notices.push(told(ThingKind::Order, order.id.as_str(), None, Some(&order.user_id)));
        }
        if stored.and_then(|stored| stored.note.as_ref()) != record.note.as_ref() {
            notices.push(told(
                ThingKind::SellerNote,
                order.id.as_str(),
                Some(&order.id),
                Some(&order.user_id),
            ));
        }
    }
    for record in &changes.packages {
        let package = &record.package;
        let buyer_id = loaded.orders.get(&package.order_id).map(|record| &record.order.user_id);
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
    notices.extend(changes.coupons.iter().map(|record| coupon_changed(record, now)));
    notices
}

/// What open workbenches are told of a coupon that has changed, or that time has begun or ended.
pub(crate) fn coupon_changed(record: &CouponRecord, now: Timestamp) -> bus::Workbench {
    let buyer_id = record.coupon.issue.as_ref().map(|issue| &issue.buyer_id);
    changed(ThingKind::Coupon, record.coupon.id.as_str(), None, buyer_id, now)
}

fn changed(
    kind: ThingKind,
    id: &str,
    order_id: Option<&OrderId>,
    buyer_id: Option<&UserId>,
    now: Timestamp,
) -> bus::Workbench {
    bus::Workbench::Changed(WorkbenchChanged {
        kind,
        id: id.to_owned(),
        order_id: order_id.cloned(),
        buyer_id: buyer_id.cloned(),
        update_time: now,
    })
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_that_comes_to_no_end_is_given_up() {
        let given_up: Result<(), WorkbenchError> = in_time(pending()).await;
        assert!(matches!(given_up, Err(WorkbenchError::Chat(ChatError::Timeout))), "{given_up:?}");
        assert_eq!(in_time(ready(Ok(7))).await.unwrap(), 7);
    }
}
