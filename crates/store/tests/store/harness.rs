//! Databases, tenants and objects for the tests.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use billfold_domain::{
    Card, CardBrand, CustomerId, PaymentMethod, PaymentMethodId, PaymentMethodStatus, PaymentMethodType,
    ProjectId, ProjectScope, SetupIntentId, UserId, UtcTimestamp,
};
use billfold_store::{
    BeginCreate, BeginDelete, Claim, Customers, Database, DatabaseOptions, Deletable, IdempotencyKeys,
    NewOperation, NewProject, Operation, OperationKind, Operations, PaymentMethods, Projects, SetupIntents,
    StripeCredentials, Subject, WebhookSecrets,
};
use billfold_test_support::{APPLICATION_ROLE, PostgresDatabase, SQLITE_IN_MEMORY_URL, SqliteFile};
use billfold_vault::{MasterKeys, Vault};
use diesel::{Connection as _, RunQueryDsl as _, SqliteConnection, connection::SimpleConnection as _};
use secrecy::SecretString;
use tokio_postgres::{NoTls, SimpleQueryMessage};

/// A kind of database that every test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    SqliteInMemory,
    SqliteFile,
    Postgres,
}

pub(crate) use Backend::{Postgres, SqliteFile as SqliteInFile, SqliteInMemory};

/// What keeps a database in the world while a test uses it.
enum Place {
    Memory,
    File(SqliteFile),
    Server(PostgresDatabase),
}

/// A database that no other test sees.
pub(crate) struct TestDatabase {
    pub(crate) database: Database,
    place: Place,
}

impl Backend {
    /// A database without any table; in PostgreSQL, as the role that may make some.
    pub(crate) async fn empty(self) -> TestDatabase {
        let place = match self {
            Self::SqliteInMemory => Place::Memory,
            Self::SqliteFile => Place::File(SqliteFile::fresh()),
            Self::Postgres => Place::Server(PostgresDatabase::fresh("empty", async |_| Ok(())).await),
        };
        TestDatabase::open_as_owner(place).await
    }

    /// A database that is ready for use.
    pub(crate) async fn migrated(self) -> TestDatabase {
        let Self::Postgres = self else {
            let test = self.empty().await;
            test.database.migrate().await.unwrap();
            return test;
        };
        TestDatabase::open(Place::Server(fresh_postgres().await)).await
    }
}

/// A migrated PostgreSQL database.
pub(crate) async fn fresh_postgres() -> PostgresDatabase {
    PostgresDatabase::fresh(&migrations_as_text(), async |url| {
        let database = Database::connect(&DatabaseOptions::new(url)).await?;
        database.migrate().await?;
        database.grant_to(APPLICATION_ROLE).await?;
        Ok(())
    })
    .await
}

/// Every migration of PostgreSQL, to tell whether a database was made by the same ones.
fn migrations_as_text() -> String {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/postgres");
    let mut texts: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|migration| std::fs::read_to_string(migration.unwrap().path().join("up.sql")).unwrap())
        .collect();
    texts.sort();
    texts.concat()
}

/// Options that leave a machine under load time to answer.
pub(crate) fn patient(url: &str) -> DatabaseOptions {
    DatabaseOptions {
        timeout: Duration::from_mins(1),
        ..DatabaseOptions::new(url)
    }
}

impl TestDatabase {
    async fn open(place: Place) -> Self {
        let url = match &place {
            Place::Memory => SQLITE_IN_MEMORY_URL.to_owned(),
            Place::File(file) => file.url().to_owned(),
            Place::Server(server) => server.url(),
        };
        Self {
            database: Database::connect(&patient(&url)).await.unwrap(),
            place,
        }
    }

    async fn open_as_owner(place: Place) -> Self {
        let Place::Server(server) = &place else {
            return Self::open(place).await;
        };
        Self {
            database: Database::connect(&patient(&server.owner_url())).await.unwrap(),
            place,
        }
    }

