//! What a token allows its bearer to do.

use std::{fmt, str::FromStr};

/// One permission. Writing does not imply reading: a token has exactly the scopes that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Scope {
    /// Reading on the project API.
    ProjectRead = 1,
    /// Writing on the project API.
    ProjectWrite = 1 << 1,
    /// Reading on the account API.
    AccountRead = 1 << 2,
    /// Writing on the account API.
    AccountWrite = 1 << 3,
    /// Everything on the operator API.
    OperatorWrite = 1 << 4,
}

impl Scope {
    /// Every scope, in the order in which they are shown.
    pub const ALL: [Self; 5] = [
        Self::ProjectRead,
        Self::ProjectWrite,
        Self::AccountRead,
        Self::AccountWrite,
        Self::OperatorWrite,
    ];

    /// The scope as tokens write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ProjectRead => "project:read",
            Self::ProjectWrite => "project:write",
            Self::AccountRead => "account:read",
            Self::AccountWrite => "account:write",
            Self::OperatorWrite => "operator:write",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or(UnknownScope)
    }
}

/// A text names no scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown scope: use project:read, project:write, account:read and account:write, separated by spaces, \
     or operator:write for an operator"
)]
pub struct UnknownScope;

/// A set of scopes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Scopes(u8);

impl Scopes {
    /// The set that allows nothing.
    pub const NONE: Self = Self(0);

    /// Takes names separated by spaces, and refuses an unknown one: for what a person typed.
    pub fn parse(text: &str) -> Result<Self, UnknownScope> {
        text.split(' ')
            .filter(|name| !name.is_empty())
            .map(str::parse)
            .collect()
    }

    /// Takes the names that are scopes here and leaves the others, which other services may know: for tokens.
    pub(crate) fn from_known<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        names
            .into_iter()
            .filter_map(|name| name.parse::<Scope>().ok())
            .collect()
    }

    /// The set with one more scope.
    #[must_use]
    pub const fn with(self, scope: Scope) -> Self {
        Self(self.0 | scope as u8)
    }

    /// Those of tenants' tokens: no tenant is an operator, whatever its token says.
    #[must_use]
    pub(crate) const fn of_tenant(self) -> Self {
        Self(self.0 & !(Scope::OperatorWrite as u8))
    }

    /// Those of operators' tokens: no operator acts for a tenant.
    #[must_use]
    pub(crate) const fn of_operator(self) -> Self {
        Self(self.0 & Scope::OperatorWrite as u8)
    }

    /// Whether the scope is in the set.
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & scope as u8 != 0
    }

    /// Whether the set allows nothing.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The scopes of the set, in the order of [`Scope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        scopes.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Display for Scopes {
    /// The names separated by spaces, as `scope` writes them.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            if index > 0 {
                formatter.write_str(" ")?;
            }
            formatter.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subset_is_written_and_read_back() {
        for bits in 0..1_u8 << Scope::ALL.len() {
            let scopes = Scopes(bits);
            assert_eq!(Scopes::parse(&scopes.to_string()), Ok(scopes));
            assert_eq!(scopes.iter().collect::<Scopes>(), scopes);
        }
    }

    #[test]
    fn writing_does_not_imply_reading() {
        let scopes = Scopes::NONE.with(Scope::ProjectWrite);
        assert!(scopes.contains(Scope::ProjectWrite));
        assert!(!scopes.contains(Scope::ProjectRead));
        assert!(!scopes.contains(Scope::AccountWrite));
    }

    #[test]
    fn a_person_hears_of_an_unknown_scope_and_a_token_does_not() {
        assert_eq!(Scopes::parse("project:read Project:write"), Err(UnknownScope));
        assert_eq!(
            Scopes::from_known(["project:read", "Project:write", "openid"]),
            Scopes::NONE.with(Scope::ProjectRead)
        );
    }
}
