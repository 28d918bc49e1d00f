//! Stripe's answers, for the fuzzer: see `fuzz/`. Only its builds have this module.

use crate::{
    Event, client::Answer, customers, error_parse::error_of, page::ListJson, payment_methods, setup_intents,
    wire::read_json,
};

/// Reads a body as each thing that an answer may be.
pub fn answer(status: u16, body: &[u8]) {
    let answer = Answer {
        status,
        should_retry: None,
        retry_after: None,
        limits_one_object: false,
        body: body.to_vec(),
    };
    let error = error_of(&answer, "/v1/setup_intents/{id}");
    assert!(error.to_string().len() < 1000);
    drop(Event::parse(body));
    drop(read_json(body).and_then(setup_intents::SetupIntentJson::read));
    drop(read_json(body).and_then(payment_methods::PaymentMethodJson::read));
    drop(read_json(body).and_then(customers::CustomerJson::read));
    drop(read_json(body).and_then(|list: ListJson<_>| list.into_page(setup_intents::SetupIntentJson::read)));
}
