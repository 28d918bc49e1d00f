//! The endpoints of setup intents.

use std::collections::BTreeMap;

use crate::call::{Answer, Authority, Call};
use crate::confirmation;
use crate::customers;
use crate::errors::ApiError;
use crate::payment_method::PaymentMethod;
use crate::payment_methods;
use crate::setup_intent::{SetupIntent, Status};
use crate::state::Record;

/// Parameters that create and confirm share.
pub(crate) const CONFIRM_FIELDS: &[&str] = &[
    "expand",
    "mandate_data.*",
    "payment_method",
    "payment_method_data.allow_redisplay",
    "payment_method_data.billing_details.*",
    "payment_method_data.card.cvc",
    "payment_method_data.card.exp_month",
    "payment_method_data.card.exp_year",
    "payment_method_data.card.networks.preferred",
    "payment_method_data.card.number",
    "payment_method_data.card.token",
    "payment_method_data.client_attribution_metadata.*",
    "payment_method_data.guid",
    "payment_method_data.metadata.*",
    "payment_method_data.muid",
    "payment_method_data.pasted_fields",
    "payment_method_data.payment_user_agent",
    "payment_method_data.radar_options.session",
    "payment_method_data.referrer",
    "payment_method_data.sid",
    "payment_method_data.time_on_page",
    "payment_method_data.type",
    "payment_method_options.card.*",
    "return_url",
    "use_stripe_sdk",
];

/// Parameters of create beyond those.
pub(crate) const CREATE_FIELDS: &[&str] = &[
    "automatic_payment_methods.allow_redirects",
    "automatic_payment_methods.enabled",
    "confirm",
    "customer",
    "description",
    "metadata.*",
    "on_behalf_of",
    "usage",
];

/// What Stripe.js adds when it confirms or reads.
pub(crate) const BROWSER_FIELDS: &[&str] = &[
    "client_secret",
    "expected_payment_method_type",
    "client_context.*",
    "set_as_default_payment_method",
];

/// The types that an account without further settings offers when a setup intent names none.
const AUTOMATIC_TYPES: &[&str] = &[
    "card",
    "acss_debit",
    "amazon_pay",
    "bancontact",
    "cashapp",
    "link",
    "sepa_debit",
    "us_bank_account",
];

/// The method that the request brings, by id or as card data, if it brings one. It is to be kept once all is checked.
pub(crate) fn brought(call: &mut Call<'_>) -> Result<Option<PaymentMethod>, ApiError> {
    let named = call.parameters.filled("payment_method")?.map(str::to_owned);
    let has_data = call.parameters.has("payment_method_data");
    match named {
        Some(_) if has_data => {
            let message =
                "You may only specify one of these parameters: payment_method, payment_method_data.";
            Err(ApiError::validation(message))
        }
        Some(id) => {
            let method = payment_methods::find(call, &id);
            method
                .map(Some)
                .ok_or_else(|| ApiError::no_such_payment_method_reference(&id, "payment_method"))
        }
        None if has_data => payment_methods::from_card(call, "payment_method_data.").map(Some),
        None => Ok(None),
    }
}

/// Whether a method may serve an intent with that customer.
pub(crate) fn check_ownership(method: &PaymentMethod, customer: Option<&str>) -> Result<(), ApiError> {
    let message = match (&method.customer, customer) {
        (Some(owner), Some(customer)) if owner != customer => format!(
            "The PaymentMethod {} does not belong to the Customer you supplied {customer}. Please use this \
             PaymentMethod with the Customer that it belongs to instead.",
            method.id
        ),
        (Some(owner), None) => format!(
            "The payment method supplied ({}) belongs to the Customer {owner}. Please include the Customer in the \
             `customer` parameter on the SetupIntent.",
            method.id
        ),
        (None, _) if method.used_up => return Err(payment_methods::previously_used()),
        _ => return Ok(()),
    };
    Err(ApiError::invalid(message).param("payment_method"))
}

