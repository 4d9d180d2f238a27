//! The two connections of a node: one that listens, one that tells. Which commands they take depends on whether Redis is a
//! cluster; nothing outside this file needs to know.

use std::sync::Arc;

use futures::future::try_join_all;
use redis::{
    AsyncConnectionConfig, Client, Pipeline, PushInfo, RedisError, TlsCertificates,
    aio::MultiplexedConnection, cluster::ClusterClient, cluster_async::ClusterConnection,
};

use super::{RedisConfig, address::Address, channel};

/// Channels of one command.
const CHUNK: usize = 500;
/// Commands under way at a time, where there must be many.
const ABREAST: usize = 64;

/// What is called with whatever Redis pushes. It must be quick.
pub(super) type Hear = Arc<dyn Fn(PushInfo) + Send + Sync>;

/// What is to be told, on which channel.
pub(super) struct Message {
    pub(super) channel: Arc<str>,
    pub(super) bytes: Vec<u8>,
}

/// Both connections.
pub(super) struct Link {
    pub(super) subscriber: Subscriber,
    pub(super) publisher: Publisher,
}

/// Listens, and does nothing else.
#[derive(Clone)]
pub(super) enum Subscriber {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// Tells. All clones share one connection.
#[derive(Clone)]
pub(super) enum Publisher {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Link {
    pub(super) async fn connect(
        address: &Address,
        config: &RedisConfig,
        hear: &Hear,
    ) -> Result<Self, RedisError> {
        match address {
            Address::Sentinels(sentinels) => Self::to_server(&sentinels.master().await?, config, hear).await,
            Address::Servers(servers) => {
                let mut last = None;
                for server in servers {
                    match Self::to_any(server, servers, config, hear).await {
                        Ok(link) => return Ok(link),
                        Err(error) => last = Some(error),
                    }
                }
                Err(last.unwrap_or_else(|| std::io::Error::from(std::io::ErrorKind::NotFound).into()))
            }
        }
    }

    /// To a server, or to the cluster that it is a member of.
    async fn to_any(
        server: &Client,
        servers: &[Client],
        config: &RedisConfig,
        hear: &Hear,
    ) -> Result<Self, RedisError> {
        let mut asking = server.get_multiplexed_async_connection_with_config(&settings(config)).await?;
        let about: String = redis::cmd("INFO").arg("cluster").query_async(&mut asking).await?;
        if about.contains("cluster_enabled:1") {
            Self::to_cluster(servers, config, hear).await
        } else {
            Self::to_server(server, config, hear).await
        }
    }

    async fn to_server(server: &Client, config: &RedisConfig, hear: &Hear) -> Result<Self, RedisError> {
        let listening = settings(config).set_push_sender(never_failing(hear));
        let subscriber = server.get_multiplexed_async_connection_with_config(&listening).await?;
        let publisher = server.get_multiplexed_async_connection_with_config(&settings(config)).await?;
        Ok(Self { subscriber: Subscriber::Server(subscriber), publisher: Publisher::Server(publisher) })
    }

    async fn to_cluster(servers: &[Client], config: &RedisConfig, hear: &Hear) -> Result<Self, RedisError> {
        let members = || {
            let nodes = servers.iter().map(|server| server.get_connection_info().clone());
            let mut builder = ClusterClient::builder(nodes)
                .connection_timeout(config.connect_timeout)
                .response_timeout(config.answer_timeout)
                .overall_response_timeout(Some(config.answer_timeout))
                // Whoever publishes decides what a failure means, and soon.
                .retries(1);
            if let Some(ca) = &config.ca {
                builder = builder.certs(TlsCertificates { client_tls: None, root_cert: Some(ca.clone()) });
            }
            builder
        };
        let subscriber = members().push_sender(never_failing(hear)).build()?.get_async_connection().await?;
        let publisher = members().build()?.get_async_connection().await?;
        Ok(Self { subscriber: Subscriber::Cluster(subscriber), publisher: Publisher::Cluster(publisher) })
    }
}

impl Subscriber {
    /// Returns when all of them are followed.
    pub(super) async fn begin(&self, channels: &[Arc<str>]) -> Result<(), RedisError> {
        match self {
            Self::Server(connection) => {
                for chunk in channels.chunks(CHUNK) {
                    connection.clone().subscribe(names(chunk)).await?;
                }
                Ok(())
            }
            Self::Cluster(connection) => {
                for commands in by_command(channels).chunks(ABREAST) {
                    try_join_all(commands.iter().map(|channels| {
                        let (mut connection, channels) = (connection.clone(), channels.clone());
                        async move { connection.ssubscribe(channels).await }
                    }))
                    .await?;
                }
                Ok(())
            }
        }
    }

