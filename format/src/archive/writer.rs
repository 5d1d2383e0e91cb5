//! The way of new objects into the store: known or not, tried as deltas, gathered in blocks, compressed on all
//! cores, laid into segments in the order in which they came, put into the store by a thread of its own.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::Archive;
use super::lineage::{Form, NewObject, OWN_BLOCK_BYTES, forms_of};
use crate::content::ObjectSink;
use crate::error::{Error, Result};
use crate::id::{Id, Kind};
use crate::index::IndexedSegment;
use crate::limits::OBJECT_BYTES;
use crate::ordered::Ordered;
use crate::segment::{PlainBlock, SealedSegment, SegmentWriter, StoredBlock};
use crate::store::Store;

/// How many bytes of objects are tried as deltas in one task.
const TRIED_BYTES: usize = 512 << 10;
/// How many such tasks may be under way. When a result is waited for decides where its objects go, so this must not depend on the
/// number of threads.
const TRIED_TASKS: usize = 16;
/// How many shared blocks are compressed thoroughly, and at least at which zstd level: a snapshot a minute has
/// hardly more, and for them the time is small.
const THOROUGH_BLOCKS: usize = 8;
const THOROUGH_LEVEL: i32 = 12;
/// About how many bytes of objects with blocks of their own one task compresses.
const OWN_BYTES: usize = 512 << 10;

/// Writes new objects into an archive. Objects become visible to others segment by segment; the page that names the
/// snapshot is put when all of them are durable (F-090).
pub(super) struct Writer<'a, 'scope> {
    archive: &'scope Archive,
    /// What this writer has stored so far.
    stored: HashSet<Id>,
    /// What takes the place of something, gathered for the next task.
    replacing: Vec<NewObject>,
    replacing_bytes: usize,
    trying: Ordered<'a, 'scope, Vec<Form>>,
    /// What will have blocks of their own, gathered for the next task.
    own: Vec<NewObject>,
    own_bytes: usize,
    shared_blocks: usize,
    chunks: PlainBlock,
    others: PlainBlock,
    deltas: PlainBlock,
    compressing: Ordered<'a, 'scope, Vec<StoredBlock>>,
    segment: SegmentWriter,
    uploads: Uploads,
    new_objects: u64,
    stored_bytes: u64,
}

/// What a finished writer added to the archive.
pub(super) struct Written {
    /// The new segments.
    pub(super) segments: Vec<IndexedSegment>,
    /// Objects in them.
    pub(super) new_objects: u64,
    /// Their bytes.
    pub(super) stored_bytes: u64,
}

impl<'a, 'scope> Writer<'a, 'scope> {
    pub(super) fn new(archive: &'scope Archive, tasks: &'a rayon::Scope<'scope>) -> Self {
        // A block before and after compression.
        let limit = archive.memory.tasks(2 << 20);
        Self {
            archive,
            stored: HashSet::new(),
            replacing: Vec::new(),
            replacing_bytes: 0,
            trying: Ordered::new(tasks, TRIED_TASKS),
            own: Vec::new(),
            own_bytes: 0,
            shared_blocks: 0,
            chunks: PlainBlock::default(),
            others: PlainBlock::default(),
            deltas: PlainBlock::default(),
            compressing: Ordered::new(tasks, limit),
            segment: SegmentWriter::new(archive.config.archive),
            uploads: Uploads::start(Arc::clone(&archive.store)),
            new_objects: 0,
            stored_bytes: 0,
        }
    }

    /// Whether an object need not be given to this writer.
    pub(super) fn has(&self, kind: Kind, id: Id) -> bool {
        self.stored.contains(&id) || self.archive.reader.has(kind, id)
    }

