//! What the database holds while it is measured.

use std::path::Path;

use billfold_test_support::{APPLICATION_ROLE, OWNER_ROLE, PostgresServer};
use tokio_postgres::{Client, NoTls};

use crate::{BenchError, program::Program, progress::Progress, sqlite::Script, tell};

/// The database that is measured, as the migrations make it.
pub(crate) const GUARDED: &str = "billfold";

/// The same, without its policies.
pub(crate) const UNGUARDED: &str = "billfold_unguarded";

/// Takes row-level security off every table of the database.
const TAKE_POLICIES_OFF: &str = "do $$ declare name text; begin \
     for name in select relname from pg_class where relrowsecurity loop \
     execute format('alter table %I no force row level security', name); \
     execute format('alter table %I disable row level security', name); end loop; end $$";

/// The project with most of the rows.
pub(crate) const LARGE: &str = "large";

/// How many other projects there are.
const OTHERS: u32 = 100;

/// How many payment methods the small project has, whatever the others have.
const SMALL_ROWS: u32 = 1_000;

/// How many payment methods a statement inserts at most.
const ROWS_AT_ONCE: u32 = 20_000;

/// The name of one of the other projects. The first is the small one.
fn other(number: u32) -> String {
    format!("other-{number}")
}

/// The project with 1,000 payment methods.
pub(crate) fn small() -> String {
    other(0)
}

/// A connection to the database, for the benchmark's own statements.
pub(crate) async fn connect(url: &str) -> Result<Client, BenchError> {
    let (client, driver) = tokio_postgres::connect(url, NoTls).await?;
    // Ends by itself when the client is dropped; its error is also that of the statement under way.
    tokio::spawn(driver);
    Ok(client)
}

/// The projects, and how many payment methods each has where the large one has so many.
fn projects(rows: u32) -> Vec<(String, u32)> {
    let mut projects = vec![(LARGE.to_owned(), rows), (small(), SMALL_ROWS)];
    projects.extend((1..OTHERS).map(|number| (other(number), rows / 10 / OTHERS)));
    projects
}

/// Makes the tables and the projects as an operator does, and fills them.
pub(crate) async fn load(
    program: &Program,
    postgres: &PostgresServer,
    client: &Client,
    rows: u32,
) -> Result<(), BenchError> {
    let owner = postgres.url_as(OWNER_ROLE, GUARDED);
    let migrate = ["migrate", "--application-role", APPLICATION_ROLE];
    program.call(&migrate, &owner, "").await?;
    let database = &postgres.url_as(APPLICATION_ROLE, GUARDED);
    make_projects(program, database, rows).await?;
    let projects = projects(rows);
    tell(&format!("loading {} payment methods…", rows + rows / 10));
    let all = projects.iter().map(|(_, rows)| *rows as usize).sum();
    let progress = Progress::begin("payment methods", all);
    for (project, rows) in &projects {
        for selected in selections(project, *rows) {
            let statement = format!("insert into payment_methods ({COLUMNS}) {}", selected.text);
            client.batch_execute(&statement).await?;
            progress.advance(selected.rows);
        }
    }
    drop(progress);
    client.batch_execute("vacuum analyze").await?;
    client.batch_execute("checkpoint").await?;
    Ok(())
}

async fn make_projects(program: &Program, database: &str, rows: u32) -> Result<(), BenchError> {
    let projects = projects(rows);
    tell(&format!("making {} projects…", projects.len()));
    let progress = Progress::begin("projects", projects.len());
    for (project, _) in &projects {
        let arguments = [
            "project",
            "create",
            project,
            "--stripe-publishable-key",
            "pk_live_benchmark0000",
            "--offline",
        ];
        program
            .call(&arguments, database, "sk_live_benchmark0000\n")
            .await?;
        progress.advance(1);
    }
    Ok(())
}

