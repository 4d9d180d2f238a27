//! From a socket to a session: the token of the first request (or of the upgrade), then the session of chat, then the
//! connection. Runs in a task of its own that ends here, so that an idle socket keeps nothing of it.

use std::{collections::HashSet, sync::Arc};

use bytes::Bytes;
use deskwire_chat::{Chance, Hold, OutboxLimits, Room};
use deskwire_protocol::{
    CloseCode, Codec, ErrorObject, ErrorType, Inbound as Frame, Method, MethodName, Params, Refused, Request,
    SessionId,
    conversation::AttachParams,
    method,
    page::PageSize,
    session::{
        Heartbeat, Limits, Pong, RefreshParams, RefreshResult, Resumed, SessionShop, SessionUser,
        StartParams, StartResult,
    },
    text::TEXT_CHARS,
};
use deskwire_store::{Admission, Arrival, Scope, UserRecord};
use futures::StreamExt;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout, timeout_at},
};
use tracing::debug;

use crate::{
    Claims,
    batch::Batch,
    caller::Caller,
    closing::{self, Condition},
    connection, dispatch,
    gate::{Gate, Place},
    inbound::{self, Inbound},
    limits::{sends_of, sessions_of},
    refusal,
    responder::encode,
    sessions::Seat,
    upgrade::Socket,
    write::{WriteError, write_frames},
};

/// Conversations that `session.start` may resume.
const RESUME: usize = 32;
/// Frames that a client may send before it has authenticated.
const FRAMES_BEFORE_START: usize = 64;

/// A session has begun.
struct Entered {
    caller: Arc<Caller>,
    seat: Seat,
}

/// No session: what to answer, and whether the socket ends with it.
struct Denied {
    error: ErrorObject,
    close: Option<CloseCode>,
}

impl From<ErrorObject> for Denied {
    fn from(error: ErrorObject) -> Self {
        Self { error, close: None }
    }
}

/// How the time before the session ended.
enum Outcome {
    Entered(Entered),
    Close(CloseCode, Condition),
    Gone,
}

/// Authenticates the socket and hands it to its connection.
pub(crate) async fn authenticate(
    gate: Arc<Gate>,
    mut socket: Socket,
    codec: Codec,
    claims: Option<Claims>,
    permit: OwnedSemaphorePermit,
) {
    let place = Place::new(gate.clone(), permit);
    let outcome = match claims {
        Some(claims) => match in_time(&gate, enter(&gate, codec, &claims)).await {
            Ok(entered) => Outcome::Entered(entered),
            // There is no request yet that could be answered with the error.
            Err(denied) => {
                Outcome::Close(denied.close.unwrap_or(CloseCode::InternalError), Condition::Orderly)
            }
        },
        None => first_request(&gate, &mut socket, codec).await,
    };
    match outcome {
        Outcome::Entered(Entered { caller, seat }) => {
            gate.sockets.spawn(connection::serve(socket, caller, seat, place));
        }
        Outcome::Close(code, condition) => closing::close(socket, code, condition).await,
        Outcome::Gone => closing::gone(socket).await,
    }
}

/// Reads until `session.start` has made a session, or the time for it is over.
async fn first_request(gate: &Arc<Gate>, socket: &mut Socket, codec: Codec) -> Outcome {
    let deadline = Instant::now() + gate.config.authentication_timeout;
    let mut stranger = Stranger::default();
    for _ in 0..FRAMES_BEFORE_START {
        let read = tokio::select! {
            () = gate.draining.cancelled() => return Outcome::Close(CloseCode::Draining, Condition::Orderly),
            read = timeout_at(deadline, socket.next()) => read,
        };
        let Ok(read) = read else {
            return Outcome::Close(CloseCode::AuthenticationFailed, Condition::Orderly);
        };
        let frame = match inbound::of(codec, read) {
            Inbound::Frame(frame) => frame,
            Inbound::Control => continue,
            Inbound::Gone => return Outcome::Gone,
            Inbound::Broken(code, condition) => return Outcome::Close(code, condition),
        };
        gate.metrics.frames_received.increment(1);
        let step = before_session(gate, codec, &frame, &mut stranger).await;
        if let Some(reply) = step.reply {
            gate.metrics.frames_sent.increment(1);
            match write_frames(socket, codec, &[reply], gate.config.ping_timeout).await {
                Ok(()) => {}
                Err(WriteError::Gone(_)) => return Outcome::Gone,
                Err(WriteError::Stalled(rest)) => {
                    return Outcome::Close(CloseCode::SlowConsumer, Condition::Slow(rest));
                }
            }
        }
        if let Some(entered) = step.entered {
            return Outcome::Entered(entered);
        }
        if let Some(code) = step.close {
            return Outcome::Close(code, Condition::Orderly);
        }
    }
    Outcome::Close(CloseCode::RateLimit, Condition::Orderly)
}

