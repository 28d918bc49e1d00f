//! Names that nothing else has.

use ulid::Ulid;

/// Where new names come from. Injected, so that a test can tell them beforehand.
pub trait Identifiers: Send + Sync {
    /// A name for an operation, which no other operation of any instance has.
    fn operation(&self) -> String;
}

/// ULIDs: 26 characters, ordered by time, 80 random bits.
#[derive(Clone, Copy, Debug, Default)]
pub struct UlidIdentifiers;

impl Identifiers for UlidIdentifiers {
    fn operation(&self) -> String {
        Ulid::generate().to_string()
    }
}
