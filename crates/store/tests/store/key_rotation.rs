//! New keys for old, beside instances that go on.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use billfold_store::{Projects, Rotation, SecretsError, StoreError};
use billfold_vault::{DataKeyVersion, VaultError};
use rstest::rstest;
use secrecy::SecretString;

use crate::{
    harness::{Backend, KEY_A, KEY_B, Postgres, SqliteInFile, SqliteInMemory, at, new_project, vault},
    sealed_credentials::{made_with, secrets, with_webhook_secrets},
};

fn rotated(number: i32) -> Rotation {
    Rotation::Rotated(DataKeyVersion::new(number).unwrap())
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn data_keys_are_wrapped_anew_and_stay_what_they_are(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let with = |lines: &[&str]| Projects::new(test.database.clone(), vault(lines));
    let (shop, store) = (with_webhook_secrets("shop"), with_webhook_secrets("store"));
    with(&[KEY_A]).create(&shop, at(0)).await.unwrap();
    with(&[KEY_A]).create(&store, at(0)).await.unwrap();

    let both = with(&[KEY_B, KEY_A]);
    assert_eq!(both.rewrap_data_keys(&shop.id).await.unwrap(), 1);
    assert_eq!(
        both.rewrap_data_keys(&shop.id).await.unwrap(),
        0,
        "once is enough"
    );
    // In the middle of it: who knows both opens everything, who knows one opens what is under it.
    for project in ["shop", "store"] {
        let id = new_project(project).id;
        assert_eq!(secrets(&both, &id).await.unwrap(), made_with(project));
    }
    let not_given = secrets(&with(&[KEY_A]), &shop.id).await;
    assert!(
        matches!(
            &not_given,
            Err(StoreError::Secrets {
                reason: SecretsError::DataKey(VaultError::UnknownMasterKey(id)),
                ..
            }) if id.as_str() == "b"
        ),
        "{not_given:?}"
    );
    let lost = with(&[KEY_B]).rewrap_data_keys(&store.id).await;
    assert!(matches!(lost, Err(StoreError::Secrets { .. })), "{lost:?}");

    assert_eq!(both.rewrap_data_keys(&store.id).await.unwrap(), 1);
    let new_alone = with(&[KEY_B]);
    for project in ["shop", "store"] {
        let id = new_project(project).id;
        assert_eq!(secrets(&new_alone, &id).await.unwrap(), made_with(project));
        let keys = new_alone.data_keys(&id).await.unwrap();
        assert_eq!(keys.len(), 1);
        assert_eq!((keys[0].version, keys[0].master_key.as_str()), (1, "b"));
        assert_eq!(keys[0].created_at, at(0), "it is the same key");
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_new_data_key_takes_the_place_of_the_one_before(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let with = |lines: &[&str]| Projects::new(test.database.clone(), vault(lines));
    let shop = with_webhook_secrets("shop");
    let projects = with(&[KEY_A]);
    projects.create(&shop, at(0)).await.unwrap();
    let rotate = async |made_before: i64, now: i64| {
        let rotation = projects.rotate_data_key(&shop.id, at(made_before), at(now)).await;
        rotation.unwrap()
    };
    assert_eq!(rotate(-1, 10).await, Rotation::Young);
    assert_eq!(rotate(10, 10).await, rotated(2));
    assert_eq!(rotate(9, 11).await, Rotation::Young);
    assert_eq!(rotate(10, 11).await, rotated(3));
    let keys = projects.data_keys(&shop.id).await.unwrap();
    assert_eq!(keys.len(), 1, "those before are gone: {keys:?}");
    assert_eq!((keys[0].version, keys[0].created_at), (3, at(11)));
    assert_eq!(secrets(&projects, &shop.id).await.unwrap(), made_with("shop"));
    // A new data key is wrapped by the current master key from the start.
    let both = with(&[KEY_B, KEY_A]);
    let rotation = both.rotate_data_key(&shop.id, at(20), at(20)).await.unwrap();
    assert_eq!(rotation, rotated(4));
    assert_eq!(
        secrets(&with(&[KEY_B]), &shop.id).await.unwrap(),
        made_with("shop")
    );
    let nobody = new_project("nobody").id;
    let nothing = both.rotate_data_key(&nobody, at(20), at(20)).await.unwrap();
    assert_eq!(nothing, Rotation::NoSecrets);
    assert_eq!(both.rewrap_data_keys(&nobody).await.unwrap(), 0);
}

/// Two rotations of both kinds, changes and reads, all at once: no read fails, no change is lost.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_reads_or_writes_meanwhile_notices_nothing(
    #[values(SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let shop = with_webhook_secrets("shop");
    let id = &shop.id;
    let mut instances = Vec::new();
    for lines in [[KEY_A, KEY_B], [KEY_B, KEY_A]] {
        instances.push(Projects::new(test.another_way_in().await, vault(&lines)));
    }
    instances[0].create(&shop, at(0)).await.unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let reads = Arc::new(AtomicUsize::new(0));
    let mut reading = Vec::new();
    for projects in instances.clone() {
        let (over, reads, id) = (Arc::clone(&over), Arc::clone(&reads), id.clone());
        reading.push(tokio::spawn(async move {
            while !over.load(Ordering::Relaxed) {
                let secrets = secrets(&projects, &id).await.unwrap();
                assert_eq!(secrets[0], "sk_test_shop");
                assert_eq!(secrets.len(), 3);
                reads.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    let mut working = Vec::new();
    for (place, projects) in instances.iter().enumerate() {
        let (rotator, rewrapper, id) = (projects.clone(), projects.clone(), id.clone());
        let its = id.clone();
        working.push(tokio::spawn(async move {
            for round in 0..10 {
                let now = at(100 + round);
                rotator.rotate_data_key(&id, now, now).await.unwrap();
            }
        }));
        working.push(tokio::spawn(async move {
            for _ in 0..10 {
                rewrapper.rewrap_data_keys(&its).await.unwrap();
            }
        }));
        let (writer, id) = (projects.clone(), shop.id.clone());
        working.push(tokio::spawn(async move {
            for round in 0..10 {
                let secret = SecretString::from(format!("whsec_{place}_{round}"));
                assert!(writer.roll_webhook_secret(&id, &secret).await.unwrap());
            }
        }));
    }
    for work in working {
        work.await.unwrap();
    }
    over.store(true, Ordering::Relaxed);
    for reader in reading {
        reader.await.unwrap();
    }
    assert!(reads.load(Ordering::Relaxed) > 2, "they were read meanwhile");
    let last = secrets(&instances[0], id).await.unwrap();
    assert!(
        last[1..].iter().any(|secret| secret.ends_with("_9")),
        "the last change of one of them is the newest: {last:?}"
    );
    assert_eq!(instances[0].data_keys(id).await.unwrap().len(), 1);
}