    /// Stores an object whose id is known, unless the archive has it.
    pub(super) fn put_identified(&mut self, object: NewObject) -> Result<()> {
        if self.has(object.kind, object.id) {
            return Ok(());
        }
        let len = object.plain.len();
        if len > OBJECT_BYTES {
            let kind = object.kind;
            return Err(Error::Request(format!(
                "a {kind} of {len} bytes is larger than any object may be"
            )));
        }
        self.stored.insert(object.id);
        self.new_objects += 1;
        if object.replaced.is_none() || !self.archive.makes_deltas {
            return self.place_whole(object);
        }
        self.replacing.push(object);
        self.replacing_bytes += len;
        match self.replacing_bytes >= TRIED_BYTES {
            true => self.try_deltas(),
            false => Ok(()),
        }
    }

    /// Lets a task find the forms of what was gathered.
    fn try_deltas(&mut self) -> Result<()> {
        let objects = std::mem::take(&mut self.replacing);
        self.replacing_bytes = 0;
        if self.trying.is_full() {
            self.place_tried()?;
        }
        let (reader, level) = (&self.archive.reader, self.archive.config.zstd_level);
        self.trying.push(move || forms_of(reader, objects, level));
        Ok(())
    }

    /// Gives the oldest objects that were tried their places; false if there are none.
    fn place_tried(&mut self) -> Result<bool> {
        let Some(forms) = self.trying.pop() else {
            return Ok(false);
        };
        for form in forms {
            match form {
                Form::Whole(object) => self.place_whole(object)?,
                Form::Stored(block) => self.compress(move || vec![block])?,
                Form::Delta(object, frame, delta) => {
                    if self.deltas.is_full_for(frame.len()) {
                        self.store_deltas()?;
                    }
                    self.deltas.push_delta(object.kind, object.id, &frame, delta);
                }
            }
        }
        Ok(true)
    }

    /// Deltas are compressed already, and each is read without the others.
    fn store_deltas(&mut self) -> Result<()> {
        let block = std::mem::take(&mut self.deltas);
        self.compress(move || vec![block.store_raw()])
    }

    fn place_whole(&mut self, object: NewObject) -> Result<()> {
        let len = object.plain.len();
        if len >= OWN_BLOCK_BYTES {
            self.own.push(object);
            self.own_bytes += len;
            return match self.own_bytes >= OWN_BYTES {
                true => self.compress_own(),
                false => Ok(()),
            };
        }
        if self.open_block(object.kind).is_full_for(len) {
            let full = std::mem::take(self.open_block(object.kind));
            self.compress_shared(full)?;
        }
        self.open_block(object.kind)
            .push(object.kind, object.id, &object.plain);
        Ok(())
    }

    /// The block that gathers objects of this kind: chunks apart, so that reading trees touches no file data.
    fn open_block(&mut self, kind: Kind) -> &mut PlainBlock {
        match kind {
            Kind::Chunk => &mut self.chunks,
            _ => &mut self.others,
        }
    }

    fn compress_own(&mut self) -> Result<()> {
        let objects = std::mem::take(&mut self.own);
        self.own_bytes = 0;
        let level = self.archive.config.zstd_level;
        self.compress(move || {
            let block = |object: NewObject| StoredBlock::of_one(object.kind, object.id, object.plain, level);
            objects.into_iter().map(block).collect()
        })
    }

    fn compress_shared(&mut self, block: PlainBlock) -> Result<()> {
        self.shared_blocks += 1;
        let level = match self.shared_blocks <= THOROUGH_BLOCKS {
            true => self.archive.config.zstd_level.max(THOROUGH_LEVEL),
            false => self.archive.config.zstd_level,
        };
        self.compress(move || vec![block.store(level)])
    }

    fn compress(&mut self, task: impl FnOnce() -> Vec<StoredBlock> + Send + 'scope) -> Result<()> {
        while self.compressing.is_full() {
            self.lay_next()?;
        }
        self.compressing.push(task);
        Ok(())
    }

