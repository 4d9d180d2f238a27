//! One attempt: a POST of the signed body, and what the answer means. Of the answer only the status and `Retry-After` are
//! read; redirects are answers like any other, and none is followed.

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use axum::body::Body;
use deskwire_chat::Clock;
use deskwire_protocol::Timestamp;
use deskwire_store::ClaimedDelivery;
use futures::StreamExt;
use http::{HeaderMap, Request, StatusCode, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::time::{Instant, timeout};

use super::{
    WebhooksConfig,
    connect::{self, ConnectError},
    signature,
    target::Target,
};

/// The answer's body is read so far and thrown away, so that the receiver sees an orderly end;
const ANSWER_BYTES: usize = 4 * 1024;
/// not for longer than this.
const ANSWER_TIME: Duration = Duration::from_secs(1);
/// Its head must fit in here.
const HEAD_BYTES: usize = 16 * 1024;

const USER_AGENT: &str = concat!("Deskwire/", env!("CARGO_PKG_VERSION"));

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tried {
    /// When it began.
    pub(crate) time: Timestamp,
    /// How long it took.
    pub(crate) duration: Duration,
    /// What the receiver said to it.
    pub(crate) answer: Answer,
}

/// What the receiver said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It has it.
    Taken(StatusCode),
    /// It wants nothing any more.
    Gone,
    /// Anything else.
    Refused { status: StatusCode, retry_after: Option<Duration> },
    /// Nothing: why, for the shop.
    Nothing(String),
}

/// Why nothing was answered.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("`url` {0}")]
    Target(#[from] super::target::TargetError),
    #[error("{0}")]
    Secret(#[from] signature::SecretError),
    #[error("{0}")]
    Connect(#[from] ConnectError),
    #[error("no connection within {} ms", .0.as_millis())]
    ConnectTimeout(Duration),
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    #[error("the request cannot be written: {0}")]
    Request(#[from] http::Error),
    #[error("the connection broke: {0}")]
    Http(#[from] hyper::Error),
}

/// Posts the delivery. It always comes back: every step has its deadline.
pub(crate) async fn attempt(
    delivery: &ClaimedDelivery,
    tls: &Arc<ClientConfig>,
    config: &WebhooksConfig,
    clock: &dyn Clock,
) -> Tried {
    let (time, began) = (clock.now(), Instant::now());
    let deadline = config.attempt_timeout;
    let answer = match timeout(deadline, post(delivery, time, tls, config, clock)).await {
        Ok(answer) => answer,
        Err(_) => Err(Failure::Timeout(deadline)),
    };
    let answer = answer.unwrap_or_else(|failure| {
        // In full here only: which addresses a name has on our side of the network is not for the shop's log.
        tracing::debug!(delivery_id = %delivery.delivery_id, webhook_id = %delivery.webhook.webhook_id, ?failure,
            "a webhook was not answered");
        Answer::Nothing(failure.to_string())
    });
    Tried { time, duration: began.elapsed(), answer }
}

async fn post(
    delivery: &ClaimedDelivery,
    now: Timestamp,
    tls: &Arc<ClientConfig>,
    config: &WebhooksConfig,
    clock: &dyn Clock,
) -> Result<Answer, Failure> {
    // Parsed anew each time: what is allowed may be configured otherwise since.
    let target = Target::parse(&delivery.webhook.url, config)?;
    let seconds = now.millis().div_euclid(1_000);
    let signature =
        signature::sign(delivery.webhook.secrets(now), &delivery.event_id, seconds, &delivery.body)?;
    let request = Request::post(target.path.clone())
        .header(header::HOST, &target.authority)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONTENT_LENGTH, delivery.body.len())
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::CONNECTION, "close")
        .header("webhook-id", delivery.event_id.as_str())
        .header("webhook-timestamp", seconds)
        .header("webhook-signature", signature)
        .body(Body::from(delivery.body.clone()))?;

    let limit = config.connect_timeout;
    let connecting = timeout(limit, connect::connect(&target, tls, config)).await;
    let connection = connecting.map_err(|_| Failure::ConnectTimeout(limit))??;
    let (mut sender, connection) =
        http1::Builder::new().max_buf_size(HEAD_BYTES).handshake(TokioIo::new(connection)).await?;
    let exchange = async move {
        let answer = sender.send_request(request).await?;
        let (head, body) = answer.into_parts();
        timeout(ANSWER_TIME, throw_away(Body::new(body))).await.ok();
        Ok(read(head.status, &head.headers, clock.now()))
    };
    let driven = async {
        // If it breaks, the exchange is told.
        connection.await.ok();
        std::future::pending::<Infallible>().await
    };
    let (exchange, driven) = (pin!(exchange), pin!(driven));
    tokio::select! {
        answered = exchange => answered,
        never = driven => match never {},
    }
}

async fn throw_away(body: Body) {
    let mut body = body.into_data_stream();
    let mut read = 0;
    while let Some(Ok(bytes)) = body.next().await {
        read += bytes.len();
        if read >= ANSWER_BYTES {
            return;
        }
    }
}

fn read(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Answer {
    if status.is_success() {
        Answer::Taken(status)
    } else if status == StatusCode::GONE {
        Answer::Gone
    } else {
        let asked = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        Answer::Refused { status, retry_after: asked.and_then(|asked| retry_after(asked, now)) }
    }
}

/// Seconds, or a date.
fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text.trim()).ok()?;
    let since_epoch = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Timestamp::default().plus(since_epoch).since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_says_what_follows() {
        let now = Timestamp::from_millis(1_764_000_000_000);
        let mut headers = HeaderMap::new();
        let read =
            |status: u16, headers: &HeaderMap| read(StatusCode::from_u16(status).unwrap(), headers, now);
        for status in [200, 201, 202, 204, 299] {
            assert!(matches!(read(status, &headers), Answer::Taken(taken) if taken == status), "{status}");
        }
        assert_eq!(read(410, &headers), Answer::Gone);
        for status in [301, 302, 307, 400, 401, 404, 429, 500, 503] {
            assert!(matches!(read(status, &headers), Answer::Refused { retry_after: None, .. }), "{status}");
        }
        for (value, seconds) in [
            ("120", Some(120)),
            ("Mon, 24 Nov 2025 16:00:30 GMT", Some(30)),
            ("Mon, 24 Nov 2025 15:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            headers.insert(header::RETRY_AFTER, value.parse().unwrap());
            let Answer::Refused { retry_after, .. } = read(503, &headers) else { panic!("{value}") };
            assert_eq!(retry_after, seconds.map(Duration::from_secs), "{value}");
        }
    }
}
