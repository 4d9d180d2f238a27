//! The session: authentication, heartbeat and limits of one socket.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ErrorObject,
    conversation::{AttachParams, AttachResult},
    ids::{SessionId, ShopId, Timestamp, UserId},
    message::Role,
};

/// The program at the other end, for the server's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Such as `acme-desk`.
    pub name: String,
    /// Such as `2.1.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// `session.start`: the first request of a socket.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartParams {
    /// The JWT; not needed where the upgrade carried it in its `Authorization` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The program at the other end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Client>,
    /// Conversations to attach to again, each as `conversation.attach` would; at most 32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub resume: Vec<AttachParams>,
}

impl std::fmt::Debug for StartParams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A token is a secret.
        f.debug_struct("StartParams")
            .field("client", &self.client)
            .field("resume", &self.resume)
            .finish_non_exhaustive()
    }
}

/// The caller, as the token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionUser {
    /// `sub` of the token.
    pub user_id: UserId,
    /// `role` of the token.
    pub role: Role,
    /// To be displayed.
    pub name: String,
    /// BCP 47 tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
}

/// The shop of the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionShop {
    /// `shop` of the token.
    pub shop_id: ShopId,
}

/// How the server keeps watch over the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Heartbeat {
    /// About how often the server pings, give or take 20 %.
    pub interval_ms: u64,
    /// A ping not answered for so long ends the socket.
    pub timeout_ms: u64,
}

/// What this server takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Limits {
    /// Of one frame from a client; larger ones close the socket with 4504.
    pub frame_bytes: u64,
    /// Of a text message.
    pub text_chars: u64,
    /// Requests of a JSON batch.
    pub batch: u64,
    /// Requests in flight on a socket.
    pub in_flight: u64,
    /// Sends a second, in the long run.
    pub sends_per_second: u64,
    /// Sends at once.
    pub send_burst: u64,
    /// Frames a second, in the long run; a client that keeps on above it is closed with 4505.
    pub frames_per_second: u64,
    /// Sessions of this user.
    pub sessions: u64,
    /// Events that wait for a slow reader before it is closed with 4001.
    pub outbox_events: u64,
    /// Bytes that wait for a slow reader before it is closed with 4001.
    pub outbox_bytes: u64,
    /// Messages of a history page.
    pub history_page: u64,
    /// Events of one `attach`.
    pub attach_page: u64,
    /// A request not done by then gets `request_timeout`.
    pub request_timeout_ms: u64,
}

/// How one conversation of `resume` fared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Resumed {
    /// As asked for.
    pub conversation_id: crate::ids::ConversationId,
    /// What `conversation.attach` would have answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attached: Option<AttachResult>,
    /// Or why it could not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorObject>,
}

/// The answer to `session.start`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StartResult {
    /// Of this socket; finds it in the server's log.
    pub session_id: SessionId,
    /// The caller.
    pub user: SessionUser,
    /// The caller's shop.
    pub shop: SessionShop,
    /// Now, at the server.
    pub server_time: Timestamp,
    /// When the token runs out.
    pub expire_time: Timestamp,
    /// How the server keeps watch.
    pub heartbeat: Heartbeat,
    /// What it takes.
    pub limits: Limits,
    /// In the order of `resume`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resumed: Vec<Resumed>,
}

/// `session.refresh`: a new token of the same user, role and shop.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshParams {
    /// The new JWT.
    pub token: String,
}

impl std::fmt::Debug for RefreshParams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RefreshParams").finish_non_exhaustive()
    }
}

/// The answer to `session.refresh`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefreshResult {
    /// When the new token runs out.
    pub expire_time: Timestamp,
}

/// The answer to `session.ping`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pong {
    /// Now, at the server.
    pub server_time: Timestamp,
}
