//! Operations: what has begun at Stripe and is not known to have ended.
//!
//! A row is committed before the first call to Stripe and goes away in the transaction that writes the result. Whoever
//! claims it holds a lease and a fence number; when the lease runs out another may claim it, with a higher fence, and
//! only the newest holder's result is written.

use billfold_domain::{
    CustomerId, PaymentMethod, PaymentMethodId, ProjectId, ProjectScope, SetupIntentId, UserId, UtcTimestamp,
};
use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, QueryResult, upsert::excluded};
use diesel_async::RunQueryDsl as _;

use crate::{
    Database, StoreError,
    database::{in_transaction, read, with_connection},
    payment_method_row::PaymentMethodRow,
    schema::{customers, operations, payment_methods, projects, setup_intents},
    sql_types::{StoredInstant, database_now, database_time_in},
    stripe_reads::newest_read,
};

/// How long a claim holds before another may take over. Short, so that a crash is soon mended; a call to Stripe that
/// takes longer is safe all the same, for its idempotency key and for the fence.
pub(crate) const LEASE_SECONDS: i64 = 8;

/// The fence number of an operation that nobody has taken over yet.
pub(crate) const FIRST_FENCE: i64 = 1;

/// How often a claim that another was quicker to make is tried on another operation.
const CLAIM_TRIES: usize = 16;

/// How many projects are worked on before it is looked again who waits longest.
const PROJECTS_IN_A_ROUND: i64 = 64;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperationKind {
    /// Saves a payment method, which may have to wait for its owner's confirmation.
    CreatePaymentMethod,
    /// Saves a payment method only if it is available at once.
    CreateAvailablePaymentMethod,
    /// Detaches a payment method and forgets it.
    DeletePaymentMethod,
    /// Makes a user's Stripe customer.
    CreateCustomer,
    /// Makes a setup intent for a user's page.
    CreateSetupIntent,
}

impl OperationKind {
    const ALL: [Self; 5] = [
        Self::CreatePaymentMethod,
        Self::CreateAvailablePaymentMethod,
        Self::DeletePaymentMethod,
        Self::CreateCustomer,
        Self::CreateSetupIntent,
    ];

    /// The kind as its row has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CreatePaymentMethod => "createPaymentMethod",
            Self::CreateAvailablePaymentMethod => "createAvailablePaymentMethod",
            Self::DeletePaymentMethod => "deletePaymentMethod",
            Self::CreateCustomer => "createCustomer",
            Self::CreateSetupIntent => "createSetupIntent",
        }
    }
}

/// What an operation works on. One operation at most is open on a subject.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A payment method.
    PaymentMethod(PaymentMethodId),
    /// The Stripe customer of a user.
    Customer(UserId),
    /// A setup intent, which has no name until Stripe gives it one: the operation's own stands for it.
    SetupIntent(String),
}

impl Subject {
    /// The subject as its row has it, such as `paymentMethod:pm_…`.
    pub fn to_text(&self) -> String {
        match self {
            Self::PaymentMethod(id) => format!("paymentMethod:{id}"),
            Self::Customer(user) => format!("customer:{user}"),
            Self::SetupIntent(operation) => format!("setupIntent:{operation}"),
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        let (name, value) = text.split_once(':')?;
        match name {
            "paymentMethod" => PaymentMethodId::parse(value).ok().map(Self::PaymentMethod),
            "customer" => UserId::parse(value).ok().map(Self::Customer),
            "setupIntent" => Some(Self::SetupIntent(value.to_owned())),
            _ => None,
        }
    }
}

/// An operation to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOperation {
    /// A name that no other operation has or will have.
    pub id: String,
    /// What it does.
    pub kind: OperationKind,
    /// What it works on.
    pub subject: Subject,
    /// The user whom it is for.
    pub user: UserId,
}

/// An operation that this holder may drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its name, which Stripe's idempotency keys are made of.
    pub id: String,
    /// What it does.
    pub kind: OperationKind,
    /// What it works on.
    pub subject: Subject,
    /// The user whom it is for.
    pub user: UserId,
    /// Part of Stripe's idempotency keys: rises when the same step must run anew.
    pub epoch: i32,
    /// The holder's number: how often it was claimed, this time included.
    pub fence: i64,
    /// How many attempts ended without a result.
    pub attempts: i32,
    /// The step that this attempt, or the one before, got to last.
    pub step: Option<String>,
    /// When it began.
    pub created_at: UtcTimestamp,
}

/// The answer to a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The caller holds this operation: the one that it asked for, or an older one on the same subject, which must be
    /// driven to its end first.
    Held(Operation),
    /// Another holds an operation on the subject.
    Busy,
}

