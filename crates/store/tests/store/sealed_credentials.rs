//! Secrets in the database: sealed, bound to their row, and gone when they are wiped.

use std::time::Duration;

use billfold_domain::ProjectId;
use billfold_store::{Database, NewProject, Projects, SecretsError, StoreError, WebhookSecrets};
use billfold_vault::VaultError;
use rstest::rstest;
use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    harness::{
        Backend, KEY_A, Postgres, SqliteInFile, SqliteInMemory, Tenant, at, fresh_postgres, new_project,
        patient, vault,
    },
    recording::Recorder,
};

/// A project with all three secrets.
pub(crate) fn with_webhook_secrets(name: &str) -> NewProject {
    let mut new = new_project(name);
    new.stripe.webhook_secrets = WebhookSecrets {
        current: Some(format!("whsec_current_{name}").into()),
        previous: Some(format!("whsec_previous_{name}").into()),
    };
    new
}

/// The three secrets of a project as they are used.
pub(crate) async fn secrets(projects: &Projects, id: &ProjectId) -> Result<Vec<String>, StoreError> {
    let stripe = projects.find(id).await?.unwrap().stripe;
    let all = std::iter::once(&stripe.secret_key).chain(stripe.webhook_secrets.live());
    Ok(all.map(|secret| secret.expose_secret().to_owned()).collect())
}

/// The three secrets that a project of this name was made with.
pub(crate) fn made_with(name: &str) -> Vec<String> {
    vec![
        format!("sk_test_{name}"),
        format!("whsec_current_{name}"),
        format!("whsec_previous_{name}"),
    ]
}

const COLUMNS: [&str; 3] = ["secret_key", "webhook_secret", "previous_webhook_secret"];

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn columns_look_nothing_like_the_secrets(#[values(SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let projects = test.projects();
    for name in ["shop", "store"] {
        projects.create(&with_webhook_secrets(name), at(0)).await.unwrap();
    }
    let mut all = Vec::new();
    for column in COLUMNS {
        let stored = test
            .texts(&format!("select {column} from stripe_credentials"))
            .await;
        assert_eq!(stored.len(), 2);
        for text in &stored {
            assert!(text.starts_with("bfs1.1."), "{column}: {text}");
            assert!(!text.contains("sk_") && !text.contains("whsec_"), "{text}");
        }
        all.extend(stored);
    }
    let keys = test.texts("select wrapped from project_data_keys").await;
    assert!(keys.iter().all(|key| key.starts_with("bfw1.1.")), "{keys:?}");
    all.extend(keys);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 8, "no two are alike");
    for name in ["shop", "store"] {
        let id = new_project(name).id;
        assert_eq!(secrets(&projects, &id).await.unwrap(), made_with(name));
    }
}

/// Moves what is sealed to where it does not belong, as someone may who can write to the database.
#[rstest]
#[case::between_projects(
    "update stripe_credentials set secret_key =
        (select other.secret_key from stripe_credentials other where other.project_id = 'store')
     where project_id = 'shop'",
    SecretsError::Column { column: "secret_key", error: VaultError::NotOpened }
)]
#[case::between_projects_with_the_data_key(
    "update stripe_credentials set secret_key =
        (select other.secret_key from stripe_credentials other where other.project_id = 'store')
     where project_id = 'shop';
     update project_data_keys set wrapped =
        (select other.wrapped from project_data_keys other where other.project_id = 'store')
     where project_id = 'shop'",
    SecretsError::DataKey(VaultError::NotOpened)
)]
#[case::between_columns(
    "update stripe_credentials set webhook_secret = previous_webhook_secret where project_id = 'shop'",
    SecretsError::Column { column: "webhook_secret", error: VaultError::NotOpened }
)]
#[case::to_another_version(
    "update stripe_credentials set secret_key = 'bfs1.2.' || substr(secret_key, 8) where project_id = 'shop'",
    SecretsError::Column { column: "secret_key", error: VaultError::OtherVersion }
)]
#[case::into_plain_text(
    "update stripe_credentials set secret_key = 'sk_test_planted' where project_id = 'shop'",
    SecretsError::Column { column: "secret_key", error: VaultError::Malformed }
)]
#[case::into_plain_text_of_a_version_before(
    "update stripe_credentials set secret_key = 'sk_test_planted', data_key_version = null where project_id = 'shop'",
    SecretsError::Plain
)]
#[tokio::test(flavor = "multi_thread")]
async fn what_was_moved_does_not_open(
    #[case] statements: &str,
    #[case] expected: SecretsError,
    #[values(SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let projects = test.projects();
    let (shop, store) = (with_webhook_secrets("shop"), with_webhook_secrets("store"));
    projects.create(&shop, at(0)).await.unwrap();
    projects.create(&store, at(0)).await.unwrap();
    test.execute(statements).await;

    let found = projects.find(&shop.id).await;
    let Err(StoreError::Secrets { project, reason }) = &found else {
        panic!("{found:?}");
    };
    assert_eq!((project, reason), (&shop.id, &expected));
    // Nothing is written over what a person must look at, and nobody else is affected.
    let secret = SecretString::from("whsec_new");
    let rolled = projects.roll_webhook_secret(&shop.id, &secret).await;
    assert!(matches!(rolled, Err(StoreError::Secrets { .. })), "{rolled:?}");
    let rotated = projects.rotate_data_key(&shop.id, at(1), at(1)).await;
    assert!(matches!(rotated, Err(StoreError::Secrets { .. })), "{rotated:?}");
    assert_eq!(secrets(&projects, &store.id).await.unwrap(), made_with("store"));
    assert_eq!(projects.list().await.unwrap().len(), 2);
}

