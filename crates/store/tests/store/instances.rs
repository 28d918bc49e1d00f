//! Which instances live, by the database's clock.

use std::time::Duration;

use billfold_store::Instances;
use rstest::rstest;

use crate::harness::{Backend, Postgres, SqliteInFile};

const LONG: Duration = Duration::from_mins(10);

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_announces_itself_is_counted_until_it_leaves_or_falls_silent(
    #[values(SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let (one, other) = (
        Instances::new(test.database.clone()),
        Instances::new(test.another_way_in().await),
    );
    assert_eq!(one.announce("one", LONG).await.unwrap().get(), 1);
    assert_eq!(other.announce("other", LONG).await.unwrap().get(), 2);
    assert_eq!(one.announce("one", LONG).await.unwrap().get(), 2, "itself once");
    other.leave("other").await.unwrap();
    assert_eq!(one.announce("one", LONG).await.unwrap().get(), 1);

    other.announce("other", LONG).await.unwrap();
    let minutes_ago = match backend {
        Postgres => "clock_timestamp() - interval '11 minutes'",
        _ => "seen_at - 660000000",
    };
    test.execute(&format!(
        "update instances set seen_at = {minutes_ago} where id = 'other'"
    ))
    .await;
    assert_eq!(one.announce("one", LONG).await.unwrap().get(), 1, "it is silent");
    assert_eq!(
        other.announce("other", LONG).await.unwrap().get(),
        2,
        "it is back"
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_rows_of_those_who_are_gone_go_too(#[values(SqliteInFile, Postgres)] backend: Backend) {
    let test = backend.migrated().await;
    let instances = Instances::new(test.database.clone());
    instances.announce("gone", LONG).await.unwrap();
    let hours_ago = match backend {
        Postgres => "clock_timestamp() - interval '61 minutes'",
        _ => "seen_at - 3660000000",
    };
    test.execute(&format!("update instances set seen_at = {hours_ago}"))
        .await;
    instances.announce("one", LONG).await.unwrap();
    assert_eq!(test.texts("select id as value from instances").await, ["one"]);
}
