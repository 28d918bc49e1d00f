//! `/v1/account/setup-intent`

use actix_web::{HttpResponse, web};
use billfold_service::Service;

use super::Answer;
use crate::{
    auth::{AccountHolder, AccountWrite},
    error::AccountFace,
    wire::account::AccountSetupIntentWire,
};

pub(crate) async fn create(
    service: web::Data<Service>,
    AccountHolder {
        tenant, user, zone, ..
    }: AccountHolder<AccountWrite>,
) -> Answer<AccountFace> {
    let made = service.create_setup_intent(tenant, user).await?;
    Ok(HttpResponse::Created().json(AccountSetupIntentWire::new(&made, &zone)))
}
