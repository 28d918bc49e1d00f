//! The endpoints of payment methods.

use serde_json::Value;

use crate::call::{Answer, Call};
use crate::cards::Outcome;
use crate::errors::ApiError;
use crate::payment_method::{Card, PaymentMethod};
use crate::state::{Record, previous_attributes};
use crate::{card_checks, customers};

/// Parameters that describe a card: of create, and of `payment_method_data` with that name and a dot in front.
pub(crate) const CREATE_FIELDS: &[&str] = &[
    "allow_redisplay",
    "billing_details.*",
    "card.cvc",
    "card.exp_month",
    "card.exp_year",
    "card.networks.preferred",
    "card.number",
    "card.token",
    "customer",
    "expand",
    "metadata.*",
    "payment_method",
    "radar_options.session",
    "type",
];

/// What Stripe.js adds to its requests.
pub(crate) const BROWSER_FIELDS: &[&str] = &[
    "guid",
    "muid",
    "sid",
    "payment_user_agent",
    "referrer",
    "time_on_page",
    "client_attribution_metadata.*",
];

/// Makes a method from the parameters `type` and `card[…]`, whose names start with `prefix`. It is to be [`keep`]ed.
pub(crate) fn from_card(call: &mut Call<'_>, prefix: &str) -> Result<PaymentMethod, ApiError> {
    let name = |field: &str| format!("{prefix}{field}");
    let parameters = call.parameters;
    let kind = parameters.required(&name("type"))?;
    if kind != "card" {
        let message = format!("This sandbox only makes payment methods of type `card`, not `{kind}`.");
        return Err(ApiError::validation(message).param(&name("type")));
    }
    let mut card = if let Some(token) = parameters.filled(&name("card.token"))? {
        let card = token
            .strip_prefix("tok_")
            .and_then(|name| Card::of_name(call, name));
        card.ok_or_else(|| ApiError::no_such_reference("token", token, "card[token]"))?
    } else {
        let number = card_checks::number(parameters.required(&name("card.number"))?)?;
        let month = parameters.required(&name("card.exp_month"))?;
        let year = parameters.required(&name("card.exp_year"))?;
        let expiry = card_checks::expiry(month, year, call.now())?;
        let mut card = Card::of_number(call, &number, expiry);
        if let Some(cvc) = parameters.text(&name("card.cvc"))? {
            card_checks::check_cvc(cvc, &card.brand)?;
            card.cvc_check = Some("unchecked".to_owned());
        }
        card
    };
    if let Some(network) = parameters.filled(&name("card.networks.preferred"))? {
        card.preferred_network = Some(network.to_owned());
    }
    let mut method = PaymentMethod::of_card(call, card);
    method.update(parameters, prefix)?;
    Ok(method)
}

/// Stores a method that is new; a refused request leaves none behind.
pub(crate) fn keep(call: &mut Call<'_>, method: &PaymentMethod) {
    if call.account().payment_methods.get(&method.id).is_none() {
        call.put(Record::PaymentMethod(method.clone()));
        call.effect("payment_method.created", &method.id);
    }
}

/// The method of that id; a `pm_card_*` id gives a fresh method each time, which is to be [`keep`]ed.
pub(crate) fn find(call: &mut Call<'_>, id: &str) -> Option<PaymentMethod> {
    if let Some(method) = call.account().payment_methods.get(id) {
        return Some(method.clone());
    }
    let card = Card::of_name(call, id.strip_prefix("pm_card_")?)?;
    Some(PaymentMethod::of_card(call, card))
}

