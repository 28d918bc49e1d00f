//! Behind a PgBouncer that lends its sessions for one transaction at a time.
//!
//! Not among the tests that run by themselves, since it needs the program: Debian's package `pgbouncer`.

#![allow(clippy::unwrap_used, reason = "a failed test should panic")]
#![allow(clippy::disallowed_methods, reason = "a test is its own authorisation")]

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use billfold_domain::{
    Card, CardBrand, PageLimit, PageRequest, PaymentMethod, PaymentMethodId, PaymentMethodStatus,
    PaymentMethodType, PaymentMethodTypes, Position, ProjectId, ProjectScope, UserId, UtcTimestamp,
};
use billfold_store::{
    Alongside, Claim, Database, DatabaseOptions, DatabasePooler, NewOperation, NewProject, OperationKind,
    Operations, PaymentMethods, Projects, StoreError, StripeCredentials, Subject, WebhookSecrets,
};
use billfold_test_support::{APPLICATION_ROLE, PostgresDatabase, Process, free_port, wait_for};
use billfold_vault::{MasterKeys, Vault};
use secrecy::SecretString;
use tokio_postgres::{NoTls, SimpleQueryMessage};

/// How many sessions the pooler has for everyone.
const SESSIONS: usize = 2;

/// How many programs work behind it at once.
const CLIENTS: usize = 6;

/// How many payment methods each of them saves.
const SAVED: usize = 20;

const PATIENCE: Duration = Duration::from_mins(1);

/// A running PgBouncer before a database, ended on drop.
struct Pooler {
    _process: Process,
    directory: PathBuf,
    url: String,
}

fn program() -> PathBuf {
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .chain([PathBuf::from("/usr/sbin")])
        .map(|directory| directory.join("pgbouncer"))
        .find(|path| path.is_file());
    found.expect("this test needs PgBouncer: apt-get install pgbouncer")
}

/// The settings that docs/operating.md asks for, and those that make it small and quiet.
fn configuration(port: u16, server: &str, directory: &Path) -> String {
    let (host, server_port) = server.split_once(':').unwrap();
    format!(
        "[databases]\n* = host={host} port={server_port}\n\
         [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
         auth_type = scram-sha-256\nauth_file = {}/users.txt\n\
         pool_mode = transaction\ndefault_pool_size = {SESSIONS}\nmax_client_conn = 500\n",
        directory.display()
    )
}

