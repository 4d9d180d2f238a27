//! The command line.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use deskwire_protocol::{Codec, Role, ShopId, UserId};
use deskwire_store::{ApiKeyId, ApiScope};

use crate::{config::Flag, import::Kind};

/// Realtime chat for shop customer service.
#[derive(Debug, Parser)]
#[command(name = "deskwire", version, max_term_width = 110)]
pub(crate) struct Cli {
    /// Settings file; without it deskwire.toml in the working directory, if there is one.
    #[arg(long, global = true, value_name = "FILE", env = "DESKWIRE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

impl Cli {
    /// What to do; to serve, when nothing is said.
    pub(crate) fn command(self) -> Command {
        self.command.unwrap_or(Command::Serve(ServeArgs::default()))
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs the server (the default).
    Serve(ServeArgs),
    /// Talks from this terminal, as a buyer or as an agent.
    Connect(ConnectArgs),
    /// Brings the database's schema up to date.
    Migrate(MigrateArgs),
    /// Prints a token for a buyer or an agent.
    Token(TokenArgs),
    /// Reads files of a shop's things: orders, packages, tracking, returns, products, coupons, buyers, agents. Goes on
    /// where it was broken off. Exits with 3 when rows were refused.
    Import(ImportArgs),
    /// Puts the load of a scenario on a running service, and reports what it stood. Exits with 4 when a limit of the
    /// scenario was broken, or a message was lost, doubled or out of order.
    Load(LoadArgs),
    /// Withdraws all tokens that a user has been given so far, and closes the user's sockets.
    Revoke(RevokeArgs),
    /// Makes, lists and revokes the keys by which a shop's own systems call REST.
    #[command(subcommand)]
    ApiKey(ApiKeyCommand),
    /// Prints the wire contract as an OpenRPC document.
    Openrpc,
    /// Checks the settings and prints those in force, secrets hidden. Exits with 2 when something is wrong.
    CheckConfig(ServeArgs),
}

#[derive(Debug, Default, Args)]
pub(crate) struct ServeArgs {
    /// Address and port; port 0 takes a free one.
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    /// Joins several nodes into one service.
    #[arg(long, value_name = "URL")]
    redis_url: Option<String>,
}

#[derive(Debug, Default, Args)]
pub(crate) struct DataArgs {
    /// Holds the token secret, and the SQLite database.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, Default, Args)]
pub(crate) struct DatabaseArgs {
    /// `sqlite://PATH` or `postgres://…`
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    /// Only prints what is to be done, and exits with 1 if there is anything.
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// What the bearer may be: BUYER, AGENT or ADMIN.
    #[arg(long, value_parser = role)]
    pub(crate) role: Role,
    /// The shop; the demo's is called demo.
    #[arg(long)]
    pub(crate) shop: ShopId,
    /// The user, as the shop names them.
    #[arg(long, value_name = "ID")]
    pub(crate) sub: UserId,
    /// To be displayed; without it the id.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Language tag, such as pt-BR.
    #[arg(long)]
    pub(crate) locale: Option<String>,
    /// How long it is valid.
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) ttl: u32,
    #[command(flatten)]
    data: DataArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Whose things they are.
    #[arg(long)]
    pub(crate) shop: ShopId,
    /// What is in the files; without it their names begin with it, as orders-2026.csv.
    #[arg(long, value_enum)]
    pub(crate) kind: Option<Kind>,
    /// Write every refused row here too, as NDJSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Read files from their beginning that were read before: what was refused then may be taken now.
    #[arg(long)]
    pub(crate) again: bool,
    /// NDJSON (.ndjson), or CSV with a line of column names (.csv).
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// What is done and must hold, in TOML: see scripts/load.
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenario: PathBuf,
    /// A node of the service; several share the sockets. Without it the address that the settings have the server listen on.
    #[arg(long = "url", value_name = "ws://ADDR/v1/ws | wss://HOST/v1/ws")]
    pub(crate) urls: Vec<String>,
    /// PEM file of certificates to trust beside the public authorities, for a wss:// server that none of those knows.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// The shop whose buyers and agents come.
    #[arg(long, default_value = crate::demo::SHOP)]
    pub(crate) shop: ShopId,
    /// So many times the people of the scenario, such as 0.01.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = scale)]
    pub(crate) scale: f64,
    /// Another duration than the scenario's, such as 10s; everything that has its time in it moves along.
    #[arg(long, value_name = "TIME", value_parser = length)]
    pub(crate) duration: Option<Duration>,
    /// What chance follows from; without it chance.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// How the people are called: the same name again is the same people. Without it they are new ones.
    #[arg(long, value_name = "NAME", value_parser = people)]
    pub(crate) people: Option<String>,
    /// File of tokens, one a line, whose bearers then are the people. Without it tokens are made with the secret.
    #[arg(long, value_name = "FILE", conflicts_with = "secret_file")]
    pub(crate) tokens: Option<PathBuf>,
    /// File with the secret that signs tokens (HS256). Without it that of the settings, or of the data directory.
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// Write the report here too, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write the report here too, as a page with plots.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// Of a BUYER, or of an AGENT or ADMIN, who are one user.
    #[arg(long, value_parser = role)]
    pub(crate) role: Role,
    /// The shop.
    #[arg(long)]
    pub(crate) shop: ShopId,
    /// The user, as the shop names them.
    #[arg(long, value_name = "ID")]
    pub(crate) sub: UserId,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// What to do with API keys.
#[derive(Debug, Subcommand)]
pub(crate) enum ApiKeyCommand {
    /// Makes a key and prints it. It is not shown again: only a hash of it is kept.
    Create(ApiKeyCreateArgs),
    /// Lists a shop's keys: id, state, when made, scopes, name.
    List(ApiKeyListArgs),
    /// Makes a key worthless from now on.
    Revoke(ApiKeyRevokeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ApiKeyCreateArgs {
    /// The shop that it reaches, and no other.
    #[arg(long)]
    pub(crate) shop: ShopId,
    /// What it is used for; shown where it changes something.
    #[arg(long, value_parser = key_name)]
    pub(crate) name: String,
    /// What it may do: read, write, or one of orders:read, orders:write, products:…, coupons:…, people:…, webhooks:….
    /// Without it everything.
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scopes, value_delimiter = ',')]
    pub(crate) scopes: Vec<Scopes>,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ApiKeyListArgs {
    #[arg(long)]
    pub(crate) shop: ShopId,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ApiKeyRevokeArgs {
    #[arg(long)]
    pub(crate) shop: ShopId,
    /// Its id, as `list` shows it: the digits between the underscores of the key.
    #[arg(long = "key", value_name = "ID")]
    pub(crate) key_id: ApiKeyId,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    database: DatabaseArgs,
}

impl ApiKeyCommand {
    const fn data(&self) -> (&DataArgs, &DatabaseArgs) {
        match self {
            Self::Create(args) => (&args.data, &args.database),
            Self::List(args) => (&args.data, &args.database),
            Self::Revoke(args) => (&args.data, &args.database),
        }
    }
}

/// One word of `--scope`, which may stand for several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scopes(pub(crate) Vec<ApiScope>);

/// Whom `connect` speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Side {
    /// Writes to the shop.
    Buyer,
    /// Answers for the shop.
    Agent,
}

impl Side {
    pub(crate) const fn role(self) -> Role {
        match self {
            Self::Buyer => Role::Buyer,
            Self::Agent => Role::Agent,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ConnectArgs {
    /// Whom to speak for.
    #[arg(long = "as", value_name = "SIDE")]
    pub(crate) side: Side,
    /// Without it the address that the settings have the server listen on.
    #[arg(long, value_name = "ws://ADDR/v1/ws | wss://HOST/v1/ws")]
    pub(crate) url: Option<String>,
    /// PEM file of certificates to trust beside the public authorities, for a wss:// server that none of those knows.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// The user; without it someone of the demo shop.
    #[arg(long, value_name = "ID")]
    pub(crate) sub: Option<UserId>,
    /// To be displayed; without it the name in the demo shop, or the id.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The shop.
    #[arg(long, default_value = crate::demo::SHOP)]
    pub(crate) shop: ShopId,
    /// Without it one is made with the secret in the data directory.
    #[arg(long, env = "DESKWIRE_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// How frames are encoded: json or msgpack.
    #[arg(long, default_value = "json", value_parser = codec)]
    pub(crate) codec: Codec,
    #[command(flatten)]
    data: DataArgs,
}

fn role(text: &str) -> Result<Role, String> {
    match text {
        "BUYER" => Ok(Role::Buyer),
        "AGENT" => Ok(Role::Agent),
        "ADMIN" => Ok(Role::Admin),
        _ => Err("must be BUYER, AGENT or ADMIN".into()),
    }
}

fn scopes(word: &str) -> Result<Scopes, String> {
    let chosen: Vec<ApiScope> = ApiScope::ALL
        .iter()
        .copied()
        .filter(|scope| match word {
            "read" => scope.is_reading(),
            "write" => !scope.is_reading(),
            one => scope.as_str() == one,
        })
        .collect();
    if chosen.is_empty() {
        let words: Vec<&str> = ApiScope::ALL.iter().map(|scope| scope.as_str()).collect();
        return Err(format!("must be read, write, or one of {}", words.join(", ")));
    }
    Ok(Scopes(chosen))
}

fn key_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err("must be 1 to 100 characters, in one line".into());
    }
    Ok(name.to_owned())
}

fn scale(text: &str) -> Result<f64, String> {
    let factor = text.parse().ok().filter(|factor: &f64| factor.is_finite() && *factor > 0.0);
    factor.ok_or_else(|| "must be a number above 0".into())
}

fn length(text: &str) -> Result<Duration, String> {
    let length = deskwire_load::length_of_time(text).filter(|length| !length.is_zero());
    length.ok_or_else(|| "must be a length of time, as 10s, 250ms or 1m30s".into())
}

fn people(text: &str) -> Result<String, String> {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if text.is_empty() || text.len() > 64 || !text.chars().all(is_name) {
        return Err("must be 1 to 64 letters, digits, - or _".into());
    }
    Ok(text.to_owned())
}

fn codec(text: &str) -> Result<Codec, String> {
    match text {
        "json" => Ok(Codec::Json),
        "msgpack" => Ok(Codec::MsgPack),
        _ => Err("must be json or msgpack".into()),
    }
}

impl Command {
    /// The settings that flags of this command set.
    pub(crate) fn flags(&self) -> Vec<Flag> {
        let data_dir = |data: &DataArgs| {
            let value = data.data_dir.as_ref()?.to_string_lossy().into_owned();
            Some(Flag { name: "--data-dir", key: "data_dir", value })
        };
        let database = |database: &DatabaseArgs| {
            let value = database.database_url.clone()?;
            Some(Flag { name: "--database-url", key: "database_url", value })
        };
        let flags: Vec<Option<Flag>> = match self {
            Self::Serve(args) | Self::CheckConfig(args) => vec![
                args.listen.clone().map(|value| Flag { name: "--listen", key: "listen", value }),
                data_dir(&args.data),
                database(&args.database),
                args.redis_url.clone().map(|value| Flag { name: "--redis-url", key: "redis_url", value }),
            ],
            Self::Migrate(args) => vec![data_dir(&args.data), database(&args.database)],
            Self::Import(args) => vec![data_dir(&args.data), database(&args.database)],
            Self::Revoke(args) => vec![data_dir(&args.data), database(&args.database)],
            Self::ApiKey(command) => {
                let (data, of_database) = command.data();
                vec![data_dir(data), database(of_database)]
            }
            Self::Token(args) => vec![data_dir(&args.data)],
            Self::Connect(args) => vec![data_dir(&args.data)],
            Self::Load(args) => vec![data_dir(&args.data)],
            Self::Openrpc => vec![],
        };
        flags.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("deskwire").chain(line.split_whitespace()))
    }

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as CommandFactory>::command().debug_assert();
    }

