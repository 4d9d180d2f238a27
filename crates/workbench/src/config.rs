//! What the workbench may be told by its operator.

use std::time::Duration;

use crate::{
    cards::{LinkError, LinkTemplates, Links},
    locale::Zone,
};

/// Times, links and the clocks on the wall.
#[derive(Debug, Clone)]
pub struct WorkbenchConfig {
    /// Where the pages behind cards are.
    pub links: Links,
    /// By which clocks cards tell the time.
    pub time_zone: Zone,
    /// How long after its delivery an order can be returned.
    pub return_window: Duration,
    /// How long the shop has to answer a request for a return before it is approved by itself.
    pub return_answer: Duration,
    /// How long a buyer has to pay an order that was placed here.
    pub payment_window: Duration,
    /// How long before a deadline agents are told that it is near.
    pub deadline_notice: Duration,
    /// How often it is looked for what has become due: deadlines, cards that change by time, what another node left undone.
    pub poll_interval: Duration,
}

impl WorkbenchConfig {
    /// The field's usual times, and pages on this server.
    pub fn usual() -> Result<Self, LinkError> {
        Ok(Self {
            links: Links::new(&LinkTemplates::default())?,
            time_zone: Zone::UTC,
            return_window: Duration::from_hours(30 * 24),
            return_answer: Duration::from_hours(48),
            payment_window: Duration::from_hours(24),
            deadline_notice: Duration::from_hours(24),
            poll_interval: Duration::from_secs(1),
        })
    }
}
