//! How the server meets its clients: those that are slow, many, or hostile too.
//!
//! The HTTP library reads requests and refuses the malformed ones. What it has no word for is here: how long a head, an
//! answer and a pause may take on every request of a connection, and that it takes its requests a few at a time (`connection`,
//! `stream`, `head_end`), how many connections there may be (`places`), what every answer says beside its content
//! (`exchange`, `cors`), and how much of a large one is in memory for one client (`pieces`).

mod connection;
pub(crate) mod cors;
mod exchange;
mod head_end;
mod limits;
mod pieces;
mod places;
mod server;
mod stream;

pub(crate) use connection::Connection;
pub(crate) use exchange::{declared_length, surround};
pub use limits::EdgeLimits;
pub(crate) use server::start;
