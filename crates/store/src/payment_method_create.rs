//! How the saving of a payment method begins: only where nothing stands in its way, whatever races.

use billfold_domain::{PaymentMethod, PaymentMethodId, ProjectScope, UtcTimestamp};
use diesel::{ExpressionMethods as _, OptionalExtension as _, QueryDsl as _, SelectableHelper as _};
use diesel_async::RunQueryDsl as _;
use futures_util::future::{join, join4};

use crate::{
    Alongside, NewOperation, Operation, OperationKind, PaymentMethods, StoreError,
    alongside::{take_alongside, tell_alongside},
    database::{Engine, fallible, in_transaction},
    operation,
    operations::{FIRST_FENCE, claim, held},
    payment_method_row::PaymentMethodRow,
    payment_methods::shown,
    postgres::Postgres,
    query_span::traced,
    schema::{operations, payment_methods},
    turns::{self, Turns as _},
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

/// How many payment methods the user has, counting those on their way. Counted in one statement: between two, a method that
/// is on its way could arrive and be missed by both.
macro_rules! count {
    ($connection:expr, $project:expr, $new:expr) => {{
        let saved = shown($project.to_owned())
            .filter(payment_methods::user_id.eq($new.user.as_str()))
            .count();
        let on_their_way = operations::table
            .filter(operations::project_id.eq($project))
            .filter(operations::user_id.eq($new.user.as_str()))
            .filter(operations::kind.eq_any(CREATING))
            .filter(operations::subject.ne($new.subject.to_text()))
            .count();
        diesel::select((saved.single_value(), on_their_way.single_value()))
            .get_result::<(Option<i64>, Option<i64>)>($connection)
            .await
            .map(|(saved, on_their_way)| saved.unwrap_or_default() + on_their_way.unwrap_or_default())
    }};
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
    /// Begins to save a payment method for a user who has fewer than `maximum`, counting those on their way. What is written
    /// alongside is written whatever comes of it, unless it fails.
    pub async fn begin_create(
        &self,
        scope: &ProjectScope,
        new: &NewOperation,
        id: &PaymentMethodId,
        maximum: i64,
        now: UtcTimestamp,
        alongside: &Alongside,
    ) -> Result<BeginCreate, StoreError> {
        if let Engine::Postgres(postgres) = &self.database.engine {
            let begun = traced!(
                self.database,
                Box::pin(begin_at_once(postgres, scope, new, id, maximum, now, alongside)).await
            );
            if let Some(operation) = begun? {
                return Ok(BeginCreate::Held(operation));
            }
        }
        let project = scope.project().as_str();
        in_transaction!(self.database, scope, |connection| {
            tell_alongside!(connection, scope, alongside);
            let begun = fallible(async {
                // What is counted stays true until the transaction ends.
                connection.wait_for_turn(turns::of_user(scope, &new.user)).await?;
                if let Some(row) = find_shown!(connection, project, id) {
                    return already_saved(row, new);
                }
                let number = count!(connection, project, new)?;
                if number >= maximum {
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
            .await?;
            take_alongside!(connection, scope, &alongside.tokens);
            Ok(begun)
        })
    }
}

/// Begins to save a payment method where nothing stands in the way, which is nearly always. Statements that need nothing of
/// each other are sent together: most of what they take is the way to the server and back. What a statement waits for it
/// still waits for in the same order as one by one, whichever of those sent together comes first.
async fn begin_at_once(
    postgres: &Postgres,
    scope: &ProjectScope,
    new: &NewOperation,
    id: &PaymentMethodId,
    maximum: i64,
    now: UtcTimestamp,
    alongside: &Alongside,
) -> Result<Option<Operation>, StoreError> {
    let turn = turns::of_user(scope, &new.user);
    let session = postgres.begin_in_turn(scope.project(), &turn).await?;
    let connection = session.shared_connection();
    let (mut first, mut second, mut third, mut fourth) = (connection, connection, connection, connection);
    let project = scope.project().as_str();
    let begun = fallible(async {
        let (told, claimed, number, taken) = join4(
            fallible(async {
                tell_alongside!(&mut first, scope, alongside);
                Ok(())
            }),
            async { claim!(&mut second, scope, new, now) },
            async { count!(&mut third, project, new) },
            fallible(async {
                take_alongside!(&mut fourth, scope, alongside.tokens_of_users());
                Ok(())
            }),
        )
        .await;
        told?;
        let claimed = claimed?;
        taken?;
        if number? >= maximum {
            return Ok(None);
        }
        let Some(operation) = claimed.map(operation::operation).transpose()? else {
            return Ok(None);
        };
        // Only after the claim: another operation on the method may have ended just before.
        let (shown, taken) = join(
            fallible(async { Ok(find_shown!(&mut first, project, id)) }),
            fallible(async {
                take_alongside!(&mut second, scope, alongside.tokens_of_projects());
                Ok(())
            }),
        )
        .await;
        taken?;
        Ok((shown?.is_none() && operation.fence == FIRST_FENCE).then_some(operation))
    })
    .await;
    postgres.end_batch(session, begun).await
}
