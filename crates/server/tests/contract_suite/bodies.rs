//! Bad bodies: always the documented 4xx in the words of the face, and nothing is done.

use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    body_cases::{Fault, WholeFault, bodies, values, with_property},
    forge,
    http::{Answer, Request},
    scene::Scene,
    support::{
        Backend::{self, Postgres, SqliteMemory},
        contract::operations,
    },
    world::World,
};

/// An operation that reads its body.
struct Reader {
    operation_id: &'static str,
    target: &'static str,
    /// The properties of a good body, and how long each may be.
    properties: &'static [(&'static str, usize)],
}

const READERS: [Reader; 5] = [
    Reader {
        operation_id: "createPaymentMethod",
        target: "/projects/demo/paymentMethods",
        properties: &[("id", 255), ("user", 64)],
    },
    Reader {
        operation_id: "createSetupIntent",
        target: "/projects/demo/setupIntents",
        properties: &[("user", 64)],
    },
    Reader {
        operation_id: "saveAccountPaymentMethod",
        target: "/v1/account/payment-methods",
        properties: &[("id", 255)],
    },
    Reader {
        operation_id: "saveAccountPaymentMethodAtTax",
        target: "/v1/account/tax",
        properties: &[("id", 255)],
    },
    Reader {
        operation_id: "createProject",
        target: "/operator/projects",
        properties: &[("secretKey", 255), ("publishableKey", 255), ("id", 64)],
    },
];

/// Every content type that a body may be said to have, and some that nothing has.
const CONTENT_TYPES: [&str; 13] = [
    "application/json",
    "application/json; charset=utf-16",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "text/plain",
    "text/html; charset=iso-8859-1",
    "application/octet-stream",
    "application/xml",
    "application/problem+json",
    "",
    "nonsense",
    "*/*; ;;==",
];

impl Reader {
    fn is_account(&self) -> bool {
        self.target.starts_with("/v1/")
    }

    fn good_body(&self) -> Value {
        self.properties
            .iter()
            .map(|(name, _)| {
                let value = match *name {
                    "id" => "pm_1",
                    "secretKey" => "sk_test_contract_made",
                    "publishableKey" => "pk_test_contract_made",
                    _ => "alice",
                };
                ((*name).to_owned(), json!(value))
            })
            .collect()
    }

    fn request(&self, body: impl Into<Vec<u8>>) -> Request {
        let required = if self.target.starts_with("/operator/") {
            forge::OPERATOR_SCOPE
        } else {
            ""
        };
        Request::post(self.target, body).token(&forge::full_token_for(required))
    }

    /// Checks the answer to a body with one property at fault.
    #[track_caller]
    fn check_property(&self, answer: &Answer, property: &str, fault: Fault, case: &str) {
        let place = format!("{}: {property} = {case}: {}", self.operation_id, answer.text());
        if self.is_account() {
            let message = match fault {
                Fault::Required | Fault::Malformed => "The id field is required.",
                Fault::WrongType => "The id field must be a string.",
                Fault::Invalid => "The selected id is invalid.",
            };
            self.check_account(answer, message, &place);
            return;
        }
        let code = match fault {
            Fault::Required => "propertyRequired",
            Fault::WrongType | Fault::Invalid => "propertyInvalid",
            Fault::Malformed => {
                assert_eq!(answer.status, 400, "{place}");
                return;
            }
        };
        assert_eq!(answer.status, 422, "{place}");
        assert_eq!(
            answer.details(),
            [(property.to_owned(), code.to_owned())],
            "{place}"
        );
        assert_eq!(answer.json()["code"], code, "{place}");
    }

    #[expect(clippy::unused_self, reason = "it reads as a part of the reader's checks")]
    #[track_caller]
    fn check_account(&self, answer: &Answer, message: &str, place: &str) {
        assert_eq!(answer.status, 422, "{place}");
        let expected = json!({ "message": message, "errors": { "id": [message] } });
        assert_eq!(answer.json(), expected, "{place}");
    }

    /// Checks the answer to a body that is wrong as a whole.
    #[track_caller]
    fn check_whole(&self, answer: &Answer, fault: WholeFault, case: &str) {
        let place = format!("{}: {case}: {}", self.operation_id, answer.text());
        match fault {
            WholeFault::TooLarge => assert_eq!(answer.status, 413, "{place}"),
            _ if self.is_account() => self.check_account(answer, "The id field is required.", &place),
            WholeFault::NotJson => assert_eq!(answer.status, 400, "{place}"),
            WholeFault::NoObject => {
                assert_eq!(answer.status, 422, "{place}");
                assert_eq!(answer.json()["code"], "propertyInvalid", "{place}");
            }
        }
    }
}

