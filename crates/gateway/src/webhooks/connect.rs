//! A connection to where a webhook leads. Its name is resolved here, once; every address is checked, and exactly those that
//! were checked are connected to: what the name says a moment later does not matter.

use std::{io, net::IpAddr, sync::Arc};

use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
};
use tokio_rustls::TlsConnector;
use url::Host;

use super::{
    WebhooksConfig,
    address::may_reach,
    target::{Scheme, Target},
};

/// Addresses of one name that are tried.
const ADDRESSES: usize = 4;

/// Why there is no connection; for the shop's delivery log. What is on our side of the network is not told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("the host's name cannot be resolved")]
    Resolve(#[source] io::Error),
    #[error("the host's name has no address")]
    NoAddress,
    #[error("the host leads to an address that is not of the public network")]
    Private(IpAddr),
    #[error("cannot connect: {}", .0.kind())]
    Connect(#[source] io::Error),
    #[error("TLS failed: {0}")]
    Tls(#[source] io::Error),
    #[error("the host's name is none for TLS")]
    TlsName,
}

/// What HTTP is spoken over.
pub(crate) trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// Connects; the caller sets the deadline.
pub(crate) async fn connect(
    target: &Target,
    tls: &Arc<ClientConfig>,
    config: &WebhooksConfig,
) -> Result<Box<dyn Connection>, ConnectError> {
    let tcp = reach(&addresses(target, config).await?, target.port).await?;
    // The request is written whole.
    tcp.set_nodelay(true).map_err(ConnectError::Connect)?;
    match target.scheme {
        Scheme::Http => Ok(Box::new(tcp)),
        Scheme::Https => {
            let name = server_name(&target.host)?;
            let secured = TlsConnector::from(Arc::clone(tls)).connect(name, tcp).await;
            Ok(Box::new(secured.map_err(ConnectError::Tls)?))
        }
    }
}

/// The addresses of the host, none of which is a private one.
async fn addresses(target: &Target, config: &WebhooksConfig) -> Result<Vec<IpAddr>, ConnectError> {
    let addresses: Vec<IpAddr> = match &target.host {
        Host::Ipv4(address) => vec![(*address).into()],
        Host::Ipv6(address) => vec![(*address).into()],
        Host::Domain(name) => {
            let found = lookup_host((name.as_str(), target.port)).await.map_err(ConnectError::Resolve)?;
            found.map(|address| address.ip()).collect()
        }
    };
    // A name that leads both to the public and to the private network is not an honest one.
    match addresses.iter().find(|address| !may_reach(**address, &config.allowed_private)) {
        Some(private) => Err(ConnectError::Private(*private)),
        None => Ok(addresses),
    }
}

/// The first of them that answers.
async fn reach(addresses: &[IpAddr], port: u16) -> Result<TcpStream, ConnectError> {
    let mut failed = ConnectError::NoAddress;
    for address in addresses.iter().take(ADDRESSES) {
        match TcpStream::connect((*address, port)).await {
            Ok(connection) => return Ok(connection),
            Err(error) => failed = ConnectError::Connect(error),
        }
    }
    Err(failed)
}

fn server_name(host: &Host<String>) -> Result<ServerName<'static>, ConnectError> {
    match host {
        Host::Ipv4(address) => Ok(IpAddr::from(*address).into()),
        Host::Ipv6(address) => Ok(IpAddr::from(*address).into()),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_owned();
            ServerName::try_from(name).map_err(|_| ConnectError::TlsName)
        }
    }
}
