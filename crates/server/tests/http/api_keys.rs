//! API keys: what they open, and until when.

use std::time::Duration;

use billfold_domain::UtcTimestamp;
use billfold_service::RateLimitOptions;
use billfold_test_support::wait_for;
use serde_json::json;

use crate::support::{
    Backend, PROJECT_SCOPES, Response, START, Server,
    api_keys::{issue, listed, made_up, mistyped, revoke},
    on_every_database,
};

on_every_database!(
    a_backend_does_all_its_work_with_a_key,
    a_key_has_its_scopes_and_no_other,
    a_key_is_of_one_project_and_of_no_user,
    whatever_is_no_good_key_is_refused_in_one_way,
    a_key_ends_when_it_expires_however_well_it_is_known,
    a_revoked_key_is_refused_by_every_instance_within_a_minute,
    the_last_use_is_shown_to_the_minute,
    a_key_is_stored_nowhere,
);

const WITHIN: Duration = Duration::from_secs(20);
const LIST: &str = "/projects/demo/paymentMethods";

async fn a_backend_does_all_its_work_with_a_key(backend: Backend) {
    let server = Server::start(backend).await;
    let key = issue(server.database(), "demo", PROJECT_SCOPES, None).await.text;
    let request = |method: &str, path: &str| {
        server
            .request(method, &format!("/projects/demo{path}"))
            .token(&key)
    };
    let intent = request("POST", "/setupIntents").json(&json!({ "user": "usr_1" }));
    let intent = intent.send().await.expect(201).property("id");
    let found = request("GET", &format!("/setupIntents/{intent}")).send().await;
    assert_eq!(found.expect(200).property("user"), "usr_1");
    let save = request("POST", "/paymentMethods").json(&json!({ "id": "pm_card_visa", "user": "usr_1" }));
    let id = save.key("once").send().await.expect(201).property("id");
    let method = format!("/paymentMethods/{id}");
    request("GET", &method).send().await.expect(200);
    let list = request("GET", "/paymentMethods?user=usr_1")
        .send()
        .await
        .expect(200);
    assert_eq!(list.json()["items"][0]["id"], id);
    // What is written with a key is the project's, whoever looks.
    server.retrieve(&id).await.expect(200);
    request("DELETE", &method).send().await.expect(200);
    request("GET", &method).send().await.expect(404);
}

async fn a_key_has_its_scopes_and_no_other(backend: Backend) {
    let server = Server::start(backend).await;
    for (scopes, read, write) in [
        ("project:read", 200, 403),
        ("project:write", 403, 201),
        (PROJECT_SCOPES, 200, 201),
    ] {
        let key = issue(server.database(), "demo", scopes, None).await.text;
        server.request("GET", LIST).token(&key).send().await.expect(read);
        let intent = server.request("POST", "/projects/demo/setupIntents");
        let intent = intent.token(&key).json(&json!({ "user": "usr_1" }));
        intent.send().await.expect(write);
    }
}

async fn a_key_is_of_one_project_and_of_no_user(backend: Backend) {
    let server = Server::start(backend).await;
    let key = issue(server.database(), "acme", PROJECT_SCOPES, None).await.text;
    let saved = server.saved_card("usr_1").await;
    let nowhere = server
        .request("GET", "/projects/nowhere/paymentMethods")
        .token(&key);
    let expected = said(&nowhere.send().await.expect(404));
    for path in [
        LIST.to_owned(),
        format!("{LIST}/{saved}"),
        format!("{LIST}?limit=x"),
    ] {
        let answer = server.request("GET", &path).token(&key).send().await;
        assert_eq!(said(&answer), expected, "{path}");
    }
    let account = "/v1/account/payment-methods";
    let expected = said(&server.request("GET", account).token("x").send().await.expect(401));
    let demo = issue(server.database(), "demo", PROJECT_SCOPES, None).await.text;
    for key in [key, demo] {
        let answer = server.request("GET", account).token(&key).send().await;
        assert_eq!(said(&answer), expected);
    }
}