/// A method that can be attached now: unattached, not used up, and accepted by its bank.
pub(crate) fn attachable(call: &mut Call<'_>, id: &str, param: &str) -> Result<PaymentMethod, ApiError> {
    let method = find(call, id).ok_or_else(|| {
        if param.is_empty() {
            ApiError::no_such_payment_method(id)
        } else {
            ApiError::no_such_payment_method_reference(id, param)
        }
    })?;
    if method.customer.is_some() {
        let message = "The payment method you provided has already been attached to a customer.";
        return Err(ApiError::invalid(message));
    }
    if method.used_up {
        let message = "This PaymentMethod was previously used without being attached to a Customer or was detached \
                       from a Customer, and may not be used again.";
        return Err(ApiError::invalid(message));
    }
    match method.card.outcome {
        Outcome::Declines(decline) => Err(ApiError::attach_declined(decline)),
        Outcome::Succeeds | Outcome::Challenges => Ok(method),
    }
}

/// Attaches a method that may be attached, and tells of it.
pub(crate) fn attach_to(call: &mut Call<'_>, mut method: PaymentMethod, customer: &str) -> Value {
    keep(call, &method);
    method.customer = Some(customer.to_owned());
    method.card.pass_checks();
    let rendered = method.to_json();
    call.put(Record::PaymentMethod(method));
    call.emit("payment_method.attached", rendered.clone(), None);
    rendered
}

pub(crate) fn create(call: &mut Call<'_>) -> Answer {
    if call.parameters.has("payment_method") {
        return clone(call);
    }
    if call.parameters.has("customer") {
        let message = "You may only specify `customer` when cloning a `payment_method`.";
        return Err(ApiError::validation(message).param("customer"));
    }
    let method = from_card(call, "")?;
    keep(call, &method);
    Ok(method.to_json())
}

/// Clones a platform's method to the connected account of the request.
fn clone(call: &mut Call<'_>) -> Answer {
    let id = call.parameters.required("payment_method")?.to_owned();
    let Some(platform) = call.request.platform.clone() else {
        let message =
            "A payment method can only be cloned to a connected account: send the Stripe-Account header.";
        return Err(ApiError::invalid(message).param("payment_method"));
    };
    let source = call
        .world
        .accounts
        .get(&platform)
        .and_then(|account| account.payment_methods.get(&id))
        .cloned();
    let Some(mut source) = source else {
        let fresh = id.starts_with("pm_card_").then(|| find(call, &id)).flatten();
        let fresh = fresh.ok_or_else(|| ApiError::no_such_payment_method_reference(&id, "payment_method"))?;
        keep(call, &fresh);
        return Ok(fresh.to_json());
    };
    let customer = call.parameters.filled("customer")?;
    if source.customer.as_deref() != customer {
        let message = match &source.customer {
            Some(owner) => format!(
                "The payment method {id} belongs to the Customer {owner}. Please include the Customer in the \
                 `customer` parameter."
            ),
            None => format!("The payment method {id} is not attached to the Customer you supplied."),
        };
        return Err(ApiError::invalid(message).param("customer"));
    }
    if source.used_up {
        return Err(previously_used());
    }
    let mut method = PaymentMethod::of_card(call, source.card.clone());
    method.billing_details = source.billing_details.clone();
    method.allow_redisplay.clone_from(&source.allow_redisplay);
    method.update(call.parameters, "")?;
    keep(call, &method);
    if source.customer.is_none() {
        // Shared without a customer, the platform's own copy can be used no more.
        source.used_up = true;
        call.world.put(&platform, Record::PaymentMethod(source));
    }
    Ok(method.to_json())
}

/// The refusal of a used-up method in a setup intent or a clone.
pub(crate) fn previously_used() -> ApiError {
    ApiError::invalid(
        "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared with \
         a connected account without Customer attachment, or was detached from a Customer. It may not be used again. \
         To use a PaymentMethod multiple times, you must attach it to a Customer first.",
    )
}

/// The method of the path.
fn of_path(call: &mut Call<'_>, position: usize) -> Result<PaymentMethod, ApiError> {
    let id = call.path[position].clone();
    find(call, &id).ok_or_else(|| ApiError::no_such_payment_method(&id))
}

pub(crate) fn retrieve(call: &mut Call<'_>) -> Answer {
    let method = of_path(call, 0)?;
    keep(call, &method);
    Ok(method.to_json())
}

