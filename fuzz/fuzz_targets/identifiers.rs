//! Identifiers: what is taken for one is of its alphabet and length, and says again what it was read from.

#![no_main]

use std::str::FromStr;

use billfold_domain::{
    CustomerId, IdError, PaymentMethodId, ProjectId, SetupIntentId, StripeAccountId, UserId,
};

fn check<T: FromStr<Err = IdError> + ToString>(text: &str, maximum: usize, hyphen: bool) {
    let good = (1..=maximum).contains(&text.len())
        && text
            .chars()
            .all(|one| one.is_ascii_alphanumeric() || one == '_' || (hyphen && one == '-'));
    match text.parse::<T>() {
        Ok(id) => {
            assert!(good, "{text:?} is no identifier");
            assert_eq!(id.to_string(), text);
        }
        Err(_) => assert!(!good, "{text:?} is an identifier"),
    }
}

libfuzzer_sys::fuzz_target!(|text: &str| {
    check::<ProjectId>(text, 64, true);
    check::<UserId>(text, 64, true);
    check::<PaymentMethodId>(text, 255, false);
    check::<CustomerId>(text, 255, false);
    check::<SetupIntentId>(text, 255, false);
    check::<StripeAccountId>(text, 255, false);
});
