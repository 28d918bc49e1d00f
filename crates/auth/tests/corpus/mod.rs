//! Tokens written by hand, as data: each with its name, what a verifier says of it and what the server answers.
//!
//! The tests of this crate try them on a verifier; the server's try the same ones over HTTP, on a route that reads and
//! one that writes of each face.

#![allow(
    dead_code,
    clippy::too_many_lines,
    reason = "two test binaries use this, each a part of it; a table is as long as it has rows"
)]

mod algorithms;
mod audiences;
mod encodings;
pub(crate) mod forge;
mod headers;
mod scopes;
mod subjects;
pub(crate) mod tenants;
mod times;

use billfold_auth::TokenError;

/// What the server answers on four routes of the project `demo`: the project API's reading and writing one, then the
/// account API's.
pub(crate) type Answers = [u16; 4];

/// Everything is allowed.
const DONE: Answers = [200, 201, 200, 201];
/// Nobody is calling.
const NOBODY: Answers = [401; 4];
/// Somebody is calling who may do nothing.
const POWERLESS: Answers = [403; 4];
/// Somebody is calling who may only read on the project API.
const READER: Answers = [200, 403, 403, 403];
/// Somebody is calling whose name cannot be a user's.
const NO_USER: Answers = [200, 201, 401, 401];
/// Somebody is calling whose project is `acme`.
const ELSEWHERE: Answers = [404, 404, 200, 201];
/// Somebody is calling whose project there is not.
const NOWHERE: Answers = [404; 4];

/// One token of the corpus, and what becomes of it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) token: String,
    /// What a verifier says.
    pub(crate) expected: Result<(), TokenError>,
    /// What the server answers when the token follows `Bearer `; `None` for what no header can carry.
    pub(crate) answers: Option<Answers>,
}

impl Case {
    /// The server answers something else than the verdict alone would have it.
    const fn answered(mut self, answers: Answers) -> Self {
        self.answers = Some(answers);
        self
    }

    /// No header can carry it: HTTP ends or refuses the line before a token is read.
    const fn never_sent(mut self) -> Self {
        self.answers = None;
        self
    }
}

const fn good(name: &'static str, token: String) -> Case {
    Case {
        name,
        token,
        expected: Ok(()),
        answers: Some(DONE),
    }
}

const fn bad(name: &'static str, token: String, error: TokenError) -> Case {
    Case {
        name,
        token,
        expected: Err(error),
        answers: Some(NOBODY),
    }
}

/// Every case, a tenant who signs for another first.
pub(crate) fn cases() -> Vec<Case> {
    [
        tenants::cases(),
        algorithms::cases(),
        audiences::cases(),
        encodings::cases(),
        headers::cases(),
        scopes::cases(),
        subjects::cases(),
        times::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
