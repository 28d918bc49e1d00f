//! What confirming a setup intent does, and how a 3-D Secure challenge ends.

use serde_json::{Value, json};

use crate::call::{Answer, Authority, Call};
use crate::cards::Outcome;
use crate::customers;
use crate::errors::ApiError;
use crate::payment_method::PaymentMethod;
use crate::payment_methods;
use crate::setup_intent::{SetupIntent, Status};
use crate::setup_intents;
use crate::state::Record;

const NO_METHOD: &str = "You cannot confirm this SetupIntent because it's missing a payment method. You can either \
                         update the SetupIntent with a payment method and then confirm it again, or confirm it again \
                         directly with a payment method or ConfirmationToken.";

/// Whether a new intent can be confirmed in the request that makes it.
pub(crate) fn check_can_start(
    call: &Call<'_>,
    has_method: bool,
    automatic: Option<&str>,
) -> Result<(), ApiError> {
    if !has_method {
        return Err(ApiError::invalid(NO_METHOD).code("setup_intent_unexpected_state"));
    }
    check_return_url(call, automatic)
}

/// An intent whose types may redirect the customer needs an address to come back to, except in the browser.
fn check_return_url(call: &Call<'_>, automatic: Option<&str>) -> Result<(), ApiError> {
    let parameters = call.parameters;
    let handled_in_browser = call.request.authority == Authority::Publishable
        || parameters.boolean("use_stripe_sdk")?.unwrap_or(false);
    if automatic != Some("always") || handled_in_browser || parameters.has("return_url") {
        return Ok(());
    }
    Err(ApiError::invalid(
        "This SetupIntent is configured to accept payment methods enabled in your Dashboard. Because some of these \
         payment methods might redirect your customer off of your page, you must provide a `return_url`. If you don't \
         want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` and \
         `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents.",
    ))
}

/// The sandbox's methods are cards, so an intent must accept cards.
pub(crate) fn check_type(method: &PaymentMethod, types: &[String]) -> Result<(), ApiError> {
    if types.iter().any(|kind| kind == "card") {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "The PaymentMethod {} (type card) is not allowed for this SetupIntent. Please attach a payment method of one \
         of the following types: {}.",
        method.id,
        types.join(", ")
    ))
    .param("payment_method"))
}

pub(crate) fn confirm(call: &mut Call<'_>, mut intent: SetupIntent) -> Answer {
    let brought = setup_intents::brought(call)?;
    let nothing_new = brought.is_none();
    let method = match (brought, intent.payment_method.clone()) {
        (Some(method), _) => method,
        (None, Some(id)) => payment_methods::find(call, &id)
            .ok_or_else(|| ApiError::no_such_payment_method_reference(&id, "payment_method"))?,
        (None, None) => return Err(intent.unexpected_state(NO_METHOD)),
    };
    match intent.status {
        Status::Succeeded => {
            let message = "You cannot confirm this SetupIntent because it has already succeeded.";
            return Err(intent.unexpected_state(message));
        }
        Status::Canceled => {
            let message = "You cannot confirm this SetupIntent because it has been canceled.";
            return Err(intent.unexpected_state(message));
        }
        Status::RequiresPaymentMethod | Status::RequiresConfirmation | Status::RequiresAction => {}
    }
    if let Some(customer) = &intent.customer {
        customers::referenced(call, customer, "customer")?;
    }
    let with_intent = |error: ApiError| error.with("setup_intent", intent.to_json());
    setup_intents::check_ownership(&method, intent.customer.as_deref()).map_err(with_intent)?;
    check_type(&method, &intent.payment_method_types).map_err(with_intent)?;
    check_return_url(call, intent.automatic.as_deref()).map_err(with_intent)?;
    let passes_challenge = intent.status == Status::RequiresAction
        && nothing_new
        && call.request.authority == Authority::Publishable;
    if passes_challenge {
        return Ok(succeed(call, intent, method));
    }
    payment_methods::keep(call, &method);
    intent.payment_method = Some(method.id.clone());
    run(call, intent, method)
}

/// One attempt: the bank says what becomes of it.
pub(crate) fn run(call: &mut Call<'_>, mut intent: SetupIntent, method: PaymentMethod) -> Answer {
    intent.latest_attempt = Some(call.world.identifiers.long("setatt"));
    intent.last_setup_error = None;
    match method.card.outcome {
        Outcome::Succeeds => Ok(succeed(call, intent, method)),
        Outcome::Challenges => {
            intent.status = Status::RequiresAction;
            intent.next_action = Some(challenge(call));
            Ok(store(call, intent, "setup_intent.requires_action"))
        }
        Outcome::Declines(decline) => {
            let error = ApiError::setup_declined(decline).with("payment_method", method.to_json());
            let intent = fail(call, intent, &error);
            Err(error.with("setup_intent", intent))
        }
    }
}

fn store(call: &mut Call<'_>, intent: SetupIntent, event: &str) -> Value {
    let rendered = intent.to_json();
    call.put(Record::SetupIntent(intent));
    call.emit(event, rendered.clone(), None);
    rendered
}

/// Saves the method: attached to the intent's customer, or, without one, used up.
fn succeed(call: &mut Call<'_>, mut intent: SetupIntent, mut method: PaymentMethod) -> Value {
    match &intent.customer {
        Some(customer) if method.customer.is_none() => {
            payment_methods::attach_to(call, method, customer);
        }
        Some(_) => {}
        None => {
            method.used_up = true;
            call.put(Record::PaymentMethod(method));
        }
    }
    intent.status = Status::Succeeded;
    intent.next_action = None;
    store(call, intent, "setup_intent.succeeded")
}

/// Back to the start, without the method, with the error to show.
fn fail(call: &mut Call<'_>, mut intent: SetupIntent, error: &ApiError) -> Value {
    intent.status = Status::RequiresPaymentMethod;
    intent.payment_method = None;
    intent.next_action = None;
    intent.last_setup_error = Some(error.to_setup_error());
    store(call, intent, "setup_intent.setup_failed")
}

/// The owner does not pass the challenge that the intent waits for.
pub(crate) fn fail_challenge(call: &mut Call<'_>) -> Answer {
    let intent = setup_intents::of_path(call)?;
    if intent.status != Status::RequiresAction {
        return Err(intent.unexpected_state("No challenge is open on this SetupIntent."));
    }
    let method = intent
        .payment_method
        .as_ref()
        .and_then(|id| call.account().payment_methods.get(id));
    let error = match method {
        Some(method) => ApiError::authentication_failed().with("payment_method", method.to_json()),
        None => ApiError::authentication_failed(),
    };
    Ok(fail(call, intent, &error))
}

/// The next action of a challenge, as Stripe.js handles it.
fn challenge(call: &mut Call<'_>) -> Value {
    let identifiers = &mut call.world.identifiers;
    let source = identifiers.long("src");
    let secret = identifiers.text(24);
    let slug = identifiers.text(86);
    let address = format!(
        "https://hooks.stripe.com/redirect/authenticate/{source}?client_secret=src_client_secret_{secret}\
         &source_redirect_slug=test_{slug}"
    );
    json!({
        "type": "use_stripe_sdk",
        "use_stripe_sdk": { "source": source, "stripe_js": address, "type": "three_d_secure_redirect" },
    })
}
