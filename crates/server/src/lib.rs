//! The server: two faces over one set of use cases.
//!
//! A request goes down once and up once: `routes` finds its handler, `auth` decides who is calling, `wire` makes domain
//! values of its text, a handler calls the use case, and `wire` makes text of the result. What goes wrong on the way is
//! an `error::ApiError`, which the request's face puts into words.

pub mod application;
mod audit;
mod auth;
pub mod cli;
mod edge;
mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
mod handlers;
pub mod inspector;
#[cfg(feature = "measure-parts")]
mod left_out;
pub mod metrics;
pub mod pages;
mod rate_limit;
mod reply;
mod request_id;
pub mod routes;
mod telemetry;
mod terminal;
mod traces;
mod wire;
