//! Orders: written by the shop's systems, and found by the order management page.

use axum::http::Method;
use deskwire_protocol::{
    ShopId, UserId,
    ids::OrderId,
    order::{Editor, Order, OrderParams, OrderResult, OrderStatus},
    page::PageSize,
};
use deskwire_store::ApiScope::{OrdersRead, OrdersWrite};
use deskwire_workbench::{PageOf, ShopOrders, Workbench};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    document::{Document, Taken, put_many, put_one},
    endpoint::{Call, Endpoint},
    examples,
    input::Query,
    output::Shown,
    refusal::Refusal,
};

pub(super) fn endpoints() -> Vec<Endpoint> {
    [
        Endpoint::new((Method::GET, "/orders"), "orders.list", OrdersRead, "The shop's orders, newest first.", list),
        Endpoint::new((Method::POST, "/orders"), "orders.put_many", OrdersWrite, "Writes many orders.", put_many::<Order>)
            .described(MANY),
        Endpoint::new(
            (Method::GET, "/orders/{order_id}"),
            "orders.get",
            OrdersRead,
            "An order with its note, packages and returns.",
            get,
        ),
        Endpoint::new(
            (Method::PUT, "/orders/{order_id}"),
            "orders.put",
            OrdersWrite,
            "Writes an order.",
            put_one::<Order>,
        )
        .described(
            "Whole and idempotent: the same document again changes nothing, one with an earlier `update_time` than what \
             stands is left out as `STALE`. The note, packages and returns of the order are written by themselves and \
             stay. A status goes forward only.",
        ),
    ]
    .into_iter()
    .map(|endpoint| endpoint.under("Orders"))
    .collect()
}

/// What is said of writing many, whatever they are.
pub(super) const MANY: &str = "At most 500 documents, each taken or refused by itself; the outcomes come in their order. \
     Writing them again is safe.";

impl Document for Order {
    type Id = OrderId;
    const ID: &'static str = "id";
    const PLURAL: &'static str = "orders";
    fn id(&self) -> &OrderId {
        &self.id
    }
    fn example() -> Value {
        examples::order()
    }
    async fn put(workbench: &Workbench, shop_id: &ShopId, editor: &Editor, documents: Vec<Self>) -> Taken {
        workbench.put_orders(shop_id, editor, documents).await
    }
}

/// Which orders.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Only this buyer's.
    #[serde(default)]
    buyer_id: Option<UserId>,
    /// Only these.
    #[serde(default)]
    status: Option<OrderStatus>,
    /// Only those whose id has this part, in any case.
    #[serde(default)]
    #[schemars(length(max = 128))]
    order_id: Option<String>,
    /// Orders of a page.
    #[serde(default)]
    page_size: PageSize,
    /// `next_page_token` of the page before.
    #[serde(default)]
    page_token: Option<String>,
}

/// A page of orders.
#[derive(Debug, Serialize, JsonSchema)]
struct OrdersPage {
    /// Newest first.
    orders: Vec<Order>,
    /// Empty at the end.
    next_page_token: String,
}

async fn list(call: Call, (): (), Query(query): Query<ListQuery>) -> Result<Shown<OrdersPage>, Refusal> {
    let ListQuery { buyer_id, status, order_id, page_size, page_token } = query;
    let which = ShopOrders { buyer_id, status, id_part: order_id };
    let page = PageOf { size: page_size, token: page_token };
    let (orders, next_page_token) = call.workbench().shop_orders(call.caller(), which, page).await?;
    Ok(Shown(OrdersPage { orders, next_page_token }))
}

async fn get(call: Call, order_id: OrderId, (): ()) -> Result<Shown<OrderResult>, Refusal> {
    Ok(Shown(call.workbench().orders_get(call.caller(), OrderParams { order_id }).await?))
}
