//! Notices as bytes: a version, the node that tells, and each notice behind its length, in MessagePack with named fields, so
//! that a node of an older release passes over fields, notices and versions that it does not know. All that a commit tells
//! on one channel is one message: Redis and the nodes have a cost for each, whatever is in it.

use deskwire_protocol::{Codec, codec::CodecError};

use crate::bus::Notice;

/// Changed when older nodes would misread what is told; they then leave it to their repair sweep.
const VERSION: u8 = 2;
const HEAD: usize = 9;
/// The length of a notice, big-endian.
const LENGTH: usize = 4;

/// Something came that this node cannot read. Of a newer release, perhaps; the sweep brings what was missed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("cut short")]
    Short,
    #[error("of version {0}")]
    Version(u8),
    #[error(transparent)]
    Notice(#[from] CodecError),
}

/// A notice behind its length.
pub(super) fn seal(notice: &Notice) -> Result<Vec<u8>, CodecError> {
    let notice = Codec::MsgPack.encode(notice)?;
    let length = u32::try_from(notice.len()).unwrap_or(u32::MAX);
    Ok([&length.to_be_bytes(), &notice[..]].concat())
}

/// A message of this node, before its first notice.
pub(super) fn begin(node: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD);
    bytes.push(VERSION);
    bytes.extend_from_slice(&node.to_be_bytes());
    bytes
}

/// What another node tells, in its order; nothing when it comes from this node, which has heard it already.
pub(super) fn open(node: u64, bytes: &[u8]) -> Result<Vec<Result<Notice, Unreadable>>, Unreadable> {
    match bytes.split_at_checked(HEAD) {
        Some(([VERSION, from @ ..], _)) if *from == node.to_be_bytes() => Ok(Vec::new()),
        Some(([VERSION, ..], sealed)) => Ok(notices(sealed)),
        Some(([version, ..], _)) => Err(Unreadable::Version(*version)),
        Some(([], _)) | None => Err(Unreadable::Short),
    }
}

fn notices(mut sealed: &[u8]) -> Vec<Result<Notice, Unreadable>> {
    let mut notices = Vec::new();
    while !sealed.is_empty() {
        let Some((notice, rest)) = first(sealed) else {
            notices.push(Err(Unreadable::Short));
            break;
        };
        notices.push(Codec::MsgPack.decode(notice).map_err(Unreadable::from));
        sealed = rest;
    }
    notices
}

