//! Tokens, API keys and key sets: nothing but the token that was signed is good, however little of it was changed.

#![no_main]

use std::sync::LazyLock;

use billfold_auth::{
    ApiKey, DevelopmentIssuer, TokenRequest, Verifier, check_key_set_form, check_token_form,
};
use billfold_domain::{ProjectId, UtcTimestamp};
use time::Duration;

const NOW: i64 = 1_800_000_000;

/// A change of the good token: at this place, so many characters are replaced by this text.
type Edit<'a> = (u16, u8, &'a str);

static GOOD: LazyLock<(Verifier, String)> = LazyLock::new(|| {
    let directory = tempfile::tempdir().expect("a directory");
    let issuer = DevelopmentIssuer::load_or_create(directory.path()).expect("an issuer");
    let now = UtcTimestamp::from_seconds(NOW);
    let request = TokenRequest {
        project: ProjectId::parse("demo").expect("a project"),
        subject: "backend".to_owned(),
        scopes: "project:read"
            .split(' ')
            .map(|scope| scope.parse().expect("a scope"))
            .collect(),
        timezone: None,
        lifetime: Duration::hours(1),
    };
    let token = issuer.issue(&request, now).expect("a token");
    // Nothing is waited for: the key set is there.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let verifier = runtime.block_on(Verifier::new(issuer.verifier_config(), now));
    (verifier.expect("a verifier"), token)
});

libfuzzer_sys::fuzz_target!(|input: (&str, Vec<Edit<'_>>)| {
    let (made_up, edits) = input;
    let (verifier, good) = &*GOOD;
    let now = UtcTimestamp::from_seconds(NOW);
    assert!(verifier.verify(made_up, now).is_err());
    // Its form may be good; its signature is not.
    let _ = check_token_form(made_up, now);
    let _ = check_key_set_form(made_up.as_bytes());
    let _ = ApiKey::parse(made_up);
    let mut edited: Vec<char> = good.chars().collect();
    for (place, removed, text) in edits {
        let start = usize::from(place) % (edited.len() + 1);
        let end = (start + usize::from(removed)).min(edited.len());
        edited.splice(start..end, text.chars());
    }
    let edited: String = edited.into_iter().collect();
    assert_eq!(verifier.verify(&edited, now).is_ok(), edited == *good);
});
