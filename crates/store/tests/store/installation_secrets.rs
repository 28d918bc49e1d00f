//! Secrets that an installation makes once.

use billfold_store::{InstallationSecret::ApiKeyPepper, InstallationSecrets, MasterKeyError, StoreError};
use billfold_vault::VaultError;
use rstest::rstest;
use secrecy::{ExposeSecret as _, SecretString};

use crate::harness::{Backend, KEY_A, KEY_B, Postgres, SqliteInFile, SqliteInMemory, at, vault};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_make_a_secret_at_once_all_get_the_same(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let secrets = InstallationSecrets::new(test.database.clone(), vault(&[KEY_A]));
    assert!(secrets.master_key(ApiKeyPepper).await.unwrap().is_none());
    let makers: Vec<_> = (0..8)
        .map(|number| {
            let secrets = secrets.clone();
            tokio::spawn(async move {
                let candidate = SecretString::from(format!("candidate-{number}"));
                secrets.find_or_keep(ApiKeyPepper, &candidate, at(number)).await
            })
        })
        .collect();
    let mut got = std::collections::BTreeSet::new();
    for maker in makers {
        got.insert(maker.await.unwrap().unwrap().expose_secret().to_owned());
    }
    assert_eq!(got.len(), 1, "{got:?}");
    let later = SecretString::from("another");
    let again = secrets.find_or_keep(ApiKeyPepper, &later, at(99)).await.unwrap();
    assert!(got.contains(again.expose_secret()));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_sealed_and_follows_the_master_key(#[values(SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let under = |keys: &[&str]| InstallationSecrets::new(test.database.clone(), vault(keys));
    let (secret, other) = (SecretString::from("the pepper"), SecretString::from("another"));
    let stored = async || test.texts("select value from installation_secrets").await;
    let first = under(&[KEY_A]);
    assert!(!first.rewrap(ApiKeyPepper).await.unwrap(), "there is none yet");
    first.find_or_keep(ApiKeyPepper, &secret, at(0)).await.unwrap();
    let sealed_first = stored().await;
    assert!(!sealed_first[0].contains("pepper"), "{sealed_first:?}");

    let both = under(&[KEY_B, KEY_A]);
    assert!(both.rewrap(ApiKeyPepper).await.unwrap());
    assert!(!both.rewrap(ApiKeyPepper).await.unwrap(), "it is done");
    assert_ne!(stored().await, sealed_first);
    let kept = under(&[KEY_B])
        .find_or_keep(ApiKeyPepper, &other, at(1))
        .await
        .unwrap();
    assert_eq!(kept.expose_secret(), "the pepper");
    let refused = first.find_or_keep(ApiKeyPepper, &other, at(2)).await.err();
    assert!(
        matches!(
            refused,
            Some(StoreError::MasterKey(MasterKeyError::InstallationSecret {
                error: VaultError::UnknownMasterKey(_),
                ..
            }))
        ),
        "{refused:?}"
    );
}
