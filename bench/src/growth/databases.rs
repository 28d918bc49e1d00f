//! Databases of many sizes, filled by statements that make many rows at once.

use billfold_test_support::{APPLICATION_ROLE, OWNER_ROLE, PostgresServer};
use tokio_postgres::Client;

use super::SMALLEST;
use crate::{BenchError, data::connect, program::Program, progress::Progress, tell};

/// How many payment methods a statement inserts at most.
const ROWS_AT_ONCE: u64 = 200_000;

/// How many payment methods a user has.
const OF_A_USER: u32 = 50;

/// Projects are called by numbers, of which the first is this: a script of pgbench can only make up numbers.
pub(super) const FIRST_PROJECT: u32 = 100_001;

/// Payment methods are called by numbers too, that stand in no order: `OFFSET + number * FACTOR % PRIME`. Their products
/// are below 2^53, so that they are exact in Lua.
pub(super) const OFFSET: u64 = 100_000_000_000;
pub(super) const FACTOR: u64 = 611_111_111;
pub(super) const PRIME: u64 = 99_999_999_977;

/// A database with so many projects of so many payment methods each.
#[derive(Clone, Debug)]
pub(super) struct Filled {
    pub(super) name: String,
    pub(super) projects: u32,
    pub(super) rows: u32,
}

impl Filled {
    /// How many users each project has. They are called 1, 2, 3, …
    pub(super) fn users(&self) -> u32 {
        users(self.rows)
    }

    fn total(&self) -> u64 {
        u64::from(self.projects) * u64::from(self.rows)
    }
}

const fn users(rows: u32) -> u32 {
    if rows < OF_A_USER { 1 } else { rows / OF_A_USER }
}

/// The id of a project's payment method of this number. The newest has the greatest number.
pub(super) fn id(number: u32) -> String {
    (OFFSET + u64::from(number) * FACTOR % PRIME).to_string()
}

/// The databases of a run: one project with more and more rows, and more and more projects with the same rows in all.
pub(super) fn all(most_rows: u32) -> Vec<Filled> {
    let sizes = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];
    let of_one_project = sizes
        .into_iter()
        .filter(|rows| *rows <= most_rows)
        .map(|rows| Filled {
            name: if rows == sizes[0] {
                SMALLEST.to_owned()
            } else {
                format!("rows_{rows}")
            },
            projects: 1,
            rows,
        });
    let shared = most_rows / 10;
    let of_many = [10, 1_000, 10_000].into_iter().map(|projects| Filled {
        name: format!("projects_{projects}"),
        projects,
        rows: (shared / projects).max(11),
    });
    of_one_project.chain(of_many).collect()
}

/// Migrates one database as an operator does, copies it for the others, and fills them all.
pub(super) async fn make(
    program: &Program,
    postgres: &PostgresServer,
    databases: &[Filled],
) -> Result<(), BenchError> {
    drop(postgres.create_database(SMALLEST).await?);
    let migrate = ["migrate", "--application-role", APPLICATION_ROLE];
    program
        .call(&migrate, &postgres.url_as(OWNER_ROLE, SMALLEST), "")
        .await?;
    let server = connect(&postgres.url("postgres")).await?;
    for database in databases.iter().filter(|database| database.name != SMALLEST) {
        let statement = format!(
            "create database {} template {SMALLEST} owner {OWNER_ROLE}",
            database.name
        );
        execute(&server, &statement).await?;
    }
    tell("loading payment methods…");
    let total: u64 = databases.iter().map(Filled::total).sum();
    let progress = Progress::begin("payment methods", usize::try_from(total)?);
    for database in databases {
        let client = connect(&postgres.url(&database.name)).await?;
        execute(&client, &projects(database)).await?;
        // What versions before sealing have left in plain text, it seals.
        program
            .call(&["migrate"], &postgres.url_as(OWNER_ROLE, &database.name), "")
            .await?;
        fill(&client, database, &progress).await?;
    }
    drop(progress);
    execute(&server, "checkpoint").await
}

