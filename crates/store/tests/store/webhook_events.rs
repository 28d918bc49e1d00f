//! An event is stored once, with the work that it makes.

use std::collections::BTreeSet;

use billfold_store::{NewWebhookEvent, WebhookEvents};
use rstest::rstest;

use crate::{
    harness::{Backend, Postgres, SqliteInFile, SqliteInMemory, Tenant, at},
    webhooks::{Webhooks, event_of},
};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_stored_once_in_a_project(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let (demo, acme) = (test.tenant("demo").await, test.tenant("acme").await);
    let webhooks = Webhooks::of(&test.database);
    assert_eq!(webhooks.tell(&demo, &[]).await, 0);
    assert_eq!(
        webhooks
            .tell(&demo, &[("1", "pm_1"), ("2", "pm_2"), ("1", "pm_1")])
            .await,
        2
    );
    assert_eq!(webhooks.tell(&demo, &[("2", "pm_2"), ("3", "pm_3")]).await, 1);
    assert_eq!(webhooks.events.count(&demo.scope).await.unwrap(), 3);
    assert_eq!(webhooks.waiting(&demo).await, 3);
    // The other project has its own: of the same name, but not the same event.
    assert_eq!(webhooks.events.count(&acme.scope).await.unwrap(), 0);
    assert_eq!(webhooks.tell(&acme, &[("1", "pm_1")]).await, 1);
    assert_eq!(webhooks.waiting(&acme).await, 1);
    assert_eq!(webhooks.events.count(&demo.scope).await.unwrap(), 3);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_already_makes_no_work(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let demo = test.tenant("demo").await;
    let webhooks = Webhooks::of(&test.database);
    webhooks.tell(&demo, &[("1", "pm_1")]).await;
    let claimed = webhooks.claimed(&demo).await;
    assert!(webhooks.work.end(&demo.scope, &claimed).await.unwrap());
    assert_eq!(webhooks.tell(&demo, &[("1", "pm_1")]).await, 0);
    assert!(webhooks.claim(&demo).await.is_none());

    let ignored = NewWebhookEvent {
        object_id: None,
        work: None,
        ..event_of("2", "pm_1")
    };
    let stored = webhooks.events.record(&demo.scope, &[ignored], at(0)).await;
    assert_eq!(stored.unwrap(), 1);
    assert_eq!(webhooks.waiting(&demo).await, 0);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn many_events_of_an_object_are_one_work(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let demo = test.tenant("demo").await;
    let webhooks = Webhooks::of(&test.database);
    // More than one statement's worth, over few objects.
    let told: Vec<(String, String)> = (0..1_200)
        .map(|number| (number.to_string(), format!("pm_{}", number % 7)))
        .collect();
    let told: Vec<(&str, &str)> = told
        .iter()
        .map(|(event, method)| (event.as_str(), method.as_str()))
        .collect();
    assert_eq!(webhooks.tell(&demo, &told).await, 1_200);
    assert_eq!(webhooks.tell(&demo, &[("more", "pm_0")]).await, 1);
    assert_eq!(webhooks.waiting(&demo).await, 7);
    let mut seen = BTreeSet::new();
    while let Some(claimed) = webhooks.claim(&demo).await {
        assert!(webhooks.work.end(&demo.scope, &claimed).await.unwrap());
        assert!(seen.insert(claimed.object));
    }
    assert_eq!(seen.len(), 7);
    assert_eq!(webhooks.waiting(&demo).await, 0);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_is_told_the_same_at_once_waits_for_nobody_for_good(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let demo = test.tenant("demo").await;
    let mut tellers = Vec::new();
    for teller in 0..6 {
        let events = WebhookEvents::new(test.another_way_in().await);
        let scope = demo.scope.clone();
        tellers.push(tokio::spawn(async move {
            let mut told: Vec<_> = (0..60)
                .map(|number| event_of(&number.to_string(), &format!("pm_{}", number % 10)))
                .collect();
            // Each in an order of its own.
            told.rotate_left(teller * 7);
            if teller % 2 == 1 {
                told.reverse();
            }
            events.record(&scope, &told, at(0)).await.unwrap()
        }));
    }
    let mut new = 0;
    for teller in tellers {
        new += teller.await.unwrap();
    }
    assert_eq!(new, 60);
    assert_eq!(Webhooks::of(&test.database).waiting(&demo).await, 10);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn old_events_are_forgotten_and_no_others(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let (demo, acme) = (test.tenant("demo").await, test.tenant("acme").await);
    let events = WebhookEvents::new(test.database.clone());
    for (tenant, seconds) in [(&demo, 1), (&demo, 2), (&demo, 3), (&demo, 9), (&acme, 1)] {
        let event = event_of(&seconds.to_string(), "pm_1");
        events.record(&tenant.scope, &[event], at(seconds)).await.unwrap();
    }
    assert_eq!(events.forget_older(&demo.scope, at(9), 2).await.unwrap(), 2);
    assert_eq!(events.forget_older(&demo.scope, at(9), 2).await.unwrap(), 1);
    assert_eq!(events.forget_older(&demo.scope, at(9), 2).await.unwrap(), 0);
    assert_eq!(events.count(&demo.scope).await.unwrap(), 1);
    assert_eq!(events.count(&acme.scope).await.unwrap(), 1);
    assert_eq!(Webhooks::of(&test.database).waiting(&demo).await, 1);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_stored_for_a_project_that_does_not_exist(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let nobody = Tenant::of(&test.database, "nobody");
    let events = WebhookEvents::new(test.database.clone());
    let stored = events
        .record(&nobody.scope, &[event_of("1", "pm_1")], at(0))
        .await;
    assert!(stored.is_err(), "{stored:?}");
    assert_eq!(events.count(&nobody.scope).await.unwrap(), 0);
}
