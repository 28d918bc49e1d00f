//! How the saving of a payment method begins: only where nothing stands in its way, whatever races.

use billfold_domain::{PaymentMethod, PaymentMethodId, ProjectScope, UtcTimestamp};
use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, SelectableHelper as _};
use diesel_async::RunQueryDsl as _;

use crate::{
    NewOperation, Operation, OperationKind, PaymentMethods, StoreError,
    database::in_transaction,
    operation,
    operations::{FIRST_FENCE, claim, held},
    payment_method_row::PaymentMethodRow,
    payment_methods::shown,
    schema::{operations, payment_methods},
    turns::Turns as _,
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

/// The kinds of operation that may leave the user with one more payment method.
const CREATING: [&str; 2] = [
    OperationKind::CreatePaymentMethod.as_str(),
    OperationKind::CreateAvailablePaymentMethod.as_str(),
];

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

impl PaymentMethods {
    /// Begins to save a payment method for a user who has fewer than `maximum`, counting those on their way.
    pub async fn begin_create(
        &self,
        scope: &ProjectScope,
        new: &NewOperation,
        id: &PaymentMethodId,
        maximum: i64,
        now: UtcTimestamp,
    ) -> Result<BeginCreate, StoreError> {
        let project = scope.project().as_str();
        let user = new.user.as_str();
        in_transaction!(self.database, scope, |connection| {
            // What is counted stays true until the transaction ends.
            connection.wait_for_turn(format!("{project} {user}")).await?;
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
}
