//! Each object that events tell of is looked at until it is known.

use std::{collections::BTreeSet, time::Duration};

use billfold_domain::ProjectId;
use billfold_store::{ClaimedWork, Database, NewWebhookEvent, WebhookEvents, WebhookObject, WebhookWork};
use billfold_test_support::wait_for;
use rstest::rstest;

use crate::harness::{
    Backend, Postgres, SqliteInFile, SqliteInMemory, Tenant, at, customer_id, method_id, setup_intent_id,
};

/// Longer than any wait of the tests here, on a busy machine.
const LATER: Duration = Duration::from_hours(1);

pub(crate) struct Webhooks {
    pub(crate) events: WebhookEvents,
    pub(crate) work: WebhookWork,
}

impl Webhooks {
    pub(crate) fn of(database: &Database) -> Self {
        Self {
            events: WebhookEvents::new(database.clone()),
            work: WebhookWork::new(database.clone()),
        }
    }

    /// Stores events that tell of these payment methods, named `evt_…` after the first of the pair.
    pub(crate) async fn tell(&self, tenant: &Tenant, told: &[(&str, &str)]) -> usize {
        let events: Vec<_> = told
            .iter()
            .map(|(event, method)| event_of(event, method))
            .collect();
        self.events.record(&tenant.scope, &events, at(0)).await.unwrap()
    }

    pub(crate) async fn claim(&self, tenant: &Tenant) -> Option<ClaimedWork> {
        self.work.claim_due(&tenant.scope).await.unwrap()
    }

    pub(crate) async fn claimed(&self, tenant: &Tenant) -> ClaimedWork {
        self.claim(tenant).await.expect("something is due")
    }

    pub(crate) async fn waiting(&self, tenant: &Tenant) -> i64 {
        self.work.waiting(&tenant.scope).await.unwrap()
    }
}

