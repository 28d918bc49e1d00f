//! `/operator/projects`

use actix_web::{HttpRequest, http::StatusCode, web};
use billfold_domain::{AuditAction, ProjectId};
use billfold_service::{ProjectError, Service, ShownProject};

use super::Answer;
use crate::{
    auth::Operator,
    error::{ApiError, ProjectFace},
    reply::Reply,
    request_id::note_project,
    wire::{
        body::Body,
        project::{self, ProjectListWire, ProjectWire},
    },
};

pub(crate) async fn create(
    service: web::Data<Service>,
    Operator { attribution }: Operator,
    body: Body,
) -> Answer<ProjectFace> {
    let new = project::parse_create(&body.read().await?)?;
    let made = service.create_project(attribution, new).await?;
    Ok(show(done(&AuditAction::ProjectCreate), &made).at(format!("/operator/projects/{}", made.id)))
}

pub(crate) async fn list(
    service: web::Data<Service>,
    _: Operator,
    request: HttpRequest,
) -> Answer<ProjectFace> {
    let (position, limit) = project::parse_list(request.query_string())?;
    let page = service.list_projects(&position, limit).await?;
    Ok(Reply::json(StatusCode::OK, &ProjectListWire::from(&page)))
}

pub(crate) async fn retrieve(
    service: web::Data<Service>,
    _: Operator,
    request: HttpRequest,
) -> Answer<ProjectFace> {
    let found = service.show_project(&id(&request)?).await?;
    Ok(show(StatusCode::OK, &found))
}

pub(crate) async fn update(
    service: web::Data<Service>,
    Operator { attribution }: Operator,
    request: HttpRequest,
    body: Body,
) -> Answer<ProjectFace> {
    let id = id(&request)?;
    let update = project::parse_update(&body.read().await?)?;
    let updated = service.update_project(attribution, &id, update).await?;
    Ok(show(done(&AuditAction::ProjectUpdate), &updated))
}

pub(crate) async fn disable(
    service: web::Data<Service>,
    Operator { attribution }: Operator,
    request: HttpRequest,
) -> Answer<ProjectFace> {
    let disabled = service.disable_project(attribution, &id(&request)?).await?;
    Ok(show(done(&AuditAction::ProjectDisable), &disabled))
}

pub(crate) async fn enable(
    service: web::Data<Service>,
    Operator { attribution }: Operator,
    request: HttpRequest,
) -> Answer<ProjectFace> {
    let enabled = service.enable_project(attribution, &id(&request)?).await?;
    Ok(show(done(&AuditAction::ProjectEnable), &enabled))
}

pub(crate) async fn delete(
    service: web::Data<Service>,
    Operator { attribution }: Operator,
    request: HttpRequest,
) -> Answer<ProjectFace> {
    let going = service
        .begin_project_deletion(attribution, &id(&request)?)
        .await?;
    Ok(show(done(&AuditAction::ProjectDelete), &going))
}

/// The status that tells that something was done.
pub(crate) const fn done(action: &AuditAction) -> StatusCode {
    match action {
        AuditAction::ProjectCreate => StatusCode::CREATED,
        // The background goes on with it.
        AuditAction::ProjectDelete => StatusCode::ACCEPTED,
        _ => StatusCode::OK,
    }
}

/// Shows a project, which the request's span names from now on: that there is one is what makes the name more than the
/// caller's own word.
fn show(status: StatusCode, project: &ShownProject) -> Reply {
    note_project(&project.id);
    Reply::json(status, &ProjectWire::from(project))
}

/// The name in the path; a text that is none names nothing.
fn id(request: &HttpRequest) -> Result<ProjectId, ApiError> {
    let text = request.match_info().get("project").unwrap_or_default();
    ProjectId::parse(text).map_err(|_| ProjectError::NotFound.into())
}
