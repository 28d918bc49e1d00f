//! The binary as its users run it: every command, in a directory and an environment of its own.

mod api_key;
mod audit;
mod command;
mod completions;
mod dev;
mod health;
mod help;
mod keys;
mod man;
mod metrics;
mod pages;
mod plain_secrets;
mod project;
mod project_deletion;
mod project_life;
mod reconcile;
mod refusals;
mod serve;
mod shutdown;
mod terminal;
mod traces;
