//! The contract, `openapi.yaml`, as the tests read it: which operations there are, and whether an answer keeps to it.
//!
//! Every test that sees an answer gives it to [`validate_response`]. A test that walks all operations starts from
//! [`operations`].

#![allow(
    dead_code,
    unused_imports,
    reason = "each test binary that includes this module uses a part of it, so `expect` would be wrong in some"
)]

mod document;
mod response;

pub(crate) use document::{Operation, operations};
pub(crate) use response::{check_response, validate_response};
