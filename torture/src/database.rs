//! The database under the instances, seen by the judge without them.

use std::collections::BTreeSet;

use billfold_domain::{ProjectId, ProjectScope};
use billfold_store::{DatabaseOptions, Operations};
use billfold_test_support::{
    APPLICATION_ROLE, OWNER_ROLE, PostgresServer, PostgresServerOptions, SqliteFile, TcpProxy,
};
use clap::ValueEnum;
use tokio_postgres::{Client, NoTls};

use crate::{TortureError, judge::Row, sandbox::Tenant};

/// The name of the database in PostgreSQL.
const NAME: &str = "billfold";

/// What the two servers of a pair are called as standbys: the first primary, and the first standby.
pub(crate) const STANDBYS: [&str; 2] = ["one", "two"];

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DatabaseKind {
    /// A file, and one instance.
    Sqlite,
    /// A server of its own, whose files are on a disk, and two instances.
    Postgres,
}

impl DatabaseKind {
    /// Its name, as people write it.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }

    /// The same in words.
    pub(crate) const fn instances_in_words(self) -> &'static str {
        match self {
            Self::Sqlite => "one instance",
            Self::Postgres => "two instances",
        }
    }

    /// How many instances of `serve` may share it.
    pub(crate) const fn instances(self) -> usize {
        match self {
            Self::Sqlite => 1,
            Self::Postgres => 2,
        }
    }
}

/// A PostgreSQL server and the network to it.
pub(crate) struct Postgres {
    /// The one that takes writes.
    pub(crate) server: PostgresServer,
    /// The one that follows it, and that each commit waits for, where there are two.
    pub(crate) standby: Option<PostgresServer>,
    /// Whether the second of the two is the primary.
    pub(crate) exchanged: bool,
    pub(crate) proxy: TcpProxy,
    /// Its address for the instances.
    application_url: String,
    /// Its address for the judge, who does not go by the proxy and sees past every policy.
    url: String,
}

impl Postgres {
    /// All that it holds, as `pg_dump` writes it.
    pub(crate) async fn dump(&self) -> Result<Vec<u8>, TortureError> {
        let password = self.password().to_owned();
        let mut command = tokio::process::Command::new(self.server.binary_directory().join("pg_dump"));
        command
            .args(["--host=127.0.0.1", "--username=postgres", "--no-password"])
            .arg(format!("--port={}", self.server.port()))
            .arg(NAME)
            .env("PGPASSWORD", password);
        let output = command.output().await?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(format!("pg_dump failed: {}", String::from_utf8_lossy(&output.stderr)).into())
    }

    /// The password of all its roles.
    pub(crate) fn password(&self) -> &str {
        let credentials = self.url.split_once('@').map_or("", |(before, _)| before);
        credentials.rsplit_once(':').map_or("", |(_, password)| password)
    }

    /// A connection of the judge's own.
    pub(crate) async fn connect(&self) -> Result<Client, TortureError> {
        let (client, driver) = tokio_postgres::connect(&self.url, NoTls).await?;
        // Ends by itself when the client is dropped; its error is also that of the statement under way.
        tokio::spawn(driver);
        Ok(client)
    }
}

/// The database of a run.
pub(crate) enum Database {
    Sqlite(SqliteFile),
    Postgres(Box<Postgres>),
}

impl Database {
    /// An empty one.
    pub(crate) async fn start(kind: DatabaseKind) -> Result<Self, TortureError> {
        Self::start_with(kind, false).await
    }

    /// An empty one; in PostgreSQL, with a standby where that is asked for.
    pub(crate) async fn start_with(kind: DatabaseKind, standby: bool) -> Result<Self, TortureError> {
        if kind == DatabaseKind::Sqlite {
            return Ok(Self::Sqlite(SqliteFile::fresh()));
        }
        let options = PostgresServerOptions {
            data_parent: Some(std::env::temp_dir()),
            ..PostgresServerOptions::default()
        };
        // What is acknowledged must survive, so everything reaches the disk.
        let mut options = options
            .with("fsync", "on")
            .with("full_page_writes", "on")
            .with("synchronous_commit", "on");
        if standby {
            options = options.replicated();
        }
        let server = PostgresServer::start_private(options.clone()).await?;
        let mut url = server.create_database(NAME).await?;
        let proxy = TcpProxy::start(format!("127.0.0.1:{}", server.port())).await?;
        let direct = format!("127.0.0.1:{}/", server.port());
        let as_application = server.url_as(APPLICATION_ROLE, NAME);
        let by_proxy = as_application.replace(&direct, &format!("{}/", proxy.address()));
        let mut postgres = Postgres {
            server,
            standby: None,
            exchanged: false,
            proxy,
            application_url: by_proxy,
            url: url.clone(),
        };
        if standby {
            let follower = postgres.server.start_standby(STANDBYS[1], options).await?;
            postgres.server.wait_for_standby(Some(STANDBYS[1])).await?;
            let both = format!(
                "127.0.0.1:{},127.0.0.1:{}/",
                postgres.server.port(),
                follower.port()
            );
            postgres.application_url = format!(
                "{}?target_session_attrs=read-write",
                as_application.replace(&direct, &both)
            );
            url = url.replace(&direct, &both);
            postgres.url = format!("{url}?target_session_attrs=read-write");
            postgres.standby = Some(follower);
        }
        Ok(Self::Postgres(Box::new(postgres)))
    }