pub(crate) type Row = (
    String,
    String,
    String,
    String,
    i32,
    i64,
    i32,
    Option<String>,
    StoredInstant,
);
pub(crate) const COLUMNS: (
    operations::id,
    operations::kind,
    operations::subject,
    operations::user_id,
    operations::epoch,
    operations::fence,
    operations::attempts,
    operations::step,
    operations::created_at,
) = (
    operations::id,
    operations::kind,
    operations::subject,
    operations::user_id,
    operations::epoch,
    operations::fence,
    operations::attempts,
    operations::step,
    operations::created_at,
);

pub(crate) fn operation(row: Row) -> Result<Operation, StoreError> {
    let (id, kind, subject, user, epoch, fence, attempts, step, created_at) = row;
    let unreadable = || StoreError::Internal(format!("operation {id} cannot be read"));
    Ok(Operation {
        kind: OperationKind::ALL
            .into_iter()
            .find(|known| known.as_str() == kind)
            .ok_or_else(unreadable)?,
        subject: Subject::from_text(&subject).ok_or_else(unreadable)?,
        user: UserId::parse(user).map_err(|_| unreadable())?,
        epoch,
        fence,
        attempts,
        step,
        created_at: created_at.0,
        id,
    })
}

/// Begins the operation, or takes over the one on the same subject when its lease has run out, in one statement. An
/// expression, since it is compiled for each database's connection.
macro_rules! claim {
    ($connection:expr, $scope:expr, $new:expr, $now:expr) => {{
        use diesel::{ExpressionMethods as _, OptionalExtension as _};
        use $crate::schema::operations;
        let upsert = diesel::insert_into(operations::table)
            .values((
                operations::project_id.eq($scope.project().as_str()),
                operations::id.eq($new.id.as_str()),
                operations::kind.eq($new.kind.as_str()),
                operations::subject.eq($new.subject.to_text()),
                operations::user_id.eq($new.user.as_str()),
                operations::epoch.eq(0),
                operations::fence.eq($crate::operations::FIRST_FENCE),
                operations::lease_expires_at.eq($crate::sql_types::database_time_in(
                    $crate::operations::LEASE_SECONDS,
                )),
                operations::created_at.eq($crate::sql_types::StoredInstant($now)),
                operations::next_attempt_at.eq($crate::sql_types::database_time_in(
                    $crate::operations::LEASE_SECONDS,
                )),
            ))
            .on_conflict((operations::project_id, operations::subject))
            .do_update()
            .set((
                operations::fence.eq(operations::fence + 1),
                operations::lease_expires_at.eq($crate::sql_types::database_time_in(
                    $crate::operations::LEASE_SECONDS,
                )),
            ));
        let expired = operations::lease_expires_at.lt($crate::sql_types::database_now());
        diesel::query_dsl::methods::FilterDsl::filter(upsert, expired)
            .returning($crate::operations::COLUMNS)
            .get_result::<$crate::operations::Row>($connection)
            .await
            .optional()
    }};
}
pub(crate) use claim;

/// The operations of every project, each call within one.
#[derive(Clone, Debug)]
pub struct Operations {
    pub(crate) database: Database,
}

/// An operation as long as this holder holds it.
#[diesel::dsl::auto_type]
pub(crate) fn held<'a>(project: &'a str, id: &'a str, fence: i64) -> _ {
    operations::table
        .filter(operations::project_id.eq(project))
        .filter(operations::id.eq(id))
        .filter(operations::fence.eq(fence))
}

/// Ends an operation inside the transaction that writes its result, or fails when another has taken it over.
macro_rules! end {
    ($connection:expr, $scope:expr, $operation:expr) => {
        match diesel::delete(held($scope.project().as_str(), &$operation.id, $operation.fence))
            .execute($connection)
            .await?
        {
            1 => Ok(()),
            _ => Err(StoreError::Fenced),
        }
    };
}

impl Operations {
    /// The operations in a database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Begins an operation whose beginning needs nothing but a free subject.
    pub async fn begin(
        &self,
        scope: &ProjectScope,
        new: &NewOperation,
        now: UtcTimestamp,
    ) -> Result<Claim, StoreError> {
        let claimed: QueryResult<Option<Row>> =
            with_connection!(self.database, |connection| claim!(connection, scope, new, now));
        Ok(match claimed? {
            Some(row) => Claim::Held(operation(row)?),
            None => Claim::Busy,
        })
    }

