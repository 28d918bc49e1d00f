//! What is written together with an operation's beginning and its end: all of it, or none.

use std::num::NonZeroU32;

use billfold_domain::{
    AuditAction, AuditEntry, AuditEvent, AuditEventId, AuditOutcome, Caller, CallerKind, RateLimit,
};
use billfold_store::{
    Alongside, AuditEvents, BeginCreate, NewOperation, Operation, RateLimits, StoreError, Subject, Token,
    TokenKind, Tokens,
};
use rstest::rstest;

use crate::harness::{
    Backend, Postgres, SqliteInFile, SqliteInMemory, Tenant, TestDatabase, at, card, creation, method_id,
    user,
};

/// A limit that is reached with the first.
fn failed_card(owner: Option<&str>) -> Token {
    let hour = NonZeroU32::new(3_600).unwrap();
    Token {
        kind: TokenKind::FailedCards,
        user: owner.map(user),
        limit: RateLimit::new(NonZeroU32::MIN, hour),
    }
}

/// The event of an operation, and what one refused card of a user costs.
fn alongside(event: &str, operation: &str, owner: &str) -> Alongside {
    let caller = Caller::of_kind(CallerKind::Token).subject("backend");
    Alongside {
        event: Some(AuditEvent {
            id: AuditEventId::parse(event).unwrap(),
            created_at: at(0),
            entry: AuditEntry {
                operation: Some(operation.into()),
                ..AuditEntry::new(caller, AuditAction::PaymentMethodCreate, AuditOutcome::Begun)
            },
        }),
        tokens: vec![failed_card(Some(owner)), failed_card(None)],
    }
}

async fn begin(tenant: &Tenant, new: &NewOperation, with: &Alongside) -> Result<BeginCreate, StoreError> {
    let Subject::PaymentMethod(id) = &new.subject else {
        panic!("not of a payment method");
    };
    tenant
        .payment_methods
        .begin_create(&tenant.scope, new, id, 100, at(0), with)
        .await
}

fn held(begun: BeginCreate) -> Operation {
    match begun {
        BeginCreate::Held(operation) => operation,
        other => panic!("not begun: {other:?}"),
    }
}

async fn told(test: &TestDatabase, tenant: &Tenant, operation: &str) -> usize {
    AuditEvents::new(test.database.clone())
        .of_operation(&tenant.scope, operation)
        .await
        .unwrap()
        .len()
}

async fn take(test: &TestDatabase, tenant: &Tenant, token: Token) -> Tokens {
    RateLimits::new(test.database.clone())
        .take(&tenant.scope, &[token])
        .await
        .unwrap()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_operation_begins_with_what_it_costs_or_not_at_all(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let (first, second) = (creation("pm_1", "anna"), creation("pm_2", "bert"));
    held(
        begin(&tenant, &first, &alongside("aud_1", &first.id, "anna"))
            .await
            .unwrap(),
    );
    assert_eq!(told(&test, &tenant, &first.id).await, 1);

    // The project's bucket is empty now.
    match begin(&tenant, &second, &alongside("aud_2", &second.id, "bert")).await {
        Err(StoreError::Lacking { token, wait }) => {
            assert_eq!(*token, failed_card(None));
            assert!(!wait.is_zero());
        }
        other => panic!("begun without its token: {other:?}"),
    }
    assert_eq!(told(&test, &tenant, &second.id).await, 0);
    assert!(
        !tenant
            .operations
            .is_open(&tenant.scope, &second.subject)
            .await
            .unwrap()
    );
    let of_bert = take(&test, &tenant, failed_card(Some("bert"))).await;
    assert_eq!(of_bert, Tokens::Taken, "his own was taken for nothing");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_operation_ends_with_what_it_tells_or_not_at_all(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let new = creation("pm_1", "anna");
    let operation = held(
        begin(&tenant, &new, &alongside("aud_1", &new.id, "anna"))
            .await
            .unwrap(),
    );
    let method = card("pm_1", "anna", at(0));
    let finish = async |holder: &Operation| {
        let ending = alongside("aud_2", &new.id, "anna");
        tenant
            .operations
            .finish_payment_method(&tenant.scope, holder, &method, &ending)
            .await
    };

    let taken_over = Operation {
        fence: operation.fence + 1,
        ..operation.clone()
    };
    assert!(matches!(finish(&taken_over).await, Err(StoreError::Fenced)));
    assert_eq!(told(&test, &tenant, &new.id).await, 1);
    let refused = take(&test, &tenant, failed_card(Some("anna"))).await;
    assert!(
        matches!(refused, Tokens::Refused { .. }),
        "put back by another's holder"
    );
    assert_eq!(tenant.find("pm_1").await, None);

    finish(&operation).await.unwrap();
    assert_eq!(told(&test, &tenant, &new.id).await, 2);
    assert_eq!(
        tenant.find(method_id("pm_1").as_str()).await,
        Some(method.clone())
    );
    for token in [failed_card(Some("anna")), failed_card(None)] {
        assert_eq!(take(&test, &tenant, token).await, Tokens::Taken, "not put back");
    }
}
