//! The way of new objects into the store: known or not, gathered in blocks, compressed on all
//! cores, laid into segments in the order in which they came, put into the store by a thread of its own.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::Archive;
use crate::content::ObjectSink;
use crate::error::{Error, Result};
use crate::id::{Id, Kind};
use crate::index::IndexedSegment;
use crate::limits::OBJECT_BYTES;
use crate::ordered::Ordered;
use crate::segment::{PlainBlock, SealedSegment, SegmentWriter, StoredBlock};
use crate::store::Store;

/// Writes new objects into an archive. Objects become visible to others segment by segment; a snapshot
/// object is given to [`finish`](Self::finish), which puts it last (F-090).
pub(super) struct Writer<'a, 'scope> {
    archive: &'a Archive,
    /// What this writer has stored so far.
    stored: HashSet<Id>,
    chunks: PlainBlock,
    others: PlainBlock,
    compressing: Ordered<'a, 'scope, StoredBlock>,
    segment: SegmentWriter,
    uploads: Uploads,
    new_objects: u64,
    stored_bytes: u64,
}

/// What a finished writer added to the archive.
pub(super) struct Written {
    /// The new segments.
    pub(super) segments: Vec<IndexedSegment>,
    /// The id of the snapshot object.
    pub(super) snapshot: Id,
    /// As they were given to `encode`.
    pub(super) new_objects: u64,
    pub(super) stored_bytes: u64,
}

impl<'a, 'scope> Writer<'a, 'scope> {
    pub(super) fn new(archive: &'a Archive, tasks: &'a rayon::Scope<'scope>) -> Self {
        // A block before and after compression.
        let limit = archive.memory.tasks(2 << 20);
        Self {
            archive,
            stored: HashSet::new(),
            chunks: PlainBlock::default(),
            others: PlainBlock::default(),
            compressing: Ordered::new(tasks, limit),
            segment: SegmentWriter::new(archive.config.archive),
            uploads: Uploads::start(Arc::clone(&archive.store)),
            new_objects: 0,
            stored_bytes: 0,
        }
    }

    /// Stores an object whose id is known, unless the archive has it.
    pub(super) fn put_identified(&mut self, kind: Kind, id: Id, plain: &[u8]) -> Result<()> {
        if self.stored.contains(&id) || self.archive.reader.has(kind, id) {
            return Ok(());
        }
        if plain.len() > OBJECT_BYTES {
            let len = plain.len();
            return Err(Error::Request(format!(
                "a {kind} of {len} bytes is larger than any object may be"
            )));
        }
        self.stored.insert(id);
        self.new_objects += 1;
        if self.open_block(kind).is_full_for(plain.len()) {
            let full = std::mem::take(self.open_block(kind));
            self.compress(full)?;
        }
        self.open_block(kind).push(kind, id, plain);
        Ok(())
    }

    /// The block that gathers objects of this kind: chunks apart, so that reading trees touches no file data.
    fn open_block(&mut self, kind: Kind) -> &mut PlainBlock {
        match kind {
            Kind::Chunk => &mut self.chunks,
            _ => &mut self.others,
        }
    }

    fn compress(&mut self, block: PlainBlock) -> Result<()> {
        while self.compressing.is_full() {
            self.lay_next()?;
        }
        let level = self.archive.config.zstd_level;
        self.compressing.push(move || block.store(level));
        Ok(())
    }

    /// Lays the oldest compressed block into the segment; false if there is none.
    fn lay_next(&mut self) -> Result<bool> {
        let Some(block) = self.compressing.pop() else {
            return Ok(false);
        };
        if self.segment.is_full() {
            let next = SegmentWriter::new(self.archive.config.archive);
            let sealed = std::mem::replace(&mut self.segment, next).seal();
            self.upload(sealed)?;
        }
        self.segment.push(block);
        Ok(true)
    }

    fn upload(&mut self, sealed: SealedSegment) -> Result<()> {
        self.stored_bytes += sealed.bytes.len() as u64;
        self.uploads.put(sealed)
    }

    /// Stores what is still held back, and then, in a segment that is put when all others are durable,
    /// the snapshot object. `encode` is given the numbers of new objects and stored bytes, this
    /// object and its segment included; the length of what it returns must not depend on them.
    pub(super) fn finish(mut self, encode: impl Fn(u64, u64) -> Vec<u8>) -> Result<Written> {
        for block in [std::mem::take(&mut self.chunks), std::mem::take(&mut self.others)] {
            if !block.is_empty() {
                self.compress(block)?;
            }
        }
        while self.lay_next()? {}
        let new_objects = self.new_objects + 1;
        let len = encode(new_objects, 0).len();
        let stored_bytes = self.stored_bytes + self.segment.sealed_len_with(len);
        let plain = encode(new_objects, stored_bytes);
        debug_assert_eq!(plain.len(), len, "the length must not depend on the figures");
        let snapshot = Id::of(Kind::Snapshot, &plain);
        let mut block = PlainBlock::default();
        block.push(Kind::Snapshot, snapshot, &plain);
        // Raw, so that the length of the segment is known before its contents.
        self.segment.push(block.store_raw());
        let last = self.segment.seal();
        let mut segments = self.uploads.finish()?;
        put(&*self.archive.store, &last)?;
        segments.push(last.into_indexed());
        Ok(Written {
            segments,
            snapshot,
            new_objects,
            stored_bytes,
        })
    }
}

impl ObjectSink for Writer<'_, '_> {
    fn put(&mut self, kind: Kind, plain: &[u8]) -> Result<Id> {
        let id = Id::of(kind, plain);
        self.put_identified(kind, id, plain)?;
        Ok(id)
    }
}

fn put(store: &dyn Store, sealed: &SealedSegment) -> Result<()> {
    let name = sealed.name;
    store
        .put(name, &sealed.bytes)
        .map_err(Error::io("write", format!("{}/{name}", store.location())))
}

/// A thread that puts segments into the store while the next one is being filled.
struct Uploads {
    /// `None` once nothing more is to come.
    sender: Option<SyncSender<SealedSegment>>,
    /// `None` once its result was fetched.
    thread: Option<JoinHandle<Result<Vec<IndexedSegment>>>>,
}

impl Uploads {
    fn start(store: Arc<dyn Store>) -> Self {
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

    fn put(&mut self, sealed: SealedSegment) -> Result<()> {
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
    fn finish(&mut self) -> Result<Vec<IndexedSegment>> {
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
