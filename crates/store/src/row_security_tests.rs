//! The wall that is left when the queries forget theirs: every statement here is without a filter.

#![allow(clippy::disallowed_methods, reason = "a test is its own authorisation")]

use std::{sync::Arc, time::Duration};

use billfold_domain::{ProjectId, ProjectScope, UtcTimestamp};
use billfold_test_support::{APPLICATION_ROLE, PostgresDatabase, wait_for};
use diesel::{ExpressionMethods as _, QueryDsl as _, sql_query, sql_types::Text};
use diesel_async::RunQueryDsl as _;
use tokio_postgres::{NoTls, SimpleQueryMessage};

use crate::{
    Database, DatabaseOptions, StoreError,
    database::{Engine, in_transaction, read},
    schema::{customers, payment_methods},
    sql_types::StoredInstant,
};

/// How many rows each tenant has.
const ROWS: usize = 4;

/// How long the server may take to notice that a client is gone, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(diesel::QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

/// A database with two tenants, each with as many rows, and few connections.
async fn two_tenants(connections: usize) -> (PostgresDatabase, Database, [ProjectScope; 2]) {
    let server = PostgresDatabase::fresh("a database without tables", async |_| Ok(())).await;
    let owner = Database::connect(&DatabaseOptions::new(server.owner_url()))
        .await
        .expect("a connection");
    owner.migrate().await.expect("the migrations apply");
    owner.grant_to(APPLICATION_ROLE).await.expect("the role is there");
    ask(
        &server,
        &format!(
            "insert into projects (id, created_at) values ('one', now()), ('two', now());
             insert into payment_methods
                 (project_id, id, user_id, type, brand, last4, exp_month, exp_year, created_at)
             select project, 'pm_' || n, 'anna', 'card', 'visa', '4242', 12, 2034, now()
             from unnest(array['one', 'two']) project, generate_series(1, {ROWS}) n"
        ),
    )
    .await;
    let database = Database::connect(&DatabaseOptions {
        maximum_connections: connections,
        timeout: Duration::from_mins(1),
        ..DatabaseOptions::new(server.url())
    })
    .await
    .expect("a connection");
    let scopes = ["one", "two"].map(|name| ProjectScope::authorized(ProjectId::parse(name).expect("a name")));
    (server, database, scopes)
}

/// Asks as the superuser, and gives the first column.
async fn ask(server: &PostgresDatabase, statement: &str) -> Vec<String> {
    let (client, connection) = tokio_postgres::connect(server.superuser_url(), NoTls)
        .await
        .expect("a connection");
    tokio::spawn(connection);
    let answer = client.simple_query(statement).await.expect("an answer");
    let rows = answer.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
        _ => None,
    });
    rows.collect()
}

/// The projects of the rows that a read without a filter shows.
async fn read_all(database: &Database, scope: &ProjectScope) -> Result<Vec<String>, StoreError> {
    read!(database, scope, payment_methods::table.select(payment_methods::project_id) => String)
}

/// The same, in a transaction.
async fn transact(database: &Database, scope: &ProjectScope) -> Result<Vec<String>, StoreError> {
    in_transaction!(database, scope, |connection| {
        Ok(payment_methods::table
            .select(payment_methods::project_id)
            .load(connection)
            .await?)
    })
}

/// What a connection of the pool has left of the setting, and how many rows it shows, outside any transaction.
async fn left_behind(database: &Database) -> (String, usize) {
    let Engine::Postgres(postgres) = &database.engine else {
        unreachable!("the test is on PostgreSQL");
    };
    let mut session = postgres.session().await.expect("a connection");
    let setting: Setting = sql_query("select coalesce(current_setting('app.project', true), '') as value")
        .get_result(&mut *session)
        .await
        .expect("an answer");
    let rows: Vec<String> = payment_methods::table
        .select(payment_methods::project_id)
        .load(&mut *session)
        .await
        .expect("an answer");
    (setting.value, rows.len())
}

