//! What the workbench may be told by its operator.

use std::time::Duration;

use crate::cards::Links;

/// Times and links.
#[derive(Debug, Clone)]
pub struct WorkbenchConfig {
    pub(crate) links: Links,
    /// How long after its delivery an order can be returned.
    pub return_window: Duration,
    /// How long the shop has to answer a request for a return before it is approved by itself.
    pub return_answer: Duration,
    /// How long a buyer has to pay an order that was placed here.
    pub payment_window: Duration,
    /// How long before a deadline agents are told that it is near.
    pub deadline_notice: Duration,
}
