//! The API reference: the contract as a page, drawn by Swagger UI.
//!
//! Swagger UI's files come with the crate `swagger-ui-dist`, so the page asks nothing of any other machine.

use actix_web::{
    HttpResponse, dev::HttpServiceFactory, error::ErrorInternalServerError, middleware::from_fn, web,
};
use serde_json::json;
use swagger_ui_dist::{ApiDefinition, OpenApiSource};

use super::{Asset, Demo, assets, policy, readable};
use crate::{auth::Gate, routes};

static FILES: [Asset; 4] = assets! { "docs":
    "", HTML, "index.html";
    "/", HTML, "index.html";
    "/docs.css", CSS, "docs.css";
    "/docs.js", JAVASCRIPT, "docs.js";
};

/// The page with all that belongs to it.
pub(crate) fn reference() -> impl HttpServiceFactory {
    let policy = policy::content_security_policy("", "", "");
    let mut scope = web::scope("/docs");
    for asset in FILES {
        scope = scope.service(asset.resource(&policy));
    }
    scope
        .service(readable("/tokens.json", tokens).wrap(from_fn(policy::refuse_foreign_names)))
        .service(swagger_ui_dist::generate_scope(ApiDefinition {
            uri_prefix: "/swagger",
            api_definition: OpenApiSource::Uri("/openapi.yaml"),
            title: None,
        }))
        .default_service(web::to(routes::not_found))
}

/// What requests are tried with: fresh tokens on a development server, none on any other.
async fn tokens(
    demo: Option<web::Data<Demo>>,
    gate: web::Data<Gate>,
) -> Result<HttpResponse, actix_web::Error> {
    let tokens = match demo {
        Some(demo) => demo.tokens(gate.clock.now()).map_err(ErrorInternalServerError)?,
        None => json!({}),
    };
    Ok(HttpResponse::Ok().json(tokens))
}
