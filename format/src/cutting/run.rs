//! One run over the bytes of a region: cut from wherever it starts, helped by the chunks that the
//! parent had there. Two runs that share one cut agree ever after.

use std::collections::HashMap;
use std::io;
use std::ops::Range;

use bytes::Bytes;

use super::window::{ReadAt, Window};
use crate::chunk::Cutter;
use crate::id::{Id, Kind};

/// A chunk that the parent had, and where in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Where it started, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u64,
    /// Its id.
    pub id: Id,
}

impl Expected {
    /// Where it ended; a damaged list may say anything.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.len)
    }
}

/// A chunk of the source.
#[derive(Debug)]
pub struct Chunk {
    /// Where it starts, in bytes.
    pub start: u64,
    /// Its length in bytes.
    pub len: usize,
    /// Its id.
    pub id: Id,
    /// What is not in the archive yet.
    pub new: Option<NewChunk>,
}

/// A chunk that the archive does not have.
#[derive(Debug)]
pub struct NewChunk {
    /// Its bytes.
    pub bytes: Bytes,
    /// The chunk that it replaces.
    pub replaced: Option<Id>,
}

impl Chunk {
    /// Where it ends.
    pub fn end(&self) -> u64 {
        self.start + self.len as u64
    }
}

/// What all runs share.
#[derive(Clone, Copy)]
pub struct Runner<'a> {
    /// Cuts.
    pub cutter: &'a Cutter,
    /// Whether a chunk is in the archive.
    pub has: &'a (dyn Fn(Id) -> bool + Sync),
}

impl Runner<'_> {
    /// Cuts from the start of `plan` on, up to `region_end` or the end of the file, and hands out each chunk until `take` is
    /// content. Behind the end of `plan` nothing is read but what a chunk needs. `expected` are the parent's chunks thereabouts, in order.
    ///
    /// A chunk of the parent that starts where this run stands, has the same bytes, and would be cut there again is taken
    /// without being scanned. Either way the cuts are those of a serial scan from `start`.
    pub fn run<E: From<io::Error>>(
        &self,
        read_at: &mut ReadAt<'_>,
        plan: Range<u64>,
        region_end: u64,
        expected: &[Expected],
        take: &mut dyn FnMut(Chunk) -> Result<Proceed, E>,
    ) -> Result<(), E> {
        // The decision behind the last chunk needs two bytes more.
        let ahead_end = plan.end.saturating_add(2);
        let mut window = Window::new(plan.start, ahead_end, region_end, self.cutter.max_bytes());
        // How far the parent's bytes have moved: what was inserted before moves all that follows.
        let mut shift = 0_i64;
        let mut offsets = None;
        loop {
            let at = window.position();
            let old = at.wrapping_sub_signed(shift);
            let here = expected.binary_search_by_key(&old, |chunk| chunk.offset);
            // No chunk of this rule is longer: a damaged list must not drive an allocation.
            let most = self.cutter.max_bytes() as u64;
            let here = here.ok().map(|i| &expected[i]).filter(|chunk| chunk.len <= most);
            let mut tried = None;
            let mut confirmed = None;
            if let Some(here) = here {
                let len = here.len as usize;
                let bytes = window.peek(len + 2, read_at)?;
                if bytes.len() >= len {
                    let id = Id::of(Kind::Chunk, &bytes[..len]);
                    tried = Some((len, id));
                    confirmed = tried.filter(|_| id == here.id && self.cutter.confirms(bytes, len));
                }
            }
            let (len, id) = match confirmed {
                Some(confirmed) => confirmed,
                None => {
                    let bytes = window.peek(self.cutter.max_bytes(), read_at)?;
                    let len = self.cutter.cut(bytes);
                    // Changed in place: most likely the cut is where it was.
                    let same = tried.filter(|(tried, _)| *tried == len);
                    same.unwrap_or_else(|| (len, Id::of(Kind::Chunk, &bytes[..len])))
                }
            };
            if len == 0 {
                return Ok(());
            }
            if confirmed.is_none() {
                // Of several that are equal the first.
                let offsets = offsets.get_or_insert_with(|| {
                    let offsets = expected.iter().rev().map(|chunk| (chunk.id, chunk.offset));
                    offsets.collect::<HashMap<Id, u64>>()
                });
                if let Some(offset) = offsets.get(&id) {
                    shift = at.wrapping_sub(*offset) as i64;
                }
            }
            let new = (!(self.has)(id)).then(|| NewChunk {
                bytes: Bytes::copy_from_slice(&window.bytes()[..len]),
                replaced: replaced(expected, at.wrapping_sub_signed(shift)),
            });
            window.advance(len);
            let start = at;
            if let Proceed::Stop = take(Chunk { start, len, id, new })? {
                return Ok(());
            }
        }
    }
}

/// Whether a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proceed {
    /// On to the next chunk.
    Go,
    /// No more.
    Stop,
}

/// The parent's chunk at an offset.
fn replaced(expected: &[Expected], offset: u64) -> Option<Id> {
    let behind = expected.partition_point(|chunk| chunk.offset <= offset);
    let chunk = expected[..behind].last()?;
    (offset < chunk.end()).then_some(chunk.id)
}