    /// The database as whoever migrates it has it.
    pub(crate) async fn of_owner(&self) -> Database {
        match &self.place {
            Place::Memory | Place::File(_) => self.database.clone(),
            Place::Server(server) => Database::connect(&patient(&server.owner_url())).await.unwrap(),
        }
    }

    /// The server that the database is on. PostgreSQL only.
    pub(crate) fn server(&self) -> &PostgresDatabase {
        match &self.place {
            Place::Server(server) => server,
            Place::Memory | Place::File(_) => panic!("SQLite has no server"),
        }
    }

    /// The database as another process would have it. In memory there is no other way in than by the first.
    pub(crate) async fn another_way_in(&self) -> Database {
        match &self.place {
            Place::Memory => self.database.clone(),
            Place::File(file) => Database::connect(&patient(file.url())).await.unwrap(),
            Place::Server(server) => Database::connect(&patient(&server.url())).await.unwrap(),
        }
    }

    /// Runs statements behind the store's back. Not for a database in memory.
    pub(crate) async fn execute(&self, statements: &str) {
        match &self.place {
            Place::Memory => panic!("a database in memory has no back"),
            Place::File(file) => {
                SqliteConnection::establish(file.path().to_str().unwrap())
                    .unwrap()
                    .batch_execute(statements)
                    .unwrap();
            }
            Place::Server(server) => {
                run_on_postgres(server.superuser_url(), statements).await;
            }
        }
    }

    /// Tries statements behind the store's back, and gives the database's words where it refuses. Not for a database in
    /// memory.
    pub(crate) async fn try_to_execute(&self, statements: &str) -> Result<(), String> {
        match &self.place {
            Place::Memory => panic!("a database in memory has no back"),
            Place::File(file) => SqliteConnection::establish(file.path().to_str().unwrap())
                .unwrap()
                .batch_execute(statements)
                .map_err(|error| error.to_string()),
            Place::Server(server) => {
                let (client, connection) = tokio_postgres::connect(server.superuser_url(), NoTls)
                    .await
                    .unwrap();
                let driving = tokio::spawn(connection);
                let tried = client.batch_execute(statements).await;
                drop(client);
                driving.await.unwrap().unwrap();
                tried.map_err(|error| match error.as_db_error() {
                    Some(told) => told.message().to_owned(),
                    None => error.to_string(),
                })
            }
        }
    }

    /// The first column of a query's rows, as text. Not for a database in memory.
    pub(crate) async fn texts(&self, query: &str) -> Vec<String> {
        match &self.place {
            Place::Memory => panic!("a database in memory has no back"),
            Place::File(file) => {
                let mut connection = SqliteConnection::establish(file.path().to_str().unwrap()).unwrap();
                let query = format!(
                    "select cast(value as text) as value from (select 0 as value where 0 union all {query})"
                );
                let rows: Vec<TextRow> = diesel::sql_query(query).load(&mut connection).unwrap();
                rows.into_iter().map(|row| row.value).collect()
            }
            Place::Server(server) => run_on_postgres(server.superuser_url(), query).await,
        }
    }

    /// Whether the bytes of the table of credentials, wherever they lie, have this text. Not for a database in memory.
    pub(crate) async fn files_have(&self, text: &str) -> bool {
        match &self.place {
            Place::Memory => panic!("a database in memory has no files"),
            Place::File(file) => ["", "-wal"].iter().any(|suffix| {
                let bytes = std::fs::read(format!("{}{suffix}", file.path().display())).unwrap_or_default();
                String::from_utf8_lossy(&bytes).contains(text)
            }),
            Place::Server(server) => {
                let of_table = "pg_relation_filepath('stripe_credentials')";
                let query = format!(
                    "checkpoint; select position('{text}'::bytea in pg_read_binary_file({of_table})) > 0"
                );
                run_on_postgres(server.superuser_url(), &query).await == ["t"]
            }
        }
    }

