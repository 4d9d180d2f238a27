//! `deskwire api-key`: makes, lists and revokes the keys by which a shop's own systems call REST.

use std::collections::BTreeSet;

use anyhow::{Context, bail};
use deskwire_chat::{Clock, SystemChance, SystemClock};
use deskwire_gateway::ApiKey;
use deskwire_protocol::order::{Editor, EditorKind};
use deskwire_store::{ApiKeyRecord, ApiScope, Store};

use crate::{
    admin,
    cli::{ApiKeyCommand, ApiKeyCreateArgs, ApiKeyListArgs, ApiKeyRevokeArgs, Scopes},
    config::Settings,
    output, secret,
};

/// Does it, and writes down what came of it.
pub(crate) async fn run(command: ApiKeyCommand, settings: &Settings) -> anyhow::Result<()> {
    secret::make_data_dir(&settings.data_dir)?;
    let store = admin::open(settings).await?;
    let lines = done(command, settings, &store).await;
    store.close().await?;
    for line in lines? {
        output::line(&line)?;
    }
    Ok(())
}

/// What is to be printed.
async fn done(command: ApiKeyCommand, settings: &Settings, store: &Store) -> anyhow::Result<Vec<String>> {
    // A key may be made before the server's first start.
    if settings.database.migrate {
        store.migrate().await.context("the database's schema cannot be brought up to date")?;
    }
    match command {
        ApiKeyCommand::Create(args) => create(args, store).await,
        ApiKeyCommand::List(args) => list(&args, store).await,
        ApiKeyCommand::Revoke(args) => revoke(&args, store).await,
    }
}

async fn create(args: ApiKeyCreateArgs, store: &Store) -> anyhow::Result<Vec<String>> {
    let key = ApiKey::draw(&SystemChance);
    let mut scopes: BTreeSet<ApiScope> = args.scopes.into_iter().flat_map(|Scopes(scopes)| scopes).collect();
    if scopes.is_empty() {
        scopes.extend(ApiScope::ALL);
    }
    let record = ApiKeyRecord {
        key_id: key.key_id().clone(),
        shop_id: args.shop,
        name: args.name,
        hash: key.hash(),
        scopes,
        create_time: SystemClock.now(),
        revoke_time: None,
    };
    store.add_api_key(&record, &operator()).await.context("the key was not kept")?;
    Ok(vec![key.reveal().to_owned()])
}

/// Who has the server's own command at hand is known by no name of a shop.
fn operator() -> Editor {
    Editor { kind: EditorKind::System, id: "deskwire".into(), name: "deskwire api-key".into() }
}

async fn list(args: &ApiKeyListArgs, store: &Store) -> anyhow::Result<Vec<String>> {
    let keys = store.api_keys(&args.shop).await.context("the keys cannot be read")?;
    Ok(keys.iter().map(line).collect())
}

/// One key, with tabs between what is told of it.
fn line(key: &ApiKeyRecord) -> String {
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    let state = if key.revoke_time.is_some() { "revoked" } else { "valid" };
    format!("{}\t{state}\t{}\t{}\t{}", key.key_id, key.create_time.millis(), scopes.join(","), key.name)
}

async fn revoke(args: &ApiKeyRevokeArgs, store: &Store) -> anyhow::Result<Vec<String>> {
    let found = store.revoke_api_key(&args.shop, &args.key_id, &operator(), SystemClock.now()).await;
    if !found.context("the key was not revoked")? {
        bail!("the shop {} has no key {}", args.shop, args.key_id);
    }
    Ok(vec!["revoked: the key is worth nothing from the next request on".to_owned()])
}
