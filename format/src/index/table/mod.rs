//! Tables of the index: which segment holds which object, for archives whose objects do not fit in memory
//! (`spec/decisions/0006-index-tables.md`).
//!
//! A table is derived from the directories of the segments that it covers. Nothing in it is trusted: what it says can cost
//! time, never data. One that is damaged is none.

mod check;
mod lines;
mod merge;
#[cfg(test)]
mod tests;
mod write;

use std::sync::Arc;

use bytes::Bytes;

pub use merge::merge_tables;
pub use write::write_table;

use crate::error::{Error, Flaw, Result};
use crate::id::Id;
use crate::store::{Name, ReadAt, Store};
use crate::wire::{
    ArchiveId, Covered, CoveredList, LINE_BYTES, ROW_BYTES, Row, TABLE_HEAD_BYTES, TableHead, table_name,
};

/// How many rows are read at once: all of a line, nearly always.
const READ_ROWS: u32 = 128;

/// The number of a covered segment in its table, and the number of an object in that segment's directory.
pub type Place = (u32, u32);

/// A table of which head, segments and length are as they should be.
#[derive(Debug)]
pub struct Table {
    name: Name,
    store: Arc<dyn Store>,
    /// Where rows are read; if there is none, from the store.
    file: Option<Box<dyn ReadAt>>,
    head: TableHead,
    covered: CoveredList,
    lines: Bytes,
}

impl Table {
    /// Opens the table `name` of `len` bytes. Of its rows and lines nothing is looked at yet.
    pub fn open(store: &Arc<dyn Store>, name: Name, len: u64, archive: ArchiveId) -> Result<Self> {
        let read = |range| {
            let read = store.read_range(name, range);
            read.map_err(Error::io("read", name.to_string()))
        };
        let damaged = |flaw| Error::damaged(name.to_string(), None, flaw);
        if len < TABLE_HEAD_BYTES as u64 {
            return Err(damaged(flaw("length", "is less than a head's")));
        }
        let head_bytes = read(0..TABLE_HEAD_BYTES as u64)?;
        let head = TableHead::decode(&head_bytes, len).map_err(damaged)?;
        let covered_bytes = read(TABLE_HEAD_BYTES as u64..head.rows_offset())?;
        if Name::Table(table_name(&head_bytes, &covered_bytes)) != name {
            return Err(damaged(flaw("head", "does not have the table's name")));
        }
        if head.archive != archive {
            return Err(damaged(flaw("archive id", "is that of another archive")));
        }
        let covered = CoveredList::decode(covered_bytes, &head).map_err(damaged)?;
        let lines = read(head.lines_offset()..head.lines_end())?;
        let file = store.open(name).map_err(Error::io("open", name.to_string()))?;
        Ok(Self {
            name,
            store: Arc::clone(store),
            file,
            head,
            covered,
            lines,
        })
    }

    /// Its name in the store.
    pub fn name(&self) -> Name {
        self.name
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        self.head.len()
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.head.is_empty()
    }

    /// The segments that it covers.
    pub fn covered(&self) -> &CoveredList {
        &self.covered
    }

    /// How many objects they hold, each counted as often as it is there.
    pub fn row_count(&self) -> u32 {
        self.head.row_count
    }

    /// Hands out the places of the object, in the order of the segments, until `pick` takes one.
    pub fn find<T>(&self, id: &Id, mut pick: impl FnMut(Place) -> Option<T>) -> Result<Option<T>> {
        let line = lines::line_of(id, self.head.line_count);
        let bytes = self.line(line)?;
        if !lines::may_hold(bytes, id) {
            return Ok(None);
        }
        let start = lines::first_row(bytes);
        let end = match line + 1 {
            next if next == self.head.line_count => self.head.row_count,
            next => lines::first_row(self.line(next)?),
        };
        if start > end || end > self.head.row_count {
            return Err(self.damaged(flaw("lines", "name rows that are not there")));
        }
        let mut buffer = [0; READ_ROWS as usize * ROW_BYTES];
        let mut at = self.near(id, start, end)?;
        while at < end {
            let count = READ_ROWS.min(end - at);
            let bytes = &mut buffer[..count as usize * ROW_BYTES];
            self.read_rows(at, bytes)?;
            let (rows, _) = bytes.as_chunks::<ROW_BYTES>();
            let first = rows.partition_point(|row| row[..32] < id.0[..]);
            for row in rows[first..].iter().map(Row::decode) {
                if row.id != *id {
                    return Ok(None);
                }
                if let Some(picked) = pick((row.segment, row.object)) {
                    return Ok(Some(picked));
                }
            }
            at += count;
        }
        Ok(None)
    }

    /// A row at or before the first one of the id, and not far from it. Only an enemy's ids share so many leading bits that a
    /// line has many rows.
    fn near(&self, id: &Id, start: u32, end: u32) -> Result<u32> {
        let (mut low, mut high) = (start, end);
        while high - low > READ_ROWS {
            let middle = low + (high - low) / 2;
            let mut row = [0; ROW_BYTES];
            self.read_rows(middle, &mut row)?;
            match row[..32] < id.0[..] {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        Ok(low)
    }

    fn line(&self, number: u32) -> Result<&[u8; LINE_BYTES]> {
        let (lines, _) = self.lines.as_chunks();
        lines
            .get(number as usize)
            .ok_or_else(|| self.damaged(flaw("lines", "are fewer than the head counts")))
    }

    /// Fills the buffer with the rows from this one on.
    fn read_rows(&self, first: u32, buffer: &mut [u8]) -> Result<()> {
        let offset = self.head.rows_offset() + u64::from(first) * ROW_BYTES as u64;
        self.read_into(offset, buffer)
    }

    fn read_into(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let read = match &self.file {
            Some(file) => file.read_exact_at(buffer, offset),
            None => self
                .store
                .read_range(self.name, offset..offset + buffer.len() as u64)
                .map(|bytes| buffer.copy_from_slice(&bytes)),
        };
        read.map_err(Error::io("read", self.name.to_string()))
    }

    fn damaged(&self, flaw: Flaw) -> Error {
        Error::damaged(self.name.to_string(), None, flaw)
    }

    /// The segment with this number.
    pub fn segment(&self, number: u32) -> Option<Covered> {
        self.covered.get(number)
    }
}

fn flaw(field: &'static str, reason: impl Into<String>) -> Flaw {
    Flaw::new("index table", field, reason)
}
