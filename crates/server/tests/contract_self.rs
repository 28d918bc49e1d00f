//! The check of answers against `openapi.yaml` is itself checked: it takes what the contract allows, and names what it
//! does not.

mod contract;

use std::collections::BTreeSet;

use contract::{check_response, operations, validate_response};
use serde_json::{Value, json};

const METHODS_PATH: &str = "/projects/demo/paymentMethods";
const ONE_METHOD_PATH: &str = "/projects/demo/paymentMethods/pm_1";

fn headers(extra: &[(&str, &str)]) -> Vec<(String, String)> {
    [("request-id", "01JD5GKM1W8Q4V0Z7N3B6T9XEC")]
        .iter()
        .chain(extra)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn check(method: &str, path: &str, status: u16, extra: &[(&str, &str)], body: &Value) -> Result<(), String> {
    let mut headers = headers(extra);
    headers.push(("content-type".to_owned(), "application/json".to_owned()));
    check_response(method, path, status, &headers, body.to_string().as_bytes())
}

#[track_caller]
fn assert_fault(result: Result<(), String>, expected: &str) {
    let fault = result.expect_err("the answer should be refused");
    assert!(
        fault.contains(expected),
        "the fault should tell of `{expected}`: {fault}"
    );
}

fn card() -> Value {
    json!({
        "object": "paymentMethod", "id": "pm_1", "brand": "visa", "clientSecret": null, "last4": "4242",
        "provider": "stripe", "status": "available", "type": "card", "user": "usr_1",
        "createdAt": "2021-02-14T19:38:34Z",
    })
}

fn card_with(property: &str, value: Value) -> Value {
    let mut card = card();
    card[property] = value;
    card
}

fn error(kind: &str) -> Value {
    json!({ "object": "error", "type": kind, "message": "Something is wrong." })
}

#[track_caller]
fn assert_card_fault(property: &str, value: Value, expected: &str) {
    assert_fault(check_card(&card_with(property, value)), expected);
}

#[track_caller]
fn assert_get_fault(path: &str, status: u16, body: &Value, expected: &str) {
    assert_fault(check("GET", path, status, &[], body), expected);
}

fn check_card(card: &Value) -> Result<(), String> {
    check("GET", ONE_METHOD_PATH, 200, &[], card)
}

#[test]
fn every_operation_is_read_with_its_scope_and_its_statuses() {
    let operations = operations();
    let ids: BTreeSet<_> = operations
        .iter()
        .map(|operation| &operation.operation_id)
        .collect();
    assert_eq!(ids.len(), operations.len(), "every operationId should be unique");

    for operation in &operations {
        let reads = operation.method == "GET";
        let face = match operation.path_template.split('/').nth(1) {
            Some("projects") => Some("project"),
            Some("v1") => Some("account"),
            _ => None,
        };
        let expected = match operation.path_template.split('/').nth(1) {
            // Operators have one scope for all that they do.
            Some("operator") => Some("operator:write".to_owned()),
            _ => face.map(|face| format!("{face}:{}", if reads { "read" } else { "write" })),
        };
        assert_eq!(operation.required_scope, expected, "the scope of {operation:?}");
        // Operators are not counted: there is no 429 for them.
        let errors = match operation.path_template.split('/').nth(1) {
            Some("operator") => &[401, 403, 404, 500, 503][..],
            _ => &[401, 403, 404, 429, 500, 503],
        };
        let documented = errors.iter().all(|status| operation.responses.contains(status));
        assert!(
            documented || expected.is_none(),
            "{operation:?} should document {errors:?}"
        );
    }
    let create = operations
        .iter()
        .find(|operation| operation.operation_id == "createPaymentMethod")
        .expect("createPaymentMethod should be an operation");
    assert_eq!(create.method, "POST");
    assert_eq!(create.path_template, "/projects/{project}/paymentMethods");
    assert_eq!(
        create.responses,
        [200, 201, 400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 503]
    );
}

#[test]
fn a_path_matches_its_template_and_no_other() {
    let matching = |path: &str| -> Vec<String> {
        operations()
            .into_iter()
            .filter(|operation| operation.matches_path(path))
            .map(|operation| operation.operation_id)
            .collect()
    };
    assert_eq!(
        matching(ONE_METHOD_PATH),
        ["retrievePaymentMethod", "deletePaymentMethod"]
    );
    for unknown in [
        "/projects/demo/paymentMethods/",
        "/projects//paymentMethods",
        "/projects/demo/paymentMethods/pm_1/more",
        "/projects/demo",
        "projects/demo/paymentMethods",
        "",
    ] {
        assert!(matching(unknown).is_empty(), "{unknown} should match nothing");
    }
}

/// What a header says, whose example is a text or a number.
fn text_of(example: &Value) -> String {
    example
        .as_str()
        .map_or_else(|| example.to_string(), str::to_owned)
}

#[test]
fn every_example_of_an_answer_fits_its_schema() {
    let source = include_str!("../../../openapi.yaml");
    let document: Value = serde_saphyr::from_str(source).expect("openapi.yaml should be YAML");
    let resolved = |value: &Value| -> Value {
        value["$ref"].as_str().map_or_else(
            || value.clone(),
            |place| document.pointer(&place[1..]).cloned().unwrap_or_default(),
        )
    };
    let mut checked = 0;
    for operation in operations() {
        let path = operation
            .path_template
            .replace("{project}", "demo")
            .replace("{id}", "pm_1");
        let responses =
            &document["paths"][&operation.path_template][operation.method.to_lowercase()]["responses"];
        for status in &operation.responses {
            let response = resolved(&responses[status.to_string()]);
            let header_examples = response["headers"].as_object().into_iter().flatten();
            let values: Vec<(&String, String)> = header_examples
                .map(|(name, header)| (name, text_of(&resolved(header)["example"])))
                .collect();
            let extra: Vec<_> = values
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            let Some(examples) = response["content"]["application/json"]["examples"].as_object() else {
                continue;
            };
            for (name, example) in examples {
                let result = check(
                    &operation.method,
                    &path,
                    *status,
                    &extra,
                    &resolved(example)["value"],
                );
                assert_eq!(result, Ok(()), "{} {status} {name}", operation.operation_id);
                checked += 1;
            }
        }
    }
    assert!(
        checked > 100,
        "the examples should have been found, not {checked}"
    );
}

#[test]
fn the_documents_own_answer_is_read_as_yaml() {
    let mut headers = headers(&[]);
    headers.push(("Content-Type".to_owned(), "application/yaml".to_owned()));
    let source = include_bytes!("../../../openapi.yaml");
    assert_eq!(
        check_response("GET", "/openapi.yaml", 200, &headers, source),
        Ok(())
    );
    assert_fault(
        check_response("GET", "/openapi.yaml", 200, &headers, b"openapi: 3.0.0"),
        "does not fit its schema",
    );
}

#[test]
fn good_answers_are_taken() {
    assert_eq!(check_card(&card()), Ok(()));
    let created = check(
        "POST",
        METHODS_PATH,
        201,
        &[("Location", "/projects/demo/paymentMethods/pm_1")],
        &card(),
    );
    assert_eq!(created, Ok(()));
    let page =
        json!({ "object": "list", "items": [card()], "moreItemsAfter": "pm_1", "moreItemsBefore": null });
    let path = format!("{METHODS_PATH}?limit=1&type=card");
    assert_eq!(check("GET", &path, 200, &[], &page), Ok(()));
    let deleted = check_response(
        "DELETE",
        "/v1/account/payment-methods/pm_1",
        204,
        &headers(&[]),
        b"",
    );
    assert_eq!(deleted, Ok(()));
    assert_eq!(check("GET", "/nowhere", 404, &[], &error("notFound")), Ok(()));
    let wrong_method = check(
        "PUT",
        METHODS_PATH,
        405,
        &[("Allow", "GET, POST")],
        &error("notImplemented"),
    );
    assert_eq!(wrong_method, Ok(()));
    assert_eq!(
        check("GET", "/v1/nowhere", 404, &[], &json!({ "message": "Nothing." })),
        Ok(())
    );
    assert_eq!(check_response("HEAD", METHODS_PATH, 200, &[], b""), Ok(()));
    assert_eq!(
        check_response("OPTIONS", "/v1/account/payment-methods", 200, &[], b""),
        Ok(())
    );
}

#[test]
fn bodies_that_break_their_schema_are_refused() {
    assert_card_fault("colour", json!("red"), "colour");
    let mut without_brand = card();
    without_brand
        .as_object_mut()
        .expect("a card is an object")
        .remove("brand");
    assert_fault(check_card(&without_brand), "brand");
    assert_card_fault("brand", json!("eftpos_au"), "brand");
    assert_card_fault("brand", json!(null), "brand");
    assert_card_fault("type", json!("applePay"), "last4");
    assert_card_fault("clientSecret", json!("seti_1_secret_2"), "clientSecret");
    assert_card_fault("last4", json!("42424"), "last4");
    assert_card_fault("id", json!("pm-1"), "id");
    assert_card_fault("user", json!("u".repeat(65)), "user");
    for time in [
        "2021-02-14T19:38:34.5Z",
        "2021-02-14T19:38:34+00:00",
        "2021-02-30T19:38:34Z",
    ] {
        assert_card_fault("createdAt", json!(time), "createdAt");
    }
}

#[test]
fn a_list_never_has_a_client_secret_and_an_empty_one_no_cursor() {
    let mut open = card_with("status", json!("requiresConfirmation"));
    open["clientSecret"] = json!("seti_1_secret_2");
    assert_eq!(check_card(&open), Ok(()));
    let page = json!({ "object": "list", "items": [open], "moreItemsAfter": null, "moreItemsBefore": null });
    assert_get_fault(METHODS_PATH, 200, &page, "clientSecret");
    let empty = json!({ "object": "list", "items": [], "moreItemsAfter": "pm_1", "moreItemsBefore": null });
    assert_get_fault(METHODS_PATH, 200, &empty, "moreItemsAfter");
}

#[test]
fn errors_must_have_the_shape_of_their_face_and_the_type_of_their_status() {
    assert_get_fault(ONE_METHOD_PATH, 404, &error("invalid"), "type");
    assert_get_fault(ONE_METHOD_PATH, 404, &json!({ "message": "Nothing." }), "object");
    assert_get_fault(
        "/v1/account/payment-methods",
        404,
        &error("notFound"),
        "Additional properties",
    );
    assert_get_fault("/v1/nowhere", 404, &error("notFound"), "Additional properties");
    assert_get_fault("/nowhere", 404, &json!({ "message": "Nothing." }), "object");
    assert_get_fault(METHODS_PATH, 422, &error("invalid"), "code");
    let told_why = check(
        "GET",
        ONE_METHOD_PATH,
        401,
        &[("WWW-Authenticate", "Bearer")],
        &error("unauthenticated"),
    );
    assert_fault(told_why, "Invalid authorization token");
}

#[test]
fn undocumented_statuses_are_refused() {
    assert_get_fault(ONE_METHOD_PATH, 410, &error("notFound"), "410 is not documented");
    assert_get_fault("/nowhere", 400, &error("malformed"), "400 is not documented");
    assert_fault(
        check(
            "GET",
            "/nowhere",
            405,
            &[("Allow", "POST")],
            &error("notImplemented"),
        ),
        "should be 404",
    );
}

#[test]
fn headers_must_be_there_and_fit() {
    let body = card().to_string();
    let no_request_id = [("Content-Type".to_owned(), "application/json".to_owned())];
    assert_fault(
        check_response("GET", ONE_METHOD_PATH, 200, &no_request_id, body.as_bytes()),
        "Request-Id is missing",
    );
    assert_fault(
        check_response("GET", ONE_METHOD_PATH, 200, &headers(&[]), body.as_bytes()),
        "Content-Type is missing",
    );
    let html = headers(&[("Content-Type", "text/html")]);
    assert_fault(
        check_response("GET", ONE_METHOD_PATH, 200, &html, body.as_bytes()),
        "text/html is not documented",
    );
    assert_fault(
        check("POST", METHODS_PATH, 201, &[], &card()),
        "Location is missing",
    );
    assert_fault(
        check(
            "POST",
            METHODS_PATH,
            201,
            &[("Location", "https://example.org/")],
            &card(),
        ),
        "Location",
    );
    assert_fault(
        check("PUT", METHODS_PATH, 405, &[], &error("notImplemented")),
        "Allow is missing",
    );
    let unavailable = error("serviceUnavailable");
    assert_eq!(
        check("GET", METHODS_PATH, 503, &[("Retry-After", "1")], &unavailable),
        Ok(())
    );
    for seconds in ["0", "soon"] {
        assert_fault(
            check(
                "GET",
                METHODS_PATH,
                503,
                &[("Retry-After", seconds)],
                &unavailable,
            ),
            "Retry-After",
        );
    }
}

#[test]
fn bodies_must_be_absent_where_none_is_documented_and_json_where_it_is() {
    let deleted = check_response(
        "DELETE",
        "/v1/account/payment-methods/pm_1",
        204,
        &headers(&[]),
        b"{}",
    );
    assert_fault(deleted, "no body is documented");
    assert_fault(
        check_response("HEAD", METHODS_PATH, 200, &[], b"{}"),
        "has a body",
    );
    let json = headers(&[("Content-Type", "application/json; charset=utf-8")]);
    for body in [&b""[..], b"{", b"\xff"] {
        let result = check_response("GET", ONE_METHOD_PATH, 200, &json, body);
        assert!(result.is_err(), "{body:?} should be refused");
    }
}

#[test]
#[should_panic(expected = "was answered with 418, which breaks openapi.yaml: 418 is not documented")]
fn an_answer_that_breaks_the_contract_panics_with_the_reason() {
    validate_response("GET", ONE_METHOD_PATH, 418, &headers(&[]), b"");
}
