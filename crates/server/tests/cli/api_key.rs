//! `billfold api-key`, and the keys that it makes.

use billfold_test_support::{PostgresDatabase, Process};
use serde_json::{Value, json};

use crate::{
    command::{Access, Place, WITHIN, call, end, ready_address, sandbox_url},
    serve::{Issuer, production},
};

const CREATE: [&str; 4] = ["api-key", "create", "--project", "shop"];
const LIST: [&str; 4] = ["api-key", "list", "--project", "shop"];

/// A place with a project.
async fn shop(database: impl Into<Access>) -> Place {
    let mut place = production(database, &Issuer::new()).await;
    // Hints are no lines of the log.
    place.set("BILLFOLD_LOG", "info");
    place
}

/// The key that a command printed, and its id from the hints.
async fn create(place: &Place, arguments: &[&str]) -> (String, String) {
    let ended = place.run(&[&CREATE[..], arguments].concat()).await;
    assert!(ended.success, "{ended:?}");
    let key = ended.stdout.strip_suffix('\n').expect("one line").to_owned();
    assert_eq!(key.len(), 53, "nothing but the key: {}", ended.stdout);
    assert!(key.starts_with("bfk_") && key[4..].bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert!(!ended.stderr.contains(&key[4..]), "{}", ended.stderr);
    let words: Vec<&str> = ended.stderr.split_whitespace().collect();
    let id = words
        .windows(2)
        .find(|pair| pair[0] == "key")
        .expect("the hint names it")[1];
    (key, id.to_owned())
}

/// The cells of a key's line, but for the name, which may have spaces.
async fn line(place: &Place, id: &str) -> Vec<String> {
    let list = place.run(&LIST).await.succeeded();
    let line = list.lines().find(|line| line.starts_with(id));
    let line = line.unwrap_or_else(|| panic!("{id} is not in {list}"));
    line.split("  ")
        .map(str::trim)
        .filter(|cell| !cell.is_empty())
        .map(str::to_owned)
        .collect()
}

async fn keys_are_made_listed_and_revoked(place: &Place) {
    assert_eq!(place.run(&LIST).await.succeeded(), "");
    let (first, first_id) = create(place, &[]).await;
    let arguments = [
        "--name",
        "nightly export",
        "--scope",
        "project:read",
        "--expires-in",
        "90d",
    ];
    let (second, second_id) = create(place, &arguments).await;
    let arguments = ["--expires-at", "2199-12-31T23:59:59Z"];
    let (third, third_id) = create(place, &arguments).await;
    assert!(first != second && second != third && first_id != second_id);

    let list = place.run(&LIST).await.succeeded();
    assert_eq!(list.lines().count(), 4, "{list}");
    for heading in [
        "id",
        "scopes",
        "created",
        "expires",
        "last used",
        "revoked",
        "name",
    ] {
        assert!(list.lines().next().expect("headings").contains(heading), "{list}");
    }
    for key in [&first, &second, &third] {
        assert!(!list.contains(&key[4..]), "{list}");
    }
    let longest_word = list.split_whitespace().map(str::len).max();
    assert!(longest_word < Some(64), "no hash is shown: {list}");
    let cells = line(place, &first_id).await;
    assert_eq!(cells[1], "project:read project:write");
    assert_eq!(&cells[3..], ["-", "-", "-", "-"]);
    let cells = line(place, &second_id).await;
    assert_eq!(
        (cells[1].as_str(), cells[6].as_str()),
        ("project:read", "nightly export")
    );
    assert!(cells[3].ends_with('Z'), "{cells:?}");
    assert_eq!(line(place, &third_id).await[3], "2199-12-31T23:59:59Z");

    let revoke = ["api-key", "revoke", "--project", "shop", "--id", &second_id];
    let revoked = place.run(&revoke).await.succeeded();
    assert!(revoked.contains("within 60 seconds"), "{revoked}");
    let again = place.run(&revoke).await.succeeded();
    assert_eq!(again, revoked, "since when it is revoked stays");
    assert!(line(place, &second_id).await[5].ends_with('Z'));
    assert_eq!(line(place, &first_id).await[5], "-");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_on_sqlite() {
    let database = Place::new();
    keys_are_made_listed_and_revoked(&shop(&database.sqlite()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_on_postgres() {
    let database = PostgresDatabase::fresh("empty", async |_| Ok(())).await;
    keys_are_made_listed_and_revoked(&shop(&database).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_done_is_told_with_what_to_do() {
    let database = Place::new();
    let mut place = shop(&database.sqlite()).await;
    let (key, id) = create(&place, &[]).await;
    let nobody = "there is no project nobody";
    let cases: [(&[&str], &str); 13] = [
        (&["create", "--project", "nobody"], nobody),
        (&["list", "--project", "nobody"], nobody),
        (&["revoke", "--project", "nobody", "--id", &id], nobody),
        (&["create", "--project", "no name"], "A-Z, a-z, 0-9, _ and -"),
        (&["create"], "--project"),
        (
            &["create", "--project", "shop", "--scope", "account:read"],
            "project:read and project:write",
        ),
        (
            &["create", "--project", "shop", "--scope", ""],
            "project:read and project:write",
        ),
        (
            &["create", "--project", "shop", "--name", "a\nb"],
            "1 to 100 characters",
        ),
        (
            &["create", "--project", "shop", "--expires-in", "90"],
            "write 90d",
        ),
        (
            &["create", "--project", "shop", "--expires-at", "soon"],
            "2027-01-31T00:00:00Z",
        ),
        (
            &[
                "create",
                "--project",
                "shop",
                "--expires-at",
                "2020-01-01T00:00:00Z",
            ],
            "after now",
        ),
        (
            &[
                "create",
                "--project",
                "shop",
                "--expires-in",
                "1d",
                "--expires-at",
                "2199-01-01T00:00:00Z",
            ],
            "cannot be used with",
        ),
        (
            &[
                "revoke",
                "--project",
                "shop",
                "--id",
                "01J00000000000000000000000",
            ],
            "billfold api-key list --project shop",
        ),
    ];
    for (arguments, expected) in cases {
        let message = place.run(&[&["api-key"], arguments].concat()).await.failed();
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
    // Whoever gives the key for its id has it repeated to nobody.
    let message = place
        .run(&["api-key", "revoke", "--project", "shop", "--id", &key])
        .await
        .failed();
    assert!(!message.contains(&key), "{message}");
    place.unset("BILLFOLD_MASTER_KEYS");
    let message = place.run(&CREATE).await.failed();
    assert!(message.contains("--master-key-file"), "{message}");
    let list = place.run(&LIST).await.succeeded();
    assert_eq!(list.lines().count(), 2, "a refused command makes nothing: {list}");
}

async fn list_methods(url: &str, project: &str, key: &str) -> (u16, Value) {
    call(
        "GET",
        &format!("{url}/projects/{project}/paymentMethods"),
        key,
        None,
    )
    .await
}

/// Everything that a key goes through, with a log that says all it can.
async fn a_key_is_served_and_never_logged(database: impl Into<Access>) {
    let mut place = shop(database).await;
    let stripe = place.start(&["sandbox", "--listen", "127.0.0.1:0"]);
    place.set("BILLFOLD_STRIPE_API_BASE", sandbox_url(&stripe).await);
    let (key, id) = create(&place, &[]).await;
    let (stranger, stranger_id) = create(&place, &[]).await;
    place.set("BILLFOLD_LOG", "trace");
    let server = place.start(&["serve"]);
    let url = format!("http://{}", ready_address(&server).await);
    let path = format!("{url}/projects/shop/paymentMethods");
    let body = json!({ "id": "pm_card_visa", "user": "usr_alice" });
    let (status, saved) = call("POST", &path, &key, Some(&body)).await;
    assert_eq!(status, 201, "{saved}");
    assert_eq!(list_methods(&url, "shop", &key).await.0, 200);
    assert_eq!(list_methods(&url, "other", &key).await.0, 404);
    assert_eq!(list_methods(&url, "shop", &key[..52]).await.0, 401);
    let account = format!("{url}/v1/account/payment-methods");
    assert_eq!(call("GET", &account, &key, None).await.0, 401);
    place.set("BILLFOLD_LOG", "info");
    let revoke = ["api-key", "revoke", "--project", "shop", "--id", &stranger_id];
    place.run(&revoke).await.succeeded();
    assert_eq!(list_methods(&url, "shop", &stranger).await.0, 401);
    // What was used a moment ago is recorded when the process has ended at the latest.
    let log = stop(server).await;
    assert!(line(&place, &id).await[4].ends_with('Z'));
    assert_eq!(line(&place, &stranger_id).await[4], "-");
    assert!(
        log.contains(&format!("\"api_key\":\"{id}\"")),
        "the log tells who it was"
    );
    assert!(log.contains("an API key was refused"));
    for secret in [&key[..52], &stranger[..52], &key[4..47]] {
        assert!(!log.contains(secret), "the log has a secret");
    }
    end(stripe).await;
}

async fn stop(mut process: Process) -> String {
    process.signal("TERM").expect("the server runs");
    let status = process.wait_for_exit(WITHIN).await;
    assert!(status.success(), "{status}");
    process.stderr_lines().join("\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_served_on_sqlite() {
    let database = Place::new();
    a_key_is_served_and_never_logged(&database.sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_served_on_postgres() {
    let database = PostgresDatabase::fresh("empty", async |_| Ok(())).await;
    a_key_is_served_and_never_logged(&database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_development_server_takes_keys_without_any_setting() {
    let mut place = Place::new();
    place.unset("BILLFOLD_MASTER_KEYS");
    let (server, guide) = crate::dev::start(&place, &[]).await;
    let database = ["--database-url", "sqlite://.billfold/billfold.db"];
    let keys = ["--master-key-file", ".billfold/master-key"];
    let arguments = [&["api-key", "create", "--project", "demo"][..], &database, &keys].concat();
    let key = place.run(&arguments).await.succeeded();
    assert_eq!(list_methods(&guide.api, "demo", key.trim()).await.0, 200);
    end(server).await;
}
