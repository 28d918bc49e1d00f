//! How the deletion of a payment method begins: from then on it is shown no more.

use billfold_domain::{
    PaymentMethod, PaymentMethodId, PaymentMethodStatus, ProjectScope, SetupIntentId, UserId, UtcTimestamp,
};
use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, IntoSql as _, OptionalExtension as _, QueryDsl as _,
    SelectableHelper as _,
};
use diesel_async::RunQueryDsl as _;

use crate::{
    Alongside, NewOperation, Operation, OperationKind, PaymentMethods, StoreError, Subject,
    alongside::{take_alongside, tell_alongside},
    database::{fallible, in_transaction},
    operation,
    operations::{FIRST_FENCE, claim, held},
    payment_method_row::PaymentMethodRow,
    payment_methods::{rows, shown},
    schema::{operations, payment_methods},
    sql_types::StoredInstant,
};

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

impl PaymentMethods {
    /// Begins to delete a payment method if it is one that may be, or joins a deletion that was left open. What is written
    /// alongside is written whatever comes of it, unless it fails.
    pub async fn begin_delete(
        &self,
        scope: &ProjectScope,
        operation: String,
        id: &PaymentMethodId,
        deletable: Deletable<'_>,
        now: UtcTimestamp,
        alongside: &Alongside,
    ) -> Result<BeginDelete, StoreError> {
        let project = scope.project().as_str();
        let subject = Subject::PaymentMethod(id.clone());
        in_transaction!(self.database, scope, |connection| {
            tell_alongside!(connection, scope, alongside);
            let begun = fallible(async {
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
            .await?;
            take_alongside!(connection, scope, &alongside.tokens);
            Ok(begun)
        })
    }
}
