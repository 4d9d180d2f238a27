//! Methods of the workbench and of the buyer's side of it. All of them may overlap, but for the sends of cards, which keep
//! their place among the socket's sends.

use std::{future::Future, sync::Arc};

use deskwire_protocol::{
    ConversationId, ErrorObject, ErrorType, Method, MethodName, event::EventName, ids::OrderId,
    message::Sent, method,
};
use deskwire_workbench::{Prepared, Workbench, WorkbenchError};
use serde::Serialize;

use super::{Call, spawn};
use crate::{caller::Caller, refusal};

/// A method that is a function of the workbench.
macro_rules! ask {
    ($call:ident, $method:ident, $function:ident) => {
        $call.ask::<method::$method, _>(|workbench, who, params| async move {
            workbench.$function(&who, params).await
        })
    };
}

/// A method that sends a card.
macro_rules! send {
    ($call:ident, $method:ident, $prepare:ident, $send:ident) => {
        $call.send_card::<method::$method, _, _>(
            |workbench, who, params| async move { workbench.$prepare(&who, params).await },
            Prepared::$send,
        )
    };
}

type Who = deskwire_workbench::Caller;

impl Call<'_> {
    /// Those of chat and session are not for here.
    pub(super) fn beside_the_chat(self, name: MethodName) {
        match name {
            MethodName::CardAct => ask!(self, CardAct, card_act),
            MethodName::BuyerOrdersList => ask!(self, BuyerOrdersList, buyer_orders_list),
            MethodName::BuyerOrdersGet => ask!(self, BuyerOrdersGet, orders_get),
            MethodName::BuyerOrdersPlace => ask!(self, BuyerOrdersPlace, orders_place),
            MethodName::BuyerLogisticsGet => ask!(self, BuyerLogisticsGet, logistics_get),
            MethodName::BuyerReturnsEligibility => ask!(self, BuyerReturnsEligibility, returns_eligibility),
            MethodName::BuyerReturnsSubmit => ask!(self, BuyerReturnsSubmit, returns_submit),
            MethodName::BuyerReturnsList => ask!(self, BuyerReturnsList, buyer_returns_list),
            MethodName::BuyerProductsGet => ask!(self, BuyerProductsGet, products_get),
            MethodName::BuyerCouponsClaim => ask!(self, BuyerCouponsClaim, coupons_claim),
            MethodName::BuyerCouponsList => ask!(self, BuyerCouponsList, buyer_coupons_list),

            MethodName::WorkbenchOrdersList => ask!(self, WorkbenchOrdersList, orders_list),
            MethodName::WorkbenchOrdersGet => ask!(self, WorkbenchOrdersGet, orders_get),
            MethodName::WorkbenchOrdersNoteGet => ask!(self, WorkbenchOrdersNoteGet, note_get),
            MethodName::WorkbenchOrdersNoteSet => ask!(self, WorkbenchOrdersNoteSet, note_set),
            MethodName::WorkbenchOrdersNoteHistory => ask!(self, WorkbenchOrdersNoteHistory, note_history),
            MethodName::WorkbenchLogisticsGet => ask!(self, WorkbenchLogisticsGet, logistics_get),
            MethodName::WorkbenchReturnsList => ask!(self, WorkbenchReturnsList, returns_list),
            MethodName::WorkbenchReturnsGet => ask!(self, WorkbenchReturnsGet, returns_get),
            MethodName::WorkbenchReturnsEligibility => {
                ask!(self, WorkbenchReturnsEligibility, returns_eligibility);
            }
            MethodName::WorkbenchReturnsApprove => ask!(self, WorkbenchReturnsApprove, returns_approve),
            MethodName::WorkbenchReturnsReject => ask!(self, WorkbenchReturnsReject, returns_reject),
            MethodName::WorkbenchProductsList => ask!(self, WorkbenchProductsList, products_list),
            MethodName::WorkbenchProductsGet => ask!(self, WorkbenchProductsGet, products_get),
            MethodName::WorkbenchProductsAlternatives => {
                ask!(self, WorkbenchProductsAlternatives, products_alternatives);
            }
            MethodName::WorkbenchCouponsList => ask!(self, WorkbenchCouponsList, coupons_list),
            MethodName::WorkbenchCouponsGet => ask!(self, WorkbenchCouponsGet, coupons_get),
            MethodName::WorkbenchCouponsCreate => ask!(self, WorkbenchCouponsCreate, coupons_create),
            MethodName::WorkbenchCouponsUpdate => ask!(self, WorkbenchCouponsUpdate, coupons_update),
            MethodName::WorkbenchCouponsDuplicate => ask!(self, WorkbenchCouponsDuplicate, coupons_duplicate),
            MethodName::WorkbenchCouponsDeactivate => {
                ask!(self, WorkbenchCouponsDeactivate, coupons_deactivate);
            }
            MethodName::WorkbenchCardsCheck => ask!(self, WorkbenchCardsCheck, cards_check),
            // It sends what it makes.
            MethodName::WorkbenchCouponsIssue => match self.over_the_rate() {
                Some(error) => self.responder.refuse(error),
                None => ask!(self, WorkbenchCouponsIssue, coupons_issue),
            },

            MethodName::WorkbenchOrdersSendCard => {
                send!(self, WorkbenchOrdersSendCard, prepare_order_card, send);
            }
            MethodName::WorkbenchLogisticsSendCard => {
                send!(self, WorkbenchLogisticsSendCard, prepare_logistics_card, send);
            }
            MethodName::WorkbenchReturnsSendCard => {
                send!(self, WorkbenchReturnsSendCard, prepare_return_card, send);
            }
            MethodName::WorkbenchProductsSendCard => {
                send!(self, WorkbenchProductsSendCard, prepare_product_cards, send_products);
            }
            MethodName::WorkbenchCouponsSendCard => {
                send!(self, WorkbenchCouponsSendCard, prepare_coupon_card, send);
            }

            MethodName::SessionStart
            | MethodName::SessionRefresh
            | MethodName::SessionPing
            | MethodName::ConversationOpen
            | MethodName::ConversationList
            | MethodName::ConversationGet
            | MethodName::ConversationHistory
            | MethodName::ConversationAttach
            | MethodName::ConversationDetach
            | MethodName::ConversationRead
            | MethodName::ConversationTyping
            | MethodName::ConversationSync
            | MethodName::ConversationTake
            | MethodName::ConversationAssign
            | MethodName::ConversationTransfer
            | MethodName::ConversationClose
            | MethodName::ConversationReopen
            | MethodName::ConversationTag
            | MethodName::ConversationUntag
            | MethodName::ConversationNote
            | MethodName::MessageSend
            | MethodName::MessageRecall
            | MethodName::RpcDiscover => self.responder.refuse(ErrorType::MethodNotFound.into()),
        }
    }

    /// Asks the workbench; may overtake others, and be overtaken.
    fn ask<M, F>(self, call: impl FnOnce(Workbench, Who, M::Params) -> F)
    where
        M: Method,
        F: Future<Output = Result<M::Result, WorkbenchError>> + Send + 'static,
    {
        let Self { caller, responder, params } = self;
        match params.read() {
            Ok(params) => {
                let work = call(caller.gate.workbench.clone(), who(caller), params);
                spawn(caller, responder, async move {
                    work.await.map(|result| (result, Vec::new())).map_err(refusal::of_workbench)
                });
            }
            Err(error) => responder.refuse(error),
        }
    }

    /// Makes a card ready, and sends it when its turn among the socket's sends has come.
    fn send_card<M, P, S>(
        self,
        prepare: impl FnOnce(Workbench, Who, M::Params) -> P,
        send: impl FnOnce(Prepared) -> S + Send + 'static,
    ) where
        M: Method,
        P: Future<Output = Result<Prepared, WorkbenchError>> + Send + 'static,
        S: Future<Output = Result<M::Result, WorkbenchError>> + Send + 'static,
        M::Result: Serialize,
    {
        if let Some(error) = self.over_the_rate() {
            return self.responder.refuse(error);
        }
        let Self { caller, responder, params } = self;
        match params.read() {
            Ok(params) => {
                let preparing = prepare(caller.gate.workbench.clone(), who(caller), params);
                let mut turn = caller.lane.turn();
                spawn(caller, responder, async move {
                    let prepared = preparing.await.map_err(refusal::of_workbench)?;
                    turn.comes().await;
                    let sending = send(prepared);
                    drop(turn);
                    sending.await.map(|sent| (sent, Vec::new())).map_err(refusal::of_workbench)
                });
            }
            Err(error) => responder.refuse(error),
        }
    }

    /// Takes a send from the socket's rate, or says when there will be one.
    pub(super) fn over_the_rate(&self) -> Option<ErrorObject> {
        let wait = self.caller.limits.send().err()?;
        Some(ErrorObject::from(ErrorType::TooManyRequests).with_retry_after(wait))
    }
}

