//! `expand[]`: objects in place of their ids.

use serde_json::Value;

use crate::errors::ApiError;
use crate::parameters::Parameters;
use crate::state::Account;

/// Names that may stand in a path of `expand[]`. Those that the sandbox has no object for stay ids.
const EXPANDABLE: &[&str] = &[
    "application",
    "customer",
    "data",
    "default_payment_method",
    "default_source",
    "invoice_settings",
    "latest_attempt",
    "mandate",
    "on_behalf_of",
    "payment_method",
    "single_use_mandate",
    "sources",
    "subscriptions",
    "tax_ids",
    "test_clock",
];

/// Deepest path, as at Stripe.
const DEEPEST: usize = 4;

/// The paths that the request asks for; one that cannot be expanded is refused before any work begins.
pub(crate) fn requested(parameters: &Parameters) -> Result<Vec<String>, ApiError> {
    let paths = parameters.texts("expand")?.unwrap_or_default();
    for path in &paths {
        let segments: Vec<&str> = path.split('.').collect();
        if segments.len() > DEEPEST || segments.iter().any(|segment| !EXPANDABLE.contains(segment)) {
            let message = format!("This property cannot be expanded ({path}).");
            return Err(ApiError::validation(message).param("expand"));
        }
    }
    Ok(paths)
}

/// Expands the paths in an answer.
pub(crate) fn expand(account: &Account, value: &mut Value, paths: &[String]) {
    for path in paths {
        expand_path(account, value, &path.split('.').collect::<Vec<_>>());
    }
}

fn expand_path(account: &Account, value: &mut Value, segments: &[&str]) {
    if let Value::Array(items) = value {
        for item in items {
            expand_path(account, item, segments);
        }
        return;
    }
    if let Some(object) = value.as_str().and_then(|id| find(account, id)) {
        *value = object;
    }
    if let Some((first, rest)) = segments.split_first()
        && let Some(inner) = value.get_mut(first)
    {
        expand_path(account, inner, rest);
    }
}

fn find(account: &Account, id: &str) -> Option<Value> {
    if id.starts_with("cus_") {
        return account.customers.get(id).map(crate::customers::Customer::to_json);
    }
    account
        .payment_methods
        .get(id)
        .map(crate::payment_method::PaymentMethod::to_json)
}
