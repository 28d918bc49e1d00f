//! The binary as its users run it: every command, in a directory and an environment of its own.

mod command;
mod dev;
mod help;
mod project;
mod reconcile;
mod refusals;
mod serve;
mod shutdown;
