//! What the inspector page asks for.

use actix_web::{HttpResponse, Scope, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Demo, readable};
use crate::{
    auth::{Backend, ProjectRead},
    error::{ApiError, FaceError, ProjectFace},
};
use billfold_service::Service;

/// Puts it beside the page.
pub(super) fn configure(scope: Scope) -> Scope {
    scope
        .service(readable("/inspect/traffic", traffic))
        .service(readable("/inspect/{project}/rows", rows))
}

#[derive(Deserialize)]
struct After {
    after: u64,
}

/// What has happened since.
async fn traffic(demo: web::Data<Demo>, web::Query(After { after }): web::Query<After>) -> HttpResponse {
    HttpResponse::Ok().json(demo.inspector.since(after))
}

/// The newest rows of a project, for who may read the project.
async fn rows(
    service: web::Data<Service>,
    Backend { tenant, .. }: Backend<ProjectRead>,
) -> Result<HttpResponse, FaceError<ProjectFace>> {
    let tables = service.newest_rows(&tenant).await.map_err(ApiError::from)?;
    let tables: Vec<Value> = tables
        .into_iter()
        .map(|table| {
            let rows = table
                .rows
                .iter()
                .map(|row| serde_json::from_str(row).unwrap_or(Value::Null));
            json!({"name": table.name, "columns": table.columns, "rows": rows.collect::<Vec<_>>()})
        })
        .collect();
    Ok(HttpResponse::Ok().json(tables))
}
