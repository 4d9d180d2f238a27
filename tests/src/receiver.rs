//! A shop's own HTTP server, to which webhooks lead: it keeps what it was sent, and answers as the test says.

use std::{
    collections::VecDeque,
    fmt::Write,
    sync::{Arc, Mutex, PoisonError},
};

use rustls::ServerConfig;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
    sync::mpsc,
    task::JoinSet,
    time::Instant,
};
use tokio_rustls::TlsAcceptor;

use crate::within;

/// More than any test sends.
const KEPT: usize = 4_096;

/// How a request is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// With this status.
    Status(u16),
    /// With this status and these headers, each with its line end.
    With(u16, String),
    /// With this status and a body that never ends.
    Endless(u16),
    /// Never; the connection stays open.
    Silence,
    /// By closing the connection.
    HangUp,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    /// Method, path and version.
    pub line: String,
    headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// When it was there as a whole.
    pub at: Instant,
}

impl Received {
    /// A header, by its name in lower case.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(of, _)| of == name);
        found.map_or_else(|| panic!("no header {name}: {:?}", self.headers), |(_, value)| value)
    }

    /// By which the receiver knows what it has seen already.
    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// Whether Standard Webhooks' own library takes it as signed with this secret, just now.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let mut headers = http::HeaderMap::new();
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            headers.insert(name, self.header(name).parse().expect("a header"));
        }
        let library = standardwebhooks::Webhook::new(secret).expect("a secret as Standard Webhooks has it");
        library.verify(self.body.as_bytes(), &headers).is_ok()
    }
}

/// A listening server.
#[derive(Debug)]
pub struct Receiver {
    address: String,
    scheme: &'static str,
    replies: Arc<Mutex<Replies>>,
    received: mpsc::Receiver<Received>,
    _serving: JoinSet<()>,
}

#[derive(Debug)]
struct Replies {
    next: VecDeque<Reply>,
    always: Reply,
}

impl Receiver {
    /// On a free port; it answers 204.
    pub async fn start() -> Self {
        Self::start_at("127.0.0.1:0", None).await
    }

    /// The same, by TLS.
    pub async fn start_tls(config: ServerConfig) -> Self {
        Self::start_at("127.0.0.1:0", Some(config)).await
    }

    /// At this address.
    pub async fn start_at(address: &str, tls: Option<ServerConfig>) -> Self {
        let listener = TcpListener::bind(address).await.expect("the address is free");
        let address = listener.local_addr().expect("it listens").to_string();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let tls = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        let replies = Arc::new(Mutex::new(Replies { next: VecDeque::new(), always: Reply::Status(204) }));
        let (kept, received) = mpsc::channel(KEPT);
        let mut serving = JoinSet::new();
        let of_server = Arc::clone(&replies);
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((connection, _)) = listener.accept().await {
                let (replies, kept, tls) = (Arc::clone(&of_server), kept.clone(), tls.clone());
                connections.spawn(async move {
                    match tls {
                        None => serve(connection, replies, kept).await,
                        Some(tls) => match tls.accept(connection).await {
                            Ok(secured) => serve(secured, replies, kept).await,
                            Err(_) => None,
                        },
                    }
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, scheme, replies, received, _serving: serving }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its URL.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// The next requests are answered so, in this order; those after them as before.
    pub fn answer_next(&self, replies: impl IntoIterator<Item = Reply>) {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner).next.extend(replies);
    }

    /// Whatever is not said otherwise is answered so.
    pub fn answer_always(&self, reply: Reply) {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner).always = reply;
    }

    /// The next request.
    pub async fn next(&mut self) -> Received {
        within("a webhook", self.received.recv()).await.expect("it listens")
    }

    /// So many requests, in the order in which they came.
    pub async fn take(&mut self, number: usize) -> Vec<Received> {
        let mut received = Vec::with_capacity(number);
        while received.len() < number {
            received.push(self.next().await);
        }
        received
    }

    /// A request that has come by now and was not taken.
    pub fn already(&mut self) -> Option<Received> {
        self.received.try_recv().ok()
    }
}

async fn serve(
    connection: impl AsyncRead + AsyncWrite + Unpin,
    replies: Arc<Mutex<Replies>>,
    kept: mpsc::Sender<Received>,
) -> Option<()> {
    let mut connection = BufReader::new(connection);
    let request = read(&mut connection).await?;
    let reply = {
        let mut replies = replies.lock().unwrap_or_else(PoisonError::into_inner);
        let always = replies.always.clone();
        replies.next.pop_front().unwrap_or(always)
    };
    kept.send(request).await.ok()?;
    let (status, headers, endless) = match reply {
        Reply::Status(status) => (status, String::new(), false),
        Reply::With(status, headers) => (status, headers, false),
        Reply::Endless(status) => (status, String::new(), true),
        Reply::Silence => {
            // Until the other side has had enough.
            connection.read_to_end(&mut Vec::new()).await.ok()?;
            return None;
        }
        Reply::HangUp => return None,
    };
    let mut head = format!("HTTP/1.1 {status} x\r\n{headers}");
    let length = if endless { "transfer-encoding: chunked\r\n" } else { "content-length: 0\r\n" };
    write!(head, "{length}connection: close\r\n\r\n").ok()?;
    connection.write_all(head.as_bytes()).await.ok()?;
    if endless {
        loop {
            connection.write_all(b"400\r\n").await.ok()?;
            connection.write_all(&[b'x'; 1024]).await.ok()?;
            connection.write_all(b"\r\n").await.ok()?;
        }
    }
    connection.shutdown().await.ok()
}

async fn read(connection: &mut (impl AsyncBufReadExt + Unpin)) -> Option<Received> {
    let mut line = String::new();
    connection.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        connection.read_line(&mut header).await.ok().filter(|read| *read > 0)?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        headers.push((name.to_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length")?.1.parse().ok()?;
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await.ok()?;
    let body = String::from_utf8(body).ok()?;
    Some(Received { line: line.trim_end().to_owned(), headers, body, at: Instant::now() })
}
