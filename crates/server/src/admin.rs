//! The commands that do one thing to the database or the settings and end.

use anyhow::{Context, bail};
use deskwire_chat::{Clock, SystemClock};
use deskwire_store::Store;

use crate::{
    cli::{MigrateArgs, RevokeArgs, TokenArgs},
    config::Settings,
    output, secret,
    tokens::{self, Bearer, Missing},
};

pub(crate) async fn open(settings: &Settings) -> anyhow::Result<Store> {
    Store::open(&settings.store()).await.context("the database cannot be opened")
}

/// `deskwire migrate`
pub(crate) async fn migrate(args: &MigrateArgs, settings: &Settings) -> anyhow::Result<()> {
    secret::make_data_dir(&settings.data_dir)?;
    let store = open(settings).await?;
    let (verb, names) = if args.check {
        ("pending", store.pending_migrations().await?)
    } else {
        ("applied", store.migrate().await?)
    };
    store.close().await?;
    for name in &names {
        output::line(&format!("{verb} {name}"))?;
    }
    match (args.check, names.is_empty()) {
        (true, false) => bail!("the schema is old: run `deskwire migrate`"),
        (_, true) => Ok(output::line("the schema is up to date")?),
        (false, false) => Ok(()),
    }
}

/// `deskwire token`
pub(crate) fn token(args: TokenArgs, settings: &Settings) -> anyhow::Result<()> {
    let keys = tokens::keys(settings, Missing::Make)?;
    let TokenArgs { role, shop, sub, name, locale, ttl, .. } = args;
    let token = tokens::mint(&keys, Bearer { role, shop, sub, name, locale }, ttl, &SystemClock)?;
    Ok(output::line(&token)?)
}

/// `deskwire revoke`
pub(crate) async fn revoke(args: &RevokeArgs, settings: &Settings) -> anyhow::Result<()> {
    let store = open(settings).await?;
    let done = store.revoke(&args.shop, args.role, &args.sub, SystemClock.now()).await;
    store.close().await?;
    done.context("the tokens were not withdrawn")?;
    Ok(output::line("withdrawn: tokens made until now are void, open sockets close within 5 seconds")?)
}

/// `deskwire openrpc`
pub(crate) fn openrpc() -> anyhow::Result<()> {
    let document = deskwire_protocol::spec::openrpc();
    Ok(output::line(&serde_json::to_string_pretty(&document)?)?)
}
