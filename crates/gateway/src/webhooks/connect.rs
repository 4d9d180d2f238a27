//! A connection to where a webhook leads. Its name is resolved here, once; every address is checked, and exactly those that
//! were checked are connected to: what the name says a moment later does not matter.

use std::{io, net::IpAddr, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{
        CertificateDer, ServerName,
        pem::{self, PemObject},
    },
};
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
use crate::GatewayError;

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

/// TLS for clients: the public authorities, compiled in so that a bare machine needs no package of certificates, and those
/// that the operator named.
pub(crate) fn tls(config: &WebhooksConfig) -> Result<Arc<ClientConfig>, GatewayError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = &config.ca_file {
        let unreadable = |source| GatewayError::TlsFile { what: "certificates", path: path.clone(), source };
        let public = roots.len();
        for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
            roots.add(certificate.map_err(unreadable)?)?;
        }
        if roots.len() == public {
            return Err(unreadable(pem::Error::NoItemsFound));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
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