/// Makes an SQLite database with the same projects and rows in a new file, and gives its address. `client` is connected to
/// PostgreSQL, which makes the rows' text here too, so that they are the same.
pub(crate) async fn load_sqlite(
    program: &Program,
    client: &Client,
    rows: u32,
    directory: &Path,
) -> Result<String, BenchError> {
    let file = directory.join("billfold.db");
    let url = format!("sqlite://{}", file.display());
    program.call(&["migrate"], &url, "").await?;
    make_projects(program, &url, rows).await?;
    tell("loading the same payment methods into SQLite…");
    let mut script = Script::begin(&file)?;
    script
        .write("pragma synchronous = off; pragma cache_size = -400000; begin;\n")
        .await?;
    let projects = projects(rows);
    let all = projects.iter().map(|(_, rows)| *rows as usize).sum();
    let progress = Progress::begin("payment methods", all);
    for (project, rows) in &projects {
        for selected in selections(project, *rows) {
            let values = client.query_one(&selected.as_values(), &[]).await?;
            let values: String = values.get(0);
            let statement = format!("insert into payment_methods ({COLUMNS}) values {values};\n");
            script.write(&statement).await?;
            progress.advance(selected.rows);
        }
    }
    script.write("commit; pragma wal_checkpoint(truncate);\n").await?;
    script.end().await?;
    Ok(url)
}

/// Copies the database, to which nobody may be connected, and takes the copy's policies off.
pub(crate) async fn copy_without_policies(postgres: &PostgresServer) -> Result<(), BenchError> {
    let server = connect(&postgres.url("postgres")).await?;
    server
        .batch_execute(&format!("create database {UNGUARDED} template {GUARDED}"))
        .await?;
    let copy = connect(&postgres.url(UNGUARDED)).await?;
    copy.batch_execute(TAKE_POLICIES_OFF).await?;
    copy.batch_execute("vacuum analyze").await?;
    server.batch_execute("checkpoint").await?;
    Ok(())
}

/// What is said of a payment method.
const COLUMNS: &str = "project_id, id, user_id, type, brand, last4, exp_month, exp_year, created_at";

/// A query whose rows are payment methods.
struct Selection {
    text: String,
    rows: u32,
}

impl Selection {
    /// A query whose one row is the same rows as the text of SQL that SQLite takes: times are whole microseconds there.
    fn as_values(&self) -> String {
        format!(
            "select string_agg(format('(%L,%L,%L,%L,%L,%L,%s,%s,%s)', project_id, id, user_id, type, brand, last4, \
               exp_month, exp_year, (extract(epoch from created_at) * 1000000)::bigint), ',') \
             from ({}) as made ({COLUMNS})",
            self.text
        )
    }
}

/// The queries that make a project's payment methods, one a minute, of users with fifty each. Ids are as random as Stripe's
/// are.
fn selections(project: &str, rows: u32) -> impl Iterator<Item = Selection> + '_ {
    let users = (rows / 50).max(1);
    (0..rows).step_by(ROWS_AT_ONCE as usize).map(move |done| {
        let (first, last) = (done + 1, rows.min(done + ROWS_AT_ONCE));
        Selection {
            text: format!(
                "select '{project}', 'pm_1' || substr(md5('{project}' || number), 1, 23), 'user_' || number % {users}, \
                   case number % 10 when 0 then 'applePay' when 1 then 'googlePay' else 'card' end, \
                   (array['visa', 'mastercard', 'amex'])[1 + number % 3], lpad((number % 10000)::text, 4, '0'), \
                   1 + number % 12, 2030 + number % 5, timestamptz '2024-01-01 00:00:00Z' + number * interval '1 minute' \
                 from generate_series({first}, {last}) number"
            ),
            rows: last - done,
        }
    })
}

/// The id of a project's payment method at a place of its list, the newest at 0.
pub(crate) async fn id_at(client: &Client, project: &str, place: u32) -> Result<String, BenchError> {
    let statement = "select id from payment_methods where project_id = $1 order by created_at desc, id desc offset $2 limit 1";
    let row = client
        .query_one(statement, &[&project, &i64::from(place)])
        .await?;
    Ok(row.get(0))
}
