//! In which form each object travels. Frames travel as they are where what they are made from does, or is there already. Bases that
//! nobody asked for come along where that takes less room than to store whole what is made from them.

use std::collections::HashMap;
use std::sync::Arc;

use super::Target;
use super::marks::Marks;
use super::reach::Reach;
use crate::archive::lineage::stored_share;
use crate::id::Id;
use crate::index::{Index, Location};
use crate::limits::CHAIN;
use crate::wire::{BLOCK_ENTRY_BYTES, DELTA_ENTRY_BYTES, OBJECT_ENTRY_BYTES};

/// What travels, and how.
#[derive(Debug)]
pub(super) struct Plan {
    /// Objects that are stored whole and stay so.
    pub(super) whole: Marks,
    /// Deltas that will be stored whole.
    pub(super) undone: Marks,
    /// Deltas that stay deltas, each behind its base, and close to it.
    pub(super) deltas: Vec<Location>,
    /// All objects.
    pub(super) objects: u64,
    /// Those of them that nobody asked for.
    pub(super) bases: u64,
    /// About what will be read.
    pub(super) bytes: u64,
}

/// Decides.
struct Planner<'a> {
    index: &'a Arc<Index>,
    target: Target<'a>,
    wanted: &'a Marks,
    /// Bases that nobody asked for.
    extra: Marks,
    undone: Marks,
}

impl Plan {
    /// The plan for everything that is wanted.
    pub(super) fn new(reach: &Reach<'_>, target: Target<'_>) -> Self {
        let mut planner = Planner {
            index: reach.index(),
            target,
            wanted: reach.wanted(),
            extra: Marks::default(),
            undone: Marks::default(),
        };
        planner.choose_bases();
        let (mut whole, mut deltas) = (Marks::default(), Vec::new());
        let (mut objects, mut bases, mut bytes) = (0, 0, 0);
        for (is_extra, marks) in [(false, planner.wanted), (true, &planner.extra)] {
            for at in marks.iter() {
                objects += 1;
                bases += u64::from(is_extra);
                bytes += cost(&at) as u64;
                if planner.undone.contains(&at) {
                    continue;
                }
                match at.delta {
                    None => drop(whole.insert(&at)),
                    Some(_) => deltas.push(at),
                }
            }
        }
        let Planner { mut undone, .. } = planner;
        let mut ordered = behind_their_bases(deltas, &mut undone);
        ordered.retain(|at| !undone.contains(at));
        Self {
            whole,
            undone,
            deltas: ordered,
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
        let mut bases = 0;
        for at in self.index.chain(delta.clone()) {
            let Some(at) = at else { return true };
            let travels = self.wanted.contains(&at) || self.extra.contains(&at);
            if !travels {
                let behind = self.target.bases_behind(&at.object.id);
                return behind.is_none_or(|behind| bases + behind > CHAIN);
            }
            if at.delta.is_none() || self.undone.contains(&at) {
                return false;
            }
            bases += 1;
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

/// Deltas in an order in which each base stands before what is made from it, and mostly right before. What goes in circles has no such
/// order and is undone.
fn behind_their_bases(mut deltas: Vec<Location>, undone: &mut Marks) -> Vec<Location> {
    let base = |at: &Location| at.delta.map(|delta| delta.base);
    deltas.sort_by_key(base);
    let places: HashMap<Id, usize> = (0..).zip(&deltas).map(|(n, at)| (at.object.id, n)).collect();
    let mut made = vec![false; deltas.len()];
    let mut order = Vec::with_capacity(deltas.len());
    let children = |id: Id| {
        let start = deltas.partition_point(|at| base(at) < Some(id));
        let count = deltas[start..].partition_point(|at| base(at) == Some(id));
        start..start + count
    };
    for (n, at) in deltas.iter().enumerate() {
        if base(at).is_some_and(|base| places.contains_key(&base)) {
            continue;
        }
        let mut ahead = vec![n];
        while let Some(n) = ahead.pop() {
            if !std::mem::replace(&mut made[n], true) {
                order.push(n);
                ahead.extend(children(deltas[n].object.id).rev());
            }
        }
    }
    for (at, _) in deltas.iter().zip(&made).filter(|(_, made)| !**made) {
        undone.insert(at);
    }
    order.into_iter().map(|n| deltas[n].clone()).collect()
}
