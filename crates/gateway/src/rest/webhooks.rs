//! Webhooks: where the shop's systems are told what has changed, and the log of what they were told.

use axum::{
    Json,
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
};
use deskwire_protocol::{
    ErrorObject, ErrorType, Timestamp,
    ids::{WebhookDeliveryId, WebhookId},
    page::PageSize,
    webhook::{Subscription, Webhook, WebhookDelivery, WebhookStatus},
};
use deskwire_store::{
    ApiScope::{WebhooksRead, WebhooksWrite},
    AuditRecord, AuditResult, DeliveryRetry, StoreError, WebhookRecord,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::openapi::{path::OperationBuilder, response::ResponseBuilder};

use super::{
    endpoint::{Call, Endpoint},
    input::{Body, InBody, Query},
    output::{self, Output, Shown},
    refusal::Refusal,
    schemas::Schemas,
    shape::Shape,
};
use crate::{
    refusal,
    webhooks::{Target, draw_secret},
};

pub(super) fn endpoints() -> Vec<Endpoint> {
    [
        Endpoint::new(
            (Method::GET, "/webhooks"),
            "webhooks.list",
            WebhooksRead,
            "The shop's webhooks, the oldest first.",
            list,
        ),
        Endpoint::new(
            (Method::POST, "/webhooks"),
            "webhooks.create",
            WebhooksWrite,
            "Makes a webhook.",
            create,
        )
        .described(
            "The answer is the only one that tells its secret. What is sent, and how to verify it, is in \
             `docs/webhooks.md`: Standard Webhooks, whose libraries do it.",
        ),
        Endpoint::new((Method::GET, "/webhooks/{webhook_id}"), "webhooks.get", WebhooksRead, "A webhook.", get),
        Endpoint::new(
            (Method::PATCH, "/webhooks/{webhook_id}"),
            "webhooks.update",
            WebhooksWrite,
            "Changes what is given.",
            update,
        )
        .described(
            "Switched off, a webhook is told nothing; what was already on its way waits. Switched on again, that is sent, \
             and what has happened meanwhile is not.",
        ),
        Endpoint::new(
            (Method::DELETE, "/webhooks/{webhook_id}"),
            "webhooks.delete",
            WebhooksWrite,
            "Removes a webhook, and its log.",
            delete,
        ),
        Endpoint::new(
            (Method::POST, "/webhooks/{webhook_id}/rotate_secret"),
            "webhooks.rotate_secret",
            WebhooksWrite,
            "Gives a webhook another secret.",
            rotate_secret,
        )
        .described(
            "For a day (`older_secret_until`) events are signed with both, the one before and the new one. The answer is \
             the only one that tells it.",
        ),
        Endpoint::new(
            (Method::POST, "/webhooks/{webhook_id}/test"),
            "webhooks.test",
            WebhooksWrite,
            "Sends a `ping`.",
            test,
        ),
        Endpoint::new(
            (Method::GET, "/webhooks/{webhook_id}/deliveries"),
            "webhooks.deliveries",
            WebhooksRead,
            "What a webhook was told, and each try, the newest first.",
            deliveries,
        ),
        Endpoint::new(
            (Method::GET, "/deliveries/{delivery_id}"),
            "deliveries.get",
            WebhooksRead,
            "One event on its way to one webhook.",
            delivery,
        ),
        Endpoint::new(
            (Method::POST, "/deliveries/{delivery_id}/retry"),
            "deliveries.retry",
            WebhooksWrite,
            "Tries a delivery again now, also one that has arrived.",
            retry,
        )
        .described("The receiver knows it again by its `webhook-id`."),
    ]
    .into_iter()
    .map(|endpoint| endpoint.under("Webhooks"))
    .collect()
}

/// A page of webhooks.
#[derive(Debug, Serialize, JsonSchema)]
struct WebhooksResult {
    /// The oldest first.
    webhooks: Vec<Webhook>,
    /// Empty at the end.
    next_page_token: String,
}

/// A webhook.
#[derive(Debug, Serialize, JsonSchema)]
struct WebhookResult {
    /// As it stands.
    webhook: Webhook,
}

/// A webhook and its secret, which no other answer tells.
#[derive(Debug, Serialize, JsonSchema)]
struct WebhookSecretResult {
    /// As it stands.
    webhook: Webhook,
    /// By which what it is told can be verified: `whsec_` and base64.
    secret: Revealed,
}

/// Text that is written out, and shown nowhere else.
#[derive(Serialize, JsonSchema)]
#[serde(transparent)]
struct Revealed(String);

impl std::fmt::Debug for Revealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("hidden")
    }
}

