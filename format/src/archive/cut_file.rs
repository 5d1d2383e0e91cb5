//! The bytes of one file of the source: cut and identified, region by region.

use std::io;
use std::sync::Arc;

use crate::content::ListReader;
use crate::cutting::{Chunk, Expected, Guide, Runner, Source, Workers, cut_region};
use crate::model::Content;
use crate::segment::ObjectReader;
use crate::source::{Region, SourceFile, Stat};

/// About how many bytes one run covers, and up to which size a file is cut by one.
pub(super) const RUN_BYTES: u64 = 4 << 20;

/// How many of the parent's chunks are looked at: those of a terabyte. Only an enemy's list has more.
const GUIDED_CHUNKS: usize = 1 << 24;

/// A piece of a file on the way in.
pub(super) enum Piece {
    /// A chunk.
    Chunk(Chunk),
    /// A hole of so many bytes.
    Hole(u64),
}

impl Piece {
    /// Its length in bytes.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Chunk(chunk) => chunk.len as u64,
            Self::Hole(len) => *len,
        }
    }
}

/// Takes the pieces of a file, in order.
pub(super) type Take<'a, E> = dyn FnMut(Piece) -> Result<(), E> + 'a;

/// The guide to a file that was `size` bytes long with this content. It ends where the parent's list cannot be read.
pub(super) fn guide<'a>(reader: &'a ObjectReader, before: Option<(u64, Content)>) -> Guide<'a> {
    let chunks: Box<dyn Iterator<Item = Expected> + 'a> = match before {
        None | Some((_, Content::Empty)) => Box::new(std::iter::empty()),
        Some((len, Content::Chunk(id))) => Box::new(std::iter::once(Expected { offset: 0, len, id })),
        Some((size, Content::List(id))) => {
            let mut at = 0;
            let items = ListReader::new(reader, id, size).map_while(Result::ok);
            let chunks = items.map(move |item| {
                let offset = at;
                at += item.len;
                let len = item.len;
                item.id.map(|id| Expected { offset, len, id })
            });
            Box::new(chunks.flatten())
        }
    };
    let chunks: Box<dyn Iterator<Item = Expected> + 'a> = Box::new(chunks.take(GUIDED_CHUNKS));
    chunks.peekable()
}

impl Source for SourceFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        SourceFile::read_at(self, buffer, offset)
    }
}

/// Cuts an open file as it is described by `stat`, by runs side by side if there are `workers` and it is large. Returns the bytes
/// covered, holes included: fewer than `stat.size` if the file was cut off meanwhile.
pub(super) fn cut_file<'scope, E: From<io::Error>>(
    runner: Runner<'scope>,
    file: &Arc<SourceFile>,
    stat: &Stat,
    mut guide: Guide<'_>,
    workers: Option<&Workers<'_, 'scope>>,
    take: &mut Take<'_, E>,
) -> Result<u64, E> {
    let sparse = stat.allocated < stat.size;
    let mut at = 0;
    while at < stat.size {
        let region = match sparse {
            true => file.region_at(at, stat.size)?,
            false => Region::Data {
                start: 0,
                end: stat.size,
            },
        };
        at = match region {
            Region::Hole { start, end } => {
                take(Piece::Hole(end - start))?;
                end
            }
            Region::Data { start, end } => {
                let mut take_chunk = |chunk| take(Piece::Chunk(chunk));
                let cut = cut_region(runner, file, start..end, &mut guide, workers, &mut take_chunk)?;
                if cut < end {
                    return Ok(cut);
                }
                end
            }
        };
    }
    Ok(at)
}
