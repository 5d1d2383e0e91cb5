//! Decoded bytes, kept for those who need them next.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::id::Id;
use crate::store::Name;

/// A block: its segment and its offset there.
pub(super) type Key = (Name, u64);
/// Filled by the first who needs it, while others who need it wait.
pub(super) type Slot = Arc<Mutex<Option<Bytes>>>;

/// Decoded blocks for the next object in them, and objects that were made from others.
#[derive(Debug)]
pub(super) struct Cache {
    blocks: Recent<Key>,
    made: Recent<Id>,
}

impl Cache {
    /// A cache of so many bytes.
    pub(super) fn new(budget_bytes: usize) -> Self {
        Self {
            blocks: Recent::new(budget_bytes / 4 * 3),
            made: Recent::new(budget_bytes / 4),
        }
    }

    /// The slot of a block of `len` decoded bytes; others make room for it.
    pub(super) fn block(&self, key: Key, len: usize) -> Slot {
        self.blocks.slot(key, len)
    }

    /// An object that was made before.
    pub(super) fn made(&self, id: &Id) -> Option<Bytes> {
        let slot = self.made.state().get(id)?;
        let slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        slot.clone()
    }

    /// Keeps an object, which has been compared with its id.
    pub(super) fn keep_made(&self, id: Id, bytes: Bytes) {
        let slot = self.made.slot(id, bytes.len());
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes);
    }
}

/// From how many on a quarter is forgotten at once.
const MANY: usize = 64;

/// The most recently used, up to a number of bytes.
#[derive(Debug)]
struct Recent<K> {
    budget_bytes: usize,
    state: Mutex<State<K>>,
}

#[derive(Debug)]
struct State<K> {
    slots: HashMap<K, Used>,
    bytes: usize,
    clock: u64,
}

#[derive(Debug)]
struct Used {
    slot: Slot,
    len: usize,
    at: u64,
}

impl<K: Copy + Eq + Hash> Recent<K> {
    fn new(budget_bytes: usize) -> Self {
        Self {
            budget_bytes,
            state: Mutex::new(State {
                slots: HashMap::new(),
                bytes: 0,
                clock: 0,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, key: K, len: usize) -> Slot {
        let mut state = self.state();
        if let Some(slot) = state.get(&key) {
            return slot;
        }
        if state.bytes + len > self.budget_bytes {
            state.evict(self.budget_bytes.saturating_sub(len));
        }
        let (slot, at) = (Slot::default(), state.clock);
        state.bytes += len;
        let used = Used {
            slot: Arc::clone(&slot),
            len,
            at,
        };
        state.slots.insert(key, used);
        slot
    }
}

impl<K: Copy + Eq + Hash> State<K> {
    /// Forgets the oldest until no more than `most` bytes are left, and where there are many a quarter of them at
    /// once: looking for the oldest means looking at all.
    fn evict(&mut self, most: usize) {
        let mut ages: Vec<(u64, K)> = self.slots.iter().map(|(key, used)| (used.at, *key)).collect();
        ages.sort_unstable_by_key(|(at, _)| *at);
        let together = ages.len() / 4;
        for (n, (_, key)) in ages.iter().enumerate() {
            if self.bytes <= most && (n >= together || ages.len() < MANY) {
                break;
            }
            if let Some(used) = self.slots.remove(key) {
                self.bytes -= used.len;
            }
        }
    }

    fn get(&mut self, key: &K) -> Option<Slot> {
        self.clock += 1;
        let used = self.slots.get_mut(key)?;
        used.at = self.clock;
        Some(Arc::clone(&used.slot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let recent = Recent::new(100);
        for n in [1, 2, 1, 3] {
            *recent.slot(n, 40).lock().expect("slot") = Some(Bytes::from(vec![n]));
        }
        assert!(recent.slot(1, 40).lock().expect("slot").is_some());
        assert!(
            recent.slot(2, 40).lock().expect("slot").is_none(),
            "2 was evicted for 3"
        );
    }

    #[test]
    fn what_is_beyond_the_budget_is_still_served() {
        let recent = Recent::new(10);
        assert!(recent.slot(1, 1000).lock().expect("slot").is_none());
    }
}
