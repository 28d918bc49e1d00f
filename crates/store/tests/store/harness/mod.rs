//! Databases, tenants and objects for the tests.

mod database;
mod objects;
mod tenant;

pub(crate) use database::*;
pub(crate) use objects::*;
pub(crate) use tenant::*;
