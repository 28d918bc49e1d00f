//! The audit log: added to and never changed, in pages, each project's own.

use std::cell::Cell;

use billfold_domain::{
    AuditAction, AuditEntry, AuditEvent, AuditEventId, AuditObject, AuditOutcome, AuditPageRequest, Caller,
    CallerKind, Page, Position,
};
use billfold_store::{AuditEvents, StoreError};
use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner},
};
use rstest::rstest;
use tokio::runtime::Handle;

use crate::{
    harness::{Backend, Postgres, SqliteInFile, SqliteInMemory, Tenant, TestDatabase, at, method_id, user},
    pages_model::limit,
};

fn log(test: &TestDatabase) -> AuditEvents {
    AuditEvents::new(test.database.clone())
}

fn id(name: &str) -> AuditEventId {
    AuditEventId::parse(name).unwrap()
}

/// An event of a deletion by a user's token.
fn event(name: &str, second: i64, user_name: Option<&str>, action: AuditAction) -> AuditEvent {
    let caller = Caller::of_kind(CallerKind::Token).subject("backend");
    AuditEvent {
        id: id(name),
        created_at: at(second),
        entry: AuditEntry {
            user: user_name.map(user),
            ..AuditEntry::new(caller, action, AuditOutcome::Begun)
        },
    }
}

fn everything() -> AuditPageRequest {
    AuditPageRequest {
        user: None,
        action: None,
        position: Position::Start,
        limit: limit(200),
    }
}

