//! A client that goes away: what it began is done all the same.

use std::time::Duration;

use billfold_test_support::wait_for;
use serde_json::json;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::support::{Backend, PROJECT_SCOPES, Server, on_every_database};

on_every_database!(
    a_saving_goes_on_without_its_client,
    a_deletion_goes_on_without_its_client,
);

const WITHIN: Duration = Duration::from_secs(20);

/// Sends a request, with these headers more, and hangs up as soon as Stripe has been called for it.
pub(crate) async fn send_and_hang_up(server: &Server, method: &str, path: &str, headers: &str, body: &str) {
    let stripe = server.stripe("demo");
    stripe.reset_request_count().await;
    let token = server.project_token("demo", PROJECT_SCOPES);
    let mut connection = TcpStream::connect(server.address())
        .await
        .expect("the server accepts connections");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         {headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    connection
        .write_all(request.as_bytes())
        .await
        .expect("the server reads requests");
    wait_for(WITHIN, "a call to Stripe", async || {
        (stripe.request_count().await > 0).then_some(())
    })
    .await;
}

async fn a_saving_goes_on_without_its_client(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let id = stripe.card("4242424242424242").await;
    stripe
        .fault(json!({ "kind": "delay", "path": "/v1/", "milliseconds": 100, "count": 3 }))
        .await;
    let body = json!({ "id": id, "user": "usr_alice" }).to_string();
    send_and_hang_up(&server, "POST", "/projects/demo/paymentMethods", "", &body).await;
    wait_for(WITHIN, "the method to be saved", async || {
        (server.retrieve(&id).await.status == 200).then_some(())
    })
    .await;
    let effects = stripe.effects().await;
    assert_eq!(effects["setup_intent.created"], 1, "{effects:?}");
    assert_eq!(effects["customer.created"], 1, "{effects:?}");
    server.save(&id, "usr_alice").await.expect(200);
}

async fn a_deletion_goes_on_without_its_client(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let id = server.saved_card("usr_alice").await;
    stripe
        .fault(json!({ "kind": "delay", "path": "/v1/", "milliseconds": 200 }))
        .await;
    let path = format!("/projects/demo/paymentMethods/{id}");
    send_and_hang_up(&server, "DELETE", &path, "", "").await;
    wait_for(WITHIN, "the method to be detached", async || {
        (stripe.effect("payment_method.detached").await == 1).then_some(())
    })
    .await;
    // The operation ends a moment after Stripe's answer.
    wait_for(WITHIN, "the deletion to end", async || {
        (server.delete(&id).await.status == 404).then_some(())
    })
    .await;
    server.retrieve(&id).await.expect(404);
}
