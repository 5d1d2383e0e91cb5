//! A table, and which of its segments are still there.

use std::sync::Arc;

use super::table::Table;
use crate::store::Name;

/// A table, and which of its segments are still there. Rows of the others lead nowhere.
#[derive(Clone, Debug)]
pub struct Covering {
    table: Arc<Table>,
    /// A bit for each segment. One that another table covers, too, is there once.
    present: Arc<Vec<u64>>,
    segment_count: usize,
    row_count: u64,
}

impl PartialEq for Covering {
    fn eq(&self, other: &Self) -> bool {
        self.table.name() == other.table.name() && self.present == other.present
    }
}

/// What of these tables is there, and which of the listed segments, which ascend, a table covers.
pub fn cover(mut tables: Vec<Arc<Table>>, listed: &[(Name, u64)]) -> (Vec<Covering>, Vec<bool>) {
    tables.sort_by_key(|table| (std::cmp::Reverse(table.row_count()), table.name()));
    let mut is_covered = vec![false; listed.len()];
    let covering = |table| {
        let mut covering = Covering {
            present: Arc::default(),
            segment_count: 0,
            row_count: 0,
            table,
        };
        let mut present = vec![0; covering.table.covered().len().div_ceil(64)];
        // Both ascend.
        let mut at = 0;
        for (number, covered) in covering.table.covered().iter().enumerate() {
            let name = Name::Segment(covered.seal);
            at += listed[at..].partition_point(|(listed, _)| *listed < name);
            if listed.get(at) == Some(&(name, covered.len)) && !is_covered[at] {
                is_covered[at] = true;
                present[number / 64] |= 1 << (number % 64);
                covering.segment_count += 1;
                covering.row_count += u64::from(covered.object_count);
            }
        }
        covering.present = Arc::new(present);
        covering
    };
    let coverings = tables.into_iter().map(covering).collect();
    (coverings, is_covered)
}

impl Covering {
    /// The table.
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// How many of its segments are there.
    pub fn segment_count(&self) -> usize {
        self.segment_count
    }

    /// How many of its rows are of these.
    pub fn row_count(&self) -> u64 {
        self.row_count
    }

    /// Whether the segment with this number is there.
    pub fn has(&self, number: u32) -> bool {
        let word = self.present.get(number as usize / 64);
        word.is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// The number of a segment that is there.
    pub fn number_of(&self, name: Name) -> Option<u32> {
        let Name::Segment(seal) = name else { return None };
        let number = self.table.covered().number_of(&seal)?;
        self.has(number).then_some(number)
    }

    /// The numbers of the segments that are there.
    pub(super) fn present(&self) -> impl Iterator<Item = u32> {
        (0..self.table.covered().len() as u32).filter(|number| self.has(*number))
    }

    /// Names and lengths of the segments that are there.
    pub fn files(&self) -> impl Iterator<Item = (Name, u64)> {
        let covered = self.present().filter_map(|number| self.table.segment(number));
        covered.map(|covered| (Name::Segment(covered.seal), covered.len))
    }

    pub(super) fn remove(&mut self, name: Name) {
        let Some(number) = self.number_of(name) else {
            return;
        };
        Arc::make_mut(&mut self.present)[number as usize / 64] &= !(1 << (number % 64));
        self.segment_count -= 1;
        let covered = self.table.segment(number);
        self.row_count -= covered.map_or(0, |covered| u64::from(covered.object_count));
    }
}
