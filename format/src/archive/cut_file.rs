//! The bytes of one file of the source: read in windows, cut, identified.

use std::io;

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use crate::chunk::Cutter;
use crate::id::{Id, Kind};
use crate::source::{Region, SourceFile, Stat};

/// How much of a file is read before its chunks are hashed, in bytes.
const WINDOW_BYTES: usize = 4 << 20;

/// A piece of a file on the way in.
pub(super) enum Piece<'a> {
    /// A chunk with its id.
    Chunk(Id, &'a [u8]),
    /// A hole of so many bytes.
    Hole(u64),
}

impl Piece<'_> {
    /// Its length in bytes.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Chunk(_, bytes) => bytes.len() as u64,
            Self::Hole(len) => *len,
        }
    }
}

/// Takes the pieces of a file, in order.
type Take<'a, E> = dyn FnMut(Piece<'_>) -> Result<(), E> + 'a;

/// Cuts a stream of bytes without holes. `fill` reads until the buffer is full or the region ends.
/// Returns the bytes read.
pub(super) fn cut_region<E: From<io::Error>>(
    cutter: &Cutter,
    len_hint: u64,
    mut fill: impl FnMut(&mut [u8], u64) -> io::Result<usize>,
    take: &mut Take<'_, E>,
) -> Result<u64, E> {
    // One byte more than expected shows at once whether the region ends there.
    let window = usize::try_from(len_hint.saturating_add(1)).unwrap_or(WINDOW_BYTES);
    let window = window.clamp(1, WINDOW_BYTES + cutter.max_bytes());
    let mut buffer = vec![0; window];
    let mut held = 0;
    let mut total = 0;
    loop {
        let n = fill(&mut buffer[held..], total)?;
        total += n as u64;
        let ended = n < buffer.len() - held;
        held += n;
        let cut = cut_window(cutter, &buffer[..held], ended, take)?;
        if ended {
            return Ok(total);
        }
        buffer.copy_within(cut..held, 0);
        held -= cut;
        if buffer.len() < WINDOW_BYTES {
            // The region is longer than expected.
            buffer.resize(WINDOW_BYTES + cutter.max_bytes(), 0);
        }
    }
}

/// Hands on the chunks of a window whose ends are certain; returns the bytes that they take.
fn cut_window<E>(cutter: &Cutter, window: &[u8], ended: bool, take: &mut Take<'_, E>) -> Result<usize, E> {
    let mut chunks = Vec::new();
    let mut rest = window;
    while !rest.is_empty() && (ended || rest.len() > cutter.max_bytes()) {
        let (chunk, behind) = rest.split_at(cutter.cut(rest));
        chunks.push(chunk);
        rest = behind;
    }
    match chunks[..] {
        // Small files are read in parallel to each other already.
        [chunk] => take(Piece::Chunk(Id::of(Kind::Chunk, chunk), chunk))?,
        _ => {
            let ids: Vec<Id> = chunks
                .par_iter()
                .map(|chunk| Id::of(Kind::Chunk, chunk))
                .collect();
            for (id, chunk) in ids.into_iter().zip(chunks) {
                take(Piece::Chunk(id, chunk))?;
            }
        }
    }
    Ok(window.len() - rest.len())
}

/// Cuts an open file as it is described by `stat`. Returns the bytes covered, holes included:
/// fewer than `stat.size` if the file was cut off meanwhile.
pub(super) fn cut_file<E: From<io::Error>>(
    cutter: &Cutter,
    file: &SourceFile,
    stat: &Stat,
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
                let fill = |buffer: &mut [u8], offset: u64| {
                    let left = usize::try_from(end - start - offset)
                        .unwrap_or(usize::MAX)
                        .min(buffer.len());
                    file.read_at(&mut buffer[..left], start + offset)
                };
                let read = cut_region(cutter, end - start, fill, take)?;
                if read < end - start {
                    return Ok(start + read);
                }
                end
            }
        };
    }
    Ok(at)
}
