//! A way to a server on which whoever listens can be made to hear nothing, while the connection stays open.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinSet,
};

/// Ends with all its connections when it is dropped.
pub(crate) struct Stalling {
    address: String,
    stalled: Arc<AtomicBool>,
    _accepting: JoinSet<()>,
}

impl Stalling {
    /// In front of a server at `127.0.0.1:PORT`.
    pub(crate) async fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let stalled = Arc::new(AtomicBool::new(false));
        let mut accepting = JoinSet::new();
        let (server, stall) = (server.to_owned(), Arc::clone(&stalled));
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(&server).await.unwrap();
                let listens = Arc::new(AtomicBool::new(false));
                let ((from_client, to_client), (from_server, to_server)) =
                    (client.into_split(), server.into_split());
                connections.spawn(ask(from_client, to_server, Arc::clone(&listens)));
                connections.spawn(answer(from_server, to_client, listens, Arc::clone(&stall)));
            }
        });
        Self { address, stalled, _accepting: accepting }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// From now on those who have subscribed to something hear nothing; or hear again, if they connect anew.
    pub(crate) fn stall(&self, stall: bool) {
        self.stalled.store(stall, Ordering::SeqCst);
    }
}

async fn ask(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, listens: Arc<AtomicBool>) {
    let mut buffer = vec![0; 65_536];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if buffer[..count].windows(9).any(|part| part == b"SUBSCRIBE") {
            listens.store(true, Ordering::SeqCst);
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

async fn answer(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    listens: Arc<AtomicBool>,
    stalled: Arc<AtomicBool>,
) {
    let mut buffer = vec![0; 65_536];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let unheard = listens.load(Ordering::SeqCst) && stalled.load(Ordering::SeqCst);
        if !unheard && to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