async fn all_of(log: &AuditEvents, tenant: &Tenant) -> Vec<AuditEvent> {
    let page = log.page(&tenant.scope, &everything()).await.unwrap();
    page.unwrap().items
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_read_as_it_was_written(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let (log, tenant) = (log(&test), test.tenant("demo").await);
    let whole = AuditEvent {
        id: id("aud_2"),
        created_at: at(1),
        entry: AuditEntry {
            caller: Caller::of_kind(CallerKind::ApiKey)
                .subject("auth0|é")
                .issuer("https://login.example.com/")
                .key_id("key-1"),
            request_id: Some("req_1".into()),
            operation: Some("operation-1".into()),
            action: AuditAction::PaymentMethodDelete,
            object: Some(AuditObject::from(&method_id("pm_1"))),
            user: Some(user("anna")),
            outcome: AuditOutcome::Refused,
            status: Some(422),
            code: Some("paymentMethodNotUsable".into()),
        },
    };
    let bare = AuditEvent {
        id: id("aud_1"),
        created_at: at(1),
        entry: AuditEntry::new(
            Caller::SYSTEM,
            AuditAction::parse("invoice.pay").unwrap(),
            AuditOutcome::Unknown,
        ),
    };
    log.append(&tenant.scope, &[bare.clone(), whole.clone()])
        .await
        .unwrap();
    assert_eq!(all_of(&log, &tenant).await, [whole.clone(), bare]);
    let of_operation = log.of_operation(&tenant.scope, "operation-1").await.unwrap();
    assert_eq!(of_operation, [whole]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_its_projects_own(#[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let log = log(&test);
    let (demo, acme) = (test.tenant("demo").await, test.tenant("acme").await);
    // The same names in both.
    for tenant in [&demo, &acme] {
        let mut told = event("aud_1", 0, Some("anna"), AuditAction::PaymentMethodCreate);
        told.entry.operation = Some("operation-1".into());
        told.entry.request_id = Some(tenant.scope.project().as_str().into());
        log.append(&tenant.scope, &[told]).await.unwrap();
    }
    log.append(
        &acme.scope,
        &[event("aud_2", 1, None, AuditAction::PaymentMethodCreate)],
    )
    .await
    .unwrap();
    let seen = all_of(&log, &demo).await;
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].entry.request_id.as_deref(), Some("demo"));
    let found = log.of_operation(&demo.scope, "operation-1").await.unwrap();
    assert_eq!(found, seen);
    let foreign = AuditPageRequest {
        position: Position::After(id("aud_2")),
        ..everything()
    };
    assert_eq!(log.page(&demo.scope, &foreign).await.unwrap(), None);
    assert!(log.page(&acme.scope, &foreign).await.unwrap().is_some());
    assert_eq!(
        retention(&test)
            .await
            .forget_older(&demo.scope, at(100), 100)
            .await
            .unwrap(),
        1
    );
    assert_eq!(all_of(&log, &acme).await.len(), 2);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_for_a_project_that_is_not_there(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let nowhere = Tenant::of(&test.database, "nowhere");
    let told = event("aud_1", 0, None, AuditAction::PaymentMethodCreate);
    let appended = log(&test).append(&nowhere.scope, &[told]).await;
    assert!(matches!(appended, Err(StoreError::NoProject)), "{appended:?}");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn of_events_that_are_written_together_all_or_none_are(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let (log, tenant) = (log(&test), test.tenant("demo").await);
    let numbered = |number: i64| event(&format!("aud_{number:04}"), number, None, AuditAction::KeysRotate);
    let many: Vec<_> = (0..1_100).map(numbered).collect();
    log.append(&tenant.scope, &many).await.unwrap();
    assert_eq!(
        retention(&test)
            .await
            .forget_older(&tenant.scope, at(5_000), 5_000)
            .await
            .unwrap(),
        1_100
    );
    // The last is there already.
    log.append(&tenant.scope, &many[1_099..]).await.unwrap();
    let again = log.append(&tenant.scope, &many).await;
    assert!(matches!(again, Err(StoreError::Duplicate(_))), "{again:?}");
    assert_eq!(all_of(&log, &tenant).await.len(), 1);
}

/// The log as its tables' owner has it, who alone may delete.
async fn retention(test: &TestDatabase) -> AuditEvents {
    AuditEvents::new(test.of_owner().await)
}

/// What a statement behind the store's back is told, or nothing where it is obeyed.
async fn refusal(test: &TestDatabase, statement: &str) -> Option<String> {
    test.try_to_execute(statement).await.err()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_retention_changes_the_log(#[values(SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let (log, tenant) = (log(&test), test.tenant("demo").await);
    let events = [0, 10, 20].map(|second| {
        event(
            &format!("aud_{second:02}"),
            second,
            None,
            AuditAction::SetupIntentCreate,
        )
    });
    log.append(&tenant.scope, &events).await.unwrap();
    let mut statements = vec![
        "update audit_events set outcome = 'refused'",
        "update audit_events set id = id",
        "delete from audit_events",
        "delete from audit_events where id = 'aud_00'",
    ];
    if backend == Postgres {
        statements.push("truncate audit_events");
        statements.push("truncate refused_callers");
        // Saying so is enough to delete, and to nothing else.
        statements.push(
            "begin; set local app.forgets_history = 'yes'; update audit_events set outcome = 'refused'; commit",
        );
    }
    for statement in statements {
        let told = refusal(&test, statement).await;
        assert!(
            told.as_deref().is_some_and(|told| told.contains("append-only")),
            "{statement}: {told:?}"
        );
    }
    assert_eq!(all_of(&log, &tenant).await.len(), 3);

    // What is old enough is forgotten, the oldest first, and no more than asked for.
    assert_eq!(
        retention(&test)
            .await
            .forget_older(&tenant.scope, at(0), 100)
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        retention(&test)
            .await
            .forget_older(&tenant.scope, at(11), 1)
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        all_of(&log, &tenant).await,
        [events[2].clone(), events[1].clone()]
    );
    assert_eq!(
        retention(&test)
            .await
            .forget_older(&tenant.scope, at(11), 100)
            .await
            .unwrap(),
        1
    );
    assert_eq!(all_of(&log, &tenant).await, [events[2].clone()]);
    // And the refusal is back.
    assert!(refusal(&test, "delete from audit_events").await.is_some());
    log.append(
        &tenant.scope,
        &[event("aud_30", 30, None, AuditAction::SetupIntentCreate)],
    )
    .await
    .unwrap();
    assert_eq!(all_of(&log, &tenant).await.len(), 2);
}

const NAMES: [&str; 12] = [
    "aud_a", "aud_A", "aud_b", "aud_B", "aud_1", "aud_10", "aud_2", "aud__", "AUD_a", "aud", "auda", "aud_a1",
];

fn any_events() -> impl Strategy<Value = Vec<AuditEvent>> {
    let one = |name: &'static str| {
        let users = select(vec![None, Some("anna"), Some("Anna"), Some("bert")]);
        (0..3_i64, users, select(&AuditAction::KNOWN[..3]))
            .prop_map(move |(second, user_name, action)| event(name, second, user_name, action))
    };
    prop::sample::subsequence(&NAMES[..], 0..=NAMES.len())
        .prop_shuffle()
        .prop_flat_map(move |names| names.into_iter().map(one).collect::<Vec<_>>())
}

fn any_request() -> impl Strategy<Value = AuditPageRequest> {
    let name = || select(&NAMES[..]).prop_map(id);
    let position = prop_oneof![
        1 => Just(Position::Start),
        3 => name().prop_map(Position::After),
        3 => name().prop_map(Position::Before),
    ];
    let user_name = prop::option::of(select(vec!["anna", "Anna", "bert", "nobody"]));
    let action = prop::option::of(select(&AuditAction::KNOWN[..4]));
    let items = prop_oneof![4 => 0..=5_u8, 1 => 6..=200_u8];
    (user_name, action, position, items).prop_map(|(user_name, action, position, items)| AuditPageRequest {
        user: user_name.map(user),
        action,
        position,
        limit: limit(items),
    })
}

/// What a page should be: the whole log, newest first, cut where the request says.
fn expected(events: &[AuditEvent], request: &AuditPageRequest) -> Option<Page<AuditEvent>> {
    let order = |event: &AuditEvent| (event.created_at, event.id.clone());
    let mut list: Vec<_> = events
        .iter()
        .filter(|event| {
            request
                .user
                .as_ref()
                .is_none_or(|user| event.entry.user.as_ref() == Some(user))
        })
        .filter(|event| {
            request
                .action
                .as_ref()
                .is_none_or(|action| event.entry.action == *action)
        })
        .cloned()
        .collect();
    list.sort_by_key(order);
    list.reverse();
    let cursor = |id: &AuditEventId| events.iter().find(|event| event.id == *id).map(order);
    let limit = request.limit.items();
    let (start, end) = match &request.position {
        Position::Start => (0, limit.min(list.len())),
        Position::After(id) => {
            let cursor = cursor(id)?;
            let start = list.iter().filter(|event| order(event) >= cursor).count();
            (start, (start + limit).min(list.len()))
        }
        Position::Before(id) => {
            let cursor = cursor(id)?;
            let end = list.iter().filter(|event| order(event) > cursor).count();
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

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn any_page_of_any_log(#[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let log = log(&test);
    let neighbour = test.tenant("neighbour").await;
    let around: Vec<_> = NAMES
        .iter()
        .map(|name| event(name, 1, Some("anna"), AuditAction::PaymentMethodCreate))
        .collect();
    log.append(&neighbour.scope, &around).await.unwrap();
    let runtime = Handle::current();
    let trying = tokio::task::spawn_blocking(move || {
        let config = Config {
            cases: 40,
            failure_persistence: None,
            ..Config::default()
        };
        // The same cases in every run.
        let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let number = Cell::new(0);
        TestRunner::new_with_rng(config, random).run(
            &(any_events(), vec(any_request(), 20)),
            |(events, requests)| {
                number.set(number.get() + 1);
                runtime.block_on(async {
                    let tenant = test.tenant(&format!("case-{}", number.get())).await;
                    log.append(&tenant.scope, &events).await.unwrap();
                    for request in &requests {
                        let page = log.page(&tenant.scope, request).await.unwrap();
                        if page != expected(&events, request) {
                            return Err(TestCaseError::fail(format!(
                                "{request:?}\n of {events:?}\n gave {page:?}"
                            )));
                        }
                    }
                    Ok(())
                })
            },
        )
    });
    trying.await.unwrap().unwrap();
}
