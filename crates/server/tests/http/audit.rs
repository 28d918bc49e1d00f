//! The audit log: what a request leaves in it, whatever becomes of the request.

use std::time::Duration;

use billfold_test_support::wait_for;
use serde_json::{Value, json};

use crate::{
    stripe_faults::{CALL_TIMEOUT, assert_unavailable, break_next},
    support::{Backend, Response, Server, on_every_database},
};

on_every_database!(
    a_refusal_says_what_was_wrong,
    a_card_that_is_declined_was_begun,
    what_comes_again_with_its_key_is_written_down_as_such,
    what_nobody_knew_is_told_when_it_is_known,
    reading_leaves_nothing,
    no_secret_is_in_the_log,
    the_list_is_walked_like_any_other,
);

/// A few rounds of the background work, on a busy machine.
const WITHIN: Duration = Duration::from_secs(30);

/// The outcomes of events, with their statuses and codes.
fn outcomes(events: &[Value]) -> Vec<(&str, Option<u64>, Option<&str>)> {
    events
        .iter()
        .map(|event| {
            (
                event["outcome"].as_str().expect("an outcome"),
                event["status"].as_u64(),
                event["code"].as_str(),
            )
        })
        .collect()
}

async fn a_refusal_says_what_was_wrong(backend: Backend) {
    let server = Server::start(backend).await;
    let post = async |body: &str| {
        server
            .project_request("POST", "demo", "/paymentMethods")
            .body(body)
            .send()
            .await
    };
    let check = async |answer: Response, expected: &[(&str, Option<u64>, Option<&str>)]| {
        let events = server.audit_of("demo", &answer).await;
        assert_eq!(outcomes(&events), expected, "{events:#?}");
        events
    };
    let malformed = [("refused", Some(400), Some("malformed"))];
    check(post("{").await.expect(400), &malformed).await;
    check(post("").await.expect(400), &malformed).await;
    let missing = [("refused", Some(422), Some("propertyRequired"))];
    check(post("{}").await.expect(422), &missing).await;
    let too_long = [("refused", Some(413), Some("malformed"))];
    check(post(&"x".repeat(20_000)).await.expect(413), &too_long).await;
    let bad_key = server
        .project_request("DELETE", "demo", "/paymentMethods/pm_1")
        .key(&"k".repeat(256))
        .send()
        .await;
    let events = check(
        bad_key.expect(422),
        &[("refused", Some(422), Some("propertyInvalid"))],
    )
    .await;
    assert_eq!(
        events[0]["target"],
        json!({ "type": "paymentMethod", "id": "pm_1" })
    );
    assert_eq!(events[0]["action"], "paymentMethod.delete");

    // What is not there is found out by looking, which is work.
    let gone = server.delete("pm_never").await.expect(404);
    let not_found = [("begun", None, None), ("refused", Some(404), Some("notFound"))];
    check(gone, &not_found).await;
    let gone = server
        .account_request("DELETE", "usr_alice", "/payment-methods/pm_never")
        .send()
        .await;
    // The status is the one that was told, the code the project API's.
    let events = check(
        gone.expect(410),
        &[("begun", None, None), ("refused", Some(410), Some("notFound"))],
    )
    .await;
    assert_eq!(events[1]["user"], "usr_alice");
    // A token whose subject is no user is good, and of no use on the account API.
    let token = server.user_token("demo", "auth0|alice", "account:write", None);
    let answer = server
        .request("POST", "/v1/account/setup-intent")
        .token(&token)
        .send()
        .await
        .expect(401);
    let events = check(answer, &[("refused", Some(401), Some("unauthenticated"))]).await;
    assert_eq!(events[0]["caller"]["subject"], "auth0|alice");
}

