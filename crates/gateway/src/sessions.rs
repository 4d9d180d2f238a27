//! Who is connected to this node: bounds the sessions of a user, and finds the sockets that a revocation or a drain
//! concerns.

use std::sync::Arc;

use dashmap::{DashMap, Entry};
use deskwire_protocol::{CloseCode, ShopId, Timestamp, UserId};
use deskwire_store::{Scope, Side};

use crate::caller::Caller;

/// Whom sessions are counted by. An agent who is also an admin is one user; a buyer of the same name is another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Account {
    pub(crate) shop_id: ShopId,
    pub(crate) side: Side,
    pub(crate) user_id: UserId,
}

impl From<&Scope> for Account {
    fn from(scope: &Scope) -> Self {
        Self { shop_id: scope.shop_id.clone(), side: scope.side(), user_id: scope.user_id.clone() }
    }
}

#[derive(Default)]
struct Seats {
    /// Seats taken, with those whose session is only about to begin.
    taken: usize,
    callers: Vec<Arc<Caller>>,
}

/// The sessions of this node, by user.
#[derive(Default)]
pub(crate) struct Sessions {
    users: DashMap<Account, Seats>,
}

/// One session's seat among those of its user; free again when it is dropped.
pub(crate) struct Seat {
    sessions: Arc<Sessions>,
    user: Account,
    caller: Option<Arc<Caller>>,
}

impl Sessions {
    /// Takes a seat, unless the user has `limit` already.
    pub(crate) fn take_seat(self: &Arc<Self>, scope: &Scope, limit: usize) -> Option<Seat> {
        let user = Account::from(scope);
        let mut seats = self.users.entry(user.clone()).or_default();
        if seats.taken >= limit {
            return None;
        }
        seats.taken += 1;
        Some(Seat { sessions: self.clone(), user, caller: None })
    }

    /// Closes the sessions of a user whose token was made up to `revoke_time`.
    pub(crate) fn revoke(&self, user: &Account, revoke_time: Timestamp) {
        let concerned: Vec<Arc<Caller>> = self.users.get(user).map_or_else(Vec::new, |seats| {
            seats.callers.iter().filter(|caller| caller.issue_time() <= revoke_time).cloned().collect()
        });
        for caller in concerned {
            caller.session.outbox().close(CloseCode::Revoked);
        }
    }

    /// All that are connected now.
    pub(crate) fn all(&self) -> Vec<Arc<Caller>> {
        self.users.iter().flat_map(|seats| seats.callers.clone()).collect()
    }
}

impl Seat {
    /// The session has begun.
    pub(crate) fn occupy(&mut self, caller: Arc<Caller>) {
        caller.gate.metrics.sessions(caller.role()).increment(1);
        if let Some(mut seats) = self.sessions.users.get_mut(&self.user) {
            seats.callers.push(caller.clone());
        }
        self.caller = Some(caller);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(caller) = &self.caller {
            caller.gate.metrics.sessions(caller.role()).decrement(1);
        }
        if let Entry::Occupied(mut entry) = self.sessions.users.entry(self.user.clone()) {
            let seats = entry.get_mut();
            seats.taken -= 1;
            if let Some(caller) = &self.caller {
                seats.callers.retain(|other| !Arc::ptr_eq(other, caller));
            }
            if seats.taken == 0 {
                entry.remove();
            }
        }
    }
}
