//! Putting a snapshot's tree together. The walk runs ahead on a thread of its own; entries are examined
//! and small files are read as tasks on all cores; here the results are joined in the order of
//! names, so that neither the objects nor their order depend on the number of threads.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use super::Archive;
use super::cut_file::{Piece, RUN_BYTES, guide};
use super::examine::{
    Before, Changed, Event as FileEvent, Examined, Examiner, Failed, FileRead, NotRead, Refused, SmallFile,
};
use super::pieces::Pieces;
use super::sets::{Kept, Noted, Noting, Watch};
use super::walk::{Entered, Step};
use super::writer::Writer;
use crate::content::{TreeBuilder, find_entry};
use crate::cutting::{Chunk, Expected, Proceed, Workers};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::limits::{LISTED_BYTES, LISTED_PATHS};
use crate::model::{Counts, Entry, Meta, Node, Timestamp, Unreadable, push_name};
use crate::ordered::Ordered;
use crate::progress::Progress;
use crate::segment::ObjectReader;
use crate::source::Folder;

/// About how many bytes, and at most how many files, one task reads.
const GROUP_BYTES: u64 = 2 << 20;
const GROUP_FILES: usize = 64;
/// How many chunks of the parent's a stream is compared with.
const EXPECTED: usize = 1 << 16;
/// How many results may wait for an earlier one.
const WAITING: usize = 8192;
/// How many of those may be large files: each keeps its folder open.
const WAITING_LARGE: usize = 64;

/// What an assembled tree amounts to.
pub(super) struct Outcome {
    pub(super) root: Id,
    pub(super) counts: Counts,
    pub(super) torn: Vec<Vec<u8>>,
    pub(super) unreadable: Vec<Unreadable>,
}

/// A step whose entries have been examined, in order. Files that are being read hold their place.
enum Event {
    Enter(Entered),
    EnterSynthetic(Vec<u8>, Option<Id>),
    Leave,
    Done(Entry, Option<String>),
    Known(Arc<Kept>),
    /// The next file of the groups that are being read.
    Small,
    /// A file that is read when its turn comes, in parallel with itself.
    Large(Arc<Folder>, Changed),
    Unreadable(Vec<u8>, String),
    /// What is no directory and could not be examined.
    Lost(Vec<u8>, String),
}

/// A step on its way to becoming events.
enum Early {
    /// The next batch that is being examined, in this folder.
    Batch(Arc<Folder>),
    Event(Event),
}

/// A directory that is being filled.
struct OpenDir<'a> {
    name: Vec<u8>,
    tree: TreeBuilder<'a>,
    /// `None` for a synthetic one.
    meta: Option<Meta>,
    only_if_not_empty: bool,
    /// Length of its path in `Assembly::path`.
    path_len: usize,
}

type SmallResult = Result<SmallFile, (Arc<Folder>, Changed, NotRead)>;

/// A tree that is being put together.
pub(super) struct Assembly<'a, 'scope> {
    archive: &'scope Archive,
    tasks: &'a rayon::Scope<'scope>,
    examiner: &'scope Examiner<'scope>,
    previous_root: Option<Id>,
    progress: &'a Progress,
    writer: Writer<'a, 'scope>,
    examining: Ordered<'a, 'scope, Vec<Examined>>,
    early: VecDeque<Early>,
    /// Small files gathered for the next task that reads.
    group: Vec<(Arc<Folder>, Changed)>,
    group_bytes: u64,
    reading: Ordered<'a, 'scope, Vec<SmallResult>>,
    read: VecDeque<SmallResult>,
    events: VecDeque<Event>,
    waiting_large: usize,
    top: TreeBuilder<'scope>,
    open: Vec<OpenDir<'scope>>,
    path: Vec<u8>,
    counts: Counts,
    torn: Listing<Vec<u8>>,
    unreadable: Listing<Unreadable>,
    /// Where some files belong together.
    noting: Option<Noting>,
}

