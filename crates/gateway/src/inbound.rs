//! What came in on a socket, told apart: a frame of its encoding, a sign of life, or a reason to end.

use bytes::Bytes;
use deskwire_protocol::{CloseCode, Codec};
use tokio_tungstenite::tungstenite::{Error, Message};
use tracing::debug;

use crate::closing::Condition;

/// One step of reading.
pub(crate) enum Inbound {
    /// A frame in the encoding of this socket.
    Frame(Bytes),
    /// A ping or a pong.
    Control,
    /// The client said goodbye, or is gone.
    Gone,
    /// The client broke the protocol.
    Broken(CloseCode, Condition),
}

pub(crate) fn of(codec: Codec, read: Option<Result<Message, Error>>) -> Inbound {
    match read {
        None => Inbound::Gone,
        Some(Ok(message)) => of_message(codec, message),
        Some(Err(error)) => of_error(&error),
    }
}

fn of_message(codec: Codec, message: Message) -> Inbound {
    match (message, codec) {
        (Message::Text(text), Codec::Json) => Inbound::Frame(text.into()),
        (Message::Binary(bytes), Codec::MsgPack) => Inbound::Frame(bytes),
        (Message::Text(_), Codec::MsgPack) | (Message::Binary(_), Codec::Json) => {
            Inbound::Broken(CloseCode::ProtocolError, Condition::Orderly)
        }
        (Message::Close(_), _) => Inbound::Gone,
        (Message::Ping(_) | Message::Pong(_) | Message::Frame(_), _) => Inbound::Control,
    }
}

fn of_error(error: &Error) -> Inbound {
    match error {
        Error::Capacity(_) => Inbound::Broken(CloseCode::FrameTooLarge, Condition::Unreadable),
        Error::Protocol(
            tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
        ) => Inbound::Gone,
        Error::Protocol(_) | Error::Utf8(_) => {
            Inbound::Broken(CloseCode::ProtocolError, Condition::Unreadable)
        }
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Io(_)
        | Error::Tls(_)
        | Error::WriteBufferFull(_)
        | Error::AttackAttempt
        | Error::Url(_)
        | Error::Http(_)
        | Error::HttpFormat(_) => {
            debug!(error = %error, "a client is gone");
            Inbound::Gone
        }
    }
}
