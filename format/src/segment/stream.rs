//! A segment that is written block by block, for one that is too large to be held in memory.

use std::io::Write;

use super::writer::{OpenDirectory, StoredBlock};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::limits::{DIRECTORY_BYTES, SEGMENT_BYTES};
use crate::wire::{ArchiveId, DIRECTORY_HEAD_BYTES, Header, TRAILER_BYTES, Trailer};

/// A segment on its way into a file. Only its directory is held in memory.
pub struct SegmentStream<'w> {
    out: &'w mut dyn Write,
    location: String,
    header: Vec<u8>,
    len: u64,
    directory_len: u64,
    directory: OpenDirectory,
}

impl<'w> SegmentStream<'w> {
    /// Begins a segment of an archive. `location` is what errors name.
    pub fn begin(archive: ArchiveId, location: String, out: &'w mut dyn Write) -> Result<Self> {
        let header = Header { archive }.encode();
        let mut stream = Self {
            out,
            location,
            len: 0,
            directory_len: DIRECTORY_HEAD_BYTES as u64,
            directory: OpenDirectory::default(),
            header: Vec::new(),
        };
        stream.write(&header)?;
        stream.header = header;
        Ok(stream)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out
            .write_all(bytes)
            .map_err(Error::io("write", self.location.clone()))?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Lays a block into the segment, unless the segment would become larger than any may be.
    pub fn push(&mut self, block: &StoredBlock) -> Result<()> {
        let directory_len = self.directory_len + block.entries_len() as u64;
        let len = self.len + block.stored_len() as u64 + directory_len + TRAILER_BYTES as u64;
        if directory_len > DIRECTORY_BYTES || len > SEGMENT_BYTES {
            let objects = "more objects or bytes than one segment file can hold";
            return Err(Error::Request(format!("{} would get {objects}", self.location)));
        }
        self.directory.add(self.len, block);
        self.directory_len = directory_len;
        self.write(block.stored())
    }

    /// Writes directory and trailer. The seal and the length of the segment are the result.
    pub fn finish(mut self) -> Result<(Id, u64)> {
        let directory = std::mem::take(&mut self.directory).close().encode();
        let (trailer, trailer_bytes) = Trailer::seal(&self.header, self.len, &directory);
        self.write(&directory)?;
        self.write(&trailer_bytes)?;
        Ok((trailer.seal, self.len))
    }
}