pub(crate) fn attach(call: &mut Call<'_>) -> Answer {
    let customer = call.parameters.required("customer")?.to_owned();
    customers::referenced(call, &customer, "customer")?;
    let id = call.path[0].clone();
    let method = attachable(call, &id, "")?;
    Ok(attach_to(call, method, &customer))
}

pub(crate) fn detach(call: &mut Call<'_>) -> Answer {
    let mut method = of_path(call, 0)?;
    let before = method.to_json();
    let Some(owner) = method.customer.take() else {
        let message =
            "The payment method you provided is not attached to a customer so detachment is impossible.";
        return Err(ApiError::invalid(message));
    };
    method.used_up = true;
    let after = method.to_json();
    let id = method.id.clone();
    call.put(Record::PaymentMethod(method));
    call.emit(
        "payment_method.detached",
        after.clone(),
        previous_attributes(&before, &after),
    );
    let owner = call.account().customers.get(&owner).cloned();
    if let Some(mut owner) = owner.filter(|owner| owner.default_payment_method.as_deref() == Some(&id)) {
        let before = owner.to_json();
        owner.default_payment_method = None;
        customers::save(call, owner, &before);
    }
    Ok(after)
}

pub(crate) fn update(call: &mut Call<'_>) -> Answer {
    let mut method = of_path(call, 0)?;
    if method.customer.is_none() {
        let message = "You must save this PaymentMethod to a customer before you can update it.";
        return Err(ApiError::invalid(message));
    }
    let before = method.to_json();
    method.update(call.parameters, "")?;
    let month = call.parameters.filled("card.exp_month")?;
    let year = call.parameters.filled("card.exp_year")?;
    if month.is_some() || year.is_some() {
        let month = month.map_or_else(|| method.card.exp_month.to_string(), str::to_owned);
        let year = year.map_or_else(|| method.card.exp_year.to_string(), str::to_owned);
        (method.card.exp_month, method.card.exp_year) = card_checks::expiry(&month, &year, call.now())?;
    }
    if let Some(network) = call.parameters.text("card.networks.preferred")? {
        method.card.preferred_network = (!network.is_empty()).then(|| network.to_owned());
    }
    let after = method.to_json();
    if let Some(previous) = previous_attributes(&before, &after) {
        call.put(Record::PaymentMethod(method));
        call.emit("payment_method.updated", after.clone(), Some(previous));
    }
    Ok(after)
}

pub(crate) fn list(call: &mut Call<'_>) -> Answer {
    let customer = call.parameters.filled("customer")?.map(str::to_owned);
    if let Some(customer) = &customer {
        customers::referenced(call, customer, "customer")?;
    }
    list_of(call, customer.as_deref())
}

pub(crate) fn list_of_customer(call: &mut Call<'_>) -> Answer {
    let customer = call.path[0].clone();
    let known = call
        .account()
        .customers
        .get(&customer)
        .is_some_and(|customer| !customer.deleted);
    if !known {
        return Err(ApiError::no_such("customer", &customer, "customer"));
    }
    list_of(call, Some(&customer))
}

/// The methods attached to a customer. Without a customer there are none to show: Stripe lists attached methods only.
fn list_of(call: &Call<'_>, customer: Option<&str>) -> Answer {
    let kind = call.parameters.filled("type")?;
    let redisplay = call.parameters.filled("allow_redisplay")?;
    call.page(
        &call.account().payment_methods,
        |method| {
            customer.is_some()
                && method.customer.as_deref() == customer
                && kind.is_none_or(|kind| kind == "card")
                && redisplay.is_none_or(|redisplay| method.allow_redisplay == redisplay)
        },
        PaymentMethod::to_json,
    )
}

pub(crate) fn retrieve_of_customer(call: &mut Call<'_>) -> Answer {
    let (customer, id) = (&call.path[0], &call.path[1]);
    let method = call.account().payment_methods.get(id);
    method
        .filter(|method| method.customer.as_deref() == Some(customer))
        .map(PaymentMethod::to_json)
        .ok_or_else(|| ApiError::no_such_payment_method(id))
}
