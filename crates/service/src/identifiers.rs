//! Names that nothing else has.

use parking_lot::Mutex;
use ulid::{Generator, Ulid};

/// Where new names come from. Injected, so that a test can tell them beforehand.
pub trait Identifiers: Send + Sync {
    /// A name for an operation, which no other operation of any instance has.
    fn operation(&self) -> String;
    /// A name for an event of the audit log, which no other event of any instance has. Of one instance's, a later one has
    /// the greater name.
    fn audit_event(&self) -> String;
}

/// ULIDs: 26 characters, ordered by time, 80 random bits.
#[derive(Clone, Copy, Debug, Default)]
pub struct UlidIdentifiers;

impl Identifiers for UlidIdentifiers {
    fn operation(&self) -> String {
        Ulid::generate().to_string()
    }

    fn audit_event(&self) -> String {
        // Two of one millisecond have their order too, which random bits alone would not give them.
        static ORDERED: Mutex<Generator> = Mutex::new(Generator::new());
        let next = match ORDERED.lock().generate() {
            Ok(next) => next,
            Err(overflow) => overflow.commit_overflow_increment(),
        };
        format!("aud_{next}")
    }
}