/// What a socket without a session has had.
#[derive(Default)]
struct Stranger {
    /// The document of the contract, which is long: whoever wants it again begins a session.
    has_discovered: bool,
}

/// What one frame before the session came to.
#[derive(Default)]
struct Step {
    /// To be written now; once there is a session, replies go through its outbox.
    reply: Option<Bytes>,
    entered: Option<Entered>,
    close: Option<CloseCode>,
}

async fn before_session(gate: &Arc<Gate>, codec: Codec, frame: &[u8], stranger: &mut Stranger) -> Step {
    match codec.inbound(frame, gate.config.batch) {
        Frame::Single(Ok(request)) if is_start(&request) => single_start(gate, codec, request).await,
        Frame::Single(element) => {
            Step { reply: answer_without_session(gate, codec, &element, stranger), ..Step::default() }
        }
        Frame::Batch(elements) => batch_before_session(gate, codec, elements, stranger).await,
    }
}

fn is_start(request: &Request<'_>) -> bool {
    request.method == MethodName::SessionStart.as_str()
}

async fn single_start(gate: &Arc<Gate>, codec: Codec, request: Request<'_>) -> Step {
    let id = request.id;
    match start(gate, codec, request.params).await {
        Ok((entered, result, holds)) => {
            if let Some(reply) = id.and_then(|id| encode(codec, &id, &Ok(result))) {
                entered.caller.session.outbox().reply(reply);
            }
            drop(holds);
            Step { entered: Some(entered), ..Step::default() }
        }
        Err(denied) => Step {
            reply: id.and_then(|id| encode::<()>(codec, &id, &Err(denied.error))),
            close: denied.close,
            entered: None,
        },
    }
}

/// A batch that may hold `session.start`: what stands before it has no session, what stands after it has.
async fn batch_before_session(
    gate: &Arc<Gate>,
    codec: Codec,
    elements: Vec<Result<Request<'_>, Refused>>,
    stranger: &mut Stranger,
) -> Step {
    let length = elements.len();
    let mut replies: Vec<Option<Bytes>> = Vec::with_capacity(length);
    let mut close = None;
    let mut elements = elements.into_iter();
    while let Some(element) = elements.next() {
        let request = match element {
            Ok(request) if close.is_none() && is_start(&request) => request,
            element => {
                replies.push(answer_without_session(gate, codec, &element, stranger));
                continue;
            }
        };
        let id = request.id;
        match start(gate, codec, request.params).await {
            Ok((entered, result, holds)) => {
                let caller = &entered.caller;
                let in_flight = caller.begin(length);
                let batch = Batch::new(caller.clone(), length, in_flight);
                let start_at = replies.len();
                for (index, reply) in replies.into_iter().enumerate() {
                    batch.fill(index, reply, Vec::new());
                }
                batch.fill(start_at, id.and_then(|id| encode(codec, &id, &Ok(result))), holds);
                for (index, element) in elements.enumerate() {
                    dispatch::dispatch_element(caller, element, &batch, start_at + 1 + index, false);
                }
                return Step { entered: Some(entered), ..Step::default() };
            }
            Err(denied) => {
                replies.push(id.and_then(|id| encode::<()>(codec, &id, &Err(denied.error))));
                close = denied.close;
            }
        }
    }
    let replies: Vec<Bytes> = replies.into_iter().flatten().collect();
    let reply = (!replies.is_empty()).then(|| Codec::join_batch(&replies));
    Step { reply, close, entered: None }
}

/// Answers what needs no session, and refuses the rest. A notification gets no answer.
fn answer_without_session(
    gate: &Gate,
    codec: Codec,
    element: &Result<Request<'_>, Refused>,
    stranger: &mut Stranger,
) -> Option<Bytes> {
    let request = match element {
        Ok(request) => request,
        Err(Refused { id, error }) => return encode::<()>(codec, id, &Err(error.clone())),
    };
    let id = request.id.as_ref()?;
    match MethodName::from_wire(&request.method) {
        None => encode::<()>(codec, id, &Err(ErrorType::MethodNotFound.into())),
        Some(MethodName::SessionPing) => {
            let server_time = gate.clock.now();
            encode(codec, id, &read::<method::SessionPing>(request.params).map(|_| Pong { server_time }))
        }
        Some(MethodName::RpcDiscover) if stranger.has_discovered => {
            let error =
                ErrorObject::new(ErrorType::LimitReached, "asked for once already: begin a session first");
            encode::<()>(codec, id, &Err(error.with_limit(1)))
        }
        Some(MethodName::RpcDiscover) => {
            stranger.has_discovered = true;
            encode(codec, id, &read::<method::RpcDiscover>(request.params).map(|_| dispatch::openrpc()))
        }
        Some(_) => encode::<()>(codec, id, &Err(ErrorType::Authentication.into())),
    }
}

