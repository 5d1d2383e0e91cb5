//! In which form each object travels. Frames travel as they are where what they are made from does, or is there already. Bases that
//! nobody asked for come along where that takes less room than to store whole what is made from them.

use std::collections::HashMap;

use super::Target;
use super::deltas::Deltas;
use super::picked::Picked;
use crate::archive::lineage::stored_share;
use crate::id::Id;
use crate::index::{Index, Location};
use crate::limits::CHAIN;
use crate::wire::{BLOCK_ENTRY_BYTES, DELTA_ENTRY_BYTES, OBJECT_ENTRY_BYTES};

/// What travels, and how.
#[derive(Debug)]
pub(super) struct Plan {
    /// Objects that are stored whole and stay so.
    pub(super) whole: Picked,
    /// Deltas that will be stored whole.
    pub(super) undone: Picked,
    /// Deltas that stay deltas, each behind its base, and close to it.
    pub(super) deltas: Deltas,
    /// All objects.
    pub(super) objects: u64,
    /// Those of them that nobody asked for.
    pub(super) bases: u64,
    /// About what will be read.
    pub(super) bytes: u64,
}

/// Decides.
struct Planner<'a> {
    index: &'a Index,
    target: Target<'a>,
    wanted: &'a Picked,
    /// Bases that nobody asked for.
    extra: Picked,
    undone: Picked,
}

impl Plan {
    /// The plan for everything that is wanted, as the index tells where it is.
    pub(super) fn new(index: &Index, wanted: &Picked, target: Target<'_>) -> Self {
        let mut planner = Planner {
            index,
            target,
            wanted,
            extra: Picked::default(),
            undone: Picked::default(),
        };
        planner.choose_bases();
        let Planner {
            extra, mut undone, ..
        } = planner;
        let (mut whole, mut deltas) = (Picked::default(), Deltas::default());
        let (mut objects, mut bases, mut bytes) = (0, 0, 0);
        for (is_extra, picked) in [(false, wanted), (true, &extra)] {
            for at in picked.iter() {
                objects += 1;
                bases += u64::from(is_extra);
                bytes += cost(&at) as u64;
                match at.delta {
                    _ if undone.contains(&at) => {}
                    None => whole.insert(&at),
                    Some(_) => deltas.push(&at),
                }
            }
        }
        for at in deltas.put_behind_their_bases() {
            undone.insert(&at);
        }
        Self {
            whole,
            undone,
            deltas,
            objects,
            bases,
            bytes,
        }
    }
}

impl Planner<'_> {
    /// Finds the bases that come along, and the deltas that are better stored whole.
    fn choose_bases(&mut self) {
        // How many objects share the room that a base takes.
        let mut users: HashMap<Id, u32> = HashMap::new();
        let wanted = self.wanted;
        let is_delta = |at: &Location| at.delta.is_some();
        for at in wanted.iter().filter(is_delta) {
            for base in self.extras(&at).unwrap_or_default() {
                *users.entry(base.object.id).or_default() += 1;
            }
        }
        for at in wanted.iter().filter(is_delta) {
            let Some(extras) = self.extras(&at) else {
                self.undone.insert(&at);
                continue;
            };
            let share = |base: &Location| {
                let users = users.get(&base.object.id).copied().unwrap_or(1).max(1);
                cost(base) as f64 / f64::from(users)
            };
            let with_bases = cost(&at) as f64 + extras.iter().map(share).sum::<f64>();
            if !extras.is_empty() && with_bases > self.cost_whole(&at) {
                for base in &extras {
                    if let Some(users) = users.get_mut(&base.object.id) {
                        *users -= 1;
                    }
                }
                self.undone.insert(&at);
                continue;
            }
            for base in &extras {
                self.extra.insert(base);
            }
        }
        let too_far = wanted.iter().chain(self.extra.iter()).filter(is_delta);
        let too_far: Vec<Location> = too_far.filter(|at| self.is_too_far(at)).collect();
        for at in too_far {
            self.undone.insert(&at);
        }
    }

    /// The bases of a delta that neither travel anyway nor are in the target, up to the first that is; `None` where a
    /// base is missing, or there are too many.
    fn extras(&self, delta: &Location) -> Option<Vec<Location>> {
        let mut extras = Vec::new();
        for base in self.index.chain(delta.clone()).skip(1) {
            let base = base?;
            let is_there = || self.target.has(base.object.kind, base.object.id);
            if base.object.kind != delta.object.kind {
                return None;
            }
            if self.wanted.contains(&base) || is_there() {
                return Some(extras);
            }
            let is_whole = base.delta.is_none();
            extras.push(base);
            if is_whole {
                return Some(extras);
            }
        }
        None
    }

    /// About what an object would take if it were stored whole.
    fn cost_whole(&self, delta: &Location) -> f64 {
        let root = self.index.chain(delta.clone()).last().flatten();
        let Some(root) = root else { return f64::MAX };
        let per_byte = stored_share(&root) as f64 / f64::from(root.plain_len().max(1));
        per_byte * f64::from(delta.plain_len()) + OBJECT_ENTRY_BYTES as f64
    }

    /// Whether more bases would stand behind an object than any may have: those in the target are not those of the source.
    fn is_too_far(&self, delta: &Location) -> bool {
        for (bases, at) in self.index.chain(delta.clone()).enumerate() {
            let Some(at) = at else { return true };
            let travels = self.wanted.contains(&at) || self.extra.contains(&at);
            if !travels {
                let behind = self.target.bases_behind(&at.object.id);
                return behind.is_none_or(|behind| bases + behind > CHAIN);
            }
            if at.delta.is_none() || self.undone.contains(&at) {
                return false;
            }
        }
        true
    }
}

/// The bytes that an object takes as it is stored.
fn cost(at: &Location) -> usize {
    match at.delta {
        Some(_) => at.object.len as usize + OBJECT_ENTRY_BYTES + DELTA_ENTRY_BYTES,
        None if at.object.len == at.block.plain_len => {
            at.block.stored_len as usize + OBJECT_ENTRY_BYTES + BLOCK_ENTRY_BYTES
        }
        None => stored_share(at) + OBJECT_ENTRY_BYTES,
    }
}
