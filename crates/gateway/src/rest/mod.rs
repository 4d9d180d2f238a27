//! REST for the shop's own systems, under `/api/v1`: they write orders, packages, returns, products, coupons, people and
//! notes, and read them back. A key says which shop's; what may happen is decided by the workbench.
//!
//! A noun a file, each with its endpoints. An endpoint is one value: path, scope, types and function together, so that
//! the routes and the `OpenAPI` document are made of the same list. The way of a request: `serve` -> `bearer` -> `limits`
//! -> `body` -> `shape` -> the function of the noun -> workbench.

mod bearer;
mod body;
mod bulk;
mod config;
mod coupons;
mod document;
mod endpoint;
mod examples;
mod input;
mod limits;
mod notes;
mod openapi;
mod orders;
mod output;
mod packages;
mod page;
mod people;
mod products;
mod query;
mod refusal;
mod returns;
mod schemas;
mod serve;
mod shape;
mod webhooks;

use std::sync::{Arc, LazyLock};

use axum::Router;
use tokio::sync::Semaphore;

pub use config::RestConfig;
pub use openapi::openapi;

use crate::gate::Gate;
use endpoint::Endpoint;
use limits::Limits;

/// What the requests of this node share.
pub(crate) struct Rest {
    config: RestConfig,
    limits: Limits,
    /// Requests that may be done at once.
    places: Semaphore,
}

impl Rest {
    pub(crate) fn new(config: RestConfig) -> Self {
        let places = Semaphore::new(config.concurrency.min(Semaphore::MAX_PERMITS));
        Self { limits: Limits::new(&config), places, config }
    }
}

/// All there are, in the order of the reference page.
static ENDPOINTS: LazyLock<Vec<Arc<Endpoint>>> = LazyLock::new(|| {
    [
        orders::endpoints(),
        notes::endpoints(),
        packages::endpoints(),
        returns::endpoints(),
        products::endpoints(),
        coupons::endpoints(),
        people::endpoints(),
        webhooks::endpoints(),
    ]
    .into_iter()
    .flatten()
    .map(Arc::new)
    .collect()
});

/// The paths under `/api/v1`.
pub(crate) fn router() -> Router<Arc<Gate>> {
    serve::router(&ENDPOINTS)
}
