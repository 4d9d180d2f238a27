//! Cards of whatever the shop's systems may write: bounded, well-formed, the same for the same, and changing by time
//! only when they said so.