#[test]
fn every_operation_that_can_refuse_a_body_is_tried() {
    for operation in operations() {
        // A webhook's body is Stripe's, which is believed or not: it has tests of its own.
        let reads = operation.responses.contains(&413) && operation.required_scope.is_some();
        // What it reads may all be left away: it has tests of its own.
        let tried = operation.operation_id == "updateProject"
            || READERS
                .iter()
                .any(|reader| reader.operation_id == operation.operation_id);
        assert_eq!(reads, tried, "{}", operation.operation_id);
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn every_property_may_be_wrong_in_every_way(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    Scene::set(&world, "demo", "alice").await;
    let before = world.snapshot().await;
    for reader in &READERS {
        let good = reader.good_body();
        for (property, longest) in reader.properties {
            let send = async |value: Option<&str>| {
                let body = with_property(&good, property, value);
                world.send(&reader.request(body)).await
            };
            let missing = send(None).await;
            reader.check_property(&missing, property, Fault::Required, "missing");
            let empty = send(Some("\"\"")).await;
            let fault = if reader.is_account() {
                Fault::Required
            } else {
                Fault::Invalid
            };
            reader.check_property(&empty, property, fault, "empty");
            for (value, fault) in values(*longest) {
                let answer = send(Some(&value)).await;
                let shown: String = value.chars().take(60).collect();
                reader.check_property(&answer, property, fault, &shown);
            }
        }
        // A hyphen is good in a user's id, and not in Stripe's.
        if reader.properties[0].0 == "id" {
            let body = with_property(&good, "id", Some("\"pm-1\""));
            let answer = world.send(&reader.request(body)).await;
            reader.check_property(&answer, "id", Fault::Invalid, "pm-1");
        }
    }
    before.assert_untouched(&world.snapshot().await);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_body_may_be_wrong_as_a_whole_in_every_way(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    Scene::set(&world, "demo", "alice").await;
    let before = world.snapshot().await;
    for reader in &READERS {
        for (case, body, fault) in bodies() {
            let request = reader.request(body);
            reader.check_whole(&world.send(&request).await, fault, case);
            let chunked = request.chunked();
            reader.check_whole(&world.send(&chunked).await, fault, &format!("{case}, chunked"));
        }
        let none = reader.request("");
        reader.check_whole(&world.send(&none).await, WholeFault::NotJson, "no body");
    }
    before.assert_untouched(&world.snapshot().await);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_content_type_makes_no_difference(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    let scene = Scene::set(&world, "demo", "alice").await;
    let before = world.snapshot().await;
    for content_type in CONTENT_TYPES {
        for reader in &READERS {
            let send = async |body: &[u8]| {
                let request = reader.request(body).header("Content-Type", content_type);
                world.send(&request).await
            };
            let form = send(b"id=pm_1&user=alice").await;
            reader.check_whole(&form, WholeFault::NotJson, content_type);
            let array = send(b"[]").await;
            reader.check_whole(&array, WholeFault::NoObject, content_type);
            let (property, _) = reader.properties[0];
            let body = with_property(&reader.good_body(), property, Some("1"));
            let answer = send(body.as_bytes()).await;
            reader.check_property(&answer, property, Fault::WrongType, content_type);
            // A good one, of what is saved already.
            if property == "id" {
                let body = json!({ "id": scene.saved, "user": "alice" });
                let answer = send(body.to_string().as_bytes()).await;
                assert_eq!(answer.status, 200, "{content_type}: {}", answer.text());
            }
        }
    }
    before.assert_untouched(&world.snapshot().await);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn all_faults_are_told_at_once(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    let before = world.snapshot().await;
    let create = &READERS[0];
    let cases: [(&str, &[(&str, &str)]); 9] = [
        ("{}", &[("id", "propertyRequired"), ("user", "propertyRequired")]),
        (
            r#"{"id":null,"user":7}"#,
            &[("id", "propertyRequired"), ("user", "propertyInvalid")],
        ),
        (
            r#"{"id":"pm-1","user":"","object":"card","card":{"number":"4242424242424242"},"":1}"#,
            &[
                ("id", "propertyInvalid"),
                ("user", "propertyInvalid"),
                ("object", "propertyInvalid"),
                ("card", "propertyUnknown"),
                ("", "propertyUnknown"),
            ],
        ),
        // Names are compared as they are.
        (
            r#"{"Id":"pm_1","USER":"alice"," id":1,"id\u0000":2}"#,
            &[
                ("id", "propertyRequired"),
                ("user", "propertyRequired"),
                ("Id", "propertyUnknown"),
                ("USER", "propertyUnknown"),
                (" id", "propertyUnknown"),
                ("id", "propertyUnknown"),
            ],
        ),
        // The same name twice is a fault of its own, however it is spelt and whatever it is given.
        (
            r#"{"id":"pm_1","id":"pm_1","user":"alice"}"#,
            &[("id", "propertyInvalid")],
        ),
        (
            r#"{"id":"pm_1","user":"alice","\u0075ser":"bob"}"#,
            &[("user", "propertyInvalid")],
        ),
        (
            r#"{"id":"pm_1","id":null,"user":"alice"}"#,
            &[("id", "propertyInvalid")],
        ),
        (
            r#"{"id":"pm_1","user":"alice","__proto__":{"admin":true},"constructor":1,"clientSecret":null}"#,
            &[
                ("__proto__", "propertyUnknown"),
                ("constructor", "propertyUnknown"),
                ("clientSecret", "propertyUnknown"),
            ],
        ),
        (
            r#"{"id":"pm_1","user":"alice","object":null}"#,
            &[("object", "propertyInvalid")],
        ),
    ];
    for (body, expected) in cases {
        let answer = world.send(&create.request(body)).await.expect(422);
        let expected: Vec<(String, String)> = expected
            .iter()
            .map(|(property, code)| ((*property).to_owned(), (*code).to_owned()))
            .collect();
        let mut found = answer.details();
        assert_eq!(answer.json()["code"], found[0].1, "{body}");
        let mut wanted = expected.clone();
        found.sort();
        wanted.sort();
        assert_eq!(found, wanted, "{body}");
    }
    // A name as long as the body is not said back in full.
    let body = json!({ "id": "pm_1", "user": "alice", "x".repeat(15_000): 1 }).to_string();
    let answer = world.send(&create.request(body)).await.expect(422);
    assert_eq!(answer.details(), [("x".repeat(64), "propertyUnknown".to_owned())]);
    assert!(answer.body.len() < 1_000, "{}", answer.text());
    before.assert_untouched(&world.snapshot().await);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_account_api_ignores_what_it_does_not_know(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    let scene = Scene::set(&world, "demo", "alice").await;
    let before = world.snapshot().await;
    let save = &READERS[2];
    let body = json!({ "id": scene.saved, "user": "bob", "object": 1, "project": "acme", "": [] });
    world.send(&save.request(body.to_string())).await.expect(200);
    for (body, fault) in [
        (r#"{"Id":"pm_1","ID":"pm_1"," id":"pm_1"}"#, Fault::Required),
        (r#"{"id":"pm_1","id":"pm_2"}"#, Fault::Invalid),
        (r#"{"id":"pm_1","\u0069d":"pm_1"}"#, Fault::Invalid),
        (r#"{"id":["pm_1"],"user":"alice"}"#, Fault::WrongType),
    ] {
        let answer = world.send(&save.request(body)).await;
        save.check_property(&answer, "id", fault, body);
    }
    before.assert_untouched(&world.snapshot().await);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_nobody_asked_for_is_ignored(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    let scene = Scene::set(&world, "demo", "alice").await;
    let token = forge::full_token("demo", "alice");
    for (case, body, _) in bodies() {
        let request = Request::post("/v1/account/setup-intent", body)
            .token(&token)
            .header("Content-Type", "application/json");
        let answer = world.send(&request).await;
        assert_eq!(answer.status, 201, "{case}: {}", answer.text());
    }
    let before = world.snapshot().await;
    for (case, body, _) in bodies() {
        for target in [
            format!("/projects/demo/paymentMethods/{}", scene.saved),
            "/projects/demo/paymentMethods".to_owned(),
            "/v1/account/payment-methods".to_owned(),
        ] {
            let request = Request::get(target).token(&token).body(body.as_slice());
            let answer = world.send(&request).await;
            assert_eq!(answer.status, 200, "{case}: {}", answer.text());
        }
    }
    before.assert_untouched(&world.snapshot().await);
}
