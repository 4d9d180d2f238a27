//! Why the gateway cannot start.

use std::{io, net::SocketAddr, path::PathBuf};

/// The gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Bind {
        /// As configured.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file of the TLS configuration cannot be read as what it should be.
    #[error("cannot read {what} from {}", path.display())]
    TlsFile {
        /// `certificates` or `private key`.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// Certificate and key do not make a TLS server.
    #[error("the TLS certificate and key cannot be used")]
    Tls(#[from] rustls::Error),
}
