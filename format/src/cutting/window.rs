//! The bytes of a region from a position on, read as they are needed.

use std::cell::RefCell;
use std::io;

/// How much is read at a time, in bytes: what was read is still in the processor's cache when it is hashed.
const PIECE_BYTES: usize = 512 << 10;
/// The most memory that a thread keeps for the next run, in bytes.
const KEPT_BYTES: usize = 4 << 20;

/// Reads at an offset until the buffer is full or the file ends; returns the bytes read.
pub type ReadAt<'a> = dyn FnMut(&mut [u8], u64) -> io::Result<usize> + 'a;

thread_local! {
    // Fresh memory for every run would cost as much as the reading.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A part of a region in memory.
pub(super) struct Window {
    buffer: Vec<u8>,
    /// The part of the buffer that is still ahead.
    at: usize,
    filled: usize,
    /// The offset in the file at which `filled` lies.
    filled_to: u64,
    /// Up to where it is read ahead of what is asked for.
    ahead_end: u64,
    region_end: u64,
}

impl Window {
    /// Nothing yet, from `start` on; no more than `most` bytes are usually asked for at once.
    pub(super) fn new(start: u64, ahead_end: u64, region_end: u64, most: usize) -> Self {
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
            ahead_end,
            region_end,
        }
    }

    /// Where in the file it stands.
    pub(super) fn position(&self) -> u64 {
        self.filled_to - (self.filled - self.at) as u64
    }

    /// What was read and is ahead.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.at..self.filled]
    }

    /// Goes on by `len` of the bytes.
    pub(super) fn advance(&mut self, len: usize) {
        self.at += len;
    }

    /// At least `len` bytes from the position on, or all up to the end.
    pub(super) fn peek(&mut self, len: usize, read_at: &mut ReadAt<'_>) -> io::Result<&[u8]> {
        if self.filled - self.at < len && self.filled_to < self.region_end {
            self.buffer.copy_within(self.at..self.filled, 0);
            (self.filled, self.at) = (self.filled - self.at, 0);
            if self.buffer.len() < len {
                self.buffer.resize(len, 0);
            }
            let rest = usize::try_from(self.region_end - self.filled_to).unwrap_or(usize::MAX);
            let ahead = usize::try_from(self.ahead_end.saturating_sub(self.filled_to)).unwrap_or(usize::MAX);
            let room = (self.buffer.len() - self.filled).min(ahead.max(len - self.filled));
            let room = rest.min(room);
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
        if self.buffer.len() <= KEPT_BYTES {
            BUFFER.set(std::mem::take(&mut self.buffer));
        }
    }
}
