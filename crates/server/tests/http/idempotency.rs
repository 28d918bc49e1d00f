//! `Idempotency-Key`: a definite answer is given again, byte for byte, whatever has changed since.

use serde_json::{Value, json};

use crate::support::{
    ACCOUNT_SCOPES, Backend, PROJECT_SCOPES, Response, Server, on_every_database, stripe::fault,
};

on_every_database!(
    every_definite_answer_of_the_project_api_is_given_again,
    every_definite_answer_of_the_account_api_is_given_again,
    an_answer_with_a_client_secret_is_given_again_and_the_secret_is_not_stored,
    an_answer_whose_secret_stripe_cannot_give_now_is_503,
    a_key_is_the_projects_whatever_token_brings_it,
    after_a_day_a_key_works_anew,
);

const DAY: i64 = 24 * 60 * 60;

/// One request with a key, as often as it is sent.
pub(crate) struct Keyed<'a> {
    pub(crate) server: &'a Server,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) token: String,
    pub(crate) key: &'a str,
    pub(crate) body: Option<Value>,
}

impl<'a> Keyed<'a> {
    pub(crate) fn on_project(
        server: &'a Server,
        method: &'static str,
        path: &str,
        key: &'a str,
        body: Option<Value>,
    ) -> Self {
        Self {
            server,
            method,
            path: format!("/projects/demo{path}"),
            token: server.project_token("demo", PROJECT_SCOPES),
            key,
            body,
        }
    }

    pub(crate) fn on_account(
        server: &'a Server,
        method: &'static str,
        path: &str,
        key: &'a str,
        body: Option<Value>,
    ) -> Self {
        Self {
            path: format!("/v1/account{path}"),
            token: server.user_token("demo", "usr_alice", ACCOUNT_SCOPES, None),
            ..Self::on_project(server, method, path, key, body)
        }
    }

    pub(crate) fn saving(server: &'a Server, key: &'a str, id: &str) -> Self {
        let body = json!({ "id": id, "user": "usr_alice" });
        Self::on_project(server, "POST", "/paymentMethods", key, Some(body))
    }

    pub(crate) async fn send(&self) -> Response {
        let mut request = self
            .server
            .request(self.method, &self.path)
            .token(&self.token)
            .key(self.key);
        if let Some(body) = &self.body {
            request = request.body(body.to_string());
        }
        request.send().await
    }
}

/// The second answer is the first one again, and says so.
#[track_caller]
pub(crate) fn assert_replayed(first: &Response, again: &Response) {
    assert_eq!(again.status, first.status, "{}", again.text());
    assert_eq!(again.text(), first.text());
    for name in ["Location", "Content-Type"] {
        assert_eq!(again.header(name), first.header(name), "{name}");
    }
    assert_eq!(again.header("Idempotency-Replayed"), Some("true"));
}

/// Sends the request twice; the first answer must be new and of this status.
async fn twice(request: &Keyed<'_>, status: u16) -> Response {
    let first = request.send().await.expect(status);
    assert_eq!(first.header("Idempotency-Replayed"), None);
    assert_replayed(&first, &request.send().await);
    first
}

async fn every_definite_answer_of_the_project_api_is_given_again(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let id = stripe.card("4242424242424242").await;
    let refused_id = stripe.card_of_token("tok_chargeDeclined").await;
    let one = |id: &str| format!("/paymentMethods/{id}");
    let creating = Keyed::saving(&server, "creating", &id);
    let existing = Keyed::saving(&server, "existing", &id);
    let declined = Keyed::saving(&server, "declined", &refused_id);
    let unusable = Keyed::saving(&server, "unusable", "pm_unknown");
    let deleting = Keyed::on_project(&server, "DELETE", &one(&id), "deleting", None);
    let nothing = Keyed::on_project(&server, "DELETE", &one("pm_unknown"), "nothing", None);
    let mut answers = Vec::new();
    for (request, status) in [
        (&creating, 201),
        (&existing, 200),
        (&declined, 422),
        (&unusable, 422),
        (&deleting, 200),
        (&nothing, 404),
    ] {
        answers.push((request, twice(request, status).await));
    }
    assert!(answers[0].1.header("Location").is_some());
    let effects = stripe.effects().await;

    // The method is gone by now, and nothing of it matters to an answer that was given.
    stripe.reset_request_count().await;
    server.clock.advance(60);
    for (request, first) in &answers {
        assert_replayed(first, &request.send().await);
    }
    assert_eq!(stripe.request_count().await, 0);
    assert_eq!(stripe.effects().await, effects);
    server.delete(&id).await.expect(404);
}

async fn every_definite_answer_of_the_account_api_is_given_again(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let id = stripe.card("4242424242424242").await;
    let refused_id = stripe.card_of_token("tok_chargeDeclined").await;
    let waiting_id = stripe.card("4000002500003155").await;
    let saving = |key, id: &str| {
        Keyed::on_account(
            &server,
            "POST",
            "/payment-methods",
            key,
            Some(json!({ "id": id })),
        )
    };
    let deleting =
        |key, id: &str| Keyed::on_account(&server, "DELETE", &format!("/payment-methods/{id}"), key, None);
    let at_tax = Keyed::on_account(&server, "POST", "/tax", "creating", Some(json!({ "id": id })));
    let requests = [
        (saving("creating", &id), 201),
        (saving("existing", &id), 200),
        (at_tax, 200),
        (saving("declined", &refused_id), 422),
        (saving("unusable", "pm_unknown"), 422),
        (saving("waiting", &waiting_id), 422),
        (deleting("deleting", &id), 204),
        (deleting("nothing", "pm_unknown"), 410),
    ];
    let mut answers = Vec::new();
    for (request, status) in &requests {
        answers.push((request, twice(request, *status).await));
    }
    stripe.reset_request_count().await;
    for (request, first) in &answers {
        assert_replayed(first, &request.send().await);
    }
    assert_eq!(stripe.request_count().await, 0);
}

