//! The newest rows as they are.

use rstest::rstest;

use crate::harness::{Backend, Postgres, SqliteInFile, SqliteInMemory, at, card};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_project_sees_its_own_newest_rows_column_by_column(
    #[values(SqliteInMemory, SqliteInFile, Postgres)] backend: Backend,
) {
    let test = backend.migrated().await;
    let tenant = test.tenant("demo").await;
    let other = test.tenant("acme").await;
    for number in 0..30 {
        tenant
            .save(&card(&format!("pm_{number:02}"), "anna", at(number)))
            .await;
    }
    other.save(&card("pm_foreign", "bert", at(0))).await;

    let tables = test.database.newest_rows(&tenant.scope).await.unwrap();
    let names: Vec<_> = tables.iter().map(|table| table.name).collect();
    assert_eq!(names[..2], ["operations", "payment_methods"]);
    for table in &tables {
        assert!(table.rows.len() <= 25, "{}", table.name);
        for row in &table.rows {
            assert!(!row.contains("pm_foreign") && !row.contains("bert"), "{row}");
        }
        for secret in ["secret_key", "hash", "body", "webhook_secret", "wrapped"] {
            assert!(!table.columns.contains(&secret), "{}.{secret}", table.name);
        }
    }
    let methods = &tables[1];
    assert_eq!(methods.rows.len(), 25);
    assert_eq!(methods.columns[..3], ["id", "user_id", "type"]);
    assert!(
        methods.rows[0]
            .replace(' ', "")
            .starts_with(r#"["pm_29","anna","card","#),
        "{}",
        methods.rows[0]
    );
    assert!(methods.rows[24].contains("pm_05"), "{}", methods.rows[24]);
}
