//! Frames to methods. What must keep its order is handed to chat here, inline, in the order of the frames; everything
//! else overlaps up to the limit, and replies are matched by id.

mod workbench;

use std::{
    future::Future,
    sync::{Arc, LazyLock},
};

use deskwire_chat::{ChatError, Hold, Session};
use deskwire_protocol::{
    ErrorObject, ErrorType, Inbound, Method, MethodName, Params, Refused, Request, Role, SendContent,
    conversation::Conversation, message::SendParams, method, session::Pong,
};
use deskwire_workbench::named_orders;
use serde::Serialize;
use tokio::time::timeout;

use crate::{
    authenticate,
    batch::Batch,
    caller::Caller,
    refusal,
    responder::{Place, Responder, encode},
};

/// Takes one frame apart and starts what it asks for.
pub(crate) fn dispatch(caller: &Arc<Caller>, frame: &[u8]) {
    match caller.codec.inbound(frame, caller.gate.config.batch) {
        Inbound::Single(Ok(request)) => {
            let in_flight = caller.begin(1);
            let full = in_flight.is_none();
            call(caller, request, Place::Socket { _in_flight: in_flight }, full);
        }
        Inbound::Single(Err(Refused { id, error })) => {
            caller.gate.metrics.answered(None, Some(error.data.kind), std::time::Duration::ZERO);
            if let Some(reply) = encode::<()>(caller.codec, &id, &Err(error)) {
                caller.session.outbox().reply(reply);
            }
        }
        Inbound::Batch(elements) => {
            let in_flight = caller.begin(elements.len());
            let full = in_flight.is_none();
            let batch = Batch::new(caller.clone(), elements.len(), in_flight);
            elements.into_iter().enumerate().for_each(|(index, element)| {
                dispatch_element(caller, element, &batch, index, full);
            });
        }
    }
}

/// One element of a batch. `full`: there was no place for the batch among the requests in flight.
pub(crate) fn dispatch_element(
    caller: &Arc<Caller>,
    element: Result<Request<'_>, Refused>,
    batch: &Arc<Batch>,
    index: usize,
    full: bool,
) {
    let place = Place::Batch(batch.clone(), index);
    match element {
        Ok(request) => call(caller, request, place, full),
        Err(Refused { id, error }) => Responder::new(caller.clone(), Some(id), None, place).refuse(error),
    }
}

fn call(caller: &Arc<Caller>, request: Request<'_>, place: Place, full: bool) {
    let name = MethodName::from_wire(&request.method);
    let responder = Responder::new(caller.clone(), request.id, name, place);
    let Some(name) = name else {
        return responder.refuse(ErrorType::MethodNotFound.into());
    };
    if !name.roles().contains(&caller.role()) {
        return responder.refuse(ErrorType::Authorization.into());
    }
    if full {
        let limit = caller.gate.config.in_flight as u64;
        return responder.refuse(ErrorObject::from(ErrorType::PendingRequestsLimitReached).with_limit(limit));
    }
    Call { caller, responder, params: request.params }.route(name);
}

/// A request on its way to its method.
struct Call<'a> {
    caller: &'a Arc<Caller>,
    responder: Responder,
    params: Params<'a>,
}

