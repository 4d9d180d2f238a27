//! The gateway's accept loop and upgrade path over real sockets, with the echo behind them.
#![allow(clippy::unwrap_used, reason = "a test that fails by a panic says where")]

use std::{net::SocketAddr, time::Duration};

use deskwire_gateway::serve_echo;
use futures::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, timeout},
};
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

/// Longer than anything here may take, the header timeout included.
const DEADLINE: Duration = Duration::from_secs(10);

/// An echo server that ends with the guard.
async fn echo() -> (SocketAddr, DropGuard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let guard = shutdown.clone().drop_guard();
    TaskTracker::new().spawn(serve_echo(listener, shutdown));
    (address, guard)
}

/// Sends these bytes and nothing more, and says after how long the server had closed the connection.
async fn closed_after(address: SocketAddr, bytes: &str) -> Duration {
    let began_at = Instant::now();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A reset is a close as well.
    let read = timeout(DEADLINE, stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "still open after {DEADLINE:?} with {bytes:?}");
    began_at.elapsed()
}

#[tokio::test]
async fn silent_and_half_sent_requests_are_closed_within_ten_seconds() {
    let (address, _guard) = echo().await;
    let closed = futures::future::join_all(
        [
            "",
            "GET / HT",
            "GET / HTTP/1.1\r\nHost: a\r\nX-Half: ",
            "GET /none HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf",
        ]
        .map(|bytes| closed_after(address, bytes)),
    )
    .await;
    for took in closed {
        assert!(took < DEADLINE, "{took:?}");
    }
}

#[tokio::test]
async fn a_message_comes_back_whole_after_a_ping() {
    let (address, _guard) = echo().await;
    let (mut socket, _) = tokio_tungstenite::connect_async(format!("ws://{address}/")).await.unwrap();
    let text = "å".repeat(100_000);
    socket.send(Message::Ping("p".into())).await.unwrap();
    socket.send(Message::text(&text)).await.unwrap();
    let mut received = Vec::new();
    for _ in 0..2 {
        received.push(timeout(DEADLINE, socket.next()).await.unwrap().unwrap().unwrap());
    }
    assert_eq!(received, [Message::Pong("p".into()), Message::text(&text)]);
}

#[tokio::test]
async fn text_that_is_no_utf8_is_answered_by_a_close_frame_that_arrives() {
    let (address, _guard) = echo().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
              Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .await
        .unwrap();
    // A masked text frame of one byte 0xff (the mask is zero), and then more that nobody will read.
    stream.write_all(&[0x81, 0x81, 0, 0, 0, 0, 0xff]).await.unwrap();
    stream.write_all(&[0; 10_000]).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    let head_end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let head = String::from_utf8_lossy(&answer[..head_end]);
    assert!(head.starts_with("HTTP/1.1 101") && head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    let frame = &answer[head_end..];
    assert_eq!(frame[0], 0x88, "{frame:?}");
    assert_eq!(u16::from_be_bytes([frame[2], frame[3]]), u16::from(CloseCode::Invalid));
}

#[tokio::test]
async fn a_request_that_is_no_websocket_handshake_is_told_so() {
    let (address, _guard) = echo().await;
    for (head, status) in [
        ("Connection: close", "426"),
        ("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 12", "426"),
        (
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: a",
            "400",
        ),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("GET / HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        timeout(DEADLINE, stream.read_exact(&mut answer)).await.unwrap().unwrap();
        assert_eq!(std::str::from_utf8(&answer).unwrap(), format!("HTTP/1.1 {status}"), "{head}");
    }
}
