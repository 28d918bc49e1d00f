//! The objects to look at anew at Stripe because an event told of them: one row each, however many events did.
//!
//! Whoever claims one holds a lease by the database's clock. What is told of an object while it is being looked at raises
//! the row's version, so that a look that began before does not end the work.

use std::time::Duration;

use billfold_domain::{CustomerId, PaymentMethodId, ProjectId, ProjectScope, SetupIntentId, UtcTimestamp};
use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};
use diesel_async::RunQueryDsl as _;

use crate::{
    Database, StoreError,
    database::{in_transaction, read, read_shared, with_connection},
    row_security::{ProjectAtHand, project_names, projects_due},
    schema::webhook_work,
    sql_types::{StatementTime, StoredInstant, database_now, database_time_in},
};

/// How long a claim holds before another may take over. Longer than a call to Stripe may take; a look that takes even
/// longer is repeated by another, which does no harm.
const LEASE_SECONDS: i64 = 30;

/// How many projects are worked on before it is looked again who waits longest.
const PROJECTS_IN_A_ROUND: i64 = 64;

/// How many parked objects a report names at most.
const PARKED_IN_A_REPORT: i64 = 1_000;

/// An object at Stripe that an event may tell of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WebhookObject {
    /// A payment method.
    PaymentMethod(PaymentMethodId),
    /// A setup intent.
    SetupIntent(SetupIntentId),
    /// A customer.
    Customer(CustomerId),
}

impl WebhookObject {
    /// The object by the names that Stripe gives to its type and to itself, or `None` when it is of a type that is never
    /// looked at or the name cannot be one.
    pub fn parse(object_type: &str, id: &str) -> Option<Self> {
        match object_type {
            "payment_method" => PaymentMethodId::parse(id).ok().map(Self::PaymentMethod),
            "setup_intent" => SetupIntentId::parse(id).ok().map(Self::SetupIntent),
            "customer" => CustomerId::parse(id).ok().map(Self::Customer),
            _ => None,
        }
    }

    /// Stripe's names of its type and of itself.
    pub fn key(&self) -> (&'static str, &str) {
        match self {
            Self::PaymentMethod(id) => ("payment_method", id.as_str()),
            Self::SetupIntent(id) => ("setup_intent", id.as_str()),
            Self::Customer(id) => ("customer", id.as_str()),
        }
    }
}

/// An object that this holder may look at.
#[derive(Clone, Debug)]
pub struct ClaimedWork {
    /// The object.
    pub object: WebhookObject,
    /// How many events had told of it when it was claimed.
    pub version: i64,
    /// How many looks came to nothing for a reason of the object's own.
    pub attempts: i32,
    /// How often it was claimed, this time included.
    pub fence: i64,
    /// Until when it is held. No two claims of an object end at one time, so that it tells them apart even where the row
    /// was removed and made anew between them.
    lease_expires_at: StoredInstant,
}

/// An object that is looked at no more until another event tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedWork {
    /// The object.
    pub object: WebhookObject,
    /// How many looks came to nothing.
    pub attempts: i32,
    /// Since when.
    pub parked_at: UtcTimestamp,
}

/// The work of every project, each call within one.
#[derive(Clone, Debug)]
pub struct WebhookWork {
    pub(crate) database: Database,
}

/// Work as long as this holder holds it.
#[diesel::dsl::auto_type]
fn held<'a>(
    project: &'a str,
    object_type: &'a str,
    object_id: &'a str,
    fence: i64,
    lease_expires_at: StoredInstant,
) -> _ {
    webhook_work::table
        .filter(webhook_work::project_id.eq(project))
        .filter(webhook_work::object_type.eq(object_type))
        .filter(webhook_work::object_id.eq(object_id))
        .filter(webhook_work::fence.eq(fence))
        .filter(webhook_work::lease_expires_at.eq(lease_expires_at))
}

/// Since when an object of the project at hand waits for somebody to claim it.
#[diesel::dsl::auto_type]
fn waiting_since() -> _ {
    webhook_work::table
        .filter(webhook_work::project_id.eq(ProjectAtHand))
        .filter(webhook_work::parked_at.is_null())
        .filter(webhook_work::next_attempt_at.le(StatementTime))
        .filter(webhook_work::lease_expires_at.lt(StatementTime))
        .order(webhook_work::next_attempt_at)
        .select(webhook_work::next_attempt_at)
        .single_value()
}

