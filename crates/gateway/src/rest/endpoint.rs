//! One endpoint: its place, what it needs, and the function behind it. The types of the function are those of the
//! document: what is published is what is read and answered.

use std::{future::Future, pin::Pin, sync::Arc};

use axum::{
    body::Bytes,
    http::{HeaderMap, Method, StatusCode},
    response::Response,
};
use deskwire_protocol::ids::{
    CouponId, OrderId, PackageId, ProductId, ReturnId, SkuId, WebhookDeliveryId, WebhookId,
};
use deskwire_protocol::{ErrorObject, UserId};
use deskwire_store::ApiScope;
use deskwire_workbench::{Caller, Workbench};
use schemars::JsonSchema;
use serde_json::Value;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Operation, OperationBuilder, ParameterBuilder, ParameterIn};

use super::{bearer::Bearer, input::Input, output::Output, refusal::Refusal, schemas::Schemas};
use crate::gate::Gate;

/// A request that was let in.
pub(super) struct Call {
    pub(super) gate: Arc<Gate>,
    pub(super) bearer: Bearer,
}

impl Call {
    pub(super) fn workbench(&self) -> &Workbench {
        &self.gate.workbench
    }

    pub(super) fn caller(&self) -> &Caller {
        self.bearer.caller()
    }
}

/// What came with a request.
pub(super) struct Given {
    /// What stands in the path where the endpoint has a name.
    pub(super) path: Option<String>,
    pub(super) query: Option<String>,
    pub(super) headers: HeaderMap,
    /// Empty where the endpoint reads none.
    pub(super) body: Bytes,
}

/// What stands in the path where the endpoint has a name between braces.
pub(super) trait PathPart: Sized + Send + 'static {
    /// Reads it.
    fn read(name: &'static str, text: Option<String>) -> Result<Self, ErrorObject>;
    /// Its schema, where there is such a thing.
    fn schema(schemas: &mut Schemas) -> Option<Value>;
}

impl PathPart for () {
    fn read(_: &'static str, _: Option<String>) -> Result<Self, ErrorObject> {
        Ok(())
    }
    fn schema(_: &mut Schemas) -> Option<Value> {
        None
    }
}

macro_rules! ids_in_paths {
    ($($id:ident),*) => {$(
        impl PathPart for $id {
            fn read(name: &'static str, text: Option<String>) -> Result<Self, ErrorObject> {
                // Absent where it was no UTF-8.
                text.unwrap_or_default().parse().map_err(|problem| ErrorObject::field(name, problem))
            }
            fn schema(schemas: &mut Schemas) -> Option<Value> {
                Some(schemas.request::<$id>())
            }
        }
    )*};
}

ids_in_paths!(OrderId, PackageId, ReturnId, ProductId, SkuId, CouponId, UserId, WebhookId, WebhookDeliveryId);

type Running = Pin<Box<dyn Future<Output = Result<Response, Refusal>> + Send>>;
type Run = dyn Fn(Call, Given) -> Result<Running, Refusal> + Send + Sync;
type Describe = dyn Fn(OperationBuilder, &mut Schemas) -> OperationBuilder + Send + Sync;

/// A place under `/api/v1` and what is done there.
pub(super) struct Endpoint {
    pub(super) method: Method,
    pub(super) path: &'static str,
    /// As logs, metrics and the document name it: `orders.put`.
    pub(super) name: &'static str,
    /// What the key needs.
    pub(super) scope: ApiScope,
    /// Under which heading it stands.
    pub(super) tag: &'static str,
    summary: &'static str,
    description: Option<&'static str>,
    pub(super) reads_body: bool,
    /// Statuses of its own beside the usual ones.
    pub(super) refusals: Vec<StatusCode>,
    run: Box<Run>,
    describe: Box<Describe>,
}

impl Endpoint {
    pub(super) fn new<P, I, O, F>(
        (method, path): (Method, &'static str),
        name: &'static str,
        scope: ApiScope,
        summary: &'static str,
        function: impl Fn(Call, P, I) -> F + Send + Sync + 'static,
    ) -> Self
    where
        P: PathPart,
        I: Input,
        O: Output,
        F: Future<Output = Result<O, Refusal>> + Send + 'static,
    {
        let path_name = name_in(path);
        let input = I::reader();
        let run = move |call: Call, given: Given| -> Result<Running, Refusal> {
            let path = P::read(path_name.unwrap_or_default(), given.path.clone())?;
            let input = input(given)?;
            let running = function(call, path, input);
            Ok(Box::pin(async move { Ok(running.await?.into_response()) }))
        };
        let describe = move |mut operation: OperationBuilder, schemas: &mut Schemas| {
            if let (Some(name), Some(schema)) = (path_name, P::schema(schemas)) {
                let parameter = ParameterBuilder::new()
                    .name(name)
                    .parameter_in(ParameterIn::Path)
                    .required(Required::True)
                    .schema(Some(schemas.place(schema)));
                operation = operation.parameter(parameter);
            }
            O::describe(I::describe(operation, schemas), schemas)
        };
        let mut refusals = Vec::new();
        refusals.extend(path_name.map(|_| StatusCode::NOT_FOUND));
        refusals.extend((method != Method::GET).then_some(StatusCode::CONFLICT));
        refusals.extend_from_slice(I::REFUSALS);
        Self {
            method,
            path,
            name,
            scope,
            tag: "",
            summary,
            description: None,
            reads_body: I::READS_BODY,
            refusals,
            run: Box::new(run),
            describe: Box::new(describe),
        }
    }

    /// More on what it does.
    pub(super) const fn described(mut self, description: &'static str) -> Self {
        self.description = Some(description);
        self
    }

    /// Under which heading it stands.
    pub(super) const fn under(mut self, tag: &'static str) -> Self {
        self.tag = tag;
        self
    }

    /// Reads what was given, and begins; what is wrong with it is told at once.
    pub(super) fn begin(&self, call: Call, given: Given) -> Result<Running, Refusal> {
        (self.run)(call, given)
    }

    /// For the document; the refusals that any may get are added there.
    pub(super) fn describe(&self, schemas: &mut Schemas) -> OperationBuilder {
        let operation = Operation::builder()
            .operation_id(Some(self.name))
            .summary(Some(self.summary))
            .description(self.description)
            .tag(self.tag);
        (self.describe)(operation, schemas)
    }
}

/// The name between braces, if there is one.
fn name_in(path: &'static str) -> Option<&'static str> {
    Some(path.split_once('{')?.1.split_once('}')?.0)
}

/// A schema of something that is read, in its place.
pub(super) fn read_schema<T: JsonSchema>(schemas: &mut Schemas) -> utoipa::openapi::Ref {
    let schema = schemas.request::<T>();
    schemas.place(schema)
}

/// A schema of something that is answered, in its place.
pub(super) fn answer_schema<T: JsonSchema>(schemas: &mut Schemas) -> utoipa::openapi::Ref {
    let schema = schemas.answer::<T>();
    schemas.place(schema)
}
