//! Decoded blocks, kept for the next object in the same block.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use crate::store::Name;

/// A block: its segment and its offset there.
pub(super) type Key = (Name, u64);
/// Filled by the first who needs the block, while others who need it wait.
pub(super) type Slot = Arc<Mutex<Option<Bytes>>>;

/// The most recently used decoded blocks, up to a number of bytes.
#[derive(Debug)]
pub(super) struct BlockCache {
    budget_bytes: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    slots: HashMap<Key, Used>,
    bytes: usize,
    clock: u64,
}

#[derive(Debug)]
struct Used {
    slot: Slot,
    len: usize,
    at: u64,
}

impl BlockCache {
    pub(super) fn new(budget_bytes: usize) -> Self {
        Self {
            budget_bytes,
            state: Mutex::default(),
        }
    }

    /// The slot of a block of `len` decoded bytes; others make room for it.
    pub(super) fn slot(&self, key: Key, len: usize) -> Slot {
        let mut state = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        state.clock += 1;
        let now = state.clock;
        if let Some(used) = state.slots.get_mut(&key) {
            used.at = now;
            return Arc::clone(&used.slot);
        }
        while state.bytes + len > self.budget_bytes {
            let oldest = state
                .slots
                .iter()
                .min_by_key(|(_, used)| used.at)
                .map(|(key, _)| *key);
            let Some(used) = oldest.and_then(|key| state.slots.remove(&key)) else {
                break;
            };
            state.bytes -= used.len;
        }
        let slot = Slot::default();
        state.bytes += len;
        state.slots.insert(
            key,
            Used {
                slot: Arc::clone(&slot),
                len,
                at: now,
            },
        );
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id;

    fn key(n: u64) -> Key {
        (Name::Segment(Id([0; 32])), n)
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let cache = BlockCache::new(100);
        for n in [1, 2, 1, 3] {
            *cache.slot(key(n), 40).lock().expect("slot") = Some(Bytes::from(vec![n as u8]));
        }
        assert!(cache.slot(key(1), 40).lock().expect("slot").is_some());
        assert!(
            cache.slot(key(2), 40).lock().expect("slot").is_none(),
            "2 was evicted for 3"
        );
    }

    #[test]
    fn a_block_beyond_the_budget_is_still_served() {
        let cache = BlockCache::new(10);
        assert!(cache.slot(key(1), 1000).lock().expect("slot").is_none());
    }
}
