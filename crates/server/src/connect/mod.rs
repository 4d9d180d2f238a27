//! `deskwire connect`: a terminal client. It reconnects and resumes by itself, and works through pipes too.

mod input;
mod show;
mod talk;
mod wire;

use std::{ops::Range, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use deskwire_chat::{Clock, SystemClock};
use deskwire_gateway::{TlsFiles, TokenKeys, client_tls};
use deskwire_protocol::{ClientMessageId, CloseCode, Codec, UserId};
use futures::{SinkExt, StreamExt};
use rand::Rng;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines, Stdin},
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
    tungstenite::{
        self, ClientRequestBuilder, Message,
        protocol::{CloseFrame, frame::coding::CloseCode as FrameCloseCode},
    },
};

use crate::{
    cli::ConnectArgs,
    config::Settings,
    demo, output,
    tokens::{self, Bearer, Missing},
};
use talk::Talk;
use wire::Incoming;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Own tokens are valid so long; they are renewed on the way.
const TOKEN_SECONDS: u32 = 12 * 3600;

/// How long an upgrade may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The server pings more often than this: so long a silence means that it is gone.
const SILENCE: Duration = Duration::from_secs(75);

/// How long outstanding answers are waited for after the last line of input.
const LAST_ANSWERS: Duration = Duration::from_secs(30);

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// A server that takes nobody now may ask for a later try, up to this.
const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(5);

/// Where tokens come from.
enum Tokens {
    Given(String),
    Own { keys: TokenKeys, bearer: Bearer, clock: Arc<dyn Clock> },
}

impl Tokens {
    fn next(&self) -> anyhow::Result<String> {
        match self {
            Self::Given(token) => Ok(token.clone()),
            Self::Own { keys, bearer, clock } => {
                tokens::mint(keys, bearer.clone(), TOKEN_SECONDS, clock.as_ref())
            }
        }
    }
}

/// How a connection ended.
enum End {
    /// As the user wished.
    Quit,
    /// Worth another try.
    Lost(String),
    /// Not worth another try.
    Refused(String),
}

/// What a connection waits for.
enum Woken {
    Frame(Option<Result<Message, tungstenite::Error>>),
    Silence,
    Line(std::io::Result<Option<String>>),
    Retry,
    Deadline,
}

/// Talks until the user ends it.
pub(crate) async fn run(args: ConnectArgs, settings: &Settings) -> anyhow::Result<()> {
    let sub = args.sub.clone().unwrap_or_else(|| demo::first(args.side.role()));
    let tokens = tokens_of(&args, settings, &sub)?;
    let here = settings.gateway().tls;
    let url = args.url.clone().unwrap_or_else(|| demo::url(settings.listen(), here.as_ref()));
    let own = here.filter(TlsFiles::stands_alone).map(|files| files.certificate);
    let tls = client_tls(args.ca.as_deref().or(own.as_deref()))?;
    let mut client = Connection {
        url,
        tls: Connector::Rustls(tls),
        codec: args.codec,
        tokens,
        talk: Talk::new(args.side, sub, Box::new(new_message_id)),
        input: BufReader::new(tokio::io::stdin()).lines(),
        input_ended: None,
    };
    let mut socket = loop {
        match client.open().await {
            Ok(socket) => break socket,
            Err(error) => {
                let Some(told) = retry_after(&error) else { return Err(explained(&client.url, error)) };
                say("* the server takes nobody now; connecting again")?;
                tokio::time::sleep(spread(told, 1.0..1.25)).await;
            }
        }
    };
    let mut pause = FIRST_PAUSE;
    loop {
        let began = Instant::now();
        let end = client.converse(&mut socket).await;
        client.talk.disconnected();
        client.print()?;
        match end? {
            End::Quit => return Ok(()),
            End::Refused(why) => bail!("{why}"),
            End::Lost(why) => say(&format!("* {why}; connecting again"))?,
        }
        if began.elapsed() > LONGEST_PAUSE {
            pause = FIRST_PAUSE;
        }
        let mut wait = spread(client.talk.draining.take().unwrap_or(pause), 0.5..1.5);
        socket = loop {
            if client.deadline().is_some_and(|deadline| deadline <= Instant::now()) {
                bail!("{} messages were not acknowledged", client.talk.unacknowledged());
            }
            tokio::time::sleep(wait).await;
            match client.open().await {
                Ok(socket) => break socket,
                Err(error) => {
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    // Whoever was told a time is not back before it.
                    wait = retry_after(&error)
                        .map_or_else(|| spread(pause, 0.5..1.5), |told| spread(told, 1.0..1.25));
                    tracing::debug!(%error, "no connection yet");
                }
            }
        };
    }
}

