//! `billfold migrate` and `billfold project`.

use billfold_test_support::PostgresDatabase;

use crate::command::Place;

const SECRET_KEY: &str = "sk_test_a_secret_of_shop";
const PUBLISHABLE_KEY: &str = "pk_test_a_secret_of_shop";

async fn projects_are_made_listed_and_shown(place: &Place) {
    let unmigrated = place.run(&["project", "list"]).await.failed();
    assert!(unmigrated.contains("billfold migrate"), "{unmigrated}");
    let migrated = place.run(&["migrate"]).await.succeeded();
    assert!(migrated.contains("Applied "), "{migrated}");
    let again = place.run(&["migrate"]).await.succeeded();
    assert_eq!(again, "The database is up to date.\n");
    assert_eq!(place.run(&["project", "list"]).await.succeeded(), "");

    let create = |name: &'static str| {
        [
            "project",
            "create",
            name,
            "--stripe-publishable-key",
            PUBLISHABLE_KEY,
        ]
    };
    let made = place
        .run_with_input(&create("shop"), &format!("{SECRET_KEY}\n"))
        .await
        .succeeded();
    assert_eq!(made, "Made the project shop.\n");
    place.write("key", &format!("  {SECRET_KEY}\n\n"));
    let from_file = [
        &create("Store_2")[..],
        &["--stripe-secret-key-file", "key", "--stripe-account", "acct_1abc"],
    ]
    .concat();
    place.run(&from_file).await.succeeded();
    assert_eq!(
        place.run(&["project", "list"]).await.succeeded(),
        "Store_2\nshop\n"
    );
    let shown = place.run(&["project", "show", "Store_2"]).await.succeeded();
    for expected in ["Store_2", PUBLISHABLE_KEY, "acct_1abc"] {
        assert!(shown.contains(expected), "{shown}");
    }
    assert!(!shown.contains("sk_test_"), "{shown}");
    let twice = place.run_with_input(&create("shop"), SECRET_KEY).await.failed();
    assert!(twice.contains("already"), "{twice}");
    assert!(!twice.contains("sk_test_"), "{twice}");
    let unknown = place.run(&["project", "show", "nobody"]).await.failed();
    assert!(unknown.contains("there is no project nobody"), "{unknown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn projects_on_sqlite() {
    let mut place = Place::new();
    place.set("BILLFOLD_DATABASE_URL", place.sqlite());
    projects_are_made_listed_and_shown(&place).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn projects_on_postgres() {
    let database = PostgresDatabase::fresh("empty", async |_| Ok(())).await;
    let mut place = Place::new();
    place.set("BILLFOLD_DATABASE_URL", database.url());
    projects_are_made_listed_and_shown(&place).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_key_is_refused_without_repeating_it() {
    let mut place = Place::new();
    place.set("BILLFOLD_DATABASE_URL", place.sqlite());
    place.run(&["migrate"]).await.succeeded();
    for (publishable, secret, expected) in [
        (PUBLISHABLE_KEY, PUBLISHABLE_KEY, "this is a publishable key"),
        (PUBLISHABLE_KEY, "hunter2", "begin with sk_test_"),
        (PUBLISHABLE_KEY, "", "begin with sk_test_"),
        (SECRET_KEY, SECRET_KEY, "publishable keys begin with pk_test_"),
    ] {
        let arguments = [
            "project",
            "create",
            "shop",
            "--stripe-publishable-key",
            publishable,
        ];
        let message = place.run_with_input(&arguments, secret).await.failed();
        assert!(message.contains(expected), "{message}");
        for never in ["hunter2", SECRET_KEY] {
            assert!(!message.contains(never), "{message}");
        }
    }
    let arguments = [
        "project",
        "create",
        "shop",
        "--stripe-publishable-key",
        PUBLISHABLE_KEY,
        "--stripe-secret-key-file",
        "nowhere",
    ];
    let message = place.run(&arguments).await.failed();
    assert!(message.contains("nowhere cannot be read"), "{message}");
    let arguments = [
        "project",
        "create",
        "no name",
        "--stripe-publishable-key",
        PUBLISHABLE_KEY,
    ];
    place.run_with_input(&arguments, SECRET_KEY).await.failed();
    assert_eq!(place.run(&["project", "list"]).await.succeeded(), "");
}