    /// The projects, with the usual master key.
    pub(crate) fn projects(&self) -> Projects {
        Projects::new(self.database.clone(), vault(&[KEY_A]))
    }

    /// A tenant of this name, made now.
    pub(crate) async fn tenant(&self, project: &str) -> Tenant {
        self.projects()
            .create(&new_project(project), at(0))
            .await
            .unwrap();
        Tenant::of(&self.database, project)
    }
}

#[derive(diesel::QueryableByName)]
struct TextRow {
    #[diesel(sql_type = diesel::sql_types::Text)]
    value: String,
}

/// Runs statements on a connection of their own and gives the first column of what they return.
pub(crate) async fn run_on_postgres(url: &str, statements: &str) -> Vec<String> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let driving = tokio::spawn(connection);
    let answer = client.simple_query(statements).await.unwrap();
    drop(client);
    driving.await.unwrap().unwrap();
    answer
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
            _ => None,
        })
        .collect()
}

/// A tenant and everything that can be done under its scope.
#[derive(Clone)]
pub(crate) struct Tenant {
    pub(crate) scope: ProjectScope,
    pub(crate) operations: Operations,
    pub(crate) payment_methods: PaymentMethods,
    pub(crate) customers: Customers,
    pub(crate) setup_intents: SetupIntents,
    pub(crate) idempotency_keys: IdempotencyKeys,
}

impl Tenant {
    pub(crate) fn of(database: &Database, project: &str) -> Self {
        Self {
            scope: ProjectScope::authorized(ProjectId::parse(project).unwrap()),
            operations: Operations::new(database.clone()),
            payment_methods: PaymentMethods::new(database.clone()),
            customers: Customers::new(database.clone()),
            setup_intents: SetupIntents::new(database.clone()),
            idempotency_keys: IdempotencyKeys::new(database.clone()),
        }
    }

    /// Begins an operation that nothing stands in the way of.
    pub(crate) async fn hold(&self, new: &NewOperation) -> Operation {
        held(self.operations.begin(&self.scope, new, at(0)).await.unwrap())
    }

    /// Saves a payment method as an operation does.
    pub(crate) async fn save(&self, payment_method: &PaymentMethod) {
        let operation = self
            .hold(&creation(
                payment_method.id.as_str(),
                payment_method.user.as_str(),
            ))
            .await;
        self.operations
            .finish_payment_method(&self.scope, &operation, payment_method)
            .await
            .unwrap();
    }

    /// Deletes a payment method, to the end.
    pub(crate) async fn delete(&self, id: &PaymentMethodId) {
        match self.begin_delete(id, None).await {
            BeginDelete::Held(operation, _) => self.operations.end(&self.scope, &operation).await.unwrap(),
            other => panic!("{id} cannot be deleted: {other:?}"),
        }
    }

    pub(crate) async fn begin_delete(&self, id: &PaymentMethodId, owner: Option<&str>) -> BeginDelete {
        let owner = owner.map(user);
        self.payment_methods
            .begin_delete(
                &self.scope,
                operation_id(),
                id,
                Deletable::owned_by(owner.as_ref()),
                at(1_000),
            )
            .await
            .unwrap()
    }

    pub(crate) async fn begin_create(&self, id: &str, user: &str, maximum: i64) -> BeginCreate {
        self.payment_methods
            .begin_create(&self.scope, &creation(id, user), &method_id(id), maximum, at(0))
            .await
            .unwrap()
    }

    pub(crate) async fn find(&self, id: &str) -> Option<PaymentMethod> {
        self.payment_methods
            .find(&self.scope, &method_id(id))
            .await
            .unwrap()
    }

    /// The payment method, or `None` also where there is no answer.
    pub(crate) async fn find_or_none(&self, id: &str) -> Option<PaymentMethod> {
        self.payment_methods
            .find(&self.scope, &method_id(id))
            .await
            .ok()
            .flatten()
    }

