//! `deskwire load`: puts the load of a scenario on a running service, shows how it stands, and writes the report.

mod progress;

use std::{fs, path::Path};

use anyhow::{Context, bail};
use deskwire_chat::{Clock, SystemClock};
use deskwire_gateway::{TlsFiles, TokenKeys, client_tls};
use deskwire_load::{LoadError, Plan, Scenario, Target, TokenSource, Tokens, Who};
use deskwire_protocol::ShopId;
use rand::Rng;
use tokio_tungstenite::Connector;

use crate::{
    cli::LoadArgs,
    config::Settings,
    demo, output, secret,
    tokens::{self, Bearer, Missing},
};
use progress::Progress;

/// Longer than any load: an expired token would be measured as a failure of the service.
const TOKEN_SECONDS: u32 = 24 * 3600;

/// The service did not stand the load as the scenario says it must; the report says in what.
#[derive(Debug, thiserror::Error)]
#[error("the service did not stand the load")]
pub(crate) struct NotStood;

/// Whether it is the scenario that is wrong.
pub(crate) fn is_bad_scenario(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(LoadError::Scenario { .. } | LoadError::Unreadable { .. }))
}

/// `deskwire load`
pub(crate) async fn run(args: LoadArgs, settings: &Settings) -> anyhow::Result<()> {
    let mut scenario = Scenario::read(&args.scenario)?.scaled(args.scale);
    if let Some(duration) = args.duration {
        scenario = scenario.lasting(duration);
    }
    let tokens = tokens_of(&args, settings)?;
    let target = target(&args, settings).await?;
    let mut rng = rand::rng();
    let run = format!("load-{:08x}", rng.random::<u32>());
    let people = args.people.clone().unwrap_or_else(|| run.clone());
    let seed = args.seed.unwrap_or_else(|| rng.random::<u32>().into());
    let mut progress = Progress::new(&scenario.name);
    let plan = Plan { scenario, target, tokens, people, run, seed, began: SystemClock.now() };
    let report = Box::pin(deskwire_load::run(plan, &mut |live| progress.show(live))).await?;
    progress.end();
    output::line(report.to_text().trim_end())?;
    if let Some(path) = &args.json {
        write(path, &report.to_json()?)?;
    }
    if let Some(path) = &args.html {
        write(path, &report.to_html())?;
    }
    if report.passed() { Ok(()) } else { Err(NotStood.into()) }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}

async fn target(args: &LoadArgs, settings: &Settings) -> anyhow::Result<Target> {
    let here = settings.gateway().tls;
    let mut urls = args.urls.clone();
    if urls.is_empty() {
        urls.push(demo::url(settings.listen(), here.as_ref()));
    }
    let own = here.filter(TlsFiles::stands_alone).map(|files| files.certificate);
    let tls = client_tls(args.ca.as_deref().or(own.as_deref()))?;
    Ok(Target::resolve(&urls, Connector::Rustls(tls)).await?)
}

fn tokens_of(args: &LoadArgs, settings: &Settings) -> anyhow::Result<Tokens> {
    if let Some(path) = &args.tokens {
        return Ok(Tokens::read(path)?);
    }
    let keys = match &args.secret_file {
        Some(path) => {
            let text =
                fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
            let secret = text.trim();
            if secret.len() < secret::SECRET_BYTES {
                bail!("the secret in {} is shorter than {} bytes", path.display(), secret::SECRET_BYTES);
            }
            TokenKeys::hs256(&settings.auth.kid, secret)
        }
        None => tokens::keys(settings, Missing::Refuse)?,
    };
    Ok(Tokens::Made(Box::new(Made { keys, shop: args.shop.clone() })))
}

/// Tokens of people that exist only for the load.
struct Made {
    keys: TokenKeys,
    shop: ShopId,
}

impl TokenSource for Made {
    fn token(&self, who: &Who) -> Result<String, String> {
        let bearer = Bearer {
            role: who.role,
            shop: self.shop.clone(),
            sub: who.sub.clone(),
            name: None,
            locale: None,
        };
        tokens::mint(&self.keys, bearer, TOKEN_SECONDS, &SystemClock).map_err(|error| format!("{error:#}"))
    }
}
