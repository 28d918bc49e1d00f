//! What is attached at Stripe and shown by no row: ours to adopt, a page's to claim, or a contradiction.

use billfold_domain::{
    PaymentMethod, PaymentMethodId, PaymentMethodStatus, SetupIntentId, SetupIntentStatus, UserId,
};
use billfold_store::{Adoption, Recorded, Subject};
use billfold_stripe::{SetupIntentQuery, StripeError, StripePaymentMethodKind, StripeSetupIntent};

use super::{Contradiction, ContradictionKind, Sweep, user::Attached};
use crate::{
    ServiceError,
    world::{Mirror as _, Stripe as _},
};

/// By what a payment method was attached.
enum Origin {
    /// By a saving of ours.
    Saving {
        operation: String,
        made_at: billfold_domain::UtcTimestamp,
    },
    /// By this setup intent of a page's, or by the tenant's own hand.
    Other(Option<SetupIntentId>),
}

impl Sweep<'_> {
    /// Finds out about a method that is attached to the user's customer and that no row shows. Whether an operation is open
    /// is asked before the records, so that its result is not missed.
    pub(super) async fn attached_without_row(
        &mut self,
        user: &UserId,
        attached: Attached,
    ) -> Result<(), ServiceError> {
        // Only cards are ever saved here.
        if !matches!(attached.found.kind, StripePaymentMethodKind::Card { .. }) {
            return Ok(());
        }
        let scope = &self.tenant.scope;
        let world = &self.parts.engine.world;
        let id = attached.found.id.clone();
        if world
            .operations
            .is_open(scope, &Subject::PaymentMethod(id.clone()))
            .await?
        {
            self.report.in_operation.push(id);
            return Ok(());
        }
        let origin = self.origin(user, &attached).await?;
        if let Origin::Saving { operation, .. } = &origin
            && world.operations.is_open_by_name(scope, operation).await?
        {
            self.report.in_operation.push(id);
            return Ok(());
        }
        match (world.payment_methods.recorded(scope, &id).await?, origin) {
            // Saved since the rows were read.
            (Recorded::Shown(shown), _) if shown.user == *user => Ok(()),
            (Recorded::Shown(_), _) => {
                self.contradiction(user, attached, ContradictionKind::OfAnotherUser)
                    .await
            }
            (Recorded::Deleted(deleted), origin) => {
                if may_come_again(&deleted, &origin) {
                    self.report.unclaimed.push(id);
                    return Ok(());
                }
                self.contradiction(user, attached, ContradictionKind::DeletedHere)
                    .await
            }
            (Recorded::Never, Origin::Other(_)) => {
                self.report.unclaimed.push(id);
                Ok(())
            }
            (Recorded::Never, Origin::Saving { operation, made_at }) => {
                self.adopt(user, attached, &operation, made_at).await
            }
        }
    }

    /// By what a method was attached: the setup intents of this method that succeeded tell.
    async fn origin(&self, user: &UserId, attached: &Attached) -> Result<Origin, ServiceError> {
        let world = &self.parts.engine.world;
        let scope = &self.tenant.scope;
        world.next_read(scope).await?;
        let query = SetupIntentQuery {
            customer: Some(&attached.customer),
            payment_method: Some(&attached.found.id),
            ..SetupIntentQuery::default()
        };
        let page = world.list_setup_intents(self.tenant, &query).await?;
        let succeeded = page.items.into_iter().filter(|made| {
            made.status == SetupIntentStatus::Succeeded
                && made.payment_method.as_ref() == Some(&attached.found.id)
        });
        let mut of_a_page = None;
        for made in succeeded {
            if let Some(operation) = self.saving_that_made(user, &made).await? {
                return Ok(Origin::Saving {
                    operation,
                    made_at: made.created,
                });
            }
            of_a_page = Some(made.id);
        }
        Ok(Origin::Other(of_a_page))
    }

    /// The operation that made the setup intent to save a method of this user's. The setup intents that were made for pages
    /// are on record.
    async fn saving_that_made(
        &self,
        user: &UserId,
        made: &StripeSetupIntent,
    ) -> Result<Option<String>, ServiceError> {
        let scope = &self.tenant.scope;
        let metadata = &made.metadata;
        let ours = metadata.project.as_ref() == Some(scope.project()) && metadata.user.as_ref() == Some(user);
        let Some(operation) = metadata.operation.as_ref().filter(|_| ours) else {
            return Ok(None);
        };
        let setup_intents = &self.parts.engine.world.setup_intents;
        let for_a_page = setup_intents.find(scope, &made.id).await?.is_some();
        Ok((!for_a_page).then(|| operation.clone()))
    }

    async fn adopt(
        &mut self,
        user: &UserId,
        attached: Attached,
        operation: &str,
        made_at: billfold_domain::UtcTimestamp,
    ) -> Result<(), ServiceError> {
        let StripePaymentMethodKind::Card {
            card,
            payment_method_type,
            ..
        } = attached.found.kind.clone()
        else {
            return Ok(());
        };
        if !self.is_still_attached(&attached).await? {
            return Ok(());
        }
        let payment_method = PaymentMethod {
            id: attached.found.id,
            user: user.clone(),
            payment_method_type,
            card,
            status: PaymentMethodStatus::Available,
            created_at: made_at,
        };
        let adoption = Adoption {
            payment_method: &payment_method,
            customer: &attached.customer,
            operation,
        };
        let payment_methods = &self.parts.engine.world.payment_methods;
        if self.dry_run || payment_methods.adopt(&self.tenant.scope, &adoption).await? {
            self.report.adopted.push(payment_method.id);
        }
        Ok(())
    }

    /// Reports a contradiction, if it is one still.
    async fn contradiction(
        &mut self,
        user: &UserId,
        attached: Attached,
        kind: ContradictionKind,
    ) -> Result<(), ServiceError> {
        if self.is_still_attached(&attached).await? {
            self.report.contradictions.push(Contradiction {
                payment_method: attached.found.id,
                user: user.clone(),
                kind,
            });
        }
        Ok(())
    }

    async fn is_still_attached(&self, attached: &Attached) -> Result<bool, ServiceError> {
        let world = &self.parts.engine.world;
        let id: &PaymentMethodId = &attached.found.id;
        world.next_read(&self.tenant.scope).await?;
        match world.retrieve_payment_method(self.tenant, id).await {
            Ok(found) => Ok(found.customer.as_ref() == Some(&attached.customer)),
            Err(StripeError::ResourceMissing { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether a method that was deleted here may be attached all the same: it was never attached by what we deleted, and a
/// page has attached it since.
fn may_come_again(deleted: &PaymentMethod, origin: &Origin) -> bool {
    match (&deleted.status, origin) {
        (PaymentMethodStatus::RequiresConfirmation { setup_intent }, Origin::Other(Some(attached_by))) => {
            setup_intent != attached_by
        }
        _ => false,
    }
}