async fn whatever_is_no_good_key_is_refused_in_one_way(backend: Backend) {
    let server = Server::start(backend).await;
    let database = server.database();
    let expired = issue(database, "demo", PROJECT_SCOPES, Some(START)).await.text;
    let revoked = issue(database, "demo", PROJECT_SCOPES, None).await;
    revoke(database, "demo", &revoked.id).await;
    let good = issue(database, "demo", PROJECT_SCOPES, None).await;
    server
        .request("GET", LIST)
        .token(&good.text)
        .send()
        .await
        .expect(200);
    let expected = said(&server.request("GET", LIST).send().await.expect(401));
    for (what, text) in [
        ("expired", expired.as_str()),
        ("revoked", &revoked.text),
        ("made up", &made_up().0),
        ("mistyped", &mistyped(&good.text)),
        ("cut", &good.text[..40]),
        ("longer", &format!("{}0", good.text)),
        ("in capitals", &good.text.to_uppercase()),
        ("its id", good.id.as_str()),
        ("its hash", &good.hash),
        ("the prefix", "bfk_"),
    ] {
        // Twice: what is remembered of it is no better.
        for _ in 0..2 {
            let answer = server.request("GET", LIST).token(text).send().await;
            assert_eq!(said(&answer), expected, "{what}");
        }
    }
    for header in [
        format!("Basic {}", good.text),
        format!("Bearer{}", good.text),
        format!("Bearer {} {}", good.text, good.text),
    ] {
        let request = server.request("GET", LIST).header("Authorization", &header);
        assert_eq!(said(&request.send().await), expected, "{header}");
    }
    let in_the_url = server.request("GET", &format!("{LIST}?api_key={}", good.text));
    assert_eq!(said(&in_the_url.send().await), expected);
}

async fn a_key_ends_when_it_expires_however_well_it_is_known(backend: Backend) {
    let server = Server::start(backend).await;
    let key = issue(server.database(), "demo", PROJECT_SCOPES, Some(START + 10)).await;
    let list = || server.request("GET", LIST).token(&key.text).send();
    list().await.expect(200);
    server.clock.advance(9);
    list().await.expect(200);
    server.clock.advance(1);
    list().await.expect(401);
}

async fn a_revoked_key_is_refused_by_every_instance_within_a_minute(backend: Backend) {
    let server = Server::start(backend).await;
    let other = server.another_instance(RateLimitOptions::out_of_the_way()).await;
    let key = issue(server.database(), "demo", PROJECT_SCOPES, None).await;
    let here = || server.request("GET", LIST).token(&key.text).send();
    let there = || server.request_to(&other, "GET", LIST).token(&key.text).send();
    here().await.expect(200);
    server.clock.advance(29);
    there().await.expect(200);
    here().await.expect(200);
    revoke(server.database(), "demo", &key.id).await;
    // The promise is a minute; each instance asks anew after half of one.
    server.clock.advance(30);
    here().await.expect(401);
    there().await.expect(401);
    other.stop().await.expect("it ends");
}

async fn the_last_use_is_shown_to_the_minute(backend: Backend) {
    let server = Server::start(backend).await;
    let database = server.database();
    let key = issue(database, "demo", PROJECT_SCOPES, None).await;
    let unused = issue(database, "demo", PROJECT_SCOPES, None).await;
    let recorded = async |seconds: i64| {
        wait_for(WITHIN, "the use to be recorded", async || {
            let last_used_at = listed(database, "demo", &key.id).await.last_used_at;
            (last_used_at == Some(UtcTimestamp::from_seconds(seconds))).then_some(())
        })
        .await;
    };
    let list = || server.request("GET", LIST).token(&key.text).send();
    list().await.expect(200);
    recorded(START).await;
    for (later, expected) in [(31, START), (28, START), (1, START + 60), (90, START + 150)] {
        server.clock.advance(later);
        list().await.expect(200);
        server.service().record_api_key_uses().await;
        recorded(expected).await;
    }
    assert_eq!(listed(database, "demo", &unused.id).await.last_used_at, None);
    // What was refused is no use.
    revoke(database, "demo", &key.id).await;
    server.clock.advance(100);
    list().await.expect(401);
    server.service().record_api_key_uses().await;
    recorded(START + 150).await;
}

async fn a_key_is_stored_nowhere(backend: Backend) {
    let server = Server::start(backend).await;
    let key = issue(server.database(), "demo", PROJECT_SCOPES, None).await;
    server
        .request("GET", LIST)
        .token(&key.text)
        .send()
        .await
        .expect(200);
    server.service().record_api_key_uses().await;
    let Some(stored) = server.stored().await else {
        return;
    };
    assert!(stored.contains(&key.hash), "it is looked for in the right place");
    // The random part without its prefix and checksum, too.
    for secret in [key.text.as_str(), &key.text[4..47]] {
        assert!(!stored.contains(secret));
    }
}

/// All that a caller learns, but for the request's own name and the time.
fn said(answer: &Response) -> (u16, Vec<(String, String)>, String) {
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| name != "request-id" && name != "date")
        .cloned()
        .collect();
    headers.sort();
    (answer.status, headers, answer.text().to_owned())
}
