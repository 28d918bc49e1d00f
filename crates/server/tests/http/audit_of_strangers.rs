//! Callers whom nobody can vouch for are written down for the operator, a bounded number of them, and in no tenant's log.

use std::time::Duration;

use billfold_domain::RefusedCaller;
use billfold_store::RefusedCallers;
use billfold_test_support::wait_for;

use crate::support::{Backend, PROJECT_SCOPES, Server, on_every_database};

on_every_database!(
    who_is_not_believed_is_written_down_for_the_operator,
    strangers_do_not_fill_the_disk,
);

const WITHIN: Duration = Duration::from_secs(30);

/// The refused callers, when there are as many records as this.
async fn refused(server: &Server, number: usize) -> Vec<RefusedCaller> {
    let callers = RefusedCallers::new(server.database().clone());
    wait_for(WITHIN, "the refused callers", async || {
        let found = callers.newest(1_000).await.ok()?;
        (found.len() >= number).then_some(found)
    })
    .await
}

async fn who_is_not_believed_is_written_down_for_the_operator(backend: Backend) {
    let server = Server::start(backend).await;
    let post = |token: Option<&str>| {
        let request = server.request("POST", "/projects/demo/setupIntents");
        match token {
            Some(token) => request.token(token),
            None => request,
        }
    };
    let none = post(None).send().await.expect(401);
    server.clock.advance(1);
    let forged = post(Some("a.b.c")).send().await.expect(401);
    server.clock.advance(1);
    // A good token of a project that is not there.
    let nowhere = server.project_token("nowhere", PROJECT_SCOPES);
    let nobodys = post(Some(&nowhere)).send().await.expect(404);
    // Who only reads is not written down.
    server
        .request("GET", "/projects/demo/paymentMethods")
        .send()
        .await
        .expect(401);

    let found = refused(&server, 3).await;
    assert_eq!(found.len(), 3, "{found:#?}");
    for (caller, answer) in found.iter().zip([&nobodys, &forged, &none]) {
        assert_eq!(caller.request_id.as_deref(), answer.header("Request-Id"));
        assert_eq!(caller.number, 1);
        let action = caller.action.as_ref().expect("an action");
        assert_eq!(action.as_str(), "setupIntent.create");
        assert!(!caller.reason.contains("a.b.c"), "{caller:?}");
    }
    assert!(found[0].reason.contains("no project"), "{found:#?}");
    assert!(found[2].reason.contains("no token"), "{found:#?}");
    for project in ["demo", "acme"] {
        assert!(server.audit_log(project).await.is_empty(), "{project}");
    }
}

async fn strangers_do_not_fill_the_disk(backend: Backend) {
    let server = Server::start(backend).await;
    for number in 0..200 {
        server
            .request("DELETE", "/projects/demo/paymentMethods/pm_1")
            .token(&format!("forged-{number}"))
            .send()
            .await
            .expect(401);
    }
    assert_eq!(refused(&server, 60).await.len(), 60);
    // In the next minute the others are told of, in one record.
    server.clock.advance(60);
    server
        .request("DELETE", "/projects/demo/paymentMethods/pm_1")
        .send()
        .await
        .expect(401);
    let found = refused(&server, 62).await;
    assert_eq!(found.len(), 62);
    let total: u32 = found.iter().map(|caller| caller.number).sum();
    assert_eq!(total, 201);
    assert_eq!(found.iter().filter(|caller| caller.number > 1).count(), 1);
}
