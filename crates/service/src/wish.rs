//! What a caller may wish to be changed, as data: so that a request that comes again can be known by what it asks for.

use billfold_domain::{
    ClientSecret, PaymentMethod, PaymentMethodId, PaymentMethodStatus, SetupIntent, SetupIntentId, UserId,
};

use billfold_store::Deletable;

use crate::{
    Confirmation, SavedPaymentMethod, ServiceError, ShownPaymentMethod, Tenant, attendance::Attendance,
    engine::Engine, world::World,
};

/// What a caller wishes to be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// To save a payment method for a user.
    SavePaymentMethod {
        /// The payment method, as Stripe names it.
        id: PaymentMethodId,
        /// Whose it will be.
        user: UserId,
        /// What becomes of it if its owner must pass a check first.
        confirmation: Confirmation,
    },
    /// To delete a payment method.
    DeletePaymentMethod {
        /// The payment method.
        id: PaymentMethodId,
        /// Whose it must be; anybody's where none is named.
        owner: Option<UserId>,
    },
    /// To make a setup intent, and the user's customer if there is none.
    MakeSetupIntent {
        /// Whose card it will save.
        user: UserId,
    },
}

/// What came of a wish.
#[derive(Clone, Debug)]
pub enum Fulfilled {
    /// The payment method is saved.
    Saved(SavedPaymentMethod),
    /// The payment method is deleted; this is what it was.
    Deleted(PaymentMethod),
    /// The setup intent.
    SetupIntent(SetupIntent),
}

impl Wish {
    /// What tells this wish from another: its kind and all that it names.
    pub(crate) fn parts(&self) -> Vec<&str> {
        match self {
            Self::SavePaymentMethod {
                id,
                user,
                confirmation: Confirmation::MayFollow,
            } => vec!["savePaymentMethod", id.as_str(), user.as_str()],
            Self::SavePaymentMethod {
                id,
                user,
                confirmation: Confirmation::MustPrecede,
            } => vec!["saveAvailablePaymentMethod", id.as_str(), user.as_str()],
            Self::DeletePaymentMethod { id, owner: None } => vec!["deletePaymentMethod", id.as_str()],
            Self::DeletePaymentMethod {
                id,
                owner: Some(owner),
            } => vec!["deletePaymentMethod", id.as_str(), owner.as_str()],
            Self::MakeSetupIntent { user } => vec!["makeSetupIntent", user.as_str()],
        }
    }

    /// Whom it names as the one it is for.
    pub(crate) const fn user(&self) -> Option<&UserId> {
        match self {
            Self::SavePaymentMethod { user, .. } | Self::MakeSetupIntent { user } => Some(user),
            Self::DeletePaymentMethod { owner, .. } => owner.as_ref(),
        }
    }

    /// Fulfils the wish by the operation of this name, whether this call begins it or an earlier one did.
    pub(crate) async fn fulfil<W: World>(
        self,
        engine: &Engine<W>,
        tenant: &Tenant,
        operation: &str,
        attendance: &Attendance<'_>,
    ) -> Result<Fulfilled, ServiceError> {
        match self {
            Self::SavePaymentMethod {
                id,
                user,
                confirmation,
            } => engine
                .create_payment_method(tenant, operation, &id, &user, confirmation, attendance)
                .await
                .map(Fulfilled::Saved),
            Self::DeletePaymentMethod { id, owner } => engine
                .delete_payment_method(
                    tenant,
                    operation,
                    &id,
                    Deletable::owned_by(owner.as_ref()),
                    attendance,
                )
                .await
                .map(Fulfilled::Deleted),
            Self::MakeSetupIntent { user } => engine
                .create_setup_intent(tenant, operation, user)
                .await
                .map(Fulfilled::SetupIntent),
        }
    }
}

impl Fulfilled {
    /// The client secret that an answer shows, and the setup intent that it is of.
    pub(crate) fn client_secret(&self) -> Option<(SetupIntentId, ClientSecret)> {
        match self {
            Self::Saved(SavedPaymentMethod::Created(shown) | SavedPaymentMethod::Existing(shown)) => {
                secret_of(shown)
            }
            Self::Deleted(_) => None,
            Self::SetupIntent(made) => Some((made.id.clone(), made.client_secret.clone())),
        }
    }
}

fn secret_of(shown: &ShownPaymentMethod) -> Option<(SetupIntentId, ClientSecret)> {
    match (&shown.payment_method.status, &shown.client_secret) {
        (PaymentMethodStatus::RequiresConfirmation { setup_intent }, Some(secret)) => {
            Some((setup_intent.clone(), secret.clone()))
        }
        _ => None,
    }
}
