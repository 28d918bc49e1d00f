//! `/projects/{project}/paymentMethods`

use actix_web::{HttpRequest, http::StatusCode, web};
use billfold_domain::PaymentMethodId;
use billfold_service::{Confirmation, Service, ServiceError, Wish};

use super::{Answer, fulfil};
use crate::{
    auth::{Backend, ProjectRead, ProjectWrite},
    error::{ApiError, ProjectFace},
    reply::Reply,
    wire::{
        body::Body,
        idempotency_key, list_query,
        payment_method::{CreatePaymentMethod, PaymentMethodListWire, PaymentMethodWire},
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
    let wish = CreatePaymentMethod::parse(&body.read().await?).map(|CreatePaymentMethod { id, user }| {
        Wish::SavePaymentMethod {
            id,
            user,
            confirmation: Confirmation::MayFollow,
        }
    });
    let wish = idempotency_key::beside(&request, wish)?;
    let show = fulfil::project(tenant.scope().project().clone());
    fulfil::fulfil(&service, tenant, attribution, wish, show).await
}

pub(crate) async fn retrieve(
    service: web::Data<Service>,
    Backend { tenant, .. }: Backend<ProjectRead>,
    request: HttpRequest,
) -> Answer<ProjectFace> {
    let shown = service.retrieve_payment_method(tenant, &id(&request)?).await?;
    Ok(Reply::written(
        StatusCode::OK,
        PaymentMethodWire::from(&shown).json(),
    ))
}

pub(crate) async fn delete(
    service: web::Data<Service>,
    Backend {
        tenant, attribution, ..
    }: Backend<ProjectWrite>,
    request: HttpRequest,
) -> Answer<ProjectFace> {
    let wish = id(&request).map(|id| Wish::DeletePaymentMethod { id, owner: None });
    let wish = idempotency_key::beside(&request, wish)?;
    let show = fulfil::project(tenant.scope().project().clone());
    fulfil::fulfil(&service, tenant, attribution, wish, show).await
}

pub(crate) async fn list(
    service: web::Data<Service>,
    Backend { tenant, .. }: Backend<ProjectRead>,
    request: HttpRequest,
) -> Answer<ProjectFace> {
    let page_request = list_query::parse(request.query_string())?;
    let page = service
        .list_payment_methods(&tenant, &page_request)
        .await
        .map_err(|error| match error {
            ServiceError::CursorNotFound => list_query::unknown_cursor(&page_request.position),
            error => error.into(),
        })?;
    Ok(Reply::written(
        StatusCode::OK,
        PaymentMethodListWire::from(&page).json(),
    ))
}

/// The id in the path; a text that is none names nothing.
pub(super) fn id(request: &HttpRequest) -> Result<PaymentMethodId, ApiError> {
    let text = request.match_info().get("id").unwrap_or_default();
    PaymentMethodId::parse(text).map_err(|_| ApiError::Service(ServiceError::NotFound))
}
