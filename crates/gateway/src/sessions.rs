//! Who is connected to this node: bounds the sessions of a user, and finds the sockets that a revocation or a drain
//! concerns.

use std::sync::Arc;

use dashmap::{DashMap, Entry};
use deskwire_protocol::{CloseCode, Timestamp};
use deskwire_store::Scope;

use crate::caller::Caller;

#[derive(Default)]
struct User {
    /// Seats taken, with those whose session is only about to begin.
    taken: usize,
    callers: Vec<Arc<Caller>>,
}

/// The sessions of this node, by user.
#[derive(Default)]
pub(crate) struct Sessions {
    users: DashMap<Scope, User>,
}

/// One session's seat among those of its user; free again when it is dropped.
pub(crate) struct Seat {
    sessions: Arc<Sessions>,
    scope: Scope,
    caller: Option<Arc<Caller>>,
}

impl Sessions {
    /// Takes a seat, unless the user has `limit` already.
    pub(crate) fn take_seat(self: &Arc<Self>, scope: &Scope, limit: usize) -> Option<Seat> {
        let mut user = self.users.entry(scope.clone()).or_default();
        if user.taken >= limit {
            return None;
        }
        user.taken += 1;
        Some(Seat { sessions: self.clone(), scope: scope.clone(), caller: None })
    }

    /// Closes the sessions of a user whose token was made up to `revoke_time`.
    pub(crate) fn revoke(&self, scope: &Scope, revoke_time: Timestamp) {
        let concerned: Vec<Arc<Caller>> = self.users.get(scope).map_or_else(Vec::new, |user| {
            user.callers.iter().filter(|caller| caller.issue_time() <= revoke_time).cloned().collect()
        });
        for caller in concerned {
            caller.session.outbox().close(CloseCode::Revoked);
        }
    }

    /// All that are connected now.
    pub(crate) fn all(&self) -> Vec<Arc<Caller>> {
        self.users.iter().flat_map(|user| user.callers.clone()).collect()
    }
}

impl Seat {
    /// The session has begun.
    pub(crate) fn occupy(&mut self, caller: Arc<Caller>) {
        caller.gate.metrics.sessions(self.scope.role).increment(1);
        if let Some(mut user) = self.sessions.users.get_mut(&self.scope) {
            user.callers.push(caller.clone());
        }
        self.caller = Some(caller);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(caller) = &self.caller {
            caller.gate.metrics.sessions(self.scope.role).decrement(1);
        }
        if let Entry::Occupied(mut entry) = self.sessions.users.entry(self.scope.clone()) {
            let user = entry.get_mut();
            user.taken -= 1;
            if let Some(caller) = &self.caller {
                user.callers.retain(|other| !Arc::ptr_eq(other, caller));
            }
            if user.taken == 0 {
                entry.remove();
            }
        }
    }
}
