//! The parts of a table of the index but its rows and lines (`spec/FORMAT.md`, section on the index).
//!
//! What is decoded here is compared with the file's length before anything is allocated for it.

use bytes::Bytes;

use super::VERSION;
use super::codec::{Decode, Encode, from_fixed, to_fixed};
use super::segment::ArchiveId;
use crate::error::Flaw;
use crate::id::{Id, derive};
use crate::limits::SEGMENT_BYTES;

/// The size of a table's head in bytes.
pub const TABLE_HEAD_BYTES: usize = 64;
/// The size of the entry of a segment that a table covers, in bytes.
pub const COVERED_BYTES: usize = 48;
/// The size of a row in bytes.
pub const ROW_BYTES: usize = 40;
/// The size of a line in bytes.
pub const LINE_BYTES: usize = 64;
/// The size of the check at the end in bytes.
pub const TABLE_CHECK_BYTES: usize = 32;

const MAGIC: [u8; 8] = *b"\x89RSTI\r\n\x1a";
const NAME_CONTEXT: &str = "restante 2026 index table v1";
const CHECK_CONTEXT: &str = "restante 2026 index table check v1";

/// How large a table of the index is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableHead {
    /// The archive that it belongs to.
    pub archive: ArchiveId,
    /// How many segments it covers.
    pub segment_count: u32,
    /// How many objects these hold, each counted as often as it is there.
    pub row_count: u32,
    /// How many lines tell where the rows of an id are.
    pub line_count: u32,
}

#[derive(Encode, Decode)]
struct StoredHead {
    magic: [u8; 8],
    version: u16,
    reserved: u16,
    incompatible: u32,
    compatible: u32,
    segment_count: u32,
    archive: [u8; 16],
    row_count: u32,
    line_count: u32,
    room: [u8; 16],
}

fn flaw(field: &'static str, reason: impl Into<String>) -> Flaw {
    Flaw::new("index table", field, reason)
}

impl TableHead {
    /// The head's 64 bytes.
    pub fn encode(&self) -> Vec<u8> {
        to_fixed(&StoredHead {
            magic: MAGIC,
            version: VERSION,
            reserved: 0,
            incompatible: 0,
            compatible: 0,
            segment_count: self.segment_count,
            archive: self.archive.0,
            row_count: self.row_count,
            line_count: self.line_count,
            room: [0; 16],
        })
    }

    /// The head that `bytes` hold, of a file of `len` bytes. Which of its fields are wrong matters little: a table
    /// that is not as it should be is none.
    pub fn decode(bytes: &[u8], len: u64) -> Result<Self, Flaw> {
        let stored: StoredHead = from_fixed("index table", bytes)?;
        if stored.magic != MAGIC {
            return Err(flaw("magic", "is not that of a table"));
        }
        if stored.version != VERSION || stored.incompatible != 0 {
            return Err(flaw("version, flags", "are not those of this version"));
        }
        if stored.reserved != 0 || stored.room != [0; 16] {
            return Err(flaw("reserved", "is not zero"));
        }
        let head = Self {
            archive: ArchiveId(stored.archive),
            segment_count: stored.segment_count,
            row_count: stored.row_count,
            line_count: stored.line_count,
        };
        if head.line_count == 0 {
            return Err(flaw("line count", "is 0"));
        }
        if head.len() != len {
            return Err(flaw("counts", format!("do not fit the file's {len} bytes")));
        }
        Ok(head)
    }

    /// Where the rows begin.
    pub fn rows_offset(&self) -> u64 {
        TABLE_HEAD_BYTES as u64 + u64::from(self.segment_count) * COVERED_BYTES as u64
    }

    /// Where the rows end. Up to the lines there are zeros.
    pub fn rows_end(&self) -> u64 {
        self.rows_offset() + u64::from(self.row_count) * ROW_BYTES as u64
    }

    /// Where the lines begin: each of them in one line of the processor's cache.
    pub fn lines_offset(&self) -> u64 {
        self.rows_end().next_multiple_of(LINE_BYTES as u64)
    }

    /// Where the lines end, and the check begins.
    pub fn lines_end(&self) -> u64 {
        self.lines_offset() + u64::from(self.line_count) * LINE_BYTES as u64
    }

    /// The length of the whole file.
    pub fn len(&self) -> u64 {
        self.lines_end() + TABLE_CHECK_BYTES as u64
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.row_count == 0
    }
}

/// A segment that a table covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Covered {
    /// Its seal.
    pub seal: Id,
    /// Its length in bytes.
    pub len: u64,
    /// How many objects its directory has.
    pub object_count: u32,
}

