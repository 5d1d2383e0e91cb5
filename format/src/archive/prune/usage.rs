//! How much of each segment is needed, and which of them are worth writing anew.

use std::collections::HashSet;

use super::Needed;
use crate::index::IndexedSegment;
use crate::store::Name;
use crate::wire::{
    BLOCK_ENTRY_BYTES, DELTA_ENTRY_BYTES, DIRECTORY_HEAD_BYTES, HEADER_BYTES, OBJECT_ENTRY_BYTES,
    TRAILER_BYTES,
};

/// How much of a segment is needed.
#[derive(Clone, Debug)]
pub(super) struct Usage {
    pub(super) segment: Name,
    pub(super) len: u64,
    /// About how many bytes would be needed if only what is needed were there.
    used_bytes: u64,
    needed: u64,
    has_data: bool,
}

impl Usage {
    pub(super) fn of(segment: &IndexedSegment, marks: &Needed<'_>) -> Self {
        let directory = &segment.directory;
        let mut in_block = vec![0_u64; directory.blocks.len()];
        let (mut needed, mut deltas) = (0, 0);
        let mut has_data = false;
        let has_any = marks.has_any(segment.name);
        for object in &directory.objects {
            has_data |= !object.kind.is_of_catalog();
            if object.kind.is_of_catalog() || (has_any && marks.has(segment, &object.id)) {
                needed += 1;
                deltas += u64::from(object.generation > 0);
                in_block[object.block as usize] += u64::from(object.len);
            }
        }
        let mut used_bytes = needed * OBJECT_ENTRY_BYTES as u64 + deltas * DELTA_ENTRY_BYTES as u64;
        for (block, plain) in directory.blocks.iter().zip(in_block) {
            if plain > 0 {
                let share = u64::from(block.stored_len) * plain / u64::from(block.plain_len);
                used_bytes += share.min(block.stored_len.into()) + BLOCK_ENTRY_BYTES as u64;
            }
        }
        used_bytes += (HEADER_BYTES + DIRECTORY_HEAD_BYTES + TRAILER_BYTES) as u64;
        Self {
            segment: segment.name,
            len: segment.len,
            used_bytes,
            needed,
            has_data,
        }
    }

    /// Whether nothing of it is needed.
    pub(super) fn is_dead(&self) -> bool {
        self.needed == 0
    }

    /// About how many bytes of it are of no use.
    pub(super) fn unused_bytes(&self) -> u64 {
        match self.is_dead() {
            true => self.len,
            false => self.len.saturating_sub(self.used_bytes),
        }
    }
}

/// The segments that are written anew, those with the greatest unused part first, until no more than so many percent of the data that
/// stays are of no use. The catalogue does not count: forgetting has written it anew, and what is said before must hold behind it.
pub(super) fn to_rewrite(usages: &[Usage], max_unused_percent: f64) -> HashSet<Name> {
    let mut partly: Vec<&Usage> = usages
        .iter()
        .filter(|usage| usage.has_data && !usage.is_dead() && usage.unused_bytes() > 0)
        .collect();
    let part = |usage: &Usage| usage.unused_bytes() as f64 / usage.len.max(1) as f64;
    partly.sort_by(|a, b| part(b).total_cmp(&part(a)).then(a.segment.cmp(&b.segment)));
    let alive = usages.iter().filter(|usage| usage.has_data && !usage.is_dead());
    let mut stored: u64 = alive.map(|usage| usage.len).sum();
    let mut unused: u64 = partly.iter().map(|usage| usage.unused_bytes()).sum();
    let mut chosen = HashSet::new();
    for usage in partly {
        if unused as f64 <= stored as f64 * max_unused_percent / 100.0 {
            break;
        }
        chosen.insert(usage.segment);
        unused -= usage.unused_bytes();
        stored -= usage.unused_bytes();
    }
    chosen
}
