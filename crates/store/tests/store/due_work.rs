//! Background work that nobody can do does not keep others from theirs.

use std::time::Duration;

use billfold_domain::ProjectId;
use billfold_store::StoreError;
use rstest::rstest;

use crate::{
    harness::{Backend, Postgres, SqliteInFile, TestDatabase, creation, method_id},
    webhooks::Webhooks,
};

async fn shut(test: &TestDatabase, backend: Backend, project: &str) {
    let time = if backend == Postgres { "now()" } else { "1" };
    let statement = format!("update projects set disabled_at = {time} where id = '{project}'");
    test.execute(&statement).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_shut_projects_operations_are_nobodys_turn(#[values(SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let (demo, acme) = (test.tenant("demo").await, test.tenant("acme").await);
    for tenant in [&demo, &acme] {
        let operation = tenant.hold(&creation("pm_1", "anna")).await;
        let release = tenant
            .operations
            .release(&tenant.scope, &operation, Duration::ZERO);
        release.await.unwrap();
    }
    assert_eq!(demo.operations.projects_due().await.unwrap().len(), 2);
    shut(&test, backend, "demo").await;
    assert_eq!(
        demo.operations.projects_due().await.unwrap(),
        [ProjectId::parse("acme").unwrap()]
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_shut_projects_webhook_work_is_nobodys_turn(#[values(SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let (demo, acme) = (test.tenant("demo").await, test.tenant("acme").await);
    let webhooks = Webhooks::of(&test.database);
    for tenant in [&demo, &acme] {
        webhooks.tell(tenant, &[("1", "pm_1")]).await;
    }
    assert_eq!(webhooks.work.projects_due().await.unwrap().len(), 2);
    shut(&test, backend, "demo").await;
    assert_eq!(
        webhooks.work.projects_due().await.unwrap(),
        [ProjectId::parse("acme").unwrap()]
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_cannot_be_read_lets_the_next_go_first(
    #[values(SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let demo = test.tenant("demo").await;
    let bad = demo.hold(&creation("pm_bad", "anna")).await;
    let good = demo.hold(&creation("pm_good", "anna")).await;
    for operation in [&bad, &good] {
        let release = demo.operations.release(&demo.scope, operation, Duration::ZERO);
        release.await.unwrap();
    }
    let earlier = if backend == Postgres {
        "interval '1 hour'"
    } else {
        "3600000000"
    };
    test.execute(&format!(
        "update operations set subject = 'nothing:known', next_attempt_at = next_attempt_at - {earlier}
         where id = '{}'",
        bad.id
    ))
    .await;
    let unreadable = demo.operations.claim_due(&demo.scope).await;
    assert!(
        matches!(unreadable, Err(StoreError::Internal(_))),
        "{unreadable:?}"
    );
    let claimed = demo.operations.claim_due(&demo.scope).await.unwrap();
    assert_eq!(claimed.expect("the good one is due").id, good.id);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn webhook_work_that_cannot_be_read_lets_the_next_go_first(
    #[values(SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let demo = test.tenant("demo").await;
    let webhooks = Webhooks::of(&test.database);
    webhooks.tell(&demo, &[("1", "pm_bad"), ("2", "pm_good")]).await;
    let earlier = if backend == Postgres {
        "interval '1 hour'"
    } else {
        "3600000000"
    };
    test.execute(&format!(
        "update webhook_work set object_type = 'unknown', next_attempt_at = next_attempt_at - {earlier}
         where object_id = 'pm_bad'"
    ))
    .await;
    let unreadable = webhooks.work.claim_due(&demo.scope).await;
    assert!(
        matches!(unreadable, Err(StoreError::Internal(_))),
        "{unreadable:?}"
    );
    assert_eq!(
        webhooks.claimed(&demo).await.object.key().1,
        method_id("pm_good").as_str()
    );
}
