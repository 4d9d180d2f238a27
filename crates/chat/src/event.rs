//! An event in sequence, encoded once per codec and side however many receive it; once for both sides where they see
//! the same.

use std::sync::OnceLock;

use bytes::Bytes;
use deskwire_protocol::{
    Codec, Seq,
    event::{EventName, SequencedEvent},
};
use deskwire_store::{EventRecord, Side};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An event on its way to its receivers.
#[derive(Debug)]
pub struct Event {
    record: EventRecord,
    /// By codec, then by side: after a private note `prev_seq` is not the same for both.
    encoded: [[OnceLock<Bytes>; 2]; 2],
}

impl Event {
    /// Not encoded yet.
    #[must_use]
    pub fn new(record: EventRecord) -> Self {
        Self { record, encoded: Default::default() }
    }

    /// What happened.
    #[must_use]
    pub fn record(&self) -> &EventRecord {
        &self.record
    }

    /// The event before this one that `side` may see.
    #[must_use]
    pub fn prev_seq(&self, side: Side) -> Seq {
        prev_seq(&self.record, side)
    }

    /// The push frame.
    pub(crate) fn frame(&self, codec: Codec, side: Side) -> Bytes {
        let codec_slot = match codec {
            Codec::Json => 0,
            Codec::MsgPack => 1,
        };
        let side_slot = match side {
            Side::Buyer if self.prev_seq(Side::Buyer) != self.prev_seq(Side::Shop) => 0,
            Side::Buyer | Side::Shop => 1,
        };
        self.encoded[codec_slot][side_slot]
            .get_or_init(|| {
                let mut event = to_wire(&self.record, side);
                let name = event.event.take().unwrap_or(EventName::MessageCreated);
                codec.encode_push(name.as_str(), &event).unwrap_or_else(|error| {
                    // Our own types always encode; should one not, its receivers see the hole and attach again.
                    tracing::error!(%error, seq = event.seq.get(), "could not encode an event");
                    Bytes::new()
                })
            })
            .clone()
    }
}

/// For other nodes: whole, so that they need not read the store for it.
impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.record.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        EventRecord::deserialize(deserializer).map(Self::new)
    }
}

fn prev_seq(record: &EventRecord, side: Side) -> Seq {
    match side {
        Side::Buyer => record.buyer_prev_seq,
        Side::Shop => Seq::new(record.seq.get() - 1).unwrap_or(Seq::ZERO),
    }
}

/// The event as `side` sees it, with its name.
pub(crate) fn to_wire(record: &EventRecord, side: Side) -> SequencedEvent {
    let created = record.seq == record.message.seq;
    SequencedEvent {
        event: Some(if created { EventName::MessageCreated } else { EventName::MessageRevised }),
        conversation_id: record.message.conversation_id,
        seq: record.seq,
        prev_seq: prev_seq(record, side),
        message: record.message.to_message(side),
    }
}
