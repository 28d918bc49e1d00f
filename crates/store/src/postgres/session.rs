//! One transaction on a connection that nobody else has meanwhile.

use billfold_domain::ProjectId;
use diesel_async::{
    AnsiTransactionManager, AsyncPgConnection, TransactionManager as _, pooled_connection::deadpool::Object,
};

use crate::{DatabasePooler, StoreError, connection_share::Shared};

/// What a session behind a pooler cannot be given when it is opened, since nobody knows whose it will be next.
const SETTINGS_BEHIND_A_POOLER: &str = "; set local statement_timeout = 10000; set local lock_timeout = 5000; \
     set local idle_in_transaction_session_timeout = 15000";

/// An open transaction. One that is dropped before its end takes its connection with it, at once: a connection that went
/// back into the pool like that would keep its locks until somebody asked for it.
pub(crate) struct Session {
    /// In a place of its own: it is large, and every use case that writes carries it.
    connection: Option<Box<Shared<Object<AsyncPgConnection>>>>,
}

impl Session {
    /// Begins a transaction, and in the same journey to the server says whose rows it may see: nobody's where no project
    /// is named. Waits for the turn of a name, where one is given.
    pub(super) async fn begin(
        connection: Shared<Object<AsyncPgConnection>>,
        project: Option<&ProjectId>,
        turn: Option<&str>,
        pooler: Option<DatabasePooler>,
    ) -> Result<Self, StoreError> {
        let mut session = Self {
            connection: Some(Box::new(connection)),
        };
        let mut begin = String::from("begin");
        if pooler.is_some() {
            begin.push_str(SETTINGS_BEHIND_A_POOLER);
        }
        if let Some(project) = project {
            begin.push_str("; set local app.project = ");
            begin.push_str(&literal(project.as_str()));
        }
        if let Some(turn) = turn {
            begin.push_str("; select pg_advisory_xact_lock(hashtextextended(");
            begin.push_str(&literal(turn));
            begin.push_str(", 0))");
        }
        AnsiTransactionManager::begin_transaction_sql(session.connection(), &begin).await?;
        Ok(session)
    }

    /// The connection, to run statements on.
    pub(crate) fn connection(&mut self) -> &mut AsyncPgConnection {
        self.connection.as_mut().expect("there until the end")
    }

    /// The same, where several may look.
    pub(crate) fn shared_connection(&self) -> &AsyncPgConnection {
        self.connection.as_ref().expect("there until the end")
    }

    /// Ends the transaction as its outcome says, and gives the connection back. Where that fails the connection is closed.
    pub(super) async fn end<T>(mut self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        match outcome {
            Ok(value) => {
                AnsiTransactionManager::commit_transaction(self.connection()).await?;
                self.give_back();
                Ok(value)
            }
            Err(error) => {
                self.roll_back().await;
                Err(error)
            }
        }
    }

    /// Undoes what the transaction did, and gives the connection back. Where that fails the connection is closed.
    pub(super) async fn roll_back(mut self) {
        if AnsiTransactionManager::rollback_transaction(self.connection())
            .await
            .is_ok()
        {
            self.give_back();
        }
    }

    fn give_back(mut self) {
        drop(self.connection.take());
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(unfinished) = self.connection.take() {
            drop(Object::take(unfinished.into_inner()));
        }
    }
}

/// A text as SQL writes it. A project's name holds nothing that needs care; this does not rely on it.
fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        format!(" e'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

#[cfg(test)]
mod tests {
    use super::literal;

    #[test]
    fn a_text_stays_within_its_quotes() {
        assert_eq!(literal("demo_1-a"), "'demo_1-a'");
        assert_eq!(literal("a'; drop table b; --"), "'a''; drop table b; --'");
        assert_eq!(literal(r"a\'b"), r" e'a\\''b'");
    }
}
