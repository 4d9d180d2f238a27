//! The only crate that knows HTTP and WebSocket: it accepts connections, authenticates sockets, takes their frames
//! to `chat` and writes what waits in their outboxes. It knows no rule of conversations and no SQL.
//!
//! The way of a frame: `accept` -> `router` -> `upgrade` -> `authenticate` -> `connection` -> `dispatch` -> chat, and
//! back through the session's outbox -> `connection` -> `write`.

mod accept;
mod api_key;
mod authenticate;
mod batch;
mod caller;
mod closing;
mod config;
mod connection;
mod dispatch;
mod drain;
mod echo;
mod error;
mod gate;
mod gateway;
mod heartbeat;
mod inbound;
mod lane;
mod limits;
mod metrics;
mod refusal;
mod responder;
mod rest;
mod revocation;
mod router;
mod sessions;
mod stream;
mod tls;
pub mod token;
mod upgrade;
mod webhooks;
mod write;

pub use api_key::ApiKey;
pub use config::{GatewayConfig, TlsFiles};
pub use echo::serve_echo;
pub use error::GatewayError;
pub use gateway::{Gateway, Services};
pub use rest::{RestConfig, openapi};
pub use tls::client_tls;
pub use token::{Claims, TokenError, TokenKeys};
pub use webhooks::{AddressRange, AddressRangeError, WebhooksConfig};
