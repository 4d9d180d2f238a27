//! The parts of the benchmark, each by itself.

pub(crate) mod cards;
pub(crate) mod disk;
pub(crate) mod flush;
pub(crate) mod memory;
pub(crate) mod nodes;
pub(crate) mod reconnect;
pub(crate) mod sends;
pub(crate) mod store;
pub(crate) mod workbench;
