//! Databases of versions before sealing.

use billfold_store::{SecretsError, StoreError};
use rstest::rstest;

use crate::{
    harness::{Backend, Postgres, SqliteInFile, at, new_project},
    sealed_credentials::{before_sealing, made_with, secrets},
};

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn plain_secrets_are_found_sealed_once_and_leave_no_trace(
    #[values(SqliteInFile, Postgres)] backend: Backend,
) {
    let test = before_sealing(backend).await;
    let applied = test.database.migrate().await.unwrap().applied;
    assert!(applied.contains(&"00000000000005".to_owned()), "{applied:?}");
    let projects = test.projects();
    let (shop, store) = (new_project("shop").id, new_project("store").id);
    let found = projects.find(&shop).await;
    assert!(
        matches!(
            &found,
            Err(StoreError::Secrets {
                reason: SecretsError::Plain,
                ..
            })
        ),
        "{found:?}"
    );
    assert!(found.unwrap_err().to_string().contains("billfold migrate"));
    assert!(test.database.has_plain_secrets(&shop).await.unwrap());

    // Several at once, each with connections of its own: one of them seals it.
    let mut sealing = Vec::new();
    for _ in 0..4 {
        let (database, id) = (test.another_way_in().await, shop.clone());
        let vault = crate::harness::vault(&[crate::harness::KEY_A]);
        let projects = billfold_store::Projects::new(database, vault);
        sealing.push(tokio::spawn(async move {
            projects.seal_plain_secrets(&id, at(0)).await.unwrap()
        }));
    }
    let mut sealed = 0;
    for one in sealing {
        sealed += usize::from(one.await.unwrap());
    }
    assert_eq!(sealed, 1);
    assert!(!test.database.has_plain_secrets(&shop).await.unwrap());
    assert!(test.database.has_plain_secrets(&store).await.unwrap());
    assert!(projects.seal_plain_secrets(&store, at(0)).await.unwrap());
    for (id, name) in [(&shop, "shop"), (&store, "store")] {
        assert_eq!(secrets(&projects, id).await.unwrap(), made_with(name));
    }
    // The rows are sealed; what was written over may still lie in the files until it is scrubbed.
    test.of_owner().await.scrub_replaced_secrets().await.unwrap();
    for canary in ["sk_test_shop", "whsec_current_shop", "whsec_previous_store"] {
        assert!(!test.files_have(canary).await, "{canary}");
    }
    assert!(test.files_have("pk_test_shop").await, "the files were looked at");
    assert_eq!(secrets(&projects, &shop).await.unwrap(), made_with("shop"));
}

/// A row that was sealed once and says that it never was is not believed.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_was_sealed_is_not_taken_for_plain_again(#[values(SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let projects = test.projects();
    let shop = new_project("shop");
    projects.create(&shop, at(0)).await.unwrap();
    test.execute("update stripe_credentials set secret_key = 'sk_test_planted', data_key_version = null")
        .await;
    let sealed = projects.seal_plain_secrets(&shop.id, at(1)).await;
    assert!(matches!(sealed, Err(StoreError::Duplicate(_))), "{sealed:?}");
    let found = projects.find(&shop.id).await;
    assert!(matches!(found, Err(StoreError::Secrets { .. })), "{found:?}");
}
