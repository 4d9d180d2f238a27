//! The URL taken apart: one server, the members of a cluster, or sentinels that know where the master is.

use redis::{
    Client, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, RedisError, TlsCertificates, TlsMode,
    io::tcp::TcpSettings,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};

use super::{RedisConfig, RedisConfigError};

/// Where Redis is.
#[derive(Debug)]
pub(super) enum Address {
    /// A server, or members of a cluster: any of them will do.
    Servers(Vec<Client>),
    /// Asked anew for each connection.
    Sentinels(Box<Sentinels>),
}

/// Those who know where the master is.
#[derive(Debug)]
pub(super) struct Sentinels {
    hosts: Vec<ConnectionInfo>,
    master: String,
    /// How to talk to the master; of its address nothing.
    login: ConnectionInfo,
    tls: bool,
    certificates: Option<TlsCertificates>,
}

impl Address {
    pub(super) fn of(config: &RedisConfig) -> Result<Self, RedisConfigError> {
        let certificates =
            config.ca.as_ref().map(|ca| TlsCertificates { client_tls: None, root_cert: Some(ca.clone()) });
        let bad = |what: &str| RedisConfigError(what.into());
        let (scheme, rest) = config.url.split_once("://").ok_or_else(|| bad("is no URL"))?;
        match scheme {
            "unix" => Ok(Self::Servers(vec![client(&config.url, None)?])),
            "redis" | "rediss" => {
                let certificates = certificates.as_ref().filter(|_| scheme == "rediss");
                let parts = Parts::of(rest);
                let servers = parts.urls(scheme).map(|url| client(&url, certificates));
                Ok(Self::Servers(servers.collect::<Result<_, _>>()?))
            }
            "redis+sentinel" | "rediss+sentinel" => {
                let scheme = scheme.trim_end_matches("+sentinel");
                let mut parts = Parts::of(rest);
                let (master, path) = parts.path.split_once('/').unwrap_or((parts.path, ""));
                if master.is_empty() {
                    return Err(bad("must name the master after the sentinels: /MASTER"));
                }
                parts.path = path;
                let login = parts.urls(scheme).next().ok_or_else(|| bad("names no host"))?;
                // User and password are the master's.
                parts.login = "";
                let hosts = parts.urls(scheme).map(|url| info(&url)).collect::<Result<_, _>>()?;
                Ok(Self::Sentinels(Box::new(Sentinels {
                    hosts,
                    master: master.to_owned(),
                    login: info(&login)?,
                    tls: scheme == "rediss",
                    certificates,
                })))
            }
            _ => Err(bad(
                "must begin with redis://, rediss://, unix://, redis+sentinel:// or rediss+sentinel://",
            )),
        }
    }
}

impl Sentinels {
    /// Asks where the master is.
    pub(super) async fn master(&self) -> Result<Client, RedisError> {
        self.client()?.async_get_client().await
    }

    fn client(&self) -> Result<SentinelClient, RedisError> {
        let addresses = self.hosts.iter().map(|sentinel| sentinel.addr().clone());
        let login = self.login.redis_settings();
        let mut builder = SentinelClientBuilder::new(addresses, &self.master, SentinelServerType::Master)?
            .set_client_to_redis_protocol(ProtocolVersion::RESP3)
            .set_client_to_redis_db(login.db())
            .set_client_to_redis_tcp_settings(tcp())
            .set_client_to_sentinel_tcp_settings(tcp());
        if let Some(username) = login.username() {
            builder = builder.set_client_to_redis_username(username);
        }
        if let Some(password) = login.password() {
            builder = builder.set_client_to_redis_password(password);
        }
        if self.tls {
            builder = builder
                .set_client_to_redis_tls_mode(TlsMode::Secure)
                .set_client_to_sentinel_tls_mode(TlsMode::Secure);
            if let Some(certificates) = &self.certificates {
                builder = builder
                    .set_client_to_redis_certificates(certificates.clone())
                    .set_client_to_sentinel_certificates(certificates.clone());
            }
        }
        builder.build()
    }
}

/// What follows the scheme: `[LOGIN@]HOST[:PORT],…[/PATH][?QUERY]`.
struct Parts<'a> {
    login: &'a str,
    hosts: &'a str,
    path: &'a str,
}

impl<'a> Parts<'a> {
    fn of(rest: &'a str) -> Self {
        let (login, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        Self { login, hosts, path }
    }

    /// An address of each host.
    fn urls(&self, scheme: &str) -> impl Iterator<Item = String> {
        let Self { login, hosts, path } = self;
        let at = if login.is_empty() { "" } else { "@" };
        hosts.split(',').map(move |host| format!("{scheme}://{login}{at}{host}/{path}"))
    }
}

fn client(url: &str, certificates: Option<&TlsCertificates>) -> Result<Client, RedisConfigError> {
    let info = info(url)?;
    let client = match certificates {
        Some(certificates) => Client::build_with_tls(info, certificates.clone()),
        None => Client::open(info),
    };
    client.map_err(|error| RedisConfigError(error.to_string()))
}

fn info(url: &str) -> Result<ConnectionInfo, RedisConfigError> {
    let info = url.into_connection_info().map_err(|error| RedisConfigError(error.to_string()))?;
    let redis = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    Ok(info.set_redis_settings(redis).set_tcp_settings(tcp()))
}

/// A lone notice must not wait for a second one to share its packet.
fn tcp() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(url: &str) -> Result<Address, String> {
        Address::of(&RedisConfig::at(url)).map_err(|error| error.to_string())
    }

    fn hosts(url: &str) -> Vec<String> {
        match address(url).unwrap() {
            Address::Servers(servers) => {
                servers.iter().map(|client| client.get_connection_info().addr().to_string()).collect()
            }
            Address::Sentinels(sentinels) => {
                sentinels.hosts.iter().map(|sentinel| sentinel.addr().to_string()).collect()
            }
        }
    }

    #[test]
    fn a_server_a_socket_and_a_cluster_are_named_by_url() {
        assert_eq!(hosts("redis://shop.example"), ["shop.example:6379"]);
        assert_eq!(hosts("rediss://ana:secret@shop.example:7000/2"), ["shop.example:7000"]);
        assert_eq!(hosts("unix:///run/redis.sock"), ["/run/redis.sock"]);
        assert_eq!(hosts("redis://:p%40ss@a:1,b:2,[::1]:3"), ["a:1", "b:2", "::1:3"]);
        let Address::Servers(servers) = address("redis://:p%40ss@a:1,b:2").unwrap() else {
            panic!("servers")
        };
        for server in servers {
            assert_eq!(server.get_connection_info().redis_settings().password(), Some("p@ss"));
            assert!(server.get_connection_info().tcp_settings().nodelay());
        }
    }

    #[test]
    fn sentinels_are_named_with_their_master() {
        let url = "redis+sentinel://ana:secret@a:26379,b:26380/shop/3";
        assert_eq!(hosts(url), ["a:26379", "b:26380"]);
        let Address::Sentinels(sentinels) = address(url).unwrap() else { panic!("sentinels") };
        assert_eq!((sentinels.master.as_str(), sentinels.login.redis_settings().db()), ("shop", 3));
        assert_eq!(sentinels.login.redis_settings().password(), Some("secret"));
        assert!(sentinels.hosts.iter().all(|sentinel| sentinel.redis_settings().password().is_none()));
        sentinels.client().unwrap();
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for url in [
            "",
            "shop.example",
            "http://shop.example",
            "redis://",
            "redis://a,",
            "redis://a:port",
            "redis+sentinel://a",
        ] {
            assert!(address(url).is_err(), "{url}");
        }
    }
}
