//! What the store promises, on SQLite and on PostgreSQL.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should say where")]

mod api_keys;
mod commit;
mod conversations;
mod failure;
mod history;
mod hostile;
mod migration;
mod model;
mod people;
mod plans;
mod races;
mod shop;
mod survival;
mod webhooks;
mod world;
