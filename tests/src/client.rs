//! A client that reads like a transcript: call, reply, push, close.
//!
//! It reads its socket only while it waits for something, so a test decides who is slow. What comes meanwhile is kept.

use std::collections::{HashMap, VecDeque};

use deskwire_protocol::Codec;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message, client::IntoClientRequest},
};

use crate::{Response, Server, wire, within};
use wire::{Incoming, Outcome, RpcError};

/// How a socket is opened.
#[derive(Debug)]
pub struct Connect {
    url: String,
    address: String,
    codec: Codec,
    headers: Vec<(&'static str, String)>,
    receive_buffer: Option<u32>,
}

impl Connect {
    /// To this server, in its usual codec.
    pub fn to(server: &Server) -> Self {
        Self::at(server.address(), server.codec())
    }

    /// To whoever listens at this address.
    pub fn at(address: &str, codec: Codec) -> Self {
        Self {
            url: format!("ws://{address}/v1/ws"),
            address: address.into(),
            codec,
            headers: vec![("sec-websocket-protocol", codec.subprotocol().into())],
            receive_buffer: None,
        }
    }

    /// By way of a balancer at this address.
    #[must_use]
    pub fn by_way_of(mut self, address: &str) -> Self {
        self.url = self.url.replace(&self.address, address);
        address.clone_into(&mut self.address);
        self
    }

    /// In another codec.
    #[must_use]
    pub fn codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self.without_subprotocol().header("sec-websocket-protocol", codec.subprotocol())
    }

    /// Asking for no subprotocol, as several JSON-RPC libraries do.
    #[must_use]
    pub fn without_subprotocol(mut self) -> Self {
        self.headers.retain(|(name, _)| *name != "sec-websocket-protocol");
        self
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With a receive buffer this small in the kernel, so that the server soon feels a reader that does not read.
    #[must_use]
    pub fn receive_buffer(mut self, bytes: u32) -> Self {
        self.receive_buffer = Some(bytes);
        self
    }

    /// Opens it, or tells the HTTP status that the server answered instead.
    pub async fn open(self) -> Result<Client, u16> {
        self.attempt().await.map_err(|refusal| refusal.status)
    }

    /// Opens it, or tells what the server answered instead.
    pub async fn attempt(self) -> Result<Client, Response> {
        let mut request = self.url.as_str().into_client_request().expect("the URL is one");
        for (name, value) in self.headers {
            request.headers_mut().append(name, value.parse().expect("the header is one"));
        }
        let address = self.address.parse().expect("the server has an address");
        let socket = TcpSocket::new_v4().expect("a socket");
        if let Some(bytes) = self.receive_buffer {
            socket.set_recv_buffer_size(bytes).expect("the buffer can be set");
        }
        let stream = within("the connection", socket.connect(address)).await.expect("the server listens");
        stream.set_nodelay(true).expect("TCP_NODELAY can be set");
        match within("the upgrade", client_async(request, stream)).await {
            Ok((socket, _)) => Ok(Client {
                codec: self.codec,
                socket,
                last_id: 0,
                asked: HashMap::new(),
                replies: VecDeque::new(),
                batches: VecDeque::new(),
                pushes: VecDeque::new(),
                sequences: HashMap::new(),
                closed: None,
                started: Value::Null,
            }),
            Err(tungstenite::Error::Http(response)) => Err(refusal(&response)),
            Err(error) => panic!("the upgrade: {error}"),
        }
    }
}

fn refusal(response: &http::Response<Option<Vec<u8>>>) -> Response {
    let header = |(name, value): (&_, &http::HeaderValue)| {
        format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
    };
    let headers: Vec<String> = response.headers().iter().map(header).collect();
    Response {
        status: response.status().as_u16(),
        headers: headers.join("\r\n"),
        body: String::from_utf8_lossy(response.body().as_deref().unwrap_or_default()).into(),
    }
}

/// How a socket ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    /// By a close frame.
    With {
        /// Its code; 1005 when it had none.
        code: u16,
        /// Its sentence.
        reason: String,
    },
    /// By the end of the connection, without a close frame.
    Lost,
}

/// One socket to the server.
#[derive(Debug)]
pub struct Client {
    codec: Codec,
    socket: WebSocketStream<TcpStream>,
    last_id: u32,
    /// The method and conversation of each request that has no reply yet.
    asked: HashMap<u32, (String, Value)>,
    replies: VecDeque<(Value, Outcome)>,
    batches: VecDeque<Vec<(Value, Outcome)>>,
    pushes: VecDeque<(String, Value)>,
    /// The last `seq` of each attached conversation, to prove that no event is lost, doubled or out of order.
    sequences: HashMap<String, i64>,
    closed: Option<Closed>,
    started: Value,
}

impl Client {
    /// What `session.start` answered.
    pub fn started(&self) -> &Value {
        &self.started
    }

