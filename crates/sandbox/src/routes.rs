//! Every endpoint, in one table.

use crate::call::{Answer, Call};
use crate::{accounts, customers, events, payment_methods, setup_intents, webhooks};

/// One endpoint.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    /// Variable segments are `{}`.
    path: &'static str,
    /// Parameters beyond which none is known.
    pub(crate) parameters: &'static [&'static [&'static str]],
    /// Whether a publishable key may call it.
    pub(crate) publishable: bool,
    pub(crate) run: fn(&mut Call<'_>) -> Answer,
}

const EXPAND: &[&str] = &["expand"];
const NONE: &[&[&str]] = &[];
const ONE: &[&[&str]] = &[EXPAND];
const PAGE: &[&str] = &[
    "created",
    "created.gt",
    "created.gte",
    "created.lt",
    "created.lte",
    "ending_before",
    "expand",
    "limit",
    "starting_after",
];

const fn secret(
    method: &'static str,
    path: &'static str,
    parameters: &'static [&'static [&'static str]],
    run: fn(&mut Call<'_>) -> Answer,
) -> Route {
    Route {
        method,
        path,
        parameters,
        publishable: false,
        run,
    }
}

const fn browser(
    method: &'static str,
    path: &'static str,
    parameters: &'static [&'static [&'static str]],
    run: fn(&mut Call<'_>) -> Answer,
) -> Route {
    Route {
        method,
        path,
        parameters,
        publishable: true,
        run,
    }
}

#[rustfmt::skip]
static ROUTES: &[Route] = &[
    secret("GET", "/v1/account", ONE, accounts::retrieve_own),
    secret("GET", "/v1/accounts/{}", ONE, accounts::retrieve),

    secret("POST", "/v1/customers", &[customers::FIELDS, &["payment_method"]], customers::create),
    secret("GET", "/v1/customers", &[PAGE, &["email"]], customers::list),
    secret("GET", "/v1/customers/{}", ONE, customers::retrieve),
    secret("POST", "/v1/customers/{}", &[customers::FIELDS], customers::update),
    secret("DELETE", "/v1/customers/{}", NONE, customers::delete),
    secret("GET", "/v1/customers/{}/payment_methods", &[PAGE, &["type", "allow_redisplay"]], payment_methods::list_of_customer),
    secret("GET", "/v1/customers/{}/payment_methods/{}", ONE, payment_methods::retrieve_of_customer),

    browser("POST", "/v1/payment_methods", &[payment_methods::CREATE_FIELDS, payment_methods::BROWSER_FIELDS], payment_methods::create),
    secret("GET", "/v1/payment_methods", &[PAGE, &["customer", "type", "allow_redisplay"]], payment_methods::list),
    secret("GET", "/v1/payment_methods/{}", ONE, payment_methods::retrieve),
    secret("POST", "/v1/payment_methods/{}", &[&["allow_redisplay", "billing_details.*", "card.exp_month", "card.exp_year", "card.networks.preferred", "expand", "metadata.*"]], payment_methods::update),
    secret("POST", "/v1/payment_methods/{}/attach", &[&["customer", "expand"]], payment_methods::attach),
    secret("POST", "/v1/payment_methods/{}/detach", ONE, payment_methods::detach),

    secret("POST", "/v1/setup_intents", &[setup_intents::CREATE_FIELDS, setup_intents::CONFIRM_FIELDS, &["payment_method_types"]], setup_intents::create),
    secret("GET", "/v1/setup_intents", &[PAGE, &["customer", "payment_method"]], setup_intents::list),
    browser("GET", "/v1/setup_intents/{}", &[EXPAND, setup_intents::BROWSER_FIELDS], setup_intents::retrieve),
    secret("POST", "/v1/setup_intents/{}", &[setup_intents::CREATE_FIELDS, setup_intents::CONFIRM_FIELDS, &["payment_method_types"]], setup_intents::update),
    browser("POST", "/v1/setup_intents/{}/confirm", &[setup_intents::CONFIRM_FIELDS, setup_intents::BROWSER_FIELDS, payment_methods::BROWSER_FIELDS], setup_intents::confirm),
    secret("POST", "/v1/setup_intents/{}/cancel", &[&["cancellation_reason", "expand"]], setup_intents::cancel),

    secret("GET", "/v1/events", &[PAGE, events::LIST_FIELDS], events::list),
    secret("GET", "/v1/events/{}", ONE, events::retrieve),

    secret("POST", "/v1/webhook_endpoints", &[webhooks::CREATE_FIELDS], webhooks::create),
    secret("GET", "/v1/webhook_endpoints", &[PAGE], webhooks::list),
    secret("GET", "/v1/webhook_endpoints/{}", ONE, webhooks::retrieve),
    secret("POST", "/v1/webhook_endpoints/{}", &[webhooks::UPDATE_FIELDS], webhooks::update),
    secret("DELETE", "/v1/webhook_endpoints/{}", NONE, webhooks::delete),
];

/// The endpoint of a method and a path (not decoded), with the path's variable segments (decoded).
pub(crate) fn find(method: &str, path: &str) -> Option<(&'static Route, Vec<String>)> {
    ROUTES
        .iter()
        .filter(|route| route.method == method)
        .find_map(|route| {
            let mut variables = Vec::new();
            let mut wanted = route.path.split('/');
            for segment in path.split('/') {
                match wanted.next()? {
                    "{}" if !segment.is_empty() => variables.push(decode(segment)),
                    fixed if fixed == segment => {}
                    _ => return None,
                }
            }
            wanted.next().is_none().then_some((route, variables))
        })
}

/// A path segment as Stripe reads it: a plus is a space there too.
fn decode(segment: &str) -> String {
    let spaced = segment.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced)
        .decode_utf8_lossy()
        .into_owned()
}
