//! Summaries: how a conversation stands, told to sessions that are not attached to it.
//!
//! They carry no sequence and are safe to lose. Changes are collected for a moment, each conversation is read once
//! and encoded once per side and codec: a busy shop costs two reads a period, not two a message.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use deskwire_protocol::{
    Codec, ConversationId,
    event::{ConversationUpdated, EventName},
};
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    bus::{Changed, Topic},
    hub::Hub,
    spawn_vital, view,
};

/// Conversations whose summary is to be told.
#[derive(Default)]
pub(crate) struct Dirty {
    /// By topic and conversation: whether only messages changed it.
    waiting: Mutex<HashMap<(Topic, ConversationId), bool>>,
    wake: Notify,
}

impl Dirty {
    pub(crate) fn mark(&self, topic: &Topic, changed: &Changed) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let only_messages =
            waiting.entry((topic.clone(), changed.conversation_id)).or_insert(changed.only_messages);
        *only_messages &= changed.only_messages;
        drop(waiting);
        self.wake.notify_one();
    }

    fn take(&self) -> HashMap<(Topic, ConversationId), bool> {
        std::mem::take(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One push, encoded at most once per codec.
#[derive(Default)]
pub(crate) struct Frames {
    json: Option<Bytes>,
    msgpack: Option<Bytes>,
}

impl Frames {
    pub(crate) fn push<T: serde::Serialize>(
        &mut self,
        codec: Codec,
        name: EventName,
        event: &T,
    ) -> Option<Bytes> {
        let kept = match codec {
            Codec::Json => &mut self.json,
            Codec::MsgPack => &mut self.msgpack,
        };
        if kept.is_none() {
            match codec.encode_push(name.as_str(), event) {
                Ok(frame) => *kept = Some(frame),
                Err(error) => tracing::error!(%error, event = name.as_str(), "could not encode an event"),
            }
        }
        kept.clone()
    }
}

pub(crate) fn start(
    hub: &Arc<Hub>,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
    crashed: &CancellationToken,
) {
    let hub = Arc::clone(hub);
    let ended = shutdown.clone();
    let shutdown = shutdown.clone();
    spawn_vital(tasks, "summaries", crashed, move || ended.is_cancelled(), async move {
        loop {
            tokio::select! {
                () = hub.dirty.wake.notified() => {}
                () = shutdown.cancelled() => return,
            }
            tokio::time::sleep(hub.config.summary_interval).await;
            tell(&hub).await;
        }
    });
}

async fn tell(hub: &Hub) {
    let waiting = hub.dirty.take();
    let mut by_topic: HashMap<Topic, Vec<(ConversationId, bool)>> = HashMap::new();
    for ((topic, id), only_messages) in waiting {
        by_topic.entry(topic).or_default().push((id, only_messages));
    }
    for (topic, changed) in by_topic {
        let Some(side) = topic.side() else { continue };
        let ids: Vec<_> = changed.iter().map(|(id, _)| *id).collect();
        let read = async {
            let records = hub.store.conversations_by_id(&ids).await?;
            view::conversations(&hub.store, records, side).await
        };
        let conversations = match tokio::time::timeout(hub.config.request_timeout, read).await {
            Ok(Ok(conversations)) => conversations,
            Ok(Err(error)) => {
                tracing::warn!(%error, "could not read summaries; clients repair by conversation.sync");
                continue;
            }
            Err(_) => {
                tracing::warn!("summaries could not be read in time; clients repair by conversation.sync");
                continue;
            }
        };
        let listeners = hub.listeners(&topic);
        let only_messages: HashMap<_, _> = changed.into_iter().collect();
        for conversation in conversations {
            let id = conversation.conversation_id;
            let only_messages = only_messages.get(&id).copied().unwrap_or_default();
            let event = ConversationUpdated { conversation };
            let mut frames = Frames::default();
            for listener in listeners.iter() {
                if !(only_messages && listener.is_attached(id))
                    && let Some(frame) =
                        frames.push(listener.outbox.codec(), EventName::ConversationUpdated, &event)
                {
                    listener.outbox.push_summary(id, frame);
                }
            }
        }
    }
}
