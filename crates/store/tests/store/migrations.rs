//! Migrations: once each, whoever asks and however often, and back.

use std::{path::Path, sync::Arc};

use billfold_store::StoreError;
use billfold_test_support::APPLICATION_ROLE;
use rstest::rstest;
use tokio::sync::Barrier;

use crate::harness::{Backend, Postgres, SqliteInFile, SqliteInMemory, Tenant, TestDatabase, at, card};

/// The migrations of a database as the repository has them: version, and the statements back.
fn migrations(backend: Backend) -> Vec<(String, String)> {
    let folder = match backend {
        Postgres => "postgres",
        SqliteInFile | SqliteInMemory => "sqlite",
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../migrations")
        .join(folder);
    let mut migrations: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let version = name.split('_').next().unwrap().to_owned();
            (
                version,
                std::fs::read_to_string(entry.path().join("down.sql")).unwrap(),
            )
        })
        .collect();
    migrations.sort();
    migrations
}

fn versions(backend: Backend) -> Vec<String> {
    migrations(backend)
        .into_iter()
        .map(|(version, _)| version)
        .collect()
}

async fn works(test: &TestDatabase, project: &str) {
    let tenant = test.tenant(project).await;
    tenant.save(&card("pm_1", "anna", at(0))).await;
    assert!(tenant.find("pm_1").await.is_some());
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn migrating_twice_is_migrating_once(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.empty().await;
    let all = versions(backend);
    assert!(!all.is_empty());
    assert_eq!(test.database.pending_migrations().await.unwrap(), all);
    assert_eq!(test.database.migrate().await.unwrap().applied, all);
    assert!(test.database.pending_migrations().await.unwrap().is_empty());
    works(&test, "before").await;
    assert!(test.database.migrate().await.unwrap().applied.is_empty());
    works(&test, "after").await;
    let seen = Tenant::of(&test.database, "before");
    assert!(seen.find("pm_1").await.is_some(), "what was there stays there");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn of_many_who_migrate_at_once_each_finds_it_done(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.empty().await;
    let mut databases = Vec::new();
    for _ in 0..6 {
        let database = test.of_owner().await;
        // Connected now, so that all of them start at the same moment.
        database.ping().await.unwrap();
        databases.push(database);
    }
    let start = Arc::new(Barrier::new(databases.len()));
    let migrating: Vec<_> = databases
        .into_iter()
        .map(|database| {
            let start = Arc::clone(&start);
            tokio::spawn(async move {
                start.wait().await;
                let report = database.migrate().await?;
                let pending = database.pending_migrations().await?;
                Ok::<_, StoreError>((report.applied, pending))
            })
        })
        .collect();
    let mut applied = Vec::new();
    for migration in migrating {
        let (by_this_one, pending) = migration.await.unwrap().unwrap();
        assert!(pending.is_empty(), "{pending:?}");
        applied.extend(by_this_one);
    }
    assert_eq!(applied, versions(backend), "each by one of them");
    works(&test, "demo").await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_tables_says_so(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.empty().await;
    test.database.ping().await.unwrap();
    let nothing = Tenant::of(&test.database, "demo");
    let found = nothing
        .payment_methods
        .find(&nothing.scope, &"pm_1".parse().unwrap())
        .await;
    assert!(matches!(found, Err(StoreError::Internal(_))), "{found:?}");
    // Asking changes nothing: it can still be migrated.
    test.database.migrate().await.unwrap();
    works(&test, "demo").await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn there_and_back_and_there_again(#[values(SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    works(&test, "first").await;
    let tables = match backend {
        Postgres => "select table_name as value from information_schema.tables where table_schema = 'public'",
        SqliteInFile | SqliteInMemory => {
            "select name as value from sqlite_schema where type in ('table', 'view', 'trigger')"
        }
    };
    let with_tables = test.texts(tables).await;
    assert!(with_tables.len() > 1, "{with_tables:?}");
    for (version, down) in migrations(backend).into_iter().rev() {
        test.execute(&down).await;
        test.execute(&format!(
            "delete from __diesel_schema_migrations where version = '{version}'"
        ))
        .await;
    }
    assert_eq!(test.texts(tables).await, ["__diesel_schema_migrations"]);
    assert_eq!(
        test.database.pending_migrations().await.unwrap(),
        versions(backend)
    );

    let migrated = test.of_owner().await.migrate().await.unwrap();
    assert_eq!(migrated.applied, versions(backend));
    if backend == Postgres {
        test.of_owner().await.grant_to(APPLICATION_ROLE).await.unwrap();
    }
    let mut again = test.texts(tables).await;
    let mut before = with_tables;
    again.sort();
    before.sort();
    assert_eq!(again, before);
    works(&test, "first").await;
}
