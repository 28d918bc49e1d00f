//! `/projects/{project}/auditEvents`

use actix_web::{HttpRequest, http::StatusCode, web};
use billfold_service::{Service, ServiceError};

use super::Answer;
use crate::{
    auth::{Backend, ProjectRead},
    error::ProjectFace,
    reply::Reply,
    wire::{audit_event::AuditEventListWire, list_query},
};

pub(crate) async fn list(
    service: web::Data<Service>,
    Backend { tenant, .. }: Backend<ProjectRead>,
    request: HttpRequest,
) -> Answer<ProjectFace> {
    let page_request = list_query::parse_audit_events(request.query_string())?;
    let page = service
        .list_audit_events(&tenant, &page_request)
        .await
        .map_err(|error| match error {
            ServiceError::CursorNotFound => list_query::unknown_cursor(&page_request.position),
            error => error.into(),
        })?;
    Ok(Reply::json(StatusCode::OK, &AuditEventListWire::from(&page)))
}
