//! Tables to which rows are only ever added. Triggers refuse everything else, and retention alone has a way past them.

use diesel::{OptionalExtension as _, QueryDsl as _, QueryResult};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _, SimpleAsyncConnection as _};

use crate::sqlite::WriteConnection;

/// A table to which rows are only ever added.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AppendOnly {
    AuditEvents,
    RefusedCallers,
}

impl AppendOnly {
    /// The trigger of SQLite that refuses to delete.
    const fn trigger(self) -> &'static str {
        match self {
            Self::AuditEvents => "audit_events_are_not_deleted",
            Self::RefusedCallers => "refused_callers_are_not_deleted",
        }
    }
}

/// What brings back the refusal to delete, where something must.
pub(crate) struct Refusal(Option<String>);

/// Deleting what is old. Only within a transaction, so that whatever fails leaves the refusal in place.
pub(crate) trait Forgets {
    /// Lets rows of the table be deleted until the refusal is back, or the transaction ends.
    fn allow_deletion(&mut self, table: AppendOnly) -> impl Future<Output = QueryResult<Refusal>> + Send;
    /// Brings the refusal back.
    fn refuse_deletion(&mut self, refusal: Refusal) -> impl Future<Output = QueryResult<()>> + Send;
}

impl Forgets for AsyncPgConnection {
    async fn allow_deletion(&mut self, _: AppendOnly) -> QueryResult<Refusal> {
        self.batch_execute("set local app.forgets_history = 'yes'")
            .await?;
        Ok(Refusal(None))
    }

    async fn refuse_deletion(&mut self, _: Refusal) -> QueryResult<()> {
        self.batch_execute("set local app.forgets_history = 'no'").await
    }
}

diesel::table! {
    sqlite_schema (name) {
        name -> Text,
        sql -> Nullable<Text>,
    }
}

impl Forgets for WriteConnection {
    /// No other connection sees the table without its trigger: what is written is seen when the transaction ends.
    async fn allow_deletion(&mut self, table: AppendOnly) -> QueryResult<Refusal> {
        let trigger = sqlite_schema::table
            .find(table.trigger())
            .select(sqlite_schema::sql)
            .first::<Option<String>>(self)
            .await
            .optional()?;
        self.batch_execute(&format!("drop trigger {}", table.trigger()))
            .await?;
        Ok(Refusal(trigger.flatten()))
    }

    async fn refuse_deletion(&mut self, Refusal(trigger): Refusal) -> QueryResult<()> {
        match trigger {
            Some(trigger) => self.batch_execute(&trigger).await,
            None => Ok(()),
        }
    }
}