/// A page of a delivery log.
#[derive(Debug, Serialize, JsonSchema)]
struct DeliveriesResult {
    /// The newest first.
    deliveries: Vec<WebhookDelivery>,
    /// Empty at the end.
    next_page_token: String,
}

/// One of it.
#[derive(Debug, Serialize, JsonSchema)]
struct DeliveryResult {
    /// As it stands.
    delivery: WebhookDelivery,
}

/// Which page.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PageQuery {
    /// How many of a page.
    #[serde(default)]
    page_size: PageSize,
    /// `next_page_token` of the page before.
    #[serde(default)]
    page_token: Option<String>,
}

/// Where to tell, and what.
#[derive(Debug, Deserialize, JsonSchema)]
struct WebhookCreate {
    /// Where it is: `https://`, at most 2,048 bytes, no password, no `#`.
    #[schemars(length(max = 2048))]
    url: String,
    /// What it wants to be told.
    events: Subscription,
}

/// What to change; what is left out stays.
#[derive(Debug, Deserialize, JsonSchema)]
struct WebhookUpdate {
    /// Where it is.
    #[serde(default)]
    #[schemars(length(max = 2048))]
    url: Option<String>,
    /// What it wants to be told.
    #[serde(default)]
    events: Option<Subscription>,
    /// `true` to switch it on, also after it was switched off by failing; `false` to switch it off.
    #[serde(default)]
    enabled: Option<bool>,
}

impl InBody for WebhookCreate {
    fn read(document: Value, shape: &Shape) -> Result<Self, ErrorObject> {
        shape.read(document)
    }
    fn example() -> Value {
        json!({ "url": "https://shop.example/deskwire", "events": ["order.placed", "return.requested"] })
    }
}

impl InBody for WebhookUpdate {
    fn read(document: Value, shape: &Shape) -> Result<Self, ErrorObject> {
        shape.read(document)
    }
    fn example() -> Value {
        json!({ "events": ["*"], "enabled": true })
    }
}

/// Made, with its secret.
struct Made(WebhookSecretResult);

impl Output for Made {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(self.0)).into_response()
    }
    fn describe(operation: OperationBuilder, schemas: &mut Schemas) -> OperationBuilder {
        operation.response("201", output::json::<WebhookSecretResult>("It was made.", schemas))
    }
}

/// Nothing is left to be shown.
struct Removed;

impl Output for Removed {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
    fn describe(operation: OperationBuilder, _: &mut Schemas) -> OperationBuilder {
        operation.response("204", ResponseBuilder::new().description("It is not there any more."))
    }
}

async fn list(call: Call, (): (), Query(page): Query<PageQuery>) -> Result<Shown<WebhooksResult>, Refusal> {
    let PageQuery { page_size, page_token } = page;
    let after = page_token.as_deref().filter(|token| !token.is_empty()).map(read_place).transpose()?;
    let store = &call.gate.store;
    let found = store.webhooks(call.bearer.shop_id(), after.as_ref(), page_size.get() + 1).await;
    let place = |webhook: &WebhookRecord| format!("{}.{}", webhook.create_time.millis(), webhook.webhook_id);
    let (webhooks, next_page_token) = cut(found.map_err(of_store)?, page_size, place);
    let now = call.gate.clock.now();
    let webhooks = webhooks.iter().map(|webhook| webhook.to_webhook(now)).collect();
    Ok(Shown(WebhooksResult { webhooks, next_page_token }))
}

async fn create(call: Call, (): (), Body(create): Body<WebhookCreate>) -> Result<Made, Refusal> {
    let WebhookCreate { url, events } = create;
    check(&call, &url)?;
    let now = call.gate.clock.now();
    let webhook_id = format!("wh_{:032x}", call.gate.chance.long_number());
    let webhook = WebhookRecord {
        webhook_id: webhook_id.parse().map_err(|problem| refusal::internal(&problem))?,
        shop_id: call.bearer.shop_id().clone(),
        url,
        events,
        status: WebhookStatus::Enabled,
        secret: draw_secret(call.gate.chance.as_ref()),
        older_secret: None,
        failing_since: None,
        create_time: now,
        update_time: now,
    };
    let limit = call.gate.config.webhooks.per_shop;
    let audit = audit(&call, "webhooks.create", &webhook.webhook_id, AuditResult::Created, now);
    if !call.gate.store.create_webhook(&webhook, limit, audit).await.map_err(of_store)? {
        let error = ErrorObject::new(ErrorType::LimitReached, format!("a shop has at most {limit} webhooks"));
        return Err(error.with_limit(u64::from(limit)).into());
    }
    Ok(Made(with_secret(&webhook, now)))
}

