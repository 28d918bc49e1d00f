//! A database whose secrets a version before sealing has written.

use billfold_test_support::{APPLICATION_ROLE, PostgresDatabase};
use tokio_postgres::NoTls;

use crate::{
    command::{Place, end, ready_address},
    serve::Issuer,
};

/// What `billfold migrate` of that version, and a project, have left.
async fn before_sealing() -> PostgresDatabase {
    let database = PostgresDatabase::fresh("empty", async |_| Ok(())).await;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/postgres");
    let mut statements = String::from(
        "create table __diesel_schema_migrations
            (version varchar(50) primary key not null, run_on timestamp not null default current_timestamp);",
    );
    for migration in [
        "00000000000001_payment_methods",
        "00000000000002_next_attempts",
        "00000000000003_reliability",
    ] {
        let up = folder.join(migration).join("up.sql");
        statements += &std::fs::read_to_string(up).expect("the migration is there");
        let version = migration.split('_').next().expect("a version");
        statements += ";insert into __diesel_schema_migrations (version) values ('";
        statements += version;
        statements += "');";
    }
    statements += "insert into projects (id, created_at) values ('shop', now());
         insert into stripe_credentials (project_id, secret_key, publishable_key, webhook_secret)
         values ('shop', 'sk_test_plain', 'pk_test_plain', 'whsec_plain')";
    let (client, connection) = tokio_postgres::connect(&database.owner_url(), NoTls)
        .await
        .expect("the database is reached");
    let driving = tokio::spawn(connection);
    client
        .batch_execute(&statements)
        .await
        .expect("the statements run");
    drop(client);
    driving.await.expect("it ends").expect("it ends well");
    database
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrate_seals_them_and_serve_waits_for_that() {
    let database = before_sealing().await;
    let mut place = Place::new();
    place.write("keys.json", &Issuer::new().key_set());
    place.set_database(&database);
    place.set("BILLFOLD_LISTEN", "127.0.0.1:0");
    place.set("BILLFOLD_ISSUERS", "https://login.example.com=keys.json");
    place.set("BILLFOLD_LOG_FORMAT", "json");
    let unmigrated = place.run(&["serve"]).await.failed();
    assert!(unmigrated.contains("run billfold migrate"), "{unmigrated}");

    place.unset("BILLFOLD_MASTER_KEYS");
    let without = place.run(&["migrate"]).await;
    assert!(!without.success, "{without:?}");
    assert!(without.stdout.contains("Applied 00000000000005."), "{without:?}");
    assert!(
        without
            .stderr
            .contains("secrets of 1 projects are still in plain text")
            && without.stderr.contains("--master-key-file"),
        "{without:?}"
    );
    place.set("BILLFOLD_MASTER_KEYS", crate::command::MASTER_KEY);
    for arguments in [
        &["serve"][..],
        &["project", "show", "shop"],
        &["keys", "rotate", "--data-keys"],
    ] {
        let refused = place.run(arguments).await;
        assert!(!refused.success, "{refused:?}");
        assert!(refused.stderr.contains("run billfold migrate"), "{refused:?}");
        assert!(!refused.stderr.contains("sk_test_"), "{refused:?}");
    }
    let status = place.run(&["keys", "status"]).await.succeeded();
    assert!(
        status.contains("The secrets of 1 projects are in plain text"),
        "{status}"
    );

    let sealed = place.run(&["migrate"]).await.succeeded();
    let granted = format!("The role {APPLICATION_ROLE} may work on it.\n");
    assert_eq!(sealed, format!("Sealed the secrets of 1 projects.\n{granted}"));
    assert_eq!(
        place.run(&["migrate"]).await.succeeded(),
        format!("The database is up to date.\n{granted}")
    );
    let shown = place.run(&["project", "show", "shop"]).await.succeeded();
    assert!(
        shown.contains("pk_test_plain") && shown.contains("1 live"),
        "{shown}"
    );
    let process = place.start(&["serve"]);
    ready_address(&process).await;
    end(process).await;
}