pub(crate) fn event_of(event: &str, method: &str) -> NewWebhookEvent {
    NewWebhookEvent {
        id: format!("evt_{event}"),
        event_type: "payment_method.updated".to_owned(),
        object_type: "payment_method".to_owned(),
        object_id: Some(method.to_owned()),
        created_at: at(0),
        work: Some(WebhookObject::PaymentMethod(method_id(method))),
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn objects_of_every_type_come_back_as_they_were(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let demo = test.tenant("demo").await;
    let webhooks = Webhooks::of(&test.database);
    let objects = [
        WebhookObject::PaymentMethod(method_id("same_1")),
        WebhookObject::SetupIntent(setup_intent_id("same_1")),
        WebhookObject::Customer(customer_id("same_1")),
    ];
    let events: Vec<_> = objects
        .iter()
        .map(|object| NewWebhookEvent {
            work: Some(object.clone()),
            ..event_of(object.key().0, "same_1")
        })
        .collect();
    webhooks.events.record(&demo.scope, &events, at(0)).await.unwrap();
    let mut claimed = BTreeSet::new();
    while let Some(work) = webhooks.claim(&demo).await {
        claimed.insert(work.object);
    }
    assert_eq!(claimed, BTreeSet::from(objects));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_claimed_by_one_of_many(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let demo = test.tenant("demo").await;
    let webhooks = Webhooks::of(&test.database);
    let told: Vec<(String, String)> = (0..10)
        .map(|number| (number.to_string(), format!("pm_{number}")))
        .collect();
    let told: Vec<(&str, &str)> = told
        .iter()
        .map(|(event, method)| (event.as_str(), method.as_str()))
        .collect();
    webhooks.tell(&demo, &told).await;
    let mut claimers = Vec::new();
    for _ in 0..8 {
        let work = WebhookWork::new(test.another_way_in().await);
        let scope = demo.scope.clone();
        claimers.push(tokio::spawn(async move {
            let mut claimed = Vec::new();
            // One that is beaten to an object may find another at its next look.
            for _ in 0..20 {
                if let Some(work) = work.claim_due(&scope).await.unwrap() {
                    assert_eq!(work.fence, 1);
                    claimed.push(work.object);
                }
            }
            claimed
        }));
    }
    let mut all = Vec::new();
    for claimer in claimers {
        all.extend(claimer.await.unwrap());
    }
    assert_eq!(all.len(), 10, "{all:?}");
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>().len(), 10);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_during_a_look_is_looked_at_afterwards(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let demo = test.tenant("demo").await;
    let webhooks = Webhooks::of(&test.database);
    webhooks.tell(&demo, &[("1", "pm_1")]).await;
    let first = webhooks.claimed(&demo).await;
    webhooks.tell(&demo, &[("2", "pm_1")]).await;
    assert!(webhooks.claim(&demo).await.is_none(), "it is being looked at");
    assert!(!webhooks.work.end(&demo.scope, &first).await.unwrap());
    let second = webhooks.claimed(&demo).await;
    assert_eq!((second.version, second.fence), (2, 2));
    // The first holder's word counts no more.
    assert!(!webhooks.work.end(&demo.scope, &first).await.unwrap());
    assert!(!webhooks.work.park(&demo.scope, &first, at(1)).await.unwrap());
    webhooks
        .work
        .retry(&demo.scope, &first, LATER, true)
        .await
        .unwrap();
    assert!(webhooks.claim(&demo).await.is_none(), "the second holds it");
    assert!(webhooks.work.end(&demo.scope, &second).await.unwrap());
    assert_eq!(webhooks.waiting(&demo).await, 0);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_comes_to_nothing_is_repeated_later(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let demo = test.tenant("demo").await;
    let webhooks = Webhooks::of(&test.database);
    webhooks.tell(&demo, &[("1", "pm_1")]).await;
    let claimed = webhooks.claimed(&demo).await;
    let retry = async |claimed: &ClaimedWork, retry_in, counts| {
        webhooks
            .work
            .retry(&demo.scope, claimed, retry_in, counts)
            .await
            .unwrap();
    };
    retry(&claimed, Duration::ZERO, true).await;
    let claimed = webhooks.claimed(&demo).await;
    assert_eq!(claimed.attempts, 1);
    retry(&claimed, Duration::ZERO, false).await;
    let claimed = webhooks.claimed(&demo).await;
    assert_eq!(claimed.attempts, 1, "that one did not count");
    retry(&claimed, LATER, true).await;
    assert!(webhooks.claim(&demo).await.is_none());
    assert!(webhooks.work.projects_due().await.unwrap().is_empty());

    // An event makes it due, and it begins to count anew.
    webhooks.tell(&demo, &[("2", "pm_1")]).await;
    assert_eq!(webhooks.claimed(&demo).await.attempts, 0);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_parked_object_waits_for_an_event(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let (demo, acme) = (test.tenant("demo").await, test.tenant("acme").await);
    let webhooks = Webhooks::of(&test.database);
    webhooks.tell(&demo, &[("1", "pm_1")]).await;
    let claimed = webhooks.claimed(&demo).await;
    assert!(webhooks.work.park(&demo.scope, &claimed, at(7)).await.unwrap());
    assert!(webhooks.claim(&demo).await.is_none());
    assert!(webhooks.work.projects_due().await.unwrap().is_empty());
    assert_eq!(webhooks.waiting(&demo).await, 0);
    let parked = webhooks.work.parked(&demo.scope).await.unwrap();
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].object, claimed.object);
    assert_eq!((parked[0].attempts, parked[0].parked_at), (1, at(7)));
    assert!(webhooks.work.parked(&acme.scope).await.unwrap().is_empty());
    // It is nothing that another project's event would wake.
    webhooks.tell(&acme, &[("2", "pm_1")]).await;
    assert!(webhooks.claim(&demo).await.is_none());

    webhooks.tell(&demo, &[("2", "pm_1")]).await;
    assert!(webhooks.work.parked(&demo.scope).await.unwrap().is_empty());
    let again = webhooks.claimed(&demo).await;
    assert_eq!((again.attempts, again.version), (0, 2));
    // What was told of meanwhile is not parked unseen.
    webhooks.tell(&demo, &[("3", "pm_1")]).await;
    assert!(!webhooks.work.park(&demo.scope, &again, at(8)).await.unwrap());
    assert_eq!(webhooks.claimed(&demo).await.version, 3);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_projects_work_can_be_put_off_without_anothers(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let (demo, acme) = (test.tenant("demo").await, test.tenant("acme").await);
    let webhooks = Webhooks::of(&test.database);
    webhooks.tell(&demo, &[("1", "pm_1"), ("2", "pm_2")]).await;
    webhooks.tell(&acme, &[("1", "pm_1")]).await;
    let due: BTreeSet<_> = webhooks.work.projects_due().await.unwrap().into_iter().collect();
    assert_eq!(due, BTreeSet::from([project("acme"), project("demo")]));
    webhooks.work.postpone(&demo.scope, LATER).await.unwrap();
    assert_eq!(webhooks.work.projects_due().await.unwrap(), [project("acme")]);
    assert!(webhooks.claim(&demo).await.is_none());
    assert_eq!(webhooks.waiting(&demo).await, 2);
    // A shorter wait does not bring nearer what was put off for long.
    webhooks.work.postpone(&demo.scope, Duration::ZERO).await.unwrap();
    assert!(webhooks.claim(&demo).await.is_none());
    // What is told of now may be tried now.
    webhooks.tell(&demo, &[("3", "pm_2")]).await;
    assert_eq!(
        webhooks.claimed(&demo).await.object,
        WebhookObject::PaymentMethod(method_id("pm_2"))
    );
    webhooks.claimed(&acme).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_stops_in_the_middle_is_followed_by_another(#[values(SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let demo = test.tenant("demo").await;
    let webhooks = Webhooks::of(&test.database);
    webhooks.tell(&demo, &[("1", "pm_1")]).await;
    let stopped = webhooks.claimed(&demo).await;
    assert!(webhooks.work.projects_due().await.unwrap().is_empty());
    test.execute(if backend == Postgres {
        "update webhook_work set lease_expires_at = lease_expires_at - interval '31 seconds'"
    } else {
        "update webhook_work set lease_expires_at = lease_expires_at - 31000000"
    })
    .await;
    assert_eq!(webhooks.work.projects_due().await.unwrap(), [project("demo")]);
    let next = webhooks.claimed(&demo).await;
    assert_eq!(next.fence, 2);
    assert!(!webhooks.work.end(&demo.scope, &stopped).await.unwrap());
    assert!(webhooks.work.end(&demo.scope, &next).await.unwrap());
    assert_eq!(webhooks.waiting(&demo).await, 0);

    // Its word counts no more where the work was done and made anew since, with the same numbers.
    webhooks.tell(&demo, &[("2", "pm_1")]).await;
    let anew = webhooks.claimed(&demo).await;
    assert_eq!((anew.version, anew.fence), (stopped.version, stopped.fence));
    assert!(!webhooks.work.end(&demo.scope, &stopped).await.unwrap());
    assert!(webhooks.work.end(&demo.scope, &anew).await.unwrap());
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_parked_can_be_taken_up_again(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let (demo, acme) = (test.tenant("demo").await, test.tenant("acme").await);
    let webhooks = Webhooks::of(&test.database);
    for tenant in [&demo, &acme] {
        webhooks.tell(tenant, &[("1", "pm_1")]).await;
        let claimed = webhooks.claimed(tenant).await;
        assert!(webhooks.work.park(&tenant.scope, &claimed, at(7)).await.unwrap());
    }
    webhooks.tell(&demo, &[("2", "pm_2")]).await;
    webhooks.work.postpone(&demo.scope, LATER).await.unwrap();
    assert_eq!(webhooks.work.unpark(&demo.scope).await.unwrap(), 1);
    let again = webhooks.claimed(&demo).await;
    assert_eq!((again.object.key().1, again.attempts), ("pm_1", 0));
    assert!(webhooks.claim(&demo).await.is_none(), "what was put off stays so");
    assert!(webhooks.work.parked(&demo.scope).await.unwrap().is_empty());
    assert_eq!(webhooks.work.unpark(&demo.scope).await.unwrap(), 0);
    // Another project's stays where it is.
    assert_eq!(webhooks.work.parked(&acme.scope).await.unwrap().len(), 1);
}

/// A look that is told to wait a second is made after it, by the database's clock.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_short_wait_ends(#[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let demo = test.tenant("demo").await;
    let webhooks = Webhooks::of(&test.database);
    webhooks.tell(&demo, &[("1", "pm_1")]).await;
    let claimed = webhooks.claimed(&demo).await;
    let a_moment = Duration::from_millis(10);
    webhooks
        .work
        .retry(&demo.scope, &claimed, a_moment, false)
        .await
        .unwrap();
    let within = Duration::from_secs(20);
    wait_for(within, "the object to be due again", async || {
        webhooks.claim(&demo).await
    })
    .await;
}

fn project(name: &str) -> ProjectId {
    ProjectId::parse(name).unwrap()
}
