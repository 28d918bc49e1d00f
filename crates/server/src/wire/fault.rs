//! What is wrong with a property or a parameter.

/// The way in which it is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// It is missing or `null`.
    Required,
    /// It is of another JSON type.
    WrongType,
    /// It is of the right type, and no valid value.
    Invalid,
    /// There is no such property.
    Unknown,
}

impl FaultKind {
    /// The code of the project API.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Required => "propertyRequired",
            Self::WrongType | Self::Invalid => "propertyInvalid",
            Self::Unknown => "propertyUnknown",
        }
    }
}

/// A property or parameter that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PropertyFault {
    /// Its name; of an unknown one at most 64 characters.
    pub(crate) property: String,
    /// The way in which it is wrong.
    pub(crate) kind: FaultKind,
    /// What it should be, to follow its name in a sentence.
    reason: String,
}

impl PropertyFault {
    pub(crate) fn required(property: &str) -> Self {
        Self {
            property: property.to_owned(),
            kind: FaultKind::Required,
            reason: "is required".to_owned(),
        }
    }

    pub(crate) fn wrong_type(property: &str, wanted: &str) -> Self {
        Self {
            property: property.to_owned(),
            kind: FaultKind::WrongType,
            reason: format!("must be {wanted}"),
        }
    }

    pub(crate) fn invalid(property: &str, reason: impl Into<String>) -> Self {
        Self {
            property: property.to_owned(),
            kind: FaultKind::Invalid,
            reason: reason.into(),
        }
    }

    pub(crate) fn unknown(property: &str) -> Self {
        let property = property
            .chars()
            .filter(|character| !character.is_control())
            .take(64)
            .collect();
        Self {
            property,
            kind: FaultKind::Unknown,
            reason: "is not known here".to_owned(),
        }
    }

    /// A sentence that says what to mend.
    pub(crate) fn message(&self) -> String {
        format!("{} {}.", self.property, self.reason)
    }
}
