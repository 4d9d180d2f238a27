//! The wire contract of Deskwire: one WebSocket that carries chat and workbench, for buyers and agents.
//!
//! These types are the contract. Everything a client may send or receive is here, once, and both codecs
//! (JSON-RPC 2.0 in text frames, MessagePack-RPC in binary frames) carry the same documents.
//! This crate does no I/O and knows no server.

pub mod card;
pub mod close;
pub mod codec;
pub mod conversation;
pub mod coupon;
pub mod error;
pub mod event;
pub mod frame;
pub mod ids;
pub mod logistics;
pub mod message;
pub mod method;
pub mod money;
pub mod order;
pub mod page;
pub mod params;
pub mod product;
pub mod returns;
pub mod session;
pub mod spec;
pub mod text;
pub mod webhook;

pub use close::CloseCode;
pub use codec::Codec;
pub use error::{ErrorObject, ErrorType};
pub use frame::{Inbound, Refused, Request, RequestId};
pub use ids::{ClientMessageId, ConversationId, MessageId, Seq, SessionId, ShopId, Timestamp, UserId};
pub use message::{Content, Message, ParticipantRole, Person, Role, SendContent, Sender, Visibility};
pub use method::{Method, MethodName};
pub use params::Params;
