//! What every handler that changes something does: have the wish fulfilled, once for each idempotency key, and show what
//! came of it as its face does.

use actix_web::http::StatusCode;
use billfold_domain::ProjectId;
use billfold_service::{
    Attribution, Fulfilled, RequestKey, SavedPaymentMethod, Service, ServiceError, Tenant, Wish,
};
use jiff::tz::TimeZone;

use super::Answer;
use crate::{
    error::Face,
    reply::Reply,
    wire::{
        account::{AccountPaymentMethodWire, AccountSetupIntentWire},
        payment_method::PaymentMethodWire,
        setup_intent::SetupIntentWire,
    },
};

/// Has a wish fulfilled and answers as the face does. `show` is how it shows what came of it.
pub(super) async fn fulfil<F: Face>(
    service: &Service,
    tenant: Tenant,
    attribution: Attribution,
    (wish, key): (Wish, Option<RequestKey>),
    show: impl Fn(&Fulfilled) -> Reply + Send + Sync + 'static,
) -> Answer<F> {
    let answer = move |result: Result<&Fulfilled, ServiceError>| {
        let reply = match result {
            Ok(fulfilled) => show(fulfilled),
            Err(error) => F::refuse(&error.into()),
        };
        reply.into_answer()
    };
    let given = service.fulfil(tenant, attribution, wish, key, answer).await?;
    if given.replayed {
        metrics::counter!("billfold_idempotency_replays_total").increment(1);
    }
    Ok(given.into())
}

/// How the project API shows what came of a wish.
pub(super) fn project(project: ProjectId) -> impl Fn(&Fulfilled) -> Reply + Send + Sync + 'static {
    move |fulfilled| match fulfilled {
        Fulfilled::Saved(SavedPaymentMethod::Created(shown)) => {
            Reply::written(StatusCode::CREATED, PaymentMethodWire::from(shown).json()).at(format!(
                "/projects/{project}/paymentMethods/{}",
                shown.payment_method.id
            ))
        }
        Fulfilled::Saved(SavedPaymentMethod::Existing(shown)) => {
            Reply::written(StatusCode::OK, PaymentMethodWire::from(shown).json())
        }
        Fulfilled::Deleted(deleted) => {
            Reply::written(StatusCode::OK, PaymentMethodWire::from(deleted).json())
        }
        Fulfilled::SetupIntent(made) => Reply::json(StatusCode::CREATED, &SetupIntentWire::from(made))
            .at(format!("/projects/{project}/setupIntents/{}", made.id)),
    }
}

/// How the account API shows what came of a wish, with times in this zone.
pub(super) fn account(zone: TimeZone) -> impl Fn(&Fulfilled) -> Reply + Send + Sync + 'static {
    move |fulfilled| match fulfilled {
        Fulfilled::Saved(SavedPaymentMethod::Created(shown)) => Reply::json(
            StatusCode::CREATED,
            &AccountPaymentMethodWire::new(&shown.payment_method, &zone),
        ),
        Fulfilled::Saved(SavedPaymentMethod::Existing(shown)) => Reply::json(
            StatusCode::OK,
            &AccountPaymentMethodWire::new(&shown.payment_method, &zone),
        ),
        Fulfilled::Deleted(_) => Reply::empty(StatusCode::NO_CONTENT),
        Fulfilled::SetupIntent(made) => {
            Reply::json(StatusCode::CREATED, &AccountSetupIntentWire::new(made, &zone))
        }
    }
}
