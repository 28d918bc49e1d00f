//! Accounts: whose key it is, and the account object.

use actix_web::http::header::HeaderMap;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::call::{Answer, Authority, Call};
use crate::errors::ApiError;
use crate::identifiers::derived;
use crate::state::World;

/// Fewest characters of a key, its prefix included.
const SHORTEST_KEY: usize = 12;

/// A key that is well formed, and so is good.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) authority: Authority,
    pub(crate) account: String,
}

/// The id of the account that a secret or publishable test key belongs to; `None` when the sandbox refuses the key.
///
/// A key is good when it starts with `sk_test_` or `pk_test_`, has at least 12 characters and otherwise only letters,
/// digits and underscores. Two keys with the same ending belong to one account.
///
/// ```
/// let secret = billfold_sandbox::account_of_key("sk_test_demo");
/// assert_eq!(secret, billfold_sandbox::account_of_key("pk_test_demo"));
/// assert_eq!(billfold_sandbox::account_of_key("sk_live_demo"), None);
/// ```
pub fn account_of_key(key: &str) -> Option<String> {
    parse(key).map(|key| key.account)
}

fn parse(key: &str) -> Option<Key> {
    let (authority, ending) = key
        .strip_prefix("sk_test_")
        .map(|ending| (Authority::Secret, ending))
        .or_else(|| {
            key.strip_prefix("pk_test_")
                .map(|ending| (Authority::Publishable, ending))
        })?;
    let well_formed = key.len() >= SHORTEST_KEY
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    well_formed.then(|| Key {
        authority,
        account: format!("acct_1{}", derived(15, &["account", ending])),
    })
}

/// The key of a request: a bearer token, the user name of basic authentication, or the parameter `key`, as Stripe.js
/// sends it.
pub(crate) fn authenticate(headers: &HeaderMap, parameter: Option<String>) -> Result<Key, ApiError> {
    let header = headers.get("Authorization").and_then(|value| value.to_str().ok());
    let given = match header.and_then(|header| header.split_once(' ')) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Some(token.trim().to_owned()),
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("basic") => {
            let decoded = BASE64_STANDARD
                .decode(token.trim())
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok());
            decoded.map(|pair| pair.split(':').next().unwrap_or_default().to_owned())
        }
        _ => parameter,
    };
    let given = given.filter(|key| !key.is_empty()).ok_or_else(|| {
        ApiError::unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using \
             Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication \
             for details, or we can help at https://support.stripe.com/.",
        )
    })?;
    parse(&given).ok_or_else(|| invalid_key(&given))
}

fn invalid_key(key: &str) -> ApiError {
    ApiError::unauthorized(format!("Invalid API Key provided: {}", masked(key)))
}

/// A key with all but its prefix and its last four characters hidden.
fn masked(key: &str) -> String {
    let characters: Vec<char> = key.chars().collect();
    let prefix = key
        .char_indices()
        .filter(|(_, character)| *character == '_')
        .nth(1)
        .map_or(0, |(place, _)| place + 1);
    let hidden = characters.len().saturating_sub(prefix + 4);
    if hidden == 0 {
        return "*".repeat(characters.len());
    }
    characters
        .iter()
        .enumerate()
        .map(|(place, character)| {
            if (prefix..prefix + hidden).contains(&place) {
                '*'
            } else {
                *character
            }
        })
        .collect()
}

/// The refusal of a good key, for the fault script.
pub(crate) fn refused_key() -> ApiError {
    ApiError::unauthorized("Invalid API Key provided: sk_test_****")
}

