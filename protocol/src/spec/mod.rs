//! The contract as documents for other languages, generated from the types: `openrpc.json`, `asyncapi.json`.

mod asyncapi;
mod examples;
mod openrpc;

pub use asyncapi::asyncapi;
pub use examples::{Example, example, push_examples};
pub use openrpc::openrpc;

use schemars::generate::SchemaSettings;

/// AsyncAPI tools follow `$ref` only into `components`, and only draft 7 does without `$defs`.
fn settings() -> SchemaSettings {
    SchemaSettings::draft07().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    })
}

const DESCRIPTION: &str = "Realtime chat for shop customer service over one WebSocket (GET /v1/ws). Text frames are \
JSON-RPC 2.0 (subprotocol deskwire.v1.json, also when none is asked for), binary frames MessagePack-RPC \
(deskwire.v1.msgpack) with the same documents. The first request is session.start. Pushes are notifications. \
A node that takes nobody now answers the upgrade by HTTP 503 with Retry-After.";
