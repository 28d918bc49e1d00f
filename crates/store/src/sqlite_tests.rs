//! How SQLite is compiled, which statements it prepares, and where a brief read is carried out.

#![allow(clippy::disallowed_methods, reason = "a test is its own authorisation")]

use std::time::Duration;

use billfold_domain::{
    PageLimit, PageRequest, PaymentMethodId, PaymentMethodType, PaymentMethodTypes, Position, ProjectId,
    ProjectScope, UserId,
};
use billfold_test_support::SqliteFile;
use diesel::{
    Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection, connection::SimpleConnection as _,
    dsl::sql, select, sql_types::Integer, sql_types::Text, sqlite::Sqlite,
};

use super::SqliteDatabase;
use crate::{Database, DatabaseOptions, StoreError, payment_method_page::PageQuery};

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    detail: String,
}

fn lines(connection: &mut SqliteConnection, statement: &str) -> Vec<String> {
    let lines = diesel::sql_query(statement).load::<Line>(connection);
    let lines = lines.unwrap_or_else(|error| panic!("{error}: {statement}"));
    lines.into_iter().map(|line| line.detail).collect()
}

async fn open(path: &str) -> SqliteDatabase {
    let opened = SqliteDatabase::open(path, &DatabaseOptions::new("")).await;
    opened.expect("a database")
}

#[test]
fn it_is_compiled_as_the_configuration_of_cargo_says() {
    let mut connection = SqliteConnection::establish(":memory:").expect("a database");
    let statement = "select compile_options as detail from pragma_compile_options";
    let options = lines(&mut connection, statement);
    let is_on = |option: &str| options.iter().any(|line| line == option);
    for option in ["ENABLE_QPSG", "THREADSAFE=2", "DEFAULT_MEMSTATUS=0"] {
        assert!(is_on(option), "{option}: see .cargo/config.toml: {options:?}");
    }
    for option in ["ENABLE_MEMORY_MANAGEMENT", "ENABLE_API_ARMOR", "ENABLE_STAT4"] {
        assert!(!is_on(option), "{option}: see .cargo/config.toml: {options:?}");
    }
}

#[tokio::test]
async fn a_thread_that_serves_requests_reads_by_itself_unless_it_would_wait() {
    let database = open(":memory:").await;
    let read = || {
        let rows = database
            .read_in_place(|connection| select(sql::<Integer>("(select n from t)")).load::<i32>(connection));
        rows.map(|rows| rows.expect("rows"))
    };
    let execute = |statement: &'static str| database.alone(|connection| connection.batch_execute(statement));
    let made = execute("create table t (n integer); insert into t values (1)").await;
    made.expect("a thread").expect("a table");
    assert_eq!(read(), Some(vec![1]));

    // Who holds the lock lets it go only when it is told to, which is after the read has not waited for it.
    let (locked, is_locked) = std::sync::mpsc::channel();
    let (let_go, may_go) = std::sync::mpsc::channel();
    let holder = database.alone(move |connection| {
        connection.batch_execute("begin immediate; update t set n = 2")?;
        let _ = locked.send(());
        let _ = may_go.recv_timeout(Duration::from_secs(20));
        connection.batch_execute("commit")
    });
    let reader = async {
        let waiting = tokio::task::spawn_blocking(move || is_locked.recv_timeout(Duration::from_secs(20)));
        waiting.await.expect("a thread").expect("the lock is taken");
        let meanwhile = read();
        let _ = let_go.send(());
        meanwhile
    };
    let (held, meanwhile) = tokio::join!(holder, reader);
    held.expect("a thread").expect("the lock is let go");
    assert_eq!(meanwhile, None);
    assert_eq!(read(), Some(vec![2]));
}

#[tokio::test]
async fn a_statement_that_fails_in_place_fails_there() {
    let database = open(":memory:").await;
    let outcome =
        database.read_in_place(|connection| select(sql::<Integer>("no_such_column")).load::<i32>(connection));
    assert!(
        matches!(outcome, Some(Err(StoreError::Internal(_)))),
        "{outcome:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn other_threads_leave_reads_to_blocking_ones() {
    let database = open(":memory:").await;
    let one = |connection: &mut SqliteConnection| select(sql::<Integer>("1")).load::<i32>(connection);
    assert!(database.read_in_place(one).is_none());
    assert_eq!(database.read(one).await.expect("rows"), [1]);
}

/// Every shape of a page's statement.
fn requests() -> Vec<PageRequest> {
    use PaymentMethodType::{ApplePay, Card};
    let id = || PaymentMethodId::parse("pm_1").expect("a name");
    let positions = [Position::Start, Position::After(id()), Position::Before(id())];
    let mut requests = Vec::new();
    for position in positions {
        for user in [None, Some(UserId::parse("user_1").expect("a name"))] {
            for types in [&[][..], &[Card], &[Card, ApplePay]] {
                requests.push(PageRequest {
                    user: user.clone(),
                    types: PaymentMethodTypes::of(types.iter().copied()).unwrap_or(PaymentMethodTypes::ALL),
                    position: position.clone(),
                    limit: PageLimit::DEFAULT,
                });
            }
        }
    }
    requests
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_a_search_of_an_index_in_the_order_of_the_list() {
    let file = SqliteFile::fresh();
    let database = Database::connect(&DatabaseOptions::new(file.url())).await;
    database
        .expect("a database")
        .migrate()
        .await
        .expect("the migrations apply");
    let path = file.path().to_str().expect("a path of letters");
    let mut connection = SqliteConnection::establish(path).expect("a connection");
    let scope = ProjectScope::authorized(ProjectId::parse("large").expect("a name"));
    for request in requests() {
        let query = PageQuery::new(&scope, &request);
        let text = diesel::debug_query::<Sqlite, _>(&query).to_string();
        let (statement, _) = text.split_once(" -- binds: ").expect("the parameters follow");
        let plan = lines(&mut connection, &format!("explain query plan {statement}"));
        let complaint = || format!("{request:?}\n{}", plan.join("\n"));
        let searches: Vec<&String> = plan.iter().filter(|line| line.starts_with("SEARCH")).collect();
        assert!(!searches.is_empty(), "nothing is searched: {}", complaint());
        assert!(
            searches.iter().all(|line| line.contains("(project_id=?")),
            "not by the project first: {}",
            complaint()
        );
        let of_rows = |line: &&String| line.starts_with("SEARCH m ");
        let is_by = |column: &str| {
            searches
                .iter()
                .copied()
                .filter(of_rows)
                .all(|line| line.contains(column))
        };
        let is_of_user = request.user.is_none() || is_by("user_id=?");
        assert!(is_of_user, "not by the user: {}", complaint());
        let has_all_types = request.types == PaymentMethodTypes::ALL || is_by("type=?");
        assert_eq!(
            query.reads_no_more_than_it_shows(),
            has_all_types,
            "{}",
            complaint()
        );
        // The one row of the position, and the rows of each type's page, are gone through as they lie.
        let scanned = |line: &String| {
            line.starts_with("SCAN") && !["SCAN position", "SCAN page"].contains(&line.as_str())
        };
        assert!(!plan.iter().any(scanned), "a table is scanned: {}", complaint());
        // Pages of several types are merged, for which SQLite sorts each anew: those few rows, and no others.
        let mut pairs = plan.windows(2);
        assert!(
            pairs.all(|pair| !pair[1].contains("TEMP B-TREE") || pair[0] == "SCAN page"),
            "rows are sorted: {}",
            complaint()
        );
    }
}
