//! From an HTTP request to a WebSocket: who may, in which encoding, and the switch itself. The switch is done by hand
//! because axum's own hides the stream: a frame that is too large can then not be answered by a close frame that the
//! client gets to see, and shared bytes not be written without a copy.

use std::{future::Future, ops::RangeInclusive, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, header},
};
use deskwire_protocol::Codec;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use rand::Rng;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{handshake::derive_accept_key, protocol::Role, protocol::WebSocketConfig},
};
use tracing::debug;

use crate::{authenticate, gate::Gate, metrics, stream::Stream, token::Claims};

/// A WebSocket of ours.
pub(crate) type Socket = WebSocketStream<Stream>;

/// Read at once; what a person writes is smaller, and what is not takes another read. Every idle socket keeps a buffer of
/// this size.
const READ_BUFFER_BYTES: usize = 512;
/// Only pongs and close frames go through the WebSocket layer's own buffer.
const MAX_WRITE_BUFFER_BYTES: usize = 4096;

/// When whoever is refused because there are too many may come again.
const RETRY_AFTER: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(5);

/// `GET /v1/ws`.
pub(crate) async fn upgrade(State(gate): State<Arc<Gate>>, request: Request<Body>) -> Response<Body> {
    match admit(&gate, request) {
        Ok(response) | Err(response) => response,
    }
}

fn admit(gate: &Arc<Gate>, mut request: Request<Body>) -> Result<Response<Body>, Response<Body>> {
    if gate.draining.is_cancelled() {
        return Err(retry_later(
            "draining",
            "this node is about to end: connect again, and reach another one",
        ));
    }
    allowed_origin(request.headers(), &gate.config.allowed_origins)?;
    let key = websocket_key(&request)?;
    let choice = choose_codec(request.headers())?;
    let claims = bearer(request.headers(), gate)?;
    let Ok(place) = gate.places.clone().try_acquire_owned() else {
        return Err(retry_later("sockets", "this node holds as many sockets as it may: come again later"));
    };
    if !gate.arrivals.admit() {
        return Err(retry_later(
            "rate",
            "too many connect at once: come again after the time in Retry-After",
        ));
    }
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_WRITE_BUFFER_BYTES)
        .max_message_size(Some(gate.config.frame_bytes))
        .max_frame_size(Some(gate.config.frame_bytes));
    let socket = switched(&mut request, config)?;
    let codec = choice.codec;
    let response = switching(&key, &choice)?;
    let task_gate = gate.clone();
    // A task of its own, which ends when the socket is authenticated: what it holds meanwhile is then given back.
    gate.sockets.spawn(async move {
        if let Some(socket) = socket.await {
            authenticate::authenticate(task_gate, socket, codec, claims, place).await;
        }
    });
    Ok(response)
}

/// Pages of other origins may not use their visitor's network or credentials to talk to us.
pub(crate) fn allowed_origin(headers: &HeaderMap, allowed: &[String]) -> Result<(), Response<Body>> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let is_allowed = allowed.is_empty()
        || origin.to_str().is_ok_and(|origin| {
            allowed.iter().any(|one| one.trim_end_matches('/').eq_ignore_ascii_case(origin))
        });
    if is_allowed { Ok(()) } else { Err(refuse(StatusCode::FORBIDDEN, "this origin is not allowed")) }
}

/// Checks that this is the opening handshake of RFC 6455, 4.2.1, and gives its key.
pub(crate) fn websocket_key(request: &Request<Body>) -> Result<HeaderValue, Response<Body>> {
    let headers = request.headers();
    let is_upgrade = request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && has_token(headers, &header::CONNECTION, "upgrade")
        && has_token(headers, &header::UPGRADE, "websocket");
    if !is_upgrade {
        let mut response = refuse(StatusCode::UPGRADE_REQUIRED, "this address speaks WebSocket only");
        response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        return Err(response);
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        let mut response = refuse(StatusCode::UPGRADE_REQUIRED, "only version 13 of the WebSocket protocol");
        response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return Err(response);
    }
    // 16 bytes in base64.
    headers
        .get(header::SEC_WEBSOCKET_KEY)
        .filter(|key| key.len() == 24)
        .cloned()
        .ok_or_else(|| refuse(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is missing or malformed"))
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|one| one.trim().eq_ignore_ascii_case(token))
}

/// The encoding, and whether the client asked for it by name.
pub(crate) struct Choice {
    pub(crate) codec: Codec,
    pub(crate) told: bool,
}

/// The first subprotocol of the client's list that we speak; JSON where it has no list.
pub(crate) fn choose_codec(headers: &HeaderMap) -> Result<Choice, Response<Body>> {
    let mut asked = headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .peekable();
    if asked.peek().is_none() {
        return Ok(Choice { codec: Codec::Json, told: false });
    }
    asked.find_map(Codec::from_subprotocol).map(|codec| Choice { codec, told: true }).ok_or_else(|| {
        refuse(StatusCode::BAD_REQUEST, "the subprotocols are deskwire.v1.json and deskwire.v1.msgpack")
    })
}

/// The claims of an `Authorization` header, where there is one; a bad one is refused here rather than later.
fn bearer(headers: &HeaderMap, gate: &Gate) -> Result<Option<Claims>, Response<Body>> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let unauthorized = |sentence: &str| {
        let mut response = refuse(StatusCode::UNAUTHORIZED, sentence);
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        response
    };
    let token = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(|| unauthorized("Authorization must be a Bearer token"))?;
    gate.keys.verify(token, gate.clock.now()).map(Some).map_err(|error| unauthorized(&error.to_string()))
}

