//! Background work that nobody can do does not keep others from theirs.

use std::time::Duration;

use billfold_domain::ProjectId;
use billfold_store::{ChoreKind, Chores, StoreError};
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
async fn a_shut_projects_operations_are_ended_and_a_deleted_ones_are_not(
    #[values(SqliteInFile, Postgres)] backend: Backend,
) {
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
    assert_eq!(demo.operations.projects_due().await.unwrap().len(), 2);
    test.execute("update projects set deleted_at = created_at where id = 'demo'")
        .await;
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

/// Deliveries are stored while all of the project's work is put off or taken up again: neither waits for the other for
/// ever.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn work_is_put_off_while_more_is_told_of(#[values(SqliteInFile, Postgres)] backend: Backend) {
    const OBJECTS: usize = 200;
    const ROUNDS: usize = 40;
    let test = backend.migrated().await;
    let demo = test.tenant("demo").await;
    let webhooks = Webhooks::of(&test.database);
    // Written in the opposite of the order in which a batch writes them.
    let methods: Vec<String> = (0..OBJECTS).map(|number| format!("pm_{number:03}")).collect();
    for method in methods.iter().rev() {
        webhooks.tell(&demo, &[(method, method)]).await;
    }
    let told = async |round: usize| {
        let events: Vec<_> = methods
            .iter()
            .map(|method| crate::webhooks::event_of(&format!("{round}_{method}"), method))
            .collect();
        let now = crate::harness::at(0);
        webhooks.events.record(&demo.scope, &events, now).await
    };
    let put_off = webhooks.work.clone();
    let scope = demo.scope.clone();
    let putting_off = tokio::spawn(async move {
        for _ in 0..ROUNDS {
            put_off.postpone(&scope, Duration::from_hours(1)).await.unwrap();
            put_off.unpark(&scope).await.unwrap();
        }
    });
    for round in 0..ROUNDS {
        told(round).await.unwrap();
    }
    putting_off.await.unwrap();
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn each_of_many_projects_is_found_and_the_longest_waiting_first(
    #[values(SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let names: Vec<String> = (0..12).map(|number| format!("tenant-{number:02}")).collect();
    let expected: Vec<ProjectId> = names
        .iter()
        .map(|name| ProjectId::parse(name.as_str()).unwrap())
        .collect();
    let (webhooks, chores) = (Webhooks::of(&test.database), Chores::new(test.database.clone()));
    let mut operations = None;
    for name in &names {
        let tenant = test.tenant(name).await;
        let operation = tenant.hold(&creation("pm_1", "anna")).await;
        let released = tenant
            .operations
            .release(&tenant.scope, &operation, Duration::ZERO);
        released.await.unwrap();
        webhooks.tell(&tenant, &[("1", "pm_1")]).await;
        chores
            .ensure(&tenant.scope, ChoreKind::Cleaning, Duration::ZERO)
            .await
            .unwrap();
        operations = Some(tenant.operations);
    }
    // The youngest of them has waited longest by what its rows say.
    let (last, earlier) = ("tenant-11", if backend == Postgres { "'epoch'" } else { "0" });
    test.execute(&format!(
        "update operations set next_attempt_at = {earlier} where project_id = '{last}';
         update webhook_work set next_attempt_at = {earlier} where project_id = '{last}';
         update chores set next_run_at = {earlier} where project_id = '{last}'"
    ))
    .await;
    let due = [
        operations.unwrap().projects_due().await.unwrap(),
        webhooks.work.projects_due().await.unwrap(),
        chores.projects_due(ChoreKind::Cleaning).await.unwrap(),
    ];
    for mut due in due {
        assert_eq!(due[0].as_str(), last);
        due.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        assert_eq!(due, expected);
    }
    assert_eq!(chores.projects_due(ChoreKind::Sweep).await.unwrap(), []);
    assert_eq!(chores.projects_without().await.unwrap(), expected);
}
