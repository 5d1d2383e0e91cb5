//! Blocks and frames as they are stored, for whoever takes them over into another segment: shown to hold what they should.

use bytes::Bytes;

use super::reader::{ObjectReader, damaged};
use crate::compress::decompress;
use crate::delta;
use crate::error::{Flaw, Result};
use crate::id::Id;
use crate::index::Location;
use crate::wire::Method;

/// A block whose objects were compared with their ids.
#[derive(Clone, Debug)]
pub struct CheckedBlock {
    /// Its bytes in the segment.
    pub stored: Bytes,
    /// The bytes that they stand for.
    pub plain: Bytes,
}

impl ObjectReader {
    /// Whether the object at one place can be made from what is read first, and has its id.
    pub fn is_sound(&self, at: &Location) -> bool {
        self.make_checked(at).is_ok()
    }

    /// The block of some objects, all of them in it and stored whole, if it fits its check and each of them has its id.
    ///
    /// # Errors
    /// Fails if that is not so: other copies are not looked for.
    pub fn checked_block(&self, objects: &[Location]) -> Result<Option<CheckedBlock>> {
        let Some(first) = objects.first() else {
            return Ok(None);
        };
        let block = &first.block;
        let range = block.offset..block.offset + u64::from(block.stored_len);
        // A copy: what is compared is what is handed out, whatever happens to the file.
        let stored = Bytes::copy_from_slice(&self.stored(first, range)?);
        if Id(*blake3::hash(&stored).as_bytes()) != block.check {
            let flaw = Flaw::new("block", "check", "does not match the stored bytes");
            return Err(damaged(first, flaw));
        }
        let plain = match block.method {
            Method::Raw => stored.clone(),
            Method::Zstd => decompress(&stored, block.plain_len as usize)
                .map_err(|flaw| damaged(first, flaw))?
                .into(),
        };
        for at in objects {
            let start = at.object.offset as usize;
            let bytes = plain
                .get(start..start + at.object.len as usize)
                .unwrap_or_default();
            if at.delta.is_some() || Id::of(at.object.kind, bytes) != at.object.id {
                let flaw = Flaw::new("block", "contents", "do not have the object's id");
                return Err(damaged(at, flaw));
            }
        }
        Ok(Some(CheckedBlock { stored, plain }))
    }

    /// The frame that stands for an object at one place, and what it makes of its base, if that has the object's id.
    ///
    /// # Errors
    /// Fails if it has not: other copies are not looked for.
    pub fn checked_frame(&self, at: &Location, base: &[u8]) -> Result<(Bytes, Bytes)> {
        let kind = at.object.kind;
        let frame = Bytes::copy_from_slice(&self.contents(at, kind)?);
        let made = delta::decode(&frame, base, at.plain_len() as usize);
        let plain = Bytes::from(made.map_err(|flaw| damaged(at, flaw))?);
        match Id::of(kind, &plain) == at.object.id {
            true => Ok((frame, plain)),
            false => Err(damaged(
                at,
                Flaw::new("delta", "contents", "do not have the object's id"),
            )),
        }
    }
}
