//! `/projects/{project}/setupIntents`

use actix_web::{HttpRequest, http::StatusCode, web};
use billfold_domain::SetupIntentId;
use billfold_service::{Service, ServiceError, Wish};

use super::{Answer, fulfil};
use crate::{
    auth::{Backend, ProjectRead, ProjectWrite},
    error::{ApiError, ProjectFace},
    reply::Reply,
    wire::{
        body::Body,
        idempotency_key,
        setup_intent::{CreateSetupIntent, SetupIntentWire},
    },
};

pub(crate) async fn create(
    service: web::Data<Service>,
    Backend {
        tenant, attribution, ..
    }: Backend<ProjectWrite>,
    request: HttpRequest,
    body: Body,
) -> Answer<ProjectFace> {
    let wish = CreateSetupIntent::parse(&body.read().await?)
        .map(|CreateSetupIntent { user }| Wish::MakeSetupIntent { user });
    let wish = idempotency_key::beside(&request, wish)?;
    let show = fulfil::project(tenant.scope().project().clone());
    fulfil::fulfil(&service, tenant, attribution, wish, show).await
}

pub(crate) async fn retrieve(
    service: web::Data<Service>,
    Backend { tenant, .. }: Backend<ProjectRead>,
    request: HttpRequest,
) -> Answer<ProjectFace> {
    let text = request.match_info().get("id").unwrap_or_default();
    let id = SetupIntentId::parse(text).map_err(|_| ApiError::Service(ServiceError::NotFound))?;
    let found = service.retrieve_setup_intent(&tenant, &id).await?;
    Ok(Reply::json(StatusCode::OK, &SetupIntentWire::from(&found)))
}
