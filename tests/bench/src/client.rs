//! One socket of the load: as little work as a client can do, so that the server is what is measured.

use std::{borrow::Cow, time::Duration};

use anyhow::{Context, bail, ensure};
use futures::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, Utf8Bytes, protocol::WebSocketConfig},
};

use crate::{people::Person, server::Server};

const PATIENCE: Duration = Duration::from_secs(30);

/// What buyers write.
pub(crate) const TEXT: &str = "Hello, my parcel has not arrived yet. Could you tell me where it is?";

/// A socket with a session.
pub(crate) struct Client {
    socket: WebSocketStream<TcpStream>,
    last_id: u64,
}

/// A push in sequence, as far as the load looks at it.
#[derive(Debug, Deserialize)]
pub(crate) struct Pushed<'a> {
    #[serde(borrow)]
    pub(crate) params: Event<'a>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Event<'a> {
    pub(crate) conversation_id: &'a str,
    pub(crate) seq: u64,
    pub(crate) prev_seq: u64,
    #[serde(borrow)]
    pub(crate) message: Sent<'a>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Sent<'a> {
    #[serde(borrow)]
    pub(crate) client_message_id: Cow<'a, str>,
}

/// Whether the frame is a message that came.
pub(crate) fn is_created(frame: &str) -> bool {
    frame.starts_with(r#"{"jsonrpc":"2.0","method":"message.created""#)
}

/// The id of a reply with a result; none when the frame is a push.
pub(crate) fn replied(frame: &str) -> anyhow::Result<Option<u64>> {
    let Some(rest) = frame.strip_prefix(r#"{"jsonrpc":"2.0","id":"#) else { return Ok(None) };
    let Some((id, rest)) = rest.split_once(',') else { bail!("not a reply: {frame}") };
    ensure!(rest.starts_with(r#""result""#), "refused: {frame}");
    Ok(Some(id.parse()?))
}

impl Client {
    /// Opens a socket and begins this person's session.
    pub(crate) async fn join(server: &Server, person: &Person) -> anyhow::Result<Self> {
        let mut client = Self::connect(server.address()).await?;
        client.call("session.start", json!({ "token": person.token()? })).await?;
        Ok(client)
    }

    /// The same for someone who was here before and has a conversation up to a place; what was missed since.
    pub(crate) async fn resume(
        address: &str,
        person: &Person,
        conversation: &str,
        after_seq: u64,
    ) -> anyhow::Result<(Self, Value)> {
        let mut client = Self::connect(address).await?;
        let resume = json!([{ "conversation_id": conversation, "after_seq": after_seq }]);
        let params = json!({ "token": person.token()?, "resume": resume });
        let mut started = client.call("session.start", params).await?;
        Ok((client, started["resumed"][0].take()))
    }

    async fn connect(address: &str) -> anyhow::Result<Self> {
        Self::connect_with(address, 4096).await
    }

    /// With a buffer of so many bytes for what is read.
    pub(crate) async fn connect_with(address: &str, read_buffer: usize) -> anyhow::Result<Self> {
        Self::over(TcpStream::connect(address).await?, address, read_buffer).await
    }

    /// Over a connection to this address.
    pub(crate) async fn over(stream: TcpStream, address: &str, read_buffer: usize) -> anyhow::Result<Self> {
        stream.set_nodelay(true)?;
        let config = WebSocketConfig::default().read_buffer_size(read_buffer).write_buffer_size(16 * 1024);
        let url = format!("ws://{address}/v1/ws");
        let (socket, _) = timeout(PATIENCE, client_async_with_config(url, stream, Some(config))).await??;
        Ok(Self { socket, last_id: 0 })
    }

    /// What is under it; nothing must be under way.
    pub(crate) fn into_socket(self) -> WebSocketStream<TcpStream> {
        self.socket
    }

    /// A buyer's conversation; attaches.
    pub(crate) async fn open(&mut self) -> anyhow::Result<String> {
        let opened = self.call("conversation.open", json!({})).await?;
        let id = opened["conversation"]["conversation_id"].as_str().context("it has an id")?;
        Ok(id.to_owned())
    }

    /// Attaches.
    pub(crate) async fn attach(&mut self, conversation: &str) -> anyhow::Result<()> {
        self.call("conversation.attach", json!({ "conversation_id": conversation })).await.map(drop)
    }

    /// Asks and waits; pushes that come meanwhile are let go.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> anyhow::Result<Value> {
        self.last_id += 1;
        let id = self.last_id;
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.write(request.to_string()).await?;
        loop {
            let frame =
                timeout(PATIENCE, self.frame()).await.with_context(|| format!("no answer to {method}"))??;
            if replied(&frame)? == Some(id) {
                return Ok(serde_json::from_str::<Value>(&frame)?["result"].take());
            }
        }
    }

    /// Sends a message under this id without waiting. `key` is the sender's own and never used twice.
    pub(crate) async fn send(&mut self, id: u64, conversation: &str, key: u64) -> anyhow::Result<()> {
        self.write(format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"message.send","params":{{"conversation_id":"{conversation}","client_message_id":"{key}","content":{{"type":"TEXT","text":"{TEXT}"}}}}}}"#
        ))
        .await
    }

    /// Puts a frame into the buffer; [`Client::flush`] or the next [`Client::write`] sends it.
    pub(crate) async fn feed(&mut self, frame: String) -> anyhow::Result<()> {
        Ok(self.socket.feed(Message::text(frame)).await?)
    }

    /// Sends what was fed.
    pub(crate) async fn flush(&mut self) -> anyhow::Result<()> {
        Ok(self.socket.flush().await?)
    }

    async fn write(&mut self, frame: String) -> anyhow::Result<()> {
        Ok(self.socket.send(Message::text(frame)).await?)
    }

    /// The next text frame. Pings are answered on the way. Cancel safe.
    pub(crate) async fn frame(&mut self) -> anyhow::Result<Utf8Bytes> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text),
                Some(Ok(Message::Close(close))) => bail!("the server closed the socket: {close:?}"),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => bail!("the socket has ended"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_told_from_pushes_and_refusals_end_the_run() {
        assert_eq!(replied(r#"{"jsonrpc":"2.0","id":17,"result":{}}"#).unwrap(), Some(17));
        assert_eq!(replied(r#"{"jsonrpc":"2.0","method":"typing","params":{}}"#).unwrap(), None);
        assert!(replied(r#"{"jsonrpc":"2.0","id":17,"error":{}}"#).is_err());
    }
}