/// What a statement has can be in the server's log.
#[tokio::test(flavor = "multi_thread")]
async fn no_statement_has_a_secret() {
    let server = fresh_postgres().await;
    let recorder = Recorder::before(server.address()).await;
    let database = Database::connect(&patient(&server.url_at(recorder.address)))
        .await
        .unwrap();
    let projects = Projects::new(database, vault(&[KEY_A]));
    let shop = with_webhook_secrets("shop");
    projects.prove_master_keys().await.unwrap();
    projects.create(&shop, at(0)).await.unwrap();
    projects.create_or_update(&shop, at(1)).await.unwrap();
    for secret in ["whsec_third", "whsec_third", "whsec_fourth"] {
        projects
            .roll_webhook_secret(&shop.id, &SecretString::from(secret))
            .await
            .unwrap();
    }
    projects.rotate_data_key(&shop.id, at(2), at(2)).await.unwrap();
    assert_eq!(
        secrets(&projects, &shop.id).await.unwrap(),
        ["sk_test_shop", "whsec_fourth", "whsec_third"]
    );
    let sent = recorder.sent();
    assert!(
        sent.contains("stripe_credentials") && sent.contains("pk_test_shop"),
        "what is no secret is seen"
    );
    for never in ["sk_test_", "whsec_", "the first master key"] {
        assert!(!sent.contains(never), "{never} was sent");
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_wiped_with_their_keys(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let projects = test.projects();
    for name in ["shop", "store"] {
        projects.create(&with_webhook_secrets(name), at(0)).await.unwrap();
    }
    let (shop, store) = (Tenant::of(&test.database, "shop"), new_project("store").id);
    let id = shop.scope.project();
    assert!(projects.begin_deletion(id).await.unwrap());
    assert!(
        projects
            .finish_deletion(&shop.scope, Duration::ZERO)
            .await
            .unwrap()
    );
    assert!(projects.find(id).await.unwrap().is_none());
    assert!(projects.data_keys(id).await.unwrap().is_empty());
    assert_eq!(secrets(&projects, &store).await.unwrap(), made_with("store"));
}

/// The database itself keeps a data key for as long as anything is sealed by it.
#[tokio::test(flavor = "multi_thread")]
async fn a_data_key_that_is_needed_cannot_be_deleted() {
    let server = fresh_postgres().await;
    let database = Database::connect(&patient(&server.url())).await.unwrap();
    let projects = Projects::new(database, vault(&[KEY_A]));
    projects
        .create(&with_webhook_secrets("shop"), at(0))
        .await
        .unwrap();
    let (client, connection) = tokio_postgres::connect(server.superuser_url(), tokio_postgres::NoTls)
        .await
        .unwrap();
    let driving = tokio::spawn(connection);
    let refused = client.batch_execute("delete from project_data_keys").await;
    assert!(
        refused
            .unwrap_err()
            .as_db_error()
            .unwrap()
            .message()
            .contains("foreign key")
    );
    drop(client);
    driving.await.unwrap().unwrap();
}
