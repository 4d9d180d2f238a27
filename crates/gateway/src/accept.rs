//! The accept loop: hyper with a deadline on every step, since `axum::serve` has none. Whatever goes wrong with one
//! connection, or with accepting as such, the loop lives.

use std::{io, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

use crate::stream::Stream;

/// Head and path of a request: no client of ours needs more.
const HEAD_BYTES: usize = 16 * 1024;
/// A connection that never becomes a WebSocket is asked to go after this time, however busy,
const HTTP_LIFETIME: Duration = Duration::from_mins(1);
/// and dropped after this one.
const HTTP_GRACE: Duration = Duration::from_secs(5);
/// For the head of a request whose TLS handshake took all the time; both together stay below ten seconds.
const LEAST_HEADER_TIME: Duration = Duration::from_millis(1_500);
/// Pause after a failed accept; doubled with each failure, up to the longest one.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Where connections come in.
pub(crate) struct Door {
    pub(crate) listener: TcpListener,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) header_timeout: Duration,
    /// Connections of any kind; those above it are dropped at once.
    pub(crate) connections: usize,
    pub(crate) tasks: TaskTracker,
}

impl Door {
    /// Serves the router until `stop`.
    pub(crate) async fn serve(self, router: Router, stop: CancellationToken) {
        let places = Arc::new(Semaphore::new(self.connections));
        let mut pause = FIRST_PAUSE;
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = self.listener.accept() => accepted,
            };
            let connection = match accepted {
                Ok((connection, _)) => connection,
                Err(error) if is_of_one_connection(&error) => continue,
                Err(error) => {
                    // No more file descriptors, or memory: it passes when others have gone.
                    warn!(error = %error, pause_ms = pause.as_millis(), "cannot accept connections, pausing");
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    continue;
                }
            };
            pause = FIRST_PAUSE;
            let Ok(place) = places.clone().try_acquire_owned() else {
                metrics::counter!("deskwire_connections_refused_total").increment(1);
                continue;
            };
            let (tls, router, stop) = (self.tls.clone(), router.clone(), stop.clone());
            let header_timeout = self.header_timeout;
            self.tasks.spawn(async move {
                let began = Instant::now();
                let Some(stream) = secure(connection, place, tls, header_timeout).await else { return };
                // What the handshake took is not there twice.
                let left = header_timeout.saturating_sub(began.elapsed()).max(LEAST_HEADER_TIME);
                serve_http(stream, router, left, stop).await;
            });
        }
    }
}

/// The peer went away before it was accepted: nothing is wrong here.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    [ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted].contains(&error.kind())
}

async fn secure(
    connection: TcpStream,
    place: OwnedSemaphorePermit,
    tls: Option<TlsAcceptor>,
    deadline: Duration,
) -> Option<Stream> {
    // Frames are written whole, so waiting to fill packets only delays them.
    if let Err(error) = connection.set_nodelay(true) {
        debug!(error = %error, "a connection was gone as soon as it came");
        return None;
    }
    let Some(tls) = tls else { return Some(Stream::plain(connection, place)) };
    match timeout(deadline, tls.accept(connection)).await {
        Ok(Ok(secured)) => Some(Stream::tls(secured, place)),
        Ok(Err(error)) => {
            debug!(error = %error, "TLS handshake failed");
            None
        }
        Err(_) => {
            debug!("TLS handshake took too long");
            None
        }
    }
}

async fn serve_http(stream: Stream, router: Router, header_timeout: Duration, stop: CancellationToken) {
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(header_timeout)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
            .with_upgrades()
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = stop.cancelled() => None,
        () = sleep(HTTP_LIFETIME) => None,
    };
    let ended = if let Some(ended) = ended {
        ended
    } else {
        connection.as_mut().graceful_shutdown();
        timeout(HTTP_GRACE, connection).await.unwrap_or(Ok(()))
    };
    if let Err(error) = ended {
        debug!(error = %error, "an HTTP connection ended badly");
    }
}
