//! How PostgreSQL carries out the statement of a page.

#![allow(clippy::disallowed_methods, reason = "a test is its own authorisation")]

use std::collections::BTreeSet;

use billfold_domain::{
    PageLimit, PageRequest, PaymentMethodId, PaymentMethodType, PaymentMethodTypes, Position, ProjectId,
    ProjectScope, UserId,
};
use billfold_test_support::{APPLICATION_ROLE, PostgresDatabase};
use diesel::{ExpressionMethods as _, QueryDsl as _, pg::Pg, query_builder::QueryFragment};
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::PageQuery;
use crate::{
    Database, DatabaseOptions, payment_methods::shown, postgres::SESSION_OPTIONS, row_security::under_policy,
    schema::payment_methods,
};

/// Two thirds of these are one project's. A user has a handful, but for one who has a tenth of the project's.
const ROWS: i64 = 200_000;

const FILL: &str = "
    insert into projects (id, created_at) values ('large', now()), ('other', now());
    insert into payment_methods (project_id, id, user_id, type, brand, last4, exp_month, exp_year, created_at, deleted_at)
    select case when n % 3 = 0 then 'other' else 'large' end,
        'pm_' || n,
        case when n % 10 = 1 then 'heavy' else 'user_' || n % 40000 end,
        case when n % 50 = 1 then 'applePay' when n % 7 = 1 then 'googlePay' else 'card' end,
        'visa', '4242', 12, 2034,
        timestamptz '2026-01-01T00:00:00Z' + (n / 4) * interval '1 second',
        case when n % 20 = 2 then now() end
    from generate_series(1, 200000) n;
    analyze";

async fn filled() -> (PostgresDatabase, Client) {
    let server = PostgresDatabase::fresh("a database without tables", async |_| Ok(())).await;
    let database = Database::connect(&DatabaseOptions::new(server.owner_url()))
        .await
        .expect("a connection");
    database.migrate().await.expect("the migrations apply");
    let grant = database.grant_to(APPLICATION_ROLE);
    grant.await.expect("the role is there");
    let filler = connect(&server.superuser_url().parse().expect("a URL")).await;
    filler.batch_execute(FILL).await.expect("the rows are written");
    // The session as the store has it, under the policies.
    let mut configuration: Config = server.url().parse().expect("a URL");
    configuration.options(SESSION_OPTIONS);
    let client = connect(&configuration).await;
    (server, client)
}

