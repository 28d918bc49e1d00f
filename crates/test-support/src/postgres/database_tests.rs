//! Databases from the shared server.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

async fn migrate(url: &str) -> MigrationResult {
    let (client, driver) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    let driver = tokio::spawn(driver);
    client
        .batch_execute("create table card (id int primary key); insert into card values (1)")
        .await?;
    drop(client);
    driver.await??;
    Ok(())
}

async fn ask(url: &str, statement: &str) -> Vec<Option<String>> {
    let connection = open(url).await.expect("a connection");
    connection
        .query(statement)
        .await
        .unwrap_or_else(|error| panic!("{}", error.words()))
}

async fn exists(name: &str) -> bool {
    let statement = format!("select 1 from pg_database where datname = '{name}'");
    !ask(&postgres_url_or_fail().await, &statement).await.is_empty()
}

/// A fingerprint that no other run has used.
fn new_fingerprint() -> String {
    Ulid::generate().to_string()
}

async fn drop_template(fingerprint: &str) {
    let url = postgres_url_or_fail().await;
    let template = template_name(fingerprint);
    ask(&url, &format!("alter database {template} with is_template false")).await;
    ask(&url, &format!("drop database {template}")).await;
}

#[tokio::test]
async fn each_test_has_its_own_migrated_database() {
    let first = PostgresDatabase::fresh("cards", migrate).await;
    let second = PostgresDatabase::fresh("cards", migrate).await;
    ask(first.superuser_url(), "insert into card values (2)").await;
    assert_eq!(
        ask(first.superuser_url(), "select count(*) from card").await,
        [Some("2".to_owned())]
    );
    assert_eq!(
        ask(second.superuser_url(), "select count(*) from card").await,
        [Some("1".to_owned())]
    );
    assert_eq!(
        ask(first.superuser_url(), "select current_database()").await,
        [Some(first.name().to_owned())]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_template_is_made_once_for_all_that_ask_at_the_same_time() {
    let fingerprint = new_fingerprint();
    let migrations = AtomicUsize::new(0);
    let counted = async |url: &str| {
        migrations.fetch_add(1, Ordering::SeqCst);
        migrate(url).await
    };
    let (one, two, three) = tokio::join!(
        PostgresDatabase::fresh(&fingerprint, counted),
        PostgresDatabase::fresh(&fingerprint, counted),
        PostgresDatabase::fresh(&fingerprint, counted),
    );
    assert_eq!(migrations.load(Ordering::SeqCst), 1);
    for database in [&one, &two, &three] {
        assert_eq!(
            ask(database.superuser_url(), "select id from card").await,
            [Some("1".to_owned())]
        );
    }
    drop_template(&fingerprint).await;
}

#[tokio::test]
async fn dropping_drops_the_database_and_its_connections() {
    let database = PostgresDatabase::fresh("cards", migrate).await;
    let name = database.name().to_owned();
    assert!(exists(&name).await);
    let connection = open(database.superuser_url()).await.expect("a connection");
    drop(database);
    assert!(!exists(&name).await);
    assert!(
        connection.query("select 1").await.is_err(),
        "the connection was ended"
    );
}

#[tokio::test]
async fn failed_migrations_are_told_and_tried_again() {
    let fingerprint = new_fingerprint();
    let error = PostgresDatabase::try_fresh(&fingerprint, async |_| Err("no\nsuch column".into()))
        .await
        .expect_err("they fail");
    assert_eq!(
        error.to_string(),
        "the migrations of the test database failed: no such column"
    );
    let database = PostgresDatabase::fresh(&fingerprint, migrate).await;
    assert_eq!(
        ask(database.superuser_url(), "select id from card").await,
        [Some("1".to_owned())]
    );
    drop_template(&fingerprint).await;
}

#[tokio::test]
async fn databases_of_killed_tests_are_swept() {
    let database = PostgresDatabase::fresh("cards", migrate).await;
    let connection = open(&postgres_url_or_fail().await).await.expect("a connection");
    // A database made two hours ago, of a test that never came to its end.
    let then = SystemTime::now() - Duration::from_hours(2);
    let id = Ulid::from_datetime(then);
    let abandoned = format!("{DATABASE_PREFIX}{}", id.to_string().to_ascii_lowercase());
    copy_template(&connection, &template_name("cards"), &abandoned)
        .await
        .expect("a copy");
    sweep(&connection, SystemTime::now()).await;
    assert!(!exists(&abandoned).await);
    assert!(exists(database.name()).await);
}

#[test]
fn only_old_databases_of_tests_are_abandoned() {
    let now = SystemTime::now();
    let fresh = format!(
        "{DATABASE_PREFIX}{}",
        Ulid::generate().to_string().to_ascii_lowercase()
    );
    assert!(!is_abandoned(&fresh, now));
    assert!(is_abandoned(&fresh, now + Duration::from_secs(3_700)));
    for other in [
        "postgres",
        "billfold_test_",
        "billfold_test_x; drop table y",
        "billfold_template_1",
    ] {
        assert!(!is_abandoned(other, now + Duration::from_secs(3_700)), "{other}");
    }
}

#[test]
fn a_url_from_the_environment_is_checked_and_never_repeated() {
    assert_eq!(
        check_url("postgres://a:b@host:1").expect("good"),
        "postgres://a:b@host:1/postgres"
    );
    assert_eq!(
        check_url("postgresql://a@host/x").expect("good"),
        "postgresql://a@host/x"
    );
    for wrong in ["mysql://secret@host/x", "secret", "postgres:///secret"] {
        let error = check_url(wrong).expect_err(wrong).to_string();
        assert!(error.starts_with("BILLFOLD_TEST_POSTGRES_URL must be"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn urls_are_made_for_proxies_and_roles() {
    let database = PostgresDatabase::fresh("cards", migrate).await;
    let address = "127.0.0.1:9".parse().expect("an address");
    assert!(
        database
            .url_at(address)
            .ends_with(&format!("@127.0.0.1:9/{}", database.name()))
    );
    let as_role = Url::parse(&database.url_as("reader", "p@ss")).expect("a URL");
    assert_eq!(
        (as_role.username(), as_role.password()),
        ("reader", Some("p%40ss"))
    );
    assert!(database.url().contains(&database.address()));
}

#[tokio::test]
async fn a_test_works_as_a_role_that_is_neither_owner_nor_superuser() {
    let database = PostgresDatabase::fresh("cards", migrate).await;
    let privileges = "select rolsuper::text || ' ' || rolbypassrls || ' ' || (select tableowner from pg_tables \
         where tablename = 'card') || ' ' || current_user from pg_roles where rolname = current_user";
    assert_eq!(
        ask(&database.url(), privileges).await,
        [Some(format!("false false {OWNER_ROLE} {APPLICATION_ROLE}"))]
    );
    assert_eq!(
        ask(&database.owner_url(), privileges).await,
        [Some(format!("false false {OWNER_ROLE} {OWNER_ROLE}"))]
    );
}
