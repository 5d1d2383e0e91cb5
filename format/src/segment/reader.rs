//! Objects by id, each checked before it is handed out.

use std::collections::{HashMap, HashSet};
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use bytes::Bytes;

use super::cache::Cache;
use super::directories::OpenedDirectories;
use crate::compress::decompress;
use crate::delta;
use crate::error::{Damage, Error, Flaw, Result};
use crate::id::{Id, Kind};
use crate::index::{Index, Location};
use crate::limits::CHAIN;
use crate::store::{Name, Store};
use crate::wire::{ArchiveId, Method};

/// How many copies of an object and of its bases are tried (F-044): the ways through them multiply.
const COPIES: usize = 1000;

/// How often an object is looked for again because what there is has changed meanwhile.
const LOOKS: usize = 20;

/// Reads objects from a store. Shared between threads.
#[derive(Debug)]
pub struct ObjectReader {
    pub(super) store: Arc<dyn Store>,
    pub(super) archive: ArchiveId,
    index: RwLock<Arc<Index>>,
    /// Those of segments that tables cover.
    pub(super) directories: Arc<OpenedDirectories>,
    /// Tables that were compared with their checks.
    pub(super) checked: Mutex<HashSet<Name>>,
    cache: Cache,
    /// Set once anything was found damaged that no other copy makes good.
    pub(super) is_suspicious: AtomicBool,
    /// Set when a segment was not there any more: somebody may have merged it.
    has_gone: AtomicBool,
    /// Held by who looks again at what there is.
    pub(super) renewing: Mutex<()>,
    /// What was known when something was missing and nothing new was there.
    missed: Mutex<Weak<Index>>,
}

impl ObjectReader {
    /// A reader of an archive's segments that keeps up to `cache_bytes` of decoded blocks and as much of directories. It
    /// knows no segment before it is [refreshed](Self::refresh).
    pub fn new(store: Arc<dyn Store>, archive: ArchiveId, cache_bytes: usize) -> Self {
        let directories = OpenedDirectories::new(Arc::clone(&store), archive, cache_bytes);
        Self {
            directories: Arc::new(directories),
            checked: Mutex::default(),
            store,
            archive,
            index: RwLock::default(),
            cache: Cache::new(cache_bytes),
            is_suspicious: AtomicBool::new(false),
            has_gone: AtomicBool::new(false),
            renewing: Mutex::default(),
            missed: Mutex::default(),
        }
    }

    /// Where objects are: as it is known now, and stays for the caller.
    pub fn index(&self) -> Arc<Index> {
        Arc::clone(&self.index.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes what is known. Where others still use the index of before, they keep it.
    pub fn change_index(&self, change: impl FnOnce(&mut Index)) {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut index));
    }

    /// Whether the archive has the object. Once something was found damaged, being told of it is not enough: it is read.
    pub fn has(&self, kind: Kind, id: Id) -> bool {
        let mut index = self.index();
        let Some(at) = index.find(&id) else {
            return false;
        };
        // What will be deleted is as good as absent.
        if index
            .chain(at.clone())
            .flatten()
            .any(|at| index.is_condemned(at.segment.name))
        {
            return false;
        }
        if !has_bases(&index, at.clone()) {
            if self.has_news() && self.refresh().is_ok() {
                index = self.index();
            }
            if !has_bases(&index, at) {
                // The other copies may do. If none does, this one is garbage (F-091), or a segment is lost.
                return self.get(kind, id).is_ok();
            }
        }
        !self.is_suspicious() || self.get(kind, id).is_ok()
    }

    /// Whether something turned out to be gone since this was asked.
    fn has_news(&self) -> bool {
        let has_gone = self.has_gone.swap(false, Ordering::Relaxed);
        self.directories.take_news() || has_gone
    }

    /// Remembers that something is damaged.
    pub fn suspect(&self) {
        self.is_suspicious.store(true, Ordering::Relaxed);
    }

    /// The plain bytes of an object, which have been compared with its id (F-040). If a copy of it or of what
    /// it is made from is damaged, the others are tried.
    pub fn get(&self, kind: Kind, id: Id) -> Result<Bytes> {
        let mut looks = 0;
        loop {
            let seen = self.index();
            let found = self.find(&id);
            let error = match &found {
                Some(first) => match self.get_at_first(kind, first) {
                    Ok(bytes) => return Ok(bytes),
                    Err(error) => error,
                },
                None => Error::Missing { kind, id },
            };
            // A segment may have been merged while it was read, or a table may not tell of a base.
            let is_missing = matches!(error, Error::Missing { .. });
            if looks < LOOKS
                && (self.renew(&seen) || (is_missing && (self.check_tables() || self.has_more(&seen))))
            {
                looks += 1;
                continue;
            }
            return match found {
                Some(first) => self.search(&first, kind),
                None => Err(error),
            };
        }
    }

