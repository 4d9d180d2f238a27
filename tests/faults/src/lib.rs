//! The fault suite: three nodes, a PostgreSQL and a Redis are broken while people talk through bad lines, and a checker goes
//! over what was seen from outside.
//!
//! ```text
//! people ── proxy ── nodes ── proxy ── Redis
//!    │                 └───── PostgreSQL        faults: breaks any of these
//!    └── record ── checker ── verdict
//! ```

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    missing_docs,
    reason = "what tests share fails as tests do: by a panic that says what was expected"
)]

pub mod cast;
pub mod checker;
pub mod faults;
pub mod nodes;
pub mod people;
pub mod proxy;
pub mod record;
pub mod report;
pub mod run;
pub mod socket;
