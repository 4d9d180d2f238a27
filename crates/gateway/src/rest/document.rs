//! Documents that the shop's systems write: one by its id in the path, or many at once. Writing is the same for all of
//! them, whatever they are.

use std::future::Future;

use deskwire_protocol::ShopId;
use deskwire_protocol::{ErrorObject, order::Editor};
use deskwire_workbench::{Workbench, WorkbenchError, Written};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    bulk::Bulk,
    endpoint::{Call, PathPart},
    input::{Body, InBody},
    output::{Outcome, Outcomes},
    refusal::Refusal,
    shape::Shape,
};

/// What came of each, in their order; the outer error means that nothing was written.
pub(super) type Taken = Result<Vec<Result<Written, WorkbenchError>>, WorkbenchError>;

/// A kind of document.
pub(super) trait Document: DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// By what it is named.
    type Id: PathPart + PartialEq + std::fmt::Display + Sync;
    /// The field that holds it.
    const ID: &'static str;
    /// Several of them.
    const PLURAL: &'static str;
    /// Its own.
    fn id(&self) -> &Self::Id;
    /// One that could be sent as it is.
    fn example() -> Value;
    /// Hands them to the workbench.
    fn put(
        workbench: &Workbench,
        shop_id: &ShopId,
        editor: &Editor,
        documents: Vec<Self>,
    ) -> impl Future<Output = Taken> + Send;
}

impl<D: Document> InBody for D {
    fn read(document: Value, shape: &Shape) -> Result<Self, ErrorObject> {
        shape.read(document)
    }
    fn example() -> Value {
        <D as Document>::example()
    }
}

/// Writes the document that the path names.
pub(super) async fn put_one<D: Document>(
    call: Call,
    id: D::Id,
    Body(document): Body<D>,
) -> Result<Outcome, Refusal> {
    if *document.id() != id {
        return Err(ErrorObject::field(D::ID, "must be the id in the path").into());
    }
    let taken =
        D::put(call.workbench(), call.bearer.shop_id(), &call.caller().editor(), vec![document]).await?;
    let written = taken.into_iter().next().ok_or(WorkbenchError::NotFound)??;
    Ok(Outcome::of(&id, written))
}

/// Writes each document, and says of each what came of it.
pub(super) async fn put_many<D: Document>(
    call: Call,
    (): (),
    bulk: Body<Bulk<D>>,
) -> Result<Outcomes, Refusal> {
    let Body(bulk) = bulk;
    let (documents, written_down) = bulk.apart();
    let taken = if documents.is_empty() {
        Vec::new()
    } else {
        D::put(call.workbench(), call.bearer.shop_id(), &call.caller().editor(), documents).await?
    };
    Ok(written_down.with(taken))
}
