//! A webhook's URL, taken apart: whoever reads it as another address than we do has not found a way in, since only what is
//! taken apart here is ever connected to.

use std::net::IpAddr;

use http::Uri;
use url::{Host, Position, Url};

use super::{WebhooksConfig, address};

/// The longest URL of a webhook, in bytes.
const URL_BYTES: usize = 2_048;

/// What is spoken with the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Https,
    Http,
}

/// Where a webhook leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) scheme: Scheme,
    pub(crate) host: Host<String>,
    pub(crate) port: u16,
    /// Host and, where it is not the usual one, port: the header `Host`.
    pub(crate) authority: String,
    /// Path and query.
    pub(crate) path: Uri,
}

/// Why a URL is none for a webhook; it continues the sentence "`url` …".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TargetError {
    #[error("must be a URL")]
    Form,
    #[error("must be at most {URL_BYTES} bytes")]
    TooLong,
    #[error("must begin with https://")]
    Scheme,
    #[error("must not hold a user name or a password")]
    Credentials,
    #[error("must not hold a fragment (#…)")]
    Fragment,
    #[error("leads to an address that is not of the public network")]
    Private,
}

impl Target {
    /// Takes a URL apart. An address in it (also one in disguise: decimal, octal, hexadecimal) is checked at once; a name is
    /// when it is resolved.
    pub(crate) fn parse(url: &str, config: &WebhooksConfig) -> Result<Self, TargetError> {
        if url.len() > URL_BYTES {
            return Err(TargetError::TooLong);
        }
        let parsed = Url::parse(url).map_err(|_| TargetError::Form)?;
        let scheme = match parsed.scheme() {
            "https" => Scheme::Https,
            "http" if config.allow_http => Scheme::Http,
            _ => return Err(TargetError::Scheme),
        };
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(TargetError::Credentials);
        }
        if parsed.fragment().is_some() {
            return Err(TargetError::Fragment);
        }
        let host = parsed.host().ok_or(TargetError::Form)?.to_owned();
        let address = match &host {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(IpAddr::V4(*address)),
            Host::Ipv6(address) => Some(IpAddr::V6(*address)),
        };
        if address.is_some_and(|address| !address::may_reach(address, &config.allowed_private)) {
            return Err(TargetError::Private);
        }
        Ok(Self {
            scheme,
            host,
            port: parsed.port_or_known_default().ok_or(TargetError::Form)?,
            authority: parsed[Position::BeforeHost..Position::AfterPort].to_owned(),
            path: parsed[Position::BeforePath..Position::AfterQuery]
                .parse()
                .map_err(|_| TargetError::Form)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strict() -> WebhooksConfig {
        WebhooksConfig::default()
    }

    #[test]
    fn a_url_is_taken_apart() {
        let target = Target::parse("https://Hooks.Shop.example/in?from=deskwire", &strict()).unwrap();
        assert_eq!((target.scheme, target.port), (Scheme::Https, 443));
        assert_eq!(target.host, Host::Domain::<String>("hooks.shop.example".into()));
        assert_eq!(
            (target.authority.as_str(), target.path.to_string().as_str()),
            ("hooks.shop.example", "/in?from=deskwire")
        );

        let target = Target::parse("https://hooks.shop.example:8443", &strict()).unwrap();
        assert_eq!((target.port, target.authority.as_str()), (8443, "hooks.shop.example:8443"));
        assert_eq!(target.path.to_string(), "/");

        let target = Target::parse("https://[2606:4700::1111]/ü", &strict()).unwrap();
        assert_eq!(
            (target.authority.as_str(), target.path.to_string().as_str()),
            ("[2606:4700::1111]", "/%C3%BC")
        );
        let idn = Target::parse("https://läden.example/", &strict()).unwrap();
        assert_eq!(idn.host, Host::Domain::<String>("xn--lden-loa.example".into()));
    }

    #[test]
    fn what_is_no_url_for_a_webhook_is_refused() {
        let long = format!("https://shop.example/{}", "x".repeat(URL_BYTES));
        for (url, error) in [
            ("", TargetError::Form),
            ("/in", TargetError::Form),
            ("https://", TargetError::Form),
            ("https://a b.example/", TargetError::Form),
            ("https://shop.example:99999/", TargetError::Form),
            ("http://shop.example/", TargetError::Scheme),
            ("ftp://shop.example/", TargetError::Scheme),
            ("file:///etc/passwd", TargetError::Scheme),
            ("gopher://shop.example/", TargetError::Scheme),
            ("https://user@shop.example/", TargetError::Credentials),
            ("https://user:pass@shop.example/", TargetError::Credentials),
            ("https://shop.example/#top", TargetError::Fragment),
            (&long, TargetError::TooLong),
        ] {
            assert_eq!(Target::parse(url, &strict()), Err(error), "{url}");
        }
    }

    #[test]
    fn an_address_in_disguise_is_seen_through() {
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.0.0.1",
            "0177.0.0.1",
            "017700000001",
            "127.0.0.1.",
            "%31%32%37.0.0.1",
            "１２７.0.0.1",
            "169.254.169.254",
            "2852039166",
            "0",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:ffff:169.254.169.254]",
            "[64:ff9b::7f00:1]",
            "[fd00:ec2::254]",
            "10.0.0.1:8080",
        ] {
            let url = format!("https://{host}/");
            assert_eq!(Target::parse(&url, &strict()), Err(TargetError::Private), "{url}");
        }
    }

    #[test]
    fn what_the_operator_allows_is_taken() {
        let config = WebhooksConfig {
            allow_http: true,
            allowed_private: vec!["127.0.0.1".parse().unwrap()],
            ..strict()
        };
        let target = Target::parse("http://127.0.0.1:9/", &config).unwrap();
        assert_eq!((target.scheme, target.port), (Scheme::Http, 9));
        assert_eq!(Target::parse("http://127.0.0.2/", &config), Err(TargetError::Private));
    }
}
