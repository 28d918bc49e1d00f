//! Where what looks like a secret may be, and why: each with a reason, and each needed.

use std::collections::BTreeSet;

use crate::canaries::papers::Place;

/// Something that may be found somewhere.
struct Exception {
    /// How the name of what is found begins.
    what: &'static str,
    places: &'static [Place],
    /// How what it is found in must be called, where that matters.
    within: &'static str,
    /// Why that is no leak.
    #[expect(dead_code, reason = "for whoever reads the list")]
    reason: &'static str,
}

/// All of them.
const EXCEPTIONS: &[Exception] = &[
    Exception {
        what: "card number as a user",
        places: &[
            Place::Answers,
            Place::Commands,
            Place::Dump,
            Place::PostgresLog,
            Place::SqliteFile,
            Place::SqliteWal,
            Place::SandboxLog,
        ],
        within: "",
        reason: "a tenant calls its users what it likes; sixteen digits are a name like any other, and are kept as one",
    },
    Exception {
        what: "card number as a subject and a time zone",
        places: &[
            Place::Answers,
            Place::Commands,
            Place::Dump,
            Place::PostgresLog,
            Place::SqliteFile,
            Place::SqliteWal,
        ],
        within: "",
        reason: "a user's name again, signed by the tenant's own issuer, and shown in the tenant's audit log",
    },
    Exception {
        what: "card number as a subject and a time zone",
        places: &[Place::ServerLog],
        within: "",
        reason: "a time zone that nobody knows is logged, so that an operator sees what a tenant's issuer gets wrong",
    },
    Exception {
        what: "card number as an idempotency key",
        places: &[
            Place::Dump,
            Place::PostgresLog,
            Place::SqliteFile,
            Place::SqliteWal,
        ],
        within: "",
        reason: "a key is any text that a client makes up, and is kept for a day to be known again",
    },
    Exception {
        what: "card number as a payment method",
        places: &[
            Place::Answers,
            Place::Commands,
            Place::Dump,
            Place::PostgresLog,
            Place::SqliteFile,
            Place::SqliteWal,
            Place::SandboxLog,
        ],
        within: "",
        reason: "an id is Stripe's, and only Stripe can say that it has none of this name; the audit log says what was asked for",
    },
    Exception {
        what: "card number as a setup intent",
        places: &[Place::PostgresLog],
        within: "",
        reason: "an id that is looked for is a parameter of the statement that looks for it; nothing keeps it",
    },
    Exception {
        what: "card number as a project",
        places: &[
            Place::Answers,
            Place::Commands,
            Place::Dump,
            Place::PostgresLog,
            Place::SqliteFile,
            Place::SqliteWal,
        ],
        within: "",
        reason: "a refused write names in the audit log of its caller's project which other project it aimed at",
    },
    Exception {
        what: "card number as an operator's project",
        places: &[Place::PostgresLog],
        within: "",
        reason: "the project that an operator looks for is a parameter, and the setting that row-level security goes by",
    },
    Exception {
        what: "card number as a request id",
        places: &[Place::ServerLog],
        within: "",
        reason: "what a proxy calls a request stands beside our name for it, so that both logs can be brought together",
    },
    Exception {
        what: "card number as a property's name",
        places: &[Place::Answers],
        within: "POST /projects/amber/paymentMethods",
        reason: "whoever sends an unknown property is told which; nobody else is",
    },
    Exception {
        what: "card number as a spaced property's name",
        places: &[Place::Answers],
        within: "POST /projects/amber/paymentMethods",
        reason: "the same",
    },
    Exception {
        what: "live key for a test project",
        places: &[Place::Answers],
        within: "POST /operator/projects",
        reason: "the same: an operator who sends a key as a property's name is told which property is unknown",
    },
];

/// The place in the list of the exception that something is, if it is one.
pub(crate) fn find(name: &str, place: Place, within: &str) -> Option<usize> {
    EXCEPTIONS.iter().position(|exception| {
        name.starts_with(exception.what)
            && exception.places.contains(&place)
            && within.contains(exception.within)
    })
}

/// The exceptions that nothing needed although their places were searched.
pub(crate) fn unneeded(needed: &BTreeSet<usize>, searched: &BTreeSet<Place>) -> Vec<String> {
    let of_searched = |exception: &Exception| exception.places.iter().any(|place| searched.contains(place));
    let numbered = EXCEPTIONS.iter().enumerate();
    numbered
        .filter(|(number, exception)| !needed.contains(number) && of_searched(exception))
        .map(|(_, exception)| format!("{} {:?}", exception.what, exception.places))
        .collect()
}
