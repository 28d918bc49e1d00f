//! `scope` and `scopes`.

use billfold_auth::{Scope, Scopes};
use serde_json::{Value, json};

use crate::support::{at, claims, token, verifier, with, without};

fn array(scopes: Value) -> Value {
    with(without(claims(), "scope"), "scopes", scopes)
}

fn both(scope: &str, scopes: Value) -> Value {
    with(with(claims(), "scope", scope), "scopes", scopes)
}

#[test]
fn a_token_has_exactly_the_scopes_that_it_names() {
    use Scope::{AccountRead, AccountWrite, ProjectRead, ProjectWrite};

    let verifier = verifier();
    let table: [(Value, &[Scope]); 14] = [
        (without(claims(), "scope"), &[]),
        (with(claims(), "scope", ""), &[]),
        (with(claims(), "scope", "project:read"), &[ProjectRead]),
        (with(claims(), "scope", "project:write"), &[ProjectWrite]),
        (with(claims(), "scope", "account:read"), &[AccountRead]),
        (with(claims(), "scope", "account:write"), &[AccountWrite]),
        (
            with(claims(), "scope", "account:write project:read"),
            &[ProjectRead, AccountWrite],
        ),
        (
            with(claims(), "scope", "  project:read   project:read "),
            &[ProjectRead],
        ),
        (
            with(
                claims(),
                "scope",
                "PROJECT:READ project:* project project:readx operator:write",
            ),
            &[],
        ),
        (with(claims(), "scope", "project:read\tproject:write"), &[]),
        (with(claims(), "scope", "project:read,project:write"), &[]),
        (
            array(json!(["account:read", "project:write"])),
            &[AccountRead, ProjectWrite],
        ),
        (array(json!(["account:read project:write"])), &[]),
        (
            both("account:read", json!(["account:read", "account:read"])),
            &[AccountRead],
        ),
    ];
    for (claims, expected) in table {
        let said = verifier.verify(&token(&claims), at(0)).unwrap();
        assert_eq!(
            said.scopes(),
            expected.iter().copied().collect::<Scopes>(),
            "{claims}"
        );
    }
}
