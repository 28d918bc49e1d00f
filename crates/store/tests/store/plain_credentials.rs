//! Databases of versions before sealing.

use billfold_store::{SecretsError, StoreError};
use billfold_test_support::{APPLICATION_ROLE, OWNER_ROLE};
use rstest::rstest;

use crate::{
    harness::{Backend, Postgres, SqliteInFile, SqliteInMemory, TestDatabase, at, new_project},
    sealed_credentials::{made_with, secrets},
};

/// Makes everything as an instance of a version before sealing has left it.
async fn before_sealing(backend: Backend) -> TestDatabase {
    let test = backend.empty().await;
    let (folder, epoch, role) = match backend {
        Postgres => ("postgres", "'epoch'", format!("set role {OWNER_ROLE};")),
        SqliteInFile | SqliteInMemory => ("sqlite", "0", String::new()),
    };
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../migrations")
        .join(folder);
    let execute = async |statements: &str| test.execute(&format!("{role}{statements}")).await;
    execute(
        "create table __diesel_schema_migrations
            (version varchar(50) primary key not null, run_on timestamp not null default current_timestamp)",
    )
    .await;
    for migration in [
        "00000000000001_payment_methods",
        "00000000000002_next_attempts",
        "00000000000003_reliability",
    ] {
        execute(&std::fs::read_to_string(folder.join(migration).join("up.sql")).unwrap()).await;
        let version = migration.split('_').next().unwrap();
        execute(&format!(
            "insert into __diesel_schema_migrations (version) values ('{version}')"
        ))
        .await;
    }
    for name in ["shop", "store"] {
        execute(&format!(
            "insert into projects (id, created_at) values ('{name}', {epoch});
             insert into stripe_credentials
                (project_id, secret_key, publishable_key, webhook_secret, previous_webhook_secret)
             values ('{name}', 'sk_test_{name}', 'pk_test_{name}', 'whsec_current_{name}', 'whsec_previous_{name}')"
        ))
        .await;
    }
    test
}

/// Migrates as whoever owns the tables, and lets instances in.
async fn migrate(test: &TestDatabase, backend: Backend) -> Vec<String> {
    let owner = test.of_owner().await;
    let applied = owner.migrate().await.unwrap().applied;
    if backend == Postgres {
        owner.grant_to(APPLICATION_ROLE).await.unwrap();
    }
    applied
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn plain_secrets_are_found_sealed_once_and_leave_no_trace(
    #[values(SqliteInFile, Postgres)] backend: Backend,
) {
    let test = before_sealing(backend).await;
    let applied = migrate(&test, backend).await;
    assert!(applied.contains(&"00000000000005".to_owned()), "{applied:?}");
    let projects = test.projects();
    let (shop, store) = (new_project("shop").id, new_project("store").id);
    let found = projects.find(&shop).await;
    assert!(
        matches!(
            &found,
            Err(StoreError::Secrets {
                reason: SecretsError::Plain,
                ..
            })
        ),
        "{found:?}"
    );
    assert!(found.unwrap_err().to_string().contains("billfold migrate"));
    assert!(test.database.has_plain_secrets(&shop).await.unwrap());

    // Several at once, each with connections of its own: one of them seals it.
    let mut sealing = Vec::new();
    for _ in 0..4 {
        let (database, id) = (test.another_way_in().await, shop.clone());
        let vault = crate::harness::vault(&[crate::harness::KEY_A]);
        let projects = billfold_store::Projects::new(database, vault);
        sealing.push(tokio::spawn(async move {
            projects.seal_plain_secrets(&id, at(0)).await.unwrap()
        }));
    }
    let mut sealed = 0;
    for one in sealing {
        sealed += usize::from(one.await.unwrap());
    }
    assert_eq!(sealed, 1);
    assert!(!test.database.has_plain_secrets(&shop).await.unwrap());
    assert!(test.database.has_plain_secrets(&store).await.unwrap());
    assert!(projects.seal_plain_secrets(&store, at(0)).await.unwrap());
    for (id, name) in [(&shop, "shop"), (&store, "store")] {
        assert_eq!(secrets(&projects, id).await.unwrap(), made_with(name));
    }
    // The rows are sealed; what was written over may still lie in the files until it is scrubbed.
    test.of_owner().await.scrub_replaced_secrets().await.unwrap();
    for canary in ["sk_test_shop", "whsec_current_shop", "whsec_previous_store"] {
        assert!(!test.files_have(canary).await, "{canary}");
    }
    assert!(test.files_have("pk_test_shop").await, "the files were looked at");
    assert_eq!(secrets(&projects, &shop).await.unwrap(), made_with("shop"));
}

/// A row that was sealed once and says that it never was is not believed.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_was_sealed_is_not_taken_for_plain_again(#[values(SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let projects = test.projects();
    let shop = new_project("shop");
    projects.create(&shop, at(0)).await.unwrap();
    test.execute("update stripe_credentials set secret_key = 'sk_test_planted', data_key_version = null")
        .await;
    let sealed = projects.seal_plain_secrets(&shop.id, at(1)).await;
    assert!(matches!(sealed, Err(StoreError::Duplicate(_))), "{sealed:?}");
    let found = projects.find(&shop.id).await;
    assert!(matches!(found, Err(StoreError::Secrets { .. })), "{found:?}");
}
