//! What the shop's own systems write, by REST or from files: many documents in one transaction, each taken or refused by
//! itself, so that one bad document does not stop its neighbours.
//!
//! A call is decided in order: a document that stands twice in it is applied on what its first made. What changed is
//! written with a row of audit for each thing, and marks the cards that show it.

mod coupons;
mod documents;
mod orders;
mod packages;
mod people;
mod products;
mod returns;
mod stage;
mod step;
mod tell;

use std::{sync::Arc, time::Duration};

use deskwire_chat::Clock;
use deskwire_protocol::{ShopId, Timestamp, order::Editor};
use deskwire_store::{Shelf, ShopChanges, Store};

pub use documents::{Documents, PersonPut};
pub use step::{ImportRow, ImportStep};

use crate::{
    WorkbenchConfig, WorkbenchError,
    audit::{self, Doing},
    rules::returns::ReturnTimes,
    workbench::TRIES,
};
use stage::Stage;

/// What came of one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Written {
    /// It was not there before.
    Created,
    /// It replaced what was there.
    Changed,
    /// It says what stands already.
    Unchanged,
    /// It is older than what stands, and was left out.
    Stale,
}

/// What came of each document, in order.
pub type Outcomes = Vec<Result<Written, WorkbenchError>>;

/// The way into the store for what a shop's systems write. It tells nobody: [`crate::Workbench`] does, for those who are
/// connected to this process.
#[derive(Clone)]
pub struct Intake {
    store: Store,
    clock: Arc<dyn Clock>,
    times: Times,
}

/// The times that rules reckon with.
#[derive(Debug, Clone, Copy)]
struct Times {
    returns: ReturnTimes,
    deadline_notice: Duration,
}

impl Intake {
    /// Into this store.
    #[must_use]
    pub fn new(store: Store, clock: Arc<dyn Clock>, config: &WorkbenchConfig) -> Self {
        let returns = ReturnTimes { window: config.return_window, answer_within: config.return_answer };
        Self { store, clock, times: Times { returns, deadline_notice: config.deadline_notice } }
    }

    /// Writes documents. The error means that nothing was written.
    pub async fn put(
        &self,
        shop_id: &ShopId,
        editor: &Editor,
        documents: &Documents,
    ) -> Result<Outcomes, WorkbenchError> {
        let (outcomes, ()) = self.take_in(shop_id, editor, documents, None, |_, _, _| ()).await?;
        Ok(outcomes)
    }

    /// Writes documents from a file, and in the same transaction how far the file has come: a kill at any time neither
    /// loses nor doubles a row. The error means that nothing was written.
    pub async fn import(
        &self,
        shop_id: &ShopId,
        editor: &Editor,
        documents: &Documents,
        step: &ImportStep,
    ) -> Result<Outcomes, WorkbenchError> {
        let (outcomes, ()) = self.take_in(shop_id, editor, documents, Some(step), |_, _, _| ()).await?;
        Ok(outcomes)
    }

    /// Writes documents; `look` sees what was loaded, and may add to what is written.
    async fn take_in<N: Send>(
        &self,
        shop_id: &ShopId,
        editor: &Editor,
        documents: &Documents,
        step: Option<&ImportStep>,
        look: impl Fn(&Shelf, &mut ShopChanges, Timestamp) -> N + Send + Sync,
    ) -> Result<(Outcomes, N), WorkbenchError> {
        let wanted = documents.wanted();
        let mut tries = 1;
        loop {
            let now = self.clock.now();
            let decided = self.store.change(shop_id, &wanted, now, |loaded| {
                let mut stage = Stage::new(loaded, editor, self.times, now);
                let outcomes = stage.take(documents);
                let mut changes = stage.into_changes();
                let doing = Doing { editor, action: documents.action(), target: None, now };
                changes.audit = audit::rows(loaded, &changes, doing);
                changes.import = step.map(|step| step.record(documents, &outcomes));
                let seen = look(loaded, &mut changes, now);
                (changes, (outcomes, seen))
            });
            match decided.await {
                // Someone made at once what is made here: tried again it is seen.
                Err(error) if error.is_collision() && tries < TRIES => tries += 1,
                outcome => return Ok(outcome?),
            }
        }
    }
}
