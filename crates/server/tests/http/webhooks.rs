//! Which webhooks are believed, and that the others leave nothing behind.

use std::time::Duration;

use billfold_domain::StripeAccountId;
use billfold_store::{NewProject, StripeCredentials, WebhookSecrets};
use billfold_test_support::wait_for;
use serde_json::{Value, json};

use crate::support::{
    Backend, Response, Server, on_every_database,
    server::project_id,
    webhooks::{digest, event, signature, webhook_secret},
};

on_every_database!(
    an_event_is_stored_once_however_often_it_is_delivered,
    what_stripe_did_not_sign_is_refused_alike_and_leaves_nothing,
    a_signed_body_that_is_no_event_is_refused_alike,
    a_signature_is_good_for_five_minutes_either_way,
    a_body_may_have_half_a_mebibyte,
    two_secrets_are_good_during_a_roll,
    one_event_id_may_be_told_to_two_projects,
    what_is_not_acted_upon_is_stored_and_makes_no_work,
    only_the_projects_own_connected_account_is_acted_upon,
);

fn updated(id: &str) -> Value {
    event(id, "payment_method.updated", "pm_1Known")
}

async fn assert_nothing_stored(server: &Server, context: &str) {
    for project in ["demo", "acme"] {
        assert_eq!(server.stored_events(project).await, 0, "{context}");
        assert_eq!(server.waiting_work(project).await, 0, "{context}");
    }
}

/// Every refusal reads the same.
#[track_caller]
fn assert_refused(answer: &Response, context: &str) {
    assert_eq!(answer.status, 400, "{context}: {}", answer.text());
    assert_eq!(
        answer.text(),
        r#"{"object":"error","type":"malformed","message":"This is no event that Stripe signed for this project just now."}"#,
        "{context}"
    );
}

async fn an_event_is_stored_once_however_often_it_is_delivered(backend: Backend) {
    let server = Server::start(backend).await;
    let first = server.deliver("demo", &updated("evt_1")).await.expect(200);
    assert_eq!(first.text(), "");
    for _ in 0..100 {
        server.deliver("demo", &updated("evt_1")).await.expect(200);
    }
    assert_eq!(server.stored_events("demo").await, 1);
    assert_eq!(server.waiting_work("demo").await, 1);

    // At once, too.
    let mut deliveries = Vec::new();
    for _ in 0..20 {
        let request = server.signed_delivery("demo", &updated("evt_2"));
        deliveries.push(tokio::spawn(request.send()));
    }
    for delivery in deliveries {
        delivery.await.expect("a delivery is answered").expect(200);
    }
    assert_eq!(server.stored_events("demo").await, 2);
    assert_eq!(server.waiting_work("demo").await, 1, "both are of one object");
    assert_eq!(server.stripe("demo").request_count().await, 0);
}

async fn what_stripe_did_not_sign_is_refused_alike_and_leaves_nothing(backend: Backend) {
    let server = Server::start(backend).await;
    let silent = NewProject {
        id: project_id("silent"),
        stripe: StripeCredentials {
            secret_key: "sk_test_silent".into(),
            publishable_key: "pk_test_silent".to_owned(),
            account: None,
            webhook_secrets: WebhookSecrets::default(),
        },
    };
    let projects = server.projects();
    let made = projects
        .create(&silent, billfold_domain::Clock::now(&*server.clock))
        .await;
    made.expect("a project can be made");

    let now = server.clock.seconds();
    let body = updated("evt_1").to_string().into_bytes();
    let secret = webhook_secret("demo");
    let good = digest(&secret, now, &body);
    let mut other = good.clone();
    // Another last digit.
    let last = if other.pop() == Some('0') { '1' } else { '0' };
    other.push(last);
    let padding = format!(",v0={}", "0".repeat(64)).repeat(10_240 / 68);
    let headers = [
        ("empty", String::new()),
        ("no time", format!("v1={good}")),
        ("no signature", format!("t={now}")),
        ("v0 only", format!("t={now},v0={good}")),
        ("one digit changed", format!("t={now},v1={other}")),
        ("cut short", format!("t={now},v1={}", &good[..62])),
        ("another time", format!("t={},v1={good}", now + 1)),
        ("two times", format!("t={now},t={now},v1={good}")),
        ("not a header of this kind", good.clone()),
        ("another secret", signature("whsec_of_nobody", now, &body)),
        ("no secret", signature("", now, &body)),
        (
            "another project's secret",
            signature(&webhook_secret("acme"), now, &body),
        ),
        ("10 KB", format!("t={now},v1={good}{padding}")),
        ("301 s old", signature(&secret, now - 301, &body)),
        ("301 s early", signature(&secret, now + 301, &body)),
    ];
    for (context, header) in &headers {
        let answer = server.delivery("demo", Some(header), &body).send().await;
        assert_refused(&answer, context);
    }
    assert_refused(&server.delivery("demo", None, &body).send().await, "no header");
    let header = format!("t={now},v1={good}");
    let twice = server
        .delivery("demo", Some(&header), &body)
        .header("Stripe-Signature", &header);
    assert_refused(&twice.send().await, "two headers");
    for index in [0, body.len() / 2, body.len() - 1] {
        let mut changed = body.clone();
        changed[index] ^= 1;
        let answer = server.delivery("demo", Some(&header), &changed).send().await;
        assert_refused(&answer, "one byte changed");
    }
    for project in ["nowhere", "Demo", "demo%00", "..%2Fdemo", "silent"] {
        let secret = webhook_secret(project);
        for header in [
            &header,
            &signature(&secret, now, &body),
            &signature("", now, &body),
        ] {
            let answer = server.delivery(project, Some(header), &body).send().await;
            assert_refused(&answer, project);
        }
    }
    assert_nothing_stored(&server, "after all of these").await;
    // The signature that all of these were made of is good.
    let answer = server.delivery("demo", Some(&header), &body).send().await;
    answer.expect(200);
    let among_others = format!("t={now},v1={},v0={good},v1={good}", "0".repeat(64));
    let answer = server.delivery("demo", Some(&among_others), &body).send().await;
    answer.expect(200);
    assert_eq!(server.stored_events("demo").await, 1);
}

