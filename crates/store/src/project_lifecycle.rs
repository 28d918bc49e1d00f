//! How projects change: their credentials and account, shut and opened, and their list.

use crate::{
    AccountUse, Projects, StoreError, StripeCredentials,
    database::{in_transaction, read_shared, with_shared_connection},
    projects::{account_use, all, is_taken, open_columns},
    row_security::project_names,
    schema::{customers, operations, payment_methods, projects, stripe_credentials},
    sealed_credentials::{lock_credentials, replace_secrets, seal, secret_columns},
    sql_types::{StoredInstant, database_now},
};
use billfold_domain::{Page, PageLimit, ProjectId, ProjectPosition, StripeAccountId, StripeMode};
use diesel::{ExpressionMethods as _, NullableExpressionMethods as _, QueryDsl as _};
use diesel_async::RunQueryDsl as _;

/// What a project's credentials and account shall be.
#[derive(Clone, Debug)]
pub struct ProjectChange {
    /// All of its credentials, those that stay what they are included.
    pub stripe: StripeCredentials,
    /// Which account they are of.
    pub account: AccountUse,
    /// Whether that is, or may be, another account than before: then the project may have nothing there, and its users'
    /// customers are forgotten.
    pub moves: bool,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangedProject {
    /// It is written.
    Changed,
    /// Another change came between, or the project is gone: look again.
    Overtaken,
    /// Another project works on the account, and this one was not to share it.
    AccountTaken,
    /// The project has payment methods, or operations that are open, at the account before.
    InUse,
}

/// A project's row, as long as nobody has begun to delete it.
#[diesel::dsl::auto_type]
fn kept(id: String) -> _ {
    projects::table
        .filter(projects::id.eq(id))
        .filter(projects::deletion_began_at.is_null())
}

/// Every project that is not deleted.
#[diesel::dsl::auto_type]
fn listed() -> _ {
    projects::table.filter(projects::deleted_at.is_null())
}

impl Projects {
    /// Writes a change that was made from the project as this revision has it. [`StoreError::Duplicate`] when another
    /// project takes the account at this moment.
    pub async fn change(
        &self,
        id: &ProjectId,
        mode: StripeMode,
        revision: i64,
        change: &ProjectChange,
    ) -> Result<ChangedProject, StoreError> {
        let stripe = &change.stripe;
        in_transaction!(self.database, id, |connection| {
            // Looked at before anything is written, so that a refusal leaves nothing.
            if is_taken!(connection, id, mode, change.account) {
                return Ok(ChangedProject::AccountTaken);
            }
            if change.moves {
                let shown = payment_methods::table
                    .filter(payment_methods::project_id.eq(id.as_str()))
                    .filter(payment_methods::deleted_at.is_null())
                    .count()
                    .get_result::<i64>(connection)
                    .await?;
                let open = operations::table
                    .filter(operations::project_id.eq(id.as_str()))
                    .count()
                    .get_result::<i64>(connection)
                    .await?;
                if shown > 0 || open > 0 {
                    return Ok(ChangedProject::InUse);
                }
            }
            let changed = diesel::update(
                projects::table
                    .filter(projects::id.eq(id.as_str()))
                    .filter(projects::revision.eq(revision))
                    .filter(projects::deleted_at.is_null()),
            )
            .set((
                projects::revision.eq(projects::revision + 1),
                account_use!(change.account),
            ))
            .execute(connection)
            .await?;
            if changed == 0 {
                return Ok(ChangedProject::Overtaken);
            }
            if change.moves {
                diesel::delete(customers::table.filter(customers::project_id.eq(id.as_str())))
                    .execute(connection)
                    .await?;
            }
            // Whoever gives the project a new data key goes first or waits: the key that is there now seals.
            if !lock_credentials!(connection, id) {
                return Err(StoreError::Internal(format!("project {id} has no credentials")));
            }
            let row = all()
                .filter(projects::id.eq(id.as_str()))
                .first(connection)
                .await?;
            let (key, _) = self.open(row)?;
            let sealed = seal(&key, &stripe.secret_key, &stripe.webhook_secrets)?;
            replace_secrets!(connection, id, sealed);
            diesel::update(stripe_credentials::table.filter(stripe_credentials::project_id.eq(id.as_str())))
                .set(open_columns!(stripe))
                .execute(connection)
                .await?;
            Ok(ChangedProject::Changed)
        })
    }