    /// Ends an operation whose result needs no writing: a deletion, or one that came to nothing.
    pub async fn end(&self, scope: &ProjectScope, held_operation: &Operation) -> Result<(), StoreError> {
        with_connection!(self.database, |connection| end!(
            connection,
            scope,
            held_operation
        ))
    }

    /// Leaves an operation of unknown outcome open, with the step at which this attempt stopped: a caller may claim it at
    /// once, the reconciler after a while. Does nothing when another has taken it over.
    pub async fn release(
        &self,
        scope: &ProjectScope,
        operation: &Operation,
        retry_in: std::time::Duration,
    ) -> Result<(), StoreError> {
        let retry_in = i64::try_from(retry_in.as_secs()).unwrap_or(i64::MAX);
        with_connection!(self.database, |connection| {
            diesel::update(held(scope.project().as_str(), &operation.id, operation.fence))
                .set((
                    operations::lease_expires_at.eq(database_time_in(-1)),
                    operations::next_attempt_at.eq(database_time_in(retry_in)),
                    operations::step.eq(operation.step.as_deref()),
                    operations::attempts.eq(operations::attempts + 1),
                ))
                .execute(connection)
                .await?;
            Ok(())
        })
    }

    /// Goes on holding an operation. [`StoreError::Fenced`] when another has taken it over.
    pub async fn extend_lease(&self, scope: &ProjectScope, operation: &Operation) -> Result<(), StoreError> {
        let extended: QueryResult<usize> = with_connection!(self.database, |connection| {
            diesel::update(held(scope.project().as_str(), &operation.id, operation.fence))
                .set(operations::lease_expires_at.eq(database_time_in(LEASE_SECONDS)))
                .execute(connection)
                .await
        });
        if extended? == 1 {
            Ok(())
        } else {
            Err(StoreError::Fenced)
        }
    }

    /// Claims the project's operation that has waited longest for another attempt, or `None` when none is due.
    /// [`StoreError::Internal`] when it cannot be read; it is put off all the same, so that the next call finds another.
    pub async fn claim_due(&self, scope: &ProjectScope) -> Result<Option<Operation>, StoreError> {
        let project = scope.project().as_str();
        let claimed: Result<Option<Row>, StoreError> = in_transaction!(self.database, |connection| {
            for _ in 0..CLAIM_TRIES {
                let due = operations::table
                    .filter(operations::project_id.eq(project))
                    .filter(operations::next_attempt_at.le(database_now()))
                    .filter(operations::lease_expires_at.lt(database_now()))
                    .order(operations::next_attempt_at)
                    .select(operations::id)
                    .first::<String>(connection)
                    .await
                    .optional()?;
                let Some(id) = due else { return Ok(None) };
                let claimed = diesel::update(
                    operations::table
                        .filter(operations::project_id.eq(project))
                        .filter(operations::id.eq(&id))
                        .filter(operations::lease_expires_at.lt(database_now())),
                )
                .set((
                    operations::fence.eq(operations::fence + 1),
                    operations::lease_expires_at.eq(database_time_in(LEASE_SECONDS)),
                    operations::next_attempt_at.eq(database_time_in(LEASE_SECONDS)),
                ))
                .returning(COLUMNS)
                .get_result::<Row>(connection)
                .await
                .optional()?;
                if claimed.is_some() {
                    return Ok(claimed);
                }
                // Another has claimed it since: the next look finds another one.
            }
            Ok(None)
        });
        // Only after the commit: a row that cannot be read must not take its claim back and be the first for ever.
        claimed?.map(operation).transpose()
    }

    /// Some of the projects that have operations to claim, those that waited longest first. Shut projects are left out:
    /// nobody works on theirs, which would be the oldest for ever. Names only: whoever works on one does so within it.
    pub async fn projects_due(&self) -> Result<Vec<ProjectId>, StoreError> {
        let rows = read!(
            self.database,
            operations::table
                .inner_join(projects::table)
                .filter(projects::disabled_at.is_null())
                .filter(operations::next_attempt_at.le(database_now()))
                .filter(operations::lease_expires_at.lt(database_now()))
                .group_by(operations::project_id)
                .order(diesel::dsl::min(operations::next_attempt_at))
                .select(operations::project_id)
                .limit(PROJECTS_IN_A_ROUND) => String
        )?;
        let project = |id: String| {
            ProjectId::parse(id).map_err(|error| StoreError::Internal(format!("project: {error}")))
        };
        rows.into_iter().map(project).collect()
    }

    /// Whether an operation is open on the subject.
    pub async fn is_open(&self, scope: &ProjectScope, subject: &Subject) -> Result<bool, StoreError> {
        let open = read!(
            self.database,
            operations::table
                .filter(operations::project_id.eq(scope.project().to_string()))
                .filter(operations::subject.eq(subject.to_text()))
                .select(operations::id) => String
        )?;
        Ok(!open.is_empty())
    }