    /// An object from the copy that is tried first.
    fn get_at_first(&self, kind: Kind, first: &Location) -> Result<Bytes> {
        let id = first.object.id;
        // Directories and lists are read again and again; chunks hardly ever. What is kept is of the kind that the first copy says (F-041).
        let is_kept = kind != Kind::Chunk && first.delta.is_some() && first.object.kind == kind;
        if is_kept && let Some(bytes) = self.cache.made(&id) {
            return Ok(bytes);
        }
        let bytes = self.make(kind, first).and_then(|bytes| checked(first, bytes))?;
        if is_kept {
            self.cache.keep_made(id, bytes.clone());
        }
        Ok(bytes)
    }

    /// Looks again at what there is, if something was found to be gone: one thread for all. Returns whether anything is other than it was seen.
    fn renew(&self, seen: &Arc<Index>) -> bool {
        let _one = self.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.has_news() {
            // What cannot be listed now is told by the reading that follows.
            let _ = self.refresh_alone();
        }
        !Arc::ptr_eq(seen, &self.index())
    }

    /// Lists once more before something is called missing (F-016): once for what is known, since it may be missing indeed.
    fn has_more(&self, seen: &Arc<Index>) -> bool {
        let known = std::mem::replace(
            &mut *self.missed.lock().unwrap_or_else(PoisonError::into_inner),
            Arc::downgrade(seen),
        );
        let has_looked = known.upgrade().is_some_and(|known| Arc::ptr_eq(&known, seen));
        !has_looked && self.refresh().is_ok() && !Arc::ptr_eq(seen, &self.index())
    }

    /// The plain bytes of the object at one place, made from the first copies of its bases.
    pub(super) fn make_checked(&self, location: &Location) -> Result<Bytes> {
        self.make(location.object.kind, location)
            .and_then(|bytes| checked(location, bytes))
    }

    /// What the first copies of an object and of its bases give: not compared with the id yet.
    fn make(&self, kind: Kind, location: &Location) -> Result<Bytes> {
        let index = self.index();
        let mut deltas = Vec::new();
        let mut at = location.clone();
        while let Some(delta) = at.delta {
            if deltas.len() == CHAIN {
                return Err(damaged(&at, too_many_bases()));
            }
            deltas.push((at, delta));
            at = index
                .find(&delta.base)
                .ok_or(Error::Missing { kind, id: delta.base })?;
        }
        let mut bytes = self.contents(&at, kind)?;
        for (at, delta) in deltas.into_iter().rev() {
            let frame = self.contents(&at, kind)?;
            let made = delta::decode(&frame, &bytes, delta.plain_len as usize);
            bytes = made.map_err(|flaw| damaged(&at, flaw))?.into();
        }
        Ok(bytes)
    }

    /// Tries all copies of an object and of its bases. If none will do, the error says which object is to blame.
    fn search(&self, first: &Location, kind: Kind) -> Result<Bytes> {
        let id = first.object.id;
        Search::new(self).get(kind, id).map_err(|error| {
            self.suspect();
            match error.object() {
                Some(culprit) if culprit != id => {
                    let reason = format!("cannot be had: {error}");
                    damaged(first, Flaw::new("delta", "base", reason))
                }
                _ => error,
            }
        })
    }

    /// The bytes at one place: the object's own, or the frame that stands for them. Not compared with anything but the kind.
    pub(super) fn contents(&self, location: &Location, kind: Kind) -> Result<Bytes> {
        let (object, block) = (&location.object, &location.block);
        if object.kind != kind {
            let reason = format!("is a {} where a {kind} is needed", object.kind);
            return Err(damaged(location, Flaw::new("directory", "object kind", reason)));
        }
        // The directory was checked: the object lies within the block's plain length.
        let start = object.offset as usize;
        match block.method {
            Method::Raw => {
                let start = block.offset + start as u64;
                self.stored(location, start..start + u64::from(object.len))
            }
            Method::Zstd => Ok(self.decoded(location)?.slice(start..start + object.len as usize)),
        }
    }

    /// The plain bytes of the location's block, not checked yet but for their length.
    fn decoded(&self, location: &Location) -> Result<Bytes> {
        let block = &location.block;
        // A chunk that has its block for itself is hardly ever asked for again.
        if location.object.kind == Kind::Chunk && location.object.len == block.plain_len {
            return self.decode_block(location);
        }
        let slot = self
            .cache
            .block((location.segment.name, block.offset), block.plain_len as usize);
        let mut slot = slot.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(bytes) = &*slot {
            return Ok(bytes.clone());
        }
        Ok(slot.insert(self.decode_block(location)?).clone())
    }

    fn decode_block(&self, location: &Location) -> Result<Bytes> {
        let block = &location.block;
        let stored = self.stored(location, block.offset..block.offset + u64::from(block.stored_len))?;
        let plain = decompress(&stored, block.plain_len as usize);
        Ok(plain.map_err(|flaw| damaged(location, flaw))?.into())
    }

