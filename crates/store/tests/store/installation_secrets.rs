//! Secrets that an installation makes once.

use billfold_store::{InstallationSecret::ApiKeyPepper, InstallationSecrets};
use rstest::rstest;
use secrecy::{ExposeSecret as _, SecretString};

use crate::harness::{Backend, Postgres, SqliteInFile, SqliteInMemory, at};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_make_a_secret_at_once_all_get_the_same(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let secrets = InstallationSecrets::new(test.database.clone());
    assert!(secrets.find(ApiKeyPepper).await.unwrap().is_none());
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
    let kept = secrets.find(ApiKeyPepper).await.unwrap().unwrap();
    assert!(got.contains(kept.expose_secret()));
    let later = SecretString::from("another");
    let again = secrets.find_or_keep(ApiKeyPepper, &later, at(99)).await.unwrap();
    assert_eq!(again.expose_secret(), kept.expose_secret());
}
