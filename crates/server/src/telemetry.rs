//! Logs to standard error, and the metrics that the gateway shows.

use std::{io::IsTerminal, time::Duration};

use anyhow::Context;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{Log, LogFormat};

/// How often the recorder tidies its histograms, which otherwise keep every sample.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Statements and frames belong to their crates' authors, and hold what people write; the settings can ask for them by
/// name.
const QUIET: &str = "sqlx=warn,sea_orm=warn,sea_orm_migration=warn,tungstenite=info,tokio_tungstenite=info";

/// Reads `log.level`; the error continues the sentence "`log.level`: …".
pub(crate) fn parse_level(level: &str) -> Result<EnvFilter, String> {
    if level.trim().is_empty() {
        return Err("must not be empty".into());
    }
    EnvFilter::builder().parse(format!("{QUIET},{level}")).map_err(|error| error.to_string())
}

/// Begins to log.
pub(crate) fn log(settings: &Log) -> anyhow::Result<()> {
    let filter = parse_level(&settings.level).map_err(anyhow::Error::msg)?;
    let terminal = std::io::stderr().is_terminal();
    let json = match settings.format {
        LogFormat::Auto => !terminal,
        LogFormat::Human => false,
        LogFormat::Json => true,
    };
    let registry = tracing_subscriber::registry().with(filter);
    if json {
        registry.with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr)).try_init()
    } else {
        registry.with(fmt::layer().with_ansi(terminal).with_writer(std::io::stderr)).try_init()
    }
    .context("logging cannot begin")
}

/// Installs the recorder of this process, once, and keeps it tidy until `shutdown`.
pub(crate) fn metrics(tasks: &TaskTracker, shutdown: CancellationToken) -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new().install_recorder().context("metrics cannot begin")?;
    let tidied = handle.clone();
    tasks.spawn(async move {
        while shutdown.run_until_cancelled(tokio::time::sleep(UPKEEP_INTERVAL)).await.is_some() {
            tidied.run_upkeep();
        }
    });
    Ok(handle)
}