async fn get(call: Call, webhook_id: WebhookId, (): ()) -> Result<Shown<WebhookResult>, Refusal> {
    let found = call.gate.store.webhook(call.bearer.shop_id(), &webhook_id).await.map_err(of_store)?;
    let webhook = found.ok_or_else(not_found)?.to_webhook(call.gate.clock.now());
    Ok(Shown(WebhookResult { webhook }))
}

async fn update(
    call: Call,
    webhook_id: WebhookId,
    Body(update): Body<WebhookUpdate>,
) -> Result<Shown<WebhookResult>, Refusal> {
    let WebhookUpdate { url, events, enabled } = update;
    if let Some(url) = &url {
        check(&call, url)?;
    }
    let now = call.gate.clock.now();
    let mut audit = audit(&call, "webhooks.update", &webhook_id, AuditResult::Changed, now);
    let named = [("url", url.is_some()), ("events", events.is_some()), ("enabled", enabled.is_some())];
    let named: Vec<&str> = named.into_iter().filter_map(|(name, said)| said.then_some(name)).collect();
    audit.detail = Some(named.join(", ")).filter(|named| !named.is_empty());
    let change = move |webhook: &mut WebhookRecord| {
        webhook.url = url.unwrap_or_else(|| webhook.url.clone());
        webhook.events = events.unwrap_or_else(|| webhook.events.clone());
        match enabled {
            Some(true) => {
                webhook.status = WebhookStatus::Enabled;
                webhook.failing_since = None;
            }
            Some(false) => webhook.status = WebhookStatus::Disabled,
            None => {}
        }
        webhook.update_time = now;
    };
    let changed = call.gate.store.change_webhook(call.bearer.shop_id(), &webhook_id, audit, change).await;
    let webhook = changed.map_err(of_store)?.ok_or_else(not_found)?.to_webhook(now);
    Ok(Shown(WebhookResult { webhook }))
}

async fn delete(call: Call, webhook_id: WebhookId, (): ()) -> Result<Removed, Refusal> {
    let audit = audit(&call, "webhooks.delete", &webhook_id, AuditResult::Removed, call.gate.clock.now());
    let deleted = call.gate.store.delete_webhook(call.bearer.shop_id(), &webhook_id, audit).await;
    if deleted.map_err(of_store)? { Ok(Removed) } else { Err(not_found().into()) }
}

async fn rotate_secret(
    call: Call,
    webhook_id: WebhookId,
    (): (),
) -> Result<Shown<WebhookSecretResult>, Refusal> {
    let now = call.gate.clock.now();
    let until = now.plus(call.gate.config.webhooks.older_secret_for);
    let audit = audit(&call, "webhooks.rotate_secret", &webhook_id, AuditResult::Changed, now);
    let secret = draw_secret(call.gate.chance.as_ref());
    let change = move |webhook: &mut WebhookRecord| {
        let older = std::mem::replace(&mut webhook.secret, secret);
        webhook.older_secret = Some((older, until));
        webhook.update_time = now;
    };
    let changed = call.gate.store.change_webhook(call.bearer.shop_id(), &webhook_id, audit, change).await;
    Ok(Shown(with_secret(&changed.map_err(of_store)?.ok_or_else(not_found)?, now)))
}

async fn test(call: Call, webhook_id: WebhookId, (): ()) -> Result<Shown<DeliveryResult>, Refusal> {
    let (store, now) = (&call.gate.store, call.gate.clock.now());
    let shop_id = call.bearer.shop_id();
    let ping = deskwire_workbench::webhook_ping(&webhook_id, call.gate.chance.as_ref(), now)
        .ok_or_else(|| ErrorObject::from(ErrorType::Internal))?;
    match store.tell_webhook(shop_id, &webhook_id, &ping, now).await.map_err(of_store)? {
        Some(delivery) => Ok(Shown(DeliveryResult { delivery })),
        None => match store.webhook(shop_id, &webhook_id).await.map_err(of_store)? {
            Some(_) => Err(switched_off().into()),
            None => Err(not_found().into()),
        },
    }
}

