//! One WebSocket of the load, small enough that a process holds ten thousand.

use std::{io, net::SocketAddr, time::Duration};

use deskwire_protocol::{Codec, MethodName};
use futures::{SinkExt, StreamExt};
use serde::Serialize;
use tokio::{
    net::{TcpSocket, TcpStream, lookup_host},
    time::timeout,
};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config,
    tungstenite::{self, ClientRequestBuilder, Message, http::Uri, protocol::WebSocketConfig},
};

use crate::{LoadError, wire};

/// A service answers an upgrade, and takes what is written, within this time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Frames are mostly shorter; longer ones are read in pieces.
const READ_BUFFER: usize = 2_048;

/// So little of what is not read fits between two machines that are one.
const SLOW_READERS_BUFFER: u32 = 4_096;

/// A service: the addresses of its nodes.
pub struct Target {
    nodes: Vec<Node>,
    tls: Connector,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("nodes", &self.nodes).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Node {
    url: Uri,
    address: SocketAddr,
}

/// How much of what comes is taken in before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    Usual,
    Slow,
}

/// What it means that the service does not take what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// It has failed.
    Usual,
    /// It does so because what it answers is not read.
    None,
}

impl Patience {
    /// Answers whether it was done.
    async fn wait(
        self,
        writing: impl Future<Output = Result<(), tungstenite::Error>>,
    ) -> Result<bool, io::Error> {
        let limit = match self {
            Self::Usual => PATIENCE,
            Self::None => Duration::from_millis(20),
        };
        match (timeout(limit, writing).await, self) {
            (Ok(done), _) => done.map(|()| true).map_err(io::Error::other),
            (Err(_), Self::None) => Ok(false),
            (Err(_), Self::Usual) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl Target {
    /// Nodes of one service, among which sockets are dealt out; `tls` is used where an address is `wss://`.
    pub async fn resolve(urls: &[String], tls: Connector) -> Result<Self, LoadError> {
        let mut nodes = Vec::new();
        for text in urls {
            let problem = |problem: String| LoadError::Service { url: text.clone(), problem };
            let url: Uri = text.parse().map_err(|error| problem(format!("no address: {error}")))?;
            let host = url.host().ok_or_else(|| problem("no host in the address".into()))?;
            let port = match (url.port_u16(), url.scheme_str()) {
                (Some(port), Some("ws" | "wss")) => port,
                (None, Some("ws")) => 80,
                (None, Some("wss")) => 443,
                _ => return Err(problem("the address must begin with ws:// or wss://".into())),
            };
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let address = lookup_host((host, port)).await.map_err(|error| problem(error.to_string()))?.next();
            let address = address.ok_or_else(|| problem("the host has no address".into()))?;
            nodes.push(Node { url, address });
        }
        Ok(Self { nodes, tls })
    }

    /// The first address, for messages.
    pub(crate) fn shown(&self) -> String {
        self.nodes.iter().map(|node| node.url.to_string()).collect::<Vec<_>>().join(" ")
    }

    /// How many there are.
    pub(crate) const fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Opens a socket to the node whose turn it is.
    pub(crate) async fn open(&self, turn: usize, codec: Codec, reader: Reader) -> Result<Socket, io::Error> {
        let node = self.nodes.get(turn % self.nodes.len().max(1)).ok_or(io::ErrorKind::AddrNotAvailable)?;
        let opening = async {
            let socket = if node.address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            if reader == Reader::Slow {
                socket.set_recv_buffer_size(SLOW_READERS_BUFFER)?;
            }
            let stream = socket.connect(node.address).await?;
            // Frames are written whole, so waiting to fill packets only delays them.
            stream.set_nodelay(true)?;
            let request = ClientRequestBuilder::new(node.url.clone()).with_sub_protocol(codec.subprotocol());
            let config =
                WebSocketConfig::default().read_buffer_size(READ_BUFFER).write_buffer_size(READ_BUFFER);
            let (stream, _) =
                client_async_tls_with_config(request, stream, Some(config), Some(self.tls.clone()))
                    .await
                    .map_err(io::Error::other)?;
            Ok::<_, io::Error>(Socket { stream, codec })
        };
        timeout(PATIENCE, opening).await.map_err(|_| io::ErrorKind::TimedOut)?
    }
}

/// What a socket says.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A frame of the contract.
    Frame(Message),
    /// A ping, or the answer to one.
    Beat,
    /// It was closed, with this code where one was told.
    Closed(Option<u16>),
    /// It is gone.
    Lost,
}

/// A WebSocket in one codec.
pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    codec: Codec,
}

impl Socket {
    /// Puts a request into the buffer; [`Socket::flush`] sends it. Answers whether there was room: whoever is patient is told
    /// an error where there was none, whoever is not goes on without it.
    pub(crate) async fn feed<P: Serialize>(
        &mut self,
        id: u32,
        method: MethodName,
        params: &P,
        patience: Patience,
    ) -> Result<bool, io::Error> {
        let frame = wire::call(self.codec, id, method.as_str(), params).map_err(io::Error::other)?;
        patience.wait(self.stream.feed(frame)).await
    }

    /// Sends what was fed.
    pub(crate) async fn flush(&mut self, patience: Patience) -> Result<(), io::Error> {
        patience.wait(self.stream.flush()).await.map(drop)
    }

    /// What comes next. Pings are answered on the way. Cancel safe.
    pub(crate) async fn hear(&mut self) -> Heard {
        match self.stream.next().await {
            Some(Ok(frame @ (Message::Text(_) | Message::Binary(_)))) => Heard::Frame(frame),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Heard::Beat,
            Some(Ok(Message::Close(frame))) => Heard::Closed(frame.map(|frame| frame.code.into())),
            Some(Err(error)) => {
                tracing::debug!(%error, "a socket was lost");
                Heard::Lost
            }
            None => Heard::Lost,
        }
    }
}

/// The bytes of a frame.
pub(crate) fn bytes(frame: &Message) -> &[u8] {
    match frame {
        Message::Text(text) => text.as_bytes(),
        Message::Binary(bytes) => bytes,
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => &[],
    }
}
