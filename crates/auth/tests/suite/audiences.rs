//! `aud`: for whom.

use billfold_auth::{TokenError, VerifierConfig};

use crate::support::{ISSUER, at, build, claims, configuration, token, with};

#[test]
fn the_audience_is_what_the_configuration_says() {
    let config = VerifierConfig {
        audience: "payments".to_owned(),
        ..configuration()
    };
    let verifier = build(config).unwrap();
    assert_eq!(
        verifier.verify(&token(&claims()), at(0)),
        Err(TokenError::AudienceOther)
    );
    let payments = verifier
        .verify(&token(&with(claims(), "aud", "payments")), at(0))
        .unwrap();
    assert_eq!(payments.issuer(), ISSUER);
}
