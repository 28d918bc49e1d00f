//! One at a time: transactions that would disturb each other wait for each other instead.

use billfold_domain::{ProjectScope, UserId};

/// The name of a user's turn.
pub(crate) fn of_user(scope: &ProjectScope, user: &UserId) -> String {
    format!("{} {user}", scope.project())
}

/// A connection in a transaction that can wait for its turn.
pub(crate) trait Turns {
    /// Waits until no other transaction has the turn of this name, and has it until this one ends. Two names may
    /// rarely be taken for one, which costs a wait and no more.
    fn wait_for_turn(&mut self, name: String) -> impl Future<Output = diesel::QueryResult<()>> + Send;
}

impl Turns for diesel_async::AsyncPgConnection {
    async fn wait_for_turn(&mut self, name: String) -> diesel::QueryResult<()> {
        use diesel::sql_types::{BigInt, Text};
        diesel::define_sql_function! { fn hashtextextended(text: Text, seed: BigInt) -> BigInt; }
        diesel::define_sql_function! { fn pg_advisory_xact_lock(key: BigInt) -> Bool; }
        // The function returns void, which only a statement whose rows nobody reads can hold.
        let lock = diesel::select(pg_advisory_xact_lock(hashtextextended(name, 0)));
        diesel_async::RunQueryDsl::execute(lock, self).await.map(|_| ())
    }
}

impl Turns for crate::sqlite::WriteConnection {
    /// A transaction that writes has the whole database to itself.
    async fn wait_for_turn(&mut self, _: String) -> diesel::QueryResult<()> {
        Ok(())
    }
}
