//! The bare fan-out server that the benchmark measures Deskwire by: rooms over WebSocket and nothing else. It keeps nothing, knows
//! nobody and promises nothing. What it does it does as fast as is known: a frame is encoded once for all receivers, and
//! whatever is ready for a socket leaves by one write. With a Redis URL as its argument, several processes are one.
//!
//! Frames are text: `jROOM ` joins, and is answered by `j`; `sROOM KEY TEXT` is sent to all in the room as `mROOM KEY TEXT`.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context;
use bytes::Bytes;
use futures::StreamExt;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc},
};
use tokio_tungstenite::{
    accept_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

/// Messages that may wait for Redis.
const WAITING: usize = 65_536;
/// Messages of one pipeline.
const PIPELINE: usize = 512;
const CHANNEL: &str = "fan-out";

#[derive(Default)]
struct Outbox {
    frames: Mutex<Vec<Bytes>>,
    ready: Notify,
}

#[derive(Default)]
struct Rooms(Mutex<HashMap<String, Vec<Arc<Outbox>>>>);

impl Rooms {
    fn join(&self, room: &str, outbox: &Arc<Outbox>) {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.entry(room.to_owned()).or_default().push(Arc::clone(outbox));
    }

    fn leave(&self, outbox: &Arc<Outbox>) {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for room in rooms.values_mut() {
            room.retain(|member| !Arc::ptr_eq(member, outbox));
        }
    }

    /// `said` is `ROOM KEY TEXT`.
    fn tell(&self, said: &str) {
        let Some((room, _)) = said.split_once(' ') else { return };
        let frame = frame(&[b"m", said.as_bytes()]);
        let rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for member in rooms.get(room).into_iter().flatten() {
            member.push(frame.clone());
        }
    }
}

impl Outbox {
    fn push(&self, frame: Bytes) {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner).push(frame);
        self.ready.notify_one();
    }

    fn take(&self) -> Vec<Bytes> {
        std::mem::take(&mut *self.frames.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A text frame as a server sends it.
fn frame(parts: &[&[u8]]) -> Bytes {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut frame = Vec::with_capacity(length + 4);
    frame.push(0x81);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..=125), _) => frame.push(short),
        (_, Ok(long)) => {
            frame.push(126);
            frame.extend(long.to_be_bytes());
        }
        // No client of the benchmark sends so much.
        (_, Err(_)) => return Bytes::new(),
    }
    for part in parts {
        frame.extend_from_slice(part);
    }
    frame.into()
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "where it listens is told to whoever started it")]
async fn main() -> anyhow::Result<()> {
    let rooms = Arc::new(Rooms::default());
    let publish = match std::env::args().nth(1) {
        Some(url) => Some(over_redis(&url, Arc::clone(&rooms)).await?),
        None => None,
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let (rooms, publish) = (Arc::clone(&rooms), publish.clone());
        #[expect(clippy::disallowed_methods, reason = "it ends with its process, and nothing waits for it")]
        tokio::spawn(async move {
            let outbox = Arc::default();
            // Whatever ends it, the socket is gone.
            serve(stream, &rooms, &outbox, publish).await.ok();
            rooms.leave(&outbox);
        });
    }
}

async fn serve(
    stream: TcpStream,
    rooms: &Rooms,
    outbox: &Arc<Outbox>,
    publish: Option<mpsc::Sender<String>>,
) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default().read_buffer_size(4096).max_message_size(Some(64 * 1024));
    let mut socket = accept_async_with_config(stream, Some(config)).await?;
    loop {
        tokio::select! {
            message = socket.next() => {
                let Message::Text(text) = message.context("the end")?? else { continue };
                match (text.as_bytes().first(), &publish) {
                    (Some(b'j'), _) => {
                        rooms.join(text[1..].trim_end(), outbox);
                        outbox.push(frame(&[b"j"]));
                    }
                    (Some(_), None) => rooms.tell(&text[1..]),
                    (Some(_), Some(publish)) => publish.send(text[1..].to_owned()).await?,
                    (None, _) => {}
                }
            }
            () = outbox.ready.notified() => {
                let frames = outbox.take();
                match frames.as_slice() {
                    [] => {}
                    [one] => socket.get_mut().write_all(one).await?,
                    many => socket.get_mut().write_all(&many.concat()).await?,
                }
            }
        }
    }
}

/// All processes tell what comes over one channel; each publishes whatever is ready in one pipeline.
async fn over_redis(url: &str, rooms: Arc<Rooms>) -> anyhow::Result<mpsc::Sender<String>> {
    let client = redis::Client::open(url)?;
    let mut publisher = client.get_multiplexed_async_connection().await?;
    let mut subscriber = client.get_async_pubsub().await?;
    subscriber.subscribe(CHANNEL).await?;
    let (sender, mut said) = mpsc::channel::<String>(WAITING);
    #[expect(clippy::disallowed_methods, reason = "it ends with its process")]
    tokio::spawn(async move {
        let mut ready = Vec::new();
        while said.recv_many(&mut ready, PIPELINE).await > 0 {
            let mut pipeline = redis::pipe();
            for said in ready.drain(..) {
                pipeline.publish(CHANNEL, said).ignore();
            }
            // A benchmark without its Redis is over.
            pipeline.query_async::<()>(&mut publisher).await.ok();
        }
    });
    #[expect(clippy::disallowed_methods, reason = "it ends with its process")]
    tokio::spawn(async move {
        let mut messages = pin!(subscriber.into_on_message());
        while let Some(message) = messages.next().await {
            if let Ok(said) = std::str::from_utf8(message.get_payload_bytes()) {
                rooms.tell(said);
            }
        }
    });
    Ok(sender)
}