async fn deliveries(
    call: Call,
    webhook_id: WebhookId,
    Query(page): Query<PageQuery>,
) -> Result<Shown<DeliveriesResult>, Refusal> {
    let PageQuery { page_size, page_token } = page;
    let token = page_token.as_deref().filter(|token| !token.is_empty());
    let before = token.map(|token| token.parse().map_err(|_| bad_token())).transpose()?;
    let (store, shop_id) = (&call.gate.store, call.bearer.shop_id());
    if store.webhook(shop_id, &webhook_id).await.map_err(of_store)?.is_none() {
        return Err(not_found().into());
    }
    let found = store.webhook_deliveries(shop_id, &webhook_id, before, page_size.get() + 1).await;
    let place = |delivery: &WebhookDelivery| delivery.delivery_id.to_string();
    let (deliveries, next_page_token) = cut(found.map_err(of_store)?, page_size, place);
    Ok(Shown(DeliveriesResult { deliveries, next_page_token }))
}

async fn delivery(call: Call, id: WebhookDeliveryId, (): ()) -> Result<Shown<DeliveryResult>, Refusal> {
    let found = call.gate.store.webhook_delivery(call.bearer.shop_id(), id).await.map_err(of_store)?;
    Ok(Shown(DeliveryResult { delivery: found.ok_or_else(not_found)? }))
}

async fn retry(call: Call, id: WebhookDeliveryId, (): ()) -> Result<Shown<DeliveryResult>, Refusal> {
    let now = call.gate.clock.now();
    match call.gate.store.retry_webhook_delivery(call.bearer.shop_id(), id, now).await.map_err(of_store)? {
        DeliveryRetry::Due(delivery) | DeliveryRetry::Sending(delivery) => {
            Ok(Shown(DeliveryResult { delivery }))
        }
        DeliveryRetry::SwitchedOff => Err(switched_off().into()),
        DeliveryRetry::NotFound => Err(not_found().into()),
    }
}

fn check(call: &Call, url: &str) -> Result<(), ErrorObject> {
    let target = Target::parse(url, &call.gate.config.webhooks);
    target.map(|_| ()).map_err(|problem| ErrorObject::field("url", problem))
}

fn with_secret(webhook: &WebhookRecord, now: Timestamp) -> WebhookSecretResult {
    WebhookSecretResult {
        webhook: webhook.to_webhook(now),
        secret: Revealed(webhook.secret.reveal().to_owned()),
    }
}

fn audit(
    call: &Call,
    action: &'static str,
    webhook_id: &WebhookId,
    result: AuditResult,
    now: Timestamp,
) -> AuditRecord {
    let editor = call.caller().editor();
    AuditRecord {
        time: now,
        actor_kind: editor.kind,
        actor_id: editor.id,
        action,
        thing_kind: "WEBHOOK",
        thing_id: webhook_id.to_string(),
        result,
        detail: None,
    }
}

/// One more than a page was read, so that it is known whether more follow.
fn cut<T>(mut found: Vec<T>, size: PageSize, place: impl FnOnce(&T) -> String) -> (Vec<T>, String) {
    let size = usize::try_from(size.get()).unwrap_or(usize::MAX);
    if found.len() <= size {
        return (found, String::new());
    }
    found.truncate(size);
    let next = found.last().map(place).unwrap_or_default();
    (found, next)
}

fn read_place(token: &str) -> Result<(Timestamp, WebhookId), ErrorObject> {
    let (time, id) = token.split_once('.').ok_or_else(bad_token)?;
    let time = time.parse().map_err(|_| bad_token())?;
    Ok((Timestamp::from_millis(time), id.parse().map_err(|_| bad_token())?))
}

fn bad_token() -> ErrorObject {
    ErrorObject::field("page_token", "is none that this server gave out")
}

fn not_found() -> ErrorObject {
    ErrorType::NotFound.into()
}

fn switched_off() -> ErrorObject {
    ErrorObject::new(ErrorType::Conflict, "the webhook is switched off: switch it on first")
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn of_store(error: StoreError) -> Refusal {
    refusal::of_store(&error).into()
}
