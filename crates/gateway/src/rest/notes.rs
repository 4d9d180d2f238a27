//! The shop's note on an order: one record for the workbench and the order management page. Who writes says which version
//! was read, so that two editors never overwrite each other.

use axum::http::Method;
use deskwire_protocol::{
    ErrorObject,
    ids::OrderId,
    order::{NoteHistoryParams, NoteHistoryResult, NoteResult, NoteSetParams, OrderParams},
    page::PageSize,
};
use deskwire_store::ApiScope::{OrdersRead, OrdersWrite};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    endpoint::{Call, Endpoint},
    input::{IfMatch, InBody, Query},
    output::{Shown, Versioned},
    refusal::Refusal,
    shape::Shape,
};

pub(super) fn endpoints() -> Vec<Endpoint> {
    [
        Endpoint::new(
            (Method::GET, "/orders/{order_id}/note"),
            "notes.get",
            OrdersRead,
            "The shop's note on an order, with its version as `ETag`.",
            get,
        ),
        Endpoint::new(
            (Method::PUT, "/orders/{order_id}/note"),
            "notes.put",
            OrdersWrite,
            "Writes the shop's note on an order.",
            put,
        )
        .described(
            "`If-Match` names the version that was read (`\"0\"` where there was none). Where another one stands the answer \
             is 412, and its `error.data.current.note` is the note as it stands. Open workbenches show the note at once.",
        ),
        Endpoint::new(
            (Method::GET, "/orders/{order_id}/note/history"),
            "notes.history",
            OrdersRead,
            "Every version of an order's note, newest first.",
            history,
        ),
    ]
    .into_iter()
    .map(|endpoint| endpoint.under("Orders"))
    .collect()
}

/// A note as it is to be.
#[derive(Debug, Deserialize, JsonSchema)]
struct NotePut {
    /// At most 2,000 characters; empty takes the note away.
    #[schemars(length(max = 2000))]
    text: String,
}

impl InBody for NotePut {
    fn read(document: Value, shape: &Shape) -> Result<Self, ErrorObject> {
        shape.read(document)
    }
    fn example() -> Value {
        json!({ "text": "Gift wrap, and leave out the invoice." })
    }
}

/// Which versions.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct HistoryQuery {
    /// Versions of a page.
    #[serde(default)]
    page_size: PageSize,
    /// `next_page_token` of the page before.
    #[serde(default)]
    page_token: Option<String>,
}

fn versioned(shown: NoteResult) -> Versioned<NoteResult> {
    Versioned { version: shown.note.as_ref().map_or(0, |note| note.version), shown }
}

async fn get(call: Call, order_id: OrderId, (): ()) -> Result<Versioned<NoteResult>, Refusal> {
    Ok(versioned(call.workbench().note_get(call.caller(), OrderParams { order_id }).await?))
}

async fn put(call: Call, order_id: OrderId, put: IfMatch<NotePut>) -> Result<Versioned<NoteResult>, Refusal> {
    let IfMatch { version, document: NotePut { text } } = put;
    let set = call.workbench().note_set(call.caller(), NoteSetParams { order_id, text, version }).await;
    set.map(versioned).map_err(Refusal::stale)
}

async fn history(
    call: Call,
    order_id: OrderId,
    Query(query): Query<HistoryQuery>,
) -> Result<Shown<NoteHistoryResult>, Refusal> {
    let HistoryQuery { page_size, page_token } = query;
    let params = NoteHistoryParams { order_id, page_size, page_token };
    Ok(Shown(call.workbench().note_history(call.caller(), params).await?))
}
