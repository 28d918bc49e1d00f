//! Lists in memory that are cut the plain way, and rows and requests of every shape.

use billfold_domain::{
    Page, PageLimit, PageRequest, PaymentMethod, PaymentMethodId, PaymentMethodType, PaymentMethodTypes,
    Position,
};
use proptest::{prelude::*, sample::select};

use crate::harness::{Tenant, at, card, method_id, user};

/// Names whose order by bytes is no language's, so that a database that sorts by one is caught.
pub(crate) const NAMES: [&str; 16] = [
    "pm_a", "pm_A", "pm_b", "pm_B", "pm_1", "pm_10", "pm_2", "pm__", "PM_a", "pm", "pma", "pm_Z", "card_1",
    "src_1", "pm_a1", "pm_a_1",
];
pub(crate) const USERS: [&str; 3] = ["anna", "Anna", "bert"];

/// A payment method, and whether it is deleted.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) method: PaymentMethod,
    pub(crate) deleted: bool,
}

impl Row {
    pub(crate) fn new(
        name: &str,
        created_at: i64,
        user_name: &str,
        payment_method_type: PaymentMethodType,
        deleted: bool,
    ) -> Self {
        let method = PaymentMethod {
            payment_method_type,
            ..card(name, user_name, at(created_at))
        };
        Self { method, deleted }
    }
}

/// What a page should be: the whole list, newest first, cut where the request says.
pub(crate) fn expected(rows: &[Row], request: &PageRequest) -> Option<Page<PaymentMethod>> {
    let order = |method: &PaymentMethod| (method.created_at, method.id.clone());
    let types: Vec<_> = request.types.members().collect();
    let mut list: Vec<_> = rows
        .iter()
        .filter(|row| !row.deleted)
        .map(|row| row.method.clone())
        .filter(|method| request.user.as_ref().is_none_or(|user| *user == method.user))
        .filter(|method| types.contains(&method.payment_method_type))
        .collect();
    list.sort_by_key(order);
    list.reverse();
    let cursor = |id: &PaymentMethodId| {
        rows.iter()
            .find(|row| row.method.id == *id)
            .map(|row| order(&row.method))
    };
    let limit = request.limit.items();
    let (start, end) = match &request.position {
        Position::Start => (0, limit.min(list.len())),
        Position::After(id) => {
            let cursor = cursor(id)?;
            let start = list.iter().filter(|method| order(method) >= cursor).count();
            (start, (start + limit).min(list.len()))
        }
        Position::Before(id) => {
            let cursor = cursor(id)?;
            let end = list.iter().filter(|method| order(method) > cursor).count();
            (end.saturating_sub(limit), end)
        }
    };
    let items = list[start..end].to_vec();
    Some(Page {
        has_more_after: !items.is_empty() && end < list.len(),
        has_more_before: !items.is_empty() && start > 0,
        items,
    })
}

pub(crate) async fn write(tenant: &Tenant, rows: &[Row]) {
    for row in rows {
        tenant.save(&row.method).await;
        if row.deleted {
            tenant.delete(&row.method.id).await;
        }
    }
}

/// The page that the database gives where it is not the expected one.
pub(crate) async fn difference(tenant: &Tenant, rows: &[Row], request: &PageRequest) -> Option<String> {
    let page = tenant.payment_methods.page(&tenant.scope, request).await.unwrap();
    let expected = expected(rows, request);
    (page != expected).then(|| format!("{request:?}\n of {rows:?}\n gave {page:?}\n not  {expected:?}"))
}

pub(crate) fn limit(items: u8) -> PageLimit {
    PageLimit::new(items).unwrap()
}

/// Every set of types that a request can have.
pub(crate) fn sets_of_types() -> Vec<PaymentMethodTypes> {
    (1_usize..8)
        .filter_map(|bits| {
            let members = PaymentMethodType::ALL.into_iter().enumerate();
            PaymentMethodTypes::of(
                members
                    .filter(|(index, _)| bits & (1 << index) != 0)
                    .map(|(_, member)| member),
            )
        })
        .collect()
}

pub(crate) fn any_row(name: &'static str) -> impl Strategy<Value = Row> {
    // Few moments, so that many rows share one.
    let parts = (
        0..4_i64,
        select(&USERS[..]),
        select(&PaymentMethodType::ALL[..]),
        prop::bool::weighted(0.25),
    );
    parts.prop_map(move |(created_at, user_name, payment_method_type, deleted)| {
        Row::new(name, created_at, user_name, payment_method_type, deleted)
    })
}

pub(crate) fn any_rows() -> impl Strategy<Value = Vec<Row>> {
    prop::sample::subsequence(&NAMES[..], 0..=NAMES.len())
        .prop_shuffle()
        .prop_flat_map(|names| names.into_iter().map(any_row).collect::<Vec<_>>())
}

pub(crate) fn any_request() -> impl Strategy<Value = PageRequest> {
    let id = || select(&NAMES[..]).prop_map(method_id);
    let position = prop_oneof![
        1 => Just(Position::Start),
        3 => id().prop_map(Position::After),
        3 => id().prop_map(Position::Before),
    ];
    let user_name = prop::option::of(select(vec!["anna", "Anna", "bert", "nobody"]));
    let items = prop_oneof![4 => 0..=5_u8, 1 => 6..=200_u8];
    (user_name, select(sets_of_types()), position, items).prop_map(|(user_name, types, position, items)| {
        PageRequest {
            user: user_name.map(user),
            types,
            position,
            limit: limit(items),
        }
    })
}
