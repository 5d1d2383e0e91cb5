//! The bytes of one file against the ids of its chunks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::{DifferenceKind, Shared, Spot, text_of, unreadable};
use crate::content::ListReader;
use crate::error::{Error, Result};
use crate::id::{Id, Kind};
use crate::limits::OBJECT_BYTES;
use crate::model::Content;
use crate::source::{Folder, Region, SourceFile};

/// How many bytes that should be zeros are looked at at a time.
const ZEROS_BYTES: u64 = 1 << 20;

/// A regular file to be compared by a task.
pub(super) struct Job {
    pub(super) folder: Arc<Folder>,
    pub(super) name: Vec<u8>,
    pub(super) size: u64,
    pub(super) content: Content,
    pub(super) spot: Spot,
}

/// An opened file, of the right length, that is being compared. What was found is told when the last task is done with it.
pub(super) struct OpenJob<'a> {
    shared: &'a Shared<'a>,
    pub(super) file: SourceFile,
    spot: Spot,
    differs: AtomicBool,
    /// What could not be read first, and where.
    unreadable: Mutex<Option<(u64, DifferenceKind)>>,
}

/// A part of a file: bytes with an id, or zeros.
pub(super) struct Piece {
    offset: u64,
    pub(super) len: u64,
    id: Option<Id>,
}

impl<'a> OpenJob<'a> {
    /// `None` if there is nothing more to compare.
    pub(super) fn open(shared: &'a Shared<'a>, job: Job) -> Option<Self> {
        shared.progress.add(1, 0);
        let (file, stat) = match job.folder.open_file(&job.name) {
            Ok(opened) => opened,
            Err(error) => {
                shared.differs(&job.spot, unreadable("open", &error));
                return None;
            }
        };
        if stat.size != job.size {
            shared.differs(&job.spot, DifferenceKind::Content);
            return None;
        }
        shared.found(|found| found.report.bytes = found.report.bytes.saturating_add(job.size));
        Some(Self {
            shared,
            file,
            spot: job.spot,
            differs: AtomicBool::new(false),
            unreadable: Mutex::default(),
        })
    }

    fn differs(&self) {
        self.differs.store(true, Ordering::Relaxed);
    }

    /// Takes down what failed at an offset. The first of them counts, whichever task came first.
    fn fails(&self, offset: u64, kind: DifferenceKind) {
        let mut first = self.unreadable.lock().unwrap_or_else(PoisonError::into_inner);
        if first.as_ref().is_none_or(|(at, _)| offset < *at) {
            *first = Some((offset, kind));
        }
    }

    pub(super) fn compare_run(&self, run: &[Piece], buffer: &mut Vec<u8>) {
        for piece in run {
            if self.shared.progress.check().is_err() {
                return;
            }
            self.compare_piece(piece, buffer);
        }
    }

    fn compare_piece(&self, piece: &Piece, buffer: &mut Vec<u8>) {
        // No object has so many bytes, whatever the archive says.
        let Some(len) = usize::try_from(piece.len).ok().filter(|len| *len <= OBJECT_BYTES) else {
            return self.differs();
        };
        buffer.resize(len, 0);
        let is_same = match self.file.read_at(buffer, piece.offset) {
            Ok(read) if read < len => false,
            Ok(_) => match piece.id {
                Some(id) => Id::of(Kind::Chunk, buffer) == id,
                None => buffer.iter().all(|byte| *byte == 0),
            },
            Err(error) => return self.fails(piece.offset, unreadable("read", &error)),
        };
        self.shared.progress.add(0, piece.len);
        if !is_same {
            self.differs();
        }
    }

    /// Takes up how the list of pieces ended, and looks behind the last.
    pub(super) fn conclude(&self, size: u64, pieces: Result<()>) {
        if let Err(error) = pieces {
            self.fails(size, DifferenceKind::Unreadable(text_of(&error)));
        }
        match self.file.read_at(&mut [0], size) {
            Ok(0) => {}
            Ok(_) => self.differs(),
            Err(error) => self.fails(size, unreadable("read", &error)),
        }
    }
}

impl Drop for OpenJob<'_> {
    fn drop(&mut self) {
        let unreadable = self.unreadable.get_mut().unwrap_or_else(PoisonError::into_inner);
        if *self.differs.get_mut() {
            self.shared.differs(&self.spot, DifferenceKind::Content);
        } else if let Some((_, kind)) = unreadable.take() {
            self.shared.differs(&self.spot, kind);
        }
    }
}

pub(super) fn compare_small<'a>(shared: &'a Shared<'a>, job: Job, buffer: &mut Vec<u8>) {
    if shared.progress.check().is_err() {
        return;
    }
    let (size, content) = (job.size, job.content);
    let Some(open) = OpenJob::open(shared, job) else {
        return;
    };
    let pieces = for_each_piece(shared, &open.file, size, content, &mut |piece| {
        open.compare_run(&[piece], buffer);
        Ok(())
    });
    open.conclude(size, pieces);
}

/// Hands out the pieces of a file of the snapshot. Of its holes, only those parts where the file of the folder has none.
pub(super) fn for_each_piece(
    shared: &Shared<'_>,
    file: &SourceFile,
    size: u64,
    content: Content,
    take: &mut dyn FnMut(Piece) -> Result<()>,
) -> Result<()> {
    let list = match content {
        Content::Empty => return Ok(()),
        Content::Chunk(id) => {
            return take(Piece {
                offset: 0,
                len: size,
                id: Some(id),
            });
        }
        Content::List(list) => list,
    };
    let mut offset = 0;
    for item in ListReader::new(&shared.archive.reader, list, size) {
        let item = item?;
        let end = offset + item.len;
        if item.id.is_some() {
            take(Piece {
                offset,
                len: item.len,
                id: item.id,
            })?;
            offset = end;
        }
        while offset < end {
            let region = file.region_at(offset, end);
            match region.map_err(Error::io("look for holes", String::from("in it")))? {
                Region::Hole { end, .. } => offset = end,
                Region::Data { end, .. } => {
                    let len = (end - offset).min(ZEROS_BYTES);
                    take(Piece {
                        offset,
                        len,
                        id: None,
                    })?;
                    offset += len;
                }
            }
        }
    }
    Ok(())
}
