//! Keeps the connections to Redis alive: connects, follows what is wanted, probes, and when anything is amiss begins anew.
//!
//! A wedged connection looks like a quiet one, so this node publishes probes in the way that notices go, and must hear
//! them. A life of the connections ends as a whole, so that there is one way to begin: whatever was followed is followed
//! again, and the receiver is told that notices may have been lost.

use std::sync::{Arc, OnceLock, atomic::Ordering};

use redis::{PushInfo, PushKind, RedisError, Value};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Inner, Line, LinkStanding, Trouble,
    link::{Hear, Link, Message, Publisher, Subscriber},
    pauses::Pauses,
};

/// Why a life ended.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("{0}")]
    Redis(#[from] RedisError),
    #[error("no connection in time")]
    NotInTime,
    #[error("the connection was cut")]
    Cut,
    #[error("a notice could not be published")]
    NotPublished,
    #[error("a probe was not heard in time")]
    NotHeard,
}

/// Goes on until it is dropped.
pub(super) async fn supervise(bus: &Arc<Inner>, tried: &watch::Sender<bool>) {
    let mut pauses = Pauses::up_to(bus.config.longest_pause);
    let mut was_up = false;
    loop {
        let mut life = Life::new(bus);
        let (end, up) = match life.begin(was_up).await {
            Ok(()) => {
                was_up = true;
                pauses.start_again();
                tried.send_replace(true);
                (life.last().await, true)
            }
            Err(end) => (end, false),
        };
        life.end(&end, up, *tried.borrow());
        drop(life);
        tried.send_replace(true);
        sleep(pauses.next(bus.chance.as_ref())).await;
    }
}

/// One pair of connections, from its beginning to its end.
struct Life<'b> {
    bus: &'b Arc<Inner>,
    hears: Arc<Hears>,
    link: Option<(Link, Vec<Arc<str>>)>,
    failed: CancellationToken,
}

/// What the listening connection's own task works with.
struct Hears {
    /// By which name probes come; set before the first is published.
    probes: OnceLock<Vec<Arc<str>>>,
    /// The last probe that was heard.
    heard: watch::Sender<u64>,
    cut: CancellationToken,
}

impl<'b> Life<'b> {
    fn new(bus: &'b Arc<Inner>) -> Self {
        let hears =
            Hears { probes: OnceLock::new(), heard: watch::Sender::new(0), cut: CancellationToken::new() };
        Self { bus, hears: Arc::new(hears), link: None, failed: CancellationToken::new() }
    }

    /// Connects, and returns when notices get through and all that is wanted is in force. Each command has a time of its own,
    /// and there may be many.
    async fn begin(&mut self, again: bool) -> Result<(), End> {
        let bus = self.bus;
        bus.followed.begin();
        let hear = self.hear();
        let connecting = Link::connect(&bus.address, &bus.config, &hear);
        let link = timeout(bus.config.connect_timeout, connecting).await.map_err(|_| End::NotInTime)??;
        let probes = self.hears.probes.get_or_init(|| link.subscriber.probes(&bus.config.prefix, bus.node));
        link.subscriber.begin(probes).await?;
        let (link, probes) = self.link.insert((link, probes.clone()));
        probe(bus, &link.publisher, probes, &self.hears.heard).await?;
        loop {
            follow_changes(bus, &link.subscriber).await?;
            if bus.followed.go_live() {
                break;
            }
        }
        bus.stand(LinkStanding::Up(Line { publisher: link.publisher.clone(), failed: self.failed.clone() }));
        bus.metrics.up.set(1.0);
        if again {
            bus.metrics.reconnects.increment(1);
        }
        tracing::info!(again, "the bus is up");
        if let Some(receiver) = bus.receiver() {
            receiver.interrupted();
        }
        Ok(())
    }

    /// Returns when it is over.
    async fn last(&self) -> End {
        let Some((link, probes)) = &self.link else { return End::NotInTime };
        tokio::select! {
            end = self.keep_following(&link.subscriber) => end,
            end = self.keep_probing(&link.publisher, probes) => end,
            () = self.hears.cut.cancelled() => End::Cut,
            () = self.failed.cancelled() => End::NotPublished,
        }
    }

