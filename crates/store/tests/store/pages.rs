//! Pages, compared with a list in memory that is cut the plain way.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicUsize, Ordering},
};

use billfold_domain::{PageLimit, PageRequest, PaymentMethodType, PaymentMethodTypes, Position};
use proptest::{
    collection::vec,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner},
};
use rstest::rstest;
use tokio::runtime::Handle;

use crate::{
    harness::{
        Backend, Postgres, SqliteInFile, SqliteInMemory, Tenant, TestDatabase, at, card, method_id, user,
    },
    pages_model::{NAMES, Row, USERS, any_request, any_rows, difference, limit, sets_of_types, write},
};

async fn check(tenant: &Tenant, rows: &[Row], request: &PageRequest) {
    if let Some(difference) = difference(tenant, rows, request).await {
        panic!("{difference}");
    }
}

fn first_page(items: u8) -> PageRequest {
    PageRequest {
        user: None,
        types: PaymentMethodTypes::ALL,
        position: Position::Start,
        limit: limit(items),
    }
}

/// The start, and both sides of every name.
fn positions<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<Position> {
    let mut positions = vec![Position::Start];
    for name in names {
        positions.push(Position::After(method_id(name)));
        positions.push(Position::Before(method_id(name)));
    }
    positions
}

/// A project whose rows lie around those of every other project in each test.
async fn neighbour(test: &TestDatabase) {
    let tenant = test.tenant("neighbour").await;
    let rows: Vec<_> = NAMES
        .iter()
        .chain(&["pm_of_the_neighbour"])
        .enumerate()
        .map(|(index, name)| {
            let second = i64::try_from(index % 3).unwrap();
            Row::new(
                name,
                second,
                USERS[index % 3],
                PaymentMethodType::ALL[index % 3],
                false,
            )
        })
        .collect();
    write(&tenant, &rows).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_every_small_list(#[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    neighbour(&test).await;
    // Three items, each of the first or the second moment, deleted or not: every such list, and every page of it.
    for layout in 0..64_u32 {
        let tenant = test.tenant(&format!("layout-{layout}")).await;
        let rows: Vec<_> = ["pm_B", "pm_a", "pm_b"]
            .into_iter()
            .enumerate()
            .map(|(index, name)| {
                let bits = layout >> (2 * index);
                Row::new(
                    name,
                    i64::from(bits & 1),
                    "anna",
                    PaymentMethodType::Card,
                    bits & 2 != 0,
                )
            })
            .collect();
        write(&tenant, &rows).await;
        for position in positions(["pm_B", "pm_a", "pm_b", "pm_of_the_neighbour"]) {
            for items in 0..=4 {
                let request = PageRequest {
                    position: position.clone(),
                    ..first_page(items)
                };
                check(&tenant, &rows, &request).await;
            }
        }
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn every_page_under_every_filter(#[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    neighbour(&test).await;
    let tenant = test.tenant("demo").await;
    let rows: Vec<_> = NAMES[..9]
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let created_at = i64::try_from(index / 4).unwrap();
            let payment_method_type = PaymentMethodType::ALL[index % 3];
            Row::new(
                name,
                created_at,
                USERS[index / 2 % 2],
                payment_method_type,
                index % 5 == 4,
            )
        })
        .collect();
    write(&tenant, &rows).await;
    let users = [None, Some("anna"), Some("Anna"), Some("bert")];
    for position in positions(NAMES[..9].iter().copied().chain(["pm_of_the_neighbour"])) {
        for user_name in users {
            for types in sets_of_types() {
                for items in [0, 1, 2, 9] {
                    let position = position.clone();
                    let request = PageRequest {
                        user: user_name.map(user),
                        types,
                        position,
                        limit: limit(items),
                    };
                    check(&tenant, &rows, &request).await;
                }
            }
        }
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn any_page_of_any_list(#[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    neighbour(&test).await;
    // The same cases on every database, in one database for all cases: each case has a project of its own.
    let config = Config {
        cases: 40,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let project = AtomicUsize::new(0);
    let outcome = tokio::task::block_in_place(|| {
        runner.run(&(any_rows(), vec(any_request(), 40)), |(rows, requests)| {
            Handle::current().block_on(async {
                let number = project.fetch_add(1, Ordering::Relaxed);
                let tenant = test.tenant(&format!("case-{number}")).await;
                write(&tenant, &rows).await;
                for request in &requests {
                    if let Some(difference) = difference(&tenant, &rows, request).await {
                        return Err(TestCaseError::fail(difference));
                    }
                }
                Ok(())
            })
        })
    });
    outcome.unwrap();
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_is_any_method_that_the_project_ever_had(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    neighbour(&test).await;
    let tenant = test.tenant("demo").await;
    let rows = [
        Row::new("pm_3", 3, "anna", PaymentMethodType::Card, false),
        Row::new("pm_2", 2, "anna", PaymentMethodType::Card, true),
        Row::new("pm_1", 1, "bert", PaymentMethodType::ApplePay, false),
        Row::new("pm_0", 0, "anna", PaymentMethodType::Card, false),
    ];
    write(&tenant, &rows).await;
    let page = async |position: Position, items: u8| {
        let request = PageRequest {
            position,
            user: Some(user("anna")),
            ..first_page(items)
        };
        let page = tenant
            .payment_methods
            .page(&tenant.scope, &request)
            .await
            .unwrap();
        page.map(|page| {
            page.items
                .into_iter()
                .map(|item| item.id.to_string())
                .collect::<Vec<_>>()
        })
    };
    let after = |name: &str| Position::After(method_id(name));
    let before = |name: &str| Position::Before(method_id(name));
    let some = |names: &[&str]| Some(names.iter().map(ToString::to_string).collect::<Vec<_>>());
    // Deleted.
    assert_eq!(page(after("pm_2"), 9).await, some(&["pm_0"]));
    assert_eq!(page(before("pm_2"), 9).await, some(&["pm_3"]));
    // Of another user.
    assert_eq!(page(after("pm_1"), 9).await, some(&["pm_0"]));
    assert_eq!(page(before("pm_1"), 9).await, some(&["pm_3"]));
    // At the ends, and without room: known all the same.
    assert_eq!(page(after("pm_0"), 9).await, some(&[]));
    assert_eq!(page(before("pm_3"), 9).await, some(&[]));
    assert_eq!(page(after("pm_3"), 0).await, some(&[]));
    assert_eq!(page(before("pm_2"), 0).await, some(&[]));
    // Never here: of no project, of another, or of another spelling.
    for name in ["pm_unknown", "pm_of_the_neighbour", "PM_3"] {
        for items in [0, 1, 200] {
            assert_eq!(page(after(name), items).await, None, "{name}");
            assert_eq!(page(before(name), items).await, None, "{name}");
        }
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_largest_page_is_whole(#[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    for index in 0..201 {
        tenant
            .save(&card(&format!("pm_{index}"), "anna", at(index % 7)))
            .await;
    }
    let request = PageRequest {
        limit: PageLimit::MAXIMUM,
        ..first_page(0)
    };
    let page = tenant
        .payment_methods
        .page(&tenant.scope, &request)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (page.items.len(), page.has_more_after, page.has_more_before),
        (200, true, false)
    );
    let last = page.items[199].id.clone();
    let request = PageRequest {
        position: Position::After(last),
        ..request
    };
    let rest = tenant
        .payment_methods
        .page(&tenant.scope, &request)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (rest.items.len(), rest.has_more_after, rest.has_more_before),
        (1, false, true)
    );
    let seen: HashSet<_> = page
        .items
        .iter()
        .chain(&rest.items)
        .map(|item| item.id.clone())
        .collect();
    assert_eq!(seen.len(), 201);
}