/// The types to offer, and `allow_redirects` when the account's settings choose them.
fn offered_types(call: &Call<'_>) -> Result<(Vec<String>, Option<String>), ApiError> {
    let parameters = call.parameters;
    if let Some(types) = parameters.texts("payment_method_types")? {
        if types.is_empty() {
            return Err(ApiError::empty_parameter("payment_method_types"));
        }
        if parameters.boolean("automatic_payment_methods.enabled")? == Some(true) {
            let message = "You may only specify one of these parameters: automatic_payment_methods, \
                           payment_method_types.";
            return Err(ApiError::validation(message));
        }
        return Ok((types, None));
    }
    let automatic = parameters.has("automatic_payment_methods");
    if automatic
        && !parameters
            .boolean("automatic_payment_methods.enabled")?
            .unwrap_or(false)
    {
        return Ok((vec!["card".to_owned()], None));
    }
    let redirects = parameters
        .choice("automatic_payment_methods.allow_redirects", &["always", "never"])?
        .unwrap_or("always");
    let count = if redirects == "never" {
        1
    } else {
        AUTOMATIC_TYPES.len()
    };
    let types = AUTOMATIC_TYPES[..count]
        .iter()
        .map(|kind| (*kind).to_owned())
        .collect();
    Ok((types, Some(redirects.to_owned())))
}

/// A time of the API from which on `payment_method_types` is no parameter of create and update any more.
const TYPES_REMOVED: &str = "2026-09-30";

fn check_version(call: &Call<'_>) -> Result<(), ApiError> {
    let date = call
        .request
        .version
        .get(..TYPES_REMOVED.len())
        .unwrap_or_default();
    if call.parameters.has("payment_method_types") && date >= TYPES_REMOVED {
        return Err(ApiError::unknown_parameters(&["payment_method_types".to_owned()]));
    }
    Ok(())
}

pub(crate) fn create(call: &mut Call<'_>) -> Answer {
    check_version(call)?;
    let (payment_method_types, automatic) = offered_types(call)?;
    let confirm = call.parameters.boolean("confirm")?.unwrap_or(false);
    let usage = call
        .parameters
        .choice("usage", &["off_session", "on_session"])?
        .unwrap_or("off_session")
        .to_owned();
    let customer = call.parameters.filled("customer")?.map(str::to_owned);
    let description = call
        .parameters
        .text("description")?
        .filter(|text| !text.is_empty())
        .map(str::to_owned);
    let on_behalf_of = call.parameters.filled("on_behalf_of")?.map(str::to_owned);
    let mut metadata = BTreeMap::new();
    call.parameters.merge_metadata("metadata", &mut metadata)?;
    let three_d_secure = three_d_secure(call)?.unwrap_or_else(|| "automatic".to_owned());
    if let Some(customer) = &customer {
        customers::referenced(call, customer, "customer")?;
    }
    let method = brought(call)?;
    if let Some(method) = &method {
        check_ownership(method, customer.as_deref())?;
        confirmation::check_type(method, &payment_method_types)?;
    }
    if confirm {
        confirmation::check_can_start(call, method.is_some(), automatic.as_deref())?;
    }
    if let Some(method) = &method {
        payment_methods::keep(call, method);
    }
    let id = call.world.identifiers.long("seti");
    let intent = SetupIntent {
        client_secret: format!("{id}_secret_{}", call.world.identifiers.text(31)),
        sequence: call.world.next_sequence(),
        created: call.now(),
        automatic,
        cancellation_reason: None,
        customer,
        description,
        last_setup_error: None,
        latest_attempt: None,
        metadata,
        next_action: None,
        on_behalf_of,
        payment_method: method.as_ref().map(|method| method.id.clone()),
        request_three_d_secure: three_d_secure,
        payment_method_types,
        status: if method.is_some() {
            Status::RequiresConfirmation
        } else {
            Status::RequiresPaymentMethod
        },
        usage,
        id,
    };
    call.put(Record::SetupIntent(intent.clone()));
    call.emit("setup_intent.created", intent.to_json(), None);
    match method {
        Some(method) if confirm => confirmation::run(call, intent, method),
        _ => Ok(intent.to_json()),
    }
}

fn three_d_secure(call: &Call<'_>) -> Result<Option<String>, ApiError> {
    let words = ["any", "automatic", "challenge"];
    let name = "payment_method_options.card.request_three_d_secure";
    Ok(call.parameters.choice(name, &words)?.map(str::to_owned))
}

