//! The end-to-end harness: a real `deskwire` process, and clients of it that read like a transcript.
//!
//! ```no_run
//! # async fn example() {
//! use deskwire_tests::{Server, Setting};
//! let server = Server::start(Setting::default()).await;
//! let (mut ana, mut bo) = (server.buyer("ana").await, server.agent("bo").await);
//! let here = ana.open().await;
//! bo.attach(&here).await;
//! ana.say(&here, "Where is my order?").await;
//! assert_eq!(bo.push("message.created").await["message"]["content"]["text"], "Where is my order?");
//! # }
//! ```
//!
//! Nothing here sleeps to let something happen, nothing tries again, and every wait ends at [`DEADLINE`].

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "what tests share fails as tests do: by a panic that says what was expected"
)]

mod binary;
mod client;
mod conversation;
mod database;
mod deadline;
mod directory;
mod everywhere;
pub mod http;
mod receiver;
mod server;
mod setting;
mod terminal;
mod token;
mod user;
pub mod wire;

pub use binary::binary;
pub use client::{Client, Closed, Connect};
pub use database::Grip;
pub use deadline::{DEADLINE, within};
pub use deskwire_protocol::{Codec, Role};
pub use deskwire_test_backends::Redis;
pub use directory::{Directory, Ran};
pub use http::Response;
pub use receiver::{Received, Receiver, Reply};
pub use server::{Server, ServerOptions};
pub use setting::{Backend, Setting};
pub use terminal::Terminal;
pub use token::signed;
pub use user::User;
pub use wire::RpcError;
