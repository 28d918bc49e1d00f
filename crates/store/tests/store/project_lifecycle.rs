//! Projects as they change: their account, their mode, shut and opened, their list.

use billfold_domain::{PageLimit, ProjectId, ProjectPosition, ProjectStatus, StripeAccountId, StripeMode};
use billfold_store::{
    AccountUse, Alongside, ChangedProject, MadeProject, NewProject, ProjectChange, StoreError,
};
use rstest::rstest;
use secrecy::ExposeSecret as _;

use crate::harness::{
    Backend, Postgres, SqliteInFile, SqliteInMemory, Tenant, at, card, creation, new_project,
};

fn on(account: &str, shared: bool) -> AccountUse {
    AccountUse {
        account: Some(StripeAccountId::parse(account).unwrap()),
        shared,
    }
}

fn live(name: &str) -> NewProject {
    let mut project = new_project(name);
    project.stripe.publishable_key = format!("pk_live_{name}");
    project
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_account_serves_one_project_of_each_mode_unless_shared(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let projects = test.projects();
    let make = async |project: &NewProject, account: AccountUse| {
        projects.make(project, &account, at(0)).await.unwrap()
    };
    assert_eq!(
        make(&new_project("first"), on("acct_1", false)).await,
        MadeProject::Made
    );
    assert_eq!(
        make(&new_project("second"), on("acct_1", false)).await,
        MadeProject::AccountTaken
    );
    assert_eq!(
        make(&live("second"), on("acct_1", false)).await,
        MadeProject::Made,
        "its live half is another"
    );
    assert_eq!(
        make(&new_project("third"), on("acct_1", true)).await,
        MadeProject::Made,
        "told otherwise"
    );
    assert_eq!(
        make(&new_project("fourth"), on("acct_1", false)).await,
        MadeProject::AccountTaken
    );
    assert_eq!(
        make(&new_project("fourth"), AccountUse::default()).await,
        MadeProject::Made
    );
    assert_eq!(
        make(&new_project("fifth"), AccountUse::default()).await,
        MadeProject::Made,
        "nothing is known"
    );
    assert_eq!(
        make(&new_project("fifth"), on("acct_5", false)).await,
        MadeProject::NameTaken
    );
    let second = projects
        .find(&ProjectId::parse("second").unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (second.mode, second.account),
        (StripeMode::Live, on("acct_1", false))
    );
}

/// Whoever looks first and writes later is stopped by the database where another has written between.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_want_one_account_one_gets_it(#[values(SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let making: Vec<_> = (0..8)
        .map(|number| {
            let projects = test.projects();
            tokio::spawn(async move {
                let project = new_project(&format!("project-{number}"));
                projects.make(&project, &on("acct_1", false), at(0)).await
            })
        })
        .collect();
    let mut made = 0;
    for one in making {
        match one.await.unwrap() {
            Ok(MadeProject::Made) => made += 1,
            Ok(MadeProject::AccountTaken) | Err(StoreError::Duplicate(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(made, 1);
    assert_eq!(test.projects().list().await.unwrap().len(), 1);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn of_two_changes_from_one_state_one_is_written(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let projects = test.projects();
    let new = new_project("demo");
    projects.create(&new, at(0)).await.unwrap();
    let found = projects.find(&new.id).await.unwrap().unwrap();
    let change = |key: &str| {
        let mut stripe = found.stripe.clone();
        stripe.secret_key = key.into();
        ProjectChange {
            stripe,
            account: on("acct_1", true),
            moves: false,
        }
    };
    let write = async |key: &str| {
        let written = projects
            .change(&new.id, found.mode, found.revision, &change(key))
            .await;
        written.unwrap()
    };
    assert_eq!(write("sk_test_first").await, ChangedProject::Changed);
    assert_eq!(write("sk_test_second").await, ChangedProject::Overtaken);
    let after = projects.find(&new.id).await.unwrap().unwrap();
    assert_eq!(after.stripe.secret_key.expose_secret(), "sk_test_first");
    assert_eq!(after.account, on("acct_1", true));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_project_moves_only_with_nothing_behind(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let demo = test.tenant("demo").await;
    let projects = test.projects();
    let id = demo.scope.project().clone();
    let move_to = async |account: &str| {
        let found = projects.find(&id).await.unwrap().unwrap();
        let change = ProjectChange {
            stripe: found.stripe.clone(),
            account: on(account, false),
            moves: true,
        };
        let moved = projects.change(&id, found.mode, found.revision, &change).await;
        moved.unwrap()
    };
    demo.save_customer("anna", "cus_1").await;
    let operation = demo.hold(&creation("pm_1", "anna")).await;
    assert_eq!(
        move_to("acct_1").await,
        ChangedProject::InUse,
        "an operation is open"
    );
    demo.operations
        .finish_payment_method(
            &demo.scope,
            &operation,
            &card("pm_1", "anna", at(0)),
            Alongside::nothing(),
        )
        .await
        .unwrap();
    assert_eq!(
        move_to("acct_1").await,
        ChangedProject::InUse,
        "a method is there"
    );
    assert!(demo.customer_of("anna").await.is_some());
    demo.delete(&crate::harness::method_id("pm_1")).await;
    assert_eq!(move_to("acct_1").await, ChangedProject::Changed);
    assert!(
        demo.customer_of("anna").await.is_none(),
        "the customer is at the other account"
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_project_is_shut_and_opened(#[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let demo = test.tenant("demo").await;
    let projects = test.projects();
    let id = demo.scope.project().clone();
    let status = async || projects.find(&id).await.unwrap().unwrap().status();
    assert_eq!(status().await, ProjectStatus::Active);
    assert!(projects.disable(&id).await.unwrap());
    let since = projects.find(&id).await.unwrap().unwrap().disabled_at;
    assert!(projects.disable(&id).await.unwrap(), "again is the same");
    assert_eq!(projects.find(&id).await.unwrap().unwrap().disabled_at, since);
    assert_eq!(status().await, ProjectStatus::Disabled);
    assert!(projects.enable(&id).await.unwrap());
    assert!(projects.enable(&id).await.unwrap());
    assert_eq!(status().await, ProjectStatus::Active);
    let nobody = ProjectId::parse("nobody").unwrap();
    assert!(!projects.disable(&nobody).await.unwrap());
    assert!(!projects.enable(&nobody).await.unwrap());
    assert!(projects.begin_deletion(&id).await.unwrap());
    assert!(
        !projects.enable(&id).await.unwrap(),
        "nothing takes a deletion back"
    );
    assert!(!projects.disable(&id).await.unwrap());
    assert_eq!(status().await, ProjectStatus::Deleting);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_walked_both_ways(#[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let projects = test.projects();
    let limit = |items| PageLimit::new(items).unwrap();
    let start = projects.page(&ProjectPosition::Start, limit(2)).await.unwrap();
    assert!(start.items.is_empty() && !start.has_more_after && !start.has_more_before);
    let names = ["B", "a", "a-2", "a_1", "b"];
    for name in names {
        projects.create(&new_project(name), at(0)).await.unwrap();
    }
    let name = |text: &str| ProjectId::parse(text).unwrap();
    let page = async |position: ProjectPosition, items: u8| {
        let page = projects.page(&position, limit(items)).await.unwrap();
        let names: Vec<String> = page.items.iter().map(ToString::to_string).collect();
        (names.join(" "), page.has_more_before, page.has_more_after)
    };
    let told = |names: &str, before, after| (names.to_owned(), before, after);
    assert_eq!(page(ProjectPosition::Start, 2).await, told("B a", false, true));
    assert_eq!(
        page(ProjectPosition::Start, 5).await,
        told("B a a-2 a_1 b", false, false)
    );
    assert_eq!(page(ProjectPosition::Start, 0).await, told("", false, false));
    assert_eq!(
        page(ProjectPosition::After(name("a")), 2).await,
        told("a-2 a_1", true, true)
    );
    assert_eq!(
        page(ProjectPosition::After(name("a_1")), 2).await,
        told("b", true, false)
    );
    assert_eq!(
        page(ProjectPosition::After(name("b")), 2).await,
        told("", false, false)
    );
    assert_eq!(
        page(ProjectPosition::Before(name("a_1")), 2).await,
        told("a a-2", true, true)
    );
    assert_eq!(
        page(ProjectPosition::Before(name("a")), 2).await,
        told("B", false, true)
    );
    assert_eq!(
        page(ProjectPosition::Before(name("B")), 2).await,
        told("", false, false)
    );
    assert_eq!(
        page(ProjectPosition::After(name("Z")), 1).await,
        told("a", true, true),
        "nobody's name"
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_goes_takes_on_nothing_new(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let demo = test.tenant("demo").await;
    let other = test.tenant("acme").await;
    demo.save(&card("pm_1", "anna", at(0))).await;
    let projects = test.projects();
    assert!(projects.begin_deletion(demo.scope.project()).await.unwrap());
    let begun = demo
        .operations
        .begin(&demo.scope, &creation("pm_2", "anna"), at(0))
        .await;
    assert!(matches!(begun, Err(StoreError::ProjectGone)), "{begun:?}");
    let intent = crate::harness::setup_intent_creation("anna");
    let begun = demo.operations.begin(&demo.scope, &intent, at(0)).await;
    assert!(matches!(begun, Err(StoreError::ProjectGone)), "{begun:?}");
    // What is there can be deleted, and another project works as before.
    demo.delete(&crate::harness::method_id("pm_1")).await;
    Tenant::save(&other, &card("pm_2", "anna", at(0))).await;
}