/// The work that a claim is of, while it holds.
macro_rules! held {
    ($scope:expr, $claimed:expr) => {{
        let (object_type, object_id) = $claimed.object.key();
        held(
            $scope.project().as_str(),
            object_type,
            object_id,
            $claimed.fence,
            $claimed.lease_expires_at,
        )
    }};
}

/// Gives a claim up and makes its work due at once, since another event has told of the object meanwhile.
macro_rules! leave_due {
    ($connection:expr, $scope:expr, $claimed:expr) => {
        diesel::update(held!($scope, $claimed))
            .set((
                webhook_work::lease_expires_at.eq(database_time_in(-1)),
                webhook_work::next_attempt_at.eq(database_now()),
            ))
            .execute($connection)
            .await
    };
}

impl WebhookWork {
    /// The work in a database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Some of the projects that have work to claim, those that waited longest first. Shut projects are left out: nobody
    /// does their work, which would be the oldest for ever. Names only: whoever works on one does so within it.
    pub async fn projects_due(&self) -> Result<Vec<ProjectId>, StoreError> {
        project_names(read_shared!(
            self.database,
            projects_due(waiting_since(), PROJECTS_IN_A_ROUND) => String
        )?)
    }

    /// Claims the project's object that has waited longest, or `None` when none is due. [`StoreError::Internal`] when it
    /// cannot be read; it is claimed all the same, so that the next call finds another.
    pub async fn claim_due(&self, scope: &ProjectScope) -> Result<Option<ClaimedWork>, StoreError> {
        let project = scope.project().as_str();
        let claimed: Result<_, StoreError> = in_transaction!(self.database, scope, |connection| {
            let due = webhook_work::table
                .filter(webhook_work::project_id.eq(project))
                .filter(webhook_work::parked_at.is_null())
                .filter(webhook_work::next_attempt_at.le(database_now()))
                .filter(webhook_work::lease_expires_at.lt(database_now()))
                .order(webhook_work::next_attempt_at)
                .select((webhook_work::object_type, webhook_work::object_id))
                .first::<(String, String)>(connection)
                .await
                .optional()?;
            let Some((object_type, object_id)) = due else {
                return Ok(None);
            };
            // Another may have claimed it since; then this finds nothing, and the next look finds another.
            let claimed = diesel::update(
                webhook_work::table
                    .filter(webhook_work::project_id.eq(project))
                    .filter(webhook_work::object_type.eq(&object_type))
                    .filter(webhook_work::object_id.eq(&object_id))
                    .filter(webhook_work::parked_at.is_null())
                    .filter(webhook_work::lease_expires_at.lt(database_now())),
            )
            .set((
                webhook_work::fence.eq(webhook_work::fence + 1),
                webhook_work::lease_expires_at.eq(database_time_in(LEASE_SECONDS)),
            ))
            .returning((
                webhook_work::version,
                webhook_work::attempts,
                webhook_work::fence,
                webhook_work::lease_expires_at,
            ))
            .get_result::<(i64, i32, i64, StoredInstant)>(connection)
            .await
            .optional()?;
            Ok(claimed.map(|claimed| (object_type, object_id, claimed)))
        });
        // Only after the commit: a row that cannot be read must not take its claim back and be the first for ever.
        let Some((object_type, object_id, claimed)) = claimed? else {
            return Ok(None);
        };
        let (version, attempts, fence, lease_expires_at): (i64, i32, i64, StoredInstant) = claimed;
        Ok(Some(ClaimedWork {
            object: object(&object_type, &object_id)?,
            version,
            attempts,
            fence,
            lease_expires_at,
        }))
    }