async fn a_signed_body_that_is_no_event_is_refused_alike(backend: Backend) {
    let server = Server::start(backend).await;
    let without = |name: &str| {
        let mut event = updated("evt_1");
        event.as_object_mut().expect("an object").remove(name);
        event.to_string()
    };
    let bodies = [
        String::new(),
        "not JSON".to_owned(),
        "{".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        without("id"),
        without("type"),
        without("data"),
        json!({ "id": "evt_1" }).to_string(),
        updated("").to_string(),
        updated("evt 1").to_string(),
        updated("evt_\u{0}").to_string(),
        updated(&"e".repeat(256)).to_string(),
    ];
    for body in bodies {
        let body = body.as_bytes();
        let header = signature(&webhook_secret("demo"), server.clock.seconds(), body);
        let answer = server.delivery("demo", Some(&header), body).send().await;
        assert_refused(&answer, &String::from_utf8_lossy(body));
    }
    assert_nothing_stored(&server, "no event").await;
}

async fn a_signature_is_good_for_five_minutes_either_way(backend: Backend) {
    let server = Server::start(backend).await;
    let body = updated("evt_1").to_string().into_bytes();
    let header = signature(&webhook_secret("demo"), server.clock.seconds(), &body);
    for (seconds, status) in [(-301, 400), (301, 400), (-300, 200), (300, 200)] {
        let signed_at = server.clock.seconds();
        server.clock.set(signed_at + seconds);
        let answer = server.delivery("demo", Some(&header), &body).send().await;
        assert_eq!(answer.status, status, "{seconds} s later");
        server.clock.set(signed_at);
        assert_eq!(server.stored_events("demo").await, i64::from(status == 200));
    }
}

async fn a_body_may_have_half_a_mebibyte(backend: Backend) {
    const LIMIT: usize = 512 * 1024;
    let server = Server::start(backend).await;
    let send = async |length: usize, signed: bool| {
        let mut body = updated("evt_1").to_string().into_bytes();
        // White space after a value is JSON too.
        body.resize(length, b' ');
        let header = signature(&webhook_secret("demo"), server.clock.seconds(), &body);
        server
            .delivery("demo", signed.then_some(header.as_str()), &body)
            .send()
            .await
    };
    for length in [LIMIT + 1, 600 * 1024] {
        let refused = send(length, true).await.expect(413).json();
        assert_eq!(refused["type"], "malformed");
        assert_eq!(refused["message"], "The body must have at most 524288 bytes.");
    }
    assert_refused(&send(LIMIT, false).await, "nobody has signed it");
    assert_nothing_stored(&server, "too large").await;
    send(LIMIT, true).await.expect(200);
    assert_eq!(server.stored_events("demo").await, 1);
}

async fn two_secrets_are_good_during_a_roll(backend: Backend) {
    let server = Server::start(backend).await;
    let projects = server.projects();
    let roll = async |secret: &str| {
        let rolled = projects
            .roll_webhook_secret(&project_id("demo"), &secret.into())
            .await;
        assert!(rolled.expect("a secret can be stored"));
        // A change reaches every instance within ten seconds.
        server.clock.advance(10);
    };
    let status_under = async |secrets: &[&str], id: &str| {
        let (body, now) = (updated(id).to_string().into_bytes(), server.clock.seconds());
        let header = secrets.iter().fold(format!("t={now}"), |header, secret| {
            format!("{header},v1={}", digest(secret, now, &body))
        });
        let answer = server.delivery("demo", Some(&header), &body).send().await;
        answer.status
    };
    let first = webhook_secret("demo");
    assert_eq!(status_under(&[&first], "evt_1").await, 200);
    roll("whsec_second").await;
    assert_eq!(status_under(&[&first], "evt_2").await, 200);
    assert_eq!(status_under(&["whsec_second"], "evt_3").await, 200);
    // Stripe signs with both while both are live.
    assert_eq!(status_under(&["whsec_second", &first], "evt_4").await, 200);
    roll("whsec_third").await;
    assert_eq!(status_under(&[&first], "evt_5").await, 400);
    assert_eq!(status_under(&["whsec_second"], "evt_6").await, 200);
    assert_eq!(status_under(&["whsec_third"], "evt_7").await, 200);
    assert_eq!(server.stored_events("demo").await, 6);
}

