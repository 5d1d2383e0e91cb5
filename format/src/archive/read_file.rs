//! The bytes of one file of a snapshot, piece by piece, each checked. Those of a large file are decoded ahead, on all cores.

use bytes::Bytes;

use crate::content::ListReader;
use crate::error::{Error, Flaw, Result};
use crate::id::{Id, Kind};
use crate::model::Content;
use crate::ordered::Ordered;
use crate::segment::ObjectReader;
use crate::wire::Item;

/// About how many bytes, and at most how many pieces, one task decodes.
const GROUP_BYTES: u64 = 512 << 10;
const GROUP_PIECES: usize = 1024;

/// Reads a file's bytes in order, each checked against its id, and hands them to `take`: chunks as
/// `Some(bytes)`, holes as `None` with their length.
pub fn read_file(
    reader: &ObjectReader,
    size: u64,
    content: Content,
    take: &mut dyn FnMut(u64, Option<Bytes>) -> Result<()>,
) -> Result<()> {
    match content {
        Content::Empty => Ok(()),
        Content::Chunk(id) => take(size, Some(chunk(reader, id, size)?)),
        Content::List(id) if size <= GROUP_BYTES => {
            ListReader::new(reader, id, size).try_for_each(|item| hand_out(piece(reader, item?), take))
        }
        Content::List(id) => rayon::in_place_scope(|tasks| {
            // A task has others beside it.
            let limit = match rayon::current_thread_index() {
                Some(_) => 2,
                None => 2 * rayon::current_num_threads(),
            };
            let mut decoding: Ordered<'_, '_, Vec<Piece>> = Ordered::new(tasks, limit);
            let mut items = ListReader::new(reader, id, size);
            let mut failed = None;
            loop {
                let group = next_group(&mut items, &mut failed);
                let is_last = group.is_empty();
                if !is_last {
                    decoding.push(move || group.into_iter().map(|item| piece(reader, item)).collect());
                }
                while decoding.is_full() || is_last {
                    let Some(pieces) = decoding.pop() else {
                        return failed.map_or(Ok(()), Err);
                    };
                    pieces.into_iter().try_for_each(|piece| hand_out(piece, take))?;
                }
            }
        }),
    }
}

type Piece = Result<(u64, Option<Bytes>)>;

/// The next items for one task; none at the end and where the list cannot be read.
fn next_group(items: &mut ListReader<'_>, failed: &mut Option<Error>) -> Vec<Item> {
    let mut group = Vec::new();
    let mut bytes = 0;
    while bytes < GROUP_BYTES && group.len() < GROUP_PIECES && failed.is_none() {
        match items.next() {
            Some(Ok(item)) => {
                bytes += item.id.map_or(0, |_| item.len);
                group.push(item);
            }
            Some(Err(error)) => *failed = Some(error),
            None => break,
        }
    }
    group
}

fn hand_out(piece: Piece, take: &mut dyn FnMut(u64, Option<Bytes>) -> Result<()>) -> Result<()> {
    let (len, bytes) = piece?;
    take(len, bytes)
}

fn piece(reader: &ObjectReader, Item { len, id }: Item) -> Piece {
    Ok((len, id.map(|id| chunk(reader, id, len)).transpose()?))
}

fn chunk(reader: &ObjectReader, id: Id, len: u64) -> Result<Bytes> {
    let bytes = reader.get(Kind::Chunk, id)?;
    match bytes.len() as u64 == len {
        true => Ok(bytes),
        false => Err(Error::Invalid {
            kind: Kind::Chunk,
            id,
            flaw: Flaw::new("chunk", "length", "is not what the file says"),
        }),
    }
}
