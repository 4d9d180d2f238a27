//! Notices as bytes: a version, the node that tells, and the notice in MessagePack with named fields, so that a node of
//! an older release passes over fields, notices and versions that it does not know.

use deskwire_protocol::{Codec, codec::CodecError};

use crate::bus::Notice;

/// Changed when older nodes would misread what is told; they then leave it to their repair sweep.
const VERSION: u8 = 1;
const HEAD: usize = 9;

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

/// A notice on its way from this node.
pub(super) fn seal(node: u64, notice: &Notice) -> Result<Vec<u8>, CodecError> {
    let notice = Codec::MsgPack.encode(notice)?;
    let mut bytes = Vec::with_capacity(HEAD + notice.len());
    bytes.push(VERSION);
    bytes.extend_from_slice(&node.to_be_bytes());
    bytes.extend_from_slice(&notice);
    Ok(bytes)
}

/// What another node tells; none when it comes from this node, which has heard it already.
pub(super) fn open(node: u64, bytes: &[u8]) -> Result<Option<Notice>, Unreadable> {
    match bytes.split_at_checked(HEAD) {
        Some(([VERSION, from @ ..], _)) if *from == node.to_be_bytes() => Ok(None),
        Some(([VERSION, ..], notice)) => Ok(Some(Codec::MsgPack.decode(notice)?)),
        Some(([version, ..], _)) => Err(Unreadable::Version(*version)),
        Some(([], _)) | None => Err(Unreadable::Short),
    }
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

    /// Nodes of two releases talk to each other during an upgrade: this is what the other one writes and reads.
    #[test]
    fn a_notice_has_the_form_that_other_releases_know() {
        for (notice, document) in samples() {
            assert_eq!(serde_json::to_value(&notice).unwrap(), document);
            let sealed = seal(1, &notice).unwrap();
            let mut by_another =
                [&[1, 0, 0, 0, 0, 0, 0, 0, 2][..], &Codec::MsgPack.encode(&document).unwrap()].concat();
            for bytes in [&sealed, &by_another] {
                let read = open(3, bytes).unwrap().unwrap();
                assert_eq!(serde_json::to_value(&read).unwrap(), document);
            }
            assert!(open(1, &sealed).unwrap().is_none(), "what this node has told it has heard already");
            by_another[0] = 2;
            assert!(matches!(open(3, &by_another), Err(Unreadable::Version(2))));
        }
    }

    #[test]
    fn a_field_that_is_not_known_is_passed_over_and_a_notice_that_is_not_known_is_an_error() {
        let read = |document: Value| {
            let bytes =
                [&[1, 0, 0, 0, 0, 0, 0, 0, 2][..], &Codec::MsgPack.encode(&document).unwrap()].concat();
            open(3, &bytes)
        };
        let newer = json!({"changed": {"conversation_id": "7", "only_messages": true, "by": "an import"}});
        assert!(matches!(read(newer), Ok(Some(Notice::Changed(_)))));
        assert!(matches!(read(json!({"moved": {"conversation_id": "7"}})), Err(Unreadable::Notice(_))));
    }

    #[test]
    fn garbage_is_an_error() {
        for bytes in [
            &b""[..],
            b"\x01",
            b"\x01\0\0\0\0\0\0\0\x02",
            b"\x01\0\0\0\0\0\0\0\x02\xc1",
            b"hello, whoever is there",
        ] {
            assert!(open(3, bytes).is_err(), "{bytes:?}");
        }
    }
}
