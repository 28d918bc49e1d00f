//! A payment-methods API that a platform runs for its tenants: one binary.
