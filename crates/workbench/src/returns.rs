//! Returns and refunds: what can be returned, what is asked for, and the shop's answer.

use deskwire_protocol::{
    ShopId, UserId,
    card::{CardKind, ThingKind},
    ids::{OrderId, ReturnId},
    order::OrderParams,
    returns::{
        BuyerReturnsListParams, EligibilityResult, Return, ReturnAnswerParams, ReturnParams, ReturnResult,
        ReturnSubmitParams, ReturnsListParams, ReturnsListResult, SellerAction,
    },
};
use deskwire_store::{
    OrderRecord, PostRecord, ReturnQuery, ReturnRequestRecord, Shelf, ShopChanges, Side, Wanted,
};

use crate::{
    Caller, Workbench, WorkbenchError,
    orders::reaches,
    owed::post_id,
    page::{at, cut, read_at},
    rules::returns::{self, Answered, OrderFile, ReturnTimes},
    workbench::{Deed, system},
};

/// Deadlines that have passed are worked off so many at a time.
const DUE: u32 = 100;

impl Workbench {
    /// `workbench.returns.list`.
    pub async fn returns_list(
        &self,
        caller: &Caller,
        params: ReturnsListParams,
    ) -> Result<ReturnsListResult, WorkbenchError> {
        let ReturnsListParams { buyer_id, order_id, return_status, page_size, page_token } = params;
        let before = read_at(page_token.as_ref())?;
        let query = ReturnQuery { buyer_id, order_id, status: return_status, before };
        self.list_returns(caller, query, page_size.get()).await
    }

    /// `buyer.returns.list`.
    pub async fn buyer_returns_list(
        &self,
        caller: &Caller,
        params: BuyerReturnsListParams,
    ) -> Result<ReturnsListResult, WorkbenchError> {
        let BuyerReturnsListParams { order_id, page_size, page_token } = params;
        let before = read_at(page_token.as_ref())?;
        let query =
            ReturnQuery { buyer_id: Some(caller.scope.user_id.clone()), order_id, status: None, before };
        self.list_returns(caller, query, page_size.get()).await
    }

    async fn list_returns(
        &self,
        caller: &Caller,
        query: ReturnQuery,
        size: u32,
    ) -> Result<ReturnsListResult, WorkbenchError> {
        let (shop_id, for_side) = (&caller.scope.shop_id, caller.scope.side());
        let records = self.store().returns(shop_id, &query, size + 1).await?;
        let (records, next_page_token) =
            cut(records, size, |record| at(record.request.update_time, record.request.return_id.as_str()));
        let returns = records
            .into_iter()
            .map(|record| self.complete_return(shop_id, record.request, for_side))
            .collect();
        Ok(ReturnsListResult { returns, next_page_token })
    }

    /// `workbench.returns.get`.
    pub async fn returns_get(
        &self,
        caller: &Caller,
        params: ReturnParams,
    ) -> Result<ReturnResult, WorkbenchError> {
        let record = self.store().return_request(&caller.scope.shop_id, &params.return_id).await?;
        let record = record.ok_or(WorkbenchError::NotFound)?;
        let request = self.complete_return(&caller.scope.shop_id, record.request, caller.scope.side());
        Ok(ReturnResult { request })
    }

    /// `workbench.returns.eligibility` and `buyer.returns.eligibility`.
    pub async fn returns_eligibility(
        &self,
        caller: &Caller,
        params: OrderParams,
    ) -> Result<EligibilityResult, WorkbenchError> {
        let record = self.order_record(&caller.scope, &params.order_id).await?;
        self.eligibility(&caller.scope.shop_id, &record).await
    }

    pub(crate) async fn eligibility(
        &self,
        shop_id: &ShopId,
        record: &OrderRecord,
    ) -> Result<EligibilityResult, WorkbenchError> {
        let id = std::slice::from_ref(&record.order.id);
        let (packages, returns) =
            futures::try_join!(self.store().packages(shop_id, id), self.store().returns_of(shop_id, id))?;
        let packages: Vec<_> = packages.into_iter().map(|record| record.package).collect();
        let returns: Vec<_> = returns.into_iter().map(|record| record.request).collect();
        let file = OrderFile { order: &record.order, packages: &packages, returns: &returns };
        Ok(returns::eligibility(file, &self.return_times(), self.now()))
    }

    /// `buyer.returns.submit`: twice by one `client_return_id` is one request, answered as it stands now.
    pub async fn returns_submit(
        &self,
        caller: &Caller,
        params: ReturnSubmitParams,
    ) -> Result<ReturnResult, WorkbenchError> {
        let scope = &caller.scope;
        let return_id: ReturnId = self.draw_id("ret")?;
        let wanted = Wanted {
            orders: vec![params.order_id.clone()],
            client_returns: vec![(scope.user_id.clone(), params.client_return_id.clone())],
            ..Wanted::default()
        };
        let deed = Deed {
            editor: caller.editor(),
            action: "returns.submit",
            kind: ThingKind::Return,
            id: return_id.to_string(),
        };
        let times = self.return_times();
        let request = self.change(&scope.shop_id, &wanted, deed, |loaded, now| {
            if let Some(known) = loaded.returns.values().find(|record| {
                record.buyer_id == scope.user_id
                    && record.client_return_id.as_ref() == Some(&params.client_return_id)
            }) {
                return Ok((ShopChanges::default(), known.request.clone()));
            }
            let order = loaded.orders.get(&params.order_id).filter(|record| reaches(scope, &record.order));
            let order = &order.ok_or(WorkbenchError::NotFound)?.order;
            let (packages, returns) = file_of(loaded, &order.id);
            let file = OrderFile { order, packages: &packages, returns: &returns };
            let request = returns::submit(file, &params, return_id.clone(), &times, now)?;
            let post = told(&request, &scope.user_id)?;
            let record = ReturnRequestRecord {
                answer_due_time: returns::answer_due_time(&request),
                buyer_id: scope.user_id.clone(),
                client_return_id: Some(params.client_return_id.clone()),
                request: request.clone(),
            };
            Ok((ShopChanges { returns: vec![record], posts: vec![post], ..ShopChanges::default() }, request))
        });
        let request = request.await?;
        Ok(ReturnResult { request: self.complete_return(&scope.shop_id, request, scope.side()) })
    }

