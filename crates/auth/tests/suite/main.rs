//! Tokens of every kind against one verifier: a corpus written by hand, mutations made by machine, and keys that come
//! and go. Time is always given, never waited for.

#![allow(clippy::unwrap_used, reason = "a failed test should panic")]
#![allow(clippy::too_many_lines, reason = "a table is as long as it has rows")]

#[path = "../corpus/mod.rs"]
mod corpus;

mod api_keys;
mod audiences;
mod cache;
mod configuration;
mod development;
mod key_files;
mod key_servers;
mod keys;
mod mutations;
mod operators;
mod scopes;
mod subjects;
mod support;
mod times;

use std::collections::HashSet;

#[test]
fn the_corpus_is_large_and_each_of_its_tokens_is_another() {
    let corpus = corpus::cases();
    assert!(corpus.len() >= 250, "only {} tokens", corpus.len());
    let names: HashSet<&str> = corpus.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), corpus.len(), "a name is used twice");
    let tokens: HashSet<&str> = corpus.iter().map(|case| case.token.as_str()).collect();
    assert_eq!(tokens.len(), corpus.len(), "a token is tried twice");
    let accepted = corpus.iter().filter(|case| case.expected.is_ok()).count();
    assert!(
        accepted >= 30,
        "only {accepted} good tokens: refusing all would nearly pass"
    );
}

#[test]
fn every_token_of_the_corpus_gets_its_verdict() {
    support::check(&corpus::cases());
}
