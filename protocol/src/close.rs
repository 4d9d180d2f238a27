//! Every reason for which the server closes a socket: a code, a sentence, and whether to reconnect.

use serde::{Deserialize, Serialize};

macro_rules! close_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $sentence:literal;)*) => {
        /// Why a socket was closed. 4000 to 4499: reconnect and resume; 4500 to 4999: do not, unless something changes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[repr(u16)]
        pub enum CloseCode {
            $($(#[$doc])* $name = $code,)*
        }

        impl CloseCode {
            /// All of them, in ascending order.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The sentence that goes into the close frame.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self {
                    $(Self::$name => $sentence,)*
                }
            }

            /// The close code of this number, if it is one of ours.
            #[must_use]
            pub const fn from_code(code: u16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

close_codes! {
    /// The process must end at once: reconnect with backoff.
    Restarting = 1012, "service restart: reconnect";
    /// This node is shutting down in order: reconnect and resume on another.
    Draining = 4000, "draining: reconnect and resume";
    /// The client read too slowly and its outbox overflowed: reconnect and resume from the last seq.
    SlowConsumer = 4001, "slow consumer: reconnect and resume from your last seq";
    /// A server ping was not answered in time.
    HeartbeatMissed = 4002, "heartbeat missed: reconnect and resume";
    /// The server failed in a way it had not planned for on this socket.
    InternalError = 4003, "internal error: reconnect and resume";
    /// No valid token came: in the first request, in time.
    AuthenticationFailed = 4500, "authentication failed: send session.start with a valid token first";
    /// The token ran out: connect again with a new one, or call `session.refresh` in time.
    TokenExpired = 4501, "token expired: connect with a new token";
    /// The shop withdrew this user's tokens.
    Revoked = 4502, "access revoked";
    /// The client broke the protocol: the other frame type, or an unreadable stream.
    ProtocolError = 4503, "protocol error";
    /// A frame was larger than the limit that `session.start` told.
    FrameTooLarge = 4504, "frame too large";
    /// The client kept on sending frames above the rate.
    RateLimit = 4505, "rate limit: too many frames";
    /// This user has as many sessions as allowed.
    SessionLimit = 4506, "session limit: too many sessions of this user";
}

impl CloseCode {
    /// The number in the close frame.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// Whether the client should connect again by itself.
    #[must_use]
    pub const fn reconnect(self) -> bool {
        self.code() < 4500
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_round_trips_and_its_sentence_fits_a_close_frame() {
        for &code in CloseCode::ALL {
            assert_eq!(CloseCode::from_code(code.code()), Some(code));
            // RFC 6455: a control frame carries at most 125 bytes, two of them the code.
            assert!(code.sentence().len() <= 123, "{code:?}");
        }
    }

    #[test]
    fn the_range_of_a_code_tells_whether_to_reconnect() {
        assert!(CloseCode::Draining.reconnect() && CloseCode::Restarting.reconnect());
        assert!(!CloseCode::TokenExpired.reconnect());
    }
}