fn read<M: Method>(params: Params<'_>) -> Result<M::Params, ErrorObject> {
    params.read()
}

/// `session.start` on a socket without session.
async fn start(
    gate: &Arc<Gate>,
    codec: Codec,
    params: Params<'_>,
) -> Result<(Entered, StartResult, Vec<Hold>), Denied> {
    let began_at = Instant::now();
    let started = in_time(gate, async {
        let params: StartParams = params.read()?;
        check_resume(&params)?;
        let token = params.token.as_deref().ok_or_else(|| denied("session.start needs a token"))?;
        let claims = gate.keys.verify(token, gate.clock.now()).map_err(|error| denied(error.to_string()))?;
        let entered = enter(gate, codec, &claims).await?;
        let caller = &entered.caller;
        caller.start_once();
        debug!(
            session_id = %caller.session_id, shop_id = %caller.scope.shop_id, user_id = %caller.scope.user_id,
            role = ?caller.scope.role, client = ?params.client, "session started"
        );
        let (resumed, holds) = resume(caller, params.resume).await;
        let result = start_result(caller, resumed);
        Ok((entered, result, holds))
    })
    .await;
    let refused = started.as_ref().err().map(|denied: &Denied| denied.error.data.kind);
    gate.metrics.answered(Some(MethodName::SessionStart), refused, began_at.elapsed());
    started
}

/// `session.start` on a socket that its upgrade has authenticated, or that has had one already.
pub(crate) async fn start_again(
    caller: Arc<Caller>,
    params: StartParams,
) -> Result<(StartResult, Vec<Hold>), ErrorObject> {
    check_resume(&params)?;
    if !caller.start_once() {
        return Err(ErrorObject::new(ErrorType::AlreadyExists, "this socket has its session already"));
    }
    if let Some(token) = params.token {
        refresh(caller.clone(), RefreshParams { token }).await?;
    }
    let (resumed, holds) = resume(&caller, params.resume).await;
    Ok((start_result(&caller, resumed), holds))
}

/// `session.refresh`.
pub(crate) async fn refresh(
    caller: Arc<Caller>,
    params: RefreshParams,
) -> Result<(RefreshResult, Vec<Hold>), ErrorObject> {
    let gate = &caller.gate;
    let claims = gate
        .keys
        .verify(&params.token, gate.clock.now())
        .map_err(|error| ErrorObject::new(ErrorType::Authentication, error.to_string()))?;
    if !caller.is(&claims) {
        return Err(ErrorObject::new(
            ErrorType::Authorization,
            "the new token must be of the same user, role and shop",
        ));
    }
    check_revoked(gate, &caller.scope, &claims).await.map_err(|denied| denied.error)?;
    caller.renew(&claims);
    Ok((RefreshResult { expire_time: claims.expire_time() }, Vec::new()))
}

/// Begins the session of these claims.
async fn enter(gate: &Arc<Gate>, codec: Codec, claims: &Claims) -> Result<Entered, Denied> {
    let scope = Scope { shop_id: claims.shop.clone(), role: claims.role, user_id: claims.sub.clone() };
    let user =
        UserRecord { user_id: claims.sub.clone(), name: claims.name.clone(), locale: claims.locale.clone() };
    let arrival = Arrival { scope: scope.clone(), user, issue_time: claims.issue_time() };
    match gate.chat.admit(arrival).await.map_err(refusal::of_chat)? {
        Admission::Admitted => {}
        Admission::Revoked => return Err(revoked()),
    }
    let limit = sessions_of(&gate.config, scope.role);
    let Some(mut seat) = gate.sessions.take_seat(&scope, limit) else {
        let error = ErrorObject::new(ErrorType::LimitReached, "this user has as many sessions as allowed")
            .with_limit(limit as u64);
        return Err(Denied { error, close: Some(CloseCode::SessionLimit) });
    };
    let user = SessionUser {
        user_id: claims.sub.clone(),
        role: claims.role,
        name: claims.name.clone(),
        locale: claims.locale.clone(),
    };
    let session_id = new_session_id(gate.chance.as_ref()).map_err(|error| refusal::internal(&error))?;
    let limits = OutboxLimits { events: gate.config.outbox_events, bytes: gate.config.outbox_bytes };
    let session = gate.chat.join(user.clone(), claims.shop.clone(), codec, limits);
    let caller = Arc::new(Caller::new(gate.clone(), session, scope, user, codec, session_id, claims));
    seat.occupy(caller.clone());
    Ok(Entered { caller, seat })
}

