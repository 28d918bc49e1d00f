//! `/v1/account/setup-intent`

use actix_web::{HttpRequest, web};
use billfold_service::{Service, Wish};

use super::{Answer, fulfil};
use crate::{
    auth::{AccountHolder, AccountWrite},
    error::AccountFace,
    wire::idempotency_key,
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
) -> Answer<AccountFace> {
    let wish = idempotency_key::beside(&request, Ok(Wish::MakeSetupIntent { user }))?;
    fulfil::fulfil(&service, tenant, attribution, wish, fulfil::account(zone)).await
}