/// Runs statements; an error tells what the database said of which.
async fn execute(client: &Client, statements: &str) -> Result<(), BenchError> {
    let failed = |error: tokio_postgres::Error| {
        let said = error
            .as_db_error()
            .map_or_else(|| error.to_string(), ToString::to_string);
        let beginning: String = statements.chars().take(200).collect();
        format!("{said}: {beginning}")
    };
    Ok(client.batch_execute(statements).await.map_err(failed)?)
}

/// Makes the projects, with credentials still in plain text, and nothing to do for the background while it is measured.
fn projects(database: &Filled) -> String {
    let last = FIRST_PROJECT + database.projects - 1;
    format!(
        "insert into projects (id, created_at, mode) \
           select number::text, now(), 'live' from generate_series({FIRST_PROJECT}, {last}) number; \
         insert into stripe_credentials (project_id, secret_key, publishable_key) \
           select id, 'sk_live_benchmark0000', 'pk_live_benchmark0000' from projects; \
         insert into chores (project_id, kind, next_run_at, lease_expires_at, fence) \
           select id, kind, now() + interval '1 day', 'epoch', 0 \
           from projects, unnest(array['undeliveredEvents', 'sweep', 'cleaning']) kind"
    )
}

/// Fills the table without its indexes, and makes those anew as they were: many times as quick as row by row.
async fn fill(client: &Client, database: &Filled, progress: &Progress) -> Result<(), BenchError> {
    let remakes = take_indexes_off(client).await?;
    // What is new in the transaction that fills it need not be logged.
    execute(client, "begin; truncate payment_methods").await?;
    let mut done = 0;
    while done < database.total() {
        let end = database.total().min(done + ROWS_AT_ONCE);
        execute(client, &insertion(database, done, end)).await?;
        progress.advance(u32::try_from(end - done)?);
        done = end;
    }
    for remake in remakes {
        execute(client, &remake).await?;
    }
    execute(client, "commit").await?;
    execute(client, "vacuum analyze").await
}

/// Takes off the table's indexes and references, and gives the statements that make them anew, as the migrations left them.
/// Those of a table in partitions are told without the partitions', which must be made too.
async fn take_indexes_off(client: &Client) -> Result<Vec<String>, BenchError> {
    let statement = "select format('alter table payment_methods drop constraint %I', conname), \
          format('alter table payment_methods add constraint %I %s', conname, pg_get_constraintdef(oid)) \
        from pg_constraint where conrelid = 'payment_methods'::regclass and contype in ('p', 'u', 'f') \
        union all \
        select format('drop index %s', indexrelid::regclass), \
          replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ') \
        from pg_index where indrelid = 'payment_methods'::regclass \
          and not exists (select 1 from pg_constraint where conindid = indexrelid)";
    let mut remakes = Vec::new();
    for row in client.query(statement, &[]).await? {
        execute(client, row.get(0)).await?;
        remakes.push(row.get(1));
    }
    Ok(remakes)
}

/// The statement that makes the payment methods from a place to another, project by project, one a second.
fn insertion(database: &Filled, begin: u64, end: u64) -> String {
    let (rows, users, last) = (database.rows, database.users(), end - 1);
    format!(
        "insert into payment_methods (project_id, id, user_id, type, brand, last4, exp_month, exp_year, created_at) \
         select ({FIRST_PROJECT} + place / {rows})::text, ({OFFSET} + number * {FACTOR} % {PRIME})::text, \
           (1 + number % {users})::text, \
           case number % 10 when 0 then 'applePay' when 1 then 'googlePay' else 'card' end, \
           (array['visa', 'mastercard', 'amex'])[1 + number % 3], lpad((number % 10000)::text, 4, '0'), \
           1 + number % 12, 2030 + number % 5, timestamptz '2024-01-01 00:00:00Z' + number * interval '1 second' \
         from (select place, 1 + place % {rows} as number from generate_series({begin}::bigint, {last}) place) places"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_are_exact_in_lua() {
        assert_eq!(id(1), "100611111111");
        const { assert!(10_000_000 * FACTOR < 1 << 53) };
        // The prime divides no product of the factor and a difference of numbers.
        assert!(!FACTOR.is_multiple_of(PRIME));
    }
}
