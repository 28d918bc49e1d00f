//! The time zone of a subject.

use serde_json::Value;

use crate::support::{at, claims, token, verifier, with};

#[test]
fn a_time_zone_is_kept_when_it_can_be_the_name_of_one() {
    let verifier = verifier();
    let timezone = |value: Value| {
        let said = verifier
            .verify(&token(&with(claims(), "timezone", value)), at(0))
            .unwrap();
        said.timezone().map(str::to_owned)
    };
    assert_eq!(timezone("Europe/Paris".into()).as_deref(), Some("Europe/Paris"));
    assert_eq!(
        timezone("Mars/Olympus_Mons".into()).as_deref(),
        Some("Mars/Olympus_Mons")
    );
    assert_eq!(timezone("z".repeat(64).into()), Some("z".repeat(64)));
    for none in [
        Value::Null,
        2.into(),
        "".into(),
        "z".repeat(65).into(),
        "Europe/\nParis".into(),
        "Zürich".into(),
    ] {
        assert_eq!(timezone(none.clone()), None, "{none}");
    }
}
