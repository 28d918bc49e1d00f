//! Which Stripe customer stands for which user.

use billfold_domain::{CustomerId, ProjectScope, UserId};
use diesel::{ExpressionMethods as _, QueryDsl as _};
use diesel_async::RunQueryDsl as _;

use crate::{
    Database, StoreError,
    database::{read, with_connection},
    schema::customers,
};

/// The customers of every project, each call within one.
#[derive(Clone, Debug)]
pub struct Customers {
    pub(crate) database: Database,
}

#[diesel::dsl::auto_type]
fn of_user(project: String, user: String) -> _ {
    customers::table
        .filter(customers::project_id.eq(project))
        .filter(customers::user_id.eq(user))
}

impl Customers {
    /// The customers in a database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// The user's customer, or `None` while the user has none.
    pub async fn find(&self, scope: &ProjectScope, user: &UserId) -> Result<Option<CustomerId>, StoreError> {
        let rows = read!(
            self.database,
            scope,
            of_user(scope.project().to_string(), user.to_string()).select(customers::id) => String
        )?;
        rows.into_iter()
            .next()
            .map(|id| {
                CustomerId::parse(id).map_err(|error| StoreError::Internal(format!("customer: {error}")))
            })
            .transpose()
    }

    /// Forgets a customer that is gone at Stripe, so that the next payment method makes a new one. Does nothing when
    /// the user has another by now.
    pub async fn forget(
        &self,
        scope: &ProjectScope,
        user: &UserId,
        gone: &CustomerId,
    ) -> Result<(), StoreError> {
        let query =
            of_user(scope.project().to_string(), user.to_string()).filter(customers::id.eq(gone.as_str()));
        with_connection!(self.database, scope, |connection| {
            diesel::delete(query).execute(connection).await?;
            Ok(())
        })
    }
}
