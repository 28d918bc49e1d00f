//! `/v1/account/payment-methods`

use actix_web::{HttpRequest, http::StatusCode, web};
use billfold_service::{Confirmation, Service, Wish};

use super::{Answer, fulfil, payment_methods::id};
use crate::{
    auth::{AccountHolder, AccountRead, AccountWrite},
    error::AccountFace,
    reply::Reply,
    wire::{
        account::{AccountPaymentMethodWire, parse_id},
        body::Body,
        idempotency_key,
    },
};

pub(crate) async fn create(
    service: web::Data<Service>,
    AccountHolder {
        tenant,
        attribution,
        user,
        zone,
        ..
    }: AccountHolder<AccountWrite>,
    request: HttpRequest,
    body: Body,
) -> Answer<AccountFace> {
    let wish = parse_id(&body.read().await?).map(|id| Wish::SavePaymentMethod {
        id,
        user,
        confirmation: Confirmation::MustPrecede,
    });
    let wish = idempotency_key::beside(&request, wish)?;
    fulfil::fulfil(&service, tenant, attribution, wish, fulfil::account(zone)).await
}

pub(crate) async fn list(
    service: web::Data<Service>,
    AccountHolder {
        tenant, user, zone, ..
    }: AccountHolder<AccountRead>,
) -> Answer<AccountFace> {
    let found = service.list_available_payment_methods(&tenant, &user).await?;
    let wire: Vec<_> = found
        .iter()
        .map(|found| AccountPaymentMethodWire::new(found, &zone))
        .collect();
    Ok(Reply::json(StatusCode::OK, &wire))
}

pub(crate) async fn delete(
    service: web::Data<Service>,
    AccountHolder {
        tenant,
        attribution,
        user,
        zone,
        ..
    }: AccountHolder<AccountWrite>,
    request: HttpRequest,
) -> Answer<AccountFace> {
    let wish = id(&request).map(|id| Wish::DeletePaymentMethod {
        id,
        owner: Some(user),
    });
    let wish = idempotency_key::beside(&request, wish)?;
    fulfil::fulfil(&service, tenant, attribution, wish, fulfil::account(zone)).await
}
