//! TLS by rustls: the server's, when a certificate is configured, and that of clients.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};
use tokio_rustls::TlsAcceptor;

use crate::{GatewayError, TlsFiles};

/// Reads certificate and key, and checks that they belong together.
pub(crate) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, GatewayError> {
    let unreadable =
        |source| GatewayError::TlsFile { what: "certificates", path: files.certificate.clone(), source };
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(unreadable)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|source| GatewayError::TlsFile {
        what: "private key",
        path: files.key.clone(),
        source,
    })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// TLS for clients: the public authorities, compiled in so that a bare machine needs no package of certificates, and those
/// of a PEM file that the operator named.
///
/// # Errors
/// The file cannot be read, or holds no certificate.
pub fn client_tls(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, GatewayError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = ca_file {
        let unreadable =
            |source| GatewayError::TlsFile { what: "certificates", path: path.to_owned(), source };
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

impl TlsFiles {
    /// The name that clients must reach the server by: the first one that the certificate is for.
    #[must_use]
    pub fn host(&self) -> Option<String> {
        let chain = self.chain();
        let certificate = webpki::EndEntityCert::try_from(chain.first()?).ok()?;
        certificate.valid_dns_names().find(|name| !name.contains('*')).map(str::to_owned)
    }

    /// Whether the certificate comes without those who vouch for it, as one made for trying does: clients must be given it.
    #[must_use]
    pub fn stands_alone(&self) -> bool {
        self.chain().len() == 1
    }

    fn chain(&self) -> Vec<CertificateDer<'static>> {
        let chain = CertificateDer::pem_file_iter(&self.certificate);
        chain.map(|chain| chain.filter_map(Result::ok).collect()).unwrap_or_default()
    }
}
