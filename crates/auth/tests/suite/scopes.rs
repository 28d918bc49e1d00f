//! `scope` and `scopes`.

use billfold_auth::{Claim, Scope, Scopes, TokenError};
use serde_json::{Value, json};

use crate::support::{Case, at, bad, check, claims, good, token, verifier, with, without};

fn array(scopes: Value) -> Value {
    with(without(claims(), "scope"), "scopes", scopes)
}

fn both(scope: &str, scopes: Value) -> Value {
    with(with(claims(), "scope", scope), "scopes", scopes)
}

pub(crate) fn cases() -> Vec<Case> {
    let set = |value: Value| token(&with(claims(), "scope", value));
    let scope = TokenError::ClaimInvalid(Claim::Scope);
    let scopes = TokenError::ClaimInvalid(Claim::Scopes);
    vec![
        good("neither scope nor scopes", token(&without(claims(), "scope"))),
        good("scope empty", set("".into())),
        good(
            "scope with unknown names",
            set("openid project:read profile".into()),
        ),
        bad("scope null", set(Value::Null), scope),
        bad("scope an array", set(json!(["project:read"])), scope),
        bad("scope a number", set(1.into()), scope),
        bad("scope an object", set(json!({ "project:read": true })), scope),
        good("scopes an array", token(&array(json!(["project:read"])))),
        good("scopes empty", token(&array(json!([])))),
        bad("scopes null", token(&array(Value::Null)), scopes),
        bad("scopes a string", token(&array("project:read".into())), scopes),
        bad(
            "scopes with a number",
            token(&array(json!(["project:read", 1]))),
            scopes,
        ),
        bad("scopes with a null", token(&array(json!([null]))), scopes),
        bad("scopes nested", token(&array(json!([["project:read"]]))), scopes),
        good(
            "both, and the same",
            token(&both(
                "project:read project:write",
                json!(["project:write", "project:read"]),
            )),
        ),
        bad(
            "both, scopes with more",
            token(&both("project:read", json!(["project:read", "project:write"]))),
            TokenError::ScopesDiffer,
        ),
        bad(
            "both, scope with more",
            token(&both("project:read project:write", json!(["project:read"]))),
            TokenError::ScopesDiffer,
        ),
        bad(
            "both, scopes empty",
            token(&both("project:read", json!([]))),
            TokenError::ScopesDiffer,
        ),
        bad(
            "both, scopes malformed",
            token(&both("project:read", "project:read".into())),
            scopes,
        ),
    ]
}

#[test]
fn scopes_come_in_two_forms_that_may_not_disagree() {
    check(&cases());
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
