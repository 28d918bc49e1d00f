//! The tenant, and the proof that a caller may act for it.

use crate::ProjectId;

/// Proof that the caller may act for one project, and for no other.
///
/// Everything that reads or writes a tenant's data takes it first. Only the places that decide who the caller is
/// make one: the request's authorisation, and the background work that goes project by project. The lint
/// `clippy::disallowed_methods` refuses any other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProjectScope(ProjectId);

impl ProjectScope {
    /// Vouches that the caller was authorised for the project.
    pub fn authorized(project: ProjectId) -> Self {
        Self(project)
    }

    /// The project.
    pub fn project(&self) -> &ProjectId {
        &self.0
    }
}
