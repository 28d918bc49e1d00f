//! Tokens that were verified a moment ago.

use std::{
    collections::{HashMap, hash_map::Entry},
    mem,
};

use aws_lc_rs::digest::{SHA256, digest};
use parking_lot::RwLock;

use crate::{VerifiedToken, claims::Window};

/// How a token is remembered: never as itself, so that a dump of the memory is no bag of tokens.
pub(crate) type TokenDigest = [u8; 32];

/// Many small locks instead of one, so that callers seldom meet.
const SHARDS: usize = 16;

/// The digest of a token.
pub(crate) fn token_digest(token: &str) -> TokenDigest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    bytes
}

/// A verdict, and what it depends on.
#[derive(Clone)]
pub(crate) struct CachedToken {
    pub(crate) token: VerifiedToken,
    /// Which of the verifier's issuers signed.
    pub(crate) issuer: usize,
    /// The issuer's key set that vouched for it.
    pub(crate) generation: u64,
    pub(crate) window: Window,
}

/// A bounded memory of verified tokens. The caller decides whether a verdict still holds.
///
/// Each shard has two halves: new and used tokens go to the young half; when that is full, the old half is forgotten
/// and the young one takes its place. So what is used stays, what is not goes, and nothing is ever searched.
pub(crate) struct TokenCache {
    shards: [RwLock<Shard>; SHARDS],
    half: usize,
}

#[derive(Default)]
struct Shard {
    young: HashMap<TokenDigest, CachedToken>,
    old: HashMap<TokenDigest, CachedToken>,
}

impl TokenCache {
    /// A memory of at most this many tokens, and of at least one for each half of each shard.
    pub(crate) fn new(maximum: usize) -> Self {
        Self {
            shards: Default::default(),
            half: (maximum / (2 * SHARDS)).max(1),
        }
    }

    pub(crate) fn get(&self, digest: &TokenDigest) -> Option<CachedToken> {
        let shard = self.shard(digest);
        let found = {
            let halves = shard.read();
            if let Some(found) = halves.young.get(digest) {
                return Some(found.clone());
            }
            halves.old.get(digest)?.clone()
        };
        self.insert(*digest, found.clone());
        Some(found)
    }

    pub(crate) fn insert(&self, digest: TokenDigest, token: CachedToken) {
        let mut halves = self.shard(&digest).write();
        halves.old.remove(&digest);
        if halves.young.len() >= self.half && !halves.young.contains_key(&digest) {
            let forgotten = mem::take(&mut halves.young);
            halves.old = forgotten;
        }
        match halves.young.entry(digest) {
            // Two callers may verify one token at once: the later key set's verdict stays.
            Entry::Occupied(mut present) if present.get().generation <= token.generation => {
                present.insert(token);
            }
            Entry::Occupied(_) => {}
            Entry::Vacant(vacant) => {
                vacant.insert(token);
            }
        }
    }

    /// How many tokens are remembered.
    pub(crate) fn len(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| {
                let halves = shard.read();
                halves.young.len() + halves.old.len()
            })
            .sum()
    }

    fn shard(&self, digest: &TokenDigest) -> &RwLock<Shard> {
        &self.shards[usize::from(digest[0]) % SHARDS]
    }
}
