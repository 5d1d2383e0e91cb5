//! Opening a segment file that is an archive by itself (`spec/FORMAT.md`, section 2).

use std::path::Path;
use std::sync::Arc;

use super::{Archive, Memory};
use crate::error::{Error, Flaw, Malformed, Result};
use crate::store::{Name, SingleFile, SingleStore};
use crate::wire::{Chunker, Config, HEADER_BYTES, Header, TRAILER_BYTES, Trailer};

impl Archive {
    /// Opens a single segment file to be read.
    pub fn open_file(path: &Path, memory: Memory) -> Result<Self> {
        let location = path.display().to_string();
        let file = SingleFile::open(path).map_err(Error::io("open", location.clone()))?;
        let not_one = |reason: &str| Error::NotAnArchive {
            location: location.clone(),
            reason: reason.into(),
        };
        let damaged = |offset, flaw| Error::damaged(location.clone(), Some(offset), flaw);
        let read = |range| file.read(range).map_err(Error::io("read", location.clone()));
        if file.is_empty() {
            return Err(not_one("it is an empty file"));
        }
        let header_bytes = read(0..file.len().min(HEADER_BYTES as u64))?;
        if !Header::is_begun_by(&header_bytes) {
            return Err(not_one("it is a file, and none that holds a segment"));
        }
        let Some(trailer_offset) = file
            .len()
            .checked_sub(TRAILER_BYTES as u64)
            .filter(|offset| *offset >= HEADER_BYTES as u64)
        else {
            let reason = format!("{} bytes are too few: it was cut off", file.len());
            return Err(damaged(0, Flaw::new("segment", "length", reason)));
        };
        let malformed = |malformed| match malformed {
            Malformed::Flaw(flaw) => damaged(0, flaw),
            Malformed::Magic(_) => not_one("it is a file, and none that holds a segment"),
            newer => Error::Newer {
                file: location.clone(),
                reason: newer.to_string(),
            },
        };
        // No config speaks for the version here: the header does (F-014).
        Header::check_version(&header_bytes).map_err(malformed)?;
        let trailer_bytes = read(trailer_offset..file.len())?;
        let trailer = Trailer::decode(&trailer_bytes, file.len());
        let trailer = trailer.map_err(|flaw| damaged(trailer_offset, flaw))?;
        let header = Header::decode(&header_bytes).map_err(malformed)?;
        let config = Config {
            archive: header.archive,
            created: 0,
            chunker: Chunker::default(),
            zstd_level: 3,
        };
        let store = SingleStore::new(file, Name::Segment(trailer.seal), config.encode());
        let archive = Self::open_with(Arc::new(store), memory)?;
        Ok(Self {
            is_single: true,
            ..archive
        })
    }
}
