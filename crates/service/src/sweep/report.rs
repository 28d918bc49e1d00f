//! What a comparison with Stripe has found.

use billfold_domain::{CustomerId, PaymentMethodId, ProjectId, UserId};

/// What a comparison with Stripe has found and done; of a dry run, what it would have done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepReport {
    /// The project.
    pub project: ProjectId,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// Whether every user was looked at; not so when the process was asked to end meanwhile.
    pub whole: bool,
    /// How many users were looked at.
    pub users: usize,
    /// How many payment methods of theirs were compared.
    pub payment_methods: usize,
    /// Those whose card had changed at Stripe.
    pub updated: Vec<PaymentMethodId>,
    /// Those whose owners had passed their check.
    pub confirmed: Vec<PaymentMethodId>,
    /// Those that were gone at Stripe, or never confirmed in time.
    pub removed: Vec<PaymentMethodId>,
    /// The customers that were gone at Stripe.
    pub removed_customers: Vec<CustomerId>,
    /// Those that we had attached and that no row told of.
    pub adopted: Vec<PaymentMethodId>,
    /// Those that a user's page has attached and that nobody has saved, which is no fault.
    pub unclaimed: Vec<PaymentMethodId>,
    /// Those on which an operation is open, which looks at Stripe by itself.
    pub in_operation: Vec<PaymentMethodId>,
    /// What a person must look at.
    pub contradictions: Vec<Contradiction>,
    /// The users who could not be looked at.
    pub unread: Vec<UnreadUser>,
}

/// What the records and Stripe say of a payment method cannot both be true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// The payment method.
    pub payment_method: PaymentMethodId,
    /// The user at whose customer it was seen, or whose it is by the records.
    pub user: UserId,
    /// What cannot be.
    pub kind: ContradictionKind,
}

/// How the records and Stripe contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContradictionKind {
    /// It was deleted here and is attached there.
    DeletedHere,
    /// It is attached to one user's customer and another's by the records.
    OfAnotherUser,
    /// It is shown here and attached there to a customer that is not the user's.
    AttachedElsewhere,
    /// It is shown here and not known there: the credentials are another account's.
    UnknownAtStripe,
}

impl ContradictionKind {
    /// The kind as one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DeletedHere => "deletedHere",
            Self::OfAnotherUser => "ofAnotherUser",
            Self::AttachedElsewhere => "attachedElsewhere",
            Self::UnknownAtStripe => "unknownAtStripe",
        }
    }

    /// The kind as a sentence.
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::DeletedHere => "it was deleted here and is still attached at Stripe",
            Self::OfAnotherUser => "it is attached to this user's customer, and another user's here",
            Self::AttachedElsewhere => "it is this user's here, and attached to another customer at Stripe",
            Self::UnknownAtStripe => {
                "it is shown here and Stripe does not know it: are these the account's credentials?"
            }
        }
    }
}

/// A user who could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadUser {
    /// The user.
    pub user: UserId,
    /// Why, in words that hold nothing of Stripe's.
    pub reason: String,
}

impl SweepReport {
    pub(super) const fn new(project: ProjectId, dry_run: bool) -> Self {
        Self {
            project,
            dry_run,
            whole: false,
            users: 0,
            payment_methods: 0,
            updated: Vec::new(),
            confirmed: Vec::new(),
            removed: Vec::new(),
            removed_customers: Vec::new(),
            adopted: Vec::new(),
            unclaimed: Vec::new(),
            in_operation: Vec::new(),
            contradictions: Vec::new(),
            unread: Vec::new(),
        }
    }

    /// Whether a person must look at something.
    pub const fn needs_a_person(&self) -> bool {
        !self.contradictions.is_empty()
    }

    /// Writes the report into the log: one line, and one for each contradiction.
    pub(crate) fn log(&self) {
        tracing::info!(
            project = %self.project,
            whole = self.whole,
            users = self.users,
            payment_methods = self.payment_methods,
            updated = ?self.updated,
            confirmed = ?self.confirmed,
            removed = ?self.removed,
            removed_customers = ?self.removed_customers,
            adopted = ?self.adopted,
            unclaimed = self.unclaimed.len(),
            in_operation = self.in_operation.len(),
            contradictions = self.contradictions.len(),
            unread = self.unread.len(),
            "compared with Stripe"
        );
        for found in &self.contradictions {
            tracing::error!(
                project = %self.project,
                payment_method = %found.payment_method,
                user = %found.user,
                contradiction = found.kind.as_str(),
                "the records and Stripe contradict each other"
            );
        }
    }
}
