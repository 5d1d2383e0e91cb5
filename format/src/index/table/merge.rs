//! Several tables into one: their rows are read once, in order, and never held together.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use super::{Table, flaw, write_table};
use crate::error::Result;
use crate::id::Id;
use crate::store::{Name, Store};
use crate::wire::{ArchiveId, Covered, ROW_BYTES, Row};

/// How many rows of each table are in memory.
const BUFFERED_ROWS: u32 = 4096;
/// In place of the number of a segment whose rows are left out.
const LEFT_OUT: u32 = u32::MAX;

/// Writes the table of all segments of these tables that `is_kept` wants, each once. Returns its name and length; `None` where
/// no segment is wanted.
pub fn merge_tables(
    store: &dyn Store,
    archive: ArchiveId,
    tables: &[&Table],
    is_kept: impl Fn(&Covered) -> bool,
) -> Result<Option<(Name, u64)>> {
    let (covered, numbers) = plan(tables, is_kept);
    if covered.is_empty() {
        return Ok(None);
    }
    write_table(store, archive, &covered, || Merge::new(tables, &numbers)).map(Some)
}

/// What the new table covers, and for each of the old ones the new numbers of its segments.
fn plan(tables: &[&Table], is_kept: impl Fn(&Covered) -> bool) -> (Vec<Covered>, Vec<Vec<u32>>) {
    let mut covered = Vec::new();
    let mut taken = HashSet::new();
    let mut takes: Vec<Vec<bool>> = Vec::new();
    for table in tables {
        let take = table.covered().iter().map(|segment| {
            let is_taken = is_kept(&segment) && taken.insert(segment.seal);
            if is_taken {
                covered.push(segment);
            }
            is_taken
        });
        takes.push(take.collect());
    }
    drop(taken);
    covered.sort_unstable_by_key(|segment| segment.seal);
    let number_of = |seal: &Id| covered.binary_search_by_key(seal, |segment| segment.seal);
    let numbers = tables.iter().zip(takes).map(|(table, takes)| {
        let numbered = table.covered().iter().zip(takes);
        let number = |(segment, is_taken): (Covered, bool)| match is_taken {
            true => number_of(&segment.seal).map_or(LEFT_OUT, |number| number as u32),
            false => LEFT_OUT,
        };
        numbered.map(number).collect()
    });
    let numbers = numbers.collect();
    (covered, numbers)
}

/// The rows of several tables in order, with new numbers.
struct Merge<'a> {
    sources: Vec<Source<'a>>,
    /// The next row of each source that has one.
    next: BinaryHeap<Reverse<(Row, usize)>>,
    has_begun: bool,
}

impl<'a> Merge<'a> {
    fn new(tables: &[&'a Table], numbers: &'a [Vec<u32>]) -> Self {
        let sources = tables.iter().zip(numbers);
        Self {
            sources: sources
                .map(|(table, numbers)| Source::new(table, numbers))
                .collect(),
            next: BinaryHeap::new(),
            has_begun: false,
        }
    }

    fn step(&mut self) -> Result<Option<Row>> {
        if !self.has_begun {
            self.has_begun = true;
            for (number, source) in self.sources.iter_mut().enumerate() {
                self.next.extend(source.next()?.map(|row| Reverse((row, number))));
            }
        }
        let Some(mut top) = self.next.peek_mut() else {
            return Ok(None);
        };
        let Reverse((row, number)) = *top;
        match self.sources[number].next()? {
            Some(following) => *top = Reverse((following, number)),
            None => drop(std::collections::binary_heap::PeekMut::pop(top)),
        }
        Ok(Some(row))
    }
}

impl Iterator for Merge<'_> {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

/// The rows of one table that are kept, in order.
struct Source<'a> {
    table: &'a Table,
    numbers: &'a [u32],
    buffer: Vec<u8>,
    /// The rows of the buffer that were handed out.
    used: usize,
    /// How many rows were read.
    read: u32,
}

impl<'a> Source<'a> {
    fn new(table: &'a Table, numbers: &'a [u32]) -> Self {
        Self {
            table,
            numbers,
            buffer: Vec::new(),
            used: 0,
            read: 0,
        }
    }

    fn next(&mut self) -> Result<Option<Row>> {
        loop {
            let (rows, _) = self.buffer.as_chunks::<ROW_BYTES>();
            let Some(bytes) = rows.get(self.used) else {
                let count = BUFFERED_ROWS.min(self.table.row_count() - self.read);
                if count == 0 {
                    return Ok(None);
                }
                self.buffer.resize(count as usize * ROW_BYTES, 0);
                self.table.read_rows(self.read, &mut self.buffer)?;
                self.read += count;
                self.used = 0;
                continue;
            };
            self.used += 1;
            let row = Row::decode(bytes);
            match self.numbers.get(row.segment as usize) {
                Some(&LEFT_OUT) => {}
                Some(&segment) => return Ok(Some(Row { segment, ..row })),
                None => {
                    return Err(self
                        .table
                        .damaged(flaw("row", "names a segment that is not covered")));
                }
            }
        }
    }
}
