//! Payment methods: what a project's users saved.

use billfold_domain::{
    Page, PageRequest, PaymentMethod, PaymentMethodId, PaymentMethodStatus, Position, ProjectScope,
    SetupIntentId, UserId, UtcTimestamp,
};
use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, IntoSql as _, OptionalExtension as _, QueryDsl as _,
    SelectableHelper as _,
};
use diesel_async::RunQueryDsl as _;

use crate::{
    Database, NewOperation, Operation, OperationKind, StoreError, Subject,
    database::{in_transaction, read, with_connection},
    operation,
    operations::{FIRST_FENCE, claim, held},
    payment_method_page::{PageQuery, PageRow},
    payment_method_row::PaymentMethodRow,
    schema::payment_methods,
    sql_types::StoredInstant,
    stripe_reads::newest_read,
};

/// How the saving of a payment method may begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BeginCreate {
    /// The caller holds an operation on the method: the one that it asked for, or an older one that must end first.
    Held(Operation),
    /// Another holds an operation on the method.
    Busy,
    /// This very operation has saved it: its answer was lost.
    Done(PaymentMethod),
    /// The user has saved it already.
    Saved(PaymentMethod),
    /// Another user of the project has it.
    OwnedByAnother,
    /// The user has as many as a user may have.
    LimitReached,
}

/// How the deletion of a payment method may begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BeginDelete {
    /// The caller holds an operation on the method: a deletion, or an older one that must end first. From here on the
    /// method is shown no more if it is a deletion.
    Held(Operation, PaymentMethod),
    /// Another holds an operation on the method.
    Busy,
    /// This very operation has deleted it: its answer was lost.
    Done(PaymentMethod),
    /// There is no such method, or it is gone already, or it is another user's.
    NotFound,
}

/// Which payment method may be deleted, beyond its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletable<'a> {
    /// Any.
    Any,
    /// Only one of this user's.
    Of(&'a UserId),
    /// Only one that still waits for its owner's check on this setup intent.
    WaitingOn(&'a SetupIntentId),
}

impl<'a> Deletable<'a> {
    /// Only one of the owner's, where there is one.
    pub fn owned_by(owner: Option<&'a UserId>) -> Self {
        owner.map_or(Self::Any, Self::Of)
    }

    fn awaited(self) -> Option<&'a str> {
        match self {
            Self::WaitingOn(setup_intent) => Some(setup_intent.as_str()),
            Self::Any | Self::Of(_) => None,
        }
    }

    /// Whether this one may be deleted.
    pub fn is(self, payment_method: &PaymentMethod) -> bool {
        match self {
            Self::Any => true,
            Self::Of(owner) => payment_method.user == *owner,
            Self::WaitingOn(awaited) => matches!(
                &payment_method.status,
                PaymentMethodStatus::RequiresConfirmation { setup_intent } if setup_intent == awaited
            ),
        }
    }
}

/// The kinds of operation that may leave the user with one more payment method.
const CREATING: [&str; 2] = [
    OperationKind::CreatePaymentMethod.as_str(),
    OperationKind::CreateAvailablePaymentMethod.as_str(),
];

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

/// The payment method of a project if it is shown. An expression, since it is compiled for each database's connection.
macro_rules! find_shown {
    ($connection:expr, $project:expr, $id:expr) => {
        shown($project.to_owned())
            .filter(payment_methods::id.eq($id.as_str()))
            .select((PaymentMethodRow::as_select(), payment_methods::operation_id))
            .first::<(PaymentMethodRow, Option<String>)>($connection)
            .await
            .optional()?
    };
}

fn already_saved(
    (row, saved_by): (PaymentMethodRow, Option<String>),
    new: &NewOperation,
) -> Result<BeginCreate, StoreError> {
    if row.user_id != new.user.as_str() {
        return Ok(BeginCreate::OwnedByAnother);
    }
    let payment_method = row.try_into()?;
    Ok(if saved_by.as_ref() == Some(&new.id) {
        BeginCreate::Done(payment_method)
    } else {
        BeginCreate::Saved(payment_method)
    })
}

/// Lets only one transaction at a time begin operations for a user, so that what it counts stays true until it ends.
trait LockUser {
    fn lock_user(
        &mut self,
        scope: &ProjectScope,
        user: &UserId,
    ) -> impl Future<Output = diesel::QueryResult<()>> + Send;
}

impl LockUser for diesel_async::AsyncPgConnection {
    async fn lock_user(&mut self, scope: &ProjectScope, user: &UserId) -> diesel::QueryResult<()> {
        use diesel::sql_types::{BigInt, Text};
        diesel::define_sql_function! { fn hashtextextended(text: Text, seed: BigInt) -> BigInt; }
        diesel::define_sql_function! { fn pg_advisory_xact_lock(key: BigInt) -> Bool; }
        // The function returns void, which only a statement whose rows nobody reads can hold.
        let key = format!("{} {user}", scope.project());
        diesel::select(pg_advisory_xact_lock(hashtextextended(key, 0)))
            .execute(self)
            .await
            .map(|_| ())
    }
}

impl LockUser for crate::sqlite::WriteConnection {
    /// A transaction that writes has the whole database to itself.
    async fn lock_user(&mut self, _: &ProjectScope, _: &UserId) -> diesel::QueryResult<()> {
        Ok(())
    }
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
        let found = read!(
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
        let rows = read!(self.database, scope, query.clone() => PageRow)?;
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
        let found = read!(
            self.database,
            scope,
            rows(scope.project().to_string())
                .filter(payment_methods::id.eq(id.to_string()))
                .select(payment_methods::id) => String
        )?;
        Ok(!found.is_empty())
    }

