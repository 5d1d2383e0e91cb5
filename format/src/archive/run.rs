//! One run over the bytes of a region: cut from wherever it starts, helped by the chunks that the
//! parent had there. Two runs that share one cut agree ever after.

use std::cell::RefCell;
use std::io;

use bytes::Bytes;

use crate::chunk::Cutter;
use crate::id::{Id, Kind};
use crate::segment::ObjectReader;

/// How much is read at a time, in bytes: what was read is still in the processor's cache when it is hashed.
const PIECE_BYTES: usize = 512 << 10;

/// Reads at an offset until the buffer is full or the file ends; returns the bytes read.
pub(super) type ReadAt<'a> = dyn FnMut(&mut [u8], u64) -> io::Result<usize> + 'a;

/// A chunk that the parent had, and where in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) offset: u64,
    pub(super) len: u64,
    pub(super) id: Id,
}

impl Expected {
    pub(super) fn end(&self) -> u64 {
        self.offset + self.len
    }
}

/// A chunk of the source.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) start: u64,
    pub(super) len: usize,
    pub(super) id: Id,
    /// What is not in the archive yet.
    pub(super) new: Option<NewChunk>,
}

/// A chunk that the archive does not have.
#[derive(Debug)]
pub(super) struct NewChunk {
    pub(super) bytes: Bytes,
    /// The chunk that it replaces.
    pub(super) replaced: Option<Id>,
}

impl Chunk {
    pub(super) fn end(&self) -> u64 {
        self.start + self.len as u64
    }
}

/// What all runs share.
#[derive(Clone, Copy)]
pub(super) struct Runner<'a> {
    pub(super) cutter: &'a Cutter,
    pub(super) reader: &'a ObjectReader,
}

impl Runner<'_> {
    /// Cuts from `start` on, up to `region_end` or the end of the file, and hands out each chunk until `take` is
    /// content. `expected` are the parent's chunks thereabouts, in order.
    ///
    /// A chunk of the parent that starts where this run stands, has the same bytes, and would be cut there again is taken
    /// without being scanned. Either way the cuts are those of a serial scan from `start`.
    pub(super) fn run<E: From<io::Error>>(
        &self,
        read_at: &mut ReadAt<'_>,
        start: u64,
        region_end: u64,
        expected: &[Expected],
        take: &mut dyn FnMut(Chunk) -> Result<Proceed, E>,
    ) -> Result<(), E> {
        let mut window = Window::new(start, region_end, self.cutter.max_bytes());
        // How far the parent's bytes have moved: what was inserted before moves all that follows.
        let mut shift = 0_i64;
        loop {
            let at = window.position();
            let old = at.wrapping_sub_signed(shift);
            let mut known = None;
            if let Ok(i) = expected.binary_search_by_key(&old, |chunk| chunk.offset) {
                let len = expected[i].len as usize;
                let bytes = window.peek(len + 2, read_at)?;
                if bytes.len() >= len {
                    let id = Id::of(Kind::Chunk, &bytes[..len]);
                    if id == expected[i].id && self.cutter.confirms(bytes, len) {
                        known = Some((len, id, true));
                    } else {
                        known = Some((len, id, false));
                    }
                }
            }
            let (len, id) = match known {
                Some((len, id, true)) => (len, id),
                _ => {
                    let bytes = window.peek(self.cutter.max_bytes(), read_at)?;
                    let len = self.cutter.cut(bytes);
                    let id = match known {
                        // Changed in place: most likely the cut stays where it was.
                        Some((hashed, id, _)) if hashed == len => id,
                        _ => Id::of(Kind::Chunk, &bytes[..len]),
                    };
                    (len, id)
                }
            };
            if len == 0 {
                return Ok(());
            }
            if known.is_none()
                && let Some(found) = expected.iter().find(|chunk| chunk.id == id)
            {
                shift = at.wrapping_sub(found.offset) as i64;
            }
            let new = (!self.reader.has(Kind::Chunk, id)).then(|| NewChunk {
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
pub(super) enum Proceed {
    Go,
    Stop,
}

/// The parent's chunk at an offset.
fn replaced(expected: &[Expected], offset: u64) -> Option<Id> {
    let behind = expected.partition_point(|chunk| chunk.offset <= offset);
    let chunk = expected[..behind].last()?;
    (offset < chunk.end()).then_some(chunk.id)
}

thread_local! {
    // Fresh memory for every run would cost as much as the reading.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The bytes of a region from a position on, read as they are needed.
struct Window {
    buffer: Vec<u8>,
    /// The part of the buffer that is still ahead.
    at: usize,
    filled: usize,
    /// The offset in the file at which `filled` lies.
    filled_to: u64,
    region_end: u64,
}

impl Window {
    fn new(start: u64, region_end: u64, most: usize) -> Self {
        let mut buffer = BUFFER.take();
        let rest = usize::try_from(region_end - start).unwrap_or(usize::MAX);
        let size = rest.min(PIECE_BYTES + most);
        if buffer.len() < size {
            buffer.resize(size, 0);
        }
        Self {
            buffer,
            at: 0,
            filled: 0,
            filled_to: start,
            region_end,
        }
    }

    fn position(&self) -> u64 {
        self.filled_to - (self.filled - self.at) as u64
    }

    /// What was read and is ahead.
    fn bytes(&self) -> &[u8] {
        &self.buffer[self.at..self.filled]
    }

    fn advance(&mut self, len: usize) {
        self.at += len;
    }

    /// At least `len` bytes from the position on, or all up to the end.
    fn peek(&mut self, len: usize, read_at: &mut ReadAt<'_>) -> io::Result<&[u8]> {
        if self.filled - self.at < len && self.filled_to < self.region_end {
            self.buffer.copy_within(self.at..self.filled, 0);
            (self.filled, self.at) = (self.filled - self.at, 0);
            if self.buffer.len() < len {
                self.buffer.resize(len, 0);
            }
            let rest = usize::try_from(self.region_end - self.filled_to).unwrap_or(usize::MAX);
            let room = rest.min(self.buffer.len() - self.filled);
            let n = read_at(&mut self.buffer[self.filled..][..room], self.filled_to)?;
            self.filled += n;
            self.filled_to += n as u64;
            if n < room {
                // The file ends earlier than it seemed.
                self.region_end = self.filled_to;
            }
        }
        Ok(self.bytes())
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        const KEPT_BYTES: usize = 4 << 20;
        if self.buffer.len() <= KEPT_BYTES {
            BUFFER.set(std::mem::take(&mut self.buffer));
        }
    }
}
