//! How much is under way: for whoever watches from outside.

use billfold_domain::ProjectScope;
use diesel::{ExpressionMethods as _, QueryDsl as _};

use crate::{Operations, StoreError, database::read, schema::operations};

impl Operations {
    /// How many of the project's operations have begun and not ended, whoever holds them.
    pub async fn count_open(&self, scope: &ProjectScope) -> Result<u64, StoreError> {
        let counts = read!(
            self.database,
            operations::table
                .filter(operations::project_id.eq(scope.project().to_string()))
                .count() => i64
        )?;
        let count = counts.into_iter().next().unwrap_or_default();
        Ok(u64::try_from(count).unwrap_or_default())
    }
}