/// Many clients lose one server at once, and must not all be back at once.
fn spread(wait: Duration, share: Range<f64>) -> Duration {
    wait.mul_f64(rand::rng().random_range(share))
}

/// When the server that refused an upgrade wants it tried again; none where it does not say so in seconds.
fn retry_after(error: &anyhow::Error) -> Option<Duration> {
    let Some(tungstenite::Error::Http(response)) = error.downcast_ref::<tungstenite::Error>() else {
        return None;
    };
    let seconds = response.headers().get("retry-after")?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER))
}

fn tokens_of(args: &ConnectArgs, settings: &Settings, sub: &UserId) -> anyhow::Result<Tokens> {
    if let Some(token) = &args.token {
        return Ok(Tokens::Given(token.clone()));
    }
    let role = args.side.role();
    let person = demo::person(&args.shop, role, sub);
    let bearer = Bearer {
        role,
        shop: args.shop.clone(),
        sub: sub.clone(),
        name: args.name.clone().or_else(|| person.map(|person| person.name.to_owned())),
        locale: person.map(|person| person.locale.to_owned()),
    };
    Ok(Tokens::Own { keys: tokens::keys(settings, Missing::Refuse)?, bearer, clock: Arc::new(SystemClock) })
}

/// 128 random bits: unique without asking anyone.
fn new_message_id() -> ClientMessageId {
    let id = format!("c-{:032x}", rand::rng().random::<u128>());
    #[expect(clippy::expect_used, reason = "34 letters and digits are always an id")]
    ClientMessageId::new(id).expect("an id")
}

fn say(line: &str) -> anyhow::Result<()> {
    output::line(line).context("standard output is closed")
}

fn explained(url: &str, error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<tungstenite::Error>() {
        Some(tungstenite::Error::Io(io)) if io.kind() == std::io::ErrorKind::ConnectionRefused => {
            error.context(format!("nobody listens at {url}: is `deskwire serve` running?"))
        }
        Some(tungstenite::Error::Io(io)) if io.to_string().contains("UnknownIssuer") => {
            error.context(format!("nobody vouches for {url}: give its certificate by --ca FILE"))
        }
        Some(_) | None => error.context(format!("no connection to {url}")),
    }
}

struct Connection {
    url: String,
    tls: Connector,
    codec: Codec,
    tokens: Tokens,
    talk: Talk,
    input: Lines<BufReader<Stdin>>,
    /// When the input ended, if it did.
    input_ended: Option<Instant>,
}

impl Connection {
    async fn open(&self) -> anyhow::Result<Socket> {
        let uri = self.url.parse().with_context(|| format!("{} is no URL", self.url))?;
        let request = ClientRequestBuilder::new(uri).with_sub_protocol(self.codec.subprotocol());
        // Frames are written whole, so waiting to fill packets only delays them.
        let connecting = connect_async_tls_with_config(request, None, true, Some(self.tls.clone()));
        let (socket, _) =
            timeout(CONNECT_TIMEOUT, connecting).await.context("the server did not answer in time")??;
        Ok(socket)
    }

    /// When to give up waiting for answers.
    fn deadline(&self) -> Option<Instant> {
        self.input_ended.map(|ended| ended + LAST_ANSWERS)
    }

    fn print(&mut self) -> anyhow::Result<()> {
        self.talk.lines.drain(..).try_for_each(|line| say(&line))
    }

