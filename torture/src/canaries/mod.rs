//! Secrets that are known, so that they can be looked for: what they are, where they are put, and what is searched.

mod card_requests;
pub(crate) mod cards;
mod commands;
mod exceptions;
pub(crate) mod papers;
pub(crate) mod requests;
mod secrets;
pub(crate) mod stage;
