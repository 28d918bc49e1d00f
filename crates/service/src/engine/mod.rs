//! The engine: what happens between a wish and its result, whatever crashes, times out or answers twice.
//!
//! Generic over the [`World`](crate::world::World) that it acts in, so that the same code runs in production and in the
//! simulation.

mod create;
mod customer;
mod delete;
mod drive;
mod payment_methods;
mod reconcile;
mod refresh;
mod setup_intent;
mod use_customer;

pub(crate) use payment_methods::CONFIRMATION_WINDOW;
pub(crate) use refresh::Refreshed;

/// The engine, in its world.
pub(crate) struct Engine<W> {
    pub(crate) world: W,
    /// How many payment methods a user may have.
    pub(crate) maximum_payment_methods: i64,
}
