//! Returns of the shop's systems.

use deskwire_protocol::{
    ShopId,
    order::{Editor, EditorKind},
    returns::{Return, ReturnRole},
};
use deskwire_store::ReturnRequestRecord;

use super::{
    Documents, Outcomes, Written,
    packages::no_order,
    stage::{Stage, split, stands},
};
use crate::{
    Workbench, WorkbenchError,
    returns::told,
    rules::returns::{answer_due_time, upsert},
};

impl Workbench {
    /// Makes or changes returns. The outer error means that nothing was written.
    pub async fn put_returns(
        &self,
        shop_id: &ShopId,
        editor: &Editor,
        returns: Vec<Return>,
    ) -> Result<Outcomes, WorkbenchError> {
        self.put_and_tell(shop_id, editor, &Documents::Returns(returns)).await
    }
}

impl Stage<'_> {
    pub(super) fn put_return(&mut self, request: &Return) -> Result<Written, WorkbenchError> {
        let order = self.loaded.orders.get(&request.order_id);
        let order = &order.ok_or_else(|| no_order("order_id"))?.order;
        let stored = stands(&self.returns, &self.loaded.returns, &request.return_id);
        let known = stored.map(|record| &record.request);
        let id = &request.return_id;
        let made = self.returns.values();
        let loaded = self
            .loaded
            .returns
            .values()
            .filter(|record| !self.returns.contains_key(&record.request.return_id));
        let others = made.chain(loaded).map(|record| &record.request);
        let others: Vec<&Return> =
            others.filter(|other| other.order_id == order.id && other.return_id != *id).collect();
        let incoming = request.clone();
        let (written, document) =
            split(upsert(order, &others, known, incoming, &self.times.returns, self.now)?);
        if let Some(request) = document {
            let record = ReturnRequestRecord {
                answer_due_time: answer_due_time(&request),
                buyer_id: order.user_id.clone(),
                client_return_id: stored.and_then(|record| record.client_return_id.clone()),
                request,
            };
            if self.is_news(written, &record.request) {
                self.posts.push(told(&record.request, &record.buyer_id)?);
            }
            let id = record.request.return_id.clone();
            self.returns.insert(id, record);
        }
        Ok(written)
    }

    /// Whether it is a buyer's request that has just been made, and is told in the buyer's conversation as one made
    /// there is. What files bring is history.
    fn is_news(&self, written: Written, request: &Return) -> bool {
        written == Written::Created
            && self.editor.kind == EditorKind::Api
            && request.role == ReturnRole::Buyer
            && request.return_status.is_pending()
    }
}