    async fn converse(&mut self, socket: &mut Socket) -> anyhow::Result<End> {
        self.talk.connected(self.tokens.next()?);
        loop {
            if let Err(error) = self.flush(socket).await {
                // Why it was closed stands in the frames that are still to be read.
                tracing::debug!(%error, "a write failed");
            }
            self.print()?;
            if let Some(error) = self.talk.refused.take() {
                return Ok(if error.data.retryable {
                    End::Lost(format!("the server cannot begin the session now ({error})"))
                } else {
                    End::Refused(format!("the session was refused: {error}"))
                });
            }
            if self.input_ended.is_some() && self.talk.is_done() {
                leave(socket).await;
                return Ok(End::Quit);
            }
            if self.talk.may_leave() {
                leave(socket).await;
                return Ok(End::Lost("the server is going".into()));
            }
            match self.wake(socket).await {
                Woken::Frame(Some(Ok(Message::Close(frame)))) => {
                    return Ok(closed(frame.as_ref(), &self.tokens));
                }
                Woken::Frame(Some(Ok(message))) => match wire::incoming(self.codec, &message) {
                    Ok(Some(incoming)) => self.receive(incoming)?,
                    Ok(None) => {}
                    Err(error) => return Ok(End::Refused(format!("{error:#}"))),
                },
                Woken::Frame(Some(Err(error))) => {
                    tracing::debug!(%error, "the connection was lost");
                    return Ok(End::Lost("the connection was lost".into()));
                }
                Woken::Frame(None) => return Ok(End::Lost("the connection was lost".into())),
                Woken::Silence => return Ok(End::Lost("the server has gone silent".into())),
                Woken::Line(line) => match line.context("input cannot be read")? {
                    Some(line) => match input::parse(&line) {
                        input::Input::Quit => {
                            leave(socket).await;
                            return Ok(End::Quit);
                        }
                        typed => self.talk.typed(typed),
                    },
                    None => self.input_ended = Some(Instant::now()),
                },
                Woken::Retry => self.talk.send_next(),
                Woken::Deadline => {
                    bail!(
                        "no answer came in time; {} messages were not acknowledged",
                        self.talk.unacknowledged()
                    )
                }
            }
        }
    }

    fn receive(&mut self, incoming: Incoming) -> anyhow::Result<()> {
        self.talk.received(incoming)?;
        if self.talk.expiring {
            match &self.tokens {
                Tokens::Own { .. } => self.talk.refresh(self.tokens.next()?),
                Tokens::Given(_) => {
                    self.talk.expiring = false;
                    say("* the token runs out soon: the server will end this session")?;
                }
            }
        }
        Ok(())
    }

    /// Waits for the next thing to happen.
    async fn wake(&mut self, socket: &mut Socket) -> Woken {
        let retry = self.talk.retry_at;
        let reads_input = self.input_ended.is_none() && self.talk.takes_input();
        let deadline = self.deadline();
        tokio::select! {
            frame = timeout(SILENCE, socket.next()) => frame.map_or(Woken::Silence, Woken::Frame),
            line = self.input.next_line(), if reads_input => Woken::Line(line),
            () = sleep_until(retry.unwrap_or_else(Instant::now)), if retry.is_some() => Woken::Retry,
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => Woken::Deadline,
        }
    }

    async fn flush(&mut self, socket: &mut Socket) -> anyhow::Result<()> {
        for call in std::mem::take(&mut self.talk.calls) {
            socket.feed(wire::frame(self.codec, &call)?).await?;
        }
        Ok(socket.flush().await?)
    }
}

/// Closes in order: what was sent has been read by the server when it answers with its own close frame.
async fn leave(socket: &mut Socket) {
    let farewell = async {
        socket.close(None).await?;
        while socket.next().await.transpose()?.is_some() {}
        Ok::<_, tungstenite::Error>(())
    };
    if let Ok(Err(error)) = timeout(Duration::from_secs(2), farewell).await {
        tracing::debug!(%error, "the connection did not close in order");
    }
}

/// Says a close code in words, and decides whether to come back.
fn closed(frame: Option<&CloseFrame>, tokens: &Tokens) -> End {
    let Some(frame) = frame else { return End::Lost("the server closed the connection".into()) };
    let code = u16::from(frame.code);
    let reason =
        if frame.reason.is_empty() { "no reason given".to_owned() } else { show::safe(&frame.reason) };
    let sentence = format!("the server closed the connection: {reason} ({code})");
    match (CloseCode::from_code(code), tokens) {
        (Some(CloseCode::TokenExpired), Tokens::Own { .. }) => End::Lost(sentence),
        (Some(code), _) if code.reconnect() => End::Lost(sentence),
        (Some(_), _) => End::Refused(sentence),
        (None, _) if matches!(frame.code, FrameCloseCode::Policy | FrameCloseCode::Protocol) => {
            End::Refused(sentence)
        }
        (None, _) => End::Lost(sentence),
    }
}