    /// Lays the oldest compressed blocks into the segment; false if there are none.
    fn lay_next(&mut self) -> Result<bool> {
        let Some(blocks) = self.compressing.pop() else {
            return Ok(false);
        };
        for block in blocks {
            if self.segment.is_full() {
                let next = SegmentWriter::new(self.archive.config.archive);
                let sealed = std::mem::replace(&mut self.segment, next).seal();
                self.upload(sealed)?;
            }
            self.segment.push(block);
        }
        Ok(true)
    }

    fn upload(&mut self, sealed: SealedSegment) -> Result<()> {
        let sealed = self.archive.apart_from_condemned(sealed);
        self.stored_bytes += sealed.bytes.len() as u64;
        self.uploads.put(sealed)
    }

    /// Stores what is still held back. When it returns, everything is durable.
    pub(super) fn finish(mut self) -> Result<Written> {
        self.try_deltas()?;
        while self.place_tried()? {}
        self.compress_own()?;
        for block in [std::mem::take(&mut self.chunks), std::mem::take(&mut self.others)] {
            if !block.is_empty() {
                self.compress_shared(block)?;
            }
        }
        if !self.deltas.is_empty() {
            self.store_deltas()?;
        }
        while self.lay_next()? {}
        if !self.segment.is_empty() {
            let next = SegmentWriter::small(self.archive.config.archive);
            let last = std::mem::replace(&mut self.segment, next).seal();
            self.upload(last)?;
        }
        Ok(Written {
            segments: self.uploads.finish()?,
            new_objects: self.new_objects,
            stored_bytes: self.stored_bytes,
        })
    }
}

impl ObjectSink for Writer<'_, '_> {
    fn put(&mut self, kind: Kind, plain: Vec<u8>, replaced: &dyn Fn() -> Option<Id>) -> Result<Id> {
        let id = Id::of(kind, &plain);
        if !self.has(kind, id) {
            self.put_identified(NewObject {
                kind,
                id,
                plain: plain.into(),
                replaced: replaced(),
            })?;
        }
        Ok(id)
    }
}

/// Puts a segment into the store.
pub(super) fn put(store: &dyn Store, sealed: &SealedSegment) -> Result<()> {
    let name = sealed.name;
    store
        .put(name, &sealed.bytes)
        .map_err(Error::io("write", format!("{}/{name}", store.location())))
}

/// A thread that puts segments into the store while the next one is being filled.
pub(super) struct Uploads {
    /// `None` once nothing more is to come.
    sender: Option<SyncSender<SealedSegment>>,
    /// `None` once its result was fetched.
    thread: Option<JoinHandle<Result<Vec<IndexedSegment>>>>,
}

impl Uploads {
    pub(super) fn start(store: Arc<dyn Store>) -> Self {
        // Nothing waits between filling and putting: memory holds two segments at most.
        let (sender, receiver) = sync_channel(0);
        let thread = std::thread::spawn(move || Self::run(&*store, &receiver));
        Self {
            sender: Some(sender),
            thread: Some(thread),
        }
    }

    fn run(store: &dyn Store, receiver: &Receiver<SealedSegment>) -> Result<Vec<IndexedSegment>> {
        let mut done = Vec::new();
        for sealed in receiver {
            put(store, &sealed)?;
            done.push(sealed.into_indexed());
        }
        Ok(done)
    }

    pub(super) fn put(&mut self, sealed: SealedSegment) -> Result<()> {
        let sent = self
            .sender
            .as_ref()
            .is_some_and(|sender| sender.send(sealed).is_ok());
        if !sent {
            // The thread stops receiving only when it has failed.
            self.finish()?;
        }
        Ok(())
    }

    /// Waits until everything is durable.
    pub(super) fn finish(&mut self) -> Result<Vec<IndexedSegment>> {
        self.sender = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Ok(Vec::new()),
        }
    }
}

impl Drop for Uploads {
    /// After a failure elsewhere, nothing is written any more once the operation has returned.
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
