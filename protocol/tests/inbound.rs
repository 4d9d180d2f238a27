//! Hostile and odd frames: each gets the right error under the right id, and nothing panics.

use deskwire_protocol::{Codec, ErrorType, Inbound, RequestId};
use proptest::prelude::*;

fn one(codec: Codec, frame: &[u8]) -> Result<(String, bool), (ErrorType, String)> {
    let id_text = |id: &RequestId| match id {
        RequestId::Json(raw) => raw.get().to_owned(),
        RequestId::MsgPack(id) => id.to_string(),
        RequestId::Unknown => "unknown".to_owned(),
    };
    match codec.inbound(frame, 32) {
        Inbound::Single(Ok(request)) => Ok((request.method.into_owned(), request.id.is_some())),
        Inbound::Single(Err(refused)) => Err((refused.error.data.kind, id_text(&refused.id))),
        Inbound::Batch(_) => panic!("no batch"),
    }
}

#[test]
fn a_broken_json_frame_gets_the_standard_error_under_its_id_where_it_has_one() {
    use ErrorType::{InvalidRequest, LimitReached, ParseError};
    for (frame, kind, id) in [
        ("", ParseError, "unknown"),
        ("{", ParseError, "unknown"),
        ("{}{}", ParseError, "unknown"),
        ("nonsense", ParseError, "unknown"),
        ("[", ParseError, "unknown"),
        ("[]", InvalidRequest, "unknown"),
        ("7", InvalidRequest, "unknown"),
        (r#"{"jsonrpc":"2.0","id":7}"#, InvalidRequest, "7"),
        (r#"{"jsonrpc":"1.0","id":7,"method":"a"}"#, InvalidRequest, "7"),
        (r#"{"id":"x","method":"a"}"#, InvalidRequest, "\"x\""),
        (r#"{"jsonrpc":"2.0","id":7,"method":1}"#, InvalidRequest, "7"),
        (r#"{"jsonrpc":"2.0","id":[1],"method":"a"}"#, InvalidRequest, "unknown"),
        (r#"{"jsonrpc":"2.0","id":true,"method":"a"}"#, InvalidRequest, "unknown"),
        (r#"{"jsonrpc":"2.0","result":1,"id":3}"#, InvalidRequest, "3"),
    ] {
        assert_eq!(one(Codec::Json, frame.as_bytes()), Err((kind, id.to_owned())), "{frame}");
    }
    let many = format!("[{}]", vec!["1"; 33].join(","));
    assert_eq!(one(Codec::Json, many.as_bytes()), Err((LimitReached, "unknown".to_owned())));
}

#[test]
fn a_json_id_comes_back_byte_for_byte() {
    for id in ["1", "-0", "1.0", "1e2", "\"a\\u00e9\"", "null", "123456789012345678901234567890"] {
        let frame = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"session.ping"}}"#);
        let Inbound::Single(Ok(request)) = Codec::Json.inbound(frame.as_bytes(), 32) else { panic!("{id}") };
        let reply = Codec::Json.encode_reply(&request.id.unwrap(), Ok(&1)).unwrap();
        assert_eq!(reply, format!(r#"{{"jsonrpc":"2.0","id":{id},"result":1}}"#));
    }
}

#[test]
fn a_request_without_id_is_a_notification() {
    assert_eq!(one(Codec::Json, br#"{"jsonrpc":"2.0","method":"a"}"#), Ok(("a".into(), false)));
    let frame = Codec::MsgPack.encode(&(2_u8, "a", serde_json::json!({}))).unwrap();
    assert_eq!(one(Codec::MsgPack, &frame), Ok(("a".into(), false)));
}

#[test]
fn a_batch_keeps_its_order_and_refuses_its_elements_one_by_one() {
    let frame = br#"[{"jsonrpc":"2.0","id":1,"method":"a"}, 7, {"jsonrpc":"2.0","method":"b"}]"#;
    let Inbound::Batch(elements) = Codec::Json.inbound(frame, 32) else { panic!() };
    assert_eq!(elements.len(), 3);
    assert_eq!(elements[0].as_ref().unwrap().method, "a");
    assert_eq!(elements[1].as_ref().unwrap_err().error.data.kind, ErrorType::InvalidRequest);
    assert!(elements[2].as_ref().unwrap().id.is_none());
    assert_eq!(Codec::join_batch(&["1".into(), "2".into()]), "[1,2]");
}

#[test]
fn a_broken_messagepack_frame_gets_an_error_and_never_a_guess() {
    use ErrorType::{InvalidRequest, ParseError};
    let encode = |value: serde_json::Value| Codec::MsgPack.encode(&value).unwrap().to_vec();
    let mut trailing = encode(serde_json::json!([0, 5, "a", {}]));
    trailing.push(0xc0);
    let mut deep = vec![0x94, 0x00, 0x05, 0xa1, b'a'];
    deep.extend(std::iter::repeat_n(0x91, 60_000));
    for (frame, kind, id) in [
        (vec![], ParseError, "unknown"),
        (vec![0xc1], ParseError, "unknown"),
        (encode(serde_json::json!({})), ParseError, "unknown"),
        (encode(serde_json::json!([0])), InvalidRequest, "unknown"),
        (encode(serde_json::json!([1, 5, null, {}])), InvalidRequest, "unknown"),
        (encode(serde_json::json!([0, -1, "a", {}])), InvalidRequest, "unknown"),
        (encode(serde_json::json!([0, 4_294_967_296_u64, "a", {}])), InvalidRequest, "unknown"),
        (encode(serde_json::json!([0, 5, 6, {}])), InvalidRequest, "5"),
        (trailing, InvalidRequest, "5"),
        (deep, InvalidRequest, "5"),
    ] {
        assert_eq!(
            one(Codec::MsgPack, &frame),
            Err((kind, id.to_owned())),
            "{:x?}",
            &frame[..frame.len().min(20)]
        );
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(frame in proptest::collection::vec(any::<u8>(), 0..200)) {
        for codec in Codec::ALL {
            if let Inbound::Single(Ok(request)) = codec.inbound(&frame, 32) {
                drop(request.params.read::<deskwire_protocol::message::SendParams>());
            }
        }
    }

    #[test]
    fn no_params_make_it_panic(params in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut frame = vec![0x94, 0x00, 0x05, 0xa1, b'a'];
        frame.extend(params);
        if let Inbound::Single(Ok(request)) = Codec::MsgPack.inbound(&frame, 32) {
            drop(request.params.read::<deskwire_protocol::session::StartParams>());
        }
    }
}
