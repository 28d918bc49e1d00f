//! The client against a server that answers from a script.
#![allow(clippy::unwrap_used, reason = "a failed test should panic")]

mod contract;
mod enumerations;
mod errors;
mod lost;
mod paging;
mod retries;
mod secrecy;
mod support;