async fn start(database: &PostgresDatabase) -> Pooler {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = std::env::temp_dir().join(format!("billfold-pooler-{}", database.name()));
    std::fs::create_dir(&directory).unwrap();
    // The program may run as another account, see below.
    std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o755)).unwrap();
    let direct: tokio_postgres::Config = database.url().parse().unwrap();
    let password = String::from_utf8(direct.get_password().unwrap_or_default().to_vec()).unwrap();
    let port = free_port();
    let users = format!("\"{APPLICATION_ROLE}\" \"{password}\"\n");
    std::fs::write(directory.join("users.txt"), users).unwrap();
    let file = directory.join("pgbouncer.ini");
    std::fs::write(&file, configuration(port, &database.address(), &directory)).unwrap();
    let mut command = Command::new(program());
    // It refuses to be run by root, and has an account to change to where its package is installed.
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    if is_root {
        command.args(["-u", "postgres"]);
    }
    let process = Process::spawn(command.arg("-q").arg(&file)).unwrap();
    let url = database.url_at(([127, 0, 0, 1], port).into());
    wait_for(PATIENCE, "PgBouncer to answer", async || {
        Database::connect(&behind(&url)).await.ok()
    })
    .await;
    Pooler {
        _process: process,
        directory,
        url,
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn behind(url: &str) -> DatabaseOptions {
    DatabaseOptions {
        maximum_connections: 8,
        timeout: PATIENCE,
        pooler: Some(DatabasePooler::Transaction),
        ..DatabaseOptions::new(url)
    }
}

async fn migrated() -> PostgresDatabase {
    PostgresDatabase::fresh("behind a pooler", async |url| {
        let database = Database::connect(&DatabaseOptions::new(url)).await?;
        database.migrate().await?;
        database.grant_to(APPLICATION_ROLE).await?;
        Ok(())
    })
    .await
}

/// The projects of a database, sealed with a key of the tests.
fn projects(database: &Database) -> Projects {
    let keys = MasterKeys::parse("a:dGhlIGZpcnN0IG1hc3RlciBrZXkgb2YgdGVzdHMgMDE=").unwrap();
    Projects::new(database.clone(), Vault::new(keys))
}

fn project(name: &str) -> NewProject {
    NewProject {
        id: ProjectId::parse(name).unwrap(),
        stripe: StripeCredentials {
            secret_key: SecretString::from(format!("sk_test_{name}")),
            publishable_key: format!("pk_test_{name}"),
            account: None,
            webhook_secrets: WebhookSecrets::default(),
        },
    }
}

fn method(id: &str) -> PaymentMethod {
    PaymentMethod {
        id: PaymentMethodId::parse(id).unwrap(),
        user: UserId::parse("anna").unwrap(),
        payment_method_type: PaymentMethodType::Card,
        card: Card {
            brand: CardBrand::Visa,
            last4: "4242".to_owned(),
            exp_month: 12,
            exp_year: 2034,
        },
        status: PaymentMethodStatus::Available,
        created_at: UtcTimestamp::from_seconds(1_750_000_000),
    }
}

/// Saves payment methods for one project, and looks at each and at those of the other project of the same name.
async fn work(database: Database, client: usize, mine: ProjectScope, theirs: ProjectScope) {
    let operations = Operations::new(database.clone());
    let methods = PaymentMethods::new(database);
    for number in 0..SAVED {
        let saved = method(&format!("pm_{client}_{number}"));
        let new = NewOperation {
            id: format!("operation-{client}-{number}"),
            kind: OperationKind::CreatePaymentMethod,
            subject: Subject::PaymentMethod(saved.id.clone()),
            user: saved.user.clone(),
        };
        let claim = operations.begin(&mine, &new, saved.created_at).await.unwrap();
        let Claim::Held(operation) = claim else {
            panic!("nobody else has it");
        };
        operations
            .finish_payment_method(&mine, &operation, &saved, Alongside::nothing())
            .await
            .unwrap();
        assert_eq!(methods.find(&mine, &saved.id).await.unwrap(), Some(saved.clone()));
        assert_eq!(methods.find(&theirs, &saved.id).await.unwrap(), None);
        // What fails inside a transaction must not spoil the session for the next.
        let again = operations
            .finish_payment_method(&mine, &operation, &saved, Alongside::nothing())
            .await;
        assert!(matches!(again, Err(StoreError::Fenced)), "{again:?}");
    }
}

/// Asks the server by way of the pooler, as anyone may.
async fn ask(url: &str, statement: &str) -> Vec<String> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let answer = client.simple_query(statement).await.unwrap();
    let rows = answer.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
        _ => None,
    });
    rows.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_who_share_two_sessions_stay_apart_and_leave_nothing_behind() {
    let server = migrated().await;
    let pooler = start(&server).await;
    let database = Database::connect(&behind(&pooler.url)).await.unwrap();
    let scopes = ["one", "two"].map(|name| ProjectScope::authorized(ProjectId::parse(name).unwrap()));
    for name in ["one", "two"] {
        projects(&database)
            .create(&project(name), UtcTimestamp::from_seconds(0))
            .await
            .unwrap();
    }
    assert_eq!(projects(&database).list().await.unwrap().len(), 2);
    let mut working = Vec::new();
    for client in 0..CLIENTS {
        let database = Database::connect(&behind(&pooler.url)).await.unwrap();
        let (mine, theirs) = (scopes[client % 2].clone(), scopes[(client + 1) % 2].clone());
        working.push(tokio::spawn(work(database, client, mine, theirs)));
    }
    for client in working {
        client.await.unwrap();
    }
    for scope in &scopes {
        let request = PageRequest {
            user: None,
            types: PaymentMethodTypes::ALL,
            position: Position::Start,
            limit: PageLimit::MAXIMUM,
        };
        let page = PaymentMethods::new(database.clone()).page(scope, &request).await;
        assert_eq!(page.unwrap().unwrap().items.len(), CLIENTS / 2 * SAVED);
        let due = Operations::new(database.clone()).projects_due().await.unwrap();
        assert_eq!(due, [], "every operation has ended");
    }
    // Each question may meet another of the pooler's sessions.
    for _ in 0..10 * SESSIONS {
        let setting = "select coalesce(current_setting('app.project', true), '')";
        assert_eq!(ask(&pooler.url, setting).await, [""]);
        let prepared = "select count(*) from pg_prepared_statements";
        assert_eq!(ask(&pooler.url, prepared).await, ["0"]);
        let shown = "select count(*) from payment_methods";
        assert_eq!(ask(&pooler.url, shown).await, ["0"]);
    }
    let sessions = "select count(*)::text from pg_stat_activity where datname = current_database() \
         and usename = 'billfold_test_application'";
    let sessions: usize = ask(server.superuser_url(), sessions).await[0].parse().unwrap();
    assert!((1..=SESSIONS).contains(&sessions), "{sessions} sessions");
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_who_go_away_behind_a_pooler_leave_nothing_open() {
    let server = migrated().await;
    let pooler = start(&server).await;
    let database = Database::connect(&behind(&pooler.url)).await.unwrap();
    projects(&database)
        .create(&project("one"), UtcTimestamp::from_seconds(0))
        .await
        .unwrap();
    let scope = ProjectScope::authorized(ProjectId::parse("one").unwrap());
    let methods = PaymentMethods::new(database.clone());
    let id = method("pm_1").id;
    for round in 0..60 {
        let patience = Duration::from_micros(round * 137 % 4_000);
        let _ = tokio::time::timeout(patience, methods.find(&scope, &id)).await;
    }
    assert_eq!(methods.find(&scope, &id).await.unwrap(), None);
    let open = "select pid::text from pg_stat_activity where datname = current_database() \
         and usename = 'billfold_test_application' and xact_start is not null";
    wait_for(PATIENCE, "every transaction to end", async || {
        ask(server.superuser_url(), open).await.is_empty().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_pooler_cannot_do_is_refused_with_words() {
    let server = migrated().await;
    let pooler = start(&server).await;
    let database = Database::connect(&behind(&pooler.url)).await.unwrap();
    let refused = database.migrate().await;
    assert!(
        matches!(&refused, Err(StoreError::Configuration(message)) if message.contains("PostgreSQL itself")),
        "{refused:?}"
    );
    let with_options = format!("{}?options=-c%20work_mem%3D1MB", pooler.url);
    let refused = Database::connect(&behind(&with_options)).await;
    assert!(
        matches!(&refused, Err(StoreError::Configuration(message)) if message.contains("alter role")),
        "{refused:?}"
    );
}
