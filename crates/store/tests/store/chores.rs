//! Chores: due by the database's clock, held by one at a time, ended by the newest holder only.

use std::{collections::BTreeSet, time::Duration};

use billfold_domain::ProjectId;
use billfold_store::{ChoreKind, Chores, Database, StoreError};
use rstest::rstest;

use crate::harness::{Backend, Postgres, SqliteInFile, SqliteInMemory, Tenant, TestDatabase};

const HOUR: Duration = Duration::from_hours(1);

fn chores(database: &Database) -> Chores {
    Chores::new(database.clone())
}

/// A tenant whose chores are due at once.
async fn tenant_with_chores(test: &TestDatabase, project: &str) -> Tenant {
    let tenant = test.tenant(project).await;
    for kind in ChoreKind::ALL {
        chores(&test.database)
            .ensure(&tenant.scope, kind, Duration::ZERO)
            .await
            .unwrap();
    }
    tenant
}

fn names(projects: &[ProjectId]) -> BTreeSet<&str> {
    projects.iter().map(ProjectId::as_str).collect()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn each_project_gets_its_chores_once(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let chores = chores(&test.database);
    let tenant = test.tenant("demo").await;
    test.tenant("acme").await;
    assert_eq!(
        names(&chores.projects_without().await.unwrap()),
        BTreeSet::from(["acme", "demo"])
    );
    chores
        .ensure(&tenant.scope, ChoreKind::Sweep, Duration::ZERO)
        .await
        .unwrap();
    // Two of three are still missing.
    assert_eq!(
        names(&chores.projects_without().await.unwrap()),
        BTreeSet::from(["acme", "demo"])
    );
    for kind in ChoreKind::ALL {
        // The one that is there is not put off.
        chores.ensure(&tenant.scope, kind, HOUR).await.unwrap();
    }
    assert_eq!(
        names(&chores.projects_without().await.unwrap()),
        BTreeSet::from(["acme"])
    );
    let due = chores.projects_due(ChoreKind::Sweep).await.unwrap();
    assert_eq!(names(&due), BTreeSet::from(["demo"]));
    for later in [ChoreKind::UndeliveredEvents, ChoreKind::Cleaning] {
        assert_eq!(chores.projects_due(later).await.unwrap(), []);
        assert_eq!(chores.claim_due(&tenant.scope, later).await.unwrap(), None);
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn one_holder_at_a_time_and_not_before_its_time(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = tenant_with_chores(&test, "demo").await;
    let other = tenant_with_chores(&test, "acme").await;
    let here = chores(&test.database);
    let elsewhere = chores(&test.another_way_in().await);
    let sweep = here
        .claim_due(&tenant.scope, ChoreKind::Sweep)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((sweep.kind, sweep.fence), (ChoreKind::Sweep, 1));
    assert_eq!(
        elsewhere
            .claim_due(&tenant.scope, ChoreKind::Sweep)
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        names(&elsewhere.projects_due(ChoreKind::Sweep).await.unwrap()),
        BTreeSet::from(["acme"])
    );
    // Another kind, and another project, are free.
    let cleaning = elsewhere.claim_due(&tenant.scope, ChoreKind::Cleaning).await;
    assert!(cleaning.unwrap().is_some());
    let of_other = elsewhere
        .claim_due(&other.scope, ChoreKind::Sweep)
        .await
        .unwrap()
        .unwrap();

    here.keep_alive(&tenant.scope, &sweep).await.unwrap();
    here.end(&tenant.scope, &sweep, HOUR).await.unwrap();
    assert_eq!(
        here.claim_due(&tenant.scope, ChoreKind::Sweep).await.unwrap(),
        None
    );
    elsewhere
        .end(&other.scope, &of_other, Duration::ZERO)
        .await
        .unwrap();
    let again = here
        .claim_due(&other.scope, ChoreKind::Sweep)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(again.fence, 2);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_was_overtaken_ends_nothing(#[values(SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let tenant = tenant_with_chores(&test, "demo").await;
    let chores = chores(&test.database);
    let slow = chores
        .claim_due(&tenant.scope, ChoreKind::Sweep)
        .await
        .unwrap()
        .unwrap();
    let long_ago = match backend {
        Postgres => "update chores set lease_expires_at = now() - interval '1 second'",
        _ => "update chores set lease_expires_at = 0",
    };
    test.execute(long_ago).await;
    let quick = chores
        .claim_due(&tenant.scope, ChoreKind::Sweep)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(quick.fence, slow.fence + 1);
    for overtaken in [
        chores.keep_alive(&tenant.scope, &slow).await,
        chores.end(&tenant.scope, &slow, Duration::ZERO).await,
    ] {
        assert!(matches!(overtaken, Err(StoreError::Fenced)), "{overtaken:?}");
    }
    assert_eq!(
        chores.claim_due(&tenant.scope, ChoreKind::Sweep).await.unwrap(),
        None
    );
    chores.end(&tenant.scope, &quick, HOUR).await.unwrap();
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_shut_project_is_left_alone(#[values(SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    tenant_with_chores(&test, "demo").await;
    test.tenant("acme").await;
    let shut = match backend {
        Postgres => "update projects set disabled_at = now()",
        _ => "update projects set disabled_at = 1",
    };
    test.execute(shut).await;
    let chores = chores(&test.database);
    for kind in ChoreKind::ALL {
        assert_eq!(chores.projects_due(kind).await.unwrap(), []);
    }
    assert_eq!(chores.projects_without().await.unwrap(), []);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_race_one_has_it(#[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let tenant = tenant_with_chores(&test, "demo").await;
    let racing: Vec<_> = (0..20)
        .map(|_| {
            let (chores, scope) = (chores(&test.database), tenant.scope.clone());
            tokio::spawn(async move { chores.claim_due(&scope, ChoreKind::Cleaning).await.unwrap() })
        })
        .collect();
    let mut held = 0;
    for racer in racing {
        held += usize::from(racer.await.unwrap().is_some());
    }
    assert_eq!(held, 1);
}
