//! What the database holds while it is measured.

use billfold_test_support::{APPLICATION_ROLE, OWNER_ROLE, PostgresServer};
use tokio_postgres::{Client, NoTls};

use crate::{BenchError, program::Program, progress::Progress, tell};

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
    let projects: Vec<String> = std::iter::once(LARGE.to_owned())
        .chain((0..OTHERS).map(other))
        .collect();
    tell(&format!("making {} projects…", projects.len()));
    let progress = Progress::begin("projects", projects.len());
    for project in &projects {
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
    drop(progress);
    tell(&format!("loading {} payment methods…", rows + rows / 10));
    let rows_of: Vec<u32> = std::iter::once(rows)
        .chain([SMALL_ROWS])
        .chain(std::iter::repeat_n(rows / 10 / OTHERS, projects.len() - 2))
        .collect();
    let progress = Progress::begin("payment methods", rows_of.iter().map(|rows| *rows as usize).sum());
    for (project, rows) in projects.iter().zip(rows_of) {
        fill(client, project, rows, &progress).await?;
    }
    drop(progress);
    client.batch_execute("vacuum analyze").await?;
    client.batch_execute("checkpoint").await?;
    Ok(())
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

/// Gives a project payment methods, one a minute, of users with fifty each. Ids are as random as Stripe's are.
async fn fill(client: &Client, project: &str, rows: u32, progress: &Progress) -> Result<(), BenchError> {
    let users = (rows / 50).max(1);
    let mut done = 0;
    while done < rows {
        let (first, last) = (done + 1, rows.min(done + ROWS_AT_ONCE));
        client
            .batch_execute(&insertion(project, users, first, last))
            .await?;
        progress.advance(last - done);
        done = last;
    }
    Ok(())
}

/// The statement that gives a project the payment methods of these numbers.
fn insertion(project: &str, users: u32, first: u32, last: u32) -> String {
    format!(
        "insert into payment_methods (project_id, id, user_id, type, brand, last4, exp_month, exp_year, created_at) \
         select '{project}', 'pm_1' || substr(md5('{project}' || number), 1, 23), 'user_' || number % {users}, \
           case number % 10 when 0 then 'applePay' when 1 then 'googlePay' else 'card' end, \
           (array['visa', 'mastercard', 'amex'])[1 + number % 3], lpad((number % 10000)::text, 4, '0'), \
           1 + number % 12, 2030 + number % 5, timestamptz '2024-01-01 00:00:00Z' + number * interval '1 minute' \
         from generate_series({first}, {last}) number"
    )
}

/// The id of a project's payment method at a place of its list, the newest at 0.
pub(crate) async fn id_at(client: &Client, project: &str, place: u32) -> Result<String, BenchError> {
    let statement = "select id from payment_methods where project_id = $1 order by created_at desc, id desc offset $2 limit 1";
    let row = client
        .query_one(statement, &[&project, &i64::from(place)])
        .await?;
    Ok(row.get(0))
}