/// The first of many, as far as a snapshot lists them.
struct Listing<T> {
    listed: Vec<T>,
    bytes: usize,
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self {
            listed: Vec::new(),
            bytes: 0,
        }
    }
}

impl<T> Listing<T> {
    /// Adds an item of so many bytes, if there is room for it.
    fn push(&mut self, item: T, bytes: usize) {
        if self.listed.len() < LISTED_PATHS && self.bytes + bytes <= LISTED_BYTES {
            self.bytes += bytes;
            self.listed.push(item);
        }
    }
}

impl<'a, 'scope> Assembly<'a, 'scope> {
    pub(super) fn new(
        archive: &'scope Archive,
        examiner: &'scope Examiner<'scope>,
        previous_root: Option<Id>,
        tasks: &'a rayon::Scope<'scope>,
        progress: &'a Progress,
    ) -> Self {
        let threads = rayon::current_num_threads();
        Self {
            archive,
            tasks,
            examiner,
            previous_root,
            progress,
            writer: Writer::new(archive, tasks),
            examining: Ordered::new(tasks, 4 * threads),
            early: VecDeque::new(),
            group: Vec::new(),
            group_bytes: 0,
            reading: Ordered::new(tasks, archive.memory.tasks(RUN_BYTES)),
            read: VecDeque::new(),
            events: VecDeque::new(),
            waiting_large: 0,
            top: replacing(archive, previous_root),
            open: Vec::new(),
            path: Vec::new(),
            counts: Counts::default(),
            torn: Listing::default(),
            unreadable: Listing::default(),
            noting: None,
        }
    }

    /// Begins the tree, or begins it anew: what was stored for it before stays stored.
    pub(super) fn begin(&mut self, watch: Option<Arc<Watch>>) {
        if watch.as_ref().is_some_and(|watch| watch.round() > 1) {
            self.top = replacing(self.archive, self.previous_root);
            self.open.clear();
            self.path.clear();
            let read_bytes = self.counts.read_bytes;
            self.counts = Counts {
                read_bytes,
                ..Counts::default()
            };
            self.torn = Listing::default();
            self.unreadable = Listing::default();
            self.progress.files.store(0, Ordering::Relaxed);
            self.progress.bytes.store(0, Ordering::Relaxed);
        }
        self.noting = watch.map(Noting::new);
    }

    /// What was noted of files that belong together.
    pub(super) fn take_noted(&mut self) -> Noted {
        self.noting.take().map(|noting| noting.noted).unwrap_or_default()
    }

