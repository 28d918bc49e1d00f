//! Every operation of the contract has its method, which sends what the contract says and understands what it answers.

use std::{collections::BTreeSet, sync::OnceLock};

use billfold_client::{
    AuditAction, AuditEventQuery, Error, ErrorCode, ErrorType, PaymentMethodQuery, PaymentMethodType,
};
use futures_util::future::{BoxFuture, FutureExt as _};
use serde_json::Value;
use wiremock::{Request, ResponseTemplate};

use crate::support::{Stub, answer, attempts, header};

const SOURCE: &str = include_str!("../../../../openapi.yaml");

/// The whole document as JSON, its references still in place.
pub(crate) fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| serde_saphyr::from_str(SOURCE).expect("openapi.yaml is YAML"))
}

/// What a value refers to, or itself.
pub(crate) fn resolve(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(reference) => {
            let pointer = reference.trim_start_matches('#');
            resolve(
                document()
                    .pointer(pointer)
                    .unwrap_or_else(|| panic!("{reference} leads nowhere")),
            )
        }
        None => value,
    }
}

type Call = fn(&Stub) -> BoxFuture<'static, Result<(), Error>>;

macro_rules! call {
    (|$client:ident: $face:ident| $called:expr) => {
        |stub: &Stub| {
            let options = stub.options().retry(attempts(1));
            let $client = call!(@client $face options);
            async move { $called.await.map(drop) }.boxed()
        }
    };
    (@client project $options:ident) => { billfold_client::ProjectClient::new($options, "demo").unwrap() };
    (@client account $options:ident) => { billfold_client::AccountClient::new($options).unwrap() };
}

/// The method of each operation, called with all that it can be given.
const CALLS: [(&str, Call); 11] = [
    (
        "listPaymentMethods",
        call!(|client: project| client.payment_method_page(
            &PaymentMethodQuery::of_user("usr_1")
                .types([PaymentMethodType::Card])
                .limit(5)
                .after("pm_2")
        )),
    ),
    (
        "createPaymentMethod",
        call!(|client: project| client.create_payment_method("pm_1", "usr_1")),
    ),
    (
        "retrievePaymentMethod",
        call!(|client: project| client.retrieve_payment_method("pm_1")),
    ),
    (
        "deletePaymentMethod",
        call!(|client: project| client.delete_payment_method("pm_1")),
    ),
    (
        "createSetupIntent",
        call!(|client: project| client.create_setup_intent("usr_1")),
    ),
    (
        "retrieveSetupIntent",
        call!(|client: project| client.retrieve_setup_intent("seti_1")),
    ),
    (
        "listAuditEvents",
        call!(|client: project| client.audit_event_page(
            &AuditEventQuery::of_user("usr_1")
                .action(AuditAction::PaymentMethodCreate)
                .limit(5)
                .after("aud_2")
        )),
    ),
    (
        "createAccountSetupIntent",
        call!(|client: account| client.create_setup_intent()),
    ),
    (
        "listAccountPaymentMethods",
        call!(|client: account| client.list_payment_methods()),
    ),
    (
        "saveAccountPaymentMethod",
        call!(|client: account| client.create_payment_method("pm_1")),
    ),
    (
        "deleteAccountPaymentMethod",
        call!(|client: account| client.delete_payment_method("pm_1")),
    ),
];

/// What has no method, and why.
const LEFT_OUT: [(&str, &str); 4] = [
    (
        "Projects",
        "the operator API is another matter than a tenant's, with tokens of its own",
    ),
    ("Stripe", "Stripe calls it"),
    ("Service", "it tells of the service, and takes no token"),
    (
        "saveAccountPaymentMethodAtTax",
        "it is another path of an operation that has its method",
    ),
];

struct Operation {
    id: &'static str,
    method: String,
    path: &'static str,
    /// The document's own words on it.
    value: &'static Value,
    parameters: Vec<&'static Value>,
}

/// Every operation that the client is for.
fn operations() -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, item) in document()["paths"].as_object().unwrap() {
        for (method, value) in item.as_object().unwrap() {
            let Some(id) = value["operationId"].as_str() else {
                continue;
            };
            let tag = value["tags"][0].as_str().unwrap();
            if LEFT_OUT.iter().any(|(name, _)| *name == tag || *name == id) {
                continue;
            }
            let lists = [&item["parameters"], &value["parameters"]];
            let parameters = lists
                .into_iter()
                .filter_map(Value::as_array)
                .flatten()
                .map(resolve);
            operations.push(Operation {
                id,
                method: method.to_uppercase(),
                path,
                value,
                parameters: parameters.collect(),
            });
        }
    }
    operations
}

/// The examples that the contract gives of an operation's answers.
fn answers(operation: &Operation) -> Vec<(u16, Option<&'static Value>)> {
    let mut answers = Vec::new();
    for (status, response) in operation.value["responses"].as_object().unwrap() {
        let status: u16 = status.parse().expect("a status is a number");
        let content = &resolve(response)["content"]["application/json"];
        match content["examples"].as_object() {
            Some(examples) => {
                let bodies = examples.values().map(|example| Some(&resolve(example)["value"]));
                answers.extend(bodies.map(|body| (status, body)));
            }
            None => answers.push((status, Some(&content["example"]).filter(|body| !body.is_null()))),
        }
    }
    answers
}

