//! Every route that changes something leaves its trace: when it is done, when its caller may not, and when the caller is of
//! another tenant. A route without a row here fails.

use serde_json::{Value, json};

use crate::support::{ACCOUNT_SCOPES, Backend, PROJECT_SCOPES, Request, Server, on_every_database};

on_every_database!(every_route_that_changes_something_is_written_down);

/// What is no caller's wish, and why.
const NOT_WRITTEN_DOWN: [(&str, &str, &str); 1] = [(
    "POST",
    "/webhooks/stripe/{project}",
    "Stripe tells what has happened; its events have a table of their own",
)];

/// A good request of one route, without its token.
struct Probe {
    method: &'static str,
    route: &'static str,
    request: Request,
    /// The object's id, where the request names it.
    target: Option<String>,
    status: u16,
}

/// A good request for each route, each with an object of its own.
async fn probes(server: &Server) -> Vec<Probe> {
    let stripe = server.stripe("demo");
    let mut probes = Vec::new();
    let projects = "/projects/demo";
    let unsaved = stripe.card("4242424242424242").await;
    let body = json!({ "id": unsaved, "user": "usr_alice" });
    probes.push(Probe {
        method: "POST",
        route: "/projects/{project}/paymentMethods",
        request: server
            .request("POST", &format!("{projects}/paymentMethods"))
            .json(&body),
        target: Some(unsaved),
        status: 201,
    });
    let saved = server.saved_card("usr_alice").await;
    probes.push(Probe {
        method: "DELETE",
        route: "/projects/{project}/paymentMethods/{id}",
        request: server.request("DELETE", &format!("{projects}/paymentMethods/{saved}")),
        target: Some(saved),
        status: 200,
    });
    probes.push(Probe {
        method: "POST",
        route: "/projects/{project}/setupIntents",
        request: server
            .request("POST", &format!("{projects}/setupIntents"))
            .json(&json!({ "user": "usr_alice" })),
        target: None,
        status: 201,
    });
    probes.push(Probe {
        method: "POST",
        route: "/v1/account/setup-intent",
        request: server.request("POST", "/v1/account/setup-intent"),
        target: None,
        status: 201,
    });
    for route in ["/v1/account/payment-methods", "/v1/account/tax"] {
        let unsaved = stripe.card("4242424242424242").await;
        probes.push(Probe {
            method: "POST",
            route,
            request: server.request("POST", route).json(&json!({ "id": unsaved })),
            target: Some(unsaved),
            status: 201,
        });
    }
    let saved = server.saved_card("usr_alice").await;
    probes.push(Probe {
        method: "DELETE",
        route: "/v1/account/payment-methods/{id}",
        request: server.request("DELETE", &format!("/v1/account/payment-methods/{saved}")),
        target: Some(saved),
        status: 204,
    });
    probes
}

/// The probe of a route.
async fn probe(server: &Server, method: &str, route: &str) -> Probe {
    let found = probes(server).await.into_iter();
    let mut found = found.filter(|probe| probe.method == method && probe.route == route);
    let probe = found.next();
    probe.unwrap_or_else(|| panic!("{method} {route} changes something and has no probe here"))
}

fn assert_caller(event: &Value, subject: &str) {
    let caller = &event["caller"];
    assert_eq!(caller["type"], "token", "{event}");
    assert_eq!(caller["subject"], subject, "{event}");
    assert_eq!(caller["issuer"], "billfold-development", "{event}");
    assert!(caller["keyId"].is_string(), "{event}");
}

async fn every_route_that_changes_something_is_written_down(backend: Backend) {
    let server = Server::start(backend).await;
    for route in billfold_server::routes::routes() {
        let (method, path) = (route.method.as_str(), route.path);
        if method == "GET" {
            assert!(route.action.is_none(), "{path}: what reads is not written down");
            continue;
        }
        // Theirs are tried in `audit_of_operators`.
        if path.starts_with("/operator/") {
            continue;
        }
        if NOT_WRITTEN_DOWN
            .iter()
            .any(|(m, p, _)| (*m, *p) == (method, path))
        {
            assert!(route.action.is_none(), "{path}");
            continue;
        }
        let action = route
            .action
            .clone()
            .unwrap_or_else(|| panic!("{method} {path} has no action"));
        let account = path.starts_with("/v1/");
        let subject = if account { "usr_alice" } else { "backend" };
        let all = if account { ACCOUNT_SCOPES } else { PROJECT_SCOPES };
        let token =
            |project: &str, scopes: &str| server.sign(project, subject, scopes, None, time::Duration::HOUR);

        let good = probe(&server, method, path).await;
        let answer = good
            .request
            .token(&token("demo", all))
            .send()
            .await
            .expect(good.status);
        let events = server.audit_of("demo", &answer).await;
        assert_eq!(events.len(), 2, "{method} {path}: {events:#?}");
        for (event, outcome) in events.iter().zip(["begun", "succeeded"]) {
            assert_eq!(event["outcome"], outcome, "{event}");
            assert_eq!(event["action"], action.as_str(), "{event}");
            assert_eq!(event["operation"], events[0]["operation"], "{event}");
            assert!(event["operation"].is_string(), "{event}");
            assert_eq!(event["code"], Value::Null, "{event}");
            assert_caller(event, subject);
            if let Some(target) = &good.target {
                assert_eq!(event["target"], json!({ "type": "paymentMethod", "id": target }));
            }
        }
        assert_eq!(events[0]["status"], Value::Null);
        assert_eq!(events[1]["status"], good.status);
        assert_eq!(events[1]["user"], "usr_alice");
        assert!(events[1]["target"]["id"].is_string(), "{}", events[1]);

        // One who may not.
        let refused = probe(&server, method, path).await;
        let answer = refused
            .request
            .token(&token("demo", "project:read"))
            .send()
            .await
            .expect(403);
        let events = server.audit_of("demo", &answer).await;
        assert_eq!(events.len(), 1, "{method} {path}: {events:#?}");
        let event = &events[0];
        assert_eq!(event["outcome"], "refused", "{event}");
        assert_eq!(event["action"], action.as_str(), "{event}");
        assert_eq!(
            (&event["status"], &event["code"]),
            (&json!(403), &json!("permissionDenied"))
        );
        assert_eq!(event["operation"], Value::Null);
        assert_caller(event, subject);

        // One of another tenant: in their own log, and never in the other's.
        let before = server.audit_log("demo").await.len();
        let foreign = probe(&server, method, path).await;
        let made = server.audit_log("demo").await.len() - before;
        let answer = foreign.request.token(&token("acme", all)).send().await;
        assert!(answer.status >= 201, "{}", answer.status);
        let events = server.audit_of("acme", &answer).await;
        assert!(!events.is_empty(), "{method} {path}");
        if !account {
            assert_eq!(events.len(), 1, "{events:#?}");
            assert_eq!(events[0]["code"], "notFound");
            assert_eq!(events[0]["target"], json!({ "type": "project", "id": "demo" }));
        }
        assert_eq!(
            server.audit_log("demo").await.len(),
            before + made,
            "{method} {path} wrote into another tenant's log"
        );
    }
}
