//! `/projects/{project}/paymentMethods`

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use billfold_domain::PaymentMethodId;
use billfold_service::{Confirmation, SavedPaymentMethod, Service, ServiceError};

use super::Answer;
use crate::{
    auth::{Backend, ProjectRead, ProjectWrite},
    error::{ApiError, ProjectFace},
    wire::{
        body, list_query,
        payment_method::{CreatePaymentMethod, PaymentMethodListWire, PaymentMethodWire},
    },
};

pub(crate) async fn create(
    service: web::Data<Service>,
    Backend { tenant, .. }: Backend<ProjectWrite>,
    payload: web::Payload,
) -> Answer<ProjectFace> {
    let CreatePaymentMethod { id, user } = CreatePaymentMethod::parse(&body::read(payload).await?)?;
    let project = tenant.scope().project().clone();
    let saved = service
        .create_payment_method(tenant, id, user, Confirmation::MayFollow)
        .await?;
    Ok(match saved {
        SavedPaymentMethod::Created(shown) => HttpResponse::Created()
            .insert_header((
                header::LOCATION,
                format!("/projects/{project}/paymentMethods/{}", shown.payment_method.id),
            ))
            .json(PaymentMethodWire::from(&shown)),
        SavedPaymentMethod::Existing(shown) => HttpResponse::Ok().json(PaymentMethodWire::from(&shown)),
    })
}

pub(crate) async fn retrieve(
    service: web::Data<Service>,
    Backend { tenant, .. }: Backend<ProjectRead>,
    request: HttpRequest,
) -> Answer<ProjectFace> {
    let shown = service.retrieve_payment_method(tenant, &id(&request)?).await?;
    Ok(HttpResponse::Ok().json(PaymentMethodWire::from(&shown)))
}

pub(crate) async fn delete(
    service: web::Data<Service>,
    Backend { tenant, .. }: Backend<ProjectWrite>,
    request: HttpRequest,
) -> Answer<ProjectFace> {
    let deleted = service.delete_payment_method(tenant, id(&request)?, None).await?;
    Ok(HttpResponse::Ok().json(PaymentMethodWire::from(&deleted)))
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
            ServiceError::CursorNotFound => list_query::unknown_cursor(&page_request),
            error => error.into(),
        })?;
    Ok(HttpResponse::Ok().json(PaymentMethodListWire::from(&page)))
}

/// The id in the path; a text that is none names nothing.
pub(super) fn id(request: &HttpRequest) -> Result<PaymentMethodId, ApiError> {
    let text = request.match_info().get("id").unwrap_or_default();
    PaymentMethodId::parse(text).map_err(|_| ApiError::Service(ServiceError::NotFound))
}