    /// Lets the operation's steps run anew at Stripe, under new idempotency keys.
    pub async fn raise_epoch(
        &self,
        scope: &ProjectScope,
        operation: Operation,
    ) -> Result<Operation, StoreError> {
        let epoch = operation.epoch + 1;
        let raised: QueryResult<usize> = with_connection!(self.database, |connection| {
            diesel::update(held(scope.project().as_str(), &operation.id, operation.fence))
                .set((
                    operations::epoch.eq(epoch),
                    operations::lease_expires_at.eq(database_time_in(LEASE_SECONDS)),
                ))
                .execute(connection)
                .await
        });
        if raised? == 1 {
            Ok(Operation { epoch, ..operation })
        } else {
            Err(StoreError::Fenced)
        }
    }

    /// Writes the payment method that the operation saved. One that was deleted before under the same name lives again.
    pub async fn finish_payment_method(
        &self,
        scope: &ProjectScope,
        operation: &Operation,
        payment_method: &PaymentMethod,
    ) -> Result<(), StoreError> {
        let row = PaymentMethodRow::of(payment_method);
        let project = scope.project().as_str();
        in_transaction!(self.database, |connection| {
            end!(connection, scope, operation)?;
            let customer = customers::table
                .filter(customers::project_id.eq(project))
                .filter(customers::user_id.eq(operation.user.as_str()))
                .select(customers::id)
                .single_value();
            diesel::insert_into(payment_methods::table)
                .values((
                    payment_methods::project_id.eq(project),
                    &row,
                    payment_methods::operation_id.eq(operation.id.as_str()),
                    payment_methods::customer_id.eq(customer),
                    payment_methods::applied_read.eq(newest_read(project.to_owned())),
                ))
                .on_conflict((payment_methods::project_id, payment_methods::id))
                .do_update()
                .set((
                    &row,
                    payment_methods::operation_id.eq(excluded(payment_methods::operation_id)),
                    payment_methods::customer_id.eq(excluded(payment_methods::customer_id)),
                    payment_methods::applied_read.eq(excluded(payment_methods::applied_read)),
                    payment_methods::deleted_at.eq(None::<StoredInstant>),
                ))
                .execute(connection)
                .await?;
            Ok(())
        })
    }

    /// Writes the customer that the operation made.
    pub async fn finish_customer(
        &self,
        scope: &ProjectScope,
        operation: &Operation,
        customer: &CustomerId,
        now: UtcTimestamp,
    ) -> Result<(), StoreError> {
        in_transaction!(self.database, |connection| {
            end!(connection, scope, operation)?;
            diesel::insert_into(customers::table)
                .values((
                    customers::project_id.eq(scope.project().as_str()),
                    customers::user_id.eq(operation.user.as_str()),
                    customers::id.eq(customer.as_str()),
                    customers::created_at.eq(StoredInstant(now)),
                ))
                .execute(connection)
                .await?;
            Ok(())
        })
    }

    /// Writes that the setup intent that the operation made is this project's.
    pub async fn finish_setup_intent(
        &self,
        scope: &ProjectScope,
        operation: &Operation,
        id: &SetupIntentId,
        created_at: UtcTimestamp,
    ) -> Result<(), StoreError> {
        in_transaction!(self.database, |connection| {
            end!(connection, scope, operation)?;
            let inserted = diesel::insert_into(setup_intents::table)
                .values((
                    setup_intents::project_id.eq(scope.project().as_str()),
                    setup_intents::id.eq(id.as_str()),
                    setup_intents::user_id.eq(operation.user.as_str()),
                    setup_intents::created_at.eq(StoredInstant(created_at)),
                    setup_intents::operation_id.eq(operation.id.as_str()),
                ))
                .on_conflict_do_nothing()
                .execute(connection)
                .await?;
            if inserted == 0 {
                // An earlier operation of this name may have ended just before this one began: then Stripe gave the same
                // setup intent again. Any other has no right to it.
                let made_by = setup_intents::table
                    .filter(setup_intents::project_id.eq(scope.project().as_str()))
                    .filter(setup_intents::id.eq(id.as_str()))
                    .select(setup_intents::operation_id)
                    .first::<Option<String>>(connection)
                    .await?;
                if made_by.as_deref() != Some(operation.id.as_str()) {
                    return Err(StoreError::Duplicate(format!("setup intent {id}")));
                }
            }
            Ok(())
        })
    }
}
