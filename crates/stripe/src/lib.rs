//! Stripe, as Billfold calls it: a typed adapter over its HTTP interface. The only crate that names reqwest and Stripe's JSON.