/// The WebSocket that begins once the response has gone out; none when the client left before.
pub(crate) fn switched(
    request: &mut Request<Body>,
    config: WebSocketConfig,
) -> Result<impl Future<Output = Option<Socket>> + Send + use<>, Response<Body>> {
    let Some(switching) = request.extensions_mut().remove::<OnUpgrade>() else {
        return Err(refuse(StatusCode::UPGRADE_REQUIRED, "this connection cannot be upgraded"));
    };
    Ok(async move {
        let upgraded = match switching.await {
            Ok(upgraded) => upgraded,
            Err(error) => {
                debug!(error = %error, "a client left during the upgrade");
                return None;
            }
        };
        let parts = upgraded.downcast::<TokioIo<Stream>>().ok()?;
        let (stream, early) = (parts.io.into_inner().sip(), parts.read_buf.to_vec());
        Some(WebSocketStream::from_partially_read(stream, early, Role::Server, Some(config)).await)
    })
}

/// The 101 that ends HTTP on this connection.
pub(crate) fn switching(key: &HeaderValue, choice: &Choice) -> Result<Response<Body>, Response<Body>> {
    let mut builder = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, derive_accept_key(key.as_bytes()));
    if choice.told {
        builder = builder.header(header::SEC_WEBSOCKET_PROTOCOL, choice.codec.subprotocol());
    }
    builder.body(Body::empty()).map_err(|_| refuse(StatusCode::INTERNAL_SERVER_ERROR, "cannot upgrade"))
}

/// When to come again is drawn for each, so that a crowd that is sent away does not come back as one. The header knows
/// whole seconds only; the body has the time to the millisecond.
fn retry_later(reason: &'static str, sentence: &str) -> Response<Body> {
    metrics::upgrade_refused(reason);
    let wait = rand::rng().random_range(RETRY_AFTER);
    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    let body = serde_json::json!({ "error": sentence, "retry_after_ms": wait_ms });
    let mut response = answer(StatusCode::SERVICE_UNAVAILABLE, &body);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait_ms.div_ceil(1000)));
    response
}

fn refuse(status: StatusCode, sentence: &str) -> Response<Body> {
    answer(status, &serde_json::json!({ "error": sentence }))
}

fn answer(status: StatusCode, body: &serde_json::Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn only_listed_origins_may_connect_and_programs_without_origin() {
        let allowed = ["https://desk.example".to_owned()];
        assert!(allowed_origin(&HeaderMap::new(), &allowed).is_ok());
        assert!(allowed_origin(&headers(header::ORIGIN, "https://desk.example"), &allowed).is_ok());
        for bad in
            ["https://evil.example", "null", "https://desk.example.evil.example", "http://desk.example"]
        {
            let refused = allowed_origin(&headers(header::ORIGIN, bad), &allowed).unwrap_err();
            assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{bad}");
        }
        assert!(allowed_origin(&headers(header::ORIGIN, "https://any.example"), &[]).is_ok());
    }

    #[test]
    fn the_first_subprotocol_that_we_speak_is_chosen_and_json_where_none_is_asked_for() {
        let chosen = |value| choose_codec(&headers(header::SEC_WEBSOCKET_PROTOCOL, value)).ok();
        let none = choose_codec(&HeaderMap::new()).ok().unwrap();
        assert!(none.codec == Codec::Json && !none.told);
        let first = chosen("other, deskwire.v1.msgpack, deskwire.v1.json").unwrap();
        assert!(first.codec == Codec::MsgPack && first.told);
        assert!(chosen("other").is_none());
    }
}
