//! `scope` and `scopes`.

use billfold_auth::{Claim, TokenError};
use serde_json::{Value, json};

use super::{
    Case, POWERLESS, READER, bad,
    forge::{claims, token, with, without},
    good,
};

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
        good("neither scope nor scopes", token(&without(claims(), "scope"))).answered(POWERLESS),
        good("scope empty", set("".into())).answered(POWERLESS),
        good(
            "scope with unknown names",
            set("openid project:read profile".into()),
        )
        .answered(READER),
        good("scope in capitals", set("PROJECT:READ ACCOUNT:READ".into())).answered(POWERLESS),
        good("scope a star", set("*".into())).answered(POWERLESS),
        good("scope with commas", set("project:read,account:read".into())).answered(POWERLESS),
        good("scope with a tab", set("project:read\taccount:read".into())).answered(POWERLESS),
        good("scope of operators", set("operator:write".into())).answered(POWERLESS),
        good(
            "scope to write is none to read",
            set("project:write account:write".into()),
        )
        .answered([403, 201, 403, 201]),
        good(
            "scope of the account API alone",
            set("account:read account:write".into()),
        )
        .answered([403, 403, 200, 201]),
        bad("scope null", set(Value::Null), scope),
        bad("scope an array", set(json!(["project:read"])), scope),
        bad("scope a number", set(1.into()), scope),
        bad("scope an object", set(json!({ "project:read": true })), scope),
        good("scopes an array", token(&array(json!(["project:read"])))).answered(READER),
        good("scopes empty", token(&array(json!([])))).answered(POWERLESS),
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
        )
        .answered([200, 201, 403, 403]),
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