async fn one_event_id_may_be_told_to_two_projects(backend: Backend) {
    let server = Server::start(backend).await;
    for project in ["demo", "acme"] {
        for _ in 0..2 {
            server.deliver(project, &updated("evt_1")).await.expect(200);
        }
        assert_eq!(server.stored_events(project).await, 1);
        assert_eq!(server.waiting_work(project).await, 1);
    }
}

async fn what_is_not_acted_upon_is_stored_and_makes_no_work(backend: Backend) {
    let server = Server::start(backend).await;
    let mut nameless = event("evt_4", "payment_method.updated", "");
    nameless["data"]["object"]["id"] = Value::Null;
    let events = [
        event("evt_1", "charge.succeeded", "ch_1"),
        event("evt_2", "payment_method.invented_tomorrow", "pm_1"),
        event("evt_3", "customer.created", "cus_1"),
        nameless,
        // The type of the event says one thing and the object is another.
        json!({
            "id": "evt_5", "type": "payment_method.updated", "created": 1,
            "data": { "object": { "id": "ch_1", "object": "charge" } },
        }),
    ];
    for (index, event) in (1..).zip(&events) {
        server.deliver("demo", event).await.expect(200);
        assert_eq!(server.stored_events("demo").await, index, "{event}");
    }
    assert_eq!(server.waiting_work("demo").await, 0);
    for (index, (event_type, object)) in [
        ("payment_method.updated", "pm_1"),
        ("payment_method.automatically_updated", "pm_2"),
        ("payment_method.attached", "pm_3"),
        ("payment_method.detached", "pm_4"),
        ("setup_intent.succeeded", "seti_1"),
        ("setup_intent.setup_failed", "seti_2"),
        ("setup_intent.canceled", "seti_3"),
        ("customer.deleted", "cus_1"),
    ]
    .into_iter()
    .enumerate()
    {
        let event = event(&format!("evt_acted_upon_{index}"), event_type, object);
        server.deliver("demo", &event).await.expect(200);
        let waiting = usize::try_from(server.waiting_work("demo").await).expect("a count");
        assert_eq!(waiting, index + 1, "{event_type}");
    }
}

async fn only_the_projects_own_connected_account_is_acted_upon(backend: Backend) {
    let server = Server::start(backend).await;
    let connected = NewProject {
        id: project_id("connected"),
        stripe: StripeCredentials {
            secret_key: "sk_test_platform".into(),
            publishable_key: "pk_test_platform".to_owned(),
            account: Some(StripeAccountId::parse("acct_1Own").expect("an account's name")),
            webhook_secrets: WebhookSecrets::only(webhook_secret("connected").into()),
        },
    };
    let projects = server.projects();
    let made = projects
        .create(&connected, billfold_domain::Clock::now(&*server.clock))
        .await;
    made.expect("a project can be made");
    let of_account = |id: &str, account: &str| {
        let mut event = event(id, "payment_method.detached", id);
        event["account"] = account.into();
        event
    };
    for (project, account, work) in [
        ("connected", "acct_1Other", 0),
        ("connected", "acct_1Own", 1),
        ("demo", "acct_1Other", 0),
    ] {
        let id = format!("evt_{project}_{account}");
        let answer = server.deliver(project, &of_account(&id, account)).await;
        answer.expect(200);
        assert_eq!(server.waiting_work(project).await, work, "{project} {account}");
    }
    assert_eq!(server.stored_events("connected").await, 2);
    assert_eq!(server.stored_events("demo").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_database_stripe_is_asked_to_come_again() {
    let server = Server::with(Backend::Postgres).behind_a_proxy().start().await;
    server.deliver("demo", &updated("evt_1")).await.expect(200);
    server.database_proxy().refuse_new().await;
    server.database_proxy().cut();
    // Of demo the secret is remembered, of acme it is not.
    for project in ["demo", "acme"] {
        let answer = server.deliver(project, &updated("evt_2")).await.expect(503);
        assert!(answer.header("Retry-After").is_some());
        assert_eq!(answer.json()["type"], "serviceUnavailable");
    }
    // Whom nobody believes hears that all the same.
    let forged = signature("whsec_of_nobody", server.clock.seconds(), b"{}");
    let answer = server.delivery("demo", Some(&forged), b"{}").send().await;
    assert_refused(&answer, "forged");

    let restored = server.database_proxy().accept_new().await;
    restored.expect("the port is still free");
    for project in ["demo", "acme"] {
        let within = Duration::from_secs(20);
        wait_for(within, "the event to be stored", async || {
            let answer = server.deliver(project, &updated("evt_2")).await;
            (answer.status == 200).then_some(())
        })
        .await;
    }
    assert_eq!(server.stored_events("demo").await, 2);
    assert_eq!(server.stored_events("acme").await, 1);
}
