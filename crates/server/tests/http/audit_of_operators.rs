//! Every route that operators change something with leaves its trace in the log of the project that it names. A route
//! without a row here fails.

use billfold_domain::{
    AuditAction, AuditEntry, AuditObject, AuditOutcome, AuditPageRequest, CallerKind, PageLimit, Position,
};
use billfold_server::routes::{RouteEntry, routes};
use billfold_store::AuditEvents;
use serde_json::{Value, json};

use crate::support::{Backend, Request, Response, Server, on_every_database, server::project_id};

on_every_database!(every_change_of_an_operators_is_written_down);

fn keys(id: &str) -> Value {
    json!({ "id": id, "secretKey": format!("sk_test_of_{id}"), "publishableKey": format!("pk_test_of_{id}") })
}

/// A good request of a route about this project, which is there unless the route makes it; and its status.
fn good(server: &Server, route: &RouteEntry, project: &str) -> (Request, u16) {
    let path = route.path.replace("{project}", project);
    let request = server.request(route.method.as_str(), &path);
    match (route.method.as_str(), route.path) {
        ("POST", "/operator/projects") => (request.json(&keys(project)), 201),
        ("PATCH", "/operator/projects/{project}") => {
            (request.json(&json!({ "webhookSecret": "whsec_1" })), 200)
        }
        ("POST", "/operator/projects/{project}/disable" | "/operator/projects/{project}/enable") => {
            (request, 200)
        }
        ("DELETE", "/operator/projects/{project}") => (request, 202),
        (method, path) => panic!("{method} {path} changes something and has no row here"),
    }
}

/// What the project's log tells of the request that was answered so, oldest first. Not over HTTP: the project may be shut.
async fn written(server: &Server, project: &str, answer: &Response) -> Vec<AuditEntry> {
    let whole = AuditPageRequest {
        user: None,
        action: None,
        position: Position::Start,
        limit: PageLimit::MAXIMUM,
    };
    let page = AuditEvents::new(server.database().clone())
        .page(&Server::scope(project), &whole)
        .await
        .expect("the log is read")
        .expect("the first page is always there");
    let request = answer.header("Request-Id");
    let entries = page.items.into_iter().rev().map(|event| event.entry);
    entries
        .filter(|entry| entry.request_id.as_deref() == request)
        .collect()
}

fn assert_about(entry: &AuditEntry, action: &AuditAction, project: &str) {
    assert_eq!(entry.action, *action);
    assert_eq!(entry.object, Some(AuditObject::from(&project_id(project))));
    let (kind, subject, issuer, key_id) = entry.caller.parts();
    assert_eq!((kind, subject), (CallerKind::Operator, Some("operator")));
    assert!(issuer.is_some() && key_id.is_some(), "{entry:?}");
}

async fn every_change_of_an_operators_is_written_down(backend: Backend) {
    let server = Server::start(backend).await;
    let mut tried = 0;
    for route in routes() {
        if !route.path.starts_with("/operator/") {
            continue;
        }
        let Some(action) = &route.action else {
            assert_eq!(route.method.as_str(), "GET", "{}", route.path);
            continue;
        };
        tried += 1;
        let project = format!("shop{tried}");
        let makes = *action == AuditAction::ProjectCreate;
        if !makes {
            let make = server.operator_request("POST", "").json(&keys(&project));
            make.send().await.expect(201);
        }
        // One who operates nothing, but is known.
        let (request, _) = good(&server, route, &project);
        let request = request.token(&server.operator_token("project:write"));
        let answer = request.send().await.expect(403);
        if !makes {
            let entries = written(&server, &project, &answer).await;
            assert_eq!(entries.len(), 1, "{}: {entries:#?}", route.path);
            assert_eq!(entries[0].outcome, AuditOutcome::Refused);
            assert_about(&entries[0], action, &project);
        }

        let (request, status) = good(&server, route, &project);
        let request = request.token(&server.operator_token("operator:write"));
        let answer = request.send().await.expect(status);
        let entries = written(&server, &project, &answer).await;
        // What is not there yet has no log to begin in.
        let expected = if makes {
            &[AuditOutcome::Succeeded][..]
        } else {
            &[AuditOutcome::Begun, AuditOutcome::Succeeded]
        };
        let outcomes: Vec<_> = entries.iter().map(|entry| entry.outcome).collect();
        assert_eq!(outcomes, expected, "{}", route.path);
        for entry in &entries {
            assert_about(entry, action, &project);
        }
    }
    assert_eq!(tried, 5, "create, update, disable, enable and delete");
}