async fn a_card_that_is_declined_was_begun(backend: Backend) {
    let server = Server::start(backend).await;
    let answer = server
        .save("pm_card_chargeDeclined", "usr_alice")
        .await
        .expect(422);
    let events = server.audit_of("demo", &answer).await;
    assert_eq!(
        outcomes(&events),
        [
            ("begun", None, None),
            ("refused", Some(422), Some(answer.code().as_str()))
        ]
    );
    assert_eq!(events[1]["user"], "usr_alice");
}

async fn what_comes_again_with_its_key_is_written_down_as_such(backend: Backend) {
    let server = Server::start(backend).await;
    let ask = async |user: &str| {
        server
            .project_request("POST", "demo", "/setupIntents")
            .json(&json!({ "user": user }))
            .key("key-1")
            .send()
            .await
    };
    let first = ask("usr_alice").await.expect(201);
    let again = ask("usr_alice").await.expect(201);
    let other = ask("usr_bert").await.expect(422);
    assert_eq!(
        outcomes(&server.audit_of("demo", &first).await),
        [("begun", None, None), ("succeeded", Some(201), None)]
    );
    assert_eq!(
        outcomes(&server.audit_of("demo", &again).await),
        [("replayed", Some(201), None)]
    );
    let events = server.audit_of("demo", &other).await;
    assert_eq!(
        outcomes(&events),
        [("refused", Some(422), Some("idempotencyKeyReused"))]
    );
    assert_eq!(events[0]["user"], "usr_bert");
}

async fn what_nobody_knew_is_told_when_it_is_known(backend: Backend) {
    let server = Server::with(backend)
        .call_timeout(CALL_TIMEOUT)
        .reconciling()
        .start()
        .await;
    let stripe = server.stripe("demo");
    let id = stripe.card("4242424242424242").await;
    break_next(&stripe, ("hang_after", 1), "POST", "/v1/setup_intents").await;
    let answer = server.save(&id, "usr_alice").await;
    assert_unavailable(&answer, "saving");
    let events = wait_for(WITHIN, "the end", async || {
        let events = server.audit_of("demo", &answer).await;
        (events.len() > 2).then_some(events)
    })
    .await;
    assert_eq!(
        outcomes(&events),
        [
            ("begun", None, None),
            ("unknown", Some(503), Some("serviceUnavailable")),
            ("succeeded", None, None)
        ]
    );
    assert_eq!(
        events[2]["caller"],
        json!({ "type": "system", "subject": null, "issuer": null, "keyId": null })
    );
    for event in &events {
        assert_eq!(event["operation"], events[0]["operation"]);
        assert_eq!(event["target"]["id"], id.as_str());
        assert_eq!(event["user"], "usr_alice");
    }
    assert_eq!(server.retrieve(&id).await.expect(200).property("id"), id);
}

async fn reading_leaves_nothing(backend: Backend) {
    let server = Server::start(backend).await;
    let id = server.saved_card("usr_alice").await;
    let before = server.audit_log("demo").await;
    assert_eq!(before.len(), 2);
    server.retrieve(&id).await.expect(200);
    server.retrieve("pm_never").await.expect(404);
    server.list("").await.expect(200);
    server.list("?limit=x").await.expect(422);
    server
        .account_request("GET", "usr_alice", "/payment-methods")
        .send()
        .await
        .expect(200);
    assert_eq!(server.audit_log("demo").await, before);
}

async fn no_secret_is_in_the_log(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let waiting = server
        .save("pm_card_authenticationRequiredOnSetup", "usr_alice")
        .await
        .expect(201);
    let setup_intent = server.setup_intent("usr_alice").await;
    server
        .save("pm_card_chargeDeclined", "usr_bert")
        .await
        .expect(422);
    let canary = r#"{"id":"pm_canary","user":"usr_canary","card":"4242424242424242"}"#;
    server
        .project_request("POST", "demo", "/paymentMethods")
        .body(canary)
        .key("key-canary")
        .send()
        .await
        .expect(422);
    let token = server.project_token("demo", "project:write");
    let log = json!(server.audit_log("demo").await).to_string();
    let client_secret = setup_intent["clientSecret"].as_str().expect("a secret");
    for never in [
        waiting.property("clientSecret").as_str(),
        client_secret,
        "_secret_",
        token.rsplit('.').next().expect("a signature"),
        "eyJ",
        stripe.secret_key(),
        "4242",
        "canary",
    ] {
        assert!(!log.contains(never), "{never} is in {log}");
    }
    // The rows have no more than what is shown of them.
    if backend == Backend::Postgres {
        server
            .sql("do $$ begin if exists (select from audit_events a where a::text ~ '_secret_|eyJ|4242|canary') then raise 'a secret'; end if; end $$")
            .await;
    }
}

