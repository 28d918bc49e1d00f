//! The document itself: read once, its references resolved, its operations found by path.

use std::sync::OnceLock;

use serde_json::Value;

const SOURCE: &str = include_str!("../../../../openapi.yaml");

/// The methods that a path of an OpenAPI document may have.
const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// One operation of the contract.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_field_names,
    reason = "`operation_id` is what OpenAPI calls it"
)]
pub(crate) struct Operation {
    /// The HTTP method, in capitals.
    pub(crate) method: String,
    /// The path with its parameters in braces, as `/projects/{project}/paymentMethods`.
    pub(crate) path_template: String,
    /// The operation's name, unique in the contract.
    pub(crate) operation_id: String,
    /// The scope that a token must have, or nothing where no token is needed.
    pub(crate) required_scope: Option<String>,
    /// The statuses that the operation may answer with, ascending.
    pub(crate) responses: Vec<u16>,
    /// Where the operation stands in the document, as a JSON pointer.
    pub(super) pointer: String,
}

impl Operation {
    /// Whether the operation takes a parameter of this name: in the path, in the query or as a header.
    pub(crate) fn has_parameter(&self, name: &str) -> bool {
        let (path, _) = self
            .pointer
            .rsplit_once('/')
            .expect("an operation is below its path");
        [path, &self.pointer].into_iter().any(|owner| {
            let parameters = document().pointer(&format!("{owner}/parameters"));
            let count = parameters.and_then(Value::as_array).map_or(0, Vec::len);
            (0..count).any(|index| {
                resolve(format!("{owner}/parameters/{index}"))
                    .is_some_and(|(_, parameter)| parameter["name"] == name)
            })
        })
    }

    /// Whether a concrete path, without its query, is one of this operation's.
    pub(crate) fn matches_path(&self, path: &str) -> bool {
        let mut template = self.path_template.split('/');
        let mut concrete = path.split('/');
        loop {
            match (template.next(), concrete.next()) {
                (None, None) => return true,
                (Some(expected), Some(found)) => {
                    let is_parameter = expected.starts_with('{') && expected.ends_with('}');
                    let fits = if is_parameter {
                        !found.is_empty()
                    } else {
                        expected == found
                    };
                    if !fits {
                        return false;
                    }
                }
                _ => return false,
            }
        }
    }
}

/// The whole document as JSON, its references still in place.
pub(crate) fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| serde_saphyr::from_str(SOURCE).expect("openapi.yaml should be YAML"))
}

/// Every operation of the contract, in the document's order of paths.
pub(crate) fn operations() -> Vec<Operation> {
    static OPERATIONS: OnceLock<Vec<Operation>> = OnceLock::new();
    OPERATIONS.get_or_init(read_operations).clone()
}

fn read_operations() -> Vec<Operation> {
    let document = document();
    let paths = document["paths"]
        .as_object()
        .expect("openapi.yaml should have paths");
    let mut operations = Vec::new();
    for (path_template, path_item) in paths {
        for method in METHODS {
            let Some(operation) = path_item.get(method) else {
                continue;
            };
            let pointer = format!("/paths/{}/{method}", escape(path_template));
            operations.push(read_operation(method, path_template, operation, pointer));
        }
    }
    operations
}

fn read_operation(method: &str, path_template: &str, operation: &Value, pointer: String) -> Operation {
    let operation_id = operation["operationId"]
        .as_str()
        .unwrap_or_else(|| panic!("{method} {path_template} of openapi.yaml should have an operationId"));
    let mut responses: Vec<u16> = operation["responses"]
        .as_object()
        .into_iter()
        .flat_map(|responses| responses.keys())
        .map(|status| {
            status.parse().unwrap_or_else(|_| {
                panic!("{operation_id} of openapi.yaml should name its statuses one by one, not {status}")
            })
        })
        .collect();
    responses.sort_unstable();
    Operation {
        method: method.to_ascii_uppercase(),
        path_template: path_template.to_owned(),
        operation_id: operation_id.to_owned(),
        required_scope: operation
            .get("x-required-scope")
            .and_then(Value::as_str)
            .map(str::to_owned),
        responses,
        pointer,
    }
}

/// The responses that a request gets which reaches no operation, as a JSON pointer: those of the first prefix in
/// `x-generic-responses` that the path begins with.
pub(crate) fn generic_responses(path: &str) -> String {
    let faces = document()["x-generic-responses"]
        .as_array()
        .expect("openapi.yaml should have x-generic-responses");
    let face = faces
        .iter()
        .position(|face| {
            face["prefix"]
                .as_str()
                .is_some_and(|prefix| path.starts_with(prefix))
        })
        .unwrap_or_else(|| panic!("x-generic-responses of openapi.yaml should have a prefix for {path}"));
    format!("/x-generic-responses/{face}/responses")
}

/// Follows references until something else stands there. Gives what stands there and its own JSON pointer, or nothing
/// when nothing stands there.
pub(crate) fn resolve(pointer: String) -> Option<(String, &'static Value)> {
    let mut pointer = pointer;
    // A chain of references longer than this one is a circle.
    for _ in 0..16 {
        let found = document().pointer(&pointer)?;
        let Some(reference) = found.get("$ref").and_then(Value::as_str) else {
            return Some((pointer, found));
        };
        let Some(place) = reference.strip_prefix('#') else {
            panic!("{reference} in openapi.yaml should point into the document itself");
        };
        place.clone_into(&mut pointer);
    }
    panic!("the references at {pointer} in openapi.yaml should end somewhere");
}

/// A key as one part of a JSON pointer.
pub(crate) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
