//! Clients that keep to no rules: bytes by hand, slow connections, and what stands between a client and an instance.

pub(crate) mod attackers;
pub(crate) mod good_traffic;
mod hostile_places;
pub(crate) mod hostile_requests;
mod hostile_shapes;
pub(crate) mod hostile_texts;
pub(crate) mod proxies;
pub(crate) mod smuggled;
pub(crate) mod wire;
pub(crate) mod witness;