/// A token made before its user was revoked is worth nothing.
async fn check_revoked(gate: &Gate, scope: &Scope, claims: &Claims) -> Result<(), Denied> {
    let revoked_at = gate.store.revoked_at(scope).await.map_err(|error| refusal::of_store(&error))?;
    if revoked_at.is_some_and(|revoked_at| claims.issue_time() <= revoked_at) {
        return Err(revoked());
    }
    Ok(())
}

fn revoked() -> Denied {
    let error = ErrorObject::new(ErrorType::Authentication, "the token was revoked");
    Denied { error, close: Some(CloseCode::Revoked) }
}

fn denied(sentence: impl Into<std::borrow::Cow<'static, str>>) -> Denied {
    Denied {
        error: ErrorObject::new(ErrorType::Authentication, sentence),
        close: Some(CloseCode::AuthenticationFailed),
    }
}

fn check_resume(params: &StartParams) -> Result<(), ErrorObject> {
    if params.resume.len() > RESUME {
        return Err(ErrorObject::field("resume", format!("at most {RESUME} conversations")));
    }
    let mut seen = HashSet::with_capacity(params.resume.len());
    match params.resume.iter().position(|resume| !seen.insert(resume.conversation_id)) {
        Some(index) => Err(ErrorObject::field(format!("resume[{index}].conversation_id"), "is there twice")),
        None => Ok(()),
    }
}

/// Attaches to each conversation as `conversation.attach` would; all together bring no more events than one answer can
/// carry, and what is left out is said to be missing.
async fn resume(caller: &Arc<Caller>, resume: Vec<AttachParams>) -> (Vec<Resumed>, Vec<Hold>) {
    let mut resumed = Vec::with_capacity(resume.len());
    let mut holds = Vec::with_capacity(resume.len());
    let mut room = Room::default();
    for params in resume {
        let conversation_id = params.conversation_id;
        resumed.push(match caller.session.attach_within(params, &mut room).await {
            Ok((attached, hold)) => {
                holds.push(hold);
                Resumed { conversation_id, attached: Some(attached), error: None }
            }
            Err(error) => Resumed { conversation_id, attached: None, error: Some(refusal::of_chat(error)) },
        });
    }
    (resumed, holds)
}

fn start_result(caller: &Caller, resumed: Vec<Resumed>) -> StartResult {
    let config = &caller.gate.config;
    let role = caller.role();
    let (sends_per_second, send_burst) = sends_of(config, role);
    let millis = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    StartResult {
        session_id: caller.session_id.clone(),
        user: caller.user(),
        shop: SessionShop { shop_id: caller.scope.shop_id.clone() },
        server_time: caller.gate.clock.now(),
        expire_time: caller.expire_time(),
        heartbeat: Heartbeat {
            interval_ms: millis(config.ping_interval),
            timeout_ms: millis(config.ping_timeout),
        },
        limits: Limits {
            frame_bytes: config.frame_bytes as u64,
            text_chars: TEXT_CHARS as u64,
            batch: config.batch as u64,
            in_flight: config.in_flight as u64,
            sends_per_second: sends_per_second.into(),
            send_burst: send_burst.into(),
            frames_per_second: config.frames_per_second.into(),
            sessions: sessions_of(config, role) as u64,
            outbox_events: config.outbox_events as u64,
            outbox_bytes: config.outbox_bytes as u64,
            history_page: PageSize::MAX.into(),
            attach_page: caller.gate.chat.attach_page().into(),
            request_timeout_ms: millis(config.request_timeout),
        },
        resumed,
    }
}

fn new_session_id(chance: &dyn Chance) -> Result<SessionId, deskwire_protocol::ids::IdError> {
    SessionId::new(format!("{:032x}", chance.long_number()))
}

/// Nothing before the session may take longer than a request may.
async fn in_time<T>(gate: &Gate, work: impl Future<Output = Result<T, Denied>>) -> Result<T, Denied> {
    timeout(gate.config.request_timeout, work)
        .await
        .unwrap_or_else(|_| Err(ErrorObject::from(ErrorType::RequestTimeout).into()))
}