    fn end(&self, end: &End, was_up: bool, tried_before: bool) {
        let bus = self.bus;
        bus.stand(LinkStanding::Down(match end {
            End::Redis(_) | End::NotInTime if !was_up => Trouble::NotConnected,
            End::Redis(error) if error.is_timeout() => Trouble::NoAnswer,
            End::Redis(_) | End::Cut => Trouble::Cut,
            End::NotInTime | End::NotPublished | End::NotHeard => Trouble::NoAnswer,
        }));
        bus.followed.end();
        bus.metrics.up.set(0.0);
        if was_up {
            tracing::warn!(error = %end, "the bus is down: other nodes' events come by the repair sweep until it is back");
            if let Some(receiver) = bus.receiver() {
                receiver.interrupted();
            }
        } else if tried_before {
            tracing::debug!(error = %end, "the bus is still down");
        } else {
            tracing::warn!(error = %end, "the bus cannot be reached: other nodes' events come by the repair sweep until it can");
        }
    }

    async fn keep_following(&self, subscriber: &Subscriber) -> End {
        loop {
            self.bus.followed.changed().await;
            if let Err(end) = follow_changes(self.bus, subscriber).await {
                return end;
            }
        }
    }

    async fn keep_probing(&self, publisher: &Publisher, probes: &[Arc<str>]) -> End {
        let mut ticks = interval(self.bus.config.probe_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(end) = probe(self.bus, publisher, probes, &self.hears.heard).await {
                return end;
            }
        }
    }

    /// What is done with what Redis pushes, by the connection's own task.
    fn hear(&self) -> Hear {
        let (bus, hears) = (Arc::clone(self.bus), Arc::clone(&self.hears));
        Arc::new(move |pushed| hears.hear(&bus, &pushed))
    }
}

impl Hears {
    fn hear(&self, bus: &Inner, pushed: &PushInfo) {
        match (&pushed.kind, pushed.data.as_slice()) {
            (
                PushKind::Message | PushKind::SMessage,
                [Value::BulkString(channel), Value::BulkString(bytes)],
            ) => {
                let Ok(channel) = std::str::from_utf8(channel) else { return };
                if !self.is_probe(channel) {
                    bus.hear(channel, bytes);
                } else if let Ok(number) = bytes.as_slice().try_into().map(u64::from_be_bytes) {
                    self.heard.send_modify(|heard| *heard = number.max(*heard));
                }
            }
            // A cluster ends it by itself when it moves the channel elsewhere; when we end it, it is not confirmed any more.
            (PushKind::SUnsubscribe, [Value::BulkString(channel), ..])
                if std::str::from_utf8(channel)
                    .is_ok_and(|channel| self.is_probe(channel) || bus.followed.is_confirmed(channel)) =>
            {
                self.cut.cancel();
            }
            (PushKind::Disconnection, _) => self.cut.cancel(),
            // Confirmations, and whatever a newer server may tell.
            _ => {}
        }
    }

    fn is_probe(&self, channel: &str) -> bool {
        self.probes.get().is_some_and(|probes| probes.iter().any(|probe| **probe == *channel))
    }
}

/// Tells the server what has changed, and returns when it has confirmed that.
async fn follow_changes(bus: &Inner, subscriber: &Subscriber) -> Result<(), End> {
    let changes = bus.followed.take();
    if !changes.end.is_empty() {
        subscriber.end(&changes.end).await?;
    }
    if !changes.begin.is_empty() {
        subscriber.begin(&changes.begin).await?;
        bus.followed.confirm(changes.begin);
    }
    Ok(())
}

/// Publishes a probe on each of the channels, and returns when all were heard. No two probes have the same number, so that
/// a late one of an earlier life is not taken for one of this.
async fn probe(
    bus: &Inner,
    publisher: &Publisher,
    probes: &[Arc<str>],
    heard: &watch::Sender<u64>,
) -> Result<(), End> {
    let round = async {
        for channel in probes {
            let number = bus.probes.fetch_add(1, Ordering::Relaxed) + 1;
            let message = Message { channel: Arc::clone(channel), bytes: number.to_be_bytes().to_vec() };
            publisher.publish(&[message]).await?;
            // It fails when the sender is gone, and that is ours.
            heard.subscribe().wait_for(|last| *last >= number).await.ok();
        }
        Ok(())
    };
    timeout(bus.config.probe_timeout, round).await.unwrap_or(Err(End::NotHeard))
}