/// Opens the account that a request acts on: the key's own, or the connected account that `Stripe-Account` names. The
/// first platform that names a connected account owns it. Returns the account and its platform.
pub(crate) fn open(
    world: &mut World,
    key: &Key,
    connected: Option<&str>,
    now: u64,
) -> Result<(String, Option<String>), ApiError> {
    world.open_account(&key.account, None, now);
    let Some(connected) = connected.filter(|connected| *connected != key.account) else {
        return Ok((key.account.clone(), None));
    };
    let rest = connected.strip_prefix("acct_").unwrap_or_default();
    let well_formed = (1..=64).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if well_formed {
        world.open_account(connected, Some(&key.account), now);
        if world.accounts[connected].platform.as_deref() == Some(&key.account) {
            return Ok((connected.to_owned(), Some(key.account.clone())));
        }
    }
    Err(ApiError::forbidden(
        "account_invalid",
        format!(
            "The provided key does not have access to account '{connected}' (or that account does not exist). \
             Application access may have been revoked."
        ),
    ))
}

fn to_json(id: &str, connected: bool, created: u64) -> Value {
    let requirements = || {
        json!({
            "alternatives": [], "current_deadline": null, "currently_due": [], "disabled_reason": null, "errors": [],
            "eventually_due": [], "past_due": [], "pending_verification": [],
        })
    };
    json!({
        "id": id,
        "object": "account",
        "business_profile": {
            "annual_revenue": null, "estimated_worker_count": null, "mcc": null, "name": "Sandbox",
            "product_description": null, "support_address": null, "support_email": null, "support_phone": null,
            "support_url": null, "url": null,
        },
        "business_type": null,
        "capabilities": { "card_payments": "active", "transfers": "active" },
        "charges_enabled": true,
        "controller": if connected { json!({ "type": "application", "is_controller": true }) } else { json!({ "type": "account" }) },
        "country": "US",
        "created": created,
        "default_currency": "usd",
        "details_submitted": true,
        "email": "sandbox@example.com",
        "external_accounts": {
            "object": "list", "data": [], "has_more": false, "total_count": 0,
            "url": format!("/v1/accounts/{id}/external_accounts"),
        },
        "future_requirements": requirements(),
        "metadata": {},
        "payouts_enabled": true,
        "requirements": requirements(),
        "settings": {
            "branding": { "icon": null, "logo": null, "primary_color": null, "secondary_color": null },
            "card_payments": {
                "decline_on": { "avs_failure": false, "cvc_failure": false },
                "statement_descriptor_prefix": null,
            },
            "dashboard": { "display_name": "Sandbox", "timezone": "Etc/UTC" },
            "payments": {
                "statement_descriptor": "SANDBOX", "statement_descriptor_kana": null,
                "statement_descriptor_kanji": null,
            },
        },
        "tos_acceptance": { "date": null, "ip": null, "user_agent": null },
        "type": "standard",
    })
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "every entry of the route table has this signature"
)]
pub(crate) fn retrieve_own(call: &mut Call<'_>) -> Answer {
    Ok(to_json(
        &call.request.account,
        call.request.platform.is_some(),
        call.account().created,
    ))
}

/// The key's own account by its id, or a connected account of it.
pub(crate) fn retrieve(call: &mut Call<'_>) -> Answer {
    let id = call.path[0].clone();
    if id == call.request.account {
        return retrieve_own(call);
    }
    let own = call
        .request
        .platform
        .clone()
        .unwrap_or_else(|| call.request.account.clone());
    let key = Key {
        authority: Authority::Secret,
        account: own,
    };
    let (id, platform) = open(call.world, &key, Some(&id), call.request.now)?;
    Ok(to_json(&id, platform.is_some(), call.world.accounts[&id].created))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart() {
        assert_eq!(account_of_key("sk_test_abcd"), account_of_key("pk_test_abcd"));
        assert_ne!(account_of_key("sk_test_abcd"), account_of_key("sk_test_abce"));
        for bad in [
            "sk_test_abc",
            "sk_live_abcdefgh",
            "rk_test_abcdefgh",
            "sk_test_ab cd",
            "",
            "abcdefghijklmnop",
        ] {
            assert_eq!(account_of_key(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_refused_key_is_not_shown() {
        assert_eq!(masked("sk_live_secretvalue"), "sk_live_*******alue");
        assert_eq!(masked("short"), "*hort");
        assert_eq!(masked("abc"), "***");
    }
}
