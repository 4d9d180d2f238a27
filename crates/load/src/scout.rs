//! One request after another over a socket of its own: for what has to be known before the load, and after it.

use std::io;

use deskwire_protocol::{Codec, MethodName, session::StartParams};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::{
    socket::{Heard, PATIENCE, Patience, Reader, Socket, Target, bytes},
    wire::{self, Done, Head},
};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    #[error("no connection: {0}")]
    Socket(#[from] io::Error),
    #[error("the service closed the socket{}", .0.map(|code| format!(" with {code}")).unwrap_or_default())]
    Closed(Option<u16>),
    #[error("{method} was refused: {message} ({code})")]
    Refused { method: &'static str, code: i32, message: String },
    #[error(transparent)]
    Unreadable(#[from] wire::Unreadable),
    #[error("no answer to {0} in time")]
    Late(&'static str),
}

/// A socket with a session.
pub(crate) struct Scout {
    socket: Socket,
    last_id: u32,
}

impl Scout {
    pub(crate) async fn begin(target: &Target, token: String) -> Result<Self, Unanswered> {
        let mut opened = target.open(0, Codec::Json, Reader::Usual).await;
        // One node that does not answer is no reason: the others have their turns.
        for turn in 1..target.nodes() {
            if opened.is_err() {
                opened = target.open(turn, Codec::Json, Reader::Usual).await;
            }
        }
        let socket = opened?;
        let mut scout = Self { socket, last_id: 0 };
        let params = StartParams { token: Some(token), ..StartParams::default() };
        scout.call::<_, Done>(MethodName::SessionStart, &params).await?;
        Ok(scout)
    }

    /// Asks and waits; events that come meanwhile are let go.
    pub(crate) async fn call<P: Serialize, T: for<'a> Deserialize<'a>>(
        &mut self,
        method: MethodName,
        params: &P,
    ) -> Result<T, Unanswered> {
        self.last_id += 1;
        self.socket.feed(self.last_id, method, params, Patience::Usual).await?;
        self.socket.flush(Patience::Usual).await?;
        timeout(PATIENCE, self.answer(method)).await.map_err(|_| Unanswered::Late(method.as_str()))?
    }

    async fn answer<T: for<'a> Deserialize<'a>>(&mut self, method: MethodName) -> Result<T, Unanswered> {
        loop {
            match self.socket.hear().await {
                Heard::Frame(frame) => {
                    let frame = bytes(&frame);
                    if wire::head(Codec::Json, frame)? == Head::Reply(self.last_id) {
                        return wire::reply(Codec::Json, frame)?.map_err(|refusal| Unanswered::Refused {
                            method: method.as_str(),
                            code: refusal.code,
                            message: refusal.message,
                        });
                    }
                }
                Heard::Beat => {}
                Heard::Closed(code) => return Err(Unanswered::Closed(code)),
                Heard::Lost => return Err(Unanswered::Closed(None)),
            }
        }
    }
}
