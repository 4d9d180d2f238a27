//! A TCP proxy that is a bad line: slow, silent, in single bytes, cut or reset, as it is told.

use std::{io, net::SocketAddr, time::Duration};

use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{broadcast, watch},
    task::JoinSet,
    time::sleep,
};

/// How the line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// As if the proxy were not there.
    Clear,
    /// Everything comes later.
    Latency(Duration),
    /// Every chunk arrives byte by byte.
    Trickle,
    /// Nothing gets through, and no end is noticed.
    Stall,
    /// What clients say gets through, and nothing of what they are answered.
    HalfOpen,
}

/// What happens to connections at once.
#[derive(Debug, Clone, Copy)]
enum Blow {
    /// An end of stream, in both directions.
    Cut { per_mille: u32 },
    /// A reset.
    Reset { per_mille: u32 },
}

/// Bytes of a chunk that are written one by one; the rest follows whole, or a large answer would take minutes.
const TRICKLED: usize = 256;

/// A line between clients and one server. It ends when this is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
    blows: broadcast::Sender<Blow>,
    _connections: JoinSet<()>,
}

impl Proxy {
    /// Listens, and connects each client to `server`; who is hit by what hits some is drawn from `seed`.
    pub async fn to(server: SocketAddr, seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (weather, _) = watch::channel(Weather::Clear);
        let (blows, _) = broadcast::channel(16);
        let mut accepting = JoinSet::new();
        let (sky, storm) = (weather.clone(), blows.clone());
        let mut seeds = StdRng::seed_from_u64(seed);
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => match accepted {
                        Ok((client, _)) => {
                            let luck = StdRng::seed_from_u64(seeds.random());
                            connections.spawn(connection(client, server, sky.subscribe(), storm.subscribe(), luck));
                        }
                        // No file is left for it: the next may find one.
                        Err(_) => sleep(Duration::from_millis(10)).await,
                    },
                    Some(_) = connections.join_next() => {}
                }
            }
        });
        Ok(Self { address, weather, blows, _connections: accepting })
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on the line is like this.
    pub fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }

    /// Ends about so many of a thousand connections.
    pub fn cut(&self, per_mille: u32) {
        // Nobody is there to be cut off: that is no failure.
        self.blows.send(Blow::Cut { per_mille }).ok();
    }

    /// Resets about so many of a thousand connections.
    pub fn reset(&self, per_mille: u32) {
        self.blows.send(Blow::Reset { per_mille }).ok();
    }
}

async fn connection(
    client: TcpStream,
    server: SocketAddr,
    weather: watch::Receiver<Weather>,
    mut blows: broadcast::Receiver<Blow>,
    mut luck: StdRng,
) {
    // Who cannot be connected is let go, as by a balancer that finds no node.
    let Ok(server) = TcpStream::connect(server).await else { return };
    if client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).is_err() {
        return;
    }
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let reset = {
        let up = pump(&mut from_client, &mut to_server, weather.clone(), Direction::Up);
        let down = pump(&mut from_server, &mut to_client, weather, Direction::Down);
        let struck = async {
            loop {
                let (per_mille, reset) = match blows.recv().await {
                    Ok(Blow::Cut { per_mille }) => (per_mille, false),
                    Ok(Blow::Reset { per_mille }) => (per_mille, true),
                    Err(broadcast::error::RecvError::Lagged(_)) => continue,
                    Err(broadcast::error::RecvError::Closed) => return false,
                };
                if luck.random_ratio(per_mille.min(1_000), 1_000) {
                    return reset;
                }
            }
        };
        tokio::select! {
            () = up => false,
            () = down => false,
            reset = struck => reset,
        }
    };
    if reset {
        for stream in
            [from_client.reunite(to_client).ok(), from_server.reunite(to_server).ok()].into_iter().flatten()
        {
            // With linger of zero the kernel sends a reset when it is dropped.
            stream.set_zero_linger().ok();
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

/// Carries bytes one way until either end is gone.
async fn pump(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
    direction: Direction,
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let Ok(read) = from.read(&mut buffer).await else { return };
        let stopped = |weather: &Weather| match weather {
            Weather::Stall => true,
            Weather::HalfOpen => direction == Direction::Down,
            Weather::Clear | Weather::Latency(_) | Weather::Trickle => false,
        };
        // The sender lives as long as the proxy, and ends this task with it.
        let Ok(now) = weather.wait_for(|weather| !stopped(weather)).await.map(|weather| *weather) else {
            return;
        };
        if read == 0 {
            return;
        }
        let mut rest = &buffer[..read];
        match now {
            Weather::Latency(time) => sleep(time).await,
            Weather::Trickle => {
                while let (Some(byte), true) = (rest.first(), read - rest.len() < TRICKLED) {
                    if to.write_all(&[*byte]).await.is_err() {
                        return;
                    }
                    tokio::task::yield_now().await;
                    rest = &rest[1..];
                }
            }
            Weather::Clear | Weather::Stall | Weather::HalfOpen => {}
        }
        if to.write_all(rest).await.is_err() {
            return;
        }
    }
}
