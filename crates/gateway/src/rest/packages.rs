//! Packages and their way, as the shop's systems and carriers tell it.

use axum::http::Method;
use deskwire_protocol::{
    ErrorObject, ShopId,
    ids::PackageId,
    logistics::{Package, TrackingEvent},
    order::Editor,
};
use deskwire_store::ApiScope::{OrdersRead, OrdersWrite};
use deskwire_workbench::Workbench;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    document::{Document, Taken, put_many, put_one},
    endpoint::{Call, Endpoint},
    examples,
    input::{Body, InBody},
    orders::MANY,
    output::{Outcome, Shown},
    refusal::Refusal,
    shape::Shape,
};

pub(super) fn endpoints() -> Vec<Endpoint> {
    [
        Endpoint::new(
            (Method::POST, "/packages"),
            "packages.put_many",
            OrdersWrite,
            "Writes many packages.",
            put_many::<Package>,
        )
        .described(MANY),
        Endpoint::new((Method::GET, "/packages/{package_id}"), "packages.get", OrdersRead, "A package.", get),
        Endpoint::new(
            (Method::PUT, "/packages/{package_id}"),
            "packages.put",
            OrdersWrite,
            "Writes a package.",
            put_one::<Package>,
        )
        .described("Its order must be there. Without `tracking` it keeps what is known of its way."),
        Endpoint::new(
            (Method::POST, "/packages/{package_id}/tracking"),
            "packages.track",
            OrdersWrite,
            "Adds steps to a package's way.",
            track,
        )
        .described("Steps that are known already are left out, so that telling them again is safe."),
    ]
    .into_iter()
    .map(|endpoint| endpoint.under("Packages"))
    .collect()
}

impl Document for Package {
    type Id = PackageId;
    const ID: &'static str = "id";
    const PLURAL: &'static str = "packages";
    fn id(&self) -> &PackageId {
        &self.id
    }
    fn example() -> Value {
        examples::package()
    }
    async fn put(workbench: &Workbench, shop_id: &ShopId, editor: &Editor, documents: Vec<Self>) -> Taken {
        workbench.put_packages(shop_id, editor, documents).await
    }
}

/// Steps of a package's way.
#[derive(Debug, Deserialize, JsonSchema)]
struct TrackingPost {
    /// In any order.
    #[schemars(length(min = 1, max = 200))]
    events: Vec<TrackingEvent>,
}

impl InBody for TrackingPost {
    fn read(document: Value, shape: &Shape) -> Result<Self, ErrorObject> {
        let post: Self = shape.read(document)?;
        if post.events.is_empty() {
            return Err(ErrorObject::field("events", "must not be empty"));
        }
        Ok(post)
    }
    fn example() -> Value {
        examples::tracking()
    }
}

/// A package.
#[derive(Debug, Serialize, JsonSchema)]
struct PackageResult {
    /// As it stands.
    package: Package,
}

async fn get(call: Call, package_id: PackageId, (): ()) -> Result<Shown<PackageResult>, Refusal> {
    let package = call.workbench().shop_package(call.caller(), &package_id).await?;
    Ok(Shown(PackageResult { package }))
}

async fn track(
    call: Call,
    package_id: PackageId,
    Body(post): Body<TrackingPost>,
) -> Result<Outcome, Refusal> {
    let (shop_id, editor) = (call.bearer.shop_id(), call.caller().editor());
    let written = call.workbench().add_tracking(shop_id, &editor, &package_id, post.events).await?;
    Ok(Outcome::of(&package_id, written))
}