impl Call<'_> {
    fn route(self, name: MethodName) {
        match name {
            MethodName::SessionStart => self.start(),
            MethodName::SessionRefresh => self.refresh(),
            MethodName::SessionPing => {
                let server_time = self.caller.gate.clock.now();
                self.at_once::<method::SessionPing>(|| Pong { server_time });
            }
            MethodName::RpcDiscover => self.discover(),

            MethodName::MessageSend => self.send_message(),
            MethodName::ConversationNote => self.send::<method::ConversationNote, _>(Session::note),
            MethodName::MessageRecall => self.ordered::<method::MessageRecall, _>(Session::recall),
            MethodName::ConversationRead => self.ordered::<method::ConversationRead, _>(Session::read),
            MethodName::ConversationAssign => self.send::<method::ConversationAssign, _>(Session::assign),
            MethodName::ConversationTransfer => {
                self.send::<method::ConversationTransfer, _>(Session::transfer);
            }
            MethodName::ConversationClose => self.send::<method::ConversationClose, _>(Session::close),
            MethodName::ConversationReopen => self.send::<method::ConversationReopen, _>(Session::reopen),
            MethodName::ConversationTag => self.ordered::<method::ConversationTag, _>(Session::tag),
            MethodName::ConversationUntag => self.ordered::<method::ConversationUntag, _>(Session::untag),

            MethodName::ConversationList => {
                self.unordered::<method::ConversationList, _>(
                    |s, params| async move { s.list(params).await },
                );
            }
            MethodName::ConversationGet => {
                self.unordered::<method::ConversationGet, _>(|s, params| async move { s.get(params).await });
            }
            MethodName::ConversationHistory => {
                self.unordered::<method::ConversationHistory, _>(|s, params| async move {
                    s.history(params).await
                });
            }
            MethodName::ConversationSync => {
                self.unordered::<method::ConversationSync, _>(
                    |s, params| async move { s.sync(params).await },
                );
            }
            MethodName::ConversationTyping => self.unordered::<method::ConversationTyping, _>(
                |s, params| async move { s.typing(params).await },
            ),
            MethodName::ConversationDetach => self.unordered::<method::ConversationDetach, _>(
                |s, params| async move { s.detach(params).await },
            ),

            MethodName::ConversationOpen => {
                self.attaching::<method::ConversationOpen, _>(
                    // Where the buyer comes from is a message.
                    |params| params.entry.is_some(),
                    |s, params| async move { s.open(params).await },
                    |opened| &opened.conversation,
                );
            }
            MethodName::ConversationTake => {
                self.attaching::<method::ConversationTake, _>(
                    |_| true,
                    |s, params| s.take(params),
                    |taken| &taken.conversation,
                );
            }
            MethodName::ConversationAttach => self.attaching::<method::ConversationAttach, _>(
                |_| false,
                |s, params| async move { s.attach(params).await },
                |attached| &attached.conversation,
            ),

            MethodName::CardAct
            | MethodName::BuyerOrdersList
            | MethodName::BuyerOrdersGet
            | MethodName::BuyerOrdersPlace
            | MethodName::BuyerLogisticsGet
            | MethodName::BuyerReturnsEligibility
            | MethodName::BuyerReturnsSubmit
            | MethodName::BuyerReturnsList
            | MethodName::BuyerProductsGet
            | MethodName::BuyerCouponsClaim
            | MethodName::BuyerCouponsList
            | MethodName::WorkbenchOrdersList
            | MethodName::WorkbenchOrdersGet
            | MethodName::WorkbenchOrdersNoteGet
            | MethodName::WorkbenchOrdersNoteSet
            | MethodName::WorkbenchOrdersNoteHistory
            | MethodName::WorkbenchOrdersSendCard
            | MethodName::WorkbenchLogisticsGet
            | MethodName::WorkbenchLogisticsSendCard
            | MethodName::WorkbenchReturnsList
            | MethodName::WorkbenchReturnsGet
            | MethodName::WorkbenchReturnsEligibility
            | MethodName::WorkbenchReturnsSendCard
            | MethodName::WorkbenchReturnsApprove
            | MethodName::WorkbenchReturnsReject
            | MethodName::WorkbenchProductsList
            | MethodName::WorkbenchProductsGet
            | MethodName::WorkbenchProductsAlternatives
            | MethodName::WorkbenchProductsSendCard
            | MethodName::WorkbenchCouponsList
            | MethodName::WorkbenchCouponsGet
            | MethodName::WorkbenchCouponsCreate
            | MethodName::WorkbenchCouponsUpdate
            | MethodName::WorkbenchCouponsDuplicate
            | MethodName::WorkbenchCouponsDeactivate
            | MethodName::WorkbenchCouponsIssue
            | MethodName::WorkbenchCouponsSendCard
            | MethodName::WorkbenchCardsCheck => self.beside_the_chat(name),
        }
    }

    fn discover(self) {
        let Self { responder, params, .. } = self;
        let read = params.read::<<method::RpcDiscover as Method>::Params>();
        responder.answer(&read.map(|_| openrpc()), Vec::new());
    }

    /// Answered from what is at hand.
    fn at_once<M: Method>(self, answer: impl FnOnce() -> M::Result) {
        let Self { responder, params, .. } = self;
        responder.answer(&params.read::<M::Params>().map(|_| answer()), Vec::new());
    }

    /// A buyer's message may name orders, of which the agents beside the chat are told. The writer itself puts the reply
    /// into the outbox, right behind the event: no task a message, and both leave by one flush.
    fn send_message(self) {
        if let Some(error) = self.over_the_rate() {
            return self.responder.refuse(error);
        }
        let Self { caller, responder, params } = self;
        let params: SendParams = match params.read() {
            Ok(params) => params,
            Err(error) => return responder.refuse(error),
        };
        let SendContent::Text { text } = &params.content;
        let named = match caller.role() {
            Role::Buyer => named_orders(text),
            Role::Agent | Role::Admin => Vec::new(),
        };
        let telling = Arc::clone(caller);
        let tell = move |sent| {
            if !named.is_empty() {
                workbench::tell_named_orders(&telling, sent, named);
            }
        };
        match caller.lane.turn_if_taken() {
            None => caller.session.send_then(params, move |outcome| {
                let outcome = outcome.inspect(|sent| tell(*sent)).map_err(refusal::of_chat);
                responder.answer(&outcome, Vec::new());
            }),
            Some(mut turn) => {
                let session = Arc::clone(&caller.session);
                spawn(caller, responder, async move {
                    turn.comes().await;
                    let sending = session.send(params);
                    drop(turn);
                    let sent = sending.await.map_err(refusal::of_chat)?;
                    tell(sent);
                    Ok((sent, Vec::new()))
                });
            }
        }
    }

    /// A write that counts as a send: it is one message more.
    fn send<M, F>(self, call: impl FnOnce(&Session, M::Params) -> F + Send + 'static)
    where
        M: Method<Params: Send + 'static, Result: 'static>,
        F: Future<Output = Result<M::Result, ChatError>> + Send + 'static,
    {
        match self.over_the_rate() {
            Some(error) => self.responder.refuse(error),
            None => self.ordered::<M, F>(call),
        }
    }

    /// Chat takes it in its turn: now, unless a card that was sent before is still being made ready. Only its end is
    /// waited for elsewhere.
    fn ordered<M, F>(self, call: impl FnOnce(&Session, M::Params) -> F + Send + 'static)
    where
        M: Method<Params: Send + 'static, Result: 'static>,
        F: Future<Output = Result<M::Result, ChatError>> + Send + 'static,
    {
        let Self { caller, responder, params } = self;
        match (params.read(), caller.lane.turn_if_taken()) {
            (Ok(params), None) => spawn(caller, responder, with_no_hold(call(&caller.session, params))),
            (Ok(params), Some(mut turn)) => {
                let session = Arc::clone(&caller.session);
                spawn(caller, responder, async move {
                    turn.comes().await;
                    let work = call(&session, params);
                    drop(turn);
                    with_no_hold(work).await
                });
            }
            (Err(error), _) => responder.refuse(error),
        }
    }

    /// May overtake others, and be overtaken.
    fn unordered<M, F>(self, call: impl FnOnce(Arc<Session>, M::Params) -> F)
    where
        M: Method<Result: 'static>,
        F: Future<Output = Result<M::Result, ChatError>> + Send + 'static,
    {
        let Self { caller, responder, params } = self;
        match params.read() {
            Ok(params) => spawn(caller, responder, with_no_hold(call(caller.session.clone(), params))),
            Err(error) => responder.refuse(error),
        }
    }

    /// The same, with events held back until the reply is in the outbox. Beside what an agent opens go the orders of its
    /// buyer. What writes a message as well, as `writes` says, counts as a send and has its turn among them.
    fn attaching<M, F>(
        self,
        writes: fn(&M::Params) -> bool,
        call: impl FnOnce(Arc<Session>, M::Params) -> F + Send + 'static,
        opened: fn(&M::Result) -> &Conversation,
    ) where
        M: Method<Params: Send + 'static, Result: Send + 'static>,
        F: Future<Output = Result<(M::Result, Hold), ChatError>> + Send + 'static,
    {
        let params: M::Params = match self.params.read() {
            Ok(params) => params,
            Err(error) => return self.responder.refuse(error),
        };
        let writes = writes(&params);
        if writes && let Some(error) = self.over_the_rate() {
            return self.responder.refuse(error);
        }
        let Self { caller, responder, .. } = self;
        let turn = if writes { caller.lane.turn_if_taken() } else { None };
        let session = caller.session.clone();
        match turn {
            None => attach(caller, responder, call(session, params), opened),
            Some(mut turn) => {
                let work = async move {
                    turn.comes().await;
                    let work = call(session, params);
                    drop(turn);
                    work.await
                };
                attach(caller, responder, work, opened);
            }
        }
    }

    fn start(self) {
        let Self { caller, responder, params } = self;
        match params.read() {
            Ok(params) => spawn(caller, responder, authenticate::start_again(caller.clone(), params)),
            Err(error) => responder.refuse(error),
        }
    }

    fn refresh(self) {
        let Self { caller, responder, params } = self;
        match params.read() {
            Ok(params) => spawn(caller, responder, authenticate::refresh(caller.clone(), params)),
            Err(error) => responder.refuse(error),
        }
    }
}

async fn with_no_hold<T>(
    work: impl Future<Output = Result<T, ChatError>>,
) -> Result<(T, Vec<Hold>), ErrorObject> {
    work.await.map(|result| (result, Vec::new())).map_err(refusal::of_chat)
}

/// Waits for the work on the task tracker, no longer than a request may take, and answers.
fn spawn<T: Serialize>(
    caller: &Arc<Caller>,
    responder: Responder,
    work: impl Future<Output = Result<(T, Vec<Hold>), ErrorObject>> + Send + 'static,
) {
    let deadline = caller.gate.config.request_timeout;
    caller.gate.tasks.spawn(async move {
        match timeout(deadline, work).await {
            Ok(Ok((result, holds))) => responder.answer(&Ok(result), holds),
            Ok(Err(error)) => responder.refuse(error),
            Err(_) => responder.refuse(ErrorType::RequestTimeout.into()),
        }
    });
}

/// Waits for the work as [`spawn`] does.
fn attach<T: Serialize + Send + 'static>(
    caller: &Arc<Caller>,
    responder: Responder,
    work: impl Future<Output = Result<(T, Hold), ChatError>> + Send + 'static,
    opened: fn(&T) -> &Conversation,
) {
    let deadline = caller.gate.config.request_timeout;
    let caller = Arc::clone(caller);
    caller.gate.clone().tasks.spawn(async move {
        match timeout(deadline, work).await {
            Ok(Ok((result, hold))) => {
                let conversation_id = opened(&result).conversation_id;
                responder.answer(&Ok(result), vec![hold]);
                match caller.role() {
                    Role::Buyer => {}
                    Role::Agent | Role::Admin => {
                        workbench::lay_orders_beside(&caller, conversation_id).await;
                    }
                }
            }
            Ok(Err(error)) => responder.refuse(refusal::of_chat(error)),
            Err(_) => responder.refuse(ErrorType::RequestTimeout.into()),
        }
    });
}

/// The contract as a document, made once.
pub(crate) fn openrpc() -> &'static serde_json::Value {
    static DOCUMENT: LazyLock<serde_json::Value> = LazyLock::new(deskwire_protocol::spec::openrpc);
    &DOCUMENT
}
