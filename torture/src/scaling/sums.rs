//! How large rows are, and how much a write adds to PostgreSQL's log.

use tokio_postgres::Client;

use crate::{
    TortureError,
    database::{Database, Postgres},
    deliveries::deliver_once,
    history::{Card, Face, Told},
    platform::{Platform, Run},
};

/// The tables that grow without end, each with the columns and values of a row of the number `n`, as long as real ones.
const GROWING: [(&str, &str, &str); 4] = [
    (
        "payment_methods",
        "id, user_id, type, brand, last4, exp_month, exp_year, created_at, operation_id, customer_id",
        "'pm_1' || substr(md5(n::text), 1, 23), 'usr_' || n / 5, 'card', 'visa', '4242', 12, 2034, \
         timestamptz '2024-01-01 00:00:00Z' + n * interval '1 second', '01' || upper(substr(md5(n::text), 1, 24)), \
         'cus_' || substr(md5((n / 5)::text), 1, 14)",
    ),
    (
        "customers",
        "user_id, id, created_at",
        "'usr_' || n, 'cus_' || substr(md5(n::text), 1, 14), now()",
    ),
    (
        "webhook_events",
        "id, type, object_type, object_id, created_at, received_at",
        "'evt_1' || substr(md5(n::text), 1, 23), 'payment_method.updated', 'payment_method', \
         'pm_1' || substr(md5(n::text), 1, 23), now(), timestamptz '2024-01-01 00:00:00Z' + n * interval '1 second'",
    ),
    (
        "audit_events",
        "id, created_at, caller_kind, subject, issuer, request_id, operation_id, action, object_type, object_id, user_id, \
         outcome, status",
        "'01' || upper(substr(md5(n::text), 1, 24)), timestamptz '2024-01-01 00:00:00Z' + n * interval '1 second', 'token', \
         'backend', 'https://issuer.example', '01' || upper(substr(md5(n::text), 2, 24)), \
         '01' || upper(substr(md5(n::text), 3, 24)), 'createPaymentMethod', 'paymentMethod', \
         'pm_1' || substr(md5(n::text), 1, 23), 'usr_' || n / 5, 'succeeded', 201",
    ),
];

/// Rows that one statement inserts.
const AT_ONCE: u32 = 50_000;

/// How much room a table's rows take.
pub(crate) struct Size {
    pub(crate) table: &'static str,
    /// Bytes a row, of the table and of its indexes.
    pub(crate) row: f64,
    pub(crate) indexes: f64,
}

/// Fills the tables that grow, and looks how large they are.
pub(crate) async fn sizes(platform: &Platform, rows: u32) -> Result<Vec<Size>, TortureError> {
    let client = postgres(&platform.database)?.connect().await?;
    let project = &platform.tenants[0].name;
    let mut sizes = Vec::new();
    for (table, columns, values) in GROWING {
        let mut first = 1;
        while first <= rows {
            let last = rows.min(first + AT_ONCE - 1);
            let statement = format!(
                "insert into {table} (project_id, {columns}) select '{project}', {values} from generate_series({first}, {last}) n"
            );
            client.batch_execute(&statement).await?;
            first = last + 1;
        }
        client.batch_execute(&format!("vacuum analyze {table}")).await?;
        let of_table = client
            .query_one(
                "with parts as (select $1::text::regclass as part union all \
                     select inhrelid::regclass from pg_inherits where inhparent = $1::text::regclass) \
                 select sum(pg_table_size(part))::float8, sum(pg_indexes_size(part))::float8 from parts",
                &[&table],
            )
            .await?;
        let per_row = |bytes: f64| bytes / f64::from(rows);
        sizes.push(Size {
            table,
            row: per_row(of_table.get(0)),
            indexes: per_row(of_table.get(1)),
        });
    }
    Ok(sizes)
}

/// What a kind of write adds to the log, in bytes each.
pub(crate) struct Write {
    pub(crate) kind: &'static str,
    pub(crate) number: usize,
    pub(crate) bytes: f64,
    /// Calls to Stripe, each.
    pub(crate) calls: f64,
}

/// Saves cards, deletes them and tells of them, one by one.
pub(crate) async fn writes(platform: &mut Platform, run: &Run) -> Result<Vec<Write>, TortureError> {
    let number = run.pick(500, 50);
    let mut chance = run.chance(21);
    let mut cards = platform.make_cards(number * 2, &mut chance).await?;
    cards.retain(|stock| stock.card == Card::Good);
    let client = postgres(&platform.database)?.connect().await?;
    let mut writes = Vec::new();
    let mut note = |kind, from: Position, to: &Position| {
        let number = f64::from(u32::try_from(cards.len()).unwrap_or(u32::MAX));
        writes.push(Write {
            kind,
            number: cards.len(),
            bytes: (to.log - from.log) / number,
            calls: (to.calls - from.calls) / number,
        });
    };
    let clients = &platform.clients;
    let user = |place: usize| format!("usr_of_log_{}", place / 5);
    let begin = position(platform, &client).await?;
    for (place, stock) in cards.iter().enumerate() {
        if clients.create(stock, &user(place), Face::Project).await.0 != Told::Saved {
            return Err(format!("{} was not saved", stock.id).into());
        }
    }
    let saved = position(platform, &client).await?;
    note("create", begin, &saved);
    let http = platform.http_client();
    let port = platform.instances[0].port;
    for (place, stock) in cards.iter().enumerate() {
        let tenant = platform
            .tenants
            .iter()
            .find(|tenant| tenant.name == stock.project);
        let tenant = tenant.ok_or("a card of no tenant")?;
        let status = deliver_once(&http, port, tenant, &format!("evt_of_log_{place}"), &stock.id).await;
        if status != 200 {
            return Err(format!("a webhook was answered with {status}").into());
        }
    }
    let told = position(platform, &client).await?;
    note("webhook", saved, &told);
    for (place, stock) in cards.iter().enumerate() {
        if clients.delete(stock, &user(place), Face::Project).await != Told::Deleted {
            return Err(format!("{} was not deleted", stock.id).into());
        }
    }
    note("delete", told, &position(platform, &client).await?);
    Ok(writes)
}

/// How far the log and the calls to Stripe have come.
struct Position {
    log: f64,
    calls: f64,
}

async fn position(platform: &Platform, client: &Client) -> Result<Position, TortureError> {
    let row = client
        .query_one("select (pg_current_wal_insert_lsn() - '0/0')::float8", &[])
        .await?;
    let calls = u32::try_from(platform.sandbox.calls().await?)?;
    Ok(Position {
        log: row.get(0),
        calls: f64::from(calls),
    })
}

fn postgres(database: &Database) -> Result<&Postgres, TortureError> {
    match database {
        Database::Postgres(postgres) => Ok(postgres),
        Database::Sqlite(_) => Err("this needs PostgreSQL".into()),
    }
}