#[test]
fn every_operation_has_its_method_and_no_other() {
    let documented: BTreeSet<&str> = operations().iter().map(|operation| operation.id).collect();
    let has_method: BTreeSet<&str> = CALLS.iter().map(|(id, _)| *id).collect();
    assert_eq!(has_method, documented);
    let all = document()["paths"].to_string();
    for (name, reason) in LEFT_OUT {
        assert!(
            all.contains(&format!("\"{name}\"")) && reason.contains(' '),
            "{name} is in no contract"
        );
    }
}

#[tokio::test]
async fn every_example_of_an_answer_is_understood() {
    for operation in operations() {
        let (_, call) = CALLS
            .iter()
            .find(|(id, _)| *id == operation.id)
            .expect("it has its method");
        let (mut good, mut bad) = (0, 0);
        for (status, body) in answers(&operation) {
            let template = body.map_or_else(|| ResponseTemplate::new(status), |body| answer(status, body));
            let stub = Stub::answering([template]).await;
            let done = call(&stub).await;
            look_at_the_request(&operation, &stub.seen().await[0]);
            let told = format!("{} {status} {body:?}: {done:?}", operation.id);
            if status < 300 {
                good += 1;
                done.expect(&told);
            } else {
                bad += 1;
                look_at_the_error(
                    &operation,
                    &done.expect_err(&told),
                    status,
                    body.expect("an error has a body"),
                );
            }
        }
        assert!(
            good >= 1 && bad >= 5,
            "{}: {good} good and {bad} bad answers",
            operation.id
        );
    }
}

/// A request has the path, the parameters and the properties that the contract has.
fn look_at_the_request(operation: &Operation, request: &Request) {
    let id = operation.id;
    assert_eq!(request.method.as_str(), operation.method, "{id}");
    let path = request.url.path();
    let same = operation.path.split('/').count() == path.split('/').count();
    let mut parts = operation.path.split('/').zip(path.split('/'));
    let fits =
        parts.all(|(expected, found)| expected == found || (expected.starts_with('{') && !found.is_empty()));
    assert!(same && fits, "{id}: {path}");

    let of_place = |place: &str| -> BTreeSet<&str> {
        let here = operation
            .parameters
            .iter()
            .filter(|parameter| parameter["in"] == place);
        here.map(|parameter| parameter["name"].as_str().unwrap())
            .collect()
    };
    let pairs: Vec<_> = request.url.query_pairs().collect();
    let mut sent: BTreeSet<&str> = pairs.iter().map(|(name, _)| name.as_ref()).collect();
    if sent.contains("after") {
        // The two exclude each other.
        sent.insert("before");
    }
    assert_eq!(sent, of_place("query"), "{id}");
    let has_key = header(request, "idempotency-key").is_some();
    assert_eq!(has_key, of_place("header").contains("Idempotency-Key"), "{id}");

    let schema = resolve(&operation.value["requestBody"]["content"]["application/json"]["schema"]);
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let sent: BTreeSet<&str> = body
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect();
    let required = schema["required"].as_array().into_iter().flatten();
    let required: BTreeSet<&str> = required.filter_map(Value::as_str).collect();
    assert_eq!(sent, required, "{id}");
}

/// An error tells what the answer told, and is worth another try where the contract says when.
fn look_at_the_error(operation: &Operation, error: &Error, status: u16, body: &Value) {
    let id = operation.id;
    let told = error.api().unwrap_or_else(|| panic!("{id}: {error:?}"));
    assert_eq!(
        (told.status, told.message.as_str()),
        (status, body["message"].as_str().unwrap()),
        "{id}"
    );
    assert!(
        !matches!(told.error_type, ErrorType::Other(_) | ErrorType::Unknown),
        "{id}: {told:?}"
    );
    assert!(!matches!(told.code, Some(ErrorCode::Other(_))), "{id}: {told:?}");
    for (name, found) in [
        ("type", Some(told.error_type.as_str())),
        ("hint", told.hint.as_deref()),
    ] {
        if let Some(expected) = body[name].as_str() {
            assert_eq!(found, Some(expected), "{id}");
        }
    }
    assert_eq!(
        told.code.as_ref().map(ErrorCode::as_str),
        body["code"].as_str(),
        "{id}"
    );
    let details = body["details"].as_array().map_or(0, Vec::len);
    let fields = body["errors"].as_object().map_or(0, serde_json::Map::len);
    assert_eq!(told.details.len(), details + fields, "{id}: {told:?}");
    let headers = &resolve(&operation.value["responses"][status.to_string()])["headers"];
    let says_when = !headers["Retry-After"].is_null();
    assert!(
        error.is_retryable() || !says_when,
        "{id}: {status} has a Retry-After"
    );
}
