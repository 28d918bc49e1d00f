//! What has begun and not ended, in all projects together.

use std::time::Duration;

use billfold_domain::UtcTimestamp;
use billfold_store::{Backlog, OperationKind, Waiting};
use rstest::rstest;

use crate::{
    harness::{Backend, Postgres, SqliteInFile, creation, customer_creation, held},
    webhooks::Webhooks,
};

fn of(backlog: &Backlog, kind: OperationKind) -> Waiting {
    let operations = backlog.operations();
    let found = operations.into_iter().find(|(other, _)| *other == kind);
    found.expect("every kind is there").1
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn it_is_counted_over_all_projects_and_aged_by_the_oldest(
    #[values(SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    assert_eq!(test.database.backlog().await.unwrap(), Backlog::default());
    let (demo, acme) = (test.tenant("demo").await, test.tenant("acme").await);
    let webhooks = Webhooks::of(&test.database);
    let now = UtcTimestamp::from_seconds(
        std::time::UNIX_EPOCH
            .elapsed()
            .unwrap()
            .as_secs()
            .try_into()
            .unwrap(),
    );
    let begin = async |tenant: &crate::harness::Tenant, new, seconds_ago: i64| {
        let began = now.plus(time::Duration::seconds(-seconds_ago));
        held(tenant.operations.begin(&tenant.scope, &new, began).await.unwrap())
    };
    begin(&demo, creation("pm_1", "anna"), 40).await;
    begin(&acme, creation("pm_1", "anna"), 4_000).await;
    let ended = begin(&acme, customer_creation("ben"), 400).await;
    begin(&acme, customer_creation("carla"), 4).await;
    acme.operations.end(&acme.scope, &ended).await.unwrap();
    webhooks.tell(&demo, &[("1", "pm_1"), ("2", "pm_2")]).await;
    webhooks.tell(&acme, &[("1", "pm_1")]).await;
    let parked = webhooks.work.claim_due(&demo.scope).await.unwrap().unwrap();
    webhooks.work.park(&demo.scope, &parked, now).await.unwrap();
    webhooks
        .work
        .postpone(&acme.scope, Duration::from_mins(5))
        .await
        .unwrap();

    let backlog = test.database.backlog().await.unwrap();
    let creations = of(&backlog, OperationKind::CreatePaymentMethod);
    assert_eq!(creations.number, 2);
    assert!(
        (4_000..4_100).contains(&creations.longest.as_secs()),
        "{creations:?}"
    );
    let customers = of(&backlog, OperationKind::CreateCustomer);
    assert_eq!(customers.number, 1);
    assert!((4..100).contains(&customers.longest.as_secs()), "{customers:?}");
    assert_eq!(
        of(&backlog, OperationKind::DeletePaymentMethod),
        Waiting::default()
    );
    let counts = [
        backlog.webhooks_due,
        backlog.webhooks_postponed,
        backlog.webhooks_parked,
    ];
    assert_eq!(counts.map(|waiting| waiting.number), [1, 1, 1], "{backlog:?}");
    assert!(
        backlog.webhooks_due.longest < Duration::from_secs(100),
        "{backlog:?}"
    );

    // What waits long is seen to.
    let earlier = if backend == Postgres {
        "interval '1 hour'"
    } else {
        "3600000000"
    };
    test.execute(&format!(
        "update webhook_work set next_attempt_at = next_attempt_at - {earlier}"
    ))
    .await;
    let backlog = test.database.backlog().await.unwrap();
    assert_eq!(backlog.webhooks_due.number, 2);
    assert!(
        (3_500..3_700).contains(&backlog.webhooks_due.longest.as_secs()),
        "{backlog:?}"
    );
    test.execute("update projects set deleted_at = created_at where id = 'acme'")
        .await;
    let backlog = test.database.backlog().await.unwrap();
    assert_eq!(
        of(&backlog, OperationKind::CreatePaymentMethod).number,
        1,
        "nothing waits for a deleted project"
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn connections_are_told_as_they_are(#[values(SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let demo = test.tenant("demo").await;
    demo.hold(&creation("pm_1", "anna")).await;
    let told = test.database.connections();
    assert!(
        told.maximum >= 1 && told.open >= 1 && told.open <= told.maximum,
        "{told:?}"
    );
    assert_eq!((told.in_use, told.awaited), (0, 0), "{told:?}");
}