    /// Makes a customer as an operation does.
    pub(crate) async fn save_customer(&self, user_name: &str, id: &str) {
        let operation = self.hold(&customer_creation(user_name)).await;
        self.operations
            .finish_customer(&self.scope, &operation, &customer_id(id), at(0))
            .await
            .unwrap();
    }

    pub(crate) async fn customer_of(&self, user_name: &str) -> Option<CustomerId> {
        self.customers.find(&self.scope, &user(user_name)).await.unwrap()
    }
}

/// The operation of a claim that must have been granted.
pub(crate) fn held(claim: Claim) -> Operation {
    match claim {
        Claim::Held(operation) => operation,
        Claim::Busy => panic!("another holds the operation"),
    }
}

/// A name that no other operation has.
pub(crate) fn operation_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("operation-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The operation that saves a payment method.
pub(crate) fn creation(id: &str, user_name: &str) -> NewOperation {
    NewOperation {
        id: operation_id(),
        kind: OperationKind::CreatePaymentMethod,
        subject: Subject::PaymentMethod(method_id(id)),
        user: user(user_name),
    }
}

/// The operation that makes a customer.
pub(crate) fn customer_creation(user_name: &str) -> NewOperation {
    NewOperation {
        id: operation_id(),
        kind: OperationKind::CreateCustomer,
        subject: Subject::Customer(user(user_name)),
        user: user(user_name),
    }
}

/// The operation that makes a setup intent.
pub(crate) fn setup_intent_creation(user_name: &str) -> NewOperation {
    let id = operation_id();
    NewOperation {
        kind: OperationKind::CreateSetupIntent,
        subject: Subject::SetupIntent(id.clone()),
        user: user(user_name),
        id,
    }
}

/// A payment method that is available.
pub(crate) fn card(id: &str, user_name: &str, created_at: UtcTimestamp) -> PaymentMethod {
    PaymentMethod {
        id: method_id(id),
        user: user(user_name),
        payment_method_type: PaymentMethodType::Card,
        card: Card {
            brand: CardBrand::Visa,
            last4: "4242".to_owned(),
            exp_month: 12,
            exp_year: 2034,
        },
        status: PaymentMethodStatus::Available,
        created_at,
    }
}

/// The same, waiting for its owner.
pub(crate) fn waiting_card(id: &str, user_name: &str, setup_intent: &str) -> PaymentMethod {
    PaymentMethod {
        status: PaymentMethodStatus::RequiresConfirmation {
            setup_intent: setup_intent_id(setup_intent),
        },
        ..card(id, user_name, at(0))
    }
}

/// The line of the tests' usual master key.
pub(crate) const KEY_A: &str = "a:dGhlIGZpcnN0IG1hc3RlciBrZXkgb2YgdGVzdHMgMDE=";
/// The line of another, for what one is not enough for.
pub(crate) const KEY_B: &str = "b:dGhlIG90aGVyIG1hc3RlciBrZXkgb2YgdGVzdHMgMDI=";

/// A vault of these keys, the current one first.
pub(crate) fn vault(lines: &[&str]) -> Vault {
    Vault::new(MasterKeys::parse(&lines.join("\n")).unwrap())
}

/// A project with credentials that tell it from every other.
pub(crate) fn new_project(name: &str) -> NewProject {
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

/// This many seconds into the tests' time.
pub(crate) fn at(seconds: i64) -> UtcTimestamp {
    UtcTimestamp::from_seconds(1_750_000_000 + seconds)
}

pub(crate) fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

pub(crate) fn method_id(name: &str) -> PaymentMethodId {
    PaymentMethodId::parse(name).unwrap()
}

pub(crate) fn setup_intent_id(name: &str) -> SetupIntentId {
    SetupIntentId::parse(name).unwrap()
}

pub(crate) fn customer_id(name: &str) -> CustomerId {
    CustomerId::parse(name).unwrap()
}
