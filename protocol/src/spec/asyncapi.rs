//! What the server pushes, as an `AsyncAPI` document, with the close codes.

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::{DESCRIPTION, push_examples, settings};
use crate::{
    CloseCode,
    event::{
        ConversationUpdated, DeadlineNear, EventName, PresenceEvent, ReadUpdated, SequencedEvent,
        SessionDraining, SessionExpiring, SessionResync, TypingEvent, WorkbenchChanged,
    },
    order::WorkbenchOrders,
};

/// The `AsyncAPI` document.
#[must_use]
pub fn asyncapi() -> Value {
    let mut generator = settings().into_generator();
    let mut messages = Map::new();
    let mut refs = Map::new();
    for name in EventName::ALL {
        let params = params(name, &mut generator);
        let examples: Vec<Value> = push_examples()
            .into_iter()
            .filter(|(example, _)| *example == name)
            .map(|(_, params)| json!({ "payload": { "jsonrpc": "2.0", "method": name.as_str(), "params": params } }))
            .collect();
        messages.insert(
            name.as_str().to_owned(),
            json!({
                "name": name.as_str(),
                "contentType": "application/json",
                "payload": {
                    "type": "object",
                    "required": ["jsonrpc", "method", "params"],
                    "properties": {
                        "jsonrpc": { "const": "2.0" },
                        "method": { "const": name.as_str() },
                        "params": params,
                    },
                },
                "examples": examples,
            }),
        );
        let reference = format!("#/components/messages/{}", name.as_str());
        refs.insert(name.as_str().to_owned(), json!({ "$ref": reference }));
    }
    let pushed: Vec<Value> = EventName::ALL
        .iter()
        .map(|name| json!({ "$ref": format!("#/channels/socket/messages/{}", name.as_str()) }))
        .collect();
    let closes: Vec<Value> = CloseCode::ALL
        .iter()
        .map(|code| json!({ "code": code.code(), "reason": code.sentence(), "reconnect": code.reconnect() }))
        .collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Deskwire",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "channels": { "socket": { "address": "/v1/ws", "messages": refs, "x-close-codes": closes } },
        "operations": {
            "push": { "action": "send", "channel": { "$ref": "#/channels/socket" }, "messages": pushed },
        },
        "components": { "messages": messages, "schemas": generator.take_definitions(true) },
    })
}

fn params(name: EventName, generator: &mut SchemaGenerator) -> Value {
    fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
        generator.subschema_for::<T>().to_value()
    }
    match name {
        EventName::MessageCreated | EventName::MessageRevised => of::<SequencedEvent>(generator),
        EventName::ConversationUpdated => of::<ConversationUpdated>(generator),
        EventName::ReadUpdated => of::<ReadUpdated>(generator),
        EventName::Typing => of::<TypingEvent>(generator),
        EventName::Presence => of::<PresenceEvent>(generator),
        EventName::WorkbenchOrders => of::<WorkbenchOrders>(generator),
        EventName::WorkbenchChanged => of::<WorkbenchChanged>(generator),
        EventName::DeadlineNear => of::<DeadlineNear>(generator),
        EventName::SessionExpiring => of::<SessionExpiring>(generator),
        EventName::SessionDraining => of::<SessionDraining>(generator),
        EventName::SessionResync => of::<SessionResync>(generator),
    }
}
