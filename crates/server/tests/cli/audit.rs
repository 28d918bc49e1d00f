//! `billfold audit`, and what the command line itself leaves in the audit log.

use billfold_test_support::PostgresDatabase;
use serde_json::{Value, json};

use crate::command::Place;

const SECRET_KEY: &str = "sk_test_a_secret_of_shop";

/// The events that the command prints as JSON, the newest first.
async fn events(place: &Place, arguments: &[&str]) -> Vec<Value> {
    let arguments = [&["audit", "--json"][..], arguments].concat();
    let printed = place.run(&arguments).await.succeeded();
    let lines = printed.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect()
}

fn outcomes(events: &[Value]) -> Vec<(&str, &str)> {
    events
        .iter()
        .map(|event| {
            (
                event["action"].as_str().expect("an action"),
                event["outcome"].as_str().expect("an outcome"),
            )
        })
        .collect()
}

async fn what_an_operator_does_is_written_down_and_shown(place: &mut Place) {
    place.set("USER", "olga");
    let unmigrated = place.run(&["audit"]).await.failed();
    assert!(unmigrated.contains("billfold migrate"), "{unmigrated}");
    place.run(&["migrate"]).await.succeeded();
    assert_eq!(place.run(&["audit"]).await.succeeded(), "");
    for name in ["shop", "store"] {
        let create = [
            "project",
            "create",
            name,
            "--stripe-publishable-key",
            "pk_test_shop",
            "--offline",
        ];
        place.run_with_input(&create, SECRET_KEY).await.succeeded();
    }
    let again = [
        "project",
        "create",
        "shop",
        "--stripe-publishable-key",
        "pk_test_shop",
        "--offline",
    ];
    place.run_with_input(&again, SECRET_KEY).await.failed();
    let update = ["project", "update", "shop", "--stripe-webhook-secret-file", "-"];
    place.run_with_input(&update, "whsec_first").await.succeeded();

    let of_shop = events(place, &["--project", "shop"]).await;
    assert_eq!(
        outcomes(&of_shop),
        [
            ("project.update", "succeeded"),
            ("project.update", "begun"),
            ("project.create", "refused"),
            ("project.create", "succeeded"),
        ]
    );
    for event in &of_shop {
        assert_eq!(event["project"], "shop");
        assert_eq!(event["target"], json!({ "type": "project", "id": "shop" }));
        assert_eq!(
            event["caller"],
            json!({ "type": "operator", "subject": "olga", "issuer": "command line", "keyId": null })
        );
    }
    // Every project's, one after the other; some of them; and what follows one.
    assert_eq!(events(place, &[]).await.len(), 5);
    assert_eq!(events(place, &["--limit", "1"]).await.len(), 2);
    assert_eq!(events(place, &["--action", "project.update"]).await.len(), 2);
    let second = of_shop[1]["id"].as_str().expect("an id");
    assert_eq!(
        events(place, &["--project", "shop", "--after", second]).await,
        of_shop[2..]
    );
    let text = place.run(&["audit", "--project", "shop"]).await.succeeded();
    assert_eq!(text.lines().count(), 4);
    assert!(
        text.contains("shop project.update succeeded object=project shop caller=operator subject=olga"),
        "{text}"
    );
    for never in [SECRET_KEY, "whsec_"] {
        assert!(!text.contains(never), "{text}");
    }
    assert_eq!(place.run(&["audit", "--refused-callers"]).await.succeeded(), "");

    for (arguments, expected) in [
        (&["--project", "nobody"][..], "there is no project nobody"),
        (&["--project", "shop", "--after", "aud_never"], "no such event"),
        (&["--after", second], "--project"),
        (&["--action", "a b"], "--action"),
        (
            &["--refused-callers", "--project", "shop"],
            "belong to no project",
        ),
    ] {
        let message = place.run(&[&["audit"][..], arguments].concat()).await.failed();
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }

    // Nothing is old enough; a project that is named before the task is the only one meant.
    let pruned = place.run(&["audit", "prune"]).await.succeeded();
    assert_eq!(
        pruned,
        "Deleted 0 events of the project shop.\nDeleted 0 events of the project store.\n\
         Deleted 0 records of refused callers.\n"
    );
    let pruned = place
        .run(&["audit", "--project", "store", "prune"])
        .await
        .succeeded();
    assert_eq!(pruned, "Deleted 0 events of the project store.\n");
    place.run(&["audit", "prune", "--keep-days", "0"]).await.failed();
    assert_eq!(events(place, &[]).await.len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_log_on_sqlite() {
    let mut place = Place::new();
    place.set_database(place.sqlite());
    what_an_operator_does_is_written_down_and_shown(&mut place).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_log_on_postgres() {
    let database = PostgresDatabase::fresh("empty", async |_| Ok(())).await;
    let mut place = Place::new();
    place.set_database(&database);
    what_an_operator_does_is_written_down_and_shown(&mut place).await;
}
