//! Opening a segment: from a name and a length to a directory that can be trusted.

use crate::error::{Error, Flaw, Malformed, Result};
use crate::index::IndexedSegment;
use crate::store::{Name, Store};
use crate::wire::{ArchiveId, Directory, HEADER_BYTES, Header, TRAILER_BYTES, Trailer, seal};

/// Reads header, directory and trailer of a segment and checks all of them, the seal, the name
/// and the archive that it belongs to (F-012, F-013, F-030 to F-036).
pub fn open_segment(store: &dyn Store, name: Name, len: u64, archive: ArchiveId) -> Result<IndexedSegment> {
    let file = name.to_string();
    let damaged = |offset: u64, flaw: Flaw| Error::damaged(file.clone(), Some(offset), flaw);
    // The config of an archive is of the newest version that any of its segments has (F-014): what looks
    // newer here is damage.
    let malformed = |offset: u64, malformed: Malformed| match malformed {
        Malformed::Flaw(flaw) => damaged(offset, flaw),
        other => damaged(
            offset,
            Flaw::new("header", "magic, version or flags", other.to_string()),
        ),
    };
    let read = |range| {
        store
            .read_range(name, range)
            .map_err(Error::io("read", file.clone()))
    };

    if len < (HEADER_BYTES + TRAILER_BYTES) as u64 {
        return Err(damaged(
            0,
            Flaw::new("segment", "length", format!("{len} bytes are too few")),
        ));
    }
    let header_bytes = read(0..HEADER_BYTES as u64)?;
    Header::check_version(&header_bytes).map_err(|error| malformed(0, error))?;
    let trailer_offset = len - TRAILER_BYTES as u64;
    let trailer_bytes = read(trailer_offset..len)?;
    let trailer = Trailer::decode(&trailer_bytes, len).map_err(|flaw| damaged(trailer_offset, flaw))?;
    let directory_bytes = read(trailer.directory_offset..trailer.directory_offset + trailer.directory_len)?;
    if seal(&header_bytes, &directory_bytes, &trailer_bytes) != trailer.seal {
        let flaw = Flaw::new("trailer", "seal", "does not fit header, directory and trailer");
        return Err(damaged(trailer_offset, flaw));
    }
    if Name::Segment(trailer.seal) != name {
        return Err(damaged(
            trailer_offset,
            Flaw::new("trailer", "seal", "is not the segment's name"),
        ));
    }
    let header = Header::decode(&header_bytes).map_err(|error| malformed(0, error))?;
    if header.archive != archive {
        let reason = format!("is that of another archive, {}", header.archive);
        return Err(damaged(0, Flaw::new("header", "archive id", reason)));
    }
    let directory =
        Directory::decode(&directory_bytes).map_err(|flaw| damaged(trailer.directory_offset, flaw))?;
    if directory.blocks_end() != trailer.directory_offset {
        let flaw = Flaw::new("directory", "blocks", "do not end where the directory starts");
        return Err(damaged(trailer.directory_offset, flaw));
    }
    Ok(IndexedSegment { name, len, directory })
}
