//! The newest rows of a project as they are, for who wants to see what a request leaves behind.
//!
//! No secret is in these tables, and what only looks like one (the answers that idempotency keys repeat) is left out.

use billfold_domain::ProjectScope;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl as _;

use crate::{
    Database, StoreError,
    database::{Engine, with_connection},
};

/// How many rows of each table are given.
const ROWS: u32 = 25;

/// The newest rows of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InspectedTable {
    /// The table's name.
    pub name: &'static str,
    /// The columns that are shown.
    pub columns: &'static [&'static str],
    /// Its rows, the newest first, each the text of a JSON array with a value for each column. A point in time is RFC 3339 in
    /// PostgreSQL, and a number of microseconds since 1970 in SQLite.
    pub rows: Vec<String>,
}

/// A table that is shown: its name, the columns, and what the newest row has most of.
struct Shown {
    name: &'static str,
    columns: &'static [&'static str],
    newest_by: &'static str,
}

#[rustfmt::skip]
static TABLES: [Shown; 8] = [
    Shown { name: "operations", columns: &["kind", "subject", "user_id", "step", "attempts", "epoch", "fence", "lease_expires_at", "created_at", "id"], newest_by: "created_at" },
    Shown { name: "payment_methods", columns: &["id", "user_id", "type", "brand", "last4", "exp_month", "exp_year", "customer_id", "setup_intent_id", "created_at", "deleted_at"], newest_by: "created_at" },
    Shown { name: "setup_intents", columns: &["id", "user_id", "created_at"], newest_by: "created_at" },
    Shown { name: "customers", columns: &["user_id", "id", "created_at"], newest_by: "created_at" },
    Shown { name: "webhook_events", columns: &["type", "object_type", "object_id", "received_at", "id"], newest_by: "received_at" },
    Shown { name: "webhook_work", columns: &["object_type", "object_id", "attempts", "next_attempt_at", "parked_at"], newest_by: "next_attempt_at" },
    Shown { name: "idempotency_keys", columns: &["route", "key", "status", "created_at", "operation_id"], newest_by: "created_at" },
    Shown { name: "audit_events", columns: &["created_at", "action", "outcome", "status", "caller_kind", "subject", "object_id", "request_id"], newest_by: "created_at" },
];

#[derive(diesel::QueryableByName)]
struct RowText {
    #[diesel(sql_type = Text)]
    row_text: String,
}

impl Database {
    /// The newest rows of each table that a project's requests write to, 25 at most of each.
    pub async fn newest_rows(&self, scope: &ProjectScope) -> Result<Vec<InspectedTable>, StoreError> {
        let json_array = match self.engine {
            Engine::Postgres(_) => "json_build_array",
            Engine::Sqlite(_) => "json_array",
        };
        with_connection!(self, scope, |connection| {
            let mut tables = Vec::with_capacity(TABLES.len());
            for table in &TABLES {
                let rows = diesel::sql_query(table.statement(json_array))
                    .bind::<Text, _>(scope.project().as_str())
                    .load::<RowText>(connection)
                    .await?;
                tables.push(InspectedTable {
                    name: table.name,
                    columns: table.columns,
                    rows: rows.into_iter().map(|row| row.row_text).collect(),
                });
            }
            Ok(tables)
        })
    }
}

impl Shown {
    fn statement(&self, json_array: &str) -> String {
        let Self { name, newest_by, .. } = self;
        let values: Vec<String> = self
            .columns
            .iter()
            .map(|column| format!(r#""{column}""#))
            .collect();
        let values = values.join(", ");
        format!(
            "select cast({json_array}({values}) as text) as row_text from {name} where project_id = $1 \
             order by {newest_by} desc limit {ROWS}"
        )
    }
}
