//! A place in a room: one socket, whatever is spoken over it. As little work as a client can do.

use std::time::Duration;

use anyhow::{Context, bail};
use futures::{SinkExt, StreamExt};
use serde_json::json;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, Utf8Bytes, protocol::WebSocketConfig},
};

use super::Service;
use crate::{
    client::{Client, TEXT},
    people::Person,
};

const PATIENCE: Duration = Duration::from_secs(30);
/// So that reading is cheap for the client, which has a core for itself.
const READ_BUFFER: usize = 32 * 1024;

/// What is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// JSON-RPC; a room is a conversation.
    Deskwire,
    /// The frames of the bare fan-out server.
    Plain,
    /// Engine.IO 4 and Socket.IO 5 over WebSocket.
    SocketIo,
}

/// A socket in a room.
pub(crate) struct Seat {
    wire: Wire,
    room: String,
    socket: WebSocketStream<TcpStream>,
    sent: u64,
    text: String,
}

impl Seat {
    /// Connects to the `turn`th process and enters a room. Of Deskwire the room is the conversation of the buyer `room` with the
    /// shop `shop`, and who sits there is that buyer (`None`) or an agent.
    pub(crate) async fn take(
        service: &Service,
        turn: usize,
        shop: &str,
        room: &str,
        agent: Option<usize>,
        conversation: Option<&str>,
    ) -> anyhow::Result<Self> {
        let wire = service.wire();
        let address = service.address(turn);
        let config =
            || Some(WebSocketConfig::default().read_buffer_size(READ_BUFFER).write_buffer_size(16 * 1024));
        match wire {
            Wire::Deskwire => {
                let person = match agent {
                    Some(number) => Person::agent(shop, format!("agent-{number}")),
                    None => Person::buyer(shop, room),
                };
                let mut client = Client::connect_with(address, READ_BUFFER).await?;
                client.call("session.start", json!({ "token": person.token()? })).await?;
                let room = match conversation {
                    Some(conversation) => {
                        client.attach(conversation).await?;
                        conversation.to_owned()
                    }
                    None => client.open().await?,
                };
                Ok(Self { wire, room, socket: client.into_socket(), sent: 0, text: TEXT.into() })
            }
            Wire::Plain => {
                let socket = connect(address, "/", config()).await?;
                let mut seat =
                    Self { wire, room: format!("{shop}/{room}"), socket, sent: 0, text: TEXT.into() };
                seat.write(format!("j{} ", seat.room)).await?;
                while seat.expect().await?.as_str() != "j" {}
                Ok(seat)
            }
            Wire::SocketIo => {
                let socket = connect(address, "/socket.io/?EIO=4&transport=websocket", config()).await?;
                let mut seat =
                    Self { wire, room: format!("{shop}/{room}"), socket, sent: 0, text: TEXT.into() };
                seat.write("40".into()).await?;
                while !seat.expect().await?.starts_with("40") {}
                seat.write(format!(r#"420["join","{}"]"#, seat.room)).await?;
                while !seat.expect().await?.starts_with("430") {}
                Ok(seat)
            }
        }
    }

    /// The room, for others to enter; with Deskwire, the conversation's id.
    pub(crate) fn room(&self) -> &str {
        &self.room
    }

    async fn write(&mut self, frame: String) -> anyhow::Result<()> {
        Ok(self.socket.send(Message::text(frame)).await?)
    }

    async fn expect(&mut self) -> anyhow::Result<Utf8Bytes> {
        timeout(PATIENCE, self.frame()).await.context("no answer")?
    }

    /// From now on this is what it says.
    pub(crate) fn will_say(&mut self, text: String) {
        self.text = text;
    }

    /// Says something to the room under a key.
    pub(crate) async fn say(&mut self, key: u64) -> anyhow::Result<()> {
        self.sent += 1;
        let Self { room, sent, text, .. } = &self;
        let frame = match self.wire {
            Wire::Deskwire => format!(
                r#"{{"jsonrpc":"2.0","id":{},"method":"message.send","params":{{"conversation_id":"{room}","client_message_id":"{key}","content":{{"type":"TEXT","text":"{text}"}}}}}}"#,
                1_000_000 + sent
            ),
            Wire::Plain => format!("s{room} {key} {text}"),
            Wire::SocketIo => format!(r#"42["send","{room}","{key}","{text}"]"#),
        };
        self.write(frame).await
    }

    /// The next text frame; what keeps the connection alive is answered on the way. Cancel safe.
    pub(crate) async fn frame(&mut self) -> anyhow::Result<Utf8Bytes> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) if self.wire == Wire::SocketIo && text.as_str() == "2" => {
                    self.write("3".into()).await?;
                }
                Some(Ok(Message::Text(text))) => return Ok(text),
                Some(Ok(Message::Binary(bytes))) => return Ok(Utf8Bytes::try_from(bytes)?),
                Some(Ok(Message::Close(close))) => bail!("the server closed the socket: {close:?}"),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => bail!("the socket has ended"),
            }
        }
    }

    /// The key of what was said to the room; none when the frame is something else. An error when a request was refused.
    pub(crate) fn key(&self, frame: &str) -> anyhow::Result<Option<u64>> {
        let key = match self.wire {
            Wire::Deskwire => {
                if !frame.starts_with(r#"{"jsonrpc":"2.0","method":"message.created""#) {
                    if frame.starts_with(r#"{"jsonrpc":"2.0","id":"#) && frame.contains(r#""error":"#) {
                        bail!("refused: {frame}");
                    }
                    return Ok(None);
                }
                let name = r#""client_message_id":""#;
                let Some(at) = frame.find(name) else { return Ok(None) };
                &frame[at + name.len()..]
            }
            Wire::Plain => {
                let Some(said) = frame.strip_prefix('m') else { return Ok(None) };
                let Some((_, rest)) = said.split_once(' ') else { return Ok(None) };
                rest
            }
            Wire::SocketIo => {
                let Some(said) = frame.strip_prefix(r#"42["message",""#) else { return Ok(None) };
                let Some((_, rest)) = said.split_once(r#"",""#) else { return Ok(None) };
                rest
            }
        };
        let digits = key.bytes().take_while(u8::is_ascii_digit).count();
        Ok(Some(key[..digits].parse()?))
    }
}

async fn connect(
    address: &str,
    path: &str,
    config: Option<WebSocketConfig>,
) -> anyhow::Result<WebSocketStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let opening = client_async_with_config(format!("ws://{address}{path}"), stream, config);
    Ok(timeout(PATIENCE, opening).await.context("no upgrade")??.0)
}
