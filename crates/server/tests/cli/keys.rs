//! `billfold keys`, and what commands do without the right master key.

use std::{collections::HashSet, time::Duration};

use billfold_test_support::{PostgresDatabase, Process};
use tokio_postgres::NoTls;

use crate::{
    command::{Access, MASTER_KEY, Place, WITHIN, call, end, ready_address},
    dev,
    serve::{Issuer, production},
};

const PROJECTS: usize = 8;

/// Runs statements behind billfold's back, on a connection that is given back open.
async fn on_postgres(url: &str, statements: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .expect("the database is reached");
    tokio::spawn(connection);
    client
        .batch_execute(statements)
        .await
        .expect("the statements run");
    client
}

/// Some more projects than production has, `p0` and so on.
async fn more_projects(place: &Place) {
    for number in 0..PROJECTS {
        let name = format!("p{number}");
        let arguments = [
            "project",
            "create",
            &name,
            "--stripe-publishable-key",
            "pk_test_1",
            "--offline",
        ];
        place
            .run_with_input(&arguments, &format!("sk_test_of_{name}"))
            .await
            .succeeded();
    }
}

async fn new_key(place: &Place) -> String {
    let line = place.run(&["keys", "generate"]).await.succeeded();
    line.trim_end().to_owned()
}

/// The line of a master key in the status.
fn status_of<'a>(status: &'a str, line: &str) -> &'a str {
    let id = line.split(':').next().expect("a line begins with a name");
    let found = status.lines().find(|status| status.starts_with(id));
    found.unwrap_or_else(|| panic!("{id} is missing: {status}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_generated_with_a_name_and_never_twice() {
    let place = Place::new();
    let mut seen = HashSet::new();
    for _ in 0..3 {
        let line = place.run(&["keys", "generate", "--id", "next"]).await.succeeded();
        let key = line.strip_prefix("next:").expect("the name comes first");
        assert_eq!(key.trim_end().len(), 44, "{line}");
        assert!(line.ends_with('\n') && seen.insert(line.clone()), "{line}");
    }
    let named = new_key(&place).await;
    assert!(named.starts_with("20"), "the time is its name: {named}");
    let wrong = place.run(&["keys", "generate", "--id", "a:b"]).await.failed();
    assert!(wrong.contains("--id"), "{wrong}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_done_without_the_right_master_key() {
    let database = Place::new();
    let mut place = production(&database.sqlite(), &Issuer::new()).await;
    let other = place
        .run(&["keys", "generate", "--id", "first"])
        .await
        .succeeded();
    let unknown = new_key(&place).await;
    let bytes = |line: &str| {
        line.split_once(':')
            .expect("a line has a colon")
            .1
            .trim()
            .to_owned()
    };
    let commands = [
        &["serve"][..],
        &["project", "show", "shop"],
        &[
            "project",
            "create",
            "more",
            "--stripe-publishable-key",
            "pk_test_1",
        ],
        &["reconcile"],
        &["keys", "rotate"],
    ];
    for (keys, expected) in [
        (None, "--master-key-file"),
        (Some(other.as_str()), "the master key first is not the one"),
        (Some(&unknown), "(first)"),
        (
            Some("first:c2hvcnQ="),
            "line 1: the key has 5 bytes, and must have 32",
        ),
        (Some(""), "billfold keys generate"),
        (Some("first"), "line 1 is not id:base64"),
    ] {
        place.unset("BILLFOLD_MASTER_KEYS");
        if let Some(keys) = keys {
            place.set("BILLFOLD_MASTER_KEYS", keys.trim());
        }
        for arguments in commands {
            let message = place.run_with_input(arguments, "sk_test_more").await.failed();
            assert!(message.contains(expected), "{arguments:?}: {message}");
            for never in [bytes(&other), bytes(&unknown), bytes(MASTER_KEY)] {
                assert!(!message.contains(&never), "{message}");
            }
        }
    }
    // From a file too, though not from both.
    place.write("keys", &format!("{MASTER_KEY}\n"));
    let from_file = ["project", "show", "shop", "--master-key-file", "keys"];
    let both = place.run(&from_file).await.failed();
    assert!(both.contains("not from both"), "{both}");
    place.unset("BILLFOLD_MASTER_KEYS");
    place.run(&from_file).await.succeeded();
    let nowhere = ["project", "show", "shop", "--master-key-file", "nowhere"];
    let nowhere = place.run(&nowhere).await.failed();
    assert!(nowhere.contains("nowhere cannot be read"), "{nowhere}");
    // Names are no secrets.
    let listed = place.run(&["project", "list"]).await.succeeded();
    assert_eq!(listed, "shop\n", "nothing was half made");
}

/// Asks for every project's list again and again, until it is told to stop. Gives how many answers there were that were
/// not 200, and how many there were.
async fn keep_asking(
    url: String,
    token: impl Fn(usize) -> String,
    stop: &tokio::sync::Notify,
) -> (usize, usize) {
    let (mut bad, mut all) = (0, 0);
    let stopped = stop.notified();
    tokio::pin!(stopped);
    loop {
        let project = all % PROJECTS;
        let path = format!("{url}/projects/p{project}/paymentMethods");
        let token = token(project);
        tokio::select! {
            () = &mut stopped => return (bad, all),
            (status, _) = call("GET", &path, &token, None) => {
                bad += usize::from(status != 200);
                all += 1;
            }
        }
    }
}

/// The whole sequence of docs/operating.md beside a running instance.
async fn master_keys_are_rotated(database: impl Into<Access>) {
    let issuer = Issuer::new();
    let mut place = production(database, &issuer).await;
    more_projects(&place).await;
    let new = new_key(&place).await;
    let (old_alone, old_first, new_first) = (
        MASTER_KEY.to_owned(),
        format!("{MASTER_KEY},{new}"),
        format!("{new},{MASTER_KEY}"),
    );
    // The instance learns of the new key before anything is wrapped by it.
    place.set("BILLFOLD_MASTER_KEYS", &old_first);
    let process = place.start(&["serve"]);
    let url = format!("http://{}", ready_address(&process).await);
    let create = ["api-key", "create", "--project", "shop"];
    let api_key = place.run(&create).await.succeeded();
    let stop = tokio::sync::Notify::new();
    let token = |project: usize| issuer.token(&format!("p{project}"), "project:read");
    place.set("BILLFOLD_MASTER_KEYS", &new_first);
    let rotating = async {
        let before = place.run(&["keys", "status"]).await.succeeded();
        assert!(
            status_of(&before, MASTER_KEY).contains("still needed"),
            "{before}"
        );
        let told = place.run(&["keys", "rotate"]).await.succeeded();
        assert!(told.contains("api_key_pepper: sealed anew"), "{told}");
        assert!(told.contains("9 of 9: shop: data key wrapped anew"), "{told}");
        assert!(told.contains("Wrapped anew: 9 of 9 projects."), "{told}");
        let young = place.run(&["keys", "rotate", "--data-keys"]).await.succeeded();
        assert!(young.contains("Left alone: 9"), "{young}");
        let all = ["keys", "rotate", "--data-keys", "--older-than", "0"];
        // Twice at once.
        let (one, two) = tokio::join!(place.run(&all), place.run(&all));
        // What one finds that the other has just done, it may leave alone.
        for told in [one.succeeded(), two.succeeded()] {
            assert!(told.contains("Wrapped anew: 0 of 9"), "{told}");
        }
        stop.notify_one();
    };
    let ((), (bad, all)) = tokio::join!(rotating, keep_asking(url, token, &stop));
    assert!(all > PROJECTS, "there was a load: {all}");
    assert_eq!(bad, 0, "of {all}");
    end(process).await;

    let after = place.run(&["keys", "status"]).await.succeeded();
    assert!(
        status_of(&after, MASTER_KEY).contains("may be taken away"),
        "{after}"
    );
    // The projects' data keys, and what API keys are hashed with.
    assert!(status_of(&after, &new).contains("10  current"), "{after}");
    place.set("BILLFOLD_MASTER_KEYS", &old_alone);
    let refused = place.run(&["serve"]).await.failed();
    let name = new.split(':').next().expect("a name");
    assert!(refused.contains(&format!("the master key {name}")), "{refused}");
    let missing = place.run(&["keys", "status"]).await.succeeded();
    assert!(status_of(&missing, &new).contains("MISSING"), "{missing}");
    place.set("BILLFOLD_MASTER_KEYS", &new);
    let process = place.start(&["serve"]);
    let url = format!("http://{}", ready_address(&process).await);
    let path = format!("{url}/projects/shop/paymentMethods");
    let (status, _) = call("GET", &path, api_key.trim(), None).await;
    assert_eq!(status, 200, "API keys outlive the master key");
    end(process).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn master_keys_are_rotated_on_sqlite() {
    let place = Place::new();
    master_keys_are_rotated(&place.sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn master_keys_are_rotated_on_postgres() {
    let database = PostgresDatabase::fresh("empty", async |_| Ok(())).await;
    master_keys_are_rotated(&database).await;
}

/// Killed in the middle, and run again: it goes on where it stopped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_that_was_killed_goes_on() {
    let database = PostgresDatabase::fresh("empty", async |_| Ok(())).await;
    let mut place = production(&database, &Issuer::new()).await;
    more_projects(&place).await;
    let new = new_key(&place).await;
    place.set("BILLFOLD_MASTER_KEYS", format!("{new},{MASTER_KEY}"));
    on_postgres(
        database.superuser_url(),
        "update project_data_keys set created_at = now() - interval '2 hours'",
    )
    .await;
    // Somebody holds the rows from the fifth project on, so the rotation comes no further than that.
    let holder = on_postgres(
        database.superuser_url(),
        "begin; select * from stripe_credentials where project_id >= 'p4' for update",
    )
    .await;
    let rotate = ["keys", "rotate", "--data-keys"];
    let mut process: Process = place.start(&rotate);
    process
        .wait_for_line(WITHIN, |line| line.contains("p3: sealed anew"))
        .await;
    process.kill();
    drop(process);
    holder.batch_execute("rollback").await.expect("it lets go");

    let status = place.run(&["keys", "status"]).await.succeeded();
    assert!(status_of(&status, &new).contains("4  current"), "{status}");
    assert!(
        status_of(&status, MASTER_KEY).contains("5  still needed"),
        "{status}"
    );
    let told = place.run(&rotate).await.succeeded();
    assert!(told.contains("Sealed anew: 5."), "{told}");
    assert!(told.contains("Left alone: 4"), "{told}");
    let status = place.run(&["keys", "status"]).await.succeeded();
    assert!(status_of(&status, &new).contains("9  current"), "{status}");
    for name in ["shop", "p0", "p4", "p7"] {
        place.run(&["project", "show", name]).await.succeeded();
    }
}

/// One project's secrets that do not open keep neither the others from being served nor their keys from being changed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_project_that_does_not_open_holds_up_no_other() {
    let database = PostgresDatabase::fresh("empty", async |_| Ok(())).await;
    let issuer = Issuer::new();
    let place = production(&database, &issuer).await;
    let arguments = [
        "project",
        "create",
        "store",
        "--stripe-publishable-key",
        "pk_test_1",
        "--offline",
    ];
    place
        .run_with_input(&arguments, "sk_test_of_store")
        .await
        .succeeded();
    on_postgres(
        database.superuser_url(),
        "update stripe_credentials set secret_key =
            (select other.secret_key from stripe_credentials other where other.project_id = 'store')
         where project_id = 'shop'",
    )
    .await;
    let process = place.start(&["serve"]);
    let url = format!("http://{}", ready_address(&process).await);
    for (project, expected) in [("shop", 503), ("store", 200)] {
        let path = format!("{url}/projects/{project}/paymentMethods");
        let token = issuer.token(project, "project:read");
        assert_eq!(call("GET", &path, &token, None).await.0, expected, "{project}");
    }
    let log = process.stderr_lines().join("\n");
    assert!(
        log.contains("the secrets of the project shop cannot be opened: the column secret_key"),
        "{log}"
    );
    assert!(!log.contains("bfs1.") && !log.contains("sk_test_"), "{log}");
    end(process).await;
    let rotated = place
        .run(&["keys", "rotate", "--data-keys", "--older-than", "0"])
        .await;
    assert!(!rotated.success, "{rotated:?}");
    assert!(
        rotated.stdout.contains("2 of 2: store: sealed anew"),
        "{rotated:?}"
    );
    assert!(
        rotated.stderr.contains("1 of 2 projects could not be done"),
        "{rotated:?}"
    );
    tokio::time::timeout(Duration::from_mins(1), place.run(&["project", "show", "store"]))
        .await
        .expect("it ends")
        .succeeded();
}

/// `billfold dev` makes itself a key once, for its owner alone, and does not go on without it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_development_server_keeps_its_own_master_key() {
    use std::os::unix::fs::PermissionsExt as _;

    let mut place = Place::new();
    // What belongs to production is not taken.
    place.set("BILLFOLD_MASTER_KEYS", "no key at all");
    let key = place.path(".billfold/master-key");
    let (process, _) = dev::start(&place, &[]).await;
    let made = std::fs::read_to_string(&key).expect("the key is there");
    let permissions = std::fs::metadata(&key).expect("the key is there").permissions();
    assert_eq!(permissions.mode() & 0o777, 0o600);
    end(process).await;
    let (process, _) = dev::start(&place, &[]).await;
    assert_eq!(std::fs::read_to_string(&key).expect("the key is there"), made);
    end(process).await;

    std::fs::remove_file(&key).expect("the key can be removed");
    let lost = [
        "dev",
        "--listen",
        "127.0.0.1:0",
        "--sandbox-listen",
        "127.0.0.1:0",
    ];
    let refused = place.run(&lost).await.failed();
    assert!(
        refused.contains("the master key development is not the one"),
        "{refused}"
    );
}
