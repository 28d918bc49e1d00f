//! `/projects/{project}/setupIntents`

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use billfold_domain::SetupIntentId;
use billfold_service::{Service, ServiceError};

use super::Answer;
use crate::{
    auth::{Backend, ProjectRead, ProjectWrite},
    error::{ApiError, ProjectFace},
    wire::{
        body,
        setup_intent::{CreateSetupIntent, SetupIntentWire},
    },
};

pub(crate) async fn create(
    service: web::Data<Service>,
    Backend { tenant, .. }: Backend<ProjectWrite>,
    payload: web::Payload,
) -> Answer<ProjectFace> {
    let CreateSetupIntent { user } = CreateSetupIntent::parse(&body::read(payload).await?)?;
    let project = tenant.scope().project().clone();
    let made = service.create_setup_intent(tenant, user).await?;
    Ok(HttpResponse::Created()
        .insert_header((
            header::LOCATION,
            format!("/projects/{project}/setupIntents/{}", made.id),
        ))
        .json(SetupIntentWire::from(&made)))
}

pub(crate) async fn retrieve(
    service: web::Data<Service>,
    Backend { tenant, .. }: Backend<ProjectRead>,
    request: HttpRequest,
) -> Answer<ProjectFace> {
    let text = request.match_info().get("id").unwrap_or_default();
    let id = SetupIntentId::parse(text).map_err(|_| ApiError::Service(ServiceError::NotFound))?;
    let found = service.retrieve_setup_intent(&tenant, &id).await?;
    Ok(HttpResponse::Ok().json(SetupIntentWire::from(&found)))
}
