//! Projects and their credentials.

use billfold_domain::{ProjectId, StripeAccountId};
use billfold_store::{Projects, StoreError};
use rstest::rstest;
use secrecy::ExposeSecret as _;

use crate::harness::{Backend, Postgres, SqliteInFile, SqliteInMemory, at, new_project};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_project_is_found_as_it_was_made(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
    #[values(None, Some("acct_1"))] account: Option<&str>,
) {
    let test = backend.migrated().await;
    let projects = Projects::new(test.database.clone());
    let mut new = new_project("demo");
    new.stripe.account = account.map(|id| StripeAccountId::parse(id).unwrap());
    projects.create(&new, at(7)).await.unwrap();

    let found = projects.find(&new.id).await.unwrap().unwrap();
    assert_eq!(found.id, new.id);
    assert_eq!(found.created_at, at(7));
    assert_eq!(found.disabled_at, None);
    assert_eq!(found.stripe.secret_key.expose_secret(), "sk_test_demo");
    assert_eq!(found.stripe.publishable_key, "pk_test_demo");
    assert_eq!(found.stripe.account, new.stripe.account);
    assert!(
        projects
            .find(&ProjectId::parse("Demo").unwrap())
            .await
            .unwrap()
            .is_none(),
        "names are case-sensitive"
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn projects_are_listed_by_the_bytes_of_their_names(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let projects = Projects::new(test.database.clone());
    assert!(projects.list().await.unwrap().is_empty());
    for name in ["b", "a_1", "B", "a-2", "a", "10", "9"] {
        projects.create(&new_project(name), at(0)).await.unwrap();
    }
    let names: Vec<_> = projects
        .list()
        .await
        .unwrap()
        .iter()
        .map(|project| project.id.to_string())
        .collect();
    assert_eq!(names, ["10", "9", "B", "a", "a-2", "a_1", "b"]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_given_once(#[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let projects = Projects::new(test.database.clone());
    projects.create(&new_project("demo"), at(0)).await.unwrap();
    let mut second = new_project("demo");
    second.stripe.publishable_key = "pk_test_other".to_owned();
    let again = projects.create(&second, at(1)).await;
    assert!(matches!(again, Err(StoreError::Duplicate(_))), "{again:?}");
    let found = projects.find(&second.id).await.unwrap().unwrap();
    assert_eq!(
        (found.created_at, found.stripe.publishable_key.as_str()),
        (at(0), "pk_test_demo")
    );
}
