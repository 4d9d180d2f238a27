//! The bus over Redis: many nodes, one service.
//!
//! What a node tells reaches its own receivers at once, by a call, and those of other nodes by publish and subscribe. One
//! connection listens, another tells; `supervise` keeps both alive. While they are not, publishing fails at once, and
//! the repair sweep does the work.

mod address;
mod channel;
mod config;
mod envelope;
mod followed;
mod link;
mod pauses;
mod supervise;

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak, atomic::AtomicU64},
    time::Duration,
};

use deskwire_protocol::codec::CodecError;
use futures::future::{BoxFuture, ready};
use indexmap::IndexMap;
use redis::RedisError;
use tokio::{
    sync::{oneshot, watch},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Bus, BusError, Event, Notice, Receiver, Topic, Trouble};
use crate::{Chance, spawn_vital};
use address::Address;
pub use config::RedisConfig;
use followed::{Followed, Standing};
use link::{Message, Publisher};
use supervise::supervise;

/// The settings of the bus cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RedisConfigError(String);

/// Why Redis could not do it now.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("redis is away: {0}")]
    Away(Trouble),
    #[error("the connection ended")]
    Ended,
    #[error("no answer in time")]
    Late,
    #[error(transparent)]
    Refused(#[from] RedisError),
    #[error(transparent)]
    Encoding(#[from] CodecError),
}

impl From<Failure> for BusError {
    fn from(failure: Failure) -> Self {
        Self(Box::new(failure))
    }
}

/// This node's end of the bus over Redis.
pub struct RedisBus {
    inner: Arc<Inner>,
    crashed: CancellationToken,
    /// Whether the first try to connect has ended.
    tried: watch::Receiver<bool>,
}

struct Inner {
    config: RedisConfig,
    chance: Arc<dyn Chance>,
    address: Address,
    /// Tells this node's notices from those of others.
    node: u64,
    receiver: OnceLock<Weak<dyn Receiver>>,
    followed: Followed,
    standing: Mutex<LinkStanding>,
    /// Probes published so far.
    probes: AtomicU64,
    metrics: Metrics,
}

/// Whether notices get through.
enum LinkStanding {
    Up(Line),
    Down(Trouble),
}

/// To publish on, while it lasts.
#[derive(Clone)]
struct Line {
    publisher: Publisher,
    /// Cancelled by whoever finds that it does not work.
    failed: CancellationToken,
}

/// Handles are taken once, so that counting costs an atomic addition.
struct Metrics {
    up: metrics::Gauge,
    reconnects: metrics::Counter,
    published: metrics::Counter,
    received: metrics::Counter,
    failures: metrics::Counter,
    unreadable: metrics::Counter,
}

impl RedisBus {
    /// Starts to connect, and goes on until `shutdown`. It serves in any case; until Redis is there it says what is wrong.
    pub fn start(
        config: RedisConfig,
        chance: Arc<dyn Chance>,
        tasks: &TaskTracker,
        shutdown: &CancellationToken,
    ) -> Result<Arc<Self>, RedisConfigError> {
        let address = Address::of(&config)?;
        let inner = Arc::new(Inner {
            config,
            address,
            node: chance.number(),
            chance,
            receiver: OnceLock::new(),
            followed: Followed::default(),
            standing: Mutex::new(LinkStanding::Down(Trouble::NotConnected)),
            probes: AtomicU64::new(0),
            metrics: Metrics {
                up: metrics::gauge!("deskwire_bus_up"),
                reconnects: metrics::counter!("deskwire_bus_reconnects_total"),
                published: metrics::counter!("deskwire_bus_published_total"),
                received: metrics::counter!("deskwire_bus_received_total"),
                failures: metrics::counter!("deskwire_bus_publish_failures_total"),
                unreadable: metrics::counter!("deskwire_bus_unreadable_total"),
            },
        });
        inner.metrics.up.set(0.0);
        let crashed = CancellationToken::new();
        let (has_tried, tried) = watch::channel(false);
        let (ended, until) = (shutdown.clone(), shutdown.clone());
        let supervised = Arc::clone(&inner);
        spawn_vital(tasks, "bus", &crashed, move || ended.is_cancelled(), async move {
            until.run_until_cancelled(supervise(&supervised, &has_tried)).await;
        });
        Ok(Arc::new(Self { inner, crashed, tried }))
    }

    /// Returns when the first try to connect has ended, well or not.
    pub async fn tried(&self) {
        // It fails when the task that tries is gone, and then there is nothing to wait for.
        self.tried.clone().wait_for(|tried| *tried).await.ok();
    }

    /// Cancelled when the task that keeps the connection alive ended by itself: the process cannot go on.
    #[must_use]
    pub fn crashed(&self) -> &CancellationToken {
        &self.crashed
    }
}

impl RedisConfig {
    /// What is wrong with the address, if anything is.
    pub fn check(&self) -> Result<(), RedisConfigError> {
        Address::of(self).map(drop)
    }
}

impl Bus for RedisBus {
    fn connect(&self, receiver: Arc<dyn Receiver>) {
        // The hub owns its bus, so the bus must not own the hub.
        self.inner.receiver.get_or_init(|| Arc::downgrade(&receiver));
    }

    fn publish(&self, notices: Vec<(Topic, Notice)>) -> BoxFuture<'_, Result<(), BusError>> {
        let line = self.inner.line();
        let messages = self.inner.tell_own(notices, line.is_ok());
        let line = match line {
            Ok(line) => line,
            Err(trouble) => {
                self.inner.metrics.failures.increment(1);
                return Box::pin(ready(Err(Failure::Away(trouble).into())));
            }
        };
        Box::pin(async move {
            let messages = messages.map_err(Failure::from)?;
            Ok(self.inner.publish(&line, &messages).await?)
        })
    }

    fn subscribe(&self, topic: Topic) -> BoxFuture<'_, Result<(), BusError>> {
        let channel = self.inner.channel(&topic);
        let standing = self.inner.followed.want(&channel, topic);
        Box::pin(async move {
            match standing {
                Standing::InForce => Ok(()),
                Standing::Away => {
                    Err(Failure::Away(self.inner.trouble().unwrap_or(Trouble::NotConnected)).into())
                }
                Standing::Asked(told) => Ok(confirmed(told, self.inner.config.answer_timeout * 2).await?),
            }
        })
    }

    fn unsubscribe(&self, topic: &Topic) {
        self.inner.followed.unwant(&self.inner.channel(topic));
    }

    fn trouble(&self) -> Option<Trouble> {
        self.inner.trouble()
    }
}

