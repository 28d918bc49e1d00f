//! Walks through a list that others change meanwhile: what lives through the walk is seen exactly once.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use billfold_domain::{
    Page, PageLimit, PageRequest, PaymentMethod, PaymentMethodId, PaymentMethodTypes, Position,
};
use rstest::rstest;

use crate::harness::{Backend, Postgres, SqliteInFile, SqliteInMemory, Tenant, at, card, method_id};

const SURVIVORS: i64 = 40;

/// Some that live through every walk and, between them, as many that others may delete. Four of them share a moment.
async fn fill(tenant: &Tenant) -> Vec<PaymentMethodId> {
    for index in 0..SURVIVORS {
        tenant
            .save(&card(&format!("pm_{index:02}_stays"), "anna", at(index / 2)))
            .await;
        tenant
            .save(&card(&format!("pm_{index:02}_goes"), "anna", at(index / 2)))
            .await;
    }
    let mut survivors: Vec<_> = (0..SURVIVORS)
        .map(|index| (index / 2, method_id(&format!("pm_{index:02}_stays"))))
        .collect();
    survivors.sort();
    survivors.into_iter().rev().map(|(_, id)| id).collect()
}

async fn page(tenant: &Tenant, position: Position, items: u8) -> Page<PaymentMethod> {
    let request = PageRequest {
        user: None,
        types: PaymentMethodTypes::ALL,
        position,
        limit: PageLimit::new(items).unwrap(),
    };
    tenant
        .payment_methods
        .page(&tenant.scope, &request)
        .await
        .unwrap()
        .expect("the cursor was an item")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Forward,
    Backward,
}

/// Every item from one end to the other, in the order of the list, with something done after each page.
async fn walk(
    tenant: &Tenant,
    way: Way,
    items: u8,
    mut between: impl AsyncFnMut(&Page<PaymentMethod>),
) -> Vec<PaymentMethodId> {
    let mut position = match way {
        Way::Forward => Position::Start,
        // The oldest item of all, which no one deletes: the walk back starts behind the last survivor.
        Way::Backward => {
            let oldest = method_id("pm_oldest");
            if tenant.find("pm_oldest").await.is_none() {
                tenant.save(&card("pm_oldest", "anna", at(-1))).await;
            }
            Position::Before(oldest)
        }
    };
    let mut pages: Vec<Vec<PaymentMethodId>> = Vec::new();
    for _ in 0..1_000 {
        let found = page(tenant, position, items).await;
        between(&found).await;
        pages.push(found.items.iter().map(|item| item.id.clone()).collect());
        let (goes_on, next) = match way {
            Way::Forward => (
                found.has_more_after,
                found.items.last().map(|item| Position::After(item.id.clone())),
            ),
            Way::Backward => (
                found.has_more_before,
                found.items.first().map(|item| Position::Before(item.id.clone())),
            ),
        };
        match next {
            Some(next) if goes_on => position = next,
            _ => {
                if way == Way::Backward {
                    pages.reverse();
                }
                return pages.concat();
            }
        }
    }
    panic!("the walk does not come to an end");
}

/// Every survivor once, in order, and nothing twice.
fn judge(seen: &[PaymentMethodId], survivors: &[PaymentMethodId]) {
    let lived: Vec<_> = seen
        .iter()
        .filter(|id| id.as_str().ends_with("_stays"))
        .cloned()
        .collect();
    assert_eq!(lived, survivors);
    let distinct: std::collections::HashSet<_> = seen.iter().collect();
    assert_eq!(distinct.len(), seen.len(), "an item was seen twice: {seen:?}");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_cursor_may_be_deleted_and_its_neighbours_inserted(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
    #[values(Way::Forward, Way::Backward)] way: Way,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let survivors = fill(&tenant).await;
    let mut turn = 0;
    let seen = walk(&tenant, way, 3, async |found| {
        turn += 1;
        // Whatever of this page may go goes, cursors included, and new items come right before and after its ends.
        for item in found
            .items
            .iter()
            .filter(|item| item.id.as_str().ends_with("_goes"))
        {
            tenant.delete(&item.id).await;
        }
        for item in [found.items.first(), found.items.last()].into_iter().flatten() {
            for beside in ["", "zz"] {
                let name = format!("{}{beside}_{turn}_new", item.id);
                if tenant.find(&name).await.is_none() {
                    tenant
                        .save(&PaymentMethod {
                            id: method_id(&name),
                            ..item.clone()
                        })
                        .await;
                }
            }
        }
    })
    .await;
    judge(&seen, &survivors);
    assert!(turn > 10, "the list was walked through page by page");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn others_may_insert_and_delete_all_the_while(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let survivors = fill(&tenant).await;
    let changing = Arc::new(AtomicBool::new(true));
    let others = {
        let (tenant, changing) = (tenant.clone(), Arc::clone(&changing));
        tokio::spawn(async move {
            for index in 0..SURVIVORS {
                tenant
                    .save(&card(&format!("pm_{index:02}_new"), "bert", at(index / 2)))
                    .await;
                tenant.delete(&method_id(&format!("pm_{index:02}_goes"))).await;
                if index % 3 == 0 {
                    tenant.delete(&method_id(&format!("pm_{index:02}_new"))).await;
                }
            }
            changing.store(false, Ordering::SeqCst);
        })
    };
    let mut walks = 0;
    while changing.load(Ordering::SeqCst) {
        for way in [Way::Forward, Way::Backward] {
            judge(&walk(&tenant, way, 7, async |_| {}).await, &survivors);
            walks += 1;
        }
        assert!(walks < 10_000, "the others do not come to an end");
    }
    others.await.unwrap();
    judge(&walk(&tenant, Way::Forward, 7, async |_| {}).await, &survivors);
}