/// The three answers that show a client secret, each with the name of the property.
fn with_secrets(server: &Server) -> [(Keyed<'_>, &'static str); 3] {
    let user = Some(json!({ "user": "usr_alice" }));
    [
        (
            Keyed::saving(server, "k", "pm_card_authenticationRequiredOnSetup"),
            "clientSecret",
        ),
        (
            Keyed::on_project(server, "POST", "/setupIntents", "k", user),
            "clientSecret",
        ),
        (
            Keyed::on_account(server, "POST", "/setup-intent", "k", None),
            "client_secret",
        ),
    ]
}

async fn an_answer_with_a_client_secret_is_given_again_and_the_secret_is_not_stored(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let mut answers = Vec::new();
    for (request, property) in with_secrets(&server) {
        let first = twice(&request, 201).await;
        let secret = first.property(property);
        assert!(secret.contains("_secret_"), "{secret}");
        answers.push((request, first, secret));
    }
    assert_eq!(stripe.effect("setup_intent.created").await, 3);
    if let Some(stored) = server.stored().await {
        assert!(
            stored.contains("POST /projects/{project}/setupIntents"),
            "nothing is kept"
        );
        assert!(!stored.contains("_secret_"), "a client secret is in the database");
    }

    // What the answers tell of has gone on at Stripe, and for one of them here.
    for (number, (_, _, secret)) in answers.iter().enumerate() {
        if number == 0 {
            stripe.pass_challenge(secret).await;
        } else {
            stripe.confirm_with_card(secret, "5555555555554444").await;
        }
    }
    let saved = answers[0].1.property("id");
    server.retrieve(&saved).await.expect(200);
    for (request, first, _) in &answers {
        assert_replayed(first, &request.send().await);
    }
    assert_eq!(stripe.effect("setup_intent.created").await, 3);
}

async fn an_answer_whose_secret_stripe_cannot_give_now_is_503(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    for (request, _) in with_secrets(&server) {
        let first = twice(&request, 201).await;
        let mut down = fault("error_500_before", "GET", "/v1/setup_intents/");
        down["count"] = json!(100);
        stripe.fault(down).await;
        for _ in 0..2 {
            let unavailable = request.send().await.expect(503);
            assert!(unavailable.header("Retry-After").is_some());
            assert_eq!(unavailable.header("Idempotency-Replayed"), None);
        }
        stripe.clear_faults().await;
        assert_replayed(&first, &request.send().await);
    }
}

async fn a_key_is_the_projects_whatever_token_brings_it(backend: Backend) {
    let server = Server::start(backend).await;
    let id = server.stripe("demo").card("4242424242424242").await;
    let mut saving = Keyed::saving(&server, "k", &id);
    let first = saving.send().await.expect(201);
    saving.token = server.sign("demo", "another", "project:write", None, time::Duration::MINUTE);
    assert_replayed(&first, &saving.send().await);

    // Which zone another token of the user wants times in changes nothing of an answer that was given.
    let body = Some(json!({ "id": id }));
    let mut saving = Keyed::on_account(&server, "POST", "/payment-methods", "k", body);
    let first = saving.send().await.expect(200);
    saving.token = server.user_token("demo", "usr_alice", "account:write", Some("Asia/Kolkata"));
    assert_replayed(&first, &saving.send().await);

    // Another user asks for something else, in the same words.
    for (method, path) in [("POST", "/payment-methods"), ("POST", "/setup-intent")] {
        let body = (path == "/payment-methods").then(|| json!({ "id": id }));
        let mut request = Keyed::on_account(&server, method, path, "k", body);
        request.send().await;
        request.token = server.user_token("demo", "usr_bob", ACCOUNT_SCOPES, None);
        let refused = request.send().await.expect(422);
        let message = "This idempotency key was used for another request.";
        assert_eq!(
            refused.json(),
            json!({ "message": message, "errors": { "Idempotency-Key": [message] } })
        );
    }
    let path = format!("/payment-methods/{id}");
    let mut deleting = Keyed::on_account(&server, "DELETE", &path, "d", None);
    deleting.token = server.user_token("demo", "usr_bob", ACCOUNT_SCOPES, None);
    deleting.send().await.expect(410);
    deleting.token = server.user_token("demo", "usr_alice", ACCOUNT_SCOPES, None);
    deleting.send().await.expect(422);
    server.retrieve(&id).await.expect(200);
}

async fn after_a_day_a_key_works_anew(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let request = |user: &str| {
        let body = Some(json!({ "user": user }));
        Keyed::on_project(&server, "POST", "/setupIntents", "k", body)
    };
    let first = request("usr_alice").send().await.expect(201);
    server.clock.advance(DAY - 1);
    assert_replayed(&first, &request("usr_alice").send().await);
    request("usr_bob").send().await.expect(422);
    server.clock.advance(1);
    let anew = request("usr_bob").send().await.expect(201);
    assert_ne!(anew.property("id"), first.property("id"));
    assert_eq!(anew.header("Idempotency-Replayed"), None);
    assert_replayed(&anew, &request("usr_bob").send().await);
    request("usr_alice").send().await.expect(422);
    assert_eq!(stripe.effect("setup_intent.created").await, 2);
}
