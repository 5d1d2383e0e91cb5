//! The bytes of one file of a snapshot, piece by piece, each checked.

use bytes::Bytes;

use crate::content::ListReader;
use crate::error::{Error, Flaw, Result};
use crate::id::{Id, Kind};
use crate::model::Content;
use crate::segment::ObjectReader;
use crate::wire::Item;

/// Reads a file's bytes in order, each checked against its id, and hands them to `take`: chunks as
/// `Some(bytes)`, holes as `None` with their length.
pub fn read_file(
    reader: &ObjectReader,
    size: u64,
    content: Content,
    take: &mut dyn FnMut(u64, Option<Bytes>) -> Result<()>,
) -> Result<()> {
    let chunk = |id: Id, len: u64| {
        let bytes = reader.get(Kind::Chunk, id)?;
        match bytes.len() as u64 == len {
            true => Ok(bytes),
            false => {
                let flaw = Flaw::new("chunk", "length", "is not what the file says");
                Err(Error::Invalid {
                    kind: Kind::Chunk,
                    id,
                    flaw,
                })
            }
        }
    };
    match content {
        Content::Empty => Ok(()),
        Content::Chunk(id) => take(size, Some(chunk(id, size)?)),
        Content::List(id) => {
            for item in ListReader::new(reader, id, size) {
                let Item { len, id } = item?;
                let bytes = id.map(|id| chunk(id, len)).transpose()?;
                take(len, bytes)?;
            }
            Ok(())
        }
    }
}