/// The intent of the path. A publishable key must also bring the intent's client secret.
pub(crate) fn of_path(call: &Call<'_>) -> Result<SetupIntent, ApiError> {
    let id = &call.path[0];
    let intent = call.account().setup_intents.get(id).cloned();
    let intent = intent.ok_or_else(|| ApiError::no_such("setupintent", id, "intent"))?;
    if call.request.authority == Authority::Publishable {
        let secret = call.parameters.required("client_secret")?;
        if secret != intent.client_secret {
            let message = "The client_secret provided does not match the client_secret associated with the SetupIntent.";
            return Err(ApiError::invalid(message)
                .code("setup_intent_invalid_parameter")
                .param("client_secret"));
        }
    }
    Ok(intent)
}

pub(crate) fn retrieve(call: &mut Call<'_>) -> Answer {
    of_path(call).map(|intent| intent.to_json())
}

/// Changes an intent. Its payment method can be changed until it has succeeded or is canceled.
pub(crate) fn update(call: &mut Call<'_>) -> Answer {
    check_version(call)?;
    let mut intent = of_path(call)?;
    let before = intent.to_json();
    if let Some(customer) = call.parameters.filled("customer")? {
        customers::referenced(call, customer, "customer")?;
        intent.customer = Some(customer.to_owned());
    }
    if let Some(description) = call.parameters.text("description")? {
        intent.description = (!description.is_empty()).then(|| description.to_owned());
    }
    if let Some(types) = call.parameters.texts("payment_method_types")? {
        intent.payment_method_types = types;
        intent.automatic = None;
    }
    if let Some(choice) = three_d_secure(call)? {
        intent.request_three_d_secure = choice;
    }
    call.parameters.merge_metadata("metadata", &mut intent.metadata)?;
    if let Some(method) = brought(call)? {
        let state = match intent.status {
            Status::Succeeded => Some("it has already succeeded"),
            Status::Canceled => Some("it has been canceled"),
            _ => None,
        };
        if let Some(state) = state {
            return Err(
                intent.unexpected_state(format!("You cannot update this SetupIntent because {state}."))
            );
        }
        check_ownership(&method, intent.customer.as_deref())
            .map_err(|error| error.with("setup_intent", intent.to_json()))?;
        payment_methods::keep(call, &method);
        intent.payment_method = Some(method.id);
        intent.status = Status::RequiresConfirmation;
        intent.next_action = None;
    }
    let after = intent.to_json();
    if before != after {
        let id = intent.id.clone();
        call.put(Record::SetupIntent(intent));
        call.effect("setup_intent.updated", &id);
    }
    Ok(after)
}

pub(crate) fn confirm(call: &mut Call<'_>) -> Answer {
    let intent = of_path(call)?;
    confirmation::confirm(call, intent)
}

pub(crate) fn cancel(call: &mut Call<'_>) -> Answer {
    let mut intent = of_path(call)?;
    let reasons = ["abandoned", "duplicate", "requested_by_customer"];
    let reason = call
        .parameters
        .choice("cancellation_reason", &reasons)?
        .map(str::to_owned);
    match intent.status {
        // Stripe's own sentence has the slip.
        Status::Canceled => Err(intent
            .unexpected_state("You cannot cancel this SetupIntent because it it already canceled.")),
        Status::Succeeded => Err(intent.unexpected_state(
            "You cannot cancel this SetupIntent because it has a status of succeeded. Only a SetupIntent with one of \
             the following statuses may be canceled: `requires_payment_method`, `requires_confirmation`, or \
             `requires_action`.",
        )),
        Status::RequiresPaymentMethod | Status::RequiresConfirmation | Status::RequiresAction => {
            intent.status = Status::Canceled;
            intent.cancellation_reason = reason;
            intent.next_action = None;
            let rendered = intent.to_json();
            call.put(Record::SetupIntent(intent));
            call.emit("setup_intent.canceled", rendered.clone(), None);
            Ok(rendered)
        }
    }
}

pub(crate) fn list(call: &mut Call<'_>) -> Answer {
    let customer = call.parameters.filled("customer")?;
    let method = call.parameters.filled("payment_method")?;
    call.page(
        &call.account().setup_intents,
        |intent| {
            customer.is_none_or(|customer| intent.customer.as_deref() == Some(customer))
                && method.is_none_or(|method| intent.payment_method.as_deref() == Some(method))
        },
        SetupIntent::to_json,
    )
}
