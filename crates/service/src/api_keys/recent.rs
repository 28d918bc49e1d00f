//! A bounded memory that keeps what is used.

use std::{collections::HashMap, mem};

use billfold_domain::ApiKeyHash;
use parking_lot::RwLock;

/// What is remembered of keys, by their hashes: so many at most.
///
/// It has two halves. What is new or used goes to the young one; when that is full, the old one is forgotten and the
/// young one takes its place. So what is used stays, and nothing is ever searched.
pub(super) struct Recent<Value> {
    halves: RwLock<Halves<Value>>,
    half: usize,
}

struct Halves<Value> {
    young: HashMap<ApiKeyHash, Value>,
    old: HashMap<ApiKeyHash, Value>,
}

impl<Value: Clone> Recent<Value> {
    pub(super) fn new(maximum: usize) -> Self {
        Self {
            halves: RwLock::new(Halves {
                young: HashMap::new(),
                old: HashMap::new(),
            }),
            half: (maximum / 2).max(1),
        }
    }

    pub(super) fn get(&self, hash: ApiKeyHash) -> Option<Value> {
        let found = {
            let halves = self.halves.read();
            if let Some(found) = halves.young.get(&hash) {
                return Some(found.clone());
            }
            halves.old.get(&hash)?.clone()
        };
        let mut halves = self.halves.write();
        // Another may have been quicker, and with something newer.
        if let Some(newer) = halves.young.get(&hash) {
            return Some(newer.clone());
        }
        self.put(&mut halves, hash, found.clone());
        Some(found)
    }

    pub(super) fn insert(&self, hash: ApiKeyHash, value: Value) {
        self.put(&mut self.halves.write(), hash, value);
    }

    pub(super) fn remove(&self, hash: ApiKeyHash) {
        let mut halves = self.halves.write();
        halves.young.remove(&hash);
        halves.old.remove(&hash);
    }

    fn put(&self, halves: &mut Halves<Value>, hash: ApiKeyHash, value: Value) {
        halves.old.remove(&hash);
        if halves.young.len() >= self.half && !halves.young.contains_key(&hash) {
            halves.old = mem::take(&mut halves.young);
        }
        halves.young.insert(hash, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: u32) -> ApiKeyHash {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        ApiKeyHash::from_bytes(bytes)
    }

    #[test]
    fn no_more_is_remembered_than_allowed_and_what_is_used_stays() {
        let recent = Recent::new(100);
        recent.insert(hash(0), 0);
        for number in 1..10_000 {
            recent.insert(hash(number), number);
            assert_eq!(recent.get(hash(0)), Some(0), "after {number}");
            assert_eq!(recent.get(hash(number)), Some(number));
        }
        let remembered = (0..10_000)
            .filter(|number| {
                let halves = recent.halves.read();
                halves.young.contains_key(&hash(*number)) || halves.old.contains_key(&hash(*number))
            })
            .count();
        assert!((50..=100).contains(&remembered), "{remembered}");
    }

    #[test]
    fn what_is_removed_is_gone_and_what_is_replaced_is_the_newer() {
        let recent = Recent::new(4);
        for number in 0..3 {
            recent.insert(hash(number), number);
        }
        recent.insert(hash(0), 7);
        assert_eq!(recent.get(hash(0)), Some(7));
        recent.remove(hash(0));
        assert_eq!(recent.get(hash(0)), None);
    }
}
