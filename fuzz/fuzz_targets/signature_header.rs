//! The header `Stripe-Signature`: nothing that is made up verifies, and a true signature does wherever it stands.

#![no_main]

use billfold_domain::UtcTimestamp;
use billfold_stripe::webhook;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::SecretString;
use sha2::Sha256;

const SECRET: &str = "whsec_of_nobody";
const NOW: i64 = 1_800_000_000;

fn true_signature(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any key will do");
    mac.update(NOW.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    let digits = mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>();
    digits
}

libfuzzer_sys::fuzz_target!(|input: (&str, &[u8])| {
    let (header, body) = input;
    let now = UtcTimestamp::from_seconds(NOW);
    let secrets = [SecretString::from(SECRET)];
    assert!(webhook::verify(header, body, &secrets, now).is_err());
    let _ = webhook::check_header(header, now);

    // Whatever well-formed items stand around it: they are of other schemes, so they prove and spoil nothing.
    let other: String = header
        .chars()
        .filter(|one| *one != ',' && *one != '=')
        .take(100)
        .collect();
    let signed = format!("x{other}=1,t={NOW},v1={},v0{other}=2", true_signature(body));
    assert_eq!(webhook::verify(&signed, body, &secrets, now), Ok(()));
});
