//! The rows of API keys.

use billfold_domain::{ApiKeyHash, ApiKeyId, ApiKeyName, ApiKeyScopes};
use billfold_store::{ApiKeyUse, ApiKeys, Database, FoundApiKey, NewApiKey, StoreError, StoredApiKey};
use rstest::rstest;

use crate::harness::{
    Backend, Postgres, SqliteInFile, SqliteInMemory, TestDatabase, at, patient, run_on_postgres,
};

fn id(text: &str) -> ApiKeyId {
    ApiKeyId::parse(text).unwrap()
}

fn hash(byte: u8) -> ApiKeyHash {
    ApiKeyHash::from_bytes([byte; 32])
}

fn new(name: &str, byte: u8) -> NewApiKey {
    NewApiKey {
        id: id(name),
        hash: hash(byte),
        scopes: ApiKeyScopes::ReadAndWrite,
        name: None,
        expires_at: None,
    }
}

fn keys(test: &TestDatabase) -> ApiKeys {
    ApiKeys::new(test.database.clone())
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_found_by_its_hash_and_listed_as_it_was_made(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let (demo, acme) = (test.tenant("demo").await, test.tenant("acme").await);
    let keys = keys(&test);
    let named = NewApiKey {
        scopes: ApiKeyScopes::Read,
        name: Some(ApiKeyName::parse("nightly export, Zürich").unwrap()),
        expires_at: Some(at(500)),
        ..new("B", 1)
    };
    keys.create(&demo.scope, &named, at(1)).await.unwrap();
    keys.create(&demo.scope, &new("A", 2), at(2)).await.unwrap();
    keys.create(&acme.scope, &new("B", 3), at(3)).await.unwrap();

    let found = keys.find_by_hash(hash(1)).await.unwrap();
    let expected = FoundApiKey {
        project: demo.scope.project().clone(),
        id: id("B"),
        scopes: ApiKeyScopes::Read,
        expires_at: Some(at(500)),
        revoked_at: None,
        last_used_at: None,
    };
    assert_eq!(found, [expected]);
    let of_acme = keys.find_by_hash(hash(3)).await.unwrap();
    assert_eq!(
        (of_acme[0].project.as_str(), of_acme[0].id.as_str()),
        ("acme", "B")
    );
    assert_eq!(keys.find_by_hash(hash(4)).await.unwrap(), []);

    let listed = keys.list(&demo.scope).await.unwrap();
    let first = StoredApiKey {
        id: id("B"),
        scopes: ApiKeyScopes::Read,
        name: named.name.clone(),
        created_at: at(1),
        expires_at: Some(at(500)),
        revoked_at: None,
        last_used_at: None,
    };
    assert_eq!(listed[0], first);
    assert_eq!((listed.len(), listed[1].id.as_str()), (2, "A"));
    assert_eq!(keys.list(&acme.scope).await.unwrap().len(), 1);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_taken_once_in_a_project_and_a_key_needs_one(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let demo = test.tenant("demo").await;
    let keys = keys(&test);
    keys.create(&demo.scope, &new("A", 1), at(0)).await.unwrap();
    let again = keys.create(&demo.scope, &new("A", 2), at(0)).await;
    assert!(matches!(again, Err(StoreError::Duplicate(_))), "{again:?}");
    let nowhere = crate::harness::Tenant::of(&test.database, "nowhere").scope;
    let without_project = keys.create(&nowhere, &new("B", 3), at(0)).await;
    assert!(without_project.is_err());
    assert_eq!(keys.find_by_hash(hash(2)).await.unwrap(), []);
    assert_eq!(keys.find_by_hash(hash(3)).await.unwrap(), []);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_hash_that_is_there_twice_is_told(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let (demo, acme) = (test.tenant("demo").await, test.tenant("acme").await);
    let keys = keys(&test);
    keys.create(&demo.scope, &new("A", 1), at(0)).await.unwrap();
    keys.create(&acme.scope, &new("B", 1), at(0)).await.unwrap();
    keys.create(&acme.scope, &new("C", 1), at(0)).await.unwrap();
    assert_eq!(keys.find_by_hash(hash(1)).await.unwrap().len(), 2);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_is_of_one_project_and_stays_as_it_was(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let (demo, acme) = (test.tenant("demo").await, test.tenant("acme").await);
    let keys = keys(&test);
    keys.create(&demo.scope, &new("A", 1), at(0)).await.unwrap();
    keys.create(&demo.scope, &new("B", 2), at(0)).await.unwrap();
    for (scope, name) in [(&acme.scope, "A"), (&demo.scope, "C")] {
        assert_eq!(keys.revoke(scope, &id(name), at(5)).await.unwrap(), None);
    }
    assert_eq!(keys.find_by_hash(hash(1)).await.unwrap()[0].revoked_at, None);
    for seconds in [5, 9] {
        let since = keys.revoke(&demo.scope, &id("A"), at(seconds)).await.unwrap();
        assert_eq!(since, Some(at(5)));
    }
    let of = async |byte| keys.find_by_hash(hash(byte)).await.unwrap()[0].revoked_at;
    assert_eq!((of(1).await, of(2).await), (Some(at(5)), None));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_use_is_recorded_at_most_once_a_minute_and_never_backwards(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let (demo, acme) = (test.tenant("demo").await, test.tenant("acme").await);
    let keys = keys(&test);
    for (scope, byte) in [(&demo.scope, 1), (&acme.scope, 2)] {
        keys.create(scope, &new("A", byte), at(0)).await.unwrap();
    }
    for (seconds, expected) in [
        (100, 100),
        (101, 100),
        (159, 100),
        (160, 160),
        (30, 160),
        (500, 500),
    ] {
        let uses = [("A", seconds), ("unknown", seconds)].map(|(name, seconds)| ApiKeyUse {
            id: id(name),
            at: at(seconds),
        });
        keys.record_uses(&demo.scope, &uses).await.unwrap();
        let listed = keys.list(&demo.scope).await.unwrap();
        assert_eq!(listed[0].last_used_at, Some(at(expected)), "at {seconds}");
    }
    let found = keys.find_by_hash(hash(1)).await.unwrap();
    assert_eq!(found[0].last_used_at, Some(at(500)));
    assert_eq!(keys.list(&acme.scope).await.unwrap()[0].last_used_at, None);
}

/// The application's role, which row-level security holds, sees a key's row by naming its hash, that one row, and for that one
/// statement.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_knows_a_hash_sees_its_row_and_no_other() {
    let test = Postgres.migrated().await;
    let (demo, acme) = (test.tenant("demo").await, test.tenant("acme").await);
    let all = keys(&test);
    all.create(&demo.scope, &new("A", 1), at(0)).await.unwrap();
    all.create(&demo.scope, &new("B", 2), at(0)).await.unwrap();
    all.create(&acme.scope, &new("A", 3), at(0)).await.unwrap();
    let url = test.server().url();
    let restricted = ApiKeys::new(Database::connect(&patient(&url)).await.unwrap());
    // Twice, so that a setting that stayed on the connection would be found.
    for _ in 0..2 {
        for (byte, expected) in [(1, Some("demo")), (3, Some("acme")), (9, None)] {
            let found = restricted.find_by_hash(hash(byte)).await.unwrap();
            let projects: Vec<_> = found.iter().map(|key| key.project.as_str()).collect();
            assert_eq!(projects, Vec::from_iter(expected), "{byte}");
        }
    }
    let setting = |name: &str, value: &str| format!("select set_config('{name}', '{value}', false)");
    let by_hash = setting("app.api_key_hash", &hash(1).to_hex());
    let names = "select project_id || '/' || id from api_keys order by 1";
    let see = async |set: &str, query: &str| {
        let seen = run_on_postgres(&url, &format!("{set}; {query}")).await;
        // The first row is the setting's own.
        seen[1..].to_vec()
    };
    assert_eq!(see(&by_hash, names).await, ["demo/A"]);
    assert_eq!(
        see(&setting("app.project", "demo"), names).await,
        ["demo/A", "demo/B"]
    );
    assert_eq!(see("select 0", names).await, [""; 0]);
    // To know a hash is not to own the row.
    let update = "update api_keys set revoked_at = now() returning id";
    assert_eq!(see(&by_hash, update).await, [""; 0]);
}
