//! One connection, plain or TLS, and the place it takes among the connections of this node.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
};
use tokio_rustls::server::TlsStream;

enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// As much as the longest header of a WebSocket frame.
const SIP_BYTES: usize = 14;

/// A connection; its place is free again when it is dropped.
pub(crate) struct Stream {
    io: Io,
    sips: bool,
    _place: OwnedSemaphorePermit,
}

impl Stream {
    pub(crate) const fn plain(io: TcpStream, place: OwnedSemaphorePermit) -> Self {
        Self { io: Io::Plain(io), sips: false, _place: place }
    }

    pub(crate) fn tls(io: TlsStream<TcpStream>, place: OwnedSemaphorePermit) -> Self {
        Self { io: Io::Tls(Box::new(io)), sips: false, _place: place }
    }

    /// The next read is a short one. The WebSocket layer makes room for a frame *behind* what it has of it already, and keeps
    /// that room for as long as the socket lives: had it read the first frame, which bears a token, at once, every idle
    /// socket would keep twice as much.
    pub(crate) const fn sip(mut self) -> Self {
        self.sips = true;
        self
    }
}

impl Io {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(io) => Pin::new(io).poll_read(cx, buf),
            Self::Tls(io) => Pin::new(io).poll_read(cx, buf),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.sips {
            return self.io.poll_read(cx, buf);
        }
        let most = buf.remaining().min(SIP_BYTES);
        let mut sip = ReadBuf::new(buf.initialize_unfilled_to(most));
        let read = self.io.poll_read(cx, &mut sip);
        let bytes = sip.filled().len();
        buf.advance(bytes);
        self.sips = bytes == 0;
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Plain(io) => Pin::new(io).poll_write(cx, buf),
            Io::Tls(io) => Pin::new(io).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Plain(io) => Pin::new(io).poll_write_vectored(cx, bufs),
            Io::Tls(io) => Pin::new(io).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(io) => Pin::new(io).poll_flush(cx),
            Io::Tls(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(io) => Pin::new(io).poll_shutdown(cx),
            Io::Tls(io) => Pin::new(io).poll_shutdown(cx),
        }
    }
}
