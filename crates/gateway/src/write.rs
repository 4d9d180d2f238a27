//! Frames to the client: whatever waits goes out by one vectored write, straight from the shared encoded bytes, so
//! that no copy stays behind in a socket's own buffer.

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use deskwire_protocol::Codec;
use futures::{FutureExt, SinkExt};
use tokio::{
    io::AsyncWrite,
    time::{Instant, timeout},
};

use crate::{stream::Stream, upgrade::Socket};

/// Frames of one system call.
const AT_ONCE: usize = 32;
/// The longest head of a frame that a server sends: two bytes and a 64-bit length.
const HEAD_BYTES: usize = 10;
/// A reader that always moves a little must still have read all within so many times the patience for one step.
const STEPS: u32 = 6;

/// A write did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    /// The peer does not read.
    #[error("the peer does not read")]
    Stalled(Rest),
    /// The connection is gone.
    #[error("the connection is gone")]
    Gone(#[source] io::Error),
}

/// What is left of a frame that was begun: without it the stream cannot be closed readably.
#[derive(Debug)]
pub(crate) struct Rest(pub(crate) Vec<u8>);

/// Writes all frames and flushes once. `patience` is how long a write may stand still.
pub(crate) async fn write_frames(
    socket: &mut Socket,
    codec: Codec,
    frames: &[Bytes],
    patience: Duration,
) -> Result<(), WriteError> {
    let mut place = Place { frame: 0, offset: 0 };
    // Nearly always the kernel takes all of it at once: then no clock is asked.
    if let Some(written) = write_on(socket, codec, frames, &mut place).now_or_never() {
        return written.map_err(WriteError::Gone);
    }
    let give_up_at = Instant::now() + patience * STEPS;
    // A pong or a close that the WebSocket layer has begun to write must end before ours begins.
    match timeout(patience, socket.flush()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(WriteError::Gone(io::Error::other(error))),
        Err(_) => return Err(WriteError::Stalled(Rest(Vec::new()))),
    }
    while place.frame < frames.len() {
        let step = poll_fn(|cx| poll_step(Pin::new(socket.get_mut()), cx, codec, frames, &mut place));
        match timeout(patience, step).await {
            Ok(Ok(())) if Instant::now() < give_up_at => {}
            Ok(Err(error)) => return Err(WriteError::Gone(error)),
            Ok(Ok(())) if place.frame == frames.len() => {}
            Ok(Ok(())) | Err(_) => return Err(WriteError::Stalled(place.rest(codec, frames))),
        }
    }
    match timeout(patience, poll_fn(|cx| Pin::new(socket.get_mut()).poll_flush(cx))).await {
        Ok(flushed) => flushed.map_err(WriteError::Gone),
        Err(_) => Err(WriteError::Stalled(Rest(Vec::new()))),
    }
}

/// Writes what is left, however long it takes.
async fn write_on(socket: &mut Socket, codec: Codec, frames: &[Bytes], place: &mut Place) -> io::Result<()> {
    socket.flush().await.map_err(io::Error::other)?;
    while place.frame < frames.len() {
        poll_fn(|cx| poll_step(Pin::new(socket.get_mut()), cx, codec, frames, place)).await?;
    }
    poll_fn(|cx| Pin::new(socket.get_mut()).poll_flush(cx)).await
}

/// How far a write has come: in which frame, and where in its head and payload.
struct Place {
    frame: usize,
    offset: usize,
}

impl Place {
    fn advance(&mut self, frames: &[Bytes], mut written: usize) {
        while let Some(frame) = frames.get(self.frame) {
            let left = head_len(frame.len()) + frame.len() - self.offset;
            if written < left {
                self.offset += written;
                return;
            }
            written -= left;
            self.frame += 1;
            self.offset = 0;
        }
    }

    fn rest(&self, codec: Codec, frames: &[Bytes]) -> Rest {
        let Some(frame) = frames.get(self.frame).filter(|_| self.offset > 0) else { return Rest(Vec::new()) };
        let (head, length) = head(codec, frame.len());
        let mut whole = head[..length].to_vec();
        whole.extend_from_slice(frame);
        Rest(whole.split_off(self.offset))
    }
}

/// One system call's worth. The slices live only within the call, so nothing of them is kept while waiting.
fn poll_step(
    stream: Pin<&mut Stream>,
    cx: &mut Context<'_>,
    codec: Codec,
    frames: &[Bytes],
    place: &mut Place,
) -> Poll<io::Result<()>> {
    let now = &frames[place.frame..frames.len().min(place.frame + AT_ONCE)];
    let mut heads = [([0u8; HEAD_BYTES], 0usize); AT_ONCE];
    for (slot, frame) in heads.iter_mut().zip(now) {
        *slot = head(codec, frame.len());
    }
    let mut slices = [IoSlice::new(&[]); 2 * AT_ONCE];
    let mut skip = place.offset;
    for (pair, ((head, length), frame)) in slices.chunks_exact_mut(2).zip(heads.iter().zip(now)) {
        let from_head = skip.min(*length);
        pair[0] = IoSlice::new(&head[from_head..*length]);
        pair[1] = IoSlice::new(&frame[skip - from_head..]);
        skip = 0;
    }
    let written = ready!(stream.poll_write_vectored(cx, &slices[..2 * now.len()]))?;
    if written == 0 {
        return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
    }
    place.advance(frames, written);
    Poll::Ready(Ok(()))
}

const fn head_len(payload: usize) -> usize {
    match payload {
        0..=125 => 2,
        126..=0xffff => 4,
        _ => HEAD_BYTES,
    }
}

/// The head of an unmasked, unfragmented frame (RFC 6455, 5.2).
fn head(codec: Codec, payload: usize) -> ([u8; HEAD_BYTES], usize) {
    let mut head = [0u8; HEAD_BYTES];
    head[0] = match codec {
        Codec::Json => 0x81,
        Codec::MsgPack => 0x82,
    };
    // The eight bytes of the length; smaller forms are their tail.
    let length = (payload as u64).to_be_bytes();
    let taken = head_len(payload);
    match taken {
        2 => head[1] = length[7],
        4 => {
            head[1] = 126;
            head[2..4].copy_from_slice(&length[6..]);
        }
        _ => {
            head[1] = 127;
            head[2..].copy_from_slice(&length);
        }
    }
    (head, taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_holds_the_length_in_its_shortest_form() {
        for (payload, expected) in [
            (0, &[0x81, 0][..]),
            (125, &[0x81, 125]),
            (126, &[0x81, 126, 0, 126]),
            (0xffff, &[0x81, 126, 0xff, 0xff]),
            (0x1_0000, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let (head, length) = head(Codec::Json, payload);
            assert_eq!(&head[..length], expected);
            assert_eq!(length, head_len(payload));
        }
        assert_eq!(head(Codec::MsgPack, 1).0[0], 0x82);
    }

    #[test]
    fn a_write_that_ends_anywhere_goes_on_from_there() {
        let frames: Vec<Bytes> = [3usize, 0, 126, 1].iter().map(|&n| Bytes::from(vec![7; n])).collect();
        let total: usize = frames.iter().map(|frame| head_len(frame.len()) + frame.len()).sum();
        for step in 1..=total {
            let mut place = Place { frame: 0, offset: 0 };
            let mut written = 0;
            while written < total {
                let now = step.min(total - written);
                place.advance(&frames, now);
                written += now;
                let before: usize =
                    frames[..place.frame].iter().map(|frame| head_len(frame.len()) + frame.len()).sum();
                assert_eq!(before + place.offset, written);
            }
            assert_eq!(place.frame, frames.len());
        }
    }
}
