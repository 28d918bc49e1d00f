//! `/v1/account/payment-methods`

use actix_web::{HttpRequest, HttpResponse, web};
use billfold_service::{Confirmation, SavedPaymentMethod, Service};

use super::{Answer, payment_methods::id};
use crate::{
    auth::{AccountHolder, AccountRead, AccountWrite},
    error::AccountFace,
    wire::{
        account::{AccountPaymentMethodWire, parse_id},
        body,
    },
};

pub(crate) async fn create(
    service: web::Data<Service>,
    AccountHolder {
        tenant, user, zone, ..
    }: AccountHolder<AccountWrite>,
    payload: web::Payload,
) -> Answer<AccountFace> {
    let id = parse_id(&body::read(payload).await?)?;
    let saved = service
        .create_payment_method(tenant, id, user, Confirmation::MustPrecede)
        .await?;
    let (mut answer, shown) = match saved {
        SavedPaymentMethod::Created(shown) => (HttpResponse::Created(), shown),
        SavedPaymentMethod::Existing(shown) => (HttpResponse::Ok(), shown),
    };
    Ok(answer.json(AccountPaymentMethodWire::new(&shown.payment_method, &zone)))
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
    Ok(HttpResponse::Ok().json(wire))
}

pub(crate) async fn delete(
    service: web::Data<Service>,
    AccountHolder { tenant, user, .. }: AccountHolder<AccountWrite>,
    request: HttpRequest,
) -> Answer<AccountFace> {
    service
        .delete_payment_method(tenant, id(&request)?, Some(user))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