    /// Ends the work: the object is as Stripe has it. Where another event has told of it since it was claimed, it is due
    /// again at once. Says whether the work is done; does nothing when another has taken it over.
    pub async fn end(&self, scope: &ProjectScope, claimed: &ClaimedWork) -> Result<bool, StoreError> {
        with_connection!(self.database, scope, |connection| {
            let unchanged = held!(scope, claimed).filter(webhook_work::version.eq(claimed.version));
            if diesel::delete(unchanged).execute(connection).await? == 1 {
                return Ok(true);
            }
            leave_due!(connection, scope, claimed)?;
            Ok(false)
        })
    }

    /// Leaves the object to be looked at again after a while, in whole seconds. `counts` says whether the look that came
    /// to nothing is one of those after which an object is parked. Does nothing when another has taken it over.
    pub async fn retry(
        &self,
        scope: &ProjectScope,
        claimed: &ClaimedWork,
        retry_in: Duration,
        counts: bool,
    ) -> Result<(), StoreError> {
        with_connection!(self.database, scope, |connection| {
            diesel::update(held!(scope, claimed))
                .set((
                    webhook_work::lease_expires_at.eq(database_time_in(-1)),
                    webhook_work::next_attempt_at.eq(database_time_in(whole_seconds(retry_in))),
                    webhook_work::attempts.eq(webhook_work::attempts + i32::from(counts)),
                ))
                .execute(connection)
                .await?;
            Ok(())
        })
    }

    /// Parks the object: it is looked at again when another event tells of it. Where one has since it was claimed, it is
    /// due again at once. Says whether it is parked; does nothing when another has taken it over.
    pub async fn park(
        &self,
        scope: &ProjectScope,
        claimed: &ClaimedWork,
        now: UtcTimestamp,
    ) -> Result<bool, StoreError> {
        with_connection!(self.database, scope, |connection| {
            let unchanged = held!(scope, claimed).filter(webhook_work::version.eq(claimed.version));
            let parked = diesel::update(unchanged)
                .set((
                    webhook_work::parked_at.eq(StoredInstant(now)),
                    webhook_work::lease_expires_at.eq(database_time_in(-1)),
                    webhook_work::attempts.eq(webhook_work::attempts + 1),
                ))
                .execute(connection)
                .await?;
            if parked == 1 {
                return Ok(true);
            }
            leave_due!(connection, scope, claimed)?;
            Ok(false)
        })
    }

    /// How many objects of the project wait to be looked at or are being looked at.
    pub async fn waiting(&self, scope: &ProjectScope) -> Result<i64, StoreError> {
        let count = read!(
            self.database,
            scope,
            webhook_work::table
                .filter(webhook_work::project_id.eq(scope.project().to_string()))
                .filter(webhook_work::parked_at.is_null())
                .count() => i64
        )?;
        Ok(count.into_iter().next().unwrap_or_default())
    }

    /// The project's parked objects, those that were parked first before the others, at most 1,000.
    pub async fn parked(&self, scope: &ProjectScope) -> Result<Vec<ParkedWork>, StoreError> {
        let rows = read!(
            self.database,
            scope,
            webhook_work::table
                .filter(webhook_work::project_id.eq(scope.project().to_string()))
                .filter(webhook_work::parked_at.is_not_null())
                .order(webhook_work::parked_at)
                .select((
                    webhook_work::object_type,
                    webhook_work::object_id,
                    webhook_work::attempts,
                    webhook_work::parked_at,
                ))
                .limit(PARKED_IN_A_REPORT) => (String, String, i32, Option<StoredInstant>)
        )?;
        let parked = |(object_type, object_id, attempts, parked_at): (String, String, i32, Option<_>)| {
            let StoredInstant(parked_at) =
                parked_at.ok_or_else(|| StoreError::Internal("parked, and no time".to_owned()))?;
            Ok(ParkedWork {
                object: object(&object_type, &object_id)?,
                attempts,
                parked_at,
            })
        };
        rows.into_iter().map(parked).collect()
    }
}

fn object(object_type: &str, id: &str) -> Result<WebhookObject, StoreError> {
    WebhookObject::parse(object_type, id)
        .ok_or_else(|| StoreError::Internal(format!("webhook work on a {object_type} cannot be read")))
}

/// Rounded up, so that nothing is tried earlier than it was meant to be.
pub(crate) fn whole_seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis().div_ceil(1_000)).unwrap_or(i64::MAX)
}
