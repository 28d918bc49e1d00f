//! What opens, and above all what does not.
#![allow(clippy::unwrap_used, reason = "a failed test should panic")]

mod key_files;
mod master_keys;
mod opening;
mod support;
