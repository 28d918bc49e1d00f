//! Which setup intents a project has made, and for whom. What they are, only Stripe knows.

use billfold_domain::{ProjectScope, SetupIntentId, UserId};
use diesel::{ExpressionMethods as _, QueryDsl as _};

use crate::{Database, StoreError, database::read, schema::setup_intents};

/// That a setup intent is a project's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSetupIntent {
    /// Stripe's identifier.
    pub id: SetupIntentId,
    /// Whose card it will save.
    pub user: UserId,
}

/// The setup intents of every project, each call within one.
#[derive(Clone, Debug)]
pub struct SetupIntents {
    database: Database,
}

#[diesel::dsl::auto_type]
fn of_project(project: String) -> _ {
    setup_intents::table.filter(setup_intents::project_id.eq(project))
}

impl SetupIntents {
    /// The setup intents in a database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// The setup intent, or `None` when this project made none of this name.
    pub async fn find(
        &self,
        scope: &ProjectScope,
        id: &SetupIntentId,
    ) -> Result<Option<StoredSetupIntent>, StoreError> {
        let rows = read!(
            self.database,
            scope,
            of_project(scope.project().to_string())
                .filter(setup_intents::id.eq(id.to_string()))
                .select(setup_intents::user_id) => String
        )?;
        rows.into_iter()
            .next()
            .map(|user| {
                let user = UserId::parse(user)
                    .map_err(|error| StoreError::Internal(format!("setup intent: {error}")))?;
                Ok(StoredSetupIntent { id: id.clone(), user })
            })
            .transpose()
    }

    /// The setup intent that an operation has made, or `None` when it has made none.
    pub async fn made_by(
        &self,
        scope: &ProjectScope,
        operation: &str,
    ) -> Result<Option<SetupIntentId>, StoreError> {
        let rows = read!(
            self.database,
            scope,
            of_project(scope.project().to_string())
                .filter(setup_intents::operation_id.eq(operation.to_owned()))
                .select(setup_intents::id) => String
        )?;
        rows.into_iter()
            .next()
            .map(|id| {
                SetupIntentId::parse(id)
                    .map_err(|error| StoreError::Internal(format!("setup intent: {error}")))
            })
            .transpose()
    }
}
