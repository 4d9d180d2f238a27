//! Holds the generated documents and the golden frames to the types. After a deliberate change of the contract run
//! `DESKWIRE_BLESS=1 cargo test -p deskwire-protocol --test contract`, and read the difference before committing it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::{fmt::Write as _, path::PathBuf};

use deskwire_protocol::{
    Codec, ErrorObject, ErrorType, Inbound, Method, MethodName, RequestId,
    event::{
        ConversationUpdated, DeadlineNear, EventName, PresenceEvent, ReadUpdated, SequencedEvent,
        SessionDraining, SessionExpiring, SessionResync, TypingEvent, WorkbenchChanged,
    },
    method,
    order::WorkbenchOrders,
    spec::{asyncapi, example, openrpc, push_examples},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, value::to_raw_value};

fn held(file: &str, now: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("DESKWIRE_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, now).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == now, "{file} is stale: bless it if the change of the contract is meant");
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap() + "\n"
}

#[test]
fn openrpc_json_is_generated_from_the_types() {
    held("openrpc.json", &pretty(&openrpc()));
}

#[test]
fn asyncapi_json_is_generated_from_the_types() {
    held("asyncapi.json", &pretty(&asyncapi()));
}

/// Reads the document as its type and writes it again, through both codecs: nothing may be lost or added.
fn round_trip<T: Serialize + DeserializeOwned>(document: &Value, what: &str) {
    for codec in Codec::ALL {
        let typed: T =
            codec.decode(&codec.encode(document).unwrap()).unwrap_or_else(|error| panic!("{what}: {error}"));
        let again: Value = codec.decode(&codec.encode(&typed).unwrap()).unwrap();
        assert_eq!(&again, document, "{what} in {codec:?}");
    }
}

macro_rules! each_method {
    ($($name:ident),* $(,)?) => {
        fn round_trip_method(name: MethodName) {
            let example = example(name);
            match name {
                $(MethodName::$name => {
                    let filled = with_defaults::<<method::$name as Method>::Params>(&example.params);
                    round_trip::<<method::$name as Method>::Params>(&filled, name.as_str());
                    round_trip::<<method::$name as Method>::Result>(&example.result, name.as_str());
                })*
            }
        }
    };
}

/// An example may leave out what has a default; written again it is there.
fn with_defaults<T: Serialize + DeserializeOwned>(params: &Value) -> Value {
    serde_json::to_value(serde_json::from_value::<T>(params.clone()).unwrap()).unwrap()
}

each_method!(
    SessionStart,
    SessionRefresh,
    SessionPing,
    ConversationOpen,
    ConversationList,
    ConversationGet,
    ConversationHistory,
    ConversationAttach,
    ConversationDetach,
    ConversationRead,
    ConversationTyping,
    ConversationSync,
    ConversationTake,
    ConversationAssign,
    ConversationTransfer,
    ConversationClose,
    ConversationReopen,
    ConversationTag,
    ConversationUntag,
    ConversationNote,
    MessageSend,
    MessageRecall,
    CardAct,
    BuyerOrdersList,
    BuyerOrdersGet,
    BuyerOrdersPlace,
    BuyerLogisticsGet,
    BuyerReturnsEligibility,
    BuyerReturnsSubmit,
    BuyerReturnsList,
    BuyerProductsGet,
    BuyerCouponsClaim,
    BuyerCouponsList,
    WorkbenchOrdersList,
    WorkbenchOrdersGet,
    WorkbenchOrdersNoteGet,
    WorkbenchOrdersNoteSet,
    WorkbenchOrdersNoteHistory,
    WorkbenchOrdersSendCard,
    WorkbenchLogisticsGet,
    WorkbenchLogisticsSendCard,
    WorkbenchReturnsList,
    WorkbenchReturnsGet,
    WorkbenchReturnsEligibility,
    WorkbenchReturnsSendCard,
    WorkbenchReturnsApprove,
    WorkbenchReturnsReject,
    WorkbenchProductsList,
    WorkbenchProductsGet,
    WorkbenchProductsAlternatives,
    WorkbenchProductsSendCard,
    WorkbenchCouponsList,
    WorkbenchCouponsGet,
    WorkbenchCouponsCreate,
    WorkbenchCouponsUpdate,
    WorkbenchCouponsDuplicate,
    WorkbenchCouponsDeactivate,
    WorkbenchCouponsIssue,
    WorkbenchCouponsSendCard,
    WorkbenchCardsCheck,
    RpcDiscover,
);

#[test]
fn every_method_round_trips_in_both_codecs() {
    for &name in MethodName::ALL {
        round_trip_method(name);
    }
}

#[test]
fn every_event_round_trips_in_both_codecs() {
    for (name, params) in push_examples() {
        match name {
            EventName::MessageCreated | EventName::MessageRevised => {
                round_trip::<SequencedEvent>(&params, name.as_str());
            }
            EventName::ConversationUpdated => round_trip::<ConversationUpdated>(&params, name.as_str()),
            EventName::ReadUpdated => round_trip::<ReadUpdated>(&params, name.as_str()),
            EventName::Typing => round_trip::<TypingEvent>(&params, name.as_str()),
            EventName::Presence => round_trip::<PresenceEvent>(&params, name.as_str()),
            EventName::WorkbenchOrders => round_trip::<WorkbenchOrders>(&params, name.as_str()),
            EventName::WorkbenchChanged => round_trip::<WorkbenchChanged>(&params, name.as_str()),
            EventName::DeadlineNear => round_trip::<DeadlineNear>(&params, name.as_str()),
            EventName::SessionExpiring => round_trip::<SessionExpiring>(&params, name.as_str()),
            EventName::SessionDraining => round_trip::<SessionDraining>(&params, name.as_str()),
            EventName::SessionResync => round_trip::<SessionResync>(&params, name.as_str()),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").unwrap();
        out
    })
}

#[test]
fn golden_frames_stay_as_they_are() {
    let mut out = String::new();
    let mut line = |what: &str, json: &[u8], msgpack: &[u8]| {
        writeln!(out, "{what}\n  json    {}\n  msgpack {}", std::str::from_utf8(json).unwrap(), hex(msgpack))
            .unwrap();
    };
    let json_id = RequestId::Json(to_raw_value(&1).unwrap());
    let msgpack_id = RequestId::MsgPack(1);
    for &name in MethodName::ALL {
        let example = example(name);
        let json = serde_json::json!({ "jsonrpc": "2.0", "id": 1, "method": name.as_str(), "params": example.params });
        let msgpack = Codec::MsgPack.encode(&(0_u8, 1_u32, name.as_str(), &example.params)).unwrap();
        // What is golden must also be what the server reads.
        for (codec, frame) in
            [(Codec::Json, json.to_string().into_bytes()), (Codec::MsgPack, msgpack.to_vec())]
        {
            let Inbound::Single(Ok(request)) = codec.inbound(&frame, 32) else {
                panic!("{name:?} {codec:?}")
            };
            assert_eq!(request.method, name.as_str());
            assert_eq!(request.params.read::<Value>().unwrap(), example.params);
        }
        line(&format!("request {}", name.as_str()), json.to_string().as_bytes(), &msgpack);
        let replies = (
            Codec::Json.encode_reply(&json_id, Ok(&example.result)).unwrap(),
            Codec::MsgPack.encode_reply(&msgpack_id, Ok(&example.result)).unwrap(),
        );
        line(&format!("reply {}", name.as_str()), &replies.0, &replies.1);
    }
    for &kind in ErrorType::ALL {
        let error = ErrorObject::from(kind);
        let replies = (
            Codec::Json.encode_reply::<Value>(&json_id, Err(&error)).unwrap(),
            Codec::MsgPack.encode_reply::<Value>(&msgpack_id, Err(&error)).unwrap(),
        );
        line(&format!("error {}", kind.as_str()), &replies.0, &replies.1);
    }
    for (name, params) in push_examples() {
        let json = Codec::Json.encode_push(name.as_str(), &params).unwrap();
        let msgpack = Codec::MsgPack.encode_push(name.as_str(), &params).unwrap();
        line(&format!("push {}", name.as_str()), &json, &msgpack);
    }
    held("vectors/frames.txt", &out);
}

#[test]
fn examples_satisfy_the_published_schemas() {
    let document = openrpc();
    for method in document["methods"].as_array().unwrap() {
        for (field, value) in method["params"].as_array().unwrap().iter().filter_map(|param| {
            let example = &method["examples"][0]["params"];
            let value = example.as_array()?.iter().find(|example| example["name"] == param["name"])?;
            Some((param, &value["value"]))
        }) {
            check(&document, &field["schema"], value, &format!("{} {}", method["name"], field["name"]));
        }
        check(
            &document,
            &method["result"]["schema"],
            &method["examples"][0]["result"]["value"],
            &method["name"].to_string(),
        );
    }
}

fn check(document: &Value, schema: &Value, value: &Value, what: &str) {
    let mut schema = schema.clone();
    if let Some(object) = schema.as_object_mut() {
        object.insert("components".into(), document["components"].clone());
    }
    let validator = jsonschema::draft7::new(&schema).unwrap_or_else(|error| panic!("{what}: {error}"));
    let errors: Vec<String> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{what}: {errors:?}");
}
