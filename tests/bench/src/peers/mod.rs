//! Side by side: the same work for Deskwire and for servers that keep nothing, interleaved in one run. All processes of a
//! service, its Redis and PostgreSQL included, have one core, and what is told is what they do with a second of it.

pub(crate) mod arrivals;
mod durable;
pub(crate) mod never_reads;
mod plot;
pub(crate) mod rooms;
mod seat;
mod service;

pub(crate) use seat::{Seat, Wire};
pub(crate) use service::{Kind, Service, Services};

use serde_json::Value;

use crate::{Options, figures::Outcome, server::Program};

/// All of it, one after the other.
pub(crate) async fn measure(options: &Options, program: &Program) -> anyhow::Result<Outcome> {
    let services = Services::prepare(options, program).await?;
    let mut outcome = rooms::measure(options, &services).await?;
    let mut raw = serde_json::Map::from_iter([("rooms".to_owned(), std::mem::take(&mut outcome.raw))]);
    for name in ["durable", "arrivals", "never-reads"].into_iter().filter(|name| options.compares(name)) {
        let further = match name {
            "durable" => durable::measure(options, program, &services).await?,
            "arrivals" => arrivals::measure(options, &services).await?,
            _ => never_reads::measure(options, &services).await?,
        };
        raw.insert(name.replace('-', "_"), further.raw);
        outcome.tables.extend(further.tables);
        outcome.aims.extend(further.aims);
    }
    outcome.raw = Value::Object(raw);
    Ok(outcome)
}