    /// Bytes of the segment of a location.
    pub(super) fn stored(&self, location: &Location, range: Range<u64>) -> Result<Bytes> {
        let read = self.store.read_range(location.segment.name, range);
        read.map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                self.has_gone.store(true, Ordering::Relaxed);
            }
            damaged(
                location,
                Flaw::new("block", "contents", format!("cannot be read: {error}")),
            )
        })
    }
}

/// Whether what an object is made from is there, by the directories.
fn has_bases(index: &Index, at: Location) -> bool {
    let last = index.chain(at).last().flatten();
    last.is_some_and(|at| at.delta.is_none())
}

/// A search for an object among all copies of it and of its bases, each checked (F-044).
pub(super) struct Search<'r> {
    reader: &'r ObjectReader,
    /// What is being looked for: nothing is made from itself.
    path: Vec<Id>,
    /// How many bases stand behind each other so far.
    bases: usize,
    /// What has no good copy, wherever it is needed.
    lost: HashSet<Id>,
    /// Where the others were found.
    found: HashMap<Id, Name>,
    /// How often a way was given up that might lead on for another object.
    cuts: usize,
    /// How many copies may still be tried.
    copies: usize,
}

impl<'r> Search<'r> {
    pub(super) fn new(reader: &'r ObjectReader) -> Self {
        Self {
            reader,
            path: Vec::new(),
            bases: 0,
            lost: HashSet::new(),
            found: HashMap::new(),
            cuts: 0,
            copies: COPIES,
        }
    }

    /// The object at one place, from whatever copies of its bases will do.
    pub(super) fn get_at(&mut self, location: &Location) -> Result<Bytes> {
        self.copies = COPIES;
        self.try_at(location.object.kind, location)
    }

    fn get(&mut self, kind: Kind, id: Id) -> Result<Bytes> {
        let missing = Error::Missing { kind, id };
        if self.path.contains(&id) {
            self.cuts += 1;
            return Err(missing);
        }
        if self.lost.contains(&id) {
            return Err(missing);
        }
        let mut copies: Vec<Location> = self.reader.index().find_all(id).collect();
        let known = self.found.get(&id).copied();
        copies.sort_by_key(|copy| (known != Some(copy.segment.name), copy.delta.is_some()));
        let mut first_error = None;
        let cuts = self.cuts;
        self.path.push(id);
        for location in copies {
            match self.try_at(kind, &location) {
                Ok(bytes) => {
                    self.path.pop();
                    self.found.insert(id, location.segment.name);
                    return Ok(bytes);
                }
                Err(error) => drop(first_error.get_or_insert(error)),
            }
        }
        self.path.pop();
        if self.cuts == cuts {
            self.lost.insert(id);
        }
        Err(first_error.unwrap_or(missing))
    }

    fn try_at(&mut self, kind: Kind, location: &Location) -> Result<Bytes> {
        if self.copies == 0 {
            self.cuts += 1;
            let reason = format!("were given up after {COPIES} of them");
            return Err(damaged(location, Flaw::new("delta", "copies", reason)));
        }
        self.copies -= 1;
        let bytes = match location.delta {
            None => self.reader.contents(location, kind)?,
            Some(_) if self.bases == CHAIN => {
                self.cuts += 1;
                return Err(damaged(location, too_many_bases()));
            }
            Some(delta) => {
                self.bases += 1;
                let base = self.get(kind, delta.base);
                self.bases -= 1;
                let base = base?;
                let frame = self.reader.contents(location, kind)?;
                let made = delta::decode(&frame, &base, delta.plain_len as usize);
                made.map_err(|flaw| damaged(location, flaw))?.into()
            }
        };
        checked(location, bytes)
    }
}

/// The object's bytes, if they have its id.
fn checked(location: &Location, bytes: Bytes) -> Result<Bytes> {
    // Copied where they lie in the archive, so that what was compared with the id is what is handed
    // out, whatever happens to the file.
    let bytes = match (location.delta, location.block.method) {
        (None, Method::Raw) => Bytes::copy_from_slice(&bytes),
        _ => bytes,
    };
    match Id::of(location.object.kind, &bytes) == location.object.id {
        true => Ok(bytes),
        false => Err(damaged(
            location,
            Flaw::new("block", "contents", "do not have the object's id"),
        )),
    }
}

fn too_many_bases() -> Flaw {
    Flaw::new("delta", "base", format!("has more than {CHAIN} bases behind it"))
}

pub(super) fn damaged(location: &Location, flaw: Flaw) -> Error {
    Error::Damaged(Box::new(Damage {
        file: location.segment.name.to_string(),
        offset: Some(location.block.offset),
        object: Some((location.object.kind, location.object.id)),
        flaw,
    }))
}
