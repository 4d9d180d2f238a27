//! The long life of an authenticated socket: frames to dispatch, the outbox to the client, the heartbeat and the end of
//! the token on one timer. Its future is what an idle socket costs, so everything that is done once is boxed.

use std::{pin::pin, sync::Arc, time::Duration};

use deskwire_protocol::{
    CloseCode,
    event::{EventName, SessionExpiring},
};
use futures::{FutureExt, StreamExt};
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::{self, Message};
use tracing::debug;

use crate::{
    caller::Caller,
    closing::{self, Condition},
    dispatch::dispatch,
    gate::Place,
    heartbeat::{Beat, Heartbeat},
    inbound::{self, Inbound},
    sessions::Seat,
    upgrade::Socket,
    write::{WriteError, write_frames},
};

/// The client is told so long before its token runs out.
const EXPIRY_NOTICE: Duration = Duration::from_mins(1);
/// The wall clock is asked again at least so often how long the token still lives: it may have been set.
const EXPIRY_CHECK: Duration = Duration::from_hours(1);
/// Beyond the time of a request: by then every request in flight has been answered.
const ANSWER_GRACE: Duration = Duration::from_secs(1);

/// Frames taken in before what they led to is written.
const TAKE_AT_ONCE: usize = 32;

/// What reading a socket gives.
type Read = Option<Result<Message, tungstenite::Error>>;

/// Why the long life ended.
enum Ending {
    /// The client left.
    Gone,
    /// The server closes.
    Close(CloseCode, Condition),
    /// This node is draining.
    Drain,
}

/// Serves the socket until its end.
#[expect(
    clippy::manual_async_fn,
    reason = "an `async fn` keeps its arguments twice: as given, and as bound by name"
)]
pub(crate) fn serve(
    mut socket: Socket,
    caller: Arc<Caller>,
    seat: Seat,
    place: Place,
) -> impl Future<Output = ()> + Send {
    async move {
        if caller.gate.draining.is_cancelled() {
            // The drain may have looked for sessions before this one had its seat.
            caller.drain(0);
        }
        let ending = live(&mut socket, &caller).await;
        Box::pin(end(socket, caller, seat, ending)).await;
        drop(place);
    }
}

async fn live(socket: &mut Socket, caller: &Arc<Caller>) -> Ending {
    let mut watch = Watch::new(caller);
    let mut timer = pin!(sleep_until(watch.wake_at(caller)));
    loop {
        if caller.is_draining() {
            return Ending::Drain;
        }
        let wake_at = watch.wake_at(caller);
        if timer.deadline() != wake_at {
            timer.as_mut().reset(wake_at);
        }
        let ending = tokio::select! {
            read = socket.next() => {
                watch.heartbeat.heard();
                take_ready(socket, caller, read)
            }
            // Boxed: an idle socket would keep room for all that a write needs.
            () = caller.session.outbox().ready() => Box::pin(flush(socket, caller)).await,
            () = timer.as_mut() => Box::pin(watch.tick(socket, caller)).await,
        };
        if let Some(ending) = ending {
            return ending;
        }
    }
}

/// Takes all frames that are there, up to a bound, before anything is written: replies to what came together leave
/// together.
fn take_ready(socket: &mut Socket, caller: &Arc<Caller>, first: Read) -> Option<Ending> {
    let mut read = first;
    for _ in 1..TAKE_AT_ONCE {
        if let Some(ending) = take(caller, inbound::of(caller.codec, read)) {
            return Some(ending);
        }
        // Whoever waits for the socket next asks again, and so is woken.
        read = socket.next().now_or_never()?;
    }
    take(caller, inbound::of(caller.codec, read))
}

/// Takes what came in to where it belongs.
fn take(caller: &Arc<Caller>, inbound: Inbound) -> Option<Ending> {
    match inbound {
        Inbound::Gone => return Some(Ending::Gone),
        Inbound::Broken(code, condition) => return Some(Ending::Close(code, condition)),
        Inbound::Control | Inbound::Frame(_) => {}
    }
    if !caller.limits.frame() {
        return Some(Ending::Close(CloseCode::RateLimit, Condition::Orderly));
    }
    if let Inbound::Frame(frame) = inbound {
        caller.gate.metrics.frames_received.increment(1);
        dispatch(caller, &frame);
    }
    None
}

/// Writes all that waits in the outbox, in one go.
async fn flush(socket: &mut Socket, caller: &Caller) -> Option<Ending> {
    let mut frames = Vec::new();
    let code = caller.session.outbox().take(&mut frames);
    match write_frames(socket, caller.codec, &frames, caller.gate.config.ping_timeout).await {
        Ok(()) => {
            caller.gate.metrics.frames_sent.increment(frames.len() as u64);
            caller.gate.metrics.flushes.increment(1);
            code.map(|code| Ending::Close(code, Condition::Orderly))
        }
        Err(WriteError::Gone(error)) => {
            debug!(session_id = %caller.session_id, error = %error, "a client left while it was written to");
            Some(Ending::Gone)
        }
        Err(WriteError::Stalled(rest)) => Some(Ending::Close(CloseCode::SlowConsumer, Condition::Slow(rest))),
    }
}