async fn the_list_is_walked_like_any_other(backend: Backend) {
    let server = Server::start(backend).await;
    for user in ["usr_alice", "usr_bert", "usr_alice"] {
        server.saved_card(user).await;
    }
    let log = server.audit_log("demo").await;
    assert_eq!(log.len(), 6);
    let list = async |query: &str| {
        let path = format!("/auditEvents{query}");
        let page = server.project_request("GET", "demo", &path).send().await;
        page.expect(200).json()
    };
    let ids = |page: &Value| -> Vec<Value> {
        let items = page["items"].as_array().expect("items");
        items.iter().map(|item| item["id"].clone()).collect()
    };
    let id = |index: usize| log[index]["id"].clone();
    let first = list("?limit=2").await;
    assert_eq!(ids(&first), [id(5), id(4)]);
    assert_eq!(first["moreItemsBefore"], Value::Null);
    let after = first["moreItemsAfter"].as_str().expect("there are more");
    let second = list(&format!("?limit=2&after={after}")).await;
    assert_eq!(ids(&second), [id(3), id(2)]);
    let before = second["moreItemsBefore"].as_str().expect("there are more");
    assert_eq!(ids(&list(&format!("?limit=1&before={before}")).await), [id(4)]);
    assert_eq!(ids(&list("?user=usr_bert").await), [id(3), id(2)]);
    assert_eq!(
        ids(&list("?action=paymentMethod.delete").await),
        Vec::<Value>::new()
    );
    assert_eq!(
        ids(&list("?action=paymentMethod.create&user=usr_alice&limit=3").await),
        [id(5), id(4), id(1)]
    );
    // The other tenant's log is empty, and none of this one's events is a position in it.
    assert!(server.audit_log("acme").await.is_empty());
    let path = format!("/auditEvents?after={after}");
    let foreign = server.project_request("GET", "acme", &path).send().await;
    assert_eq!(foreign.expect(422).code(), "propertyInvalid");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_written_down_is_not_begun() {
    let server = Server::start(Backend::Postgres).await;
    let stripe = server.stripe("demo");
    let id = stripe.card("4242424242424242").await;
    let saved = server.saved_card("usr_alice").await;
    let before = (stripe.effects().await, stripe.request_count().await);
    server.sql("alter table audit_events rename to elsewhere").await;
    assert_unavailable(&server.save(&id, "usr_alice").await, "saving");
    assert_unavailable(&server.delete(&saved).await, "deleting");
    assert_unavailable(&server.setup_intent_answer("usr_alice").await, "a setup intent");
    // A refusal is told all the same.
    server.save("pm-1", "usr_alice").await.expect(422);
    assert_eq!((stripe.effects().await, stripe.request_count().await), before);
    server.sql("alter table elsewhere rename to audit_events").await;
    server.save(&id, "usr_alice").await.expect(201);
    server.delete(&saved).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_told_also_when_its_end_cannot_be_written_down() {
    let server = Server::start(Backend::Postgres).await;
    // Only what ends cannot be written: what begins can.
    server
        .sql("alter table audit_events add constraint only_begun check (outcome = 'begun')")
        .await;
    let answer = server.save("pm_card_visa", "usr_alice").await.expect(201);
    let events = server.audit_of("demo", &answer).await;
    assert_eq!(outcomes(&events), [("begun", None, None)]);
}
