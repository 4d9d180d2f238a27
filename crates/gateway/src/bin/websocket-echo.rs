//! An echo server that takes sockets as the gateway does, for conformance suites: `websocket-echo [--listen ADDRESS]`.
//! It says `listening on ws://ADDRESS` when it is ready, and echoes until it is killed.

use std::{io, net::SocketAddr};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address: SocketAddr = match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => SocketAddr::from(([127, 0, 0, 1], 0)),
        (Some("--listen"), Some(address)) => address.parse().map_err(io::Error::other)?,
        _ => return Err(io::Error::other("usage: websocket-echo [--listen ADDRESS]")),
    };
    let listener = TcpListener::bind(address).await?;
    say(listener.local_addr()?);
    deskwire_gateway::serve_echo(listener, CancellationToken::new()).await;
    Ok(())
}

#[allow(clippy::print_stdout, reason = "the suite waits for this line")]
fn say(address: SocketAddr) {
    println!("listening on ws://{address}");
}