    /// Begins to save a payment method for a user who has fewer than `maximum`, counting those on their way.
    pub async fn begin_create(
        &self,
        scope: &ProjectScope,
        new: &NewOperation,
        id: &PaymentMethodId,
        maximum: i64,
        now: UtcTimestamp,
    ) -> Result<BeginCreate, StoreError> {
        use crate::schema::operations;
        let project = scope.project().as_str();
        let user = new.user.as_str();
        in_transaction!(self.database, scope, |connection| {
            connection.lock_user(scope, &new.user).await?;
            if let Some(row) = find_shown!(connection, project, id) {
                return already_saved(row, new);
            }
            // Counted in one statement: between two, a method that is on its way could arrive and be missed by both.
            let saved = shown(project.to_owned())
                .filter(payment_methods::user_id.eq(user))
                .count();
            let on_their_way = operations::table
                .filter(operations::project_id.eq(project))
                .filter(operations::user_id.eq(user))
                .filter(operations::kind.eq_any(CREATING))
                .filter(operations::subject.ne(new.subject.to_text()))
                .count();
            let (saved, on_their_way) = diesel::select((saved.single_value(), on_their_way.single_value()))
                .get_result::<(Option<i64>, Option<i64>)>(connection)
                .await?;
            if saved.unwrap_or_default() + on_their_way.unwrap_or_default() >= maximum {
                return Ok(BeginCreate::LimitReached);
            }
            let Some(claimed) = claim!(connection, scope, new, now)? else {
                return Ok(BeginCreate::Busy);
            };
            let operation = operation::operation(claimed)?;
            // Another operation on the method may have ended since the look above, which was before this one began.
            if operation.fence == FIRST_FENCE
                && let Some(row) = find_shown!(connection, project, id)
            {
                diesel::delete(held(project, &operation.id, operation.fence))
                    .execute(connection)
                    .await?;
                return already_saved(row, new);
            }
            Ok(BeginCreate::Held(operation))
        })
    }

    /// Begins to delete a payment method if it is one that may be, or joins a deletion that was left open.
    pub async fn begin_delete(
        &self,
        scope: &ProjectScope,
        operation: String,
        id: &PaymentMethodId,
        deletable: Deletable<'_>,
        now: UtcTimestamp,
    ) -> Result<BeginDelete, StoreError> {
        use crate::schema::operations;
        let project = scope.project().as_str();
        let subject = Subject::PaymentMethod(id.clone());
        in_transaction!(self.database, scope, |connection| {
            let found = rows(project.to_owned())
                .filter(payment_methods::id.eq(id.as_str()))
                .select((
                    PaymentMethodRow::as_select(),
                    payment_methods::deleted_at,
                    payment_methods::operation_id,
                ))
                .first::<(PaymentMethodRow, Option<StoredInstant>, Option<String>)>(connection)
                .await
                .optional()?;
            let Some((row, deleted_at, last_operation)) = found else {
                return Ok(BeginDelete::NotFound);
            };
            let payment_method = PaymentMethod::try_from(row)?;
            if !deletable.is(&payment_method) {
                return Ok(BeginDelete::NotFound);
            }
            if deleted_at.is_some() {
                // A deletion that ended is over; only one that is still open can be joined.
                let open: i64 = operations::table
                    .filter(operations::project_id.eq(project))
                    .filter(operations::subject.eq(subject.to_text()))
                    .filter(operations::kind.eq(OperationKind::DeletePaymentMethod.as_str()))
                    .count()
                    .get_result(connection)
                    .await?;
                if open == 0 {
                    return Ok(if last_operation.as_ref() == Some(&operation) {
                        BeginDelete::Done(payment_method)
                    } else {
                        BeginDelete::NotFound
                    });
                }
            }
            let new = NewOperation {
                id: operation,
                kind: OperationKind::DeletePaymentMethod,
                subject,
                user: payment_method.user.clone(),
            };
            let Some(claimed) = claim!(connection, scope, new, now)? else {
                return Ok(BeginDelete::Busy);
            };
            let operation = operation::operation(claimed)?;
            if operation.kind != OperationKind::DeletePaymentMethod {
                return Ok(BeginDelete::Held(operation, payment_method));
            }
            let hidden = diesel::update(shown(project.to_owned()))
                .filter(payment_methods::id.eq(id.as_str()))
                .filter(payment_methods::user_id.eq(payment_method.user.as_str()))
                // The check may have been passed since the look above.
                .filter(
                    deletable
                        .awaited()
                        .is_none()
                        .into_sql::<diesel::sql_types::Bool>()
                        .or(payment_methods::setup_intent_id.eq(deletable.awaited())),
                )
                .set((
                    payment_methods::deleted_at.eq(StoredInstant(now)),
                    payment_methods::operation_id.eq(operation.id.as_str()),
                ))
                .returning(PaymentMethodRow::as_returning())
                .get_result::<PaymentMethodRow>(connection)
                .await
                .optional()?;
            match hidden {
                Some(row) => Ok(BeginDelete::Held(operation, row.try_into()?)),
                // Another deletion may have ended since the look above, which was before this one began.
                None if operation.fence == FIRST_FENCE => {
                    diesel::delete(held(project, &operation.id, operation.fence))
                        .execute(connection)
                        .await?;
                    Ok(BeginDelete::NotFound)
                }
                None => Ok(BeginDelete::Held(operation, payment_method)),
            }
        })
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
