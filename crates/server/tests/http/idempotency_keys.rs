//! `Idempotency-Key`: what is a key, and what each key stands for.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::idempotency::{Keyed, assert_replayed};
use crate::support::{ACCOUNT_SCOPES, Backend, PROJECT_SCOPES, Request, Server, on_every_database};

on_every_database!(
    what_is_no_key_is_told_on_every_route,
    all_that_is_wrong_is_told_at_once,
    a_key_is_taken_as_it_is_written,
    a_key_is_ignored_where_nothing_is_changed,
    the_same_key_with_another_request_is_refused,
    routes_and_projects_have_keys_of_their_own,
    what_was_wrong_with_a_request_is_not_kept,
);

const NO_KEY: &str = "Idempotency-Key must have 1 to 255 characters, which must be visible ASCII characters.";
const TWICE: &str = "Idempotency-Key must be given once.";

/// Every route that takes a key, with a good request for it.
fn routes(server: &Server) -> Vec<(bool, Request)> {
    let on_project = |method, path: &str| server.project_request(method, "demo", path);
    let on_account = |method, path: &str| server.account_request(method, "usr_alice", path);
    let save = json!({ "id": "pm_card_visa", "user": "usr_alice" });
    vec![
        (false, on_project("POST", "/paymentMethods").json(&save)),
        (false, on_project("DELETE", "/paymentMethods/pm_1")),
        (
            false,
            on_project("POST", "/setupIntents").json(&json!({ "user": "usr_alice" })),
        ),
        (true, on_account("POST", "/setup-intent")),
        (
            true,
            on_account("POST", "/payment-methods").json(&json!({ "id": "pm_card_visa" })),
        ),
        (
            true,
            on_account("POST", "/tax").json(&json!({ "id": "pm_card_visa" })),
        ),
        (true, on_account("DELETE", "/payment-methods/pm_1")),
    ]
}

fn refusal(on_account: bool, message: &str) -> Value {
    if on_account {
        json!({ "message": message, "errors": { "Idempotency-Key": [message] } })
    } else {
        json!({
            "object": "error", "type": "invalid", "code": "propertyInvalid", "message": message,
            "details": [{
                "object": "propertyErrorDetail", "code": "propertyInvalid", "message": message,
                "property": "Idempotency-Key",
            }],
        })
    }
}

async fn what_is_no_key_is_told_on_every_route(backend: Backend) {
    let server = Server::start(backend).await;
    let too_long = "k".repeat(256);
    for key in ["", " ", "a b", "a\tb", "clé", "\u{a0}k", "\u{1f511}", &too_long] {
        for (on_account, request) in routes(&server) {
            let refused = request.header_bytes("Idempotency-Key", key.as_bytes()).send();
            assert_eq!(
                refused.await.expect(422).json(),
                refusal(on_account, NO_KEY),
                "{key:?}"
            );
        }
    }
    for (one, other) in [("a", "a"), ("a", "b"), ("", "a")] {
        for (on_account, request) in routes(&server) {
            let refused = request.key(one).key(other).send().await.expect(422);
            assert_eq!(refused.json(), refusal(on_account, TWICE));
        }
    }
    // What no header may have is refused before anyone asks what header it is.
    let token = server.project_token("demo", PROJECT_SCOPES);
    for byte in [0x00, 0x01, 0x0b, 0x7f] {
        let mut request = format!(
            "DELETE /projects/demo/paymentMethods/pm_1 HTTP/1.1\r\nHost: localhost\r\n\
             Authorization: Bearer {token}\r\nConnection: close\r\nIdempotency-Key: a"
        )
        .into_bytes();
        request.push(byte);
        request.extend_from_slice(b"b\r\n\r\n");
        let mut connection = TcpStream::connect(server.address()).await.expect("it listens");
        connection.write_all(&request).await.expect("it reads");
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await.expect("it answers");
        assert!(answer.starts_with(b"HTTP/1.1 400 "), "{byte:#04x}: {answer:?}");
    }
    assert!(server.stripe("demo").effects().await.is_empty());
}

async fn all_that_is_wrong_is_told_at_once(backend: Backend) {
    let server = Server::start(backend).await;
    let refused = server
        .project_request("POST", "demo", "/paymentMethods")
        .key("")
        .json(&json!({ "user": "usr_alice" }))
        .send()
        .await
        .expect(422);
    let body = refused.json();
    assert_eq!(body["code"], "propertyRequired");
    let details = body["details"].as_array().expect("there are details");
    let properties: Vec<_> = details.iter().map(|detail| detail["property"].clone()).collect();
    assert_eq!(properties, ["id", "Idempotency-Key"]);

    let refused = server
        .account_request("POST", "usr_alice", "/payment-methods")
        .key("")
        .body("{}")
        .send()
        .await
        .expect(422);
    let required = "The id field is required.";
    assert_eq!(
        refused.json(),
        json!({ "message": required, "errors": { "id": [required], "Idempotency-Key": [NO_KEY] } })
    );
    // An id that cannot be one names nothing, but first the request must be right.
    let path = "/paymentMethods/pm-1";
    let deleting = async |key: &str| {
        let request = server.project_request("DELETE", "demo", path);
        request.key(key).send().await
    };
    deleting("").await.expect(422);
    deleting("k").await.expect(404);
    // Who is calling and where comes before all that.
    let token = server.project_token("demo", PROJECT_SCOPES);
    let elsewhere = server
        .request("DELETE", "/projects/acme/paymentMethods/pm_1")
        .token(&token);
    elsewhere.key("").send().await.expect(404);
    let nobody = server.request("DELETE", "/projects/demo/paymentMethods/pm_1");
    nobody.key("").send().await.expect(401);
    let unreadable = server.project_request("POST", "demo", "/paymentMethods");
    unreadable.key("").body("{").send().await.expect(400);
}

