//! The operator API: for operators alone, and operators for it alone. The server trusts one issuer, by one key, for both.

use jsonwebtoken::Algorithm;
use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    corpus::forge::{self as corpus, KEYS, with},
    forge::{self, ALL_SCOPES, OPERATOR_SCOPE},
    http::Request,
    operations::{of_operators, of_tenants},
    scene::Scene,
    support::{
        Backend::{self, Postgres, SqliteMemory},
        START,
    },
    world::World,
};

/// Tokens that the key of operators has signed, and that are no operator's.
fn no_operators() -> Vec<(&'static str, String)> {
    let both = json!(["billfold", "billfold-operator"]);
    let all = format!("{ALL_SCOPES} {OPERATOR_SCOPE}");
    let tenant = forge::claims("demo", "alice", &all);
    let operator = forge::operator_claims(OPERATOR_SCOPE);
    let signed = |claims: Value| corpus::token(&claims);
    let stranger = corpus::sign_text(
        corpus::header().to_string(),
        operator.to_string(),
        &KEYS.ed25519_stranger,
        Algorithm::EdDSA,
    );
    vec![
        ("a tenant's", signed(tenant.clone())),
        (
            "a tenant's for both audiences",
            signed(with(tenant.clone(), "aud", both)),
        ),
        (
            "a tenant's for operators",
            signed(with(tenant, "aud", json!("billfold-operator"))),
        ),
        (
            "of a project",
            signed(with(operator.clone(), "project", json!("demo"))),
        ),
        (
            "of no subject",
            signed(with(operator.clone(), "sub", Value::Null)),
        ),
        (
            "expired",
            signed(with(operator.clone(), "exp", json!(START - 31))),
        ),
        (
            "of another issuer",
            signed(with(operator.clone(), "iss", json!(corpus::BOUND_ISSUER))),
        ),
        ("of a stranger", stranger),
    ]
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn no_other_token_is_an_operators(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    let scene = Scene::set(&world, "demo", "alice").await;
    let before = world.snapshot().await;
    let operations = of_operators();
    assert_eq!(operations.len(), 7);
    for (operation, example) in operations {
        let request = (example.request)(&scene);
        let expected = world.send(&request).await.expect(401).fingerprint();
        for (what, token) in no_operators() {
            let answer = world.send(&request.clone().token(&token)).await;
            assert_eq!(
                answer.fingerprint(),
                expected,
                "{}: {what}",
                operation.operation_id
            );
        }
    }
    before.assert_untouched(&world.snapshot().await);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_operators_token_is_no_tenants(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    let scene = Scene::set(&world, "demo", "alice").await;
    let before = world.snapshot().await;
    let all = format!("{ALL_SCOPES} {OPERATOR_SCOPE}");
    let operator = forge::operator_claims(&all);
    let both = with(operator.clone(), "aud", json!(["billfold", "billfold-operator"]));
    let tenants = with(operator.clone(), "aud", json!("billfold"));
    for (operation, _, example) in of_tenants() {
        for claims in [&operator, &both, &tenants] {
            let request = (example.request)(&scene).token(&corpus::token(claims));
            let answer = world.send(&request).await;
            assert_eq!(answer.status, 401, "{} {claims}", operation.operation_id);
        }
    }
    before.assert_untouched(&world.snapshot().await);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_operators_has_no_such_path(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start_without_operators(backend).await;
    let scene = Scene::set(&world, "demo", "alice").await;
    let token = forge::operator_token(OPERATOR_SCOPE);
    let nothing = world
        .send(&Request::get("/nothing"))
        .await
        .expect(404)
        .fingerprint();
    for (operation, example) in of_operators() {
        for request in [(example.request)(&scene), (example.request)(&scene).token(&token)] {
            let answer = world.send(&request).await;
            assert_eq!(answer.fingerprint(), nothing, "{}", operation.operation_id);
        }
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_is_not_there_is_not_found(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    let token = forge::operator_token(OPERATOR_SCOPE);
    let before = world.snapshot().await;
    let longest = "p".repeat(5_000);
    for name in [
        "nowhere",
        "Demo",
        "demo%00",
        "a%2Fb",
        "%2e%2e",
        "'--",
        "%F0%9F%98%80",
        &longest,
    ] {
        for (method, path) in [
            ("GET", ""),
            ("PATCH", ""),
            ("DELETE", ""),
            ("POST", "/disable"),
            ("POST", "/enable"),
        ] {
            let request = Request::new(method, format!("/operator/projects/{name}{path}")).token(&token);
            let request = if method == "PATCH" {
                request.body("{}")
            } else {
                request
            };
            let answer = world.send(&request).await;
            assert_eq!(answer.status, 404, "{method} {name}{path}: {}", answer.text());
            assert_eq!(answer.json()["message"], "There is no such project.");
        }
    }
    before.assert_untouched(&world.snapshot().await);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_an_update_says_is_checked_before_anything_is_done(
    #[values(SqliteMemory, Postgres)] backend: Backend,
) {
    let world = World::start(backend).await;
    let token = forge::operator_token(OPERATOR_SCOPE);
    let before = world.snapshot().await;
    let cases: [(&str, &[(&str, &str)]); 12] = [
        (r#"{"secretKey":null}"#, &[("secretKey", "propertyRequired")]),
        (r#"{"secretKey":7}"#, &[("secretKey", "propertyInvalid")]),
        (
            r#"{"secretKey":"pk_test_x"}"#,
            &[("secretKey", "propertyInvalid")],
        ),
        (
            r#"{"secretKey":"sk_test_x","secretKey":"sk_test_x"}"#,
            &[("secretKey", "propertyInvalid")],
        ),
        (
            r#"{"publishableKey":"sk_test_x"}"#,
            &[("publishableKey", "propertyInvalid")],
        ),
        (
            r#"{"publishableKey":null}"#,
            &[("publishableKey", "propertyRequired")],
        ),
        (
            r#"{"webhookSecret":"we_1"}"#,
            &[("webhookSecret", "propertyInvalid")],
        ),
        (
            r#"{"webhookSecret":null}"#,
            &[("webhookSecret", "propertyRequired")],
        ),
        (
            r#"{"connectedAccount":"cus_1"}"#,
            &[("connectedAccount", "propertyInvalid")],
        ),
        (
            r#"{"connectedAccount":null,"connectedAccount":null}"#,
            &[("connectedAccount", "propertyInvalid")],
        ),
        (
            r#"{"allowSharedAccount":"yes"}"#,
            &[("allowSharedAccount", "propertyInvalid")],
        ),
        (
            r#"{"id":"other","mode":"live","object":"list"}"#,
            &[
                ("id", "propertyUnknown"),
                ("mode", "propertyUnknown"),
                ("object", "propertyInvalid"),
            ],
        ),
    ];
    for (body, expected) in cases {
        let request = Request::new("PATCH", "/operator/projects/shop")
            .body(body)
            .token(&token);
        let answer = world.send(&request).await.expect(422);
        let expected: Vec<(String, String)> = expected
            .iter()
            .map(|(property, code)| ((*property).to_owned(), (*code).to_owned()))
            .collect();
        let mut found = answer.details();
        found.sort();
        let mut wanted = expected;
        wanted.sort();
        assert_eq!(found, wanted, "{body}");
        assert!(!answer.text().contains("_test_x"), "{}", answer.text());
    }
    for (body, status) in [("", 400), ("{", 400), ("[]", 422), ("1", 422)] {
        let request = Request::new("PATCH", "/operator/projects/shop")
            .body(body)
            .token(&token);
        world.send(&request).await.expect(status);
    }
    before.assert_untouched(&world.snapshot().await);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_projects_takes_its_grammar_and_nothing_else(
    #[values(SqliteMemory, Postgres)] backend: Backend,
) {
    let world = World::start(backend).await;
    let token = forge::operator_token(OPERATOR_SCOPE);
    let list = async |query: &str| {
        let request = Request::get(format!("/operator/projects{query}")).token(&token);
        world.send(&request).await
    };
    let names = async |query: &str| -> Vec<String> {
        let page = list(query).await.expect(200).json();
        let items = page["items"].as_array().unwrap().iter();
        items
            .map(|item| item["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names("").await, ["acme", "demo", "gone", "shop"]);
    assert_eq!(names("?limit=2").await, ["acme", "demo"]);
    assert_eq!(names("?after=demo&limit=1").await, ["gone"]);
    assert_eq!(names("?before=gone&limit=1").await, ["demo"]);
    assert_eq!(names("?after=zzz").await, [""; 0]);
    let page = list("?after=acme&limit=2").await.json();
    assert_eq!(
        (&page["moreItemsAfter"], &page["moreItemsBefore"]),
        (&json!("gone"), &json!("demo"))
    );
    for query in [
        "?limit=201",
        "?limit=-1",
        "?limit=",
        "?after=",
        "?after=a%20b",
        "?after=a&before=b",
        "?after=a&after=b",
        "?type=card",
        "?user=alice",
        "?%00",
    ] {
        list(query).await.expect(422);
    }
}