    #[test]
    fn nothing_said_means_serve() {
        assert!(matches!(parse("").unwrap().command(), Command::Serve(_)));
    }

    #[test]
    fn what_scripts_rely_on_parses_to_the_settings_it_sets() {
        let line = "serve --listen 127.0.0.1:0 --data-dir d --database-url sqlite://x --redis-url redis://y";
        let flags = parse(line).unwrap().command().flags();
        let keys: Vec<_> = flags.iter().map(|flag| (flag.key, flag.value.as_str())).collect();
        assert_eq!(
            keys,
            [
                ("listen", "127.0.0.1:0"),
                ("data_dir", "d"),
                ("database_url", "sqlite://x"),
                ("redis_url", "redis://y")
            ]
        );
        let line = "token --role BUYER --shop s --sub b --name N --locale de --ttl 60 --data-dir d";
        let Command::Token(args) = parse(line).unwrap().command() else { panic!("no token command") };
        assert_eq!((args.role, args.sub.as_str(), args.ttl), (Role::Buyer, "b", 60));
        let line = "api-key create --shop s --name N --scope read,orders:write --data-dir d --database-url sqlite://x";
        let Command::ApiKey(ApiKeyCommand::Create(args)) = parse(line).unwrap().command() else {
            panic!("no key command")
        };
        let scopes: Vec<_> =
            args.scopes.iter().flat_map(|word| &word.0).map(|scope| scope.as_str()).collect();
        assert_eq!(
            scopes,
            ["orders:read", "products:read", "coupons:read", "people:read", "webhooks:read", "orders:write"]
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "dance",
            "token --role buyer --shop s --sub b",
            "token --role BUYER --shop s --sub b --ttl 0",
            "token --role BUYER --shop s",
            "api-key create --shop s",
            "api-key create --shop s --name N --scope everything",
            "api-key revoke --shop s --key 12",
            "api-key",
            "connect",
            "connect --as shop",
            "connect --as buyer --codec xml",
            "load",
            "load x.toml --scale 0",
            "load x.toml --duration 5",
            "load x.toml --people a/b",
            "load x.toml --tokens t --secret-file s",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
