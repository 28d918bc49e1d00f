//! Who asks for a change.

use crate::names::names;

/// The most characters that a text about a caller may have; a longer one is cut.
const MAXIMUM_TEXT_LENGTH: usize = 255;

/// What kind of caller it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallerKind {
    /// A tenant's backend or user, by an issuer's token.
    Token,
    /// A tenant's backend, by an API key.
    ApiKey,
    /// Whoever runs the installation: by the command line or by the operators' interface.
    Operator,
    /// Billfold itself: the background work that ends what others left open.
    System,
}

names!(CallerKind {
    Token = "token",
    ApiKey = "apiKey",
    Operator = "operator",
    System = "system",
});

/// Who asks for a change. Holds names only, never what proved them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    kind: CallerKind,
    subject: Option<Box<str>>,
    issuer: Option<Box<str>>,
    key_id: Option<Box<str>>,
}

impl Caller {
    /// Billfold itself.
    pub const SYSTEM: Self = Self::of_kind(CallerKind::System);

    /// A caller of whom nothing but the kind is known.
    pub const fn of_kind(kind: CallerKind) -> Self {
        Self {
            kind,
            subject: None,
            issuer: None,
            key_id: None,
        }
    }

    /// Says who it is: a user, a backend, a person. Cut after 255 characters.
    #[must_use]
    pub fn subject(self, subject: &str) -> Self {
        Self {
            subject: bounded(subject),
            ..self
        }
    }

    /// Says who vouches for that. Cut after 255 characters.
    #[must_use]
    pub fn issuer(self, issuer: &str) -> Self {
        Self {
            issuer: bounded(issuer),
            ..self
        }
    }

    /// Says which key proved it: a token's `kid`, or an API key's id; never the key. Cut after 255 characters.
    #[must_use]
    pub fn key_id(self, key_id: &str) -> Self {
        Self {
            key_id: bounded(key_id),
            ..self
        }
    }

    /// What kind of caller it is.
    pub const fn kind(&self) -> CallerKind {
        self.kind
    }

    /// Kind, subject, issuer and key id, as far as they are known.
    pub fn parts(&self) -> (CallerKind, Option<&str>, Option<&str>, Option<&str>) {
        (
            self.kind,
            self.subject.as_deref(),
            self.issuer.as_deref(),
            self.key_id.as_deref(),
        )
    }
}

/// A text without control characters and of bounded length; `None` where nothing is left.
pub(crate) fn bounded(text: &str) -> Option<Box<str>> {
    let kept: String = text
        .chars()
        .filter(|character| !character.is_control())
        .take(MAXIMUM_TEXT_LENGTH)
        .collect();
    (!kept.is_empty()).then(|| kept.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test should panic")]

    use super::*;

    #[test]
    fn texts_are_bounded_and_of_one_line() {
        let caller = Caller::of_kind(CallerKind::Operator)
            .subject(&"é".repeat(300))
            .issuer("\r\n\0")
            .key_id("a\nb");
        let (_, subject, issuer, key_id) = caller.parts();
        assert_eq!(subject.unwrap().chars().count(), 255);
        assert_eq!(issuer, None);
        assert_eq!(key_id, Some("ab"));
    }
}
