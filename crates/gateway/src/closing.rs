//! Closing a socket so that the client can read why: the close frame goes out whole, and the connection is kept until
//! the client has gone too, or a deadline has passed. Closing with unread bytes would reset it, and the reason be lost.

use std::time::Duration;

use deskwire_protocol::CloseCode;
use futures::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};

use crate::{metrics, upgrade::Socket, write::Rest};

/// For the close frame to be taken, and again for the client's own.
const HANDSHAKE: Duration = Duration::from_secs(2);
/// For what the client still sends, once nothing it sends matters.
const LINGER: Duration = Duration::from_secs(3);
/// For a slow reader to read what it was sent, up to the close frame.
const SLOW_READER: Duration = Duration::from_secs(20);

/// In what state the stream is.
#[derive(Debug)]
pub(crate) enum Condition {
    /// Frames are whole in both directions.
    Orderly,
    /// What the client sends can no longer be told apart into frames.
    Unreadable,
    /// The client does not read; this much of a frame must still come before the close frame.
    Slow(Rest),
}

/// Says why and closes.
pub(crate) async fn close(mut socket: Socket, code: CloseCode, condition: Condition) {
    metrics::closed(code);
    close_with(&mut socket, code.code(), code.sentence(), condition).await;
}

/// The same with any code of the WebSocket protocol.
pub(crate) async fn close_with(socket: &mut Socket, code: u16, sentence: &'static str, condition: Condition) {
    let frame = Message::Close(Some(CloseFrame { code: code.into(), reason: sentence.into() }));
    let patience = match &condition {
        Condition::Orderly | Condition::Unreadable => HANDSHAKE,
        Condition::Slow(_) => SLOW_READER,
    };
    if let Condition::Slow(Rest(rest)) = &condition
        && !matches!(timeout(patience, socket.get_mut().write_all(rest)).await, Ok(Ok(())))
    {
        return;
    }
    if !matches!(timeout(patience, socket.send(frame)).await, Ok(Ok(()))) {
        return;
    }
    if matches!(condition, Condition::Orderly)
        && timeout(HANDSHAKE, async { while let Some(Ok(_)) = socket.next().await {} }).await.is_ok()
    {
        // The client has answered, or left.
        end(socket).await;
        return;
    }
    end(socket).await;
    let discard = async {
        let mut bytes = vec![0; 4096];
        while matches!(socket.get_mut().read(&mut bytes).await, Ok(read) if read > 0) {}
    };
    // Whoever still sends after that is cut off.
    drop(timeout(LINGER, discard).await);
}

/// Ends our direction of the stream (and the TLS session, where there is one).
async fn end(socket: &mut Socket) {
    // It is about to be dropped anyway.
    drop(timeout(HANDSHAKE, socket.get_mut().shutdown()).await);
}

/// Ends a connection whose client said goodbye, or is gone: its close frame is answered, and nothing else said.
pub(crate) async fn gone(mut socket: Socket) {
    // Sends the answer that reading its close frame has made ready.
    drop(timeout(HANDSHAKE, async { while let Some(Ok(_)) = socket.next().await {} }).await);
    end(&mut socket).await;
}