    /// Returns when none of them is followed any more.
    pub(super) async fn end(&self, channels: &[Arc<str>]) -> Result<(), RedisError> {
        match self {
            Self::Server(connection) => {
                for chunk in channels.chunks(CHUNK) {
                    connection.clone().unsubscribe(names(chunk)).await?;
                }
                Ok(())
            }
            Self::Cluster(connection) => {
                for commands in by_command(channels).chunks(ABREAST) {
                    try_join_all(commands.iter().map(|channels| {
                        let (mut connection, channels) = (connection.clone(), channels.clone());
                        async move { connection.sunsubscribe(channels).await }
                    }))
                    .await?;
                }
                Ok(())
            }
        }
    }

    /// The channels through which this node proves that it is heard.
    pub(super) fn probes(&self, prefix: &str, node: u64) -> Vec<Arc<str>> {
        match self {
            Self::Server(_) => vec![channel::of_probe(prefix, node)],
            Self::Cluster(_) => channel::of_probes(prefix, node),
        }
    }
}

impl Publisher {
    /// Hands them to Redis, those of each place in order and in one round trip.
    pub(super) async fn publish(&self, messages: &[Message]) -> Result<(), RedisError> {
        match self {
            Self::Server(connection) => {
                pipeline("PUBLISH", messages.iter()).query_async::<()>(&mut connection.clone()).await
            }
            Self::Cluster(connection) => {
                let places = by_place(messages, |message| &message.channel);
                try_join_all(places.into_iter().map(|messages| {
                    let (mut connection, pipeline) =
                        (connection.clone(), pipeline("SPUBLISH", messages.into_iter()));
                    async move { pipeline.query_async::<()>(&mut connection).await }
                }))
                .await
                .map(drop)
            }
        }
    }
}

fn settings(config: &RedisConfig) -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(config.connect_timeout))
        .set_response_timeout(Some(config.answer_timeout))
}

/// An error from here would end the connection without a word.
fn never_failing(
    hear: &Hear,
) -> impl Fn(PushInfo) -> Result<(), redis::aio::SendError> + Send + Sync + 'static {
    let hear = Arc::clone(hear);
    move |pushed| {
        hear(pushed);
        Ok(())
    }
}

fn pipeline<'m>(command: &str, messages: impl Iterator<Item = &'m Message>) -> Pipeline {
    let mut pipeline = redis::pipe();
    for Message { channel, bytes } in messages {
        pipeline.cmd(command).arg(&**channel).arg(bytes).ignore();
    }
    pipeline
}

fn names(channels: &[Arc<str>]) -> Vec<String> {
    channels.iter().map(|channel| channel.as_ref().to_owned()).collect()
}

/// A cluster takes only channels of one place in one command.
fn by_command(channels: &[Arc<str>]) -> Vec<Vec<String>> {
    by_place(channels, |channel| channel)
        .into_iter()
        .flat_map(|channels| {
            let names: Vec<String> =
                channels.into_iter().map(|channel| channel.as_ref().to_owned()).collect();
            names.chunks(CHUNK).map(<[_]>::to_vec).collect::<Vec<_>>()
        })
        .collect()
}

/// In groups that a cluster carries in one place, each in the order given.
fn by_place<T>(things: &[T], channel_of: impl Fn(&T) -> &str) -> Vec<Vec<&T>> {
    let mut groups = indexmap::IndexMap::<&str, Vec<&T>>::new();
    for thing in things {
        let place = channel::place(channel_of(thing));
        groups.entry(place).or_default().push(thing);
    }
    groups.into_values().collect()
}