async fn a_key_is_taken_as_it_is_written(backend: Backend) {
    let server = Server::start(backend).await;
    let longest = "k".repeat(255);
    let keys = ["k", "K", "\"k\"", "'k'", "k,k", "\"k", "!~", longest.as_str()];
    let mut made = std::collections::HashSet::new();
    for key in keys {
        let body = Some(json!({ "user": "usr_alice" }));
        let request = Keyed::on_project(&server, "POST", "/setupIntents", key, body);
        let first = request.send().await.expect(201);
        assert!(made.insert(first.property("id")), "{key} is a key of its own");
        assert_replayed(&first, &request.send().await);
    }
    assert_eq!(
        server.stripe("demo").effect("setup_intent.created").await,
        keys.len()
    );
}

async fn a_key_is_ignored_where_nothing_is_changed(backend: Backend) {
    let server = Server::start(backend).await;
    let id = server.saved_card("usr_alice").await;
    for key in ["", "k", "a b"] {
        for path in [format!("/paymentMethods/{id}"), "/paymentMethods".to_owned()] {
            let request = server.project_request("GET", "demo", &path).key(key);
            let answer = request.send().await.expect(200);
            assert_eq!(answer.header("Idempotency-Replayed"), None);
        }
        let request = server.account_request("GET", "usr_alice", "/payment-methods");
        request.key(key).key(key).send().await.expect(200);
    }
    server.delete(&id).await.expect(200);
    let gone = server.project_request("GET", "demo", &format!("/paymentMethods/{id}"));
    gone.key("k").send().await.expect(404);
}

async fn the_same_key_with_another_request_is_refused(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let id = stripe.card("4242424242424242").await;
    let other = stripe.card("4242424242424242").await;
    let first = Keyed::saving(&server, "k", &id).send().await.expect(201);
    let effects = stripe.effects().await;
    for body in [
        json!({ "id": other, "user": "usr_alice" }),
        json!({ "id": id, "user": "usr_bob" }),
    ] {
        let refused = Keyed::on_project(&server, "POST", "/paymentMethods", "k", Some(body));
        assert_eq!(
            refused.send().await.expect(422).json(),
            json!({
                "object": "error", "type": "invalid", "code": "idempotencyKeyReused",
                "message": "This idempotency key was used for another request.",
                "hint": "Make a new key for every new request, and send the same key only to repeat one.",
            })
        );
    }
    let deleting = |id: &str| {
        let path = format!("/paymentMethods/{id}");
        Keyed::on_project(&server, "DELETE", &path, "k", None)
    };
    let nothing = deleting(&other).send().await.expect(404);
    assert_eq!(
        deleting(&id).send().await.expect(422).code(),
        "idempotencyKeyReused"
    );
    assert_replayed(&nothing, &deleting(&other).send().await);
    assert_eq!(stripe.effects().await, effects);

    // How the same request is written does not make it another.
    for body in [
        format!(r#" {{ "user" : "usr_alice",  "id":"{id}" }} "#),
        format!(r#"{{"object":"paymentMethod","id":"{id}","user":"usr_\u0061lice"}}"#),
    ] {
        let request = server.project_request("POST", "demo", "/paymentMethods");
        let again = request.key("k").body(body).send().await;
        assert_replayed(&first, &again);
    }
}

async fn routes_and_projects_have_keys_of_their_own(backend: Backend) {
    let server = Server::start(backend).await;
    for (number, (_, request)) in routes(&server).into_iter().enumerate() {
        let answer = request.key("k").send().await;
        assert_eq!(answer.header("Idempotency-Replayed"), None, "{number}");
        assert!([200, 201, 404, 410].contains(&answer.status), "{number}");
    }
    for (number, (_, request)) in routes(&server).into_iter().enumerate() {
        let answer = request.key("k").send().await;
        assert_eq!(answer.header("Idempotency-Replayed"), Some("true"), "{number}");
    }
    let save = json!({ "id": "pm_card_visa", "user": "usr_alice" });
    let request = server.project_request("POST", "acme", "/paymentMethods");
    let elsewhere = request.key("k").json(&save).send().await.expect(201);
    assert_eq!(elsewhere.header("Idempotency-Replayed"), None);
    assert_eq!(server.stripe("acme").effect("setup_intent.created").await, 1);
}

async fn what_was_wrong_with_a_request_is_not_kept(backend: Backend) {
    let server = Server::start(backend).await;
    let id = server.stripe("demo").card("4242424242424242").await;
    let good = json!({ "id": id, "user": "usr_alice" }).to_string();
    let path = "/projects/demo/paymentMethods";
    let elsewhere = "/projects/acme/paymentMethods";
    let token = server.project_token("demo", PROJECT_SCOPES);
    let reader = server.project_token("demo", "project:read");
    let user = server.user_token("demo", "usr_alice", ACCOUNT_SCOPES, None);
    let too_large = " ".repeat(16 * 1024 + 1);
    for (path, token, body, status) in [
        (path, "none", good.as_str(), 401),
        (path, &reader, &good, 403),
        (path, &user, &good, 403),
        (elsewhere, &token, &good, 404),
        (path, &token, "{", 400),
        (path, &token, "", 400),
        (path, &token, "{}", 422),
        (path, &token, &too_large, 413),
    ] {
        let request = server.request("POST", path).token(token).key("k");
        request.body(body).send().await.expect(status);
    }
    let saving = Keyed::saving(&server, "k", &id);
    let saved = saving.send().await.expect(201);
    // A kept answer is told to nobody who may not have it.
    let request = server.request("POST", path).token(&reader).key("k");
    request.body(good.as_str()).send().await.expect(403);
    assert_replayed(&saved, &saving.send().await);
}
