//! Callers whom nobody vouches for.

use billfold_domain::{AuditAction, AuditEventId, RefusedCaller};
use billfold_store::RefusedCallers;
use rstest::rstest;

use crate::harness::{Backend, Postgres, SqliteInFile, SqliteInMemory, at};

fn caller(number: i64) -> RefusedCaller {
    RefusedCaller {
        id: AuditEventId::parse(format!("aud_{number}")).unwrap(),
        created_at: at(number),
        request_id: Some(format!("req_{number}").into()),
        action: Some(AuditAction::PaymentMethodCreate),
        reason: "the key is unknown".into(),
        number: 1,
    }
}

fn counted(number: i64) -> RefusedCaller {
    RefusedCaller {
        request_id: None,
        action: None,
        reason: "more than are kept".into(),
        number: u32::MAX,
        ..caller(number)
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn they_are_kept_newest_first_until_they_are_old(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let callers = RefusedCallers::new(test.database.clone());
    // Only the tables' owner may delete.
    let retention = RefusedCallers::new(test.of_owner().await);
    callers.append(&[caller(1), caller(2)]).await.unwrap();
    callers.append(&[counted(3)]).await.unwrap();
    assert_eq!(
        callers.newest(10).await.unwrap(),
        [counted(3), caller(2), caller(1)]
    );
    assert_eq!(callers.newest(1).await.unwrap(), [counted(3)]);
    assert!(
        callers.append(&[caller(4), caller(1)]).await.is_err(),
        "one is there already"
    );
    assert_eq!(callers.newest(10).await.unwrap().len(), 3, "all or none");
    if backend != SqliteInMemory {
        for statement in [
            "delete from refused_callers",
            "update refused_callers set number = 1",
        ] {
            let told = test.try_to_execute(statement).await.unwrap_err();
            assert!(told.contains("append-only"), "{told}");
        }
    }
    assert_eq!(retention.forget_older(at(1), 10).await.unwrap(), 0);
    assert_eq!(retention.forget_older(at(3), 1).await.unwrap(), 1);
    assert_eq!(callers.newest(10).await.unwrap(), [counted(3), caller(2)]);
    if backend != SqliteInMemory {
        assert!(test.try_to_execute("delete from refused_callers").await.is_err());
    }
}