fn is_own(rows: &[String], scope: &ProjectScope) -> bool {
    rows.len() == ROWS && rows.iter().all(|project| project == scope.project().as_str())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_checkouts_of_two_connections_mix_no_tenants() {
    let (_server, database, scopes) = two_tenants(2).await;
    let scopes = Arc::new(scopes);
    let workers: Vec<_> = (0..4)
        .map(|worker| {
            let (database, scopes) = (database.clone(), Arc::clone(&scopes));
            tokio::spawn(async move {
                for turn in 0..2_500 {
                    let scope = &scopes[(worker + turn) % 2];
                    let rows = transact(&database, scope).await.expect("an answer");
                    assert!(is_own(&rows, scope), "{scope:?} saw {rows:?}");
                    if turn % 10 == 0 {
                        assert_eq!(left_behind(&database).await, (String::new(), 0));
                    }
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.expect("it saw nothing foreign");
    }
}

/// A million reads, or as many as the environment says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_who_share_the_read_connections_see_nothing_of_each_other() {
    let reads: usize = std::env::var("BILLFOLD_TEST_SHARED_READS").map_or(1_000_000, |number| {
        number.parse().expect("BILLFOLD_TEST_SHARED_READS is a number")
    });
    let (_server, database, scopes) = two_tenants(2).await;
    let scopes = Arc::new(scopes);
    let readers: Vec<_> = (0..64)
        .map(|reader| {
            let (database, scopes) = (database.clone(), Arc::clone(&scopes));
            tokio::spawn(async move {
                for turn in 0..reads / 64 {
                    let scope = &scopes[(reader + turn) % 2];
                    let rows = read_all(&database, scope).await.expect("an answer");
                    assert!(is_own(&rows, scope), "{scope:?} saw {rows:?}");
                }
            })
        })
        .collect();
    for reader in readers {
        reader.await.expect("it saw nothing foreign");
    }
}

/// Writes two rows, with a pause between.
async fn write_two(database: &Database, scope: &ProjectScope, name: usize) -> Result<(), StoreError> {
    in_transaction!(database, scope, |connection| {
        for half in ["first", "second"] {
            diesel::insert_into(customers::table)
                .values((
                    customers::project_id.eq(scope.project().as_str()),
                    customers::user_id.eq(format!("user_{name}_{half}")),
                    customers::id.eq(format!("cus_{name}_{half}")),
                    customers::created_at.eq(StoredInstant(UtcTimestamp::from_seconds(0))),
                ))
                .execute(connection)
                .await?;
            sql_query("select pg_sleep(0.001)").execute(connection).await?;
        }
        Ok(())
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_who_go_away_inside_transactions_leave_nothing_open() {
    let (server, database, scopes) = two_tenants(3).await;
    // A seed of one's own choice, so that a failure comes again.
    let mut chance: u64 = 0x2545_F491_4F6C_DD1D;
    let mut gone = 0;
    for round in 0..400 {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        let patience = Duration::from_micros(chance % 8_000);
        let scope = &scopes[round % 2];
        if tokio::time::timeout(patience, write_two(&database, scope, round))
            .await
            .is_err()
        {
            gone += 1;
        }
    }
    assert!((40..=400).contains(&gone), "{gone} of 400 went away");
    let open = "select pid::text from pg_stat_activity where datname = current_database() \
         and usename = 'billfold_test_application' and xact_start is not null";
    wait_for(PATIENCE, "every transaction to end", async || {
        ask(&server, open).await.is_empty().then_some(())
    })
    .await;
    let halves =
        "select count(*)::text from customers group by split_part(user_id, '_', 2) having count(*) <> 2";
    assert_eq!(
        ask(&server, halves).await,
        Vec::<String>::new(),
        "both rows of a caller or none"
    );
    // Every place of the pool can be had, and none remembers whose it was.
    let (one, two, three) = tokio::join!(
        left_behind(&database),
        left_behind(&database),
        left_behind(&database)
    );
    assert_eq!([one, two, three], [(); 3].map(|()| (String::new(), 0)));
    for scope in &scopes {
        assert!(is_own(
            &transact(&database, scope).await.expect("an answer"),
            scope
        ));
    }
}

/// Reads and writes for one tenant with the filter of another: what a query that mixes its scopes up would do.
async fn mix_up(
    database: &Database,
    tenant: &ProjectScope,
    filter: &ProjectScope,
) -> Result<(Vec<String>, usize), StoreError> {
    let found = read!(
        database,
        tenant,
        payment_methods::table
            .filter(payment_methods::project_id.eq(filter.project().to_string()))
            .select(payment_methods::id) => String
    )?;
    let written: Result<usize, StoreError> = in_transaction!(database, tenant, |connection| {
        Ok(diesel::update(
            payment_methods::table.filter(payment_methods::project_id.eq(filter.project().as_str())),
        )
        .set(payment_methods::brand.eq("amex"))
        .execute(connection)
        .await?)
    });
    Ok((found, written?))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_for_one_tenant_with_the_filter_of_another_finds_nothing() {
    let (_server, database, [one, two]) = two_tenants(2).await;
    let (found, written) = mix_up(&database, &one, &two).await.expect("an answer");
    assert_eq!((found.len(), written), (0, 0));
    let (found, written) = mix_up(&database, &one, &one).await.expect("an answer");
    assert_eq!((found.len(), written), (ROWS, ROWS));
}
