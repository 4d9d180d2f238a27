//! Returns and refunds: written by the shop's systems, and answered.

use axum::http::Method;
use deskwire_protocol::{
    ErrorObject, ShopId,
    ids::ReturnId,
    order::Editor,
    returns::{Return, ReturnAnswerParams, ReturnParams, ReturnResult, ReturnsListParams, ReturnsListResult},
};
use deskwire_store::ApiScope::{OrdersRead, OrdersWrite};
use deskwire_workbench::Workbench;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    document::{Document, Taken, put_many, put_one},
    endpoint::{Call, Endpoint},
    examples,
    input::{Body, InBody, Query},
    orders::MANY,
    output::Shown,
    refusal::Refusal,
    shape::Shape,
};

pub(super) fn endpoints() -> Vec<Endpoint> {
    [
        Endpoint::new((Method::GET, "/returns"), "returns.list", OrdersRead, "The shop's returns, newest change first.", list),
        Endpoint::new(
            (Method::POST, "/returns"),
            "returns.put_many",
            OrdersWrite,
            "Writes many returns.",
            put_many::<Return>,
        )
        .described(MANY),
        Endpoint::new(
            (Method::GET, "/returns/{return_id}"),
            "returns.get",
            OrdersRead,
            "A return with every step of it.",
            get,
        ),
        Endpoint::new(
            (Method::PUT, "/returns/{return_id}"),
            "returns.put",
            OrdersWrite,
            "Writes a return.",
            put_one::<Return>,
        )
        .described(
            "Its order must be there. A status without a record of it gets one. A new request of a buyer's (`role` is BUYER, \
             and it is pending) stands in the buyer's conversation at once, as one that was made there.",
        ),
        Endpoint::new(
            (Method::POST, "/returns/{return_id}/approve"),
            "returns.approve",
            OrdersWrite,
            "Approves a request that is pending.",
            approve,
        )
        .described("The buyer sees it at once. Approving twice is approving once; one that was rejected is a `conflict`."),
        Endpoint::new(
            (Method::POST, "/returns/{return_id}/reject"),
            "returns.reject",
            OrdersWrite,
            "Rejects a request that is pending, with a reason.",
            reject,
        )
        .described("The buyer sees it, and the reason, at once."),
    ]
    .into_iter()
    .map(|endpoint| endpoint.under("Returns"))
    .collect()
}

impl Document for Return {
    type Id = ReturnId;
    const ID: &'static str = "return_id";
    const PLURAL: &'static str = "returns";
    fn id(&self) -> &ReturnId {
        &self.return_id
    }
    fn example() -> Value {
        examples::return_request()
    }
    async fn put(workbench: &Workbench, shop_id: &ShopId, editor: &Editor, documents: Vec<Self>) -> Taken {
        workbench.put_returns(shop_id, editor, documents).await
    }
}

async fn list(
    call: Call,
    (): (),
    Query(query): Query<ReturnsListParams>,
) -> Result<Shown<ReturnsListResult>, Refusal> {
    Ok(Shown(call.workbench().returns_list(call.caller(), query).await?))
}

async fn get(call: Call, return_id: ReturnId, (): ()) -> Result<Shown<ReturnResult>, Refusal> {
    Ok(Shown(call.workbench().returns_get(call.caller(), ReturnParams { return_id }).await?))
}

/// The shop agrees to a request.
#[derive(Debug, Deserialize, JsonSchema)]
struct ReturnApproval {
    /// Why; the buyer sees it.
    #[serde(default)]
    #[schemars(length(max = 2000))]
    reason_text: Option<String>,
}

/// The shop refuses a request.
#[derive(Debug, Deserialize, JsonSchema)]
struct ReturnRejection {
    /// Why; the buyer sees it.
    #[schemars(length(min = 1, max = 2000))]
    reason_text: String,
}

impl InBody for ReturnApproval {
    fn read(document: Value, shape: &Shape) -> Result<Self, ErrorObject> {
        shape.read(document)
    }
    fn example() -> Value {
        json!({ "reason_text": "The picture shows the damage." })
    }
}

impl InBody for ReturnRejection {
    fn read(document: Value, shape: &Shape) -> Result<Self, ErrorObject> {
        shape.read(document)
    }
    fn example() -> Value {
        json!({ "reason_text": "The picture shows another article." })
    }
}

async fn approve(
    call: Call,
    return_id: ReturnId,
    body: Body<ReturnApproval>,
) -> Result<Shown<ReturnResult>, Refusal> {
    let Body(ReturnApproval { reason_text }) = body;
    let params = ReturnAnswerParams { return_id, reason_text };
    Ok(Shown(call.workbench().returns_approve(call.caller(), params).await?))
}

async fn reject(
    call: Call,
    return_id: ReturnId,
    body: Body<ReturnRejection>,
) -> Result<Shown<ReturnResult>, Refusal> {
    let Body(ReturnRejection { reason_text }) = body;
    let params = ReturnAnswerParams { return_id, reason_text: Some(reason_text) };
    Ok(Shown(call.workbench().returns_reject(call.caller(), params).await?))
}