    /// Authenticates.
    pub async fn start(&mut self, token: &str) {
        self.started =
            self.call("session.start", json!({"token": token})).await.expect("the token is accepted");
    }

    /// Asks and waits for the answer.
    pub async fn call(&mut self, method: &str, params: Value) -> Result<Value, RpcError> {
        let id = self.request(method, params).await;
        self.reply(id).await
    }

    /// Asks without waiting; the answer is had by [`Client::reply`].
    pub async fn request(&mut self, method: &str, params: Value) -> u32 {
        let id = self.ask_for(method, &params);
        self.send(wire::request(self.codec, Some(id), method, &params)).await;
        id
    }

    /// A fresh id, noted with what it asks for.
    fn ask_for(&mut self, method: &str, params: &Value) -> u32 {
        self.last_id += 1;
        let about = params.get("conversation_id").cloned().unwrap_or_default();
        self.asked.insert(self.last_id, (method.into(), about));
        self.last_id
    }

    /// The answer to a request; `Value::Null` for the error that could not be matched to one.
    pub async fn reply(&mut self, id: impl Into<Value>) -> Result<Value, RpcError> {
        let id = id.into();
        loop {
            if let Some(at) = self.replies.iter().position(|(of, _)| *of == id) {
                return self.replies.remove(at).expect("it is there").1;
            }
            self.receive(&format!("the reply to {id}")).await;
        }
    }

    /// Asks of a server that may end meanwhile: no answer when the socket ends first.
    pub async fn call_or_end(&mut self, method: &str, params: Value) -> Option<Result<Value, RpcError>> {
        let id = self.ask_for(method, &params);
        let request = wire::request(self.codec, Some(id), method, &params);
        if self.try_send(request).await.is_err() {
            return None;
        }
        loop {
            if let Some(at) = self.replies.iter().position(|(of, _)| *of == id) {
                return self.replies.remove(at).map(|(_, outcome)| outcome);
            }
            if self.closed.is_some() {
                return None;
            }
            self.take_in_while("the reply or the end of the socket").await;
        }
    }

    /// Says without asking for an answer.
    pub async fn notify(&mut self, method: &str, params: Value) {
        self.send(wire::request(self.codec, None, method, &params)).await;
    }

    /// Sends a JSON-RPC batch as it stands and waits for its answers, in the order in which they stand.
    pub async fn batch(&mut self, requests: Value) -> Vec<(Value, Result<Value, RpcError>)> {
        self.send(wire::frame(self.codec, &requests)).await;
        loop {
            if let Some(batch) = self.batches.pop_front() {
                return batch;
            }
            self.receive("the answer to the batch").await;
        }
    }

    /// Sends a frame as it stands.
    pub async fn send(&mut self, frame: Message) {
        self.try_send(frame)
            .await
            .unwrap_or_else(|error| panic!("cannot send: {error}; closed: {:?}", self.closed));
    }

