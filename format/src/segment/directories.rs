//! Directories of segments that tables cover: opened when they are needed, the most recently used kept.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::open::open_segment;
use crate::error::Error;
use crate::index::{Directories, IndexedSegment};
use crate::store::{Name, Store};
use crate::wire::{ArchiveId, BLOCK_ENTRY_BYTES, DELTA_ENTRY_BYTES, OBJECT_ENTRY_BYTES};

/// What a segment takes beside its entries, about.
const SEGMENT_BYTES: usize = 256;

/// Opens segments, and remembers what could not be opened.
#[derive(Debug)]
pub(super) struct OpenedDirectories {
    store: Arc<dyn Store>,
    archive: ArchiveId,
    budget_bytes: usize,
    kept: Mutex<Kept>,
    damage: Mutex<BTreeMap<Name, Arc<Error>>>,
    tables: Mutex<BTreeMap<Name, Arc<Error>>>,
    /// Set when a segment was not there any more: somebody may have merged it.
    has_gone: AtomicBool,
    /// Set when a table turned out to be wrong, until the index does without it.
    has_wrong_table: AtomicBool,
}

/// Those used since one half was full, and those of the half before.
#[derive(Debug, Default)]
struct Kept {
    recent: HashMap<Name, Arc<IndexedSegment>>,
    recent_bytes: usize,
    before: HashMap<Name, Arc<IndexedSegment>>,
}

impl Kept {
    fn get(&mut self, name: Name, budget_bytes: usize) -> Option<Arc<IndexedSegment>> {
        if let Some(segment) = self.recent.get(&name) {
            return Some(Arc::clone(segment));
        }
        let segment = self.before.remove(&name)?;
        self.keep(Arc::clone(&segment), budget_bytes);
        Some(segment)
    }

    fn keep(&mut self, segment: Arc<IndexedSegment>, budget_bytes: usize) {
        let bytes = bytes_of(&segment);
        if self.recent_bytes + bytes > budget_bytes / 2 {
            self.before = std::mem::take(&mut self.recent);
            self.recent_bytes = 0;
        }
        self.recent_bytes += bytes;
        self.recent.insert(segment.name, segment);
    }
}

fn bytes_of(segment: &IndexedSegment) -> usize {
    let directory = &segment.directory;
    SEGMENT_BYTES
        + directory.blocks.len() * BLOCK_ENTRY_BYTES
        + directory.objects.len() * OBJECT_ENTRY_BYTES
        + directory.deltas.len() * DELTA_ENTRY_BYTES
}

impl OpenedDirectories {
    pub(super) fn new(store: Arc<dyn Store>, archive: ArchiveId, budget_bytes: usize) -> Self {
        Self {
            store,
            archive,
            budget_bytes,
            kept: Mutex::default(),
            damage: Mutex::default(),
            tables: Mutex::default(),
            has_gone: AtomicBool::new(false),
            has_wrong_table: AtomicBool::new(false),
        }
    }

    /// Segments that tables cover and that could not be opened.
    pub(super) fn damage(&self) -> Vec<Arc<Error>> {
        guard(&self.damage).values().cloned().collect()
    }

    /// Why a segment could not be opened.
    pub(super) fn failure(&self, name: Name) -> Option<Arc<Error>> {
        guard(&self.damage).get(&name).cloned()
    }

    pub(super) fn is_damaged(&self) -> bool {
        !guard(&self.damage).is_empty()
    }

    /// What may work the next time is tried again, and so is what is not listed any more.
    pub(super) fn look_again(&self, is_listed: impl Fn(Name) -> bool) {
        guard(&self.damage).retain(|name, error| error.is_damage() && is_listed(*name));
        guard(&self.tables).retain(|_, error| error.is_damage());
    }

    /// Tables that are none, and why.
    pub(super) fn wrong_tables(&self) -> BTreeMap<Name, Arc<Error>> {
        guard(&self.tables).clone()
    }

    /// A table of this name is another one from now on.
    pub(super) fn forget_table(&self, name: Name) {
        guard(&self.tables).remove(&name);
    }

    /// Whether a segment or a table turned out to be no more since this was asked.
    pub(super) fn take_news(&self) -> bool {
        let has_gone = self.has_gone.swap(false, Ordering::Relaxed);
        self.has_wrong_table.swap(false, Ordering::Relaxed) || has_gone
    }
}

impl Directories for OpenedDirectories {
    fn open(&self, name: Name, len: u64) -> Option<Arc<IndexedSegment>> {
        if let Some(segment) = guard(&self.kept).get(name, self.budget_bytes) {
            return Some(segment);
        }
        if guard(&self.damage).contains_key(&name) {
            return None;
        }
        match open_segment(&*self.store, name, len, self.archive) {
            Ok(segment) => {
                let segment = Arc::new(segment);
                guard(&self.kept).keep(Arc::clone(&segment), self.budget_bytes);
                Some(segment)
            }
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                self.has_gone.store(true, Ordering::Relaxed);
                None
            }
            Err(error) => {
                guard(&self.damage).insert(name, Arc::new(error));
                None
            }
        }
    }

    fn distrust(&self, table: Name, error: Error) {
        guard(&self.tables).entry(table).or_insert(Arc::new(error));
        self.has_wrong_table.store(true, Ordering::Relaxed);
    }
}

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
