//! One entry of the source against what the parent snapshot has under its name: taken over
//! unopened if nothing changed, read otherwise.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::cut_file::{Piece, cut_file, guide};
use super::sets::{Kept, Known};
use super::walk::Candidate;
use crate::content::ListReader;
use crate::cutting::{Runner, Workers};
use crate::id::Kind;
use crate::model::{Content, Entry, Meta, Node, Timestamp, Xattr};
use crate::segment::ObjectReader;
use crate::source::{FileKind, Folder, Owners, SourceFile, Stat};

/// How often a file is read that changes while it is read.
pub(super) const ATTEMPTS: u32 = 3;

/// What there is to say about a candidate before any file is opened.
pub(super) enum Examined {
    /// Its entry is complete, but for the extended attributes where there is a reason.
    Done(Entry, Option<String>),
    /// It is as an earlier round of this snapshot found it.
    Known(Arc<Kept>),
    /// A regular file that must be read.
    Changed(Changed),
    /// It could not be examined.
    Unreadable(Vec<u8>, String),
    /// It is gone.
    Vanished,
}

/// A regular file that must be read.
pub(super) struct Changed {
    pub(super) name: Vec<u8>,
    pub(super) size: u64,
    /// What the parent had.
    pub(super) before: Before,
}

/// Size and content of a regular file in the parent, if it had one of the name.
pub(super) type Before = Option<(u64, Content)>;

/// What the threads that read the source share.
pub(super) struct Examiner<'a> {
    pub(super) runner: Runner<'a>,
    reader: &'a ObjectReader,
    pub(super) owners: Owners,
    /// Regular files opened.
    pub(super) opened: AtomicU64,
}

/// What was found in an opened file.
pub(super) struct FileRead {
    /// Everything but the content.
    pub(super) meta: Meta,
    /// Why its extended attributes are not in `meta`.
    pub(super) trouble: Option<String>,
    /// Bytes covered, holes included.
    pub(super) size: u64,
    /// Bytes read, repeated attempts included.
    pub(super) read_bytes: u64,
}

/// A small file, whole.
pub(super) struct SmallFile {
    pub(super) name: Vec<u8>,
    pub(super) before: Before,
    pub(super) read: FileRead,
    pub(super) pieces: Vec<Piece>,
}

/// Why a file could not be read: the operation and the reason.
pub(super) struct Refused {
    reason: String,
    kind: io::ErrorKind,
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::at("read", &error)
    }
}

impl Refused {
    pub(super) fn at(op: &str, error: &io::Error) -> Self {
        Self {
            reason: format!("cannot {op}: {error}"),
            kind: error.kind(),
        }
    }

    /// The operation that failed, and why.
    pub(super) fn reason(&self) -> &str {
        &self.reason
    }

    /// Whether the file was not there any more.
    pub(super) fn is_absence(&self) -> bool {
        self.kind == io::ErrorKind::NotFound
    }
}

/// Why a small file was not read.
pub(super) enum NotRead {
    Refused(Refused),
    /// It is no small file any more.
    Grown,
}

/// What ends the reading of a file: the source, its size, or whoever takes the pieces.
pub(super) enum Failed<E> {
    Source(Refused),
    Grown,
    Sink(E),
}

impl<E> From<io::Error> for Failed<E> {
    fn from(error: io::Error) -> Self {
        Self::Source(error.into())
    }
}

impl<E> From<Refused> for Failed<E> {
    fn from(refused: Refused) -> Self {
        Self::Source(refused)
    }
}

impl<'a> Examiner<'a> {
    pub(super) fn new(runner: Runner<'a>, reader: &'a ObjectReader) -> Self {
        Self {
            runner,
            reader,
            owners: Owners::default(),
            opened: AtomicU64::new(0),
        }
    }

    /// Compares the candidates in a folder with the parent's entries.
    pub(super) fn examine(&self, folder: &Folder, candidates: Vec<Candidate>) -> Vec<Examined> {
        candidates
            .into_iter()
            .map(|candidate| self.examine_one(folder, candidate))
            .collect()
    }

