//! What can be set about chat, with the contract's defaults.

use std::time::Duration;

use deskwire_store::Planted;

/// Limits and periods of chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatConfig {
    /// Writers that commit side by side; a conversation always has the same one. 1 for `SQLite`, whose commits
    /// cannot overlap; a few for `PostgreSQL`.
    pub writers: usize,
    /// The most commands of one commit.
    pub commit_batch: usize,
    /// Commands that may wait for a writer before more are refused.
    pub writer_queue: usize,
    /// How long a sender may take a message back.
    pub recall_window: Duration,
    /// Events of one `attach`.
    pub attach_page: u32,
    /// Conversations that one session may be attached to.
    pub attachments: usize,
    /// A command that is not committed by then is answered with `request_timeout`.
    pub request_timeout: Duration,
    /// How long handing events to the bus may take before the repair sweep is left to bring them.
    pub publish_timeout: Duration,
    /// How often recently changed conversations are compared with what was delivered.
    pub sweep_interval: Duration,
    /// The same while the bus is away, and events of other nodes come by nothing else.
    pub sweep_interval_without_bus: Duration,
    /// How far the sweep looks back: longer than any commit takes to become visible.
    pub sweep_window: Duration,
    /// How often every attached conversation is compared, however old its last change.
    pub full_sweep_interval: Duration,
    /// Summaries of a conversation are told at most this often.
    pub summary_interval: Duration,
    /// For how long a typing mark is to be shown.
    pub typing_expiry: Duration,
    /// After how long a node that is not heard any more is taken for gone, and all who were online there.
    pub presence_expiry: Duration,
    /// A bug for the fault suite to find; none in any other build.
    pub planted: Planted,
}

impl Default for ChatConfig {
    fn default() -> Self {
        Self {
            writers: 1,
            commit_batch: 256,
            writer_queue: 8_192,
            recall_window: Duration::from_mins(2),
            attach_page: 500,
            attachments: 500,
            request_timeout: Duration::from_secs(15),
            publish_timeout: Duration::from_secs(1),
            sweep_interval: Duration::from_secs(2),
            sweep_interval_without_bus: Duration::from_secs(1),
            sweep_window: Duration::from_secs(10),
            full_sweep_interval: Duration::from_secs(30),
            summary_interval: Duration::from_millis(50),
            typing_expiry: Duration::from_secs(6),
            presence_expiry: Duration::from_secs(10),
            planted: Planted::default(),
        }
    }
}

impl ChatConfig {
    /// Of the time that a request has, a half is for its turn: whoever has waited long does not cut short the commit of
    /// those who have not.
    pub(crate) fn turn_timeout(&self) -> Duration {
        self.request_timeout / 2
    }

    /// What is left for its commit, so that the bus can be told within the time, too.
    pub(crate) fn commit_timeout(&self) -> Duration {
        let rest = self.request_timeout.saturating_sub(self.turn_timeout());
        rest.saturating_sub(self.publish_timeout).max(rest / 2)
    }
}