    /// Writes bytes that are no whole frame, or no frame at all.
    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        let sent = within("the sending of bytes", self.socket.get_mut().write_all(bytes)).await;
        sent.expect("the server takes bytes");
    }

    /// Sends a frame to a server that may have closed the socket already.
    pub async fn try_send(&mut self, frame: Message) -> Result<(), tungstenite::Error> {
        within("the sending of a frame", self.socket.send(frame)).await
    }

    /// The next push of this name. Others are kept.
    pub async fn push(&mut self, event: &str) -> Value {
        self.push_where(event, |_| true).await
    }

    /// The next push of this name that fits.
    pub async fn push_where(&mut self, event: &str, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            if let Some(at) = self.pushes.iter().position(|(name, params)| name == event && fits(params)) {
                return self.pushes.remove(at).expect("it is there").1;
            }
            self.receive(&format!("the push {event}")).await;
        }
    }

    /// The next push, whatever it is.
    pub async fn any_push(&mut self) -> (String, Value) {
        while self.pushes.is_empty() {
            self.receive("any push").await;
        }
        self.pushes.pop_front().expect("there is one")
    }

    /// All pushes that had come before the answer to a ping sent now.
    pub async fn all_pushes_so_far(&mut self) -> Vec<(String, Value)> {
        self.call("session.ping", json!({})).await.expect("a ping is answered");
        self.pushes.drain(..).collect()
    }

    /// The pushes of this name that had come before the answer to a ping sent now.
    pub async fn pushes_so_far(&mut self, event: &str) -> Vec<Value> {
        self.call("session.ping", json!({})).await.expect("a ping is answered");
        self.pushes_taken(event)
    }

    /// The pushes of this name that came while something else was waited for.
    pub fn pushes_taken(&mut self, event: &str) -> Vec<Value> {
        let (wanted, others) = self.pushes.drain(..).partition::<VecDeque<_>, _>(|(name, _)| name == event);
        self.pushes = others;
        wanted.into_iter().map(|(_, params)| params).collect()
    }

    /// The next text or binary frame as it stands. It is not taken in: for what the other methods cannot show.
    pub async fn frame(&mut self) -> Message {
        loop {
            match within("a frame", self.socket.next()).await {
                Some(Ok(frame @ (Message::Text(_) | Message::Binary(_)))) => return frame,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("no frame: {other:?}"),
            }
        }
    }

    /// All the answers that come before the socket ends.
    pub async fn replies_to_the_end(&mut self) -> Vec<(Value, Result<Value, RpcError>)> {
        self.closed().await;
        self.replies.drain(..).collect()
    }

    /// All the pushes of this name that come before the socket ends.
    pub async fn pushes_to_the_end(&mut self, event: &str) -> Vec<Value> {
        self.closed().await;
        self.pushes.drain(..).filter(|(name, _)| name == event).map(|(_, params)| params).collect()
    }

    /// How the server ended the socket.
    pub async fn closed(&mut self) -> Closed {
        loop {
            if let Some(closed) = &self.closed {
                return closed.clone();
            }
            self.take_in().await;
        }
    }

    /// The code of the close frame with which the server ended the socket.
    pub async fn close_code(&mut self) -> u16 {
        match self.closed().await {
            Closed::With { code, .. } => code,
            Closed::Lost => panic!("the connection ended without a close frame"),
        }
    }

    /// Closes the socket in order.
    pub async fn leave(mut self) {
        // The server may have been quicker.
        drop(self.socket.close(None).await);
        self.closed().await;
    }

    /// Cuts the connection, as a phone in a tunnel does: no close frame, no FIN that says goodbye.
    pub fn cut(self) {
        // With linger of zero the kernel sends a reset.
        socket_reset(self.socket.into_inner());
    }

    async fn receive(&mut self, awaited: &str) {
        if let Some(closed) = &self.closed {
            panic!("the socket was closed ({closed:?}) before {awaited}");
        }
        self.take_in_while(awaited).await;
    }

    async fn take_in(&mut self) {
        self.take_in_while("the end of the socket").await;
    }

    async fn take_in_while(&mut self, awaited: &str) {
        match within(awaited, self.socket.next()).await {
            None | Some(Err(_)) => {
                self.closed.get_or_insert(Closed::Lost);
            }
            Some(Ok(Message::Close(frame))) => {
                let (code, reason) =
                    frame.map_or((1005, String::new()), |f| (f.code.into(), f.reason.to_string()));
                self.closed.get_or_insert(Closed::With { code, reason });
                // Answers it, as any client does. The server may not wait for that.
                drop(within("the answer to the close frame", self.socket.flush()).await);
            }
            Some(Ok(frame)) => match wire::read(self.codec, &frame) {
                Some(Incoming::Reply(id, outcome)) => {
                    self.follow_reply(&id, &outcome);
                    self.replies.push_back((id, outcome));
                }
                Some(Incoming::Batch(replies)) => self.batches.push_back(replies),
                Some(Incoming::Push(event, params)) => {
                    self.follow_push(&event, &params);
                    self.pushes.push_back((event, params));
                }
                None => {}
            },
        }
    }

    /// Notes where the sequence of a conversation begins for this socket.
    fn follow_reply(&mut self, id: &Value, outcome: &Outcome) {
        let asked = id.as_u64().and_then(|id| u32::try_from(id).ok()).and_then(|id| self.asked.remove(&id));
        let (Some((method, about)), Ok(result)) = (asked, outcome) else { return };
        let Some(conversation) = about.as_str() else { return };
        match method.as_str() {
            "conversation.attach" => {
                let mut last = None;
                for event in result["events"].as_array().into_iter().flatten() {
                    assert!(
                        last.is_none_or(|last| event["prev_seq"] == last),
                        "a hole in the backlog: {result}"
                    );
                    last = event["seq"].as_i64();
                }
                self.sequences
                    .insert(conversation.into(), result["last_seq"].as_i64().expect("attach tells last_seq"));
            }
            "conversation.detach" => {
                self.sequences.remove(conversation);
            }
            _ => {}
        }
    }

    /// Holds a pushed event to its place: right after the one before it that this socket has seen.
    fn follow_push(&mut self, event: &str, params: &Value) {
        if !matches!(event, "message.created" | "message.revised") {
            return;
        }
        let number =
            |name: &str| params[name].as_i64().unwrap_or_else(|| panic!("{event} without {name}: {params}"));
        let conversation =
            params["conversation_id"].as_str().expect("an event in sequence names its conversation");
        let (seq, prev_seq) = (number("seq"), number("prev_seq"));
        assert!(prev_seq < seq, "{params}");
        if let Some(last) = self.sequences.insert(conversation.into(), seq) {
            assert_eq!(prev_seq, last, "an event was lost, doubled or out of order: {params}");
        }
    }
}

/// Drops a connection with what is still unread in it, which makes the kernel reset it.
fn socket_reset(stream: TcpStream) {
    drop(stream.set_zero_linger());
    drop(stream);
}
