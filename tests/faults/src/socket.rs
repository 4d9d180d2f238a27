//! One WebSocket as a client holds it, that may end at any time.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, bail};
use deskwire_protocol::Codec;
use deskwire_tests::wire::{self, Incoming, Outcome};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

/// A client that has waited so long for anything takes the line for dead.
pub const PATIENCE: Duration = Duration::from_secs(4);
/// A service that has just been broken is whole again by then: PostgreSQL may have a crash to recover from.
const WHOLE: Duration = Duration::from_secs(16);

/// What comes over a socket.
#[derive(Debug)]
pub enum Got {
    /// Something to read.
    Frame(Incoming),
    /// Its end, by a close frame with this code.
    Closed(Option<u16>),
}

/// One socket.
#[derive(Debug)]
pub struct Socket {
    codec: Codec,
    stream: WebSocketStream<TcpStream>,
    last_id: u32,
}

impl Socket {
    /// Opens it; not authenticated yet.
    pub async fn open(address: SocketAddr, codec: Codec) -> anyhow::Result<Self> {
        let mut request = format!("ws://{address}/v1/ws").into_client_request()?;
        request.headers_mut().insert("sec-websocket-protocol", codec.subprotocol().parse()?);
        let opening = async {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            anyhow::Ok(client_async(request, stream).await?.0)
        };
        let stream = timeout(PATIENCE, opening).await.context("opening")??;
        Ok(Self { codec, stream, last_id: 0 })
    }

    /// Opens and authenticates it. It is for those who look on, not for people: see [`Self::call`].
    pub async fn join(address: SocketAddr, codec: Codec, token: &str) -> anyhow::Result<Self> {
        let mut socket = Self::open(address, codec).await?;
        socket.call("session.start", &json!({"token": token})).await?;
        Ok(socket)
    }

    /// Asks; the answer bears the id.
    pub async fn ask(&mut self, method: &str, params: &Value) -> anyhow::Result<u32> {
        self.last_id += 1;
        let frame = wire::request(self.codec, Some(self.last_id), method, params);
        timeout(PATIENCE, self.stream.send(frame)).await.context("sending")??;
        Ok(self.last_id)
    }

    /// What comes next. May be dropped and called again.
    pub async fn next(&mut self) -> Got {
        loop {
            match self.stream.next().await {
                None | Some(Err(_)) => return Got::Closed(None),
                Some(Ok(Message::Close(frame))) => return Got::Closed(frame.map(|frame| frame.code.into())),
                Some(Ok(frame)) => {
                    if let Some(incoming) = wire::read(self.codec, &frame) {
                        return Got::Frame(incoming);
                    }
                }
            }
        }
    }

    /// Asks and waits for the answer; pushes meanwhile are passed over. A service that has just been broken may still
    /// say that it is unavailable, and when to ask again: it is asked again then.
    pub async fn call(&mut self, method: &str, params: &Value) -> anyhow::Result<Value> {
        let give_up_at = Instant::now() + WHOLE;
        loop {
            let id = self.ask(method, params).await?;
            let error = match self.answer(id).await? {
                Ok(result) => return Ok(result),
                Err(error) => error,
            };
            match error.data["retry_after_ms"].as_u64() {
                Some(pause) if error.kind() == "service_unavailable" && Instant::now() < give_up_at => {
                    sleep(Duration::from_millis(pause)).await;
                }
                _ => bail!("{method}: {}: {}", error.kind(), error.message),
            }
        }
    }

    async fn answer(&mut self, id: u32) -> anyhow::Result<Outcome> {
        let answering = async {
            loop {
                match self.next().await {
                    Got::Frame(Incoming::Reply(of, outcome)) if of == id => return Ok(outcome),
                    Got::Frame(_) => {}
                    Got::Closed(code) => bail!("closed with {code:?}"),
                }
            }
        };
        timeout(WHOLE, answering).await.context("no answer")?
    }

    /// Says goodbye.
    pub async fn leave(mut self) {
        // Whether the other end still hears it makes no difference.
        timeout(PATIENCE, self.stream.close(None)).await.ok();
    }
}