async fn confirmed(told: oneshot::Receiver<()>, within: Duration) -> Result<(), Failure> {
    match timeout(within, told).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Failure::Ended),
        Err(_) => Err(Failure::Late),
    }
}

impl Inner {
    fn channel(&self, topic: &Topic) -> Arc<str> {
        channel::of_topic(&self.config.prefix, topic)
    }

    fn receiver(&self) -> Option<Arc<dyn Receiver>> {
        self.receiver.get()?.upgrade()
    }

    fn line(&self) -> Result<Line, Trouble> {
        match &*self.standing.lock().unwrap_or_else(PoisonError::into_inner) {
            LinkStanding::Up(line) if line.failed.is_cancelled() => Err(Trouble::NoAnswer),
            LinkStanding::Up(line) => Ok(line.clone()),
            LinkStanding::Down(trouble) => Err(*trouble),
        }
    }

    fn trouble(&self) -> Option<Trouble> {
        self.line().err()
    }

    fn stand(&self, standing: LinkStanding) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = standing;
    }

    /// Tells this node's own receivers, and makes of the notices what is to be published: one message a channel. The hub
    /// puts events into their order, so that a node may hear its own before earlier ones of others.
    fn tell_own(&self, notices: Vec<(Topic, Notice)>, publish: bool) -> Result<Vec<Message>, CodecError> {
        let receiver = self.receiver();
        let mut messages: IndexMap<Arc<str>, Vec<u8>> = IndexMap::new();
        let mut failed = None;
        // Most events go to two topics, one after the other.
        let mut last: Option<(Arc<Event>, Arc<[u8]>)> = None;
        for (topic, notice) in notices {
            let channel = self.channel(&topic);
            if publish {
                let sealed = match (&notice, &last) {
                    (Notice::Event(event), Some((same, sealed))) if Arc::ptr_eq(event, same) => {
                        Ok(Arc::clone(sealed))
                    }
                    _ => envelope::seal(&notice).map(Arc::from),
                };
                match sealed {
                    Ok(sealed) => {
                        let message = messages.entry(Arc::clone(&channel));
                        message.or_insert_with(|| envelope::begin(self.node)).extend_from_slice(&sealed);
                        if let Notice::Event(event) = &notice {
                            last = Some((Arc::clone(event), sealed));
                        }
                    }
                    Err(error) => failed = Some(error),
                }
            }
            if let Some(receiver) = &receiver
                && self.followed.topic(&channel).is_some()
            {
                receiver.receive(&topic, notice);
            }
        }
        let messages = messages.into_iter().map(|(channel, bytes)| Message { channel, bytes }).collect();
        failed.map_or(Ok(messages), Err)
    }

    /// Whoever finds that Redis does not take a notice ends the connection, so that the next one need not find it too.
    async fn publish(&self, line: &Line, messages: &[Message]) -> Result<(), Failure> {
        let published = timeout(self.config.answer_timeout, line.publisher.publish(messages));
        let failure = match published.await {
            Ok(Ok(())) => {
                self.metrics.published.increment(messages.len() as u64);
                return Ok(());
            }
            Ok(Err(error)) => Failure::Refused(error),
            Err(_) => Failure::Late,
        };
        self.metrics.failures.increment(1);
        line.failed.cancel();
        Err(failure)
    }

    /// A message on a channel that is no probe of this node.
    fn hear(&self, channel: &str, bytes: &[u8]) {
        let Some(topic) = self.followed.topic(channel) else { return };
        let notices = envelope::open(self.node, bytes).unwrap_or_else(|error| vec![Err(error)]);
        for notice in notices {
            match (notice, self.receiver()) {
                (Ok(notice), Some(receiver)) => {
                    self.metrics.received.increment(1);
                    receiver.receive(&topic, notice);
                }
                (Ok(_), None) => {}
                (Err(error), _) => {
                    self.metrics.unreadable.increment(1);
                    tracing::debug!(%error, "a notice of another node cannot be read; the repair sweep makes up for it");
                }
            }
        }
    }
}