    /// Shuts a project, or leaves it shut since when it was. Says whether there is one that nobody is deleting.
    pub async fn disable(&self, id: &ProjectId) -> Result<bool, StoreError> {
        with_shared_connection!(self.database, |connection| {
            let open = kept(id.to_string()).filter(projects::disabled_at.is_null());
            let shut = diesel::update(open)
                .set((
                    projects::disabled_at.eq(database_now().nullable()),
                    projects::revision.eq(projects::revision + 1),
                ))
                .execute(connection)
                .await?;
            let there: i64 = kept(id.to_string()).count().get_result(connection).await?;
            Ok(shut == 1 || there == 1)
        })
    }

    /// Opens a project that is shut. Says whether there is one that nobody is deleting.
    pub async fn enable(&self, id: &ProjectId) -> Result<bool, StoreError> {
        with_shared_connection!(self.database, |connection| {
            let opened = diesel::update(kept(id.to_string()))
                .set((
                    projects::disabled_at.eq(None::<StoredInstant>),
                    projects::revision.eq(projects::revision + 1),
                ))
                .execute(connection)
                .await?;
            Ok(opened == 1)
        })
    }

    /// The names of a page of the projects that are not deleted, by the bytes of their names.
    pub async fn page(
        &self,
        position: &ProjectPosition,
        limit: PageLimit,
    ) -> Result<Page<ProjectId>, StoreError> {
        let wanted = limit.items();
        let one_more = i64::try_from(wanted).unwrap_or(i64::MAX - 1) + 1;
        let mut names = match position {
            ProjectPosition::Start => read_shared!(
                self.database,
                listed().order(projects::id).limit(one_more).select(projects::id) => String
            )?,
            ProjectPosition::After(name) => read_shared!(
                self.database,
                listed()
                    .filter(projects::id.gt(name.to_string()))
                    .order(projects::id)
                    .limit(one_more)
                    .select(projects::id) => String
            )?,
            ProjectPosition::Before(name) => read_shared!(
                self.database,
                listed()
                    .filter(projects::id.lt(name.to_string()))
                    .order(projects::id.desc())
                    .limit(one_more)
                    .select(projects::id) => String
            )?,
        };
        let goes_on = names.len() > wanted;
        names.truncate(wanted);
        let backwards = matches!(position, ProjectPosition::Before(_));
        if backwards {
            names.reverse();
        }
        // Whether the list goes on at the end where the page was entered.
        let beyond = match (position, names.as_slice().first(), names.as_slice().last()) {
            (_, None, _) | (_, _, None) | (ProjectPosition::Start, ..) => false,
            (ProjectPosition::After(_), Some(first), _) => {
                let first = first.clone();
                let found = read_shared!(
                    self.database,
                    listed()
                        .filter(projects::id.lt(first.clone()))
                        .limit(1)
                        .select(projects::id) => String
                )?;
                !found.is_empty()
            }
            (ProjectPosition::Before(_), _, Some(last)) => {
                let last = last.clone();
                let found = read_shared!(
                    self.database,
                    listed()
                        .filter(projects::id.gt(last.clone()))
                        .limit(1)
                        .select(projects::id) => String
                )?;
                !found.is_empty()
            }
        };
        let empty = names.is_empty();
        Ok(Page {
            items: project_names(names)?,
            has_more_after: !empty && if backwards { beyond } else { goes_on },
            has_more_before: !empty && if backwards { goes_on } else { beyond },
        })
    }
}