    /// Has PostgreSQL log whatever is asked of it, with all parameters.
    pub(crate) async fn log_statements(&self) -> Result<(), TortureError> {
        let Self::Postgres(postgres) = self else {
            return Ok(());
        };
        let client = postgres.connect().await?;
        for setting in [
            "log_statement = 'all'",
            "log_min_duration_statement = 0",
            "log_parameter_max_length = -1",
            "log_parameter_max_length_on_error = -1",
            "log_connections = on",
            "log_error_verbosity = verbose",
        ] {
            client
                .execute(&format!("alter system set {setting}"), &[])
                .await?;
        }
        client.execute("select pg_reload_conf()", &[]).await?;
        Ok(())
    }

    /// Its address for the instances.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(file) => file.url().to_owned(),
            Self::Postgres(postgres) => postgres.application_url.clone(),
        }
    }

    /// Its address for whoever migrates it, and the role that the instances work as, where there are roles.
    pub(crate) fn migration(&self) -> Option<(String, &'static str)> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(postgres) => Some((postgres.server.url_as(OWNER_ROLE, NAME), APPLICATION_ROLE)),
        }
    }

    /// The operations that are open, one line each.
    pub(crate) async fn open_operations(&self, tenants: &[Tenant]) -> Result<Vec<String>, TortureError> {
        match self {
            Self::Sqlite(file) => {
                let database = billfold_store::Database::connect(&DatabaseOptions::new(file.url())).await?;
                let operations = Operations::new(database);
                let mut open = Vec::new();
                for tenant in tenants {
                    let count = operations.count_open(&scope(tenant)?).await?;
                    if count > 0 {
                        open.push(format!("{count} operations of {} are open", tenant.name));
                    }
                }
                Ok(open)
            }
            Self::Postgres(postgres) => {
                let client = postgres.connect().await?;
                let statement = "select concat_ws(' ', project_id, id, kind, subject, 'of', user_id, 'epoch', epoch, \
                     'fence', fence, 'next attempt in', next_attempt_at - clock_timestamp()) from operations order by 1";
                let rows = client.query(statement, &[]).await?;
                Ok(rows.iter().map(|row| row.get(0)).collect())
            }
        }
    }

    /// The payment methods of the tables that are not deleted, where they can be read by SQL.
    pub(crate) async fn table(&self) -> Result<Option<Vec<Row>>, TortureError> {
        let Self::Postgres(postgres) = self else {
            return Ok(None);
        };
        let client = postgres.connect().await?;
        let statement = "select project_id, id, user_id, setup_intent_id is null from payment_methods where deleted_at is null";
        let rows = client.query(statement, &[]).await?.into_iter().map(|row| Row {
            project: row.get(0),
            id: row.get(1),
            user: row.get(2),
            available: row.get(3),
        });
        Ok(Some(rows.collect()))
    }

    /// A digest of each table's rows, where they can be read by SQL. What the background writes by itself is left out, and so
    /// is what tells of refused requests.
    pub(crate) async fn digests(&self) -> Result<Vec<String>, TortureError> {
        let Self::Postgres(postgres) = self else {
            return Ok(Vec::new());
        };
        let client = postgres.connect().await?;
        let tables = "select relname::text from pg_class where relkind in ('r', 'p') and not relispartition and relnamespace = 'public'::regnamespace \
                      and relname not in ('chores', 'stripe_reads', 'instances', 'audit_events', 'refused_callers') \
                      order by 1";
        let mut digests = Vec::new();
        for table in client.query(tables, &[]).await? {
            let table: String = table.get(0);
            let digest = format!(
                "select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from \"{table}\" t"
            );
            let digest: String = client.query_one(&digest, &[]).await?.get(0);
            digests.push(format!("{table} {digest}"));
        }
        Ok(digests)
    }

    /// The stored webhook events whose identifiers begin so, by project and identifier, where they can be read by SQL.
    pub(crate) async fn webhook_events(
        &self,
        prefix: &str,
    ) -> Result<Option<BTreeSet<(String, String)>>, TortureError> {
        let Self::Postgres(postgres) = self else {
            return Ok(None);
        };
        let client = postgres.connect().await?;
        let statement = "select project_id, id from webhook_events where starts_with(id, $1)";
        let rows = client.query(statement, &[&prefix]).await?;
        Ok(Some(rows.iter().map(|row| (row.get(0), row.get(1))).collect()))
    }
}

#[expect(clippy::disallowed_methods, reason = "the judge looks into every project")]
fn scope(tenant: &Tenant) -> Result<ProjectScope, TortureError> {
    Ok(ProjectScope::authorized(ProjectId::parse(tenant.name.clone())?))
}