async fn end(mut socket: Socket, caller: Arc<Caller>, seat: Seat, ending: Ending) {
    let ending = match ending {
        Ending::Drain => finish(&mut socket, &caller).await,
        Ending::Gone | Ending::Close(..) => ending,
    };
    // Others learn that the caller has left now, not when the last goodbye has been said.
    caller.session.leave();
    drop(seat);
    match ending {
        Ending::Gone => {
            debug!(session_id = %caller.session_id, "session ended by the client");
            closing::gone(socket).await;
        }
        Ending::Close(code, condition) => {
            debug!(session_id = %caller.session_id, code = code.code(), "session ended by the server");
            closing::close(socket, code, condition).await;
        }
        Ending::Drain => closing::close(socket, CloseCode::Draining, Condition::Orderly).await,
    }
}

/// Answers what is in flight, takes nothing new, and then goes.
async fn finish(socket: &mut Socket, caller: &Arc<Caller>) -> Ending {
    let mut deadline = pin!(tokio::time::sleep(caller.gate.config.request_timeout + ANSWER_GRACE));
    loop {
        // Asked before the outbox is emptied: a reply is put in there before its request counts as done.
        let is_last = caller.is_idle();
        if let Some(ending) = flush(socket, caller).await {
            return ending;
        }
        if is_last {
            return Ending::Drain;
        }
        tokio::select! {
            () = caller.idle() => {}
            () = caller.session.outbox().ready() => {}
            () = deadline.as_mut() => return Ending::Drain,
        }
    }
}

/// Heartbeat and token on one timer.
struct Watch {
    heartbeat: Heartbeat,
    /// As the caller had it when the next two were worked out.
    expire_millis: i64,
    expire_at: Instant,
    told: bool,
}

impl Watch {
    fn new(caller: &Caller) -> Self {
        let now = Instant::now();
        Self {
            heartbeat: Heartbeat::new(now, caller.gate.config.ping_interval, caller.gate.chance.as_ref()),
            expire_millis: caller.expire_time().millis(),
            expire_at: expire_at(caller, now),
            told: false,
        }
    }

    fn wake_at(&mut self, caller: &Caller) -> Instant {
        let expire_millis = caller.expire_time().millis();
        if self.expire_millis != expire_millis {
            self.expire_millis = expire_millis;
            self.expire_at = expire_at(caller, Instant::now());
            self.told = false;
        }
        let notice_at = if self.told { None } else { self.expire_at.checked_sub(EXPIRY_NOTICE) };
        self.heartbeat.wake_at().min(notice_at.unwrap_or(self.expire_at))
    }

    async fn tick(&mut self, socket: &mut Socket, caller: &Caller) -> Option<Ending> {
        let now = Instant::now();
        let left = caller.expire_time().since(caller.gate.clock.now());
        if left.is_zero() {
            return Some(Ending::Close(CloseCode::TokenExpired, Condition::Orderly));
        }
        self.expire_at = expire_at(caller, now);
        if !self.told && left <= EXPIRY_NOTICE {
            self.told = true;
            tell_expiry(caller);
        }
        let config = &caller.gate.config;
        match self.heartbeat.tick(now, config.ping_interval, config.ping_timeout, caller.gate.chance.as_ref())
        {
            Beat::Rest => None,
            Beat::Ping => ping(socket, config.ping_timeout).await,
            Beat::Missed => Some(Ending::Close(CloseCode::HeartbeatMissed, Condition::Orderly)),
        }
    }
}

fn expire_at(caller: &Caller, now: Instant) -> Instant {
    now + caller.expire_time().since(caller.gate.clock.now()).min(EXPIRY_CHECK)
}

fn tell_expiry(caller: &Caller) {
    let event = SessionExpiring { expire_time: caller.expire_time() };
    match caller.codec.encode_push(EventName::SessionExpiring.as_str(), &event) {
        Ok(push) => caller.session.outbox().push(push),
        Err(error) => debug!(error = %error, "cannot tell a client that its token runs out"),
    }
}

async fn ping(socket: &mut Socket, patience: Duration) -> Option<Ending> {
    use futures::SinkExt;

    match tokio::time::timeout(patience, socket.send(Message::Ping(bytes::Bytes::new()))).await {
        Ok(Ok(())) => None,
        Ok(Err(_)) => Some(Ending::Gone),
        Err(_) => Some(Ending::Close(CloseCode::HeartbeatMissed, Condition::Orderly)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<F>(_: impl Fn(Socket, Arc<Caller>, Seat, Place) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_long_life_of_a_socket_is_a_small_future() {
        let bytes = size_of_future(serve);
        assert!(bytes <= 832, "{bytes} bytes, of which the WebSocket {}", size_of::<Socket>());
    }
}
