//! The gateway's own accept loop and upgrade path with an echo behind it: for conformance suites only, with limits far
//! beyond those of a chat and no authentication.

use std::time::Duration;

use axum::{Router, body::Body, extract::State, http::Request, response::Response};
use deskwire_protocol::Codec;
use futures::StreamExt;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::{
    Error, Message,
    protocol::{WebSocketConfig, frame::coding::CloseCode},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    accept::Door,
    closing::{self, Condition},
    upgrade::{Choice, Socket, switched, switching, websocket_key},
    write::write_frames,
};

/// The largest messages of the Autobahn suite have 16 MiB.
const MESSAGE_BYTES: usize = 64 * 1024 * 1024;
const HEADER_TIMEOUT: Duration = Duration::from_secs(8);
const CONNECTIONS: usize = 1024;
/// The suite's slowest cases read a few bytes at a time.
const PATIENCE: Duration = Duration::from_secs(60);

/// Echoes every message on every path until `shutdown`. For conformance tests, never for users.
pub async fn serve_echo(listener: TcpListener, shutdown: CancellationToken) {
    let tasks = TaskTracker::new();
    let router = Router::new().fallback(upgrade).with_state(tasks.clone());
    let door = Door { listener, tls: None, header_timeout: HEADER_TIMEOUT, connections: CONNECTIONS, tasks };
    door.serve(router, shutdown).await;
}

async fn upgrade(State(tasks): State<TaskTracker>, request: Request<Body>) -> Response {
    match admit(&tasks, request) {
        Ok(response) | Err(response) => response,
    }
}

#[allow(clippy::result_large_err, reason = "both are the response, and it is made once a connection")]
fn admit(tasks: &TaskTracker, mut request: Request<Body>) -> Result<Response, Response> {
    let key = websocket_key(&request)?;
    let config = WebSocketConfig::default()
        .read_buffer_size(16 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(2 * MESSAGE_BYTES)
        .max_message_size(Some(MESSAGE_BYTES))
        .max_frame_size(Some(MESSAGE_BYTES));
    let socket = switched(&mut request, config)?;
    let response = switching(&key, &Choice { codec: Codec::Json, told: false })?;
    tasks.spawn(async move {
        if let Some(socket) = socket.await {
            echo(socket).await;
        }
    });
    Ok(response)
}

async fn echo(mut socket: Socket) {
    loop {
        match socket.next().await {
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                // As clients get their frames: a codec is known by its kind of message.
                let codec = if message.is_text() { Codec::Json } else { Codec::MsgPack };
                if write_frames(&mut socket, codec, &[message.into_data()], PATIENCE).await.is_err() {
                    return;
                }
            }
            Some(Ok(Message::Close(_))) | None => return closing::gone(socket).await,
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Err(error)) => {
                let (code, sentence) = code_of(&error);
                return closing::close_with(&mut socket, code.into(), sentence, Condition::Unreadable).await;
            }
        }
    }
}

fn code_of(error: &Error) -> (CloseCode, &'static str) {
    if matches!(error, Error::Utf8(_)) {
        (CloseCode::Invalid, "not UTF-8")
    } else if matches!(error, Error::Capacity(_)) {
        (CloseCode::Size, "too large")
    } else {
        (CloseCode::Protocol, "protocol error")
    }
}