    pub(super) fn reader(&self) -> &'scope ObjectReader {
        &self.archive.reader
    }

    pub(super) fn examiner(&self) -> &'scope Examiner<'scope> {
        self.examiner
    }

    pub(super) fn previous_root(&self) -> Option<Id> {
        self.previous_root
    }

    /// Takes everything that the walk meets.
    pub(super) fn take_steps(&mut self, steps: Receiver<Step>) -> Result<()> {
        for step in steps {
            self.progress.check()?;
            let early = match step {
                Step::Enter(entered) => Early::Event(Event::Enter(entered)),
                Step::EnterSynthetic(name, previous) => Early::Event(Event::EnterSynthetic(name, previous)),
                Step::Leave => Early::Event(Event::Leave),
                Step::Unreadable(name, reason) => Early::Event(Event::Unreadable(name, reason)),
                Step::Entries(folder, candidates) => {
                    while self.examining.is_full() {
                        self.advance()?;
                    }
                    let (examiner, examined_in) = (self.examiner, Arc::clone(&folder));
                    self.examining
                        .push(move || examiner.examine(&examined_in, candidates));
                    Early::Batch(folder)
                }
            };
            self.early.push_back(early);
            while self.early.len() > WAITING {
                self.advance()?;
            }
        }
        while !self.early.is_empty() {
            self.advance()?;
        }
        self.start_group()?;
        while self.settle_next()? {}
        Ok(())
    }

    /// Turns the oldest step into events.
    fn advance(&mut self) -> Result<()> {
        match self.early.pop_front() {
            None => {}
            Some(Early::Event(event)) => self.events.push_back(event),
            Some(Early::Batch(folder)) => {
                for examined in self.examining.pop().unwrap_or_default() {
                    self.sort(&folder, examined)?;
                }
            }
        }
        if self.events.len() > WAITING {
            // Something early may wait for a group that is not full.
            self.start_group()?;
            while self.events.len() > WAITING / 2 && self.settle_next()? {}
        }
        while self.waiting_large > WAITING_LARGE {
            self.start_group()?;
            self.settle_next()?;
        }
        Ok(())
    }

    fn sort(&mut self, folder: &Arc<Folder>, examined: Examined) -> Result<()> {
        let event = match examined {
            Examined::Vanished => return Ok(()),
            Examined::Done(entry, trouble) => Event::Done(entry, trouble),
            Examined::Known(kept) => Event::Known(kept),
            Examined::Unreadable(name, reason) => Event::Lost(name, reason),
            Examined::Changed(changed) if changed.size > RUN_BYTES => {
                self.waiting_large += 1;
                Event::Large(Arc::clone(folder), changed)
            }
            Examined::Changed(changed) => {
                self.group_bytes += changed.size;
                self.group.push((Arc::clone(folder), changed));
                Event::Small
            }
        };
        self.events.push_back(event);
        if self.group_bytes >= GROUP_BYTES || self.group.len() >= GROUP_FILES {
            self.start_group()?;
        }
        Ok(())
    }

    /// Lets a task read the gathered small files.
    fn start_group(&mut self) -> Result<()> {
        if self.group.is_empty() {
            return Ok(());
        }
        let (group, examiner) = (std::mem::take(&mut self.group), self.examiner);
        self.group_bytes = 0;
        while self.reading.is_full() && self.settle_next()? {}
        self.reading.push(move || {
            let read = |(folder, changed): (Arc<Folder>, Changed)| {
                let read = examiner.read_small(&folder, &changed, RUN_BYTES);
                read.map_err(|why| (folder, changed, why))
            };
            group.into_iter().map(read).collect()
        });
        Ok(())
    }

    /// Gives the oldest event its place in the tree; false if there is none.
    fn settle_next(&mut self) -> Result<bool> {
        let Some(event) = self.events.pop_front() else {
            return Ok(false);
        };
        match event {
            Event::Enter(Entered {
                name,
                meta,
                previous,
                only_if_not_empty,
            }) => {
                self.open_dir(name, Some(meta), previous, only_if_not_empty);
            }
            Event::EnterSynthetic(name, previous) => self.open_dir(name, None, previous, false),
            Event::Leave => self.leave()?,
            Event::Done(entry, trouble) => {
                self.progress.add(0, entry.node.size());
                self.push_kept(entry, trouble, false)?;
            }
            Event::Known(kept) => {
                self.progress.add(0, kept.entry.node.size());
                self.push_kept(kept.entry.clone(), kept.trouble.clone(), kept.was_read)?;
            }
            Event::Unreadable(name, reason) => self.note_unreadable(&name, reason),
            Event::Lost(name, reason) => self.note_lost(&name, reason),
            Event::Large(folder, changed) => {
                self.waiting_large -= 1;
                self.take_large(&folder, changed)?;
            }
            Event::Small => {
                if self.read.is_empty() {
                    self.read.extend(self.reading.pop().unwrap_or_default());
                }
                match self.read.pop_front() {
                    Some(Ok(file)) => self.take_small(file)?,
                    Some(Err((_, changed, NotRead::Refused(refused)))) => {
                        self.note_refused(&changed.name, refused)
                    }
                    Some(Err((folder, changed, NotRead::Grown))) => self.take_large(&folder, changed)?,
                    None => unreachable!("each small file has been given to a task before its turn comes"),
                }
            }
        }
        Ok(true)
    }

    fn open_dir(&mut self, name: Vec<u8>, meta: Option<Meta>, previous: Option<Id>, only_if_not_empty: bool) {
        push_name(&mut self.path, &name);
        let path_len = self.path.len();
        self.open.push(OpenDir {
            name,
            tree: replacing(self.archive, previous),
            meta,
            only_if_not_empty,
            path_len,
        });
    }

    fn leave(&mut self) -> Result<()> {
        let Some(OpenDir {
            name,
            tree,
            meta,
            only_if_not_empty,
            ..
        }) = self.open.pop()
        else {
            return Ok(());
        };
        self.path.truncate(self.open.last().map_or(0, |dir| dir.path_len));
        if only_if_not_empty && tree.count() == 0 {
            return Ok(());
        }
        let tree = tree.finish(&mut self.writer)?;
        self.push_entry(match meta {
            Some(meta) => Entry {
                name,
                node: Node::Dir { tree },
                meta,
            },
            None => Entry::synthetic(&name, tree),
        })
    }

    /// Adds what is no directory.
    fn push_kept(&mut self, entry: Entry, trouble: Option<String>, was_read: bool) -> Result<()> {
        self.counts.changed_files += u64::from(was_read);
        let path = self.noting.is_some().then(|| self.path_of(&entry.name));
        let mut kept = Kept {
            entry,
            trouble,
            was_read,
        };
        if let (Some(noting), Some(path)) = (&mut self.noting, path) {
            noting.keep(path, &mut kept);
        }
        self.note_trouble(&kept.entry.name, kept.trouble);
        self.push_entry(kept.entry)
    }

    fn push_entry(&mut self, entry: Entry) -> Result<()> {
        match &entry.node {
            Node::Dir { .. } => self.counts.dirs += 1,
            node => {
                self.counts.files += 1;
                if let Node::File { size, .. } = node {
                    self.counts.bytes = self.counts.bytes.saturating_add(*size);
                    self.progress.add(1, 0);
                }
            }
        }
        if entry.meta.torn {
            self.counts.torn += 1;
            let path = self.path_of(&entry.name);
            let bytes = path.len();
            self.torn.push(path, bytes);
        }
        let tree = self.open.last_mut().map_or(&mut self.top, |dir| &mut dir.tree);
        tree.push(entry, &mut self.writer)
    }

    fn take_small(&mut self, file: SmallFile) -> Result<()> {
        let SmallFile {
            name,
            before,
            read,
            pieces,
        } = file;
        self.progress.add(0, read.size);
        let mut taken = Pieces::new(self.archive, before);
        for piece in pieces {
            taken.take(piece, &mut self.writer)?;
        }
        self.push_file(name, read, taken)
    }

    fn take_large(&mut self, folder: &Folder, changed: Changed) -> Result<()> {
        let archive = self.archive;
        let mut pieces = Pieces::new(archive, changed.before);
        let (writer, progress) = (&mut self.writer, self.progress);
        let workers = Workers {
            tasks: self.tasks,
            limit: archive.memory.tasks(RUN_BYTES),
            run_bytes: RUN_BYTES,
        };
        let mut take = |event| match event {
            FileEvent::Start => {
                pieces = Pieces::new(archive, changed.before);
                Ok(())
            }
            FileEvent::Piece(piece) => {
                progress.check()?;
                progress.add(0, piece.len());
                pieces.take(piece, writer)
            }
        };
        let read = self
            .examiner
            .read(folder, &changed, u64::MAX, Some(&workers), &mut take);
        match read {
            Ok(read) => self.push_file(changed.name, read, pieces),
            Err(Failed::Source(refused)) => {
                self.note_refused(&changed.name, refused);
                Ok(())
            }
            Err(Failed::Grown) => unreachable!("no file is larger than any limit"),
            Err(Failed::Sink(error)) => Err(error),
        }
    }

    fn push_file(&mut self, name: Vec<u8>, read: FileRead, pieces: Pieces) -> Result<()> {
        let FileRead {
            meta,
            trouble,
            size,
            read_bytes,
        } = read;
        self.counts.read_bytes += read_bytes;
        let content = pieces.finish(size, &mut self.writer)?;
        let entry = Entry {
            name,
            node: Node::File { size, content },
            meta,
        };
        self.push_kept(entry, trouble, true)
    }

    /// Takes one file from a stream into the top of the tree.
    pub(super) fn take_stream(
        &mut self,
        name: &[u8],
        input: &mut (dyn Read + Send),
        time: Timestamp,
    ) -> Result<()> {
        let before = self.stream_before(name);
        let mut pieces = Pieces::new(self.archive, before);
        let expected: Vec<Expected> = guide(self.reader(), before).take(EXPECTED).collect();
        let (writer, progress) = (&mut self.writer, self.progress);
        let mut size = 0;
        let mut read_at = |buffer: &mut [u8], _offset: u64| read_full(input, buffer);
        let take = &mut |chunk: Chunk| {
            progress.check().map_err(Failed::Sink)?;
            progress.add(0, chunk.len as u64);
            size = chunk.end();
            pieces.take(Piece::Chunk(chunk), writer).map_err(Failed::Sink)?;
            Ok(Proceed::Go)
        };
        self.examiner
            .runner
            .run(&mut read_at, 0..u64::MAX, u64::MAX, &expected, take)
            .map_err(|failed| match failed {
                Failed::Source(refused) => Error::Request(format!("standard input: {}", refused.reason())),
                Failed::Sink(error) => error,
                Failed::Grown => unreachable!("only files grow"),
            })?;
        let meta = Meta {
            mode: 0o600,
            mtime: time,
            links: 1,
            ..Meta::default()
        };
        self.push_file(
            name.to_vec(),
            FileRead {
                meta,
                trouble: None,
                size,
                read_bytes: size,
            },
            pieces,
        )
    }

    /// What the parent had under the name of a stream.
    fn stream_before(&self, name: &[u8]) -> Before {
        let entry = find_entry(self.reader(), self.previous_root?, name).ok()??;
        match entry.node {
            Node::File { size, content } => Some((size, content)),
            _ => None,
        }
    }

    fn note_refused(&mut self, name: &[u8], refused: Refused) {
        // A file that was deleted since its name was read is simply not there.
        if !refused.is_absence() {
            self.note_lost(name, refused.reason().to_owned());
        }
    }

    fn note_lost(&mut self, name: &[u8], reason: String) {
        let path = self.path_of(name);
        if let Some(noting) = &mut self.noting {
            noting.lose(&path);
        }
        self.note_unreadable(name, reason);
    }

    fn note_trouble(&mut self, name: &[u8], trouble: Option<String>) {
        if let Some(reason) = trouble {
            self.note_unreadable(name, reason);
        }
    }

    fn note_unreadable(&mut self, name: &[u8], reason: String) {
        self.counts.unreadable += 1;
        let path = self.path_of(name);
        let bytes = path.len() + reason.len();
        self.unreadable.push(Unreadable { path, reason }, bytes);
    }

    fn path_of(&self, name: &[u8]) -> Vec<u8> {
        let mut path = self.path.clone();
        push_name(&mut path, name);
        path
    }

    /// Closes the tree.
    pub(super) fn finish(mut self) -> Result<(Outcome, Writer<'a, 'scope>)> {
        let root = self.top.finish(&mut self.writer)?;
        let outcome = Outcome {
            root,
            counts: self.counts,
            torn: self.torn.listed,
            unreadable: self.unreadable.listed,
        };
        Ok((outcome, self.writer))
    }
}

fn read_full(input: &mut dyn Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// The tree of a directory that takes the place of the parent's.
fn replacing(archive: &Archive, previous: Option<Id>) -> TreeBuilder<'_> {
    previous.map_or_else(TreeBuilder::default, |tree| {
        TreeBuilder::replacing(&archive.reader, tree)
    })
}
