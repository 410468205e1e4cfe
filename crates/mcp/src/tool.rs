//! What a tool is. Its handler takes a permit, as a handler of the REST API does, so a tool cannot be declared without its permission.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use ::endpoint::App;
use rmcp::model::{JsonObject, Tool as Described, ToolAnnotations};
use schemars::JsonSchema;
use scope::permission::Permissions;
use scope::permit::{Caller, Permit, Refusal};
use scope::resource::{Access, AccessKind, Resource};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

/// A row of the table of tools.
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    /// For the model: what it does, and what it does not.
    description: &'static str,
    pub(crate) needs: Permissions,
    /// Where it is written, such as `mcp::tools::tickets::find`.
    pub(crate) handler: &'static str,
    check: fn(&Caller) -> Result<(), Refusal>,
    input: Arc<JsonObject>,
    run: Run,
}

type Running = Pin<Box<dyn Future<Output = Result<Json, Failed>> + Send>>;
type Run = Box<dyn Fn(App, &Caller, JsonObject) -> Result<Running, Failed> + Send + Sync>;

/// Why a tool gave no result.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The caller has no permit.
    Refused,
    /// The arguments are not what the schema says.
    Invalid(String),
    Helpdesk(helpdesk::Error),
}

impl<E: Into<helpdesk::Error>> From<E> for Failed {
    fn from(error: E) -> Failed {
        Failed::Helpdesk(error.into())
    }
}

impl Tool {
    /// The permission is read from the handler's second argument, the schema from its third.
    pub(crate) fn new<R, A, I, F, Answer>(name: &'static str, description: &'static str, handler: F) -> Tool
    where
        R: Resource,
        A: Access,
        I: DeserializeOwned + JsonSchema + 'static,
        F: Fn(App, Permit<R, A>, I) -> Answer + Send + Sync + 'static,
        Answer: Future<Output = Result<Json, Failed>> + Send + 'static,
    {
        Tool {
            name,
            description,
            needs: Permissions::of(&[Permit::<R, A>::permission()]),
            handler: std::any::type_name::<F>(),
            check: Caller::check::<R, A>,
            input: schema::<I>(),
            run: Box::new(move |app, caller, arguments| {
                let permit = caller.permit::<R, A>().map_err(|_| Failed::Refused)?;
                let input = serde_json::from_value(Json::Object(arguments))
                    .map_err(|error| Failed::Invalid(error.to_string()))?;
                Ok(Box::pin(handler(app, permit, input)))
            }),
        }
    }

    /// Whether this caller may call it.
    pub(crate) fn check(&self, caller: &Caller) -> Result<(), Refusal> {
        (self.check)(caller)
    }

    pub(crate) async fn call(&self, app: &App, caller: &Caller, arguments: JsonObject) -> Result<Json, Failed> {
        (self.run)(app.clone(), caller, arguments)?.await
    }

    /// As the list of tools shows it.
    pub(crate) fn described(&self) -> Described {
        let reads = self.needs.iter().all(|permission| permission.access == AccessKind::Read);
        let hints = ToolAnnotations::new().read_only(reads).destructive(false).open_world(false);
        Described::new(self.name, self.description, self.input.clone()).with_annotations(hints)
    }
}

fn schema<I: JsonSchema>() -> Arc<JsonObject> {
    let schema = schemars::schema_for!(I);
    match schema.to_value() {
        Json::Object(object) => Arc::new(object),
        _ => Arc::default(),
    }
}
