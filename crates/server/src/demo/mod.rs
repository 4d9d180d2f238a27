//! The fictional shop that a newcomer finds, and how to talk in it.

mod seed;
mod things;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use deskwire_gateway::TlsFiles;
use deskwire_protocol::{Role, ShopId, UserId};

pub(crate) use seed::seed;

/// The shop's id.
pub(crate) const SHOP: &str = "demo";

/// Someone of the shop. All of them are made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Figure {
    pub(crate) role: Role,
    pub(crate) sub: &'static str,
    pub(crate) name: &'static str,
    pub(crate) locale: &'static str,
}

/// Everyone; the first of a role is taken where no one is named.
pub(crate) const FIGURES: [Figure; 6] = [
    Figure { role: Role::Agent, sub: "mia", name: "Mia Lindqvist", locale: "en-GB" },
    Figure { role: Role::Agent, sub: "noah", name: "Noah Okafor", locale: "en-GB" },
    Figure { role: Role::Admin, sub: "ada", name: "Ada Keller", locale: "de-DE" },
    Figure { role: Role::Buyer, sub: "alice", name: "Alice Moreau", locale: "fr-FR" },
    Figure { role: Role::Buyer, sub: "bruno", name: "Bruno Salgado", locale: "pt-BR" },
    Figure { role: Role::Buyer, sub: "chen", name: "Chen Yi", locale: "en-SG" },
];

/// The figure of this id, if it is one.
pub(crate) fn person(shop: &ShopId, role: Role, sub: &UserId) -> Option<&'static Figure> {
    FIGURES.iter().find(|figure| shop.as_str() == SHOP && figure.role == role && figure.sub == sub.as_str())
}

/// Who is meant where no one is named.
#[expect(clippy::expect_used, reason = "the names above are ids: a test says so")]
pub(crate) fn first(role: Role) -> UserId {
    let figure = FIGURES.iter().find(|figure| figure.role == role);
    UserId::new(figure.map_or("someone", |figure| figure.sub)).expect("an id")
}

/// Where a client on this machine reaches a server that listens there.
pub(crate) fn url(listen: SocketAddr, tls: Option<&TlsFiles>) -> String {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let scheme = if tls.is_some() { "wss" } else { "ws" };
    // A certificate is for a name, hardly ever for an address.
    let host = match tls.and_then(TlsFiles::host) {
        Some(name) => format!("{name}:{}", listen.port()),
        None => SocketAddr::new(ip, listen.port()).to_string(),
    };
    format!("{scheme}://{host}/v1/ws")
}

/// What a newcomer pastes to have two people talking.
pub(crate) struct Hints<'a> {
    /// Where the server is reached.
    pub(crate) url: &'a str,
    /// `deskwire`, as it can be called from here.
    pub(crate) command: &'a str,
    /// What `connect` needs to find this server, begins with a space where there is any.
    pub(crate) options: &'a str,
    /// What both it and `wscat` need to trust this server, likewise.
    pub(crate) trust: &'a str,
    /// What `token` needs to be taken by this server, likewise.
    pub(crate) token_options: &'a str,
    /// The conversation of the first buyer.
    pub(crate) conversation_id: &'a str,
}

impl std::fmt::Display for Hints<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { url, command, options, trust, token_options, conversation_id } = self;
        // The token is made when the line is pasted: what a server prints is often kept as its log.
        let connect = |role: Role, word: &str| {
            let Some(Figure { sub, name, .. }) = FIGURES.iter().find(|figure| figure.role == role) else {
                return String::new();
            };
            format!(
                "npx --yes wscat{trust} -c {url} -H \"authorization: Bearer $({command} token --role {word} --shop {SHOP} --sub {sub} --name '{name}'{token_options})\""
            )
        };
        let say = |text: &str| {
            format!(
                r#"{{"jsonrpc":"2.0","id":2,"method":"message.send","params":{{"conversation_id":"{conversation_id}","client_message_id":"{text}","content":{{"type":"TEXT","text":"{text}"}}}}}}"#
            )
        };
        write!(
            f,
            "
Two people talking, each in a terminal of its own:

  {command} connect --as buyer{options}{trust}
  {command} connect --as agent{options}{trust}

Or with any WebSocket client. The buyer connects, and when connected pastes the two lines below, one by one:

  {}

  {{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"conversation.open\",\"params\":{{}}}}
  {}

The agent likewise, who then sees the buyer's orders too:

  {}

  {{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"conversation.attach\",\"params\":{{\"conversation_id\":\"{conversation_id}\",\"after_seq\":0}}}}
  {}
",
            connect(Role::Buyer, "BUYER"),
            say("Hello!"),
            connect(Role::Agent, "AGENT"),
            say("Hello Alice, how can I help?"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_has_an_id_and_each_side_has_someone() {
        for figure in FIGURES {
            let sub = UserId::new(figure.sub).unwrap();
            assert_eq!(person(&ShopId::new(SHOP).unwrap(), figure.role, &sub), Some(&figure));
        }
        assert_eq!((first(Role::Buyer).as_str(), first(Role::Agent).as_str()), ("alice", "mia"));
        assert_eq!(person(&ShopId::new("other").unwrap(), Role::Buyer, &first(Role::Buyer)), None);
    }

    #[test]
    fn a_server_that_listens_everywhere_is_reached_on_this_machine() {
        assert_eq!(url("0.0.0.0:80".parse().unwrap(), None), "ws://127.0.0.1:80/v1/ws");
        let nameless = TlsFiles { certificate: "none.pem".into(), key: "none.pem".into() };
        assert_eq!(url("[::]:80".parse().unwrap(), Some(&nameless)), "wss://[::1]:80/v1/ws");
        assert_eq!(url("10.0.0.1:80".parse().unwrap(), None), "ws://10.0.0.1:80/v1/ws");
    }
}
