//! One authenticated socket, as its requests and the watchers over it see it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
};

use deskwire_chat::Session;
use deskwire_protocol::{
    CloseCode, Codec, Role, SessionId, Timestamp,
    event::{EventName, SessionDraining},
    session::SessionUser,
};
use deskwire_store::Scope;
use tokio::sync::Notify;
use tracing::debug;

use crate::{Claims, gate::Gate, lane::Lane, limits::Limits};

/// The caller behind a socket.
pub(crate) struct Caller {
    pub(crate) gate: Arc<Gate>,
    pub(crate) session: Arc<Session>,
    pub(crate) session_id: SessionId,
    pub(crate) scope: Scope,
    pub(crate) user: SessionUser,
    pub(crate) codec: Codec,
    pub(crate) limits: Limits,
    pub(crate) lane: Lane,
    expire_time: AtomicI64,
    issue_time: AtomicI64,
    /// `session.start` was answered. A socket authenticated by its upgrade may still call it, once.
    started: AtomicBool,
    in_flight: AtomicUsize,
    draining: AtomicBool,
    idle: Notify,
}

impl Caller {
    pub(crate) fn new(
        gate: Arc<Gate>,
        session: Arc<Session>,
        scope: Scope,
        user: SessionUser,
        codec: Codec,
        session_id: SessionId,
        claims: &Claims,
    ) -> Self {
        Self {
            limits: Limits::new(&gate.config, scope.role),
            lane: Lane::default(),
            gate,
            session,
            session_id,
            scope,
            user,
            codec,
            expire_time: AtomicI64::new(claims.expire_time().millis()),
            issue_time: AtomicI64::new(claims.issue_time().millis()),
            started: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            draining: AtomicBool::new(false),
            idle: Notify::new(),
        }
    }

    pub(crate) const fn role(&self) -> Role {
        self.scope.role
    }

    pub(crate) fn expire_time(&self) -> Timestamp {
        Timestamp::from_millis(self.expire_time.load(Ordering::Acquire))
    }

    pub(crate) fn issue_time(&self) -> Timestamp {
        Timestamp::from_millis(self.issue_time.load(Ordering::Acquire))
    }

    /// Whether these claims are of the same user, role and shop.
    pub(crate) fn is(&self, claims: &Claims) -> bool {
        claims.sub == self.scope.user_id
            && claims.role == self.scope.role
            && claims.shop == self.scope.shop_id
    }

    /// From now on the session lives by this token.
    pub(crate) fn renew(&self, claims: &Claims) {
        self.issue_time.store(claims.issue_time().millis(), Ordering::Release);
        self.expire_time.store(claims.expire_time().millis(), Ordering::Release);
    }

    /// Whether this is the first `session.start` of the socket.
    pub(crate) fn start_once(&self) -> bool {
        !self.started.swap(true, Ordering::AcqRel)
    }

    /// Takes as many places among the requests in flight. A batch of more than there are takes all of them.
    pub(crate) fn begin(self: &Arc<Self>, requests: usize) -> Option<InFlight> {
        let limit = self.gate.config.in_flight;
        let places = requests.min(limit);
        let take = |now| (now + places <= limit).then_some(now + places);
        self.in_flight
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, take)
            .is_ok()
            .then(|| InFlight { caller: self.clone(), places })
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.in_flight.load(Ordering::Acquire) == 0
    }

    /// Until the last request in flight is answered. Only while draining.
    pub(crate) async fn idle(&self) {
        self.idle.notified().await;
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Tells the client to go elsewhere. Its connection notices by what waits in the outbox: it takes no more
    /// requests, answers those in flight, and closes.
    pub(crate) fn drain(&self, reconnect_after_ms: u64) {
        if self.draining.swap(true, Ordering::AcqRel) {
            return;
        }
        let event = SessionDraining { reconnect_after_ms };
        match self.codec.encode_push(EventName::SessionDraining.as_str(), &event) {
            Ok(push) => self.session.outbox().push(push),
            Err(error) => {
                debug!(error = %error, "cannot tell a client that it should go");
                self.session.outbox().close(CloseCode::Draining);
            }
        }
    }
}

/// Requests in flight. Dropped after their reply has been put into the outbox, never before.
pub(crate) struct InFlight {
    caller: Arc<Caller>,
    places: usize,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let before = self.caller.in_flight.fetch_sub(self.places, Ordering::AcqRel);
        if before == self.places && self.caller.is_draining() {
            self.caller.idle.notify_one();
        }
    }
}