    /// `workbench.returns.approve`.
    pub async fn returns_approve(
        &self,
        caller: &Caller,
        params: ReturnAnswerParams,
    ) -> Result<ReturnResult, WorkbenchError> {
        self.answer(caller, params, SellerAction::Approve, "returns.approve").await
    }

    /// `workbench.returns.reject`.
    pub async fn returns_reject(
        &self,
        caller: &Caller,
        params: ReturnAnswerParams,
    ) -> Result<ReturnResult, WorkbenchError> {
        self.answer(caller, params, SellerAction::Reject, "returns.reject").await
    }

    async fn answer(
        &self,
        caller: &Caller,
        params: ReturnAnswerParams,
        action: SellerAction,
        name: &'static str,
    ) -> Result<ReturnResult, WorkbenchError> {
        let ReturnAnswerParams { return_id, reason_text } = params;
        let shop_id = &caller.scope.shop_id;
        let wanted = Wanted { returns: vec![return_id.clone()], ..Wanted::default() };
        let deed = Deed {
            editor: caller.editor(),
            action: name,
            kind: ThingKind::Return,
            id: return_id.to_string(),
        };
        let request = self.change(shop_id, &wanted, deed, |loaded, now| {
            let record = loaded.returns.get(&return_id).ok_or(WorkbenchError::NotFound)?;
            match returns::answer(&record.request, action, reason_text.as_ref(), now)? {
                Answered::Already => Ok((ShopChanges::default(), record.request.clone())),
                Answered::Now(request) => Ok((changed(record, (*request).clone()), *request)),
            }
        });
        Ok(ReturnResult { request: self.complete_return(shop_id, request.await?, caller.scope.side()) })
    }

    /// Approves what the shop did not answer in time.
    pub(crate) async fn approve_overdue(&self) -> Result<(), WorkbenchError> {
        for (shop_id, record) in self.store().returns_due(self.now(), DUE).await? {
            let return_id = record.request.return_id;
            let wanted = Wanted { returns: vec![return_id.clone()], ..Wanted::default() };
            let deed = Deed {
                editor: system(),
                action: "returns.approve",
                kind: ThingKind::Return,
                id: return_id.to_string(),
            };
            let approved = self.change(&shop_id, &wanted, deed, |loaded, now| {
                let overdue = loaded.returns.get(&return_id);
                let approved = overdue.and_then(|record| {
                    returns::approve_overdue(&record.request, now).map(|request| changed(record, request))
                });
                Ok((approved.unwrap_or_default(), ()))
            });
            // One that cannot be approved must not keep back those of others.
            if let Err(error) = approved.await {
                tracing::warn!(%error, %shop_id, %return_id, "a request left unanswered could not be approved");
            }
        }
        Ok(())
    }

    pub(crate) fn return_times(&self) -> ReturnTimes {
        let config = self.config();
        ReturnTimes { window: config.return_window, answer_within: config.return_answer }
    }

    /// Adds what follows from the request, as this side may see it: a record's note is the shop's own.
    pub(crate) fn complete_return(&self, shop_id: &ShopId, mut request: Return, side: Side) -> Return {
        if side == Side::Buyer {
            for record in &mut request.records {
                record.note = None;
            }
        }
        let links = &self.config().links;
        request.link = Some(links.returns(shop_id, &request.order_id, Some(&request.return_id)));
        request
    }
}

/// The message that tells of a buyer's request in the buyer's conversation, owed to it.
pub(crate) fn told(request: &Return, buyer_id: &UserId) -> Result<PostRecord, WorkbenchError> {
    Ok(PostRecord {
        post_no: 0,
        buyer_id: buyer_id.clone(),
        client_message_id: post_id("return", request.return_id.as_str())?,
        kind: CardKind::ReturnRefund,
        reference: request.return_id.to_string(),
    })
}

/// The return in its new state.
fn changed(record: &ReturnRequestRecord, request: Return) -> ShopChanges {
    let record = ReturnRequestRecord {
        answer_due_time: returns::answer_due_time(&request),
        request,
        ..record.clone()
    };
    ShopChanges { returns: vec![record], ..ShopChanges::default() }
}

/// The parcels and returns of an order.
fn file_of(loaded: &Shelf, id: &OrderId) -> (Vec<deskwire_protocol::logistics::Package>, Vec<Return>) {
    let packages = loaded.packages.values().map(|record| &record.package);
    let returns = loaded.returns.values().map(|record| &record.request);
    (
        packages.filter(|package| package.order_id == *id).cloned().collect(),
        returns.filter(|request| request.order_id == *id).cloned().collect(),
    )
}
