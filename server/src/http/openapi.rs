//! The API as an OpenAPI document, made of the routes themselves: what is not in it is not served, and what is served is in it.

use std::collections::BTreeMap;

use axum::routing::post;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem, Paths};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder, ResponsesBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{OpenApi, Ref, RefOr, Required, Schema};
use utoipa::{IntoResponses, ToSchema};
use utoipa_axum::router::UtoipaMethodRouter;

use super::{Problem, admin};
use crate::app::App;
use crate::office::Order;

const ABOUT: &str = "旧改日志接口。 The merged history of communities under renovation, and the desk beside it. Times are milliseconds \
    since 1970 UTC. Lists come in stretches: give `next` as `after` to go on. Errors are `application/problem+json` with a stable \
    `code`. Answers carry an `ETag`, and what orders alter carries a `version`; a write that names it in `If-Match` is done only if nothing \
    changed meanwhile.";

/// Every other answer: a [`Problem`].
pub(super) struct Refused;

impl IntoResponses for Refused {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        BTreeMap::from([("default".to_owned(), problem().into())])
    }
}

fn problem() -> Response {
    let content = ContentBuilder::new().schema(Some(named::<Problem>())).build();
    ResponseBuilder::new().description("What went wrong.").content("application/problem+json", content).build()
}

/// What every route has in common.
pub(super) fn beginning() -> OpenApi {
    let mut document = OpenApi::default();
    document.info.title = "Renolog".into();
    document.info.version = env!("CARGO_PKG_VERSION").into();
    document.info.description = Some(ABOUT.into());
    let components = document.components.get_or_insert_default();
    add::<Problem>(&mut |name, schema| drop(components.schemas.insert(name, schema)));
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components.security_schemes.insert("token".into(), bearer.into());
    document.security = Some(vec![SecurityRequirement::new::<_, [&str; 0], &str>("token", [])]);
    document
}

fn named<T: ToSchema>() -> RefOr<Schema> {
    Ref::from_schema_name(T::name()).into()
}

/// Adds a type and all that it is made of.
fn add<T: ToSchema>(to: &mut dyn FnMut(String, RefOr<Schema>)) {
    let mut parts = Vec::new();
    T::schemas(&mut parts);
    to(T::name().into_owned(), T::schema());
    for (name, schema) in parts {
        to(name, schema);
    }
}

/// What a write says it is about.
fn if_match() -> Parameter {
    ParameterBuilder::new()
        .name("If-Match")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("The `version` of what is altered, as it was read: if it is another one by now, nothing is done."))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build()
}

/// The route of an [`Order`], and what the document says of it.
pub(super) fn order<O: Order>() -> UtoipaMethodRouter<App> {
    let json = |schema| ContentBuilder::new().schema(Some(schema)).build();
    let body = RequestBodyBuilder::new().content("application/json", json(named::<O>())).required(Some(Required::True)).build();
    let done =
        ResponseBuilder::new().description("What came of it.").content("application/json", json(named::<O::Made>())).build();
    let answers = ResponsesBuilder::new().response("200", done).response("default", problem()).build();
    let operation = OperationBuilder::new()
        .operation_id(Some(format!("order_{}", O::PATH.replace('/', "_"))))
        .tag("admin")
        .summary(Some(format!("An order: `{}`.", O::PATH)))
        .parameter(if_match())
        .request_body(Some(body))
        .responses(answers)
        .build();
    let mut paths = Paths::new();
    paths.paths.insert(format!("/{}", O::PATH), PathItem::new(HttpMethod::Post, operation));
    let mut schemas = Vec::new();
    add::<O>(&mut |name, schema| schemas.push((name, schema)));
    add::<O::Made>(&mut |name, schema| schemas.push((name, schema)));
    (schemas, paths, post(admin::take::<O>))
}

/// The document, which is the same for everybody.
#[utoipa::path(get, path = "/openapi.json", operation_id = "openapi", tag = "rules", security(()),
    responses((status = OK, body = Object), Refused))]
pub(super) async fn show() -> axum::Json<OpenApi> {
    axum::Json(super::document())
}
