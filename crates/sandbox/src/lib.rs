//! A stateful Stripe on loopback, for development and tests. Shares no code with the adapter.
