//! Payment methods: what a project's users saved, and what becomes of those that wait for their owner.

use billfold_domain::{
    Page, PageRequest, PaymentMethod, PaymentMethodId, Position, ProjectScope, SetupIntentId, UserId,
    UtcTimestamp,
};
use diesel::{ExpressionMethods as _, QueryDsl as _, SelectableHelper as _};
use diesel_async::RunQueryDsl as _;

use crate::{
    Database, StoreError,
    database::{read, read_briefly, with_connection},
    payment_method_page::{PageQuery, PageRow},
    payment_method_row::PaymentMethodRow,
    schema::payment_methods,
    sql_types::StoredInstant,
    stripe_reads::newest_read,
};

/// The payment methods of every project, each call within one.
#[derive(Clone, Debug)]
pub struct PaymentMethods {
    pub(crate) database: Database,
}

/// Every row of a project, the deleted ones included.
#[diesel::dsl::auto_type]
pub(crate) fn rows(project: String) -> _ {
    payment_methods::table.filter(payment_methods::project_id.eq(project))
}

/// Every payment method of a project that is shown.
#[diesel::dsl::auto_type]
pub(crate) fn shown(project: String) -> _ {
    let of_project: rows = rows(project);
    of_project.filter(payment_methods::deleted_at.is_null())
}

impl PaymentMethods {
    /// The payment methods in a database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// The payment method, or `None` when the project has none of this name or it is deleted.
    pub async fn find(
        &self,
        scope: &ProjectScope,
        id: &PaymentMethodId,
    ) -> Result<Option<PaymentMethod>, StoreError> {
        let found = read_briefly!(
            self.database,
            scope,
            shown(scope.project().to_string())
                .filter(payment_methods::id.eq(id.to_string()))
                .select(PaymentMethodRow::as_select()) => PaymentMethodRow
        )?;
        found.into_iter().next().map(PaymentMethod::try_from).transpose()
    }

    /// The payment method whose deletion has begun, or `None`.
    pub async fn find_deleted(
        &self,
        scope: &ProjectScope,
        id: &PaymentMethodId,
    ) -> Result<Option<PaymentMethod>, StoreError> {
        let found = read!(
            self.database,
            scope,
            rows(scope.project().to_string())
                .filter(payment_methods::deleted_at.is_not_null())
                .filter(payment_methods::id.eq(id.to_string()))
                .select(PaymentMethodRow::as_select()) => PaymentMethodRow
        )?;
        found.into_iter().next().map(PaymentMethod::try_from).transpose()
    }

    /// A page of the project's payment methods, or `None` when its position is no method that this project ever had.
    pub async fn page(
        &self,
        scope: &ProjectScope,
        request: &PageRequest,
    ) -> Result<Option<Page<PaymentMethod>>, StoreError> {
        let query = PageQuery::new(scope, request);
        let rows = if query.reads_no_more_than_it_shows() {
            read_briefly!(self.database, scope, query.clone() => PageRow)?
        } else {
            read!(self.database, scope, query.clone() => PageRow)?
        };
        // Only an empty page leaves open whether its position exists.
        if let (true, Position::After(id) | Position::Before(id)) = (rows.is_empty(), &request.position)
            && !self.was_ever_here(scope, id).await?
        {
            return Ok(None);
        }
        query.page(rows).map(Some)
    }

    /// A user's available payment methods, newest first.
    pub async fn available_of_user(
        &self,
        scope: &ProjectScope,
        user: &UserId,
    ) -> Result<Vec<PaymentMethod>, StoreError> {
        let found = read!(
            self.database,
            scope,
            shown(scope.project().to_string())
                .filter(payment_methods::user_id.eq(user.to_string()))
                .filter(payment_methods::setup_intent_id.is_null())
                .order((payment_methods::created_at.desc(), payment_methods::id.desc()))
                .select(PaymentMethodRow::as_select()) => PaymentMethodRow
        )?;
        found.into_iter().map(PaymentMethod::try_from).collect()
    }

    async fn was_ever_here(&self, scope: &ProjectScope, id: &PaymentMethodId) -> Result<bool, StoreError> {
        let found = read_briefly!(
            self.database,
            scope,
            rows(scope.project().to_string())
                .filter(payment_methods::id.eq(id.to_string()))
                .select(payment_methods::id) => String
        )?;
        Ok(!found.is_empty())
    }

    /// Writes that the owner has passed the check on this SetupIntent, and says whether the method is available now: not
    /// when it has been given up or deleted meanwhile.
    pub async fn confirm(
        &self,
        scope: &ProjectScope,
        id: &PaymentMethodId,
        setup_intent: &SetupIntentId,
    ) -> Result<bool, StoreError> {
        with_connection!(self.database, scope, |connection| {
            let confirmed = diesel::update(waiting(
                scope.project().to_string(),
                id.to_string(),
                setup_intent.to_string(),
            ))
            .set((
                payment_methods::setup_intent_id.eq(None::<String>),
                payment_methods::applied_read.eq(newest_read(scope.project().to_string())),
            ))
            .execute(connection)
            .await?;
            if confirmed == 1 {
                return Ok(true);
            }
            // Another may have written the same just before.
            let available: i64 = shown(scope.project().to_string())
                .filter(payment_methods::id.eq(id.as_str()))
                .filter(payment_methods::setup_intent_id.is_null())
                .count()
                .get_result(connection)
                .await?;
            Ok(available == 1)
        })
    }

    /// Writes that the check on this SetupIntent can never be passed: the method is removed.
    pub async fn give_up(
        &self,
        scope: &ProjectScope,
        id: &PaymentMethodId,
        setup_intent: &SetupIntentId,
        now: UtcTimestamp,
    ) -> Result<(), StoreError> {
        with_connection!(self.database, scope, |connection| {
            diesel::update(waiting(
                scope.project().to_string(),
                id.to_string(),
                setup_intent.to_string(),
            ))
            .set(payment_methods::deleted_at.eq(StoredInstant(now)))
            .execute(connection)
            .await?;
            Ok(())
        })
    }
}

/// The payment method while it still waits for its owner on this SetupIntent.
#[diesel::dsl::auto_type]
fn waiting(project: String, id: String, setup_intent: String) -> _ {
    let of_project: shown = shown(project);
    of_project
        .filter(payment_methods::id.eq(id))
        .filter(payment_methods::setup_intent_id.eq(setup_intent))
}
