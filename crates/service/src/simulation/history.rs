//! What the operations have written down, and when: what the judge holds a retry's answer against.

use billfold_domain::PaymentMethodId;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The payment method is shown from here on.
    Saved,
    /// It is shown no more: its deletion has begun, or it was given up.
    Hidden,
    /// Its deletion has ended.
    Deleted,
}

#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) step: u64,
    /// The operation that wrote it, or nothing where none did.
    pub(super) operation: String,
    pub(super) id: PaymentMethodId,
    pub(super) what: What,
}
