//! A gateway on a free port with chat and a store of its own behind it, and clients that read like a transcript.

use std::{sync::Arc, time::Duration};

use deskwire_chat::{Chance, Chat, ChatConfig, Clock, SystemChance, SystemClock, bus::InProcess};
use deskwire_gateway::{Claims, Gateway, GatewayConfig, Services, TokenKeys};
use deskwire_protocol::{CloseCode, Role, ShopId, UserId};
use deskwire_store::{Store, StoreConfig};
use deskwire_workbench::{Workbench, WorkbenchConfig};
use futures::{SinkExt, StreamExt};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Error, Message, client::IntoClientRequest},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Longer than anything here may take.
const DEADLINE: Duration = Duration::from_secs(10);
const KID: &str = "k1";
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// The protocol's limits on a free port, and no long drain.
pub(crate) fn impatient() -> GatewayConfig {
    GatewayConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        drain_deadline: Duration::from_secs(8),
        ..GatewayConfig::default()
    }
}

pub(crate) struct Setting {
    address: std::net::SocketAddr,
    shutdown: CancellationToken,
    served: Option<JoinHandle<()>>,
    store: Store,
    _directory: TempDir,
}

impl Setting {
    pub(crate) async fn new(config: GatewayConfig) -> Self {
        let tasks = TaskTracker::new();
        let shutdown = CancellationToken::new();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.sqlite");
        let store = Store::open(&StoreConfig::at(format!("sqlite://{}", path.display()))).await.unwrap();
        store.migrate().await.unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let chance: Arc<dyn Chance> = Arc::new(SystemChance);
        let chat = Chat::start(
            ChatConfig::default(),
            store.clone(),
            InProcess::alone(),
            Arc::clone(&clock),
            Arc::clone(&chance),
            tasks.clone(),
            // Chat outlives the gateway's drain.
            &CancellationToken::new(),
        );
        let recorder = PrometheusBuilder::new().build_recorder();
        let config_beside = WorkbenchConfig::usual().unwrap();
        let workbench = Workbench::new(
            store.clone(),
            chat.clone(),
            Arc::clone(&clock),
            Arc::clone(&chance),
            config_beside,
        )
        .unwrap();
        let services = Services {
            chat,
            workbench,
            store: store.clone(),
            keys: TokenKeys::hs256(KID, SECRET),
            clock,
            chance,
            metrics: recorder.handle(),
            tasks: tasks.clone(),
        };
        let gateway = metrics::with_local_recorder(&recorder, || Gateway::bind(config, services)).unwrap();
        let address = gateway.local_addr();
        let served = Some(tasks.spawn(gateway.serve(shutdown.clone())));
        Self { address, store, shutdown, served, _directory: directory }
    }

    pub(crate) fn token(user_id: &str, role: Role, ttl_seconds: i64) -> String {
        let now = SystemClock.now().millis() / 1000;
        let claims = Claims {
            sub: UserId::new(user_id).unwrap(),
            role,
            shop: ShopId::new("shop").unwrap(),
            exp: now + ttl_seconds,
            iat: now,
            name: "Ana".into(),
            locale: None,
        };
        TokenKeys::hs256(KID, SECRET).mint(&claims).unwrap()
    }

    pub(crate) async fn connect(&self) -> Client {
        self.connect_with("x-none", "none").await.unwrap()
    }

