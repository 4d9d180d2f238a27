//! The order of one socket's sends where one of them has to be made ready first: a card is rendered before it takes its
//! turn, and the message written after it must not overtake it.

use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;

/// The sends of one socket that wait. As long as there is none, sends are taken as their frames come.
#[derive(Default)]
pub(crate) struct Lane {
    /// Ends when the last one that took a turn is through.
    last: Mutex<Option<oneshot::Receiver<()>>>,
}

/// A place in the lane; the next one's turn comes when it is dropped.
pub(crate) struct Turn {
    before: Option<oneshot::Receiver<()>>,
    _through: oneshot::Sender<()>,
}

impl Lane {
    /// The place behind all that wait.
    pub(crate) fn turn(&self) -> Turn {
        let (through, ended) = oneshot::channel();
        // A poisoned lock means a panic while moving a plain value; it is still whole.
        let before = self.last.lock().unwrap_or_else(PoisonError::into_inner).replace(ended);
        Turn { before, _through: through }
    }

    /// The same, where anyone waits; none where it is one's turn already.
    pub(crate) fn turn_if_taken(&self) -> Option<Turn> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let waits =
            last.as_mut().is_some_and(|last| last.try_recv() == Err(oneshot::error::TryRecvError::Empty));
        if !waits {
            *last = None;
        }
        drop(last);
        waits.then(|| self.turn())
    }
}

impl Turn {
    /// Until those before are through.
    pub(crate) async fn comes(&mut self) {
        if let Some(before) = self.before.take() {
            // However it ended, it is through.
            before.await.ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn nobody_waits_while_the_lane_is_free() {
        let lane = Lane::default();
        assert!(lane.turn_if_taken().is_none());
        drop(lane.turn());
        assert!(lane.turn_if_taken().is_none());
    }

    #[test]
    fn turns_come_in_the_order_in_which_they_were_taken() {
        let lane = Lane::default();
        let mut first = lane.turn();
        let mut second = lane.turn_if_taken().expect("someone waits");
        let mut third = lane.turn();
        assert_eq!(first.comes().now_or_never(), Some(()));
        assert_eq!(second.comes().now_or_never(), None);
        drop(first);
        let mut second_again = Turn { before: None, _through: oneshot::channel().0 };
        assert_eq!(second_again.comes().now_or_never(), Some(()));
        assert_eq!(third.comes().now_or_never(), None);
        drop(second);
        drop(third);
        assert!(lane.turn_if_taken().is_none());
    }
}