async fn connect(configuration: &Config) -> Client {
    let (client, connection) = configuration.connect(NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}

fn large() -> ProjectScope {
    ProjectScope::authorized(ProjectId::parse("large").expect("a name"))
}

/// The plan of the request's statement, carried out.
async fn plan(client: &Client, request: &PageRequest) -> String {
    let scope = large();
    plan_of(client, &under_policy(&scope, PageQuery::new(&scope, request))).await
}

/// The plan of a statement, carried out.
async fn plan_of(client: &Client, statement: &impl QueryFragment<Pg>) -> String {
    let text = diesel::debug_query::<Pg, _>(statement).to_string();
    let (statement, parameters) = text.split_once(" -- binds: ").expect("the parameters follow");
    let parameters = parameters.trim_matches(['[', ']']).replace('"', "'");
    let script = format!(
        "deallocate all; prepare page as {statement};
         explain (analyze, costs off, timing off, summary off) execute page({parameters})"
    );
    let answer = client
        .simple_query(&script)
        .await
        .unwrap_or_else(|error| panic!("{error:?}\n{script}"));
    let lines = answer.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The parts of the table that a plan goes to.
fn parts(plan: &str) -> BTreeSet<&str> {
    let scans = plan.split(" on ").skip(1);
    scans
        .filter_map(|scan| scan.split_whitespace().next())
        .filter(|table| table.starts_with("payment_methods"))
        .collect()
}

/// Every number that follows these words.
fn numbers_after(plan: &str, words: &str) -> Vec<f64> {
    let digit = |character: char| character.is_ascii_digit() || character == '.';
    plan.match_indices(words)
        .map(|(index, _)| {
            let rest = &plan[index + words.len()..];
            let end = rest.find(|character| !digit(character)).unwrap_or(rest.len());
            rest[..end].parse().expect("a number")
        })
        .collect()
}

fn request(user: Option<&str>, types: &[PaymentMethodType], position: Position) -> PageRequest {
    PageRequest {
        user: user.map(|user| UserId::parse(user).expect("a name")),
        types: PaymentMethodTypes::of(types.iter().copied()).unwrap_or(PaymentMethodTypes::ALL),
        position,
        limit: PageLimit::DEFAULT,
    }
}

fn at(number: i64) -> PaymentMethodId {
    PaymentMethodId::parse(format!("pm_{number}")).expect("a name")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_reads_more_of_an_index_than_it_shows() {
    use PaymentMethodType::{ApplePay, Card, GooglePay};
    let (_server, client) = filled().await;
    let users = [None, Some("user_7"), Some("heavy"), Some("nobody")];
    let filters: [&[PaymentMethodType]; 5] = [
        &[],
        &[Card],
        &[ApplePay],
        &[Card, ApplePay],
        &[ApplePay, GooglePay],
    ];
    // The newest and the oldest of the project, one in the middle, a deleted one, and one that never was.
    let cursors = [1, 2, 100_001, 100_002, ROWS - 1, ROWS + 1];
    let mut positions = vec![Position::Start];
    positions.extend(
        cursors
            .into_iter()
            .flat_map(|number| [Position::After(at(number)), Position::Before(at(number))]),
    );
    for position in positions {
        for user in users {
            for types in filters {
                let request = request(user, types, position.clone());
                let plan = plan(&client, &request).await;
                let complaint = |what: &str| format!("{what}: {request:?}\n{plan}");
                assert_eq!(parts(&plan).len(), 1, "{}", complaint("it goes to several parts"));
                assert!(
                    !plan.contains("Seq Scan"),
                    "{}",
                    complaint("the table is scanned")
                );
                assert!(
                    !plan.contains("Bitmap"),
                    "{}",
                    complaint("a part of the table is collected")
                );
                let removed = numbers_after(&plan, "Rows Removed by Filter: ");
                // A user's methods are filtered by type as they come; all else is the index's work.
                let may_be_removed = if user.is_some() && !types.is_empty() {
                    1_000.0
                } else {
                    10.0
                };
                assert!(
                    removed.iter().all(|rows| *rows <= may_be_removed),
                    "{}",
                    complaint("rows are read in vain")
                );
                // A page of ten, one more, of each type that is merged.
                let rows = numbers_after(&plan, "actual rows=");
                assert!(!rows.is_empty(), "{}", complaint("nothing was carried out"));
                assert!(
                    rows.iter().all(|rows| *rows <= 33.0),
                    "{}",
                    complaint("more is read than shown")
                );
                let loops = numbers_after(&plan, "loops=");
                assert!(
                    loops.iter().all(|loops| *loops <= 33.0),
                    "{}",
                    complaint("a part is done too often")
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_payment_method_is_looked_for_in_one_part() {
    let (_server, client) = filled().await;
    let scope = large();
    let one = shown(scope.project().to_string())
        .filter(payment_methods::id.eq("pm_7"))
        .select(payment_methods::id);
    let plan = plan_of(&client, &under_policy(&scope, one)).await;
    let found = numbers_after(&plan, "actual rows=");
    assert_eq!(found.first(), Some(&1.0), "{plan}");
    assert_eq!(parts(&plan).len(), 1, "{plan}");
    assert!(plan.contains("Subplans Removed: 3"), "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_alone_goes_to_one_part_too() {
    let (_server, client) = filled().await;
    let scope = large();
    let every = payment_methods::table.select(payment_methods::id).limit(11);
    let plan = plan_of(&client, &under_policy(&scope, every)).await;
    let read: Vec<&str> = plan
        .lines()
        .filter(|line| line.contains(" on payment_methods") && !line.contains("never executed"))
        .collect();
    assert_eq!(read.len(), 1, "{plan}");
    assert!(read[0].contains("rows=11 "), "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_statement_is_not_compiled_anew_at_each_call() {
    let (_server, client) = filled().await;
    // As in a project of many millions, whose pages are priced above the threshold.
    let price = client.batch_execute("set jit_above_cost = 0").await;
    price.expect("a known setting");
    let plan = plan(&client, &request(None, &[], Position::Start)).await;
    assert!(!plan.contains("JIT"), "{plan}");
    let setting = client.query_one("show jit", &[]).await.expect("a known setting");
    assert_eq!(setting.get::<_, &str>(0), "off");
}