    /// With one more header; or the status by which it was refused.
    pub(crate) async fn connect_with(&self, name: &'static str, value: &str) -> Result<Client, u16> {
        let mut request = format!("ws://{}/v1/ws", self.address).into_client_request().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        match timeout(DEADLINE, tokio_tungstenite::connect_async(request)).await.unwrap() {
            Ok((socket, _)) => Ok(Client { socket, next_id: 1 }),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// A socket with its session.
    pub(crate) async fn enter(&self, user_id: &str, role: Role) -> Client {
        let mut client = self.connect().await;
        let token = Self::token(user_id, role, 600);
        let started = client.call("session.start", json!({ "token": token })).await;
        assert!(started["result"].is_object(), "{started}");
        client
    }

    /// Status and body.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(DEADLINE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    pub(crate) async fn until_sessions_are(&self, count: u32) {
        let wanted = format!("deskwire_sessions{{side=\"buyer\"}} {count}");
        let seen = async { while !self.get("/metrics").await.1.contains(&wanted) {} };
        timeout(DEADLINE, seen).await.unwrap();
    }

    /// Withdraws the tokens of a user.
    pub(crate) async fn revoke(&self, user_id: &str, role: Role) {
        let (shop_id, user_id) = (ShopId::new("shop").unwrap(), UserId::new(user_id).unwrap());
        self.store.revoke(&shop_id, role, &user_id, SystemClock.now()).await.unwrap();
    }

    pub(crate) fn shut_down(&self) {
        self.shutdown.cancel();
    }

    /// Returns when the gateway has.
    pub(crate) async fn ended(&mut self) {
        timeout(DEADLINE, self.served.take().unwrap()).await.unwrap().unwrap();
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_id: u32,
}

impl Client {
    pub(crate) async fn send(&mut self, message: Message) {
        timeout(DEADLINE, self.socket.send(message)).await.unwrap().unwrap();
    }

    /// Sends as much as the server takes.
    pub(crate) async fn try_send(&mut self, message: Message) {
        drop(timeout(DEADLINE, self.socket.send(message)).await.unwrap());
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.send(Message::text(text)).await;
    }

    /// Calls and gives the whole reply.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        self.send_text(
            &json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string(),
        )
        .await;
        let reply = self.receive().await;
        assert_eq!(reply["id"], id, "{reply}");
        reply
    }

    /// The next text frame.
    pub(crate) async fn receive(&mut self) -> Value {
        let message = self.next().await;
        let Message::Text(text) = &message else { panic!("no text frame: {message:?}") };
        serde_json::from_str(text).unwrap()
    }

    /// The next text frame that is no push of this name.
    pub(crate) async fn receive_but(&mut self, event: &str) -> Value {
        loop {
            let frame = self.receive().await;
            if frame["method"] != event {
                return frame;
            }
        }
    }

    pub(crate) async fn receive_binary(&mut self) -> bytes::Bytes {
        let message = self.next().await;
        let Message::Binary(bytes) = message else { panic!("no binary frame: {message:?}") };
        bytes
    }

    async fn next(&mut self) -> Message {
        loop {
            let message = timeout(DEADLINE, self.socket.next()).await.unwrap().unwrap().unwrap();
            if !message.is_ping() {
                return message;
            }
        }
    }

    /// Reads for so long, answering pings.
    pub(crate) async fn stays_open_for(&mut self, duration: Duration) -> bool {
        let until = Instant::now() + duration;
        while let Ok(read) = tokio::time::timeout_at(until, self.socket.next()).await {
            if !matches!(read, Some(Ok(Message::Ping(_)))) {
                return false;
            }
        }
        true
    }

    /// The code of the close frame, which must be the next one that is no ping.
    pub(crate) async fn closed(&mut self) -> CloseCode {
        let message = self.next().await;
        let Message::Close(Some(frame)) = &message else { panic!("not closed: {message:?}") };
        CloseCode::from_code(frame.code.into()).unwrap()
    }

    /// The same for a client that never writes: the bytes are read beside its WebSocket.
    pub(crate) async fn closed_without_answering(&mut self) -> CloseCode {
        let MaybeTlsStream::Plain(stream) = self.socket.get_mut() else { panic!("TLS") };
        let mut bytes = Vec::new();
        timeout(DEADLINE, stream.read_to_end(&mut bytes)).await.unwrap().unwrap();
        // Pings are two bytes each, without payload.
        let close = bytes.chunks(2).position(|two| two[0] == 0x88).unwrap() * 2;
        CloseCode::from_code(u16::from_be_bytes([bytes[close + 2], bytes[close + 3]])).unwrap()
    }

    pub(crate) async fn leave(mut self) {
        self.socket.close(None).await.unwrap();
    }
}
