//! The way of a request: the key, its scope, its turn, the body, a place among those that are done, then the endpoint;
//! each within its time. While its body is on its way a request holds a place of its key and its shop, and none of all.
//! Whatever comes of it is answered, counted, and known by an id.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{FromRequestParts, RawPathParams, Request, State},
    http::{HeaderName, HeaderValue, header, request::Parts},
    response::{Html, Response},
    routing::{MethodFilter, MethodRouter, get, on},
};
use deskwire_protocol::{ErrorObject, ErrorType};
use tokio::{sync::SemaphorePermit, time::timeout};

use super::{
    Rest,
    bearer::Bearer,
    body,
    endpoint::{Call, Endpoint, Given},
    openapi, page,
    refusal::Refusal,
};
use crate::{gate::Gate, metrics, refusal};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// When to come again while too much is under way.
const BUSY_RETRY: Duration = Duration::from_secs(1);

/// The paths of these endpoints, those of the document and of its page.
pub(super) fn router(endpoints: &[Arc<Endpoint>]) -> Router<Arc<Gate>> {
    let mut paths: BTreeMap<&str, MethodRouter<Arc<Gate>>> = BTreeMap::new();
    for endpoint in endpoints {
        let methods = paths.remove(endpoint.path).unwrap_or_default();
        paths.insert(endpoint.path, methods.merge(route(endpoint.clone())));
    }
    let paths = paths
        .into_iter()
        .fold(Router::new(), |router, (path, methods)| router.route(path, methods.fallback(no_such_method)));
    paths
        .route("/openapi.json", get(async || Json(&*openapi::DOCUMENT)))
        .route(
            "/docs",
            get(async || ([(header::CONTENT_SECURITY_POLICY, page::POLICY)], Html(page::PAGE.as_str()))),
        )
        .fallback(no_such_path)
}

fn route(endpoint: Arc<Endpoint>) -> MethodRouter<Arc<Gate>> {
    // All methods of endpoints have a filter; one without would be answered as if it were not there.
    let filter = MethodFilter::try_from(endpoint.method.clone()).unwrap_or(MethodFilter::TRACE);
    on(filter, move |State(gate): State<Arc<Gate>>, request: Request| answer(gate, endpoint, request))
}

async fn no_such_path() -> Response {
    let error = ErrorObject::new(ErrorType::NotFound, "there is nothing at this path");
    finish(Err(error.into()))
}

async fn no_such_method() -> Response {
    let error = ErrorObject::new(ErrorType::MethodNotFound, "this path has no such method");
    finish(Err(error.into()))
}

/// Every response bears the id of its request: the one under which the log knows what failed, where something did. It
/// is for this client alone, and nobody on its way keeps it.
fn finish(outcome: Result<Response, Refusal>) -> Response {
    let (request_id, mut response) = match outcome {
        Ok(response) => (refusal::request_id(), response),
        Err(refusal) => refusal.into_response(),
    };
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::try_from(request_id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn answer(gate: Arc<Gate>, endpoint: Arc<Endpoint>, request: Request) -> Response {
    let began = Instant::now();
    let name = endpoint.name;
    let response = finish(take(&gate, &endpoint, request).await);
    metrics::rest_answered(name, response.status().as_u16(), began.elapsed());
    response
}

async fn take(gate: &Arc<Gate>, endpoint: &Endpoint, request: Request) -> Result<Response, Refusal> {
    let (rest, deadline) = (&gate.rest, gate.config.request_timeout);
    let (mut parts, body) = request.into_parts();
    let bearer = {
        // Whoever asks without a key costs no more than what there is room for.
        let _place = place(rest)?;
        in_time(deadline, Bearer::of(&parts.headers, gate)).await?
    };
    bearer.may(endpoint.scope)?;
    let _turn = rest.limits.enter(&bearer.key().key_id, &bearer.key().shop_id)?;
    let path = path_part(&mut parts).await;
    let body = if endpoint.reads_body {
        body::must_be_json(&parts.headers)?;
        body::read(&parts.headers, body, rest.config.body_bytes, rest.config.body_timeout).await?
    } else {
        Bytes::new()
    };
    let _place = place(rest)?;
    let query = parts.uri.query().map(str::to_owned);
    let given = Given { path, query, headers: parts.headers, body };
    let running = endpoint.begin(Call { gate: gate.clone(), bearer }, given)?;
    // On a task of its own: a client that goes away leaves no change half told.
    let done = gate.tasks.spawn(in_time(deadline, running)).await;
    done.unwrap_or_else(|_| Err(refusal::unanswered(endpoint.name).into()))
}

/// A place among those that are done on this node.
fn place(rest: &Rest) -> Result<SemaphorePermit<'_>, Refusal> {
    rest.places.try_acquire().map_err(|_| {
        let error =
            ErrorObject::new(ErrorType::ServiceUnavailable, "too many requests are under way, try again");
        error.with_retry_after(BUSY_RETRY).into()
    })
}

/// What stands in the path where the endpoint has a name; none where it is no UTF-8.
async fn path_part(parts: &mut Parts) -> Option<String> {
    let params = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    params.iter().next().map(|(_, text)| text.to_owned())
}

async fn in_time<T>(
    deadline: Duration,
    work: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    timeout(deadline, work).await.unwrap_or_else(|_| Err(ErrorObject::from(ErrorType::RequestTimeout).into()))
}
