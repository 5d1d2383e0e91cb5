//! The lines of a table: where the rows of an id are, and whether there are any.
//!
//! The ids' leading bits choose the line. A line says which of the table's rows is its first, and is a Bloom filter of the
//! ids of its rows: one line of the processor's cache decides about nearly every id that is not there.

use crate::id::Id;
use crate::wire::LINE_BYTES;

/// How many rows a line has on average. More take less memory and let more absent ids through (`spec/decisions/0006`).
const ROWS_A_LINE: u32 = 48;
/// How many bits an id sets.
const BITS: usize = 5;
/// Where the filter begins in its line.
const FILTER_OFFSET: usize = 4;
/// The bits of a filter.
const FILTER_BITS: u32 = (LINE_BYTES - FILTER_OFFSET) as u32 * 8;

/// How many lines a writer gives so many rows.
pub(super) fn line_count(rows: u32) -> u32 {
    rows.div_ceil(ROWS_A_LINE).max(1)
}

/// The line of an id, among so many.
pub(super) fn line_of(id: &Id, line_count: u32) -> u32 {
    let leading = u64::from_be_bytes(eight(id, 0));
    ((u128::from(leading) * u128::from(line_count)) >> 64) as u32
}

fn eight(id: &Id, at: usize) -> [u8; 8] {
    std::array::from_fn(|i| id.0[at + i])
}

/// The bytes and masks of the bits that an id sets: each from two bytes of it that did not choose its line.
fn bits(id: &Id) -> [(usize, u8); BITS] {
    std::array::from_fn(|i| {
        let drawn = u16::from_le_bytes([id.0[8 + 2 * i], id.0[9 + 2 * i]]);
        let bit = (u32::from(drawn) * FILTER_BITS) >> 16;
        (FILTER_OFFSET + (bit / 8) as usize, 1 << (bit % 8))
    })
}

/// Which row is the first of a line or of a later one.
pub(super) fn first_row(line: &[u8; LINE_BYTES]) -> u32 {
    u32::from_le_bytes([line[0], line[1], line[2], line[3]])
}

/// Whether a line may have rows of the id. If not, there are none.
pub(super) fn may_hold(line: &[u8; LINE_BYTES], id: &Id) -> bool {
    bits(id).iter().all(|(byte, mask)| line[*byte] & mask != 0)
}

/// The lines of a table that is being written.
#[derive(Debug)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    line_count: u32,
    /// How many lines have their first row.
    begun: u32,
    /// How many rows there were so far.
    rows: u32,
}

impl Lines {
    pub(super) fn new(line_count: u32) -> Self {
        Self {
            bytes: vec![0; line_count as usize * LINE_BYTES],
            line_count,
            begun: 0,
            rows: 0,
        }
    }

    /// Takes the id of the next row: not less than the one before.
    pub(super) fn push(&mut self, id: &Id) {
        let line = line_of(id, self.line_count);
        self.begin(line + 1);
        let start = line as usize * LINE_BYTES;
        let bytes = &mut self.bytes[start..start + LINE_BYTES];
        for (byte, mask) in bits(id) {
            bytes[byte] |= mask;
        }
        self.rows += 1;
    }

    fn begin(&mut self, end: u32) {
        while self.begun < end {
            let start = self.begun as usize * LINE_BYTES;
            self.bytes[start..start + FILTER_OFFSET].copy_from_slice(&self.rows.to_le_bytes());
            self.begun += 1;
        }
    }

    /// All lines, once every row was taken.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.begin(self.line_count);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_ascend_with_ids_and_the_last_is_reached() {
        assert_eq!(line_of(&Id([0; 32]), 7), 0);
        assert_eq!(line_of(&Id([0xff; 32]), 7), 6);
        assert_eq!(line_of(&Id([0xff; 32]), u32::MAX), u32::MAX - 1);
        let mut last = 0;
        for first in 0..=255 {
            let line = line_of(&Id([first; 32]), 100);
            assert!(line >= last && line < 100);
            last = line;
        }
    }

    #[test]
    fn every_bit_of_a_filter_can_be_drawn() {
        let ends = [[0; 32], [0xff; 32]].map(|bytes| bits(&Id(bytes)));
        assert_eq!(ends[0], [(FILTER_OFFSET, 1); BITS]);
        assert_eq!(ends[1], [(LINE_BYTES - 1, 0x80); BITS]);
    }
}
