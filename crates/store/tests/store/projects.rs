//! Projects and their credentials.

use billfold_domain::{ProjectId, StripeAccountId};
use billfold_store::StoreError;
use rstest::rstest;
use secrecy::{ExposeSecret as _, SecretString};

use crate::harness::{Backend, Postgres, SqliteInFile, SqliteInMemory, at, new_project};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_project_is_found_as_it_was_made(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
    #[values(None, Some("acct_1"))] account: Option<&str>,
) {
    let test = backend.migrated().await;
    let projects = test.projects();
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
    let projects = test.projects();
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
    let projects = test.projects();
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

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn webhook_secrets_are_rolled_two_at_a_time(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let projects = test.projects();
    let (demo, acme) = (new_project("demo"), new_project("acme"));
    projects.create(&demo, at(0)).await.unwrap();
    projects.create(&acme, at(0)).await.unwrap();
    let live = async |id: &ProjectId| -> Vec<String> {
        let found = projects.find(id).await.unwrap().unwrap();
        let live = found.stripe.webhook_secrets.live();
        live.map(|secret| secret.expose_secret().to_owned()).collect()
    };
    let roll = async |secret: &str| {
        let secret = SecretString::from(secret);
        projects.roll_webhook_secret(&demo.id, &secret).await.unwrap()
    };
    assert!(live(&demo.id).await.is_empty());
    assert!(roll("whsec_1").await);
    assert_eq!(live(&demo.id).await, ["whsec_1"]);
    assert!(roll("whsec_2").await);
    assert_eq!(live(&demo.id).await, ["whsec_2", "whsec_1"]);
    assert!(
        !roll("whsec_2").await,
        "the same again costs the one before nothing"
    );
    assert_eq!(live(&demo.id).await, ["whsec_2", "whsec_1"]);
    assert!(roll("whsec_3").await);
    assert_eq!(live(&demo.id).await, ["whsec_3", "whsec_2"]);
    assert!(live(&acme.id).await.is_empty());

    // Other credentials come and go without them.
    projects.create_or_update(&demo, at(1)).await.unwrap();
    assert_eq!(live(&demo.id).await, ["whsec_3", "whsec_2"]);
    let nobody = ProjectId::parse("nobody").unwrap();
    let secret = SecretString::from("whsec_1");
    assert!(!projects.roll_webhook_secret(&nobody, &secret).await.unwrap());
}