#[derive(Encode, Decode)]
struct StoredCovered {
    seal: [u8; 32],
    len: u64,
    object_count: u32,
    reserved: u32,
}

impl Covered {
    /// The entry's 48 bytes.
    pub fn encode(&self) -> Vec<u8> {
        to_fixed(&StoredCovered {
            seal: self.seal.0,
            len: self.len,
            object_count: self.object_count,
            reserved: 0,
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, Flaw> {
        let stored: StoredCovered = from_fixed("index table", bytes)?;
        if stored.reserved != 0 {
            return Err(flaw("reserved", "is not zero"));
        }
        if stored.len > SEGMENT_BYTES {
            return Err(flaw("segment length", "is more than a segment may have"));
        }
        Ok(Self {
            seal: Id(stored.seal),
            len: stored.len,
            object_count: stored.object_count,
        })
    }
}

/// The segments that a table covers, by ascending seal, as they are stored: they may be many.
#[derive(Clone, Debug)]
pub struct CoveredList(Bytes);

impl CoveredList {
    /// The list of `covered`, which ascend.
    pub fn encode(covered: &[Covered]) -> Vec<u8> {
        covered.iter().flat_map(Covered::encode).collect()
    }

    /// The list that `bytes` are, with every constraint checked: `head` counts them and their objects.
    pub fn decode(bytes: Bytes, head: &TableHead) -> Result<Self, Flaw> {
        if bytes.len() as u64 != u64::from(head.segment_count) * COVERED_BYTES as u64 {
            return Err(flaw("segments", "are not as many as the head counts"));
        }
        let (mut last, mut objects): (Option<Id>, u64) = (None, 0);
        for entry in bytes.chunks_exact(COVERED_BYTES) {
            let covered = Covered::decode(entry)?;
            if last.is_some_and(|last| last >= covered.seal) {
                return Err(flaw("segments", "do not ascend"));
            }
            last = Some(covered.seal);
            objects += u64::from(covered.object_count);
        }
        match objects == u64::from(head.row_count) {
            true => Ok(Self(bytes)),
            false => Err(flaw("segments", "do not have as many objects as there are rows")),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len() / COVERED_BYTES
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The segment with this number.
    pub fn get(&self, number: u32) -> Option<Covered> {
        let start = usize::try_from(number).ok()?.checked_mul(COVERED_BYTES)?;
        Covered::decode(self.0.get(start..start.checked_add(COVERED_BYTES)?)?).ok()
    }

    /// All of them, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = Covered> {
        (0..self.len() as u32).filter_map(|number| self.get(number))
    }

    /// The number of the segment with this seal.
    pub fn number_of(&self, seal: &Id) -> Option<u32> {
        let (mut low, mut high) = (0, self.len() as u32);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.get(middle)?.seal.cmp(seal) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }
}

/// The name of the table with this head and these segments, both as they are stored.
pub fn table_name(head: &[u8], covered: &[u8]) -> Id {
    derive(NAME_CONTEXT, &[head, covered])
}

/// Compares a table with its check, piece by piece: it may be larger than memory.
#[derive(Debug)]
pub struct TableCheck(blake3::Hasher);

impl Default for TableCheck {
    fn default() -> Self {
        Self(blake3::Hasher::new_derive_key(CHECK_CONTEXT))
    }
}

impl TableCheck {
    /// Takes the next bytes of the file, all but the last 32.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// What the last 32 bytes of the file must be.
    pub fn finish(&self) -> [u8; TABLE_CHECK_BYTES] {
        *self.0.finalize().as_bytes()
    }
}

/// A place of an object: one row of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// The object.
    pub id: Id,
    /// The number of the segment.
    pub segment: u32,
    /// The object's number in its directory.
    pub object: u32,
}

impl Row {
    /// The row's bytes.
    pub fn encode(&self) -> [u8; ROW_BYTES] {
        let mut bytes = [0; ROW_BYTES];
        bytes[..32].copy_from_slice(&self.id.0);
        bytes[32..36].copy_from_slice(&self.segment.to_le_bytes());
        bytes[36..].copy_from_slice(&self.object.to_le_bytes());
        bytes
    }

    /// The row that these bytes are. Nothing in it is wrong by itself.
    pub fn decode(bytes: &[u8; ROW_BYTES]) -> Self {
        let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let mut id = [0; 32];
        id.copy_from_slice(&bytes[..32]);
        Self {
            id: Id(id),
            segment: number(32),
            object: number(36),
        }
    }
}
