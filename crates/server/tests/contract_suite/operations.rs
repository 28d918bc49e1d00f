//! A good request for every operation of the contract.

use std::collections::BTreeSet;

use serde_json::json;

use crate::{
    forge::OPERATOR_SCOPE,
    http::Request,
    scene::Scene,
    support::{
        START,
        contract::{Operation, operations},
        webhooks::{event, signature, webhook_secret},
    },
};

/// A request that succeeds with a token that has the operation's scope, and the status of that success.
pub(crate) struct Example {
    operation_id: &'static str,
    pub(crate) status: u16,
    pub(crate) request: fn(&Scene) -> Request,
}

const fn example(operation_id: &'static str, status: u16, request: fn(&Scene) -> Request) -> Example {
    Example {
        operation_id,
        status,
        request,
    }
}

/// One row an operation. An operation that has none fails every test that walks the contract.
const EXAMPLES: [Example; 23] = [
    example("listPaymentMethods", 200, |scene| {
        Request::get(format!(
            "/projects/{}/paymentMethods?user={}",
            scene.project, scene.user
        ))
    }),
    example("createPaymentMethod", 201, |scene| {
        Request::post(
            format!("/projects/{}/paymentMethods", scene.project),
            json!({ "id": scene.unsaved, "user": scene.user }).to_string(),
        )
    }),
    example("retrievePaymentMethod", 200, |scene| {
        Request::get(format!(
            "/projects/{}/paymentMethods/{}",
            scene.project, scene.saved
        ))
    }),
    example("deletePaymentMethod", 200, |scene| {
        Request::delete(format!(
            "/projects/{}/paymentMethods/{}",
            scene.project, scene.saved
        ))
    }),
    example("createSetupIntent", 201, |scene| {
        Request::post(
            format!("/projects/{}/setupIntents", scene.project),
            json!({ "user": scene.user }).to_string(),
        )
    }),
    example("retrieveSetupIntent", 200, |scene| {
        Request::get(format!(
            "/projects/{}/setupIntents/{}",
            scene.project, scene.setup_intent
        ))
    }),
    example("listAuditEvents", 200, |scene| {
        Request::get(format!(
            "/projects/{}/auditEvents?user={}",
            scene.project, scene.user
        ))
    }),
    example("createAccountSetupIntent", 201, |_| {
        Request::new("POST", "/v1/account/setup-intent")
    }),
    example("listAccountPaymentMethods", 200, |_| {
        Request::get("/v1/account/payment-methods")
    }),
    example("saveAccountPaymentMethod", 201, |scene| {
        Request::post(
            "/v1/account/payment-methods",
            json!({ "id": scene.unsaved }).to_string(),
        )
    }),
    example("saveAccountPaymentMethodAtTax", 201, |scene| {
        Request::post("/v1/account/tax", json!({ "id": scene.unsaved }).to_string())
    }),
    example("deleteAccountPaymentMethod", 204, |scene| {
        Request::delete(format!("/v1/account/payment-methods/{}", scene.saved))
    }),
    example("listProjects", 200, |_| {
        Request::get("/operator/projects?after=a")
    }),
    example("createProject", 201, |_| {
        let project = json!({
            "id": "made", "secretKey": "sk_test_contract_made", "publishableKey": "pk_test_contract_made",
        });
        Request::post("/operator/projects", project.to_string())
    }),
    example("retrieveProject", 200, |scene| operated("GET", scene, "shop", "")),
    example("updateProject", 200, |scene| {
        operated("PATCH", scene, "shop", "").body(r#"{"allowSharedAccount":true}"#)
    }),
    example("deleteProject", 202, |scene| {
        operated("DELETE", scene, "gone", "")
    }),
    example("disableProject", 200, |scene| {
        operated("POST", scene, "shop", "/disable")
    }),
    example("enableProject", 200, |scene| {
        operated("POST", scene, "shop", "/enable")
    }),
    example("receiveStripeWebhook", 200, |scene| {
        let event = event("evt_1Example", "payment_method.updated", &scene.saved).to_string();
        let secret = webhook_secret(&scene.project);
        let header = signature(&secret, START, event.as_bytes());
        Request::post(format!("/webhooks/stripe/{}", scene.project), event).header("Stripe-Signature", header)
    }),
    example("getLiveness", 200, |_| Request::get("/health/live")),
    example("getReadiness", 200, |_| Request::get("/health/ready")),
    example("getOpenApiDocument", 200, |_| Request::get("/openapi.yaml")),
];

/// An operator's request about a project that no other example needs, or about none where the scene has none.
fn operated(method: &str, scene: &Scene, project: &str, path: &str) -> Request {
    let project = if scene.project == "nowhere" {
        "nowhere"
    } else {
        project
    };
    Request::new(method, format!("/operator/projects/{project}{path}"))
}

/// Every operation of the contract with its example.
pub(crate) fn with_examples() -> Vec<(Operation, &'static Example)> {
    operations()
        .into_iter()
        .map(|operation| {
            let example = EXAMPLES
                .iter()
                .find(|example| example.operation_id == operation.operation_id)
                .unwrap_or_else(|| {
                    panic!(
                        "{} of openapi.yaml has no example request here, so it is not tested",
                        operation.operation_id
                    )
                });
            (operation, example)
        })
        .collect()
}

/// Every operation that needs a token, with the scope and its example.
pub(crate) fn guarded() -> Vec<(Operation, String, &'static Example)> {
    with_examples()
        .into_iter()
        .filter_map(|(operation, example)| {
            let scope = operation.required_scope.clone()?;
            Some((operation, scope, example))
        })
        .collect()
}

/// Every operation that needs a tenant's token.
pub(crate) fn of_tenants() -> Vec<(Operation, String, &'static Example)> {
    let mut guarded = guarded();
    guarded.retain(|(_, scope, _)| scope != OPERATOR_SCOPE);
    guarded
}

/// Every operation that needs an operator's token.
pub(crate) fn of_operators() -> Vec<(Operation, &'static Example)> {
    guarded()
        .into_iter()
        .filter(|(_, scope, _)| scope == OPERATOR_SCOPE)
        .map(|(operation, _, example)| (operation, example))
        .collect()
}

/// What needs no token, and why.
const OPEN: [(&str, &str); 4] = [
    ("receiveStripeWebhook", "it is believed for its signature"),
    ("getLiveness", "it tells nothing of anyone"),
    ("getReadiness", "it tells nothing of anyone"),
    ("getOpenApiDocument", "it tells nothing of anyone"),
];

#[test]
fn whatever_needs_no_token_is_known_to_need_none() {
    let open: BTreeSet<String> = operations()
        .into_iter()
        .filter(|operation| operation.required_scope.is_none())
        .map(|operation| operation.operation_id)
        .collect();
    let known = OPEN.map(|(operation_id, _)| operation_id.to_owned());
    assert_eq!(open, BTreeSet::from(known));
}

#[test]
fn every_example_is_of_an_operation_and_reaches_it() {
    let scene = Scene {
        project: "demo".to_owned(),
        user: "alice".to_owned(),
        saved: "pm_1".to_owned(),
        waiting: "pm_2".to_owned(),
        deleted: "pm_3".to_owned(),
        unsaved: "pm_4".to_owned(),
        setup_intent: "seti_1".to_owned(),
    };
    let examples = with_examples();
    assert_eq!(examples.len(), EXAMPLES.len(), "an example is of no operation");
    for (operation, example) in examples {
        let request = (example.request)(&scene);
        assert_eq!(request.method, operation.method, "{}", operation.operation_id);
        assert!(
            operation.matches_path(request.path()),
            "{}",
            operation.operation_id
        );
        assert!(
            operation.responses.contains(&example.status),
            "{}",
            operation.operation_id
        );
    }
}
