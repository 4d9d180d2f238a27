//! Wakes the nodes that hold receivers of an event. At most once, on purpose: nothing may depend on it having
//! delivered (the hub fills gaps from the store, and the sweep finds what nobody told).

mod in_process;
mod redis;

use std::sync::Arc;

use deskwire_protocol::{
    ConversationId, Sender, Seq, ShopId, Timestamp, UserId,
    event::{DeadlineNear, WorkbenchChanged},
    order::WorkbenchOrders,
};
use deskwire_store::Side;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

pub use self::redis::{RedisBus, RedisConfig, RedisConfigError};
pub use crate::{
    event::Event,
    presence::{Asked, Origin},
};
pub use in_process::{InProcess, InProcessNode};

/// Who an event is for: the agents of a shop, or one buyer. Each node follows only topics of its own sockets.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// All agents of the shop.
    Shop(ShopId),
    /// One buyer of the shop, on all devices.
    Buyer(ShopId, UserId),
    /// All nodes, whoever is connected to them.
    Nodes,
}

impl Topic {
    /// The side whose sessions are told; none where nodes are among themselves.
    #[must_use]
    pub const fn side(&self) -> Option<Side> {
        match self {
            Self::Shop(_) => Some(Side::Shop),
            Self::Buyer(..) => Some(Side::Buyer),
            Self::Nodes => None,
        }
    }
}

/// What is told on a topic. Nodes of two releases tell each other these during an upgrade, under the names that they have
/// here: a field may be added, with a default, and none taken away or called otherwise.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// An event in sequence.
    Event(Arc<Event>),
    /// A conversation changed: its summary is to be told anew.
    Changed(Changed),
    /// One side has read up to a place.
    Read(Read),
    /// Someone is writing, or has stopped.
    Typing(Typing),
    /// Someone came or left.
    Presence(Presence),
    /// Something for the workbenches of the shop's agents.
    Workbench(Workbench),
    /// A node asks who is there.
    Asked(Asked),
    /// A node lives.
    Alive(Origin),
}

/// Something for the workbenches of the shop's agents. What belongs to a buyer is told to those who are attached to
/// that buyer's conversation, what belongs to the shop to all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Workbench {
    /// Something that they show has changed.
    Changed(WorkbenchChanged),
    /// A deadline of an order comes near.
    DeadlineNear(DeadlineNear),
    /// A buyer's message names orders.
    Orders(Box<WorkbenchOrders>),
}

/// A conversation changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Which.
    pub conversation_id: ConversationId,
    /// Only by new messages, of which attached sessions learn in sequence.
    pub only_messages: bool,
}

/// One side has read up to a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    /// Of which conversation.
    pub conversation_id: ConversationId,
    /// Who.
    pub reader: Sender,
    /// Up to here.
    pub seq: Seq,
    /// When.
    pub read_time: Timestamp,
}

/// Someone is writing, or has stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Typing {
    /// In which conversation.
    pub conversation_id: ConversationId,
    /// Who.
    pub sender: Sender,
    /// Writing, or stopped.
    pub typing: bool,
}

/// Someone came or left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// The conversation that an agent came to or left; none for a buyer, who is there for the shop as a whole.
    pub conversation_id: Option<ConversationId>,
    /// The buyer, when told to agents; an agent, when told to the buyer.
    pub role: deskwire_protocol::ParticipantRole,
    /// Who.
    pub user_id: UserId,
    /// There, or gone from the node that tells.
    pub online: bool,
    /// By which node.
    pub origin: Origin,
}

/// The bus could not do it now; the repair sweep makes up for it.
#[derive(Debug, thiserror::Error)]
#[error("bus: {0}")]
pub struct BusError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Why notices of other nodes do not come now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Not connected.
    #[error("not connected")]
    NotConnected,
    /// The connection was cut.
    #[error("the connection was cut")]
    Cut,
    /// The other end does not answer.
    #[error("no answer in time")]
    NoAnswer,
}

/// One node's end of the bus.
pub trait Bus: Send + Sync + 'static {
    /// Where notices of followed topics go. Called once, before all else.
    fn connect(&self, receiver: Arc<dyn Receiver>);

    /// Hands notices over, in order: to this node's own receiver within the call, to other nodes when the future is done.
    /// `Ok` means handed over, not received; an error, that other nodes may not have them.
    fn publish(&self, notices: Vec<(Topic, Notice)>) -> BoxFuture<'_, Result<(), BusError>>;

    /// Follows a topic; when it returns `Ok`, whatever is published from now on will be told. After an error it is followed
    /// as soon as that is possible; to ask again does no harm.
    fn subscribe(&self, topic: Topic) -> BoxFuture<'_, Result<(), BusError>>;

    /// Follows it no longer.
    fn unsubscribe(&self, topic: &Topic);

    /// Why notices of other nodes do not come now; none when they do, as far as this node knows.
    fn trouble(&self) -> Option<Trouble>;
}

/// What a node does with notices. It must be quick and must not fail: the bus calls it from its reading task.
pub trait Receiver: Send + Sync + 'static {
    /// A notice on a topic that this node follows.
    fn receive(&self, topic: &Topic, notice: Notice);

    /// The bus has gone away, or has come back: notices may have been lost. Look at the store at once.
    fn interrupted(&self);
}