fn first(sealed: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = sealed.split_first_chunk::<LENGTH>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests {
    use deskwire_protocol::{
        ClientMessageId, Content, ConversationId, ParticipantRole, Sender, Seq, Timestamp, UserId,
        Visibility, card::ThingKind, event::WorkbenchChanged,
    };
    use deskwire_store::{EventRecord, MessageRecord};
    use serde_json::{Value, json};

    use super::*;
    use crate::bus::{Asked, Changed, Event, Origin, Presence, Read, Typing, Workbench};

    fn sender() -> Sender {
        let user_id = Some(UserId::new("ana").unwrap());
        Sender { role: ParticipantRole::Buyer, user_id, name: "Ana".into() }
    }

    fn event() -> EventRecord {
        let seq = |seq| Seq::new(seq).unwrap();
        EventRecord {
            seq: seq(4),
            buyer_prev_seq: seq(2),
            message: MessageRecord {
                conversation_id: ConversationId::new(7).unwrap(),
                seq: seq(4),
                buyer_prev_seq: seq(2),
                sender: sender(),
                client_message_id: Some(ClientMessageId::new("m-1").unwrap()),
                content: Content::Text { text: "hello 👋".into() },
                visibility: Visibility::All,
                revision: 0,
                recalled: false,
                create_time: Timestamp::from_millis(1_764_000_000_000),
            },
        }
    }

    fn samples() -> Vec<(Notice, Value)> {
        let conversation_id = ConversationId::new(7).unwrap();
        let update_time = Timestamp::from_millis(1_764_000_000_000);
        let ana = json!({"role": "BUYER", "user_id": "ana", "name": "Ana"});
        vec![
            (
                Notice::Event(Event::new(event()).into()),
                json!({"event": {"seq": 4, "buyer_prev_seq": 2, "message": {
                    "conversation_id": "7", "seq": 4, "buyer_prev_seq": 2, "sender": ana, "client_message_id": "m-1",
                    "content": {"type": "TEXT", "text": "hello 👋"}, "visibility": "ALL", "revision": 0,
                    "recalled": false, "create_time": 1_764_000_000_000_i64}}}),
            ),
            (
                Notice::Changed(Changed { conversation_id, only_messages: true }),
                json!({"changed": {"conversation_id": "7", "only_messages": true}}),
            ),
            (
                Notice::Read(Read {
                    conversation_id,
                    reader: sender(),
                    seq: Seq::new(3).unwrap(),
                    read_time: update_time,
                }),
                json!({"read": {"conversation_id": "7", "reader": ana, "seq": 3, "read_time": 1_764_000_000_000_i64}}),
            ),
            (
                Notice::Typing(Typing { conversation_id, sender: sender(), typing: true }),
                json!({"typing": {"conversation_id": "7", "sender": ana, "typing": true}}),
            ),
            (
                Notice::Presence(Presence {
                    conversation_id: None,
                    role: ParticipantRole::Buyer,
                    user_id: UserId::new("ana").unwrap(),
                    online: true,
                    origin: Origin { node: u64::MAX, epoch: 3 },
                }),
                json!({"presence": {"conversation_id": null, "role": "BUYER", "user_id": "ana", "online": true,
                    "origin": {"node": u64::MAX, "epoch": 3}}}),
            ),
            (
                Notice::Asked(Asked { node: 1, conversation_id }),
                json!({"asked": {"node": 1, "conversation_id": "7"}}),
            ),
            (Notice::Alive(Origin { node: 1, epoch: 1 }), json!({"alive": {"node": 1, "epoch": 1}})),
            (
                Notice::Workbench(Workbench::Changed(WorkbenchChanged {
                    kind: ThingKind::Coupon,
                    id: "c-1".into(),
                    order_id: None,
                    buyer_id: None,
                    update_time,
                })),
                json!({"workbench": {"changed": {"kind": "COUPON", "id": "c-1", "update_time": 1_764_000_000_000_i64}}}),
            ),
        ]
    }

    fn message(node: u64, notices: &[Value]) -> Vec<u8> {
        let mut bytes = vec![2];
        bytes.extend(node.to_be_bytes());
        for notice in notices {
            let notice = Codec::MsgPack.encode(notice).unwrap();
            bytes.extend(u32::try_from(notice.len()).unwrap().to_be_bytes());
            bytes.extend(&notice[..]);
        }
        bytes
    }

    /// What can be read of it; none for the rest.
    fn read(bytes: &[u8]) -> Vec<Option<Value>> {
        let notices = open(3, bytes).unwrap().into_iter();
        notices.map(|notice| Some(serde_json::to_value(notice.ok()?).unwrap())).collect()
    }

    /// Nodes of two releases talk to each other during an upgrade: this is what the other one writes and reads.
    #[test]
    fn notices_have_the_form_that_other_releases_know() {
        let mut own = begin(2);
        let mut documents = Vec::new();
        for (notice, document) in samples() {
            assert_eq!(serde_json::to_value(&notice).unwrap(), document);
            own.extend(seal(&notice).unwrap());
            documents.push(document);
        }
        let mut by_another = message(2, &documents);
        let all: Vec<_> = documents.into_iter().map(Some).collect();
        assert_eq!((read(&own), read(&by_another)), (all.clone(), all));
        assert!(open(2, &own).unwrap().is_empty(), "what this node has told it has heard already");
        by_another[0] = 3;
        assert!(matches!(open(3, &by_another), Err(Unreadable::Version(3))));
    }

    #[test]
    fn a_field_that_is_not_known_is_passed_over_and_so_is_a_notice_that_is_not_known() {
        let changed = json!({"changed": {"conversation_id": "7", "only_messages": true}});
        let newer = json!({"changed": {"conversation_id": "7", "only_messages": true, "by": "an import"}});
        let unknown = json!({"moved": {"conversation_id": "7"}});
        let bytes = message(2, &[newer, unknown, changed.clone()]);
        assert_eq!(read(&bytes), [Some(changed.clone()), None, Some(changed)]);
    }

    #[test]
    fn garbage_is_an_error() {
        for bytes in [&b""[..], b"\x02", b"hello, whoever is there"] {
            assert!(open(3, bytes).is_err(), "{bytes:?}");
        }
        let whole = message(2, &[json!({"changed": {"conversation_id": "7", "only_messages": true}})]);
        for length in HEAD + 1..whole.len() {
            assert_eq!(read(&whole[..length]), [None], "the first {length} bytes");
        }
        assert_eq!(read(&[&message(2, &[])[..], b"\0\0\0\x01\xc1"].concat()), [None]);
        assert_eq!(read(&[&message(2, &[])[..], b"\xff\xff\xff\xff\0"].concat()), [None]);
    }
}
