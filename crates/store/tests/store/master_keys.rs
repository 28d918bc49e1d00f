//! Which master keys a database takes.

use billfold_store::{MasterKeyError, Projects, StoreError};
use billfold_vault::{MasterKey, MasterKeyId, Standing};
use rstest::rstest;
use secrecy::ExposeSecret as _;

use crate::harness::{
    Backend, KEY_A, KEY_B, Postgres, SqliteInFile, SqliteInMemory, TestDatabase, at, new_project, vault,
};

fn with(test: &TestDatabase, lines: &[&str]) -> Projects {
    Projects::new(test.database.clone(), vault(lines))
}

fn id(name: &str) -> MasterKeyId {
    MasterKeyId::parse(name).unwrap()
}

/// A line with the name of the tests' usual key, and other bytes.
fn another_a() -> String {
    let key = MasterKey::generate(id("a")).unwrap();
    key.line().expose_secret().to_owned()
}

/// No project is needed to find out.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_found_out_in_an_empty_database(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    assert!(
        with(&test, &[KEY_A])
            .known_master_keys()
            .await
            .unwrap()
            .is_empty()
    );
    with(&test, &[KEY_A]).prove_master_keys().await.unwrap();
    with(&test, &[KEY_A]).prove_master_keys().await.unwrap();
    let wrong = another_a();
    let proven = with(&test, &[&wrong]).prove_master_keys().await;
    assert!(
        matches!(&proven, Err(StoreError::MasterKey(MasterKeyError::Other(name))) if *name == id("a")),
        "{proven:?}"
    );
    let told = proven.unwrap_err().to_string();
    assert!(told.contains("--master-key-file"), "{told}");
    let key = wrong.split_once(':').unwrap().1;
    assert!(!told.contains(key), "{told}");
    let unknown = with(&test, &[KEY_B]).prove_master_keys().await;
    assert!(
        matches!(&unknown, Err(StoreError::MasterKey(MasterKeyError::NoneKnown(known))) if known == &["a"]),
        "{unknown:?}"
    );
    // Neither has left anything behind.
    let known = with(&test, &[KEY_A]).known_master_keys().await.unwrap();
    assert_eq!(known.len(), 1);

    // Beside a known one a new one is taken, whichever is current, and from then on it may come alone.
    with(&test, &[KEY_A, KEY_B]).prove_master_keys().await.unwrap();
    with(&test, &[KEY_B, KEY_A]).prove_master_keys().await.unwrap();
    with(&test, &[KEY_B]).prove_master_keys().await.unwrap();
    let known = with(&test, &[KEY_B]).known_master_keys().await.unwrap();
    let standings: Vec<_> = known.iter().map(|key| (key.id.as_str(), key.standing)).collect();
    assert_eq!(standings, [("a", Standing::NotGiven), ("b", Standing::Proven)]);
    // An older one that is wrong is told as well.
    let proven = with(&test, &[KEY_B, &wrong]).prove_master_keys().await;
    assert!(matches!(proven, Err(StoreError::MasterKey(_))), "{proven:?}");
}

/// Whoever skips the proof wraps nothing with a wrong key either.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_wrapped_by_a_wrong_key(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let shop = new_project("shop");
    test.projects().create(&shop, at(0)).await.unwrap();
    let wrong = another_a();
    let projects = with(&test, &[&wrong]);
    let made = projects.create(&new_project("store"), at(0)).await;
    assert!(matches!(made, Err(StoreError::MasterKey(_))), "{made:?}");
    let wrapped = projects.rewrap_data_keys(&shop.id).await;
    assert!(matches!(wrapped, Err(StoreError::MasterKey(_))), "{wrapped:?}");
    let found = projects.find(&shop.id).await;
    assert!(matches!(found, Err(StoreError::Secrets { .. })), "{found:?}");
    let names = projects.list().await.unwrap();
    assert_eq!(names.len(), 1, "{names:?}");
    test.projects().find(&shop.id).await.unwrap().unwrap();
}

/// Two processes with different keys of one name, at the same moment, in a database that knows none.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_first_keys_of_one_name_one_is_taken(#[values(SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let lines: Vec<String> = (0..4).map(|_| another_a()).collect();
    let mut proving = Vec::new();
    for line in &lines {
        let projects = Projects::new(test.another_way_in().await, vault(&[line]));
        proving.push(tokio::spawn(async move { projects.prove_master_keys().await }));
    }
    let mut taken = 0;
    for one in proving {
        match one.await.unwrap() {
            Ok(()) => taken += 1,
            Err(StoreError::MasterKey(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(taken, 1);
}
