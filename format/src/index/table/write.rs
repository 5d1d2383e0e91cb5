//! Writing a table, row by row: only its lines are held in memory, about a byte for each row.

use std::io::{self, Write};

use super::lines::{self, Lines};
use crate::error::{Error, Result};
use crate::store::{Name, Store};
use crate::wire::{
    ArchiveId, Covered, CoveredList, LINE_BYTES, Row, TABLE_CHECK_BYTES, TableCheck, TableHead, table_name,
};

/// How much is hashed and handed on at once.
const WRITTEN_BYTES: usize = 256 << 10;

/// Writes the table that covers these segments, which ascend by seal. `rows` gives all their objects, ascending, and may be
/// asked more than once. Returns the table's name and length.
pub fn write_table<I>(
    store: &dyn Store,
    archive: ArchiveId,
    covered: &[Covered],
    rows: impl Fn() -> I,
) -> Result<(Name, u64)>
where
    I: Iterator<Item = Result<Row>>,
{
    let row_count: u64 = covered
        .iter()
        .map(|segment| u64::from(segment.object_count))
        .sum();
    let too_many =
        |_| Error::io("write", "a table of the index")(invalid("there are too many objects for one"));
    let row_count = u32::try_from(row_count).map_err(too_many)?;
    let head = TableHead {
        archive,
        segment_count: u32::try_from(covered.len()).map_err(too_many)?,
        row_count,
        line_count: lines::line_count(row_count),
    };
    let (head_bytes, covered_bytes) = (head.encode(), CoveredList::encode(covered));
    let name = Name::Table(table_name(&head_bytes, &covered_bytes));
    let written = store.put_with(name, &mut |out| {
        let mut out = Checked::new(out);
        out.write(&head_bytes)?;
        out.write(&covered_bytes)?;
        let mut lines = Lines::new(head.line_count);
        let (mut last, mut count) = (None, 0);
        for row in rows() {
            let row = row.map_err(io::Error::other)?;
            if last.is_some_and(|last| last >= row) || row.segment >= head.segment_count {
                return Err(invalid("the rows do not ascend"));
            }
            if count == row_count {
                return Err(invalid("there are more rows than objects"));
            }
            count += 1;
            last = Some(row);
            lines.push(&row.id);
            out.write(&row.encode())?;
        }
        if count < row_count {
            return Err(invalid("there are fewer rows than objects"));
        }
        let padding = head.lines_offset() - head.rows_end();
        out.write(&[0; LINE_BYTES][..padding as usize])?;
        out.write(&lines.finish())?;
        out.finish()
    });
    written.map_err(Error::io("write", name.to_string()))?;
    Ok((name, head.len()))
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// Passes bytes on, and their check at the end.
struct Checked<'a> {
    out: &'a mut dyn Write,
    buffer: Vec<u8>,
    check: TableCheck,
}

impl<'a> Checked<'a> {
    fn new(out: &'a mut dyn Write) -> Self {
        Self {
            out,
            buffer: Vec::with_capacity(WRITTEN_BYTES),
            check: TableCheck::default(),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.buffer.len() + bytes.len() > WRITTEN_BYTES {
            self.flush()?;
        }
        if bytes.len() > WRITTEN_BYTES {
            self.check.update(bytes);
            return self.out.write_all(bytes);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.check.update(&self.buffer);
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        let check: [u8; TABLE_CHECK_BYTES] = self.check.finish();
        self.out.write_all(&check)
    }
}
