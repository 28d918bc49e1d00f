//! The signature of a webhook, and the event in its body.
#![allow(clippy::unwrap_used, reason = "a failed test should panic")]

use std::fmt::Write as _;

use billfold_domain::UtcTimestamp;
use billfold_stripe::{
    Event, EventParseError, EventType,
    webhook::{MAXIMUM_HEADER_LENGTH, SignatureError, verify},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::json;
use sha2::Sha256;

const SECRET: &str = "whsec_theOneThatIsLive";
const NEXT_SECRET: &str = "whsec_theOneThatComes";
const BODY: &[u8] = b"{\"id\": \"evt_1Wren\"}";
const NOW: i64 = 1_790_000_000;

fn sign(secret: &str, time: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{time}.").as_bytes());
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

fn header(secret: &str, time: i64, body: &[u8]) -> String {
    format!("t={time},v1={}", sign(secret, &time.to_string(), body))
}

fn check(header: &str, body: &[u8]) -> Result<(), SignatureError> {
    verify(header, body, &[SECRET.into()], UtcTimestamp::from_seconds(NOW))
}

#[test]
fn a_signature_is_the_one_that_others_compute() {
    // Computed with `printf '1790000000.{"id": "evt_1Wren"}' | openssl dgst -sha256 -hmac whsec_theOneThatIsLive`.
    let known = "0517909a9427f7caf9b892d4deee17d597e9340dce4f534c8b99702ce2a9a5c4";
    assert_eq!(check(&format!("t=1790000000,v1={known}"), BODY), Ok(()));
}

#[test]
fn any_v1_under_any_live_secret_will_do_and_other_schemes_prove_nothing() {
    let good = sign(SECRET, &NOW.to_string(), BODY);
    let next = sign(NEXT_SECRET, &NOW.to_string(), BODY);
    let other = "ab".repeat(32);
    for good_header in [
        format!("t={NOW},v1={good}"),
        format!("v1={good},t={NOW}"),
        format!("t={NOW},v1={other},v1={good}"),
        format!("t={NOW},v1={good},v1={other},v0={other}"),
        format!("t={NOW},v0=nonsense,v2=,v1={good}"),
        format!("t={NOW},v1={}", good.to_uppercase()),
    ] {
        assert_eq!(check(&good_header, BODY), Ok(()), "{good_header}");
    }
    for (bad_header, expected) in [
        (format!("t={NOW},v0={good}"), SignatureError::NoSignature),
        (format!("t={NOW}"), SignatureError::NoSignature),
        (format!("t={NOW},v1={other}"), SignatureError::NoMatch),
        (format!("t={NOW},v1={next}"), SignatureError::NoMatch),
        (format!("t={},v1={good}", NOW + 1), SignatureError::NoMatch),
        (format!("t=0{NOW},v1={good}"), SignatureError::NoMatch),
    ] {
        assert_eq!(check(&bad_header, BODY), Err(expected), "{bad_header}");
    }
    let both: [SecretString; 2] = [SECRET.into(), NEXT_SECRET.into()];
    for signature in [&good, &next] {
        let header = format!("t={NOW},v1={signature}");
        assert_eq!(
            verify(&header, BODY, &both, UtcTimestamp::from_seconds(NOW)),
            Ok(())
        );
    }
}

#[test]
fn a_malformed_header_is_refused() {
    let good = sign(SECRET, &NOW.to_string(), BODY);
    for malformed in [
        String::new(),
        ",".to_owned(),
        "t".to_owned(),
        format!("v1={good}"),
        format!("t=,v1={good}"),
        format!("t=+{NOW},v1={good}"),
        format!("t=-{NOW},v1={good}"),
        format!("t={NOW}.0,v1={good}"),
        format!("t=9999999999999,v1={good}"),
        format!("t={NOW},t={NOW},v1={good}"),
        format!("t={NOW},v1={good},"),
        format!("t={NOW},v1={}", &good[1..]),
        format!("t={NOW},v1={good}00"),
        format!("t={NOW},v1=zz{}", &good[2..]),
        format!("t={NOW};v1={good}"),
    ] {
        assert_eq!(
            check(&malformed, BODY),
            Err(SignatureError::Malformed),
            "{malformed}"
        );
    }
    let mut long = format!("t={NOW},v1={good},v0=");
    while long.len() < MAXIMUM_HEADER_LENGTH {
        long.push('0');
    }
    assert_eq!(check(&long, BODY), Ok(()));
    long.push('0');
    assert_eq!(check(&long, BODY), Err(SignatureError::HeaderTooLong));
}

#[test]
fn the_time_may_be_300_seconds_off_either_way() {
    for offset in [-300, -1, 0, 1, 300] {
        assert_eq!(
            check(&header(SECRET, NOW + offset, BODY), BODY),
            Ok(()),
            "{offset}"
        );
    }
    for offset in [-301, 301, -NOW, 900_000_000_000 - NOW] {
        let header = header(SECRET, NOW + offset, BODY);
        assert_eq!(
            check(&header, BODY),
            Err(SignatureError::OutsideTolerance),
            "{offset}"
        );
    }
}

#[test]
fn no_secret_and_an_empty_secret_verify_nothing() {
    let now = UtcTimestamp::from_seconds(NOW);
    assert_eq!(
        verify(&header(SECRET, NOW, BODY), BODY, &[], now),
        Err(SignatureError::NoMatch)
    );
    assert_eq!(
        verify(&header("", NOW, BODY), BODY, &["".into()], now),
        Err(SignatureError::NoMatch)
    );
}

#[test]
fn an_event_is_read_from_a_body() {
    let body = json!({
        "id": "evt_1Wren", "object": "event", "api_version": "2026-06-24.dahlia", "created": NOW,
        "data": {"object": {"id": "cus_Wren", "object": "customer", "deleted": true}}, "livemode": true,
        "pending_webhooks": 4, "request": {"id": null, "idempotency_key": null}, "type": "customer.deleted"
    });
    let event = Event::parse(body.to_string().as_bytes()).unwrap();
    assert_eq!(event.id.as_str(), "evt_1Wren");
    assert_eq!(event.event_type, EventType::CustomerDeleted);
    assert_eq!(event.object.id.as_deref(), Some("cus_Wren"));
    assert_eq!(event.created, UtcTimestamp::from_seconds(NOW));
    assert_eq!(event.account, None);
    assert!(event.livemode);

    for event_type in EventType::KNOWN {
        assert_eq!(EventType::from_name(event_type.as_str()), *event_type);
    }
    let mut other = body.clone();
    other["type"] = json!("balance.available");
    other["data"]["object"] = json!({"object": "balance"});
    let event = Event::parse(other.to_string().as_bytes()).unwrap();
    assert_eq!(event.event_type, EventType::Other("balance.available".into()));
    assert_eq!(event.object.id, None);
}

#[test]
fn what_is_no_event_is_refused() {
    let good = json!({
        "id": "evt_1Wren", "created": NOW, "data": {"object": {"id": "pm_1", "object": "payment_method"}},
        "type": "payment_method.attached"
    });
    assert!(Event::parse(good.to_string().as_bytes()).is_ok());
    let mut bad: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"{".to_vec(),
        b"\xff\xfe".to_vec(),
        "[".repeat(100_000).into_bytes(),
        format!("{good} trailing").into_bytes(),
        good.to_string()
            .replace("\"id\":\"evt_1Wren\"", "\"id\":\"evt_1\",\"id\":\"evt_2\"")
            .into_bytes(),
    ];
    for field in ["id", "created", "data", "type"] {
        let mut lacking = good.clone();
        lacking.as_object_mut().unwrap().remove(field);
        bad.push(lacking.to_string().into_bytes());
        let mut wrong = good.clone();
        wrong[field] = json!(true);
        bad.push(wrong.to_string().into_bytes());
    }
    let mut strange_id = good.clone();
    strange_id["id"] = json!("evt 1");
    bad.push(strange_id.to_string().into_bytes());
    for body in bad {
        assert_eq!(
            Event::parse(&body),
            Err(EventParseError::Malformed),
            "{}",
            String::from_utf8_lossy(&body)
        );
    }
    let mut large = good.to_string();
    while large.len() < Event::MAXIMUM_LENGTH {
        large.push(' ');
    }
    assert!(Event::parse(large.as_bytes()).is_ok());
    large.push(' ');
    assert_eq!(Event::parse(large.as_bytes()), Err(EventParseError::TooLarge));
}

proptest! {
    #[test]
    fn no_header_makes_it_panic_or_pass(header in "\\PC{0,200}") {
        prop_assert!(check(&header, BODY).is_err());
    }

    #[test]
    fn no_header_of_the_right_make_passes_by_chance(
        items in proptest::collection::vec(("t|v0|v1|v2|", "[0-9]{0,14}|[0-9a-f]{64}|[a-z=]{0,8}"), 0..6)
    ) {
        let mut header = format!("t={NOW}");
        for (scheme, value) in items {
            write!(header, ",{scheme}={value}").unwrap();
        }
        prop_assert!(check(&header, BODY).is_err());
    }

    #[test]
    fn only_the_right_signature_over_the_very_body_verifies(
        body in proptest::collection::vec(any::<u8>(), 0..300),
        offset in -300_i64..=300,
        secret in "whsec_[A-Za-z0-9]{8,40}",
        position in any::<proptest::sample::Index>(),
        flip in 1_u8..=255,
    ) {
        let now = UtcTimestamp::from_seconds(NOW);
        let header = header(&secret, NOW + offset, &body);
        let secrets = [SecretString::from(secret.as_str())];
        prop_assert_eq!(verify(&header, &body, &secrets, now), Ok(()));
        prop_assert_eq!(verify(&header, &body, &[SECRET.into()], now), Err(SignatureError::NoMatch));

        let mut longer = body.clone();
        longer.push(flip);
        prop_assert_eq!(verify(&header, &longer, &secrets, now), Err(SignatureError::NoMatch));
        if !body.is_empty() {
            let mut changed = body.clone();
            let at = position.index(body.len());
            changed[at] ^= flip;
            prop_assert_eq!(verify(&header, &changed, &secrets, now), Err(SignatureError::NoMatch));
        }
        let mut forged = header.into_bytes();
        // From the 65th byte from the end on, the header is the signature.
        let at = forged.len() - 1 - position.index(64);
        forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
        let forged = String::from_utf8(forged).unwrap();
        prop_assert_eq!(verify(&forged, &body, &secrets, now), Err(SignatureError::NoMatch));
    }
}
