//! The tenant, and the proof that a caller may act for it.

use crate::{Position, ProjectId};

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

/// Whether a project works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProjectStatus {
    /// It does.
    Active,
    /// An operator has shut it. To its callers it is as if it were not there, until an operator opens it again.
    Disabled,
    /// It is on its way out, which nothing takes back. To its callers it is as if it were not there.
    Deleting,
}

impl ProjectStatus {
    /// The status as one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Deleting => "deleting",
        }
    }
}

/// Where in the list of projects, which goes by name, a page lies: beside a name, whether or not there is a project of it.
pub type ProjectPosition = Position<ProjectId>;
