//! Whether an answer keeps to the contract.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock},
};

use jsonschema::{Draft, Registry, Validator};
use serde_json::{Map, Value, json};

use super::document::{document, escape, generic_responses, operations, resolve};

/// The name under which the validators know the document, so that a schema can be named by its place in it.
const DOCUMENT_URI: &str = "urn:billfold:openapi";

/// Panics, with what is wrong, when an answer does not keep to the contract; see [`check_response`].
#[track_caller]
pub(crate) fn validate_response(
    method: &str,
    path: &str,
    status: u16,
    headers: &[(String, String)],
    body: &[u8],
) {
    if let Err(fault) = check_response(method, path, status, headers, body) {
        panic!(
            "{method} {path} was answered with {status}, which breaks openapi.yaml: {fault}\n\
             headers: {headers:?}\nbody: {}",
            String::from_utf8_lossy(body)
        );
    }
}

/// Says what is wrong with an answer by the contract, if anything.
///
/// `path` is the concrete path, with or without a query. The answer's status must be documented for the operation that
/// the method and the path reach, its required headers must be there and fit, its content type must be documented, and
/// its body must fit the schema, or be absent where none is documented. A request that reaches no operation (an unknown
/// route, or a known one with another method) is held against the errors of the face that the path belongs to.
/// Answers to HEAD are only held to have no body, and those to a granted OPTIONS to nothing, as the contract describes
/// neither.
pub(crate) fn check_response(
    method: &str,
    path: &str,
    status: u16,
    headers: &[(String, String)],
    body: &[u8],
) -> Result<(), String> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    if method.eq_ignore_ascii_case("HEAD") {
        return if body.is_empty() {
            Ok(())
        } else {
            Err("an answer to HEAD has a body".to_owned())
        };
    }
    if method.eq_ignore_ascii_case("OPTIONS") && status < 300 {
        return Ok(());
    }
    let (pointer, response) = find_response(method, path, status)?;
    check_headers(&pointer, response, headers)?;
    check_body(&pointer, response, headers, body)
}

/// The documented response for a status, and where it stands.
fn find_response(method: &str, path: &str, status: u16) -> Result<(String, &'static Value), String> {
    let on_path: Vec<_> = operations()
        .into_iter()
        .filter(|operation| operation.matches_path(path))
        .collect();
    if let Some(operation) = on_path
        .iter()
        .find(|operation| operation.method.eq_ignore_ascii_case(method))
    {
        return resolve(format!("{}/responses/{status}", operation.pointer)).ok_or_else(|| {
            format!(
                "{status} is not documented for {}, which has {:?}",
                operation.operation_id, operation.responses
            )
        });
    }
    if on_path.is_empty() && status == 405 {
        return Err("405 on a path that is not documented at all; it should be 404".to_owned());
    }
    resolve(format!("{}/{status}", generic_responses(path)))
        .ok_or_else(|| format!("{status} is not documented for a request that reaches no operation"))
}

fn check_headers(
    pointer: &str,
    response: &'static Value,
    headers: &[(String, String)],
) -> Result<(), String> {
    let documented = response.get("headers").and_then(Value::as_object);
    for name in documented.into_iter().flat_map(Map::keys) {
        let place = format!("{pointer}/headers/{}", escape(name));
        let (place, header) = resolve(place).ok_or_else(|| format!("the header {name} refers to nothing"))?;
        let Some(text) = header_value(headers, name) else {
            if header["required"] == true {
                return Err(format!("the header {name} is missing"));
            }
            continue;
        };
        // A header is text on the wire; where the schema wants a number, it is the number that the text writes.
        let is_integer = resolve(format!("{place}/schema"))
            .is_some_and(|(_, schema)| schema.get("type") == Some(&json!("integer")));
        let value = match text.parse::<i64>() {
            Ok(number) if is_integer => json!(number),
            _ => json!(text),
        };
        check_schema(&format!("{place}/schema"), &value)
            .map_err(|faults| format!("the header {name}: {text} does not fit: {faults}"))?;
    }
    Ok(())
}

fn check_body(
    pointer: &str,
    response: &'static Value,
    headers: &[(String, String)],
    body: &[u8],
) -> Result<(), String> {
    let Some(content) = response.get("content").and_then(Value::as_object) else {
        return if body.is_empty() {
            Ok(())
        } else {
            Err("no body is documented, and there is one".to_owned())
        };
    };
    let content_type = header_value(headers, "Content-Type").ok_or("the header Content-Type is missing")?;
    let media_type = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    if !content.contains_key(&media_type) {
        return Err(format!(
            "the content type {content_type} is not documented; there is {:?}",
            content.keys().collect::<Vec<_>>()
        ));
    }
    let text = std::str::from_utf8(body).map_err(|error| format!("the body is not UTF-8: {error}"))?;
    let value: Value = if media_type.ends_with("/yaml") {
        serde_saphyr::from_str(text).map_err(|error| format!("the body is not YAML: {error}"))?
    } else {
        serde_json::from_str(text).map_err(|error| format!("the body is not JSON: {error}"))?
    };
    check_schema(
        &format!("{pointer}/content/{}/schema", escape(&media_type)),
        &value,
    )
    .map_err(|faults| format!("the body does not fit its schema: {faults}"))
}

/// The value of a header, whatever the case of its name. Of several, the first.
fn header_value<'headers>(headers: &'headers [(String, String)], name: &str) -> Option<&'headers str> {
    headers
        .iter()
        .find(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

/// Says how a value does not fit the schema at a place of the document: each fault with its place in the value.
fn check_schema(pointer: &str, value: &Value) -> Result<(), String> {
    let faults: Vec<String> = validator(pointer)
        .iter_errors(value)
        .map(|fault| format!("at `{}`: {fault}", fault.instance_path()))
        .collect();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults.join("; "))
    }
}

/// The compiled schema at a place of the document. Each is compiled once in a process, when it is first needed.
fn validator(pointer: &str) -> Arc<Validator> {
    static REGISTRY: OnceLock<Registry<'static>> = OnceLock::new();
    static VALIDATORS: OnceLock<Mutex<HashMap<String, Arc<Validator>>>> = OnceLock::new();

    let registry = REGISTRY.get_or_init(|| {
        Registry::new()
            .draft(Draft::Draft202012)
            .add(DOCUMENT_URI, document())
            .and_then(jsonschema::RegistryBuilder::prepare)
            .expect("the references of openapi.yaml should resolve")
    });
    let mut validators = VALIDATORS
        .get_or_init(Mutex::default)
        .lock()
        .expect("no thread should have panicked while it compiled a schema");
    let compile = || {
        let schema = json!({ "$ref": format!("{DOCUMENT_URI}#{}", percent_encoded(pointer)) });
        jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_registry(registry)
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false)
            .build(&schema)
            .map_or_else(
                |fault| panic!("the schema at {pointer} in openapi.yaml should compile: {fault}"),
                Arc::new,
            )
    };
    Arc::clone(validators.entry(pointer.to_owned()).or_insert_with(compile))
}

/// A JSON pointer as the fragment of a URI, where braces may not stand as they are.
fn percent_encoded(pointer: &str) -> String {
    pointer.replace('{', "%7B").replace('}', "%7D")
}