/// The caller, as the workbench knows callers.
fn who(caller: &Caller) -> Who {
    Who::of_session(caller.scope.clone(), caller.name.clone())
}

/// Lays the buyer's orders beside the conversation that an agent has opened, and tells of their deadlines that are near.
pub(super) async fn lay_orders_beside(caller: &Caller, conversation_id: ConversationId) {
    let who = who(caller);
    match caller.gate.workbench.orders_beside(&who, conversation_id).await {
        Ok(orders) => caller.session.tell(EventName::WorkbenchOrders, &orders),
        Err(error) => tracing::debug!(%error, "a buyer's orders could not be laid beside the conversation"),
    }
    match caller.gate.workbench.deadlines_beside(&who, conversation_id).await {
        Ok(near) => near.iter().for_each(|near| caller.session.tell(EventName::DeadlineNear, near)),
        Err(error) => tracing::debug!(%error, "a buyer's deadlines could not be told"),
    }
}

/// Tells agents which of the buyer's orders a message names.
pub(super) fn tell_named_orders(caller: &Arc<Caller>, sent: Sent, ids: Vec<OrderId>) {
    let told = Arc::clone(caller);
    caller.gate.tasks.spawn(async move {
        let outcome = told.gate.workbench.tell_named_orders(&who(&told), sent.message_id, &ids).await;
        if let Err(error) = outcome {
            tracing::debug!(%error, "agents could not be told of the orders that a message names");
        }
    });
}
