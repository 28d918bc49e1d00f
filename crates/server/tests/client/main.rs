//! The Rust client against `billfold dev`, as a process of its own.

#[expect(
    dead_code,
    reason = "these tests need less of it than those of the command line"
)]
#[path = "../cli/command.rs"]
mod command;
mod errors;
mod faces;
mod lists;
mod losses;
mod scene;
