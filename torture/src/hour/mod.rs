//! An hour of a small tenant's traffic: who asks for what, and what was heard.

mod script;
mod tally;

pub(crate) use script::{Ask, Script};
pub(crate) use tally::Tally;