    fn examine_one(&self, folder: &Folder, candidate: Candidate) -> Examined {
        let Candidate {
            name,
            previous,
            moved,
            known,
        } = candidate;
        if let Some(Known::Settled(kept)) = known {
            return Examined::Known(kept);
        }
        let stat = match folder.stat_child(&name) {
            Ok(stat) => stat,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Examined::Vanished,
            Err(error) => return Examined::Unreadable(name, Refused::at("stat", &error).reason),
        };
        match known {
            Some(Known::Read(kept)) if is_unchanged(&kept.entry, &stat) => return Examined::Known(kept),
            Some(Known::Absent) if stat.kind == FileKind::File => return Examined::Vanished,
            _ => {}
        }
        let mut before = moved;
        if let Some(entry) = previous {
            if is_unchanged(&entry, &stat) && self.is_there(&entry) {
                return Examined::Done(entry, None);
            }
            if let Node::File { size, content } = entry.node {
                before = Some((size, content));
            }
        }
        let special = |node| self.special(folder, &name, &stat, node);
        let (major, minor) = stat.special;
        match stat.kind {
            FileKind::File => Examined::Changed(Changed {
                name,
                size: stat.size,
                before,
            }),
            FileKind::Dir => Examined::Unreadable(name, "it became a directory meanwhile".into()),
            FileKind::Symlink => match folder.read_link(&name) {
                Ok(target) => special(Node::Symlink { target }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Examined::Vanished,
                Err(error) => Examined::Unreadable(name, Refused::at("read", &error).reason),
            },
            FileKind::BlockDevice => special(Node::BlockDevice { major, minor }),
            FileKind::CharDevice => special(Node::CharDevice { major, minor }),
            FileKind::Fifo => special(Node::Fifo),
            FileKind::Socket => special(Node::Socket),
        }
    }

    /// Whether the archive still has the entry's content. Where something is damaged, each chunk is asked for.
    fn is_there(&self, entry: &Entry) -> bool {
        let Node::File { size, content } = entry.node else {
            return true;
        };
        let reader = self.reader;
        match content {
            Content::Empty => true,
            Content::Chunk(id) => reader.has(Kind::Chunk, id),
            Content::List(id) if !reader.is_suspicious() => reader.has(Kind::ChunkList, id),
            Content::List(id) => ListReader::new(reader, id, size).all(|item| {
                item.is_ok_and(|item| item.id.is_none_or(|chunk| reader.has(Kind::Chunk, chunk)))
            }),
        }
    }

    fn special(&self, folder: &Folder, name: &[u8], stat: &Stat, node: Node) -> Examined {
        let mut meta = self.meta(stat, Vec::new());
        let trouble = fill_xattrs(&mut meta, folder.child_xattrs(name));
        let entry = Entry {
            name: name.to_vec(),
            node,
            meta,
        };
        Examined::Done(entry, trouble)
    }

    /// The metadata of an entry with this stat.
    pub(super) fn meta(&self, stat: &Stat, xattrs: Vec<Xattr>) -> Meta {
        let ctime = if SourceFile::settle(stat) {
            stat.ctime
        } else {
            Timestamp::default()
        };
        Meta {
            torn: false,
            synthetic: false,
            mode: stat.mode,
            owner: self.owners.get(stat.uid, stat.gid),
            mtime: stat.mtime,
            ctime,
            device: stat.device,
            inode: stat.inode,
            links: stat.links,
            xattrs,
        }
    }

    /// The metadata of a directory, whose xattrs are read only if it changed.
    pub(super) fn dir_meta(
        &self,
        folder: &Folder,
        stat: &Stat,
        previous: Option<&Entry>,
    ) -> io::Result<Meta> {
        let xattrs = match previous.filter(|entry| has_stat(&entry.meta, stat)) {
            Some(entry) => entry.meta.xattrs.clone(),
            None => folder.xattrs()?,
        };
        Ok(self.meta(stat, xattrs))
    }

    /// Reads a small file whole.
    pub(super) fn read_small(
        &self,
        folder: &Folder,
        changed: &Changed,
        most_bytes: u64,
    ) -> Result<SmallFile, NotRead> {
        let mut pieces = Vec::new();
        let read = self.read(folder, changed, most_bytes, None, &mut |event| {
            match event {
                Event::Start => pieces.clear(),
                Event::Piece(piece) => pieces.push(piece),
            }
            Ok::<(), std::convert::Infallible>(())
        });
        match read {
            Ok(read) => Ok(SmallFile {
                name: changed.name.clone(),
                before: changed.before,
                read,
                pieces,
            }),
            Err(Failed::Source(refused)) => Err(NotRead::Refused(refused)),
            Err(Failed::Grown) => Err(NotRead::Grown),
            Err(Failed::Sink(never)) => match never {},
        }
    }

    /// Reads a file of `most_bytes` at most, again if it changes meanwhile, and marks it torn if it never holds still.
    pub(super) fn read<E>(
        &self,
        folder: &Folder,
        changed: &Changed,
        most_bytes: u64,
        workers: Option<&Workers<'_, 'a>>,
        take: &mut dyn FnMut(Event) -> Result<(), E>,
    ) -> Result<FileRead, Failed<E>> {
        let (file, mut before) = folder
            .open_file(&changed.name)
            .map_err(|error| Refused::at("open", &error))?;
        let file = Arc::new(file);
        self.opened.fetch_add(1, Ordering::Relaxed);
        let mut read_bytes = 0;
        let mut attempt = 1;
        loop {
            if before.size > most_bytes {
                return Err(Failed::Grown);
            }
            // Settled before it is read: any change from here on shows in the stat behind the reading, or
            // has another time than this one.
            let mut meta = self.meta(&before, Vec::new());
            take(Event::Start).map_err(Failed::Sink)?;
            let mut take_piece = |piece: Piece| {
                if let Piece::Chunk(chunk) = &piece {
                    read_bytes += chunk.len as u64;
                }
                take(Event::Piece(piece)).map_err(Failed::Sink)
            };
            let guide = guide(self.reader, changed.before);
            let size = cut_file(self.runner, &file, &before, guide, workers, &mut take_piece)?;
            let trouble = fill_xattrs(&mut meta, file.xattrs());
            let after = file.stat()?;
            let whole = size == before.size && after.is_unchanged_since(&before);
            if whole || attempt == ATTEMPTS {
                if !whole {
                    meta.torn = true;
                    meta.ctime = Timestamp::default();
                }
                return Ok(FileRead {
                    meta,
                    trouble,
                    size,
                    read_bytes,
                });
            }
            attempt += 1;
            before = after;
        }
    }
}

/// Takes the extended attributes over. That they could not be read does not cost the entry: the
/// reason is returned to be told.
fn fill_xattrs(meta: &mut Meta, xattrs: io::Result<Vec<Xattr>>) -> Option<String> {
    match xattrs {
        Ok(xattrs) => {
            meta.xattrs = xattrs;
            None
        }
        Err(error) => Some(Refused::at("read the extended attributes", &error).reason),
    }
}

/// What a file's reader hands on.
pub(super) enum Event {
    /// What came before, if anything, counts no longer.
    Start,
    /// The next piece.
    Piece(Piece),
}

/// Whether what is described so has this stat.
pub(super) fn has_stat(meta: &Meta, stat: &Stat) -> bool {
    meta.mtime == stat.mtime
        && meta.ctime == stat.ctime
        && meta.device == stat.device
        && meta.inode == stat.inode
}

/// Whether the entry still describes what has this stat.
fn is_unchanged(entry: &Entry, stat: &Stat) -> bool {
    let same_kind = match (&entry.node, stat.kind) {
        (Node::File { size, .. }, FileKind::File) => *size == stat.size,
        (Node::Symlink { .. }, FileKind::Symlink) | (Node::Fifo, FileKind::Fifo) => true,
        (Node::Socket, FileKind::Socket) => true,
        (Node::BlockDevice { major, minor }, FileKind::BlockDevice)
        | (Node::CharDevice { major, minor }, FileKind::CharDevice) => (*major, *minor) == stat.special,
        _ => false,
    };
    same_kind && !entry.meta.torn && has_stat(&entry.meta, stat)
}
